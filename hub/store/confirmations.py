"""Redeemed enrolments that wait for their owner to confirm the code that the agent shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hub.store.database import Database
from hub.store.printers import EnrolmentRow, Printers


@dataclass(frozen=True)
class ConfirmationRow:
    """What an agent was given and may not use yet. Key and token are empty once it is settled."""

    enrolment: str
    printer: str
    person: str
    secret_hash: str
    key: bytes
    token: str
    confirmed: bool

    @property
    def settled(self) -> bool:
        """Whether it was confirmed and the agent's credential is the printer's own since."""
        return self.confirmed and not self.token


class Confirmations:
    """At most one for each printer; a newer enrolment voids it, and so does its end."""

    def __init__(self, database: Database, printers: Printers) -> None:
        self._db, self._printers = database, printers

    def hold(self, enrolment: EnrolmentRow, key: bytes, token: str, *, expires: float, tries: int) -> bool:
        """Close an enrolment and keep what its agent was given; False for everybody but the one who closed it."""
        row = {
            "enrolment": enrolment.id,
            "printer": enrolment.printer,
            "person": enrolment.person,
            "secret_hash": enrolment.secret_hash,
            "key": key,
            "token": token,
            "expires": expires,
            "tries_left": tries,
        }
        with self._db.write() as db:
            if not db.execute("DELETE FROM enrolments WHERE id = ?", [enrolment.id]).rowcount:
                return False
            db.table("confirmations").insert(row)
            return True

    def take(self, printer: str, now: float) -> ConfirmationRow | None:
        """Use up one try of what waits for a printer's owner; None if nothing does. After the last one it is void."""
        query = "SELECT * FROM confirmations WHERE printer = ? AND confirmed IS NULL AND expires > ? AND tries_left > 0"
        with self._db.write() as db:
            row = self._db.row(query, printer, now)
            db.execute(
                "UPDATE confirmations SET tries_left = tries_left - 1 WHERE printer = ? AND confirmed IS NULL",
                [printer],
            )
        return _confirmation(row) if row else None

    def confirm(self, enrolment: str, now: float) -> None:
        """Its owner has confirmed it."""
        with self._db.write() as db:
            db.execute("UPDATE confirmations SET confirmed = ? WHERE enrolment = ?", [now, enrolment])

    def find(self, enrolment: str, now: float) -> ConfirmationRow | None:
        """One that waits or is confirmed, until its end."""
        query = (
            "SELECT * FROM confirmations WHERE enrolment = ? AND expires > ?"
            " AND (tries_left > 0 OR confirmed NOT NULL)"
        )
        row = self._db.row(query, enrolment, now)
        return _confirmation(row) if row else None

    def unsettled(self, now: float) -> list[ConfirmationRow]:
        """What was confirmed and not settled yet."""
        query = "SELECT * FROM confirmations WHERE confirmed NOT NULL AND token NOT NULL AND expires > ?"
        return [_confirmation(row) for row in self._db.rows(query, now)]

    def settle(self, row: ConfirmationRow, now: float) -> bool:
        """Make what its agent was given the printer's own, once; what waited in clear is erased."""
        erase = "UPDATE confirmations SET key = NULL, token = NULL WHERE enrolment = ? AND token NOT NULL"
        with self._db.write() as db:
            if not db.execute(erase, [row.enrolment]).rowcount:
                return False
            self._printers.admit_agent(row.printer, row.person, row.key, row.token, now)
            return True

    def forget(self, now: float) -> None:
        """Erase what came to its end."""
        with self._db.write() as db:
            db.execute("DELETE FROM confirmations WHERE expires < ?", [now])


def _confirmation(row: Any) -> ConfirmationRow:
    return ConfirmationRow(
        row["enrolment"],
        row["printer"],
        row["person"],
        row["secret_hash"],
        bytes(row["key"] or b""),
        row["token"] or "",
        confirmed=row["confirmed"] is not None,
    )
