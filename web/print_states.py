"""What the templates of prints are given, ready to be shown."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from hub.cards import PrinterCard
from hub.policy import PrinterSettings
from hub.print_views import PrintDetail
from hub.store.history import ALARMED, WARNED, EventRow, EvidenceRow
from hub.store.prints import FeedbackRow
from hub.views import UserView
from web import print_words, words
from web.curve import Curve, curve, decision_curve
from web.site import site

PAGE = 20
#: So many pictures of a time-lapse are shown unless all are asked for.
STRIP = 32
#: So long after its end a print without a video may still get one.
FILMING_S = 1800.0
#: The curve of a running print grows in so many steps, so that it is not drawn anew whenever it is looked at.
STEPS = 60
DECISIONS = (WARNED, *ALARMED)
SHORTEST_S = 60.0


@dataclass(frozen=True)
class Decided:
    """One decision with its pictures, the one that decided first, and the curve that led to it."""

    event: EventRow
    pictures: tuple[EvidenceRow, ...]
    curve: Curve | None


def print_list(view: UserView, printer: str, before: int | None) -> dict[str, Any]:
    """One page of a printer's prints, newest first."""
    found = view.print_summaries(printer, PAGE + 1, before)
    return {
        "card": view.printer(printer),
        "prints": found[:PAGE],
        "more": found[PAGE - 1].row.id if len(found) > PAGE else None,
        "before": before,
        "now": site().clock(),
    }


def print_page(view: UserView, printer: str, identity: int, *, everything: bool) -> dict[str, Any]:
    """One print."""
    card, detail = view.printer(printer), view.print_(printer, identity)
    now = site().clock()
    return {
        "card": card,
        "detail": detail,
        "row": detail.row,
        "now": now,
        "stage": _stage(detail, now),
        "everything": everything,
        "lasted": (detail.row.ended or now) - detail.row.started,
        "curve": _curve(detail, card, now),
        "decisions": _decisions(detail, card.settings),
        "others": _others(detail),
        "log": _log(detail),
        "warnings": sum(event.kind == WARNED for event in detail.events),
        "alarms": sum(event.kind in ALARMED for event in detail.events),
        "said": {each.evidence: each for each in detail.said},
        "strip": detail.lapse if everything else _thinned(detail.lapse, STRIP),
        "newest": detail.lapse[-1] if detail.lapse else None,
    }


def pictures_by_event(pictures: Sequence[EvidenceRow]) -> dict[int, list[EvidenceRow]]:
    """The pictures that belong to each event, the newest first: that is the one that decided."""
    found: dict[int, list[EvidenceRow]] = {}
    for each in sorted(pictures, key=lambda picture: picture.id, reverse=True):
        if each.event is not None:
            found.setdefault(each.event, []).append(each)
    return found


def placed(said: FeedbackRow | None) -> tuple[float, float] | None:
    """The place at which somebody saw a failure."""
    return None if said is None or said.x is None or said.y is None else (said.x, said.y)


def _stage(detail: PrintDetail, now: float) -> str:
    """Whether a print is running, filming (its video may still come) or over, so that nothing changes any more."""
    row = detail.row
    if row.ended is None:
        return "running"
    filming = row.film is None and detail.lapse and now - row.ended < FILMING_S
    return "filming" if filming else "over"


def _decisions(detail: PrintDetail, settings: PrinterSettings) -> list[Decided]:
    kept = pictures_by_event(detail.evidence)
    found = [(event, tuple(kept.get(event.id, ()))) for event in detail.events]
    return [
        Decided(event, pictures, decision_curve(event, pictures, settings))
        for event, pictures in found
        if event.kind in DECISIONS or pictures
    ]


def _log(detail: PrintDetail) -> list[tuple[float, str, str]]:
    """What happened and what was ordered as time, level and words, oldest first."""
    events = [(event.t, event.level, event.text) for event in detail.events]
    orders = [(row.t, "info", print_words.order(row)) for row in detail.commands]
    return sorted(events + orders)


def _others(detail: PrintDetail) -> list[EvidenceRow]:
    """Pictures that belong to none of the print's decisions."""
    known = {event.id for event in detail.events}
    return [each for each in detail.evidence if each.event not in known]


def _curve(detail: PrintDetail, card: PrinterCard, now: float) -> Curve:
    """The curve from begin to end, with times since the begin below it."""
    row = detail.row
    span = max(SHORTEST_S, (row.ended or now) - row.started)
    if row.ended is None:
        step = 2.0 ** math.ceil(math.log2(span / STEPS))
        span = math.ceil(span / step) * step
    drawn = curve(detail.scores, detail.events, card.settings, row.started + span, span)
    return replace(drawn, ticks=elapsed(span))


def elapsed(span: float) -> tuple[tuple[float, str], ...]:
    """Ticks for the time since the begin of a print."""
    shares = (0.0, 0.25, 0.5, 0.75, 1.0)
    return tuple((share * 100, _since(share * span) if share else "start") for share in shares)


def _since(seconds: float) -> str:
    """A time since the begin, short enough to stand below the curve on a phone."""
    minutes = round(seconds / 60)
    return words.duration(seconds) if minutes < 60 else f"{minutes // 60}:{minutes % 60:02d} h"


def _thinned(pictures: Sequence[EvidenceRow], most: int) -> tuple[EvidenceRow, ...]:
    """At most so many of them with the first and the last one; while a print grows they mostly stay the same."""
    stride = 1
    while math.ceil(len(pictures) / stride) >= most:
        stride *= 2
    kept = tuple(pictures[::stride])
    return kept if not pictures or kept[-1] is pictures[-1] else (*kept, pictures[-1])
