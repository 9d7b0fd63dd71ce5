"""What one person sees and may do: the only way from the web pages to printers.

A view is made for one person and has no method that could reach a printer without that person's right on it. A
printer that exists but is not theirs and one that does not exist give the same `NotFound`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import IO, Any, Protocol

from agent.protocol import ACTIONS, Frame
from hub.access import Kind, Principal, Right, may_use
from hub.cards import PrinterCard, card
from hub.enrolment import Invitation
from hub.live import Live
from hub.policy import PrinterSettings, changed, settings_from
from hub.print_views import PictureDetail, PrintDesk, PrintDetail, PrintParts
from hub.replays import Run
from hub.store.audit import Audit
from hub.store.history import CommandRow, EventRow, EvidenceRow, History, ScoreRow
from hub.store.printers import PrinterRow, Printers
from hub.store.prints import PrintRow, PrintSummary
from hub.store.trials import TrialRow
from hub.tuning import Tuning


class NotFound(Exception):
    """There is no such printer for this person."""


class NotAllowed(Exception):
    """The person sees the printer but may not do this with it."""


class Desk(Protocol):
    """Where orders go: signs a command, sends it and follows it up."""

    def order(self, printer: str, action: str, *, initiator: str, reason: str) -> CommandRow:
        """Send a command for the job that runs now; raises ValueError saying why if that cannot be."""
        ...


class Registrar(Protocol):
    """Where printers are invited, removed and change their settings."""

    def invite(self, person: str, printer: str, *, ask_code: bool = False) -> Invitation: ...
    def confirm(self, person: str, printer: str, code: str) -> None: ...
    def add(self, person: str, name: str) -> PrinterRow: ...
    def remove(self, printer: str) -> None: ...
    def change_settings(self, printer: str, changes: Mapping[str, Any]) -> PrinterSettings: ...
    def dismiss(self, printer: str) -> None: ...


@dataclass(frozen=True)
class Parts:
    """What views are made from. `looked_at` is told each printer whose live picture somebody asks for.

    Without `prints` nobody has any.
    """

    printers: Printers
    history: History
    audit: Audit
    live: Live
    desk: Desk
    registrar: Registrar
    looked_at: Callable[[str], None] = lambda _printer: None
    prints: PrintParts | None = None


class UserView:
    """The hub through the eyes of one person; `session` names the sign-in for the audit log."""

    def __init__(self, parts: Parts, person: str, session: str = "") -> None:
        self._parts = parts
        self.person = person
        self.session = session

    # Seeing

    def printers(self) -> list[PrinterCard]:
        """Every printer this person may see, by name."""
        principal = self._principal()
        rows = [row for row in self._parts.printers.all() if may_use(principal, Right.VIEW, row.id)]
        return [self._card(row, principal) for row in rows]

    def printer(self, printer: str) -> PrinterCard:
        """One printer; raises NotFound."""
        return self._card(self._row(printer, Right.VIEW), self._principal())

    def frame(self, printer: str, camera: str, after: int = 0, timeout: float = 0.0) -> Frame | None:
        """The newest frame whose sequence number differs from `after`, waiting for one up to `timeout` seconds."""
        self._row(printer, Right.VIEW)
        frame = self._parts.live.newest_frame(printer, camera, after, timeout)
        self._row(printer, Right.VIEW)  # a right that was taken meanwhile is gone at once
        return frame

    def look(self, printer: str) -> None:
        """Tell the hub that this person watches the live picture now, so that more frames are asked for."""
        self._row(printer, Right.VIEW)
        self._parts.looked_at(printer)

    def scores(self, printer: str, since: float) -> list[ScoreRow]:
        """Scores since a Unix time, oldest first."""
        self._row(printer, Right.VIEW)
        return self._parts.history.scores(printer, since)

    def events(self, printer: str, limit: int = 50, before: int | None = None) -> list[EventRow]:
        """Events, newest first; `before` is the id of the last one already shown."""
        self._row(printer, Right.VIEW)
        return self._parts.history.events(printer, limit, before)

    def commands(self, printer: str, limit: int = 20) -> list[CommandRow]:
        """Commands and how far they came, newest first."""
        self._row(printer, Right.VIEW)
        return self._parts.history.commands(printer, limit)

    def evidence(self, printer: str, limit: int = 50, event: int | None = None) -> list[EvidenceRow]:
        """Stored pictures, newest first."""
        self._row(printer, Right.VIEW)
        return self._parts.history.evidence(printer, limit, event)

    def picture(self, printer: str, evidence: int) -> bytes:
        """One stored picture of this printer; raises NotFound."""
        self._row(printer, Right.VIEW)
        picture = self._parts.history.picture(printer, evidence)
        if picture is None:
            raise NotFound
        return picture

    def prints(self, printer: str, limit: int = 50, before: int | None = None) -> list[PrintRow]:
        """Prints, newest first; `before` is the id of the last one already shown."""
        self._row(printer, Right.VIEW)
        return self._desk().of(printer, limit, before)

    def print_summaries(self, printer: str, limit: int, before: int | None = None) -> list[PrintSummary]:
        """Prints with the number of their alarms and their newest picture, newest first."""
        self._row(printer, Right.VIEW)
        return self._desk().summaries(printer, limit, before)

    def print_(self, printer: str, identity: int) -> PrintDetail:
        """One print with its curve, events, commands and pictures; raises NotFound."""
        self._row(printer, Right.VIEW)
        return self._detail(printer, identity)

    def stored_picture(self, printer: str, identity: int) -> PictureDetail:
        """One stored picture with its print, its decision and what was said of it; raises NotFound."""
        self._row(printer, Right.VIEW)
        found = self._desk().picture(printer, identity)
        if found is None:
            raise NotFound
        return found

    def export_print(self, printer: str, identity: int, out: IO[bytes]) -> None:
        """Write one print with its evidence as a zip; raises NotFound."""
        self._row(printer, Right.VIEW)
        self._desk().write_zip(self._detail(printer, identity), out)

    def replayed(self, printer: str, identity: int) -> Run | None:
        """The newest replay of a print, if one was asked for lately; raises NotFound."""
        self._row(printer, Right.VIEW)
        return self._desk().replayed(self._print(printer, identity))

    def detection_test(self, printer: str, identity: int) -> TrialRow:
        """How far a test that was asked for has come; raises NotFound."""
        self._row(printer, Right.VIEW)
        trial = self._desk().test(printer, identity)
        if trial is None:
            raise NotFound
        return trial

    def last_detection_test(self, printer: str) -> TrialRow | None:
        """The newest test of this printer, if any was asked for."""
        self._row(printer, Right.VIEW)
        return self._desk().last_test(printer)

    def tuning(self, printer: str, accepted: float) -> tuple[Tuning, int]:
        """What other limits would have done to this printer's prints, with at most so many false actions per 100 hours.

        The number is that of the prints of which nobody knows how they went. For its owner: raises NotFound, NotAllowed.
        """
        row = self._row(printer, Right.OWN)
        return self._desk().tuning(printer, settings_from(row.settings), accepted)

    # Doing

    def test_detection(self, printer: str) -> int:
        """Send the demo clip through the model and a dry-run pause through broker and agent; returns the test's id.

        It runs beside this call: `detection_test` tells how far it has come. Raises NotFound, NotAllowed.
        """
        self._row(printer, Right.CONTROL)
        self._audit("test_detection", printer)
        return self._desk().ask_test(printer, self.person)

    def replay_print(self, printer: str, identity: int, changes: Mapping[str, Any]) -> None:
        """Play a past print again with other settings, beside this call: `replayed` tells how far it has come.

        Nothing is sent to the printer. Raises NotFound, NotAllowed, ValueError saying why it cannot be.
        """
        row = self._row(printer, Right.CONTROL)
        settings = changed(row.settings, changes)
        self._desk().replay(self._print(printer, identity), settings)
        self._audit("replay_print", printer, str(identity))

    def pin_print(self, printer: str, identity: int, *, pinned: bool) -> None:
        """Keep a print beyond retention, or no longer; raises NotFound, NotAllowed."""
        self._row(printer, Right.CONTROL)
        self._desk().pin(self._print(printer, identity), pinned=pinned)
        self._audit("pin_print" if pinned else "unpin_print", printer, str(identity))

    def mark_print(self, printer: str, identity: int, *, good: bool | None) -> None:
        """Say whether a print was good, so that the network may learn from it; None leaves that to how it ended."""
        self._row(printer, Right.CONTROL)
        self._desk().mark(self._print(printer, identity), good)
        self._audit("mark_print", printer, f"{identity} good={good}")

    def delete_print(self, printer: str, identity: int) -> None:
        """Delete a print with its pictures; raises NotFound, NotAllowed, ValueError while it runs."""
        self._row(printer, Right.OWN)
        self._desk().delete(self._print(printer, identity))
        self._audit("delete_print", printer, str(identity))

    def feedback(
        self, printer: str, evidence: int, label: str, place: tuple[float, float] | None = None
    ) -> None:
        """Call a stored picture a `false_alarm`, or a failure that was `missed` at a place (x, y); raises ValueError."""
        self._row(printer, Right.CONTROL)
        if not self._desk().say(printer, evidence, self.person, label, place):
            raise NotFound
        self._audit("feedback", printer, f"{evidence} {label}")

    def take_feedback_back(self, printer: str, evidence: int) -> None:
        """Forget what was said of a stored picture; raises NotFound, NotAllowed."""
        self._row(printer, Right.CONTROL)
        if not self._desk().unsay(printer, evidence):
            raise NotFound
        self._audit("feedback", printer, f"{evidence} taken back")

    def order(self, printer: str, action: str, reason: str = "asked for in the viewer") -> CommandRow:
        """Pause, resume or cancel what the printer does now; raises NotFound, NotAllowed, ValueError."""
        self._row(printer, Right.CONTROL)
        if action not in ACTIONS:
            raise ValueError(f"{action!r} is none of {', '.join(ACTIONS)}")
        self._audit(action, printer)
        return self._parts.desk.order(printer, action, initiator=self.person, reason=reason)

    def dismiss(self, printer: str) -> None:
        """Call what is seen now a false alarm: it must grow before it counts again."""
        self._row(printer, Right.CONTROL)
        self._audit("dismiss", printer)
        self._parts.registrar.dismiss(printer)

    def save_settings(self, printer: str, changes: Mapping[str, Any]) -> PrinterSettings:
        """Change some of the printer's settings; raises ValueError naming a field that is unknown or wrong."""
        self._row(printer, Right.OWN)
        settings = self._parts.registrar.change_settings(printer, changes)
        self._audit(
            "settings", printer, ", ".join(f"{name}={value}" for name, value in sorted(changes.items()))
        )
        return settings

    def add_printer(self, name: str, *, ask_code: bool = False) -> tuple[PrinterCard, Invitation]:
        """Add a printer owned by this person; raises ValueError for a bad name or beyond the person's quota."""
        row = self._parts.registrar.add(self.person, name)
        self._audit("add_printer", row.id, row.name)
        return self.printer(row.id), self._parts.registrar.invite(self.person, row.id, ask_code=ask_code)

    def invite(self, printer: str, *, ask_code: bool = False) -> Invitation:
        """A fresh enrolment for a printer; an older open one is void. `ask_code`: its agent's code is to be confirmed."""
        self._row(printer, Right.OWN)
        self._audit("invite", printer, "asks for a code" if ask_code else "")
        return self._parts.registrar.invite(self.person, printer, ask_code=ask_code)

    def confirm(self, printer: str, code: str) -> None:
        """Let the agent in that shows this code; raises ValueError for a wrong one, of which only a few are allowed."""
        self._row(printer, Right.OWN)
        self._audit("type_code", printer)
        self._parts.registrar.confirm(self.person, printer, code)

    def rename(self, printer: str, name: str) -> None:
        """Change the name people see; raises ValueError."""
        self._row(printer, Right.OWN)
        self._parts.printers.rename(printer, checked_name(name))
        self._audit("rename", printer, name)

    def remove(self, printer: str) -> None:
        """Remove a printer with its credentials, history and pictures."""
        self._row(printer, Right.OWN)
        self._audit("remove_printer", printer)
        self._parts.registrar.remove(printer)

    # Inside

    def _desk(self) -> PrintDesk:
        if self._parts.prints is None:
            raise NotFound
        return PrintDesk(self._parts.prints, self._parts.history.picture)

    def _print(self, printer: str, identity: int) -> PrintRow:
        row = self._desk().row(printer, identity)
        if row is None:
            raise NotFound
        return row

    def _detail(self, printer: str, identity: int) -> PrintDetail:
        detail = self._desk().detail(printer, identity)
        if detail is None:
            raise NotFound
        return detail

    def _principal(self) -> Principal:
        return Principal(Kind.PERSON, self.person, self._parts.printers.rights_of(self.person))

    def _row(self, printer: str, right: Right) -> PrinterRow:
        principal = self._principal()
        row = self._parts.printers.get(printer) if may_use(principal, Right.VIEW, printer) else None
        if row is None:
            raise NotFound
        if not may_use(principal, right, printer):
            raise NotAllowed
        return row

    def _audit(self, action: str, printer: str, detail: str = "") -> None:
        self._parts.audit.add(time.time(), self.person, action, printer, detail, self.session)

    def _card(self, row: PrinterRow, principal: Principal) -> PrinterCard:
        live = self._parts.live
        with live.lock:
            return card(row, principal.rights[row.id], live.printer(row.id), time.monotonic())


def checked_name(name: str) -> str:
    """A name for a printer: 1 to 60 printable characters; raises ValueError."""
    name = name.strip()
    if not 1 <= len(name) <= 60 or not name.isprintable():
        raise ValueError("a name has 1 to 60 printable characters")
    return name
