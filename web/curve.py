"""The score curve as numbers for an SVG: everything in percent of the drawing. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from hub.outcomes import MOVED
from hub.policy import PrinterSettings, about_parts, settings_from
from hub.store.history import EventRow, EvidenceRow, ScoreRow

COLUMNS = 360
GAP_S = 60.0
#: So much is shown at least, and so much if there is more, of what led to a decision.
SHORTEST_S, NEAR_S = 10.0, 60.0
#: What may be asked for: name to seconds and label.
SPANS = {
    "5m": (300.0, "5 min"),
    "30m": (1800.0, "30 min"),
    "3h": (10_800.0, "3 h"),
    "24h": (86_400.0, "24 h"),
}


@dataclass(frozen=True)
class Mark:
    """An event at its place in the drawing; its `label`, if any, stands beside it."""

    x: float
    level: str
    text: str
    label: str = ""


@dataclass(frozen=True)
class Dot:
    """A stored picture at its place in the drawing."""

    x: float
    picture: int
    text: str


@dataclass(frozen=True)
class Curve:
    """`lines` and `areas` are point lists of the certainty, `raw` of the single pictures' scores; ticks are times.

    `settings` are those whose limits are drawn.
    """

    lines: tuple[str, ...]
    areas: tuple[str, ...]
    raw: tuple[str, ...]
    settings: PrinterSettings
    marks: tuple[Mark, ...]
    ticks: tuple[tuple[float, str], ...]
    dots: tuple[Dot, ...] = ()

    @property
    def warn(self) -> float:
        """Where the limit of a warning is drawn."""
        return 100 - self.settings.warn_at * 100

    @property
    def act(self) -> float:
        """Where the limit of acting is drawn."""
        return 100 - self.settings.act_at * 100

    @property
    def empty(self) -> bool:
        """Whether nothing was scored in this time."""
        return not self.lines and not self.raw


def curve(
    rows: Sequence[ScoreRow],
    events: Sequence[EventRow],
    settings: PrinterSettings,
    now: float,
    span: float,
    *,
    gap: float = GAP_S,
) -> Curve:
    """Draw what was scored in the `span` seconds before `now`; the highest value of each column counts.

    The line is broken where nothing was scored for longer than `gap`.
    """
    since, gap = now - span, max(gap, 2 * span / COLUMNS)
    certainty = _runs([(row.t, row.certainty) for row in rows], since, span, gap)
    single = _runs([(row.t, row.score) for row in rows], since, span, gap)
    marks = [
        Mark(_x(event.t, since, span), event.level, event.text) for event in events if since <= event.t <= now
    ]
    return Curve(
        lines=tuple(_points(run) for run in certainty),
        areas=tuple(f"{run[0][0]:.2f},100 {_points(run)} {run[-1][0]:.2f},100" for run in certainty),
        raw=tuple(_points(run) for run in single),
        settings=settings,
        marks=tuple(marks),
        ticks=tuple(
            (share * 100, f"{datetime.fromtimestamp(since + share * span).astimezone():%H:%M}")
            for share in (0.0, 0.25, 0.5, 0.75, 1.0)
        ),
    )


def decision_curve(
    event: EventRow, pictures: Sequence[EvidenceRow], settings: PrinterSettings
) -> Curve | None:
    """What led to a decision, out of its own record: the curve up to it, and the pictures that were kept for it.

    The limits are those by which it was decided; `settings` stand in where the record does not tell them. None when the
    record holds no curve of the signal that decided.
    """
    moved = event.data.get("signal") == MOVED
    rows = _kept(event, moved=moved)
    if not rows:
        return None
    limits = _decided_by(event, settings)
    lead = event.t - min((each.t for each in pictures), default=event.t)
    span = min(max(NEAR_S, 3 * lead), max(SHORTEST_S, event.t - rows[0].t))
    since = event.t - span
    drawn = curve(rows, [], about_parts(limits) if moved else limits, event.t, span)
    dots = [
        Dot(_x(min(each.t, event.t), since, span), each.id, f"picture {_before(event.t - each.t)}")
        for each in sorted(pictures, key=lambda picture: picture.t)
        if each.t >= since
    ]
    return replace(
        drawn,
        marks=(Mark(100.0, event.level, event.text, "decided"),),
        ticks=tuple((share * 100, _before(span * (1 - share))) for share in (0.0, 0.5, 1.0)),
        dots=tuple(dots),
    )


def _kept(event: EventRow, *, moved: bool) -> list[ScoreRow]:
    """The history of the signal that decided; of the second one no scores of single pictures are kept."""
    data = event.data
    tangle = data.get("curve") or ()
    history = ((t, None, sure) for t, sure in data.get("moved_curve") or ()) if moved else tangle
    return [ScoreRow(event.printer, "", event.t + before, score, sure) for before, score, sure in history]


def _decided_by(event: EventRow, otherwise: PrinterSettings) -> PrinterSettings:
    try:
        return settings_from(event.data["settings"])
    except (KeyError, ValueError):
        return otherwise


def _before(seconds: float) -> str:
    return f"{seconds:.0f} s before" if seconds >= 1 else "then"


def _runs(
    values: Sequence[tuple[float, float | None]], since: float, span: float, gap: float
) -> list[list[tuple[float, float]]]:
    """Connected pieces of (x, y), broken where nothing was known for a while or a value is missing."""
    runs: list[list[tuple[float, float]]] = []
    last = float("-inf")
    for t, value in values:
        if value is None or t < since:
            last = float("-inf") if value is None else last
            continue
        column = int((t - since) / span * COLUMNS)
        point = (column / COLUMNS * 100, 100 - value * 100)
        if t - last > gap:
            runs.append([point])
        elif runs[-1][-1][0] == point[0]:
            runs[-1][-1] = (point[0], min(point[1], runs[-1][-1][1]))
        else:
            runs[-1].append(point)
        last = t
    return runs


def _points(run: Sequence[tuple[float, float]]) -> str:
    if len(run) == 1:
        run = [run[0], (run[0][0] + 100 / COLUMNS, run[0][1])]
    return " ".join(f"{x:.2f},{y:.2f}" for x, y in run)


def _x(t: float, since: float, span: float) -> float:
    return round((t - since) / span * 100, 2)
