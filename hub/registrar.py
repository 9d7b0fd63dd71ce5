"""Printers come and go here: added, invited, enrolled, changed, removed, with every part of the hub told."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from hub.credentials import Credentials
from hub.enrolment import Enrolments, Invitation, Issued
from hub.enrolment_server import Routes
from hub.ingest import Ingest
from hub.judge import Judge
from hub.live import Live
from hub.pace import Pace
from hub.policy import PrinterSettings, changed, settings_from
from hub.store.history import History
from hub.store.people import People
from hub.store.printers import PrinterRow, Printers
from hub.views import checked_name


@dataclass(frozen=True)
class Address:
    """What a newly enrolled agent must know: the broker's address and the authority it trusts."""

    host: str
    port: int
    ca: str


@dataclass(frozen=True)
class EnrolmentAddress:
    """What stands in an enrolment line, and the authority to trust there later."""

    host: str
    port: int
    ca: str
    fingerprint: str


class PrinterRegistrar:
    """The one who changes the set of printers while the hub runs."""

    def __init__(
        self,
        people: People,
        printers: Printers,
        history: History,
        enrolments: Enrolments,
        credentials: Credentials,
        live: Live,
    ) -> None:
        self._people, self._printers, self._history = people, printers, history
        self._enrolments, self._credentials, self._live = enrolments, credentials, live
        self._changing = threading.Lock()
        self.ingest: Ingest
        self.judge: Judge
        self.pace: Pace
        self.changed: Callable[[], None] = lambda: None
        self.leaving: Callable[[str], None] = lambda _printer: None
        self.dropped: Callable[[str], None] = lambda _printer: None
        self.broker: Callable[[], Address]
        self.door: Callable[[], EnrolmentAddress]

    def add(self, person: str, name: str) -> PrinterRow:
        """A new printer of a person; raises ValueError beyond the person's quota."""
        check_quota(self._people, self._printers, person)
        row = self._printers.add(checked_name(name), person, time.time())
        self.ingest.trust(row)
        return row

    def hand_over(self, printer: str, owner: str) -> PrinterRow:
        """A new printer of a new owner in place of an old one; raises ValueError beyond the new owner's quota."""
        check_quota(self._people, self._printers, owner)
        old = self._printers.get(printer)
        if old is None:
            raise ValueError("there is no such printer")
        self.leaving(printer)
        new = self._printers.hand_over(old, owner, time.time())
        self._credentials.reload()
        self._drop(printer)
        self.ingest.trust(new)
        return new

    def invite(self, person: str, printer: str, *, ask_code: bool = False) -> Invitation:
        """A fresh enrolment line for a printer."""
        door = self.door()
        return self._enrolments.mint(
            person,
            printer,
            host=door.host,
            port=door.port,
            fingerprint=door.fingerprint,
            now=time.time(),
            ask_code=ask_code,
        )

    def routes(self) -> Routes:
        """What agents may ask at the enrolment listener."""
        return {
            "/enrol": (("id", "secret"), self.redeem),
            "/confirmed": (("id", "secret"), self.confirmed),
            "/rotate": (("printer", "sealed"), self.rotate),
        }

    def redeem(self, identity: str, secret: str, now: float) -> dict[str, Any]:
        """Exchange an enrolment for the answer to the agent; raises EnrolmentError."""
        issued = self._enrolments.redeem(identity, secret, now)
        if issued.confirm_s:
            return {**self._answer(issued), "confirm_s": issued.confirm_s}
        self._admit(issued)
        return self._answer(issued)

    def confirm(self, person: str, printer: str, code: str) -> None:
        """A printer's owner typed the code that its agent shows; raises EnrolmentError."""
        self._enrolments.confirm(person, printer, code, time.time())
        self.settle()

    def confirmed(self, identity: str, secret: str, now: float) -> dict[str, Any]:
        """What an agent that shows its code is answered; raises EnrolmentError when it waits in vain."""
        return {"confirmed": self._enrolments.confirmed(identity, secret, now)}

    def settle(self) -> None:
        """Admit the agents whose codes were confirmed, here or on the command line."""
        for issued in self._enrolments.settle(time.time()):
            self._admit(issued)

    def rotate(self, printer: str, sealed: str, now: float) -> dict[str, Any]:
        """A fresh credential for an enrolled agent; raises EnrolmentError."""
        issued = self._enrolments.rotate(printer, sealed.encode(), now)
        self._admit(issued)
        return self._answer(issued)

    def promote(self, printer: str) -> None:
        """An agent used its new key: the old key and token end now."""
        self._printers.promote_key(printer)
        self._credentials.reload()

    def _admit(self, issued: Issued) -> None:
        """Let every part know a printer's new credential."""
        self._credentials.admit(issued.printer, issued.token)
        row = self._printers.get(issued.printer)
        assert row is not None
        self.ingest.trust(row)
        self.pace.forget(row.id)
        self.changed()

    def _answer(self, issued: Issued) -> dict[str, Any]:
        broker, door = self.broker(), self.door()
        return {
            "printer": issued.printer,
            "name": issued.name,
            "host": broker.host,
            "port": broker.port,
            "enrolment_host": door.host,
            "enrolment_port": door.port,
            "enrolment_ca": door.ca,
            "token": issued.token,
            "key": issued.key.hex(),
            "ca": broker.ca,
        }

    def reread(self) -> None:
        """Another process (the command line) changed the database: notice changed printers and confirmed codes."""
        known, stored = self.ingest.known(), {row.id: row for row in self._printers.all()}
        for printer in known - set(stored):
            self._drop(printer)
        for printer in known & set(stored):
            self.judge.settings_changed(printer)
        for printer in set(stored) - known:
            self.ingest.trust(stored[printer])
        self._credentials.reload()
        self.settle()

    def remove(self, printer: str) -> None:
        """Remove a printer with everything that belongs to it; its agent's connection ends at once."""
        self.leaving(printer)
        self._printers.remove(printer)
        self._credentials.reload()
        self._drop(printer)

    def _drop(self, printer: str) -> None:
        self.ingest.forget(printer)
        self.judge.forget(printer)
        self.pace.forget(printer)
        self._live.drop(printer)
        self._history.forget(printer)
        self.dropped(printer)
        self.changed()

    def settings_of(self, printer: str) -> PrinterSettings:
        """What the owner chose."""
        row = self._printers.get(printer)
        return settings_from(row.settings) if row else PrinterSettings()

    def change_settings(self, printer: str, changes: Mapping[str, Any]) -> PrinterSettings:
        """Change some of a printer's settings and use them from now on; raises ValueError naming a wrong one."""
        with self._changing:
            row = self._printers.get(printer)
            if row is None:
                raise ValueError("there is no such printer any more")
            settings = changed(row.settings, changes)
            self._printers.save_settings(printer, asdict(settings))
        self.judge.settings_changed(printer)
        return settings

    def dismiss(self, printer: str) -> None:
        """Somebody called what is seen now a false alarm."""
        self.judge.dismiss(printer)


def check_quota(people: People, printers: Printers, person: str) -> None:
    """Raises ValueError unless there is such a person who may own one more printer."""
    owner = people.get(person)
    if owner is None:
        raise ValueError(f"there is no user {person!r}")
    if printers.owned_by(person) >= owner.quota:
        raise ValueError(f"{person} may own {owner.quota} printers; an administrator can raise this")
