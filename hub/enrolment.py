"""Enrolment: how an agent beside a printer gets its credential, starting from the owner's account and nothing else.

The hub mints a secret for one person and one printer. The agent redeems it over TLS pinned to the certificate whose
fingerprint travels with the secret, and receives a broker token and an end-to-end key that never existed before.
Where the owner asked for it, both are good for nothing until he has typed the code that this very agent shows.
"""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass
from typing import NoReturn

from agent.enrolment import Ticket
from agent.enrolment import code as code_of
from agent.seal import ProtocolError, derive, open_json
from hub.access import Right
from hub.store.audit import Audit
from hub.store.confirmations import Confirmations
from hub.store.people import digest
from hub.store.people import token as new_token
from hub.store.printers import EnrolmentRow, PrinterRow, Printers

LIFETIME_S = 15 * 60.0
TRIES = 5
CONFIRM_S = 15 * 60
CODE_TRIES = 3
ROTATE_WITHIN_S = 300.0


class EnrolmentError(ValueError):
    """An enrolment or a code was refused. What is told is the same for every cause."""


@dataclass(frozen=True)
class Invitation:
    """A fresh enrolment: one pasteable line, shown once; `expires` is Unix time."""

    printer: str
    line: str
    expires: float


@dataclass(frozen=True)
class Issued:
    """What a redeemed enrolment gives the agent; `confirm_s`: only if its owner confirms its code within that time."""

    printer: str
    name: str
    token: str
    key: bytes
    confirm_s: int = 0


class Enrolments:
    """Mints, redeems and confirms enrolments, and rotates credentials."""

    def __init__(self, printers: Printers, confirmations: Confirmations, audit: Audit) -> None:
        self._printers, self._confirmations, self._audit = printers, confirmations, audit

    def mint(
        self,
        person: str,
        printer: str,
        *,
        host: str,
        port: int,
        fingerprint: str,
        now: float,
        lifetime: float = LIFETIME_S,
        ask_code: bool = False,
    ) -> Invitation:
        """A single-use enrolment of `printer` for `person`; an older open one of that printer is void."""
        secret = secrets.token_urlsafe(24)
        identity = self._printers.add_enrolment(
            printer, person, secret, now=now, lifetime=lifetime, tries=TRIES, ask_code=ask_code
        )
        ticket = Ticket(host=host, port=port, identity=identity, secret=secret, fingerprint=fingerprint)
        return Invitation(printer=printer, line=str(ticket), expires=now + lifetime)

    def redeem(self, identity: str, secret: str, now: float) -> Issued:
        """Exchange a secret for a fresh credential, once; raises EnrolmentError."""
        enrolment = self._printers.take_enrolment(identity, now) if identity.isascii() else None
        if enrolment is None or not hmac.compare_digest(digest(secret), enrolment.secret_hash):
            return self._refused(identity, now)
        printer = self._printers.get(enrolment.printer)
        if printer is None or self._printers.rights_of(enrolment.person).get(printer.id) != Right.OWN:
            return self._refused(identity, now)
        key = secrets.token_bytes(32)
        if enrolment.ask_code:
            return self._hold(enrolment, printer, key, now)
        token = self._printers.redeem(enrolment, key, now)
        if token is None:
            return self._refused(identity, now)
        self._audit.add(now, enrolment.person, "enrolled", printer.id)
        return Issued(printer=printer.id, name=printer.name, token=token, key=key)

    def _hold(self, enrolment: EnrolmentRow, printer: PrinterRow, key: bytes, now: float) -> Issued:
        """What the agent is given, which nothing in the hub knows until the code is confirmed."""
        token = new_token()
        if not self._confirmations.hold(enrolment, key, token, expires=now + CONFIRM_S, tries=CODE_TRIES):
            return self._refused(enrolment.id, now)
        self._audit.add(now, "agent", "shows_code", printer.id)
        return Issued(printer=printer.id, name=printer.name, token=token, key=key, confirm_s=CONFIRM_S)

    def confirm(self, actor: str, printer: str, code: str, now: float) -> None:
        """Somebody who owns a printer typed the code that its agent shows; raises EnrolmentError after using up a try."""
        held = self._confirmations.take(printer, now)
        typed = "".join(each for each in code if each not in " -").encode(errors="replace")
        if held is None or not hmac.compare_digest(typed, code_of(held.key, held.enrolment).encode()):
            self._audit.add(now, actor, "code_refused", printer)
            raise EnrolmentError(
                f"this is not the code of an agent that waits for it; after {CODE_TRIES} wrong ones, or"
                f" {CONFIRM_S // 60} minutes, the agent needs a new enrolment line"
            )
        self._confirmations.confirm(held.enrolment, now)
        self._audit.add(now, actor, "code_confirmed", printer)

    def settle(self, now: float) -> list[Issued]:
        """Admit every agent whose code was confirmed; returns what has to be made known."""
        settled = []
        for held in self._confirmations.unsettled(now):
            printer = self._printers.get(held.printer)
            if printer is not None and self._confirmations.settle(held, now):
                self._audit.add(now, held.person, "enrolled", printer.id)
                settled.append(Issued(printer.id, printer.name, held.token, held.key))
        self._confirmations.forget(now)
        return settled

    def confirmed(self, identity: str, secret: str, now: float) -> bool:
        """Whether the agent that redeemed this may use what it was given, or not yet; raises EnrolmentError if never."""
        held = self._confirmations.find(identity, now) if identity.isascii() else None
        if held is None or not hmac.compare_digest(digest(secret), held.secret_hash):
            raise EnrolmentError("the code was not confirmed, and this enrolment is over")
        return held.settled

    def _refused(self, identity: str, now: float) -> NoReturn:
        told = "unknown, expired, used or wrong secret"
        self._audit.add(now, "agent", "enrol_refused", identity[:16] if identity.isascii() else "", told)
        raise EnrolmentError("this enrolment is unknown, expired, already used or its secret is wrong")

    def rotate(self, printer: str, sealed: bytes, now: float) -> Issued:
        """A fresh token and key for an agent that proves its present key; raises EnrolmentError.

        The old token and key go on working until the new ones are used.
        """
        row = self._printers.get(printer)
        try:
            self._prove(row, sealed, now)
        except ProtocolError as error:
            self._audit.add(now, "agent", "rotate_refused", printer[:64], str(error))
            raise EnrolmentError(
                "the request is not of this printer's agent, or its clock is wrong"
            ) from error
        assert row is not None
        key = secrets.token_bytes(32)
        self._printers.save_next_key(row.id, key)
        token = self._printers.add_credential(row.id, "agent", now, owner=row.owner)
        self._audit.add(now, "agent", "rotated", row.id)
        return Issued(printer=row.id, name=row.name, token=token, key=key)

    def _prove(self, row: PrinterRow | None, sealed: bytes, now: float) -> None:
        """Raises ProtocolError unless the request was sealed just now with a key that the agent was given."""
        if row is None:
            raise ProtocolError("unknown", "no such printer")
        topic = f"rotate/{row.id}"
        try:
            request = open_json(derive(row.key, "rotate"), topic, sealed)
        except ProtocolError:
            if row.next_key is None:
                raise
            request = open_json(derive(row.next_key, "rotate"), topic, sealed)
            self._printers.promote_key(row.id)
        asked = request.get("time")
        if not isinstance(asked, int) or not now - ROTATE_WITHIN_S <= asked <= now + ROTATE_WITHIN_S:
            raise ProtocolError("late", f"not asked within {ROTATE_WITHIN_S:.0f} s by this clock")
