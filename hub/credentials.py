"""Every stored machine credential, in memory: what a broker asks for each login, publish and delivery."""

from __future__ import annotations

import hmac
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from hub.access import Kind, Principal, Right
from hub.store.people import digest
from hub.store.printers import CredentialRow, Printers


@dataclass(frozen=True)
class _Entry:
    principal: Principal
    hashes: tuple[str, ...]
    expires: float | None = None


class Credentials:
    """The `Directory` of brokers.

    `on_revoked` is told each user name whose connections must end now, `on_admitted` each new credential with its
    token, for brokers that keep credentials of their own.
    """

    def __init__(self, printers: Printers) -> None:
        self._printers = printers
        self._lock = threading.Lock()
        self._stored: dict[str, _Entry] = {}
        self.on_revoked: Callable[[str], None] = lambda _username: None
        self.on_admitted: Callable[[Principal, str], None] = lambda _principal, _token: None

    def start(self) -> None:
        """Read all credentials."""
        self.reload()

    def reload(self) -> None:
        """Read all credentials again and end the connections of those that are gone or changed."""
        fresh: dict[str, _Entry] = {}
        with self._lock:  # from the reading on, so that no slower thread puts back what was revoked meanwhile
            for row in self._printers.credentials():
                known = fresh.get(row.username)
                hashes = (*(known.hashes if known else ()), row.token_hash)
                fresh[row.username] = _Entry(self._principal_of(row), hashes, row.expires)
            gone = [name for name, entry in self._stored.items() if _lost(entry, fresh.get(name))]
            self._stored = fresh
        for username in gone:
            self.on_revoked(username)

    def admit(self, username: str, token: str) -> None:
        """A credential was stored just now: know it, and let the broker in use know it."""
        self.reload()
        principal = self.principal(username)
        if principal is not None:
            self.on_admitted(principal, token)

    def usernames(self) -> set[str]:
        """Every user name that has a stored credential."""
        return set(self._stored)

    def authenticate(self, username: str, password: bytes) -> Principal | None:
        """The principal if the password is one of this user name's live tokens."""
        entry = self._entry(username)
        offered = digest(password)
        if entry is None or not any([hmac.compare_digest(offered, known) for known in entry.hashes]):  # noqa: C419 - compares with all, whatever fits
            return None
        return entry.principal

    def principal(self, username: str) -> Principal | None:
        """The principal with its grants of this moment, or None once it is revoked."""
        entry = self._entry(username)
        return entry.principal if entry else None

    def _entry(self, username: str) -> _Entry | None:
        entry = self._stored.get(username)
        expired = entry is not None and entry.expires is not None and entry.expires < time.time()
        return None if expired else entry

    def _principal_of(self, row: CredentialRow) -> Principal:
        """The principal of a credential. What an integration may do ends where its owner's own right ends."""
        own = self._printers.rights_of(row.owner) if row.owner else {}
        rights = {
            printer: min(Right(right), own[printer])
            for printer, right in row.rights.items()
            if printer in own
        }
        identity = row.username if row.kind == Kind.AGENT else row.username[2:]
        return Principal(Kind(row.kind), identity, rights)


def _lost(before: _Entry, after: _Entry | None) -> bool:
    """Whether somebody who was let in before might not be now, or might be allowed less."""
    return after is None or not set(before.hashes) <= set(after.hashes) or before.principal != after.principal
