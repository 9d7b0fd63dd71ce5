"""What templates are given: read through one person's view, ready to be shown."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agent.camera.jpeg import JpegError, size
from hub.access import Right
from hub.store.history import EventRow, EvidenceRow
from hub.views import CameraCard, PrinterCard, UserView
from web import words
from web.curve import COLUMNS, SPANS, curve
from web.site import site

EVENTS, COMMANDS, PICTURES = 30, 10, 12


@dataclass(frozen=True)
class Tile:
    """One card of the dashboard."""

    card: PrinterCard
    camera: CameraCard | None
    watch: words.Told
    verdict: words.Told
    judged: bool
    urgency: int


def dashboard(view: UserView) -> dict[str, Any]:
    """Every printer of a person, what needs a look first."""
    tiles = [_tile(card) for card in view.printers()]
    return {
        "tiles": sorted(tiles, key=lambda tile: (tile.urgency, tile.card.name.casefold(), tile.card.id)),
        "now": site().clock(),
    }


def printer_state(view: UserView, printer: str, wanted: Mapping[str, str]) -> dict[str, Any]:
    """Everything that changes on a printer's page; `wanted` may name a camera and a span of the curve."""
    card = view.printer(printer)
    now = site().clock()
    span = wanted.get("span", "")
    span = span if span in SPANS else "30m"
    length = SPANS[span][0]
    end = (
        math.ceil(now * COLUMNS / length) * length / COLUMNS
    )  # in whole columns, so that a quiet page stays the same
    events = view.events(printer, EVENTS)
    scores = view.scores(printer, end - length)
    camera = chosen_camera(card, wanted.get("camera", "")) or _first(card)
    return {
        "tile": _tile(card),
        "card": card,
        "camera": camera,
        "now": now,
        "span": span,
        "spans": SPANS,
        "curve": curve(scores, events, card.settings, end, length),
        "events": events,
        "pictures_of": _by_event(view.evidence(printer, PICTURES), events),
        "evidence": view.evidence(printer, PICTURES),
        "commands": view.commands(printer, COMMANDS),
        "buttons": words.buttons(card),
        "owns": card.right >= Right.OWN,
    }


def picture_size(view: UserView, printer: str, camera: CameraCard | None) -> tuple[int, int]:
    """How large the newest picture is, so that the page does not jump; 4 to 3 when there is none."""
    found = view.frame(printer, camera.name) if camera else None
    try:
        return size(found.jpeg) if found else (640, 480)
    except JpegError:
        return 640, 480


def chosen_camera(card: PrinterCard, name: str) -> CameraCard | None:
    """The camera of that name."""
    return next((each for each in card.cameras if each.name == name), None)


def _first(card: PrinterCard) -> CameraCard | None:
    """The camera that sees the most worrying thing; the first one when none does."""
    return max(card.cameras, key=lambda each: (each.seq > 0, each.score or 0.0), default=None)


def _tile(card: PrinterCard) -> Tile:
    watch, verdict = words.watch(card), words.verdict(card)
    urgency = (
        0 if verdict.tone == "alarm" else 1 if watch.tone == "alarm" else 2 if verdict.tone == "warn" else 3
    )
    judged = card.certainty is not None and (card.watch == "watched" or verdict.tone in ("warn", "alarm"))
    return Tile(card=card, camera=_first(card), watch=watch, verdict=verdict, judged=judged, urgency=urgency)


def _by_event(pictures: list[EvidenceRow], events: list[EventRow]) -> dict[int, EvidenceRow]:
    """The picture that belongs to each event."""
    known = {event.id for event in events}
    return {each.event: each for each in pictures if each.event is not None and each.event in known}
