"""What a broker needs to know about credentials, and no more."""

from __future__ import annotations

from typing import Protocol

from hub.access import Principal


class Directory(Protocol):
    """Looks credentials up. Answers at once from memory and is safe to ask from any thread.

    User names: `hub`, a printer id (its agent), `i-<id>` (integration), `w-<id>` (worker).
    """

    def authenticate(self, username: str, password: bytes) -> Principal | None:
        """The principal if the password (a machine token) is one of this user name's live credentials."""
        ...

    def principal(self, username: str) -> Principal | None:
        """The principal with its grants of this moment, or None once it is revoked."""
        ...
