"""Which addresses a target may have. Its URL was entered by a user, who must not reach the hub's own network with it.

The address is checked when the connection is made, not when the name is looked up before, so that a name which means
something else the next time changes nothing.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Sequence

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

#: IPv6 addresses that stand for an IPv4 one behind a translator (RFC 6052, RFC 8215).
_TRANSLATED = (ipaddress.IPv6Network("64:ff9b::/96"), ipaddress.IPv6Network("64:ff9b:1::/48"))


class Unreachable(OSError):
    """A target may not be reached, or is not there. The text is for whoever entered it and names no address."""


class Reach:
    """Public addresses and the networks that the administrator allows beside them; raises ValueError for a bad one."""

    def __init__(self, allowed: Sequence[str] = ()) -> None:
        self._networks: tuple[Network, ...] = tuple(ipaddress.ip_network(each) for each in allowed)

    def listed(self, address: str) -> bool:
        """Whether an address lies in a network that the administrator allows."""
        parsed = _parsed(address)
        return any(parsed in network for network in self._networks)

    def permits(self, address: str) -> bool:
        """Whether a target may have this address."""
        return self.listed(address) or _public(_parsed(address))

    def connect(self, host: str, port: int, timeout: float, *, encrypted: bool = True) -> socket.socket:
        """A TCP connection to a name or address, if one of its addresses is permitted; raises Unreachable.

        Without encryption only networks that the administrator allows are.
        """
        allows = self.permits if encrypted else self.listed
        found = _addresses(host, port)
        permitted = [each for each in found if allows(each[4][0])]
        if not permitted and not encrypted and any(self.permits(each[4][0]) for each in found):
            raise Unreachable("only https is sent to public addresses")
        if not permitted:
            raise Unreachable(
                "it has a private address of the hub's network; whoever runs the hub can allow it:"
                " allow_private in the settings"
            )
        return _first(permitted, timeout)


def _addresses(host: str, port: int) -> list[tuple[int, int, int, str, tuple[str, int]]]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise Unreachable("its name is not known") from error
    return [
        (family, kind, protocol, name, (str(at[0]), int(at[1]))) for family, kind, protocol, name, at in found
    ]


def _first(addresses: list[tuple[int, int, int, str, tuple[str, int]]], timeout: float) -> socket.socket:
    reason = "no answer"
    for family, kind, protocol, _name, at in addresses[:3]:
        opened = socket.socket(family, kind, protocol)
        opened.settimeout(timeout)
        try:
            opened.connect(at)
        except OSError as error:
            opened.close()
            reason = "no answer" if isinstance(error, TimeoutError) else error.strerror or "no answer"
        else:
            return opened
    raise Unreachable(reason.lower())


def _parsed(address: str) -> Address:
    parsed = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(parsed, ipaddress.IPv6Address):
        inner = parsed.ipv4_mapped or parsed.sixtofour
        if inner is None and any(parsed in network for network in _TRANSLATED):
            inner = ipaddress.IPv4Address(int(parsed) & 0xFFFFFFFF)
        return inner or parsed
    return parsed


def _public(address: Address) -> bool:
    if isinstance(address, ipaddress.IPv6Address) and address.teredo:
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved
