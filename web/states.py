"""What templates are given: read through one person's view, ready to be shown."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask import current_app

from agent.camera.jpeg import JpegError, size
from hub.access import Right
from hub.cards import CameraCard, PrinterCard
from hub.policy import PrinterSettings
from hub.store.history import EventRow
from hub.views import UserView
from web import words
from web.curve import COLUMNS, SPANS, Curve, curve
from web.print_states import pictures_by_event
from web.site import site
from web.trial import told_test

EVENTS, COMMANDS, PICTURES = 30, 10, 12
#: Several pictures may belong to one event.
PICTURES_OF_EVENTS = 120
#: Curves over more than this are kept, so that an open page does not read a day of scores every two seconds.
SHORT_S = 1800.0
CURVES = 100


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
    asked = wanted.get("span", "")
    span = asked if asked in SPANS else _fitting(view, printer, now)
    events, evidence = view.events(printer, EVENTS), view.evidence(printer, PICTURES_OF_EVENTS)
    camera = chosen_camera(card, wanted.get("camera", "")) or _first(card)
    return {
        "tile": _tile(card),
        "card": card,
        "camera": camera,
        "now": now,
        "span": span,
        "asked_span": asked if asked in SPANS else None,
        "spans": SPANS,
        "curve": _curve(view, card, span, events, now),
        "events": events,
        "pictures_of": pictures_by_event(evidence),
        "evidence": evidence[:PICTURES],
        "commands": view.commands(printer, COMMANDS),
        "buttons": words.buttons(card),
        "test": told_test(view.last_detection_test(printer)),
        "controls": card.right >= Right.CONTROL,
        "owns": card.right >= Right.OWN,
    }


def _fitting(view: UserView, printer: str, now: float) -> str:
    """The shortest span that shows everything of the last half hour, so that a young print fills its curve."""
    rows = view.scores(printer, now - SPANS["30m"][0])
    return "5m" if rows and rows[0].t > now - SPANS["5m"][0] else "30m"


def _curve(view: UserView, card: PrinterCard, span: str, events: list[EventRow], now: float) -> Curve:
    """The curve up to the end of the present column. The long ones are drawn once for each column and kept."""
    length = SPANS[span][0]
    end = math.ceil(now * COLUMNS / length) * length / COLUMNS
    kept: dict[tuple[str, str], tuple[float, PrinterSettings, Curve]] = current_app.extensions.setdefault(
        "printwarden_curves", {}
    )
    known = kept.get((card.id, span))
    if known and known[:2] == (end, card.settings) and length > SHORT_S:
        return known[2]
    drawn = curve(view.scores(card.id, end - length), events, card.settings, end, length)
    if length > SHORT_S:
        if len(kept) >= CURVES:
            kept.clear()
        kept[card.id, span] = (end, card.settings, drawn)
    return drawn


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
