"""Read-only share links and API tokens. Both expire, both are stored as SHA-256 only."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any

from hub.store.database import Database
from hub.store.people import digest, token

METRICS = "metrics"
SCOPES = ("read", "control", METRICS)


@dataclass(frozen=True)
class ShareLink:
    """Lets whoever has it see one printer, and nothing else."""

    id: str
    label: str
    printer: str
    person: str
    created: float
    expires: float


@dataclass(frozen=True)
class ApiToken:
    """Lets a program act for a person: `scope` is "read", "control" or "metrics" (only `/metrics`)."""

    id: str
    label: str
    person: str
    scope: str
    created: float
    expires: float


class Sharing:
    """All share links and API tokens."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def add_link(
        self, printer: str, person: str, label: str, *, now: float, lifetime: float
    ) -> tuple[ShareLink, str]:
        """A new link and its token, which is known to nobody afterwards."""
        link = ShareLink(secrets.token_hex(8), label, printer, person, now, now + lifetime)
        return link, self._insert("share_links", link)

    def link(self, secret: str, now: float) -> ShareLink | None:
        """The live link of a token."""
        row = self._db.row(
            "SELECT * FROM share_links WHERE token_hash = ? AND expires > ?", digest(secret), now
        )
        return ShareLink(**_without_hash(row)) if row else None

    def links(self, printer: str, now: float) -> list[ShareLink]:
        """Live links to a printer."""
        rows = self._db.rows("SELECT * FROM share_links WHERE printer = ? AND expires > ?", printer, now)
        return [ShareLink(**_without_hash(row)) for row in rows]

    def remove_link(self, printer: str, link: str) -> bool:
        """End a link at once; False if this printer has no such link."""
        with self._db.write() as db:
            done = db.execute("DELETE FROM share_links WHERE id = ? AND printer = ?", [link, printer])
            return bool(done.rowcount)

    def add_token(
        self, person: str, scope: str, label: str, *, now: float, lifetime: float
    ) -> tuple[ApiToken, str]:
        """A new API token and its text; raises ValueError for an unknown scope."""
        if scope not in SCOPES:
            raise ValueError(f"scope: {scope!r} is none of {', '.join(SCOPES)}")
        entry = ApiToken(secrets.token_hex(8), label, person, scope, now, now + lifetime)
        return entry, self._insert("api_tokens", entry)

    def api_token(self, secret: str, now: float) -> ApiToken | None:
        """The live API token of a text."""
        row = self._db.row(
            "SELECT * FROM api_tokens WHERE token_hash = ? AND expires > ?", digest(secret), now
        )
        return ApiToken(**_without_hash(row)) if row else None

    def api_tokens(self, person: str, now: float) -> list[ApiToken]:
        """Live API tokens of a person."""
        rows = self._db.rows("SELECT * FROM api_tokens WHERE person = ? AND expires > ?", person, now)
        return [ApiToken(**_without_hash(row)) for row in rows]

    def remove_token(self, person: str, identity: str) -> bool:
        """End an API token at once; False if this person has no such token."""
        with self._db.write() as db:
            done = db.execute("DELETE FROM api_tokens WHERE id = ? AND person = ?", [identity, person])
            return bool(done.rowcount)

    def _insert(self, table: str, entry: ShareLink | ApiToken) -> str:
        secret = token()
        with self._db.write() as db:
            db.table(table).insert({**vars(entry), "token_hash": digest(secret)})
        return secret


def _without_hash(row: Any) -> dict[str, Any]:
    return {name: value for name, value in dict(row).items() if name != "token_hash"}
