"""One face for every broker: the rest of the hub does not know which one is in use."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from agent.endpoint import Endpoint
from hub.access import Kind, Principal
from hub.broker.audit import Audit
from hub.broker.directory import HUB, Directory, Provision, ThrowAways
from hub.broker.embedded import EmbeddedBroker
from hub.broker.mosquitto import MosquittoProvisioner
from hub.broker.settings import BrokerSettings, load
from hub.credentials import Credentials
from hub.settings import BrokerSection
from hub.tls import ListenerTls

log = logging.getLogger(__name__)


class BrokerPort(Protocol):
    """What the hub needs of the broker in use."""

    @property
    def provision(self) -> Provision:
        """Makes credentials that end with the process: the hub's own and the self-attack's."""
        ...

    def start(self) -> None: ...
    def stop(self) -> None: ...

    def own(self) -> Endpoint:
        """Where the hub itself connects."""
        ...

    def public(self) -> Endpoint:
        """Where agents connect; an empty host means the hub's own first name."""
        ...

    def admitted(self, principal: Principal, token: str) -> None:
        """A credential was stored: let it in from now on."""
        ...

    def revoked(self, username: str) -> None:
        """A user name lost its credential or some of its grants: end its connections."""
        ...


class EmbeddedPort:
    """The embedded broker, which asks the hub's directory itself."""

    def __init__(
        self, settings: BrokerSettings, directory: Directory, tls: ListenerTls, audit: Audit
    ) -> None:
        self.provision = ThrowAways(directory, self.revoked)
        self.broker = EmbeddedBroker(settings, self.provision, tls.context, audit)
        self._tls = tls

    def start(self) -> None:
        """Listen."""
        self.broker.start()

    def stop(self) -> None:
        """End every connection."""
        self.broker.stop()

    def own(self) -> Endpoint:
        """The plain listener where there is one: it is on loopback."""
        if "plain" in self.broker.ports():
            return self.broker.endpoint("plain")
        return self.broker.endpoint("tls", self._tls.authority)

    def public(self) -> Endpoint:
        """The TLS listener."""
        return Endpoint("", self.broker.ports()["tls"], self._tls.authority)

    def admitted(self, principal: Principal, token: str) -> None:
        """Nothing to do: the directory knows."""

    def revoked(self, username: str) -> None:
        """End the connections of a user name."""
        self.broker.kick(username)


@dataclass(frozen=True)
class MosquittoAccess:
    """How the hub reaches a Mosquitto with dynamic security, and how agents do. `ca` is PEM text, empty for plain."""

    host: str
    port: int
    ca: str
    admin: str
    token: str
    public_host: str = ""
    public_port: int = 0


class MosquittoPort:
    """A Mosquitto that the user runs, kept in step through its dynamic-security plugin."""

    def __init__(self, access: MosquittoAccess, directory: Directory, known: Callable[[], set[str]]) -> None:
        self._access, self._directory, self._known = access, directory, known
        self._endpoint = Endpoint(access.host, access.port, access.ca)
        self.provision = MosquittoProvisioner(self._endpoint, access.admin, access.token)

    def start(self) -> None:
        """Connect as its administrator and remove what the hub's database does not know; raises MosquittoError."""
        self.provision.start()
        stored, there = self._known(), self.provision.usernames() - {self._access.admin}
        for username in there - stored:
            self.provision.remove(username)
        for username in stored - there:
            log.warning("Mosquitto does not know %s: rotate or enrol its credential again", username)

    def stop(self) -> None:
        """Take the hub's own credential away and disconnect."""
        self.provision.remove(HUB)
        self.provision.stop()

    def own(self) -> Endpoint:
        """The listener of the settings."""
        return self._endpoint

    def public(self) -> Endpoint:
        """The listener that agents are told."""
        access = self._access
        return Endpoint(access.public_host, access.public_port or access.port, access.ca)

    def admitted(self, principal: Principal, token: str) -> None:
        """Make Mosquitto know a stored credential."""
        if principal.kind in (Kind.AGENT, Kind.INTEGRATION, Kind.WORKER):
            self.provision.add(principal, token)

    def revoked(self, username: str) -> None:
        """Remove a user name from Mosquitto, or give it the grants that are left; its connection ends either way."""
        principal = self._directory.principal(username)
        if principal is None:
            self.provision.remove(username)
        else:
            self.provision.update(principal)
            self.provision.kick(username)


def chosen_port(
    section: BrokerSection,
    embedded: BrokerSettings | None,
    credentials: Credentials,
    tls: ListenerTls,
    audit: Audit,
) -> BrokerPort:
    """The broker that the settings name; `embedded` overrides the file for the embedded one. Raises OSError, SettingsError."""
    if section.kind == "mosquitto":
        access = MosquittoAccess(
            host=section.host,
            port=section.port,
            ca=_read_authority(section.ca),
            admin=section.admin,
            token=section.token,
            public_host=section.public_host,
            public_port=section.public_port,
        )
        return MosquittoPort(access, credentials, credentials.usernames)
    chosen = embedded or (load(Path(section.config)) if section.config else BrokerSettings())
    return EmbeddedPort(chosen, credentials, tls, audit)


def _read_authority(path: str) -> str:
    """The PEM text of an authority's certificate; empty for an empty path. Raises OSError naming the file."""
    return Path(path).read_text(encoding="ascii") if path else ""
