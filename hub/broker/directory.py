"""What a broker needs to know about credentials, and no more."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading
from collections.abc import Callable
from typing import Protocol

from hub.access import Kind, Principal

HUB = "hub"


class Directory(Protocol):
    """Looks credentials up. Answers at once from memory and is safe to ask from any thread.

    User names are those of `username`.
    """

    def authenticate(self, username: str, password: bytes) -> Principal | None:
        """The principal if the password (a machine token) is one of this user name's live credentials."""
        ...

    def principal(self, username: str) -> Principal | None:
        """The principal with its grants of this moment, or None once it is revoked."""
        ...


class Provision(Protocol):
    """Makes a credential known to the broker in use, and takes it away again."""

    def add(self, principal: Principal) -> str:
        """A fresh token for a principal; it works as soon as this returns."""
        ...

    def remove(self, username: str) -> None:
        """Forget a credential and end its connections; an unknown one is no error."""
        ...


def username(principal: Principal) -> str:
    """The MQTT user name of a principal, which is also the client id it should use.

    `hub`, a printer id (its agent), `i-<id>` (integration), `w-<id>` (worker). People do not log in over MQTT.
    """
    match principal.kind:
        case Kind.HUB:
            return HUB if principal.id == HUB else f"{HUB}-{principal.id}"
        case Kind.AGENT:
            return principal.id
        case Kind.INTEGRATION:
            return f"i-{principal.id}"
        case Kind.WORKER:
            return f"w-{principal.id}"
        case _:
            raise ValueError("people have no MQTT user name")


class ThrowAways:
    """A directory over another one, with credentials that live in memory only: the self-attack's principals."""

    def __init__(self, inner: Directory, kick: Callable[[str], None]) -> None:
        self._inner = inner
        self._kick = kick
        self._lock = threading.Lock()
        self._known: dict[str, tuple[bytes, Principal]] = {}

    def add(self, principal: Principal) -> str:
        """A fresh token for a principal that is forgotten at the latest when the process ends."""
        token = secrets.token_urlsafe(32)
        with self._lock:
            self._known[username(principal)] = (_digest(token.encode()), principal)
        return token

    def remove(self, name: str) -> None:
        """Forget a credential made here and end its connections."""
        with self._lock:
            known = self._known.pop(name, None)
        if known is not None:
            self._kick(name)

    def authenticate(self, name: str, password: bytes) -> Principal | None:
        """As `Directory.authenticate`; a throw-away hides a credential of the same name."""
        known = self._known.get(name)
        if known is None:
            return self._inner.authenticate(name, password)
        digest, principal = known
        return principal if hmac.compare_digest(digest, _digest(password)) else None

    def principal(self, name: str) -> Principal | None:
        """As `Directory.principal`."""
        known = self._known.get(name)
        return self._inner.principal(name) if known is None else known[1]


def _digest(token: bytes) -> bytes:
    return hashlib.sha256(token).digest()
