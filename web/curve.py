"""The score curve as numbers for an SVG: everything in percent of the drawing. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from hub.policy import PrinterSettings
from hub.store.history import EventRow, ScoreRow

COLUMNS = 360
GAP_S = 60.0
#: What may be asked for: name to seconds and label.
SPANS = {
    "5m": (300.0, "5 min"),
    "30m": (1800.0, "30 min"),
    "3h": (10_800.0, "3 h"),
    "24h": (86_400.0, "24 h"),
}


@dataclass(frozen=True)
class Mark:
    """An event at its place in the drawing."""

    x: float
    level: str
    text: str


@dataclass(frozen=True)
class Curve:
    """`lines` and `areas` are point lists of the certainty, `raw` of the single pictures' scores; ticks are times."""

    lines: tuple[str, ...]
    areas: tuple[str, ...]
    raw: tuple[str, ...]
    warn: float
    act: float
    marks: tuple[Mark, ...]
    ticks: tuple[tuple[float, str], ...]

    @property
    def empty(self) -> bool:
        """Whether nothing was scored in this time."""
        return not self.lines and not self.raw


def curve(
    rows: Sequence[ScoreRow], events: Sequence[EventRow], settings: PrinterSettings, now: float, span: float
) -> Curve:
    """Draw what was scored in the `span` seconds before `now`; the highest value of each column counts."""
    since = now - span
    certainty = _runs([(row.t, row.certainty) for row in rows], since, span)
    single = _runs([(row.t, row.score) for row in rows], since, span)
    marks = [
        Mark(_x(event.t, since, span), event.level, event.text) for event in events if since <= event.t <= now
    ]
    return Curve(
        lines=tuple(_points(run) for run in certainty),
        areas=tuple(f"{run[0][0]:.2f},100 {_points(run)} {run[-1][0]:.2f},100" for run in certainty),
        raw=tuple(_points(run) for run in single),
        warn=100 - settings.warn_at * 100,
        act=100 - settings.act_at * 100,
        marks=tuple(marks),
        ticks=tuple(
            (share * 100, f"{datetime.fromtimestamp(since + share * span).astimezone():%H:%M}")
            for share in (0.0, 0.25, 0.5, 0.75, 1.0)
        ),
    )


def _runs(
    values: Sequence[tuple[float, float | None]], since: float, span: float
) -> list[list[tuple[float, float]]]:
    """Connected pieces of (x, y), broken where nothing was known for a while or a value is missing."""
    runs: list[list[tuple[float, float]]] = []
    last, gap = float("-inf"), max(GAP_S, 2 * span / COLUMNS)
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
