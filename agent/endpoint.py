"""Where a broker is and how to be sure it is the right one."""

from __future__ import annotations

import ssl
from dataclasses import dataclass

#: Every hub's own authority is called so, and no other may be.
PRIVATE_AUTHORITY = "Printwarden private authority"


@dataclass(frozen=True)
class Endpoint:
    """A listener. `ca` is the PEM text of the authority that signed its certificate; empty means plain MQTT.

    `own`: the hub's own listener on its own machine, whatever name its certificate is for.
    """

    host: str
    port: int
    ca: str = ""
    own: bool = False

    def tls(self) -> ssl.SSLContext | None:
        """A context that trusts this authority alone, or None for a plain listener; raises ValueError for a damaged one.

        A hub's private authority signs nothing but its own hub, so a certificate's chain says who it is; host names
        and addresses may change and are not asked. Any other authority signs for others too, so the name counts.
        """
        if not self.ca:
            return None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_verify_locations(cadata=self.ca)
        context.check_hostname = not (self.own or _private(context))
        return context


def _private(context: ssl.SSLContext) -> bool:
    """Whether everything that a context trusts is the private authority of a hub."""
    only = ((("commonName", PRIVATE_AUTHORITY),),)
    trusted = context.get_ca_certs()
    return bool(trusted) and all(each["subject"] == only for each in trusted)
