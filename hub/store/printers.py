"""Printers, who may use them, and the machine credentials that reach them."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hub.access import Right
from hub.store.database import Database
from hub.store.people import digest, token


@dataclass(frozen=True)
class PrinterRow:
    """One printer.

    `key` is the 32-byte end-to-end key, `next_key` one that its agent was given and has not used yet, `settings` what
    its owner chose, `boot` the newest agent boot.
    """

    id: str
    name: str
    owner: str
    key: bytes
    created: float
    settings: Mapping[str, Any]
    boot: int
    enrolled: float | None
    next_key: bytes | None = None


@dataclass(frozen=True)
class CredentialRow:
    """One machine credential; its token is stored as SHA-256 only."""

    id: str
    username: str
    kind: str
    owner: str | None
    label: str
    token_hash: str
    rights: Mapping[str, int]
    created: float
    expires: float | None


@dataclass(frozen=True)
class EnrolmentRow:
    """A single-use enrolment that somebody still may redeem; `ask_code`: and whose code the owner then confirms."""

    id: str
    printer: str
    person: str
    secret_hash: str
    expires: float
    tries_left: int
    ask_code: bool = False


class Printers:
    """All printers of the hub. Nothing here asks who is asking: that is for `hub.views` and `hub.access`."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def add(self, name: str, owner: str, now: float) -> PrinterRow:
        """A new printer with a random id and key, owned by `owner`."""
        printer = secrets.token_hex(16)
        row = {"id": printer, "name": name, "owner": owner, "key": secrets.token_bytes(32), "created": now}
        with self._db.write() as db:
            db.table("printers").insert(row)
            db.table("grants").insert({"printer": printer, "person": owner, "right": int(Right.OWN)})
        added = self.get(printer)
        assert added is not None
        return added

    def get(self, printer: str) -> PrinterRow | None:
        """One printer."""
        row = self._db.row("SELECT * FROM printers WHERE id = ?", printer)
        return _printer(row) if row else None

    def all(self) -> list[PrinterRow]:
        """Every printer, by name."""
        return [_printer(row) for row in self._db.rows("SELECT * FROM printers ORDER BY name, id")]

    def owned_by(self, person: str) -> int:
        """How many printers a person owns."""
        return len(self.of(person))

    def of(self, person: str) -> list[PrinterRow]:
        """The printers a person owns, by name."""
        rows = self._db.rows("SELECT * FROM printers WHERE owner = ? ORDER BY name, id", person)
        return [_printer(row) for row in rows]

    def rename(self, printer: str, name: str) -> None:
        """Change the name people see."""
        with self._db.write() as db:
            db.execute("UPDATE printers SET name = ? WHERE id = ?", [name, printer])

    def save_settings(self, printer: str, settings: Mapping[str, Any]) -> None:
        """Replace what the owner chose."""
        with self._db.write() as db:
            db.execute("UPDATE printers SET settings = ? WHERE id = ?", [json.dumps(dict(settings)), printer])

    def save_boot(self, printer: str, boot: int) -> None:
        """Remember the newest agent boot, so that no older one is ever believed again."""
        with self._db.write() as db:
            db.execute("UPDATE printers SET boot = max(boot, ?) WHERE id = ?", [boot, printer])

    def save_enrolled(self, printer: str, key: bytes, now: float) -> None:
        """Give the printer a fresh key at the moment its agent is enrolled."""
        with self._db.write() as db:
            db.execute(
                "UPDATE printers SET key = ?, next_key = NULL, enrolled = ?, boot = 0 WHERE id = ?",
                [key, now, printer],
            )

    def save_next_key(self, printer: str, key: bytes) -> None:
        """Keep a key that the agent was given, until it uses it; credentials of an earlier, unused one are void."""
        with self._db.write() as db:
            oldest = "SELECT id FROM credentials WHERE username = ? ORDER BY rowid LIMIT 1"
            db.execute(f"DELETE FROM credentials WHERE username = ? AND id != ({oldest})", [printer, printer])  # noqa: S608 - constant text
            db.execute("UPDATE printers SET next_key = ? WHERE id = ?", [key, printer])

    def promote_key(self, printer: str) -> None:
        """The agent has used its next key: from now on it is the only one, and so is its token."""
        with self._db.write() as db:
            newest = "SELECT id FROM credentials WHERE username = ? ORDER BY rowid DESC LIMIT 1"
            db.execute(f"DELETE FROM credentials WHERE username = ? AND id != ({newest})", [printer, printer])  # noqa: S608 - constant text
            db.execute(
                "UPDATE printers SET key = next_key, next_key = NULL WHERE id = ? AND next_key NOT NULL",
                [printer],
            )

    def hand_over(self, old: PrinterRow, owner: str, now: float) -> PrinterRow:
        """A new printer of a new owner in place of an old one: its name and settings, and nothing else of it."""
        with self._db.write():
            new = self.add(old.name, owner, now)
            self.save_settings(new.id, old.settings)
            self.remove(old.id)
        return new

    def remove(self, printer: str) -> None:
        """Delete a printer with its grants, credentials and enrolments."""
        with self._db.write() as db:
            db.execute("DELETE FROM credentials WHERE username = ?", [printer])
            db.execute("DELETE FROM printers WHERE id = ?", [printer])

    # Rights of people

    def rights_of(self, person: str) -> dict[str, Right]:
        """Every right one person has; none while disabled."""
        query = (
            "SELECT printer, right FROM grants JOIN people ON name = person WHERE person = ? AND disabled = 0"
        )
        rows = self._db.rows(query, person)
        return {row["printer"]: Right(row["right"]) for row in rows}

    def rights_on(self, printer: str) -> dict[str, Right]:
        """Everybody's right on one printer."""
        rows = self._db.rows("SELECT person, right FROM grants WHERE printer = ? ORDER BY person", printer)
        return {row["person"]: Right(row["right"]) for row in rows}

    def grant(self, printer: str, person: str, right: Right | None) -> None:
        """Give, change or (with None) take a right."""
        with self._db.write() as db:
            db.execute("DELETE FROM grants WHERE printer = ? AND person = ?", [printer, person])
            if right is not None:
                db.table("grants").insert({"printer": printer, "person": person, "right": int(right)})

    # Machine credentials

    def add_credential(
        self,
        username: str,
        kind: str,
        now: float,
        *,
        owner: str | None = None,
        label: str = "",
        rights: Mapping[str, int] | None = None,
        secret: str | None = None,
    ) -> str:
        """Store a new credential and return its token, which is known to nobody afterwards."""
        secret = secret or token()
        row = {
            "id": secrets.token_hex(8),
            "username": username,
            "kind": kind,
            "owner": owner,
            "label": label,
            "token_hash": digest(secret),
            "rights": json.dumps(dict(rights or {})),
            "created": now,
        }
        with self._db.write() as db:
            db.table("credentials").insert(row)
        return secret

    def credentials(self) -> list[CredentialRow]:
        """Every machine credential."""
        return [_credential(row) for row in self._db.rows("SELECT * FROM credentials ORDER BY created")]

    def remove_credentials(self, username: str, *, keep: str | None = None) -> None:
        """Delete all credentials of a user name, except the one whose token hash is `keep`."""
        with self._db.write() as db:
            db.execute("DELETE FROM credentials WHERE username = ? AND token_hash IS NOT ?", [username, keep])

    # Enrolments

    def add_enrolment(
        self,
        printer: str,
        person: str,
        secret: str,
        *,
        now: float,
        lifetime: float,
        tries: int,
        ask_code: bool = False,
    ) -> str:
        """Store a fresh enrolment; an older open one of the same printer is void from now on."""
        identity = secrets.token_hex(8)
        row = {
            "id": identity,
            "printer": printer,
            "person": person,
            "secret_hash": digest(secret),
            "created": now,
            "expires": now + lifetime,
            "tries_left": tries,
            "ask_code": ask_code,
        }
        with self._db.write() as db:
            for table in ("enrolments", "confirmations"):
                db.execute(f"DELETE FROM {table} WHERE printer = ? OR expires < ?", [printer, now])  # noqa: S608 - constant text
            db.table("enrolments").insert(row)
        return identity

    def take_enrolment(self, identity: str, now: float) -> EnrolmentRow | None:
        """Use up one try of an open enrolment and return it as it was before, or None if there is none."""
        with self._db.write() as db:
            query = "SELECT * FROM enrolments WHERE id = ? AND expires > ? AND tries_left > 0"
            row = self._db.row(query, identity, now)
            db.execute("UPDATE enrolments SET tries_left = tries_left - 1 WHERE id = ?", [identity])
        if row is None:
            return None
        values = {name: row[name] for name in EnrolmentRow.__dataclass_fields__}
        return EnrolmentRow(**{**values, "ask_code": bool(row["ask_code"])})

    def redeem(self, enrolment: EnrolmentRow, key: bytes, now: float) -> str | None:
        """Close an enrolment and give its printer a fresh key and token, all at once.

        Returns the token, or None for everybody but the one caller who really closed it.
        """
        with self._db.write() as db:
            if not db.execute("DELETE FROM enrolments WHERE id = ?", [enrolment.id]).rowcount:
                return None
            secret = token()
            self.admit_agent(enrolment.printer, enrolment.person, key, secret, now)
            return secret

    def admit_agent(self, printer: str, person: str, key: bytes, secret: str, now: float) -> None:
        """From now on this key and this token are the printer's only ones."""
        with self._db.write():
            self.remove_credentials(printer)
            self.save_enrolled(printer, key, now)
            self.add_credential(printer, "agent", now, owner=person, secret=secret)


def _printer(row: Any) -> PrinterRow:
    values = dict(row)
    return PrinterRow(
        **{
            **values,
            "key": bytes(values["key"]),
            "next_key": values["next_key"] and bytes(values["next_key"]),
            "settings": json.loads(values["settings"]),
        }
    )


def _credential(row: Any) -> CredentialRow:
    values = dict(row)
    return CredentialRow(**{**values, "rights": json.loads(values["rights"])})
