"""What the buttons of a message do: asked and confirmed in the viewer, done once, with the person's rights of now."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from hub.cards import PrinterCard
from hub.notify.links import Link, parse, verified
from hub.notify.message import LABELS
from hub.store.notify import NoteRow, NotifyStore
from hub.store.prints import Prints
from hub.views import NotAllowed, NotFound

REASON = "asked for by a button of a notification"


class LinkError(Exception):
    """A link is not good, not good any more, or not for this. The text is for whoever has it."""


class View(Protocol):
    """What links need of a person's view."""

    def printer(self, printer: str) -> PrinterCard: ...
    def order(self, printer: str, action: str, reason: str = ...) -> object: ...
    def dismiss(self, printer: str) -> None: ...


@dataclass(frozen=True)
class Ask:
    """What a link would do, for the page that asks."""

    action: str
    label: str
    printer: PrinterCard
    person: str
    text: str
    t: float


class Actions:
    """Opens and uses links. `view` gives the hub through the eyes of one person, for the audit log under a name."""

    def __init__(
        self, store: NotifyStore, prints: Prints, view: Callable[[str, str], View], key: bytes
    ) -> None:
        self._store, self._prints, self._view, self._key = store, prints, view, key

    def ask(self, token: str, now: float, person: str = "") -> Ask:
        """What a link would do; `person` is whoever is signed in there. Raises LinkError. Changes nothing."""
        _link, note, owner = self._opened(token, now, person)
        card = self._look(owner, note)
        return Ask(_link.action, LABELS[_link.action], card, owner, note.text, note.t)

    def use(self, token: str, now: float, person: str = "") -> Ask:
        """Do it, once; raises LinkError. If the printer cannot be told now, the link stays good."""
        link, note, owner = self._opened(token, now, person)
        card = self._look(owner, note)
        if not self._store.use(link.name, link.expires):
            raise LinkError("This button was used already.")
        view = self._view(owner, f"notification-{note.id}")
        try:
            if link.action == "dismiss":
                view.dismiss(note.printer)
            else:
                view.order(note.printer, link.action, REASON)
        except (NotFound, NotAllowed) as error:
            raise LinkError("You may not do this with this printer any more.") from error
        except ValueError as error:
            self._store.give_back(link.name)
            raise LinkError(f"Nothing was sent: {error}.") from error
        return Ask(link.action, LABELS[link.action], card, owner, note.text, note.t)

    def _opened(self, token: str, now: float, person: str) -> tuple[Link, NoteRow, str]:
        """A good link with its note and person. A forged one, an old one and one of a removed target look the same."""
        found = parse(token)
        note = self._store.note(found[0].note) if found else None
        target = self._store.target(note.target) if note else None
        if found is None or note is None or target is None:
            raise LinkError("This button is no longer good.")
        link, signature = found
        good = verified(
            self._key, link, signature, person=target.person, printer=note.printer, event=note.event
        )
        if not good or now >= link.expires:
            raise LinkError("This button is no longer good.")
        if person and person != target.person:
            raise LinkError("This button was made for somebody else than is signed in here.")
        if self._store.used(link.name):
            raise LinkError("This button was used already.")
        if link.action != "dismiss":
            self._same_print(note)
        return link, note, target.person

    def _same_print(self, note: NoteRow) -> None:
        """A button is about the print it was sent for and no later one."""
        then, now = self._prints.at(note.printer, note.t), self._prints.running(note.printer)
        if then is None or now is None or then.id != now.id:
            raise LinkError("The print that this was about is over.")

    def _look(self, owner: str, note: NoteRow) -> PrinterCard:
        try:
            return self._view(owner, f"notification-{note.id}").printer(note.printer)
        except NotFound as error:
            raise LinkError("You may not do this with this printer any more.") from error
