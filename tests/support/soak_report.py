"""What a soak found: the verdict, as JSON for programs and as a table and a curve for people."""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

#: How much the median of the last quarter may lie over that of the second one. The hub keeps the newest frames,
#: events and pages of its database in memory.
GROWTH_KB = {"agent": 1500, "hub": 4000}
#: One connection that is open while the sample is taken is two files.
GROWTH = {"threads": 0, "open files": 2}
_COLOURS = {"agent": "#d62728", "hub": "#1f77b4"}
_WIDE, _HIGH, _EDGE = 900, 260, 50


@dataclass(frozen=True)
class Use:
    """What a process holds: resident memory, threads, open files."""

    kb: int
    threads: int
    files: int


@dataclass(frozen=True)
class Sample:
    """What the running processes hold at a minute."""

    minute: float
    held: dict[str, Use]


@dataclass(frozen=True)
class Fault:
    """A fault at a minute, and the seconds from its end until all was well again; None if that never came."""

    minute: float
    name: str
    recovered_s: float | None


@dataclass(frozen=True)
class Growth:
    """Medians of the second and the last quarter of the time."""

    part: str
    what: str
    second: float
    last: float
    allowed: float

    @property
    def well(self) -> bool:
        return self.last - self.second <= self.allowed


def growth(samples: Sequence[Sample], minutes: float) -> list[Growth]:
    """One line for each process and measure; none while there is no second or last quarter."""
    readings: dict[str, Callable[[Use], int]] = {
        "memory (kB)": lambda use: use.kb,
        "threads": lambda use: use.threads,
        "open files": lambda use: use.files,
    }
    found = []
    for part, allowed in GROWTH_KB.items():
        for what, read in readings.items():
            second = [read(each.held[part]) for each in _within(samples, part, 0.25, 0.5, minutes)]
            last = [read(each.held[part]) for each in _within(samples, part, 0.75, 1.0, minutes)]
            if second and last:
                limit = GROWTH.get(what, allowed)
                found.append(Growth(part, what, statistics.median(second), statistics.median(last), limit))
    return found


def write(folder: Path, samples: Sequence[Sample], faults: Sequence[Fault], minutes: float) -> bool:
    """Write soak.json, soak.md and soak.svg; whether all is well so far."""
    grown = growth(samples, minutes)
    well = bool(grown) and all(each.well for each in grown)
    well = well and all(each.recovered_s is not None for each in faults)
    result = {
        "minutes": round(minutes, 1),
        "well": well,
        "growth": [asdict(each) for each in grown],
        "faults": [asdict(each) for each in faults],
        "samples": [asdict(each) for each in samples],
    }
    (folder / "soak.json").write_text(json.dumps(result, indent=1), encoding="utf-8")
    (folder / "soak.md").write_text(_table(minutes, well, grown, faults), encoding="utf-8")
    (folder / "soak.svg").write_text(_curves(samples, minutes), encoding="utf-8")
    return well


def _within(samples: Sequence[Sample], part: str, begin: float, end: float, minutes: float) -> list[Sample]:
    return [each for each in samples if begin * minutes <= each.minute <= end * minutes and part in each.held]


def _table(minutes: float, well: bool, grown: Sequence[Growth], faults: Sequence[Fault]) -> str:
    lines = [
        f"{minutes:.0f} minutes, {len(faults)} faults, {'all well' if well else 'NOT WELL'}.",
        "",
        "| fault | times | watched again after, median (s) | longest (s) |",
        "|---|---|---|---|",
    ]
    for name in dict.fromkeys(each.name for each in faults):
        took = [each.recovered_s for each in faults if each.name == name]
        ended = [each for each in took if each is not None]
        middle = f"{statistics.median(ended):.1f}" if ended else "never"
        longest = f"{max(ended):.1f}" if len(ended) == len(took) else "never"
        lines.append(f"| {name} | {len(took)} | {middle} | {longest} |")
    lines += ["", "| | second quarter | last quarter | allowed more |", "|---|---|---|---|"]
    lines += [
        f"| {each.part}: {each.what} | {each.second:.0f} | {each.last:.0f} | {each.allowed:.0f} |"
        for each in grown
    ]
    return "\n".join(lines) + "\n"


def _curves(samples: Sequence[Sample], minutes: float) -> str:
    """Memory over time, each process on a scale of its own that begins at nothing."""
    drawn = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDE} {_HIGH * 2}" font-size="13">',
        '<rect width="100%" height="100%" fill="white"/>',
    ]
    for place, part in enumerate(GROWTH_KB):
        uses = [(each.minute, each.held[part].kb / 1000) for each in samples if part in each.held]
        if not uses:
            continue
        most, floor = max(mb for _, mb in uses) * 1.1, _HIGH * (place + 1) - _EDGE
        told = f"{part}: {uses[-1][1]:.1f} MB at the end, top of the scale {most:.0f} MB"
        points = " ".join(
            f"{_EDGE + (_WIDE - 2 * _EDGE) * t / max(minutes, 0.1):.1f},{floor - (_HIGH - 2 * _EDGE) * mb / most:.1f}"
            for t, mb in uses
        )
        drawn += [
            f'<line x1="{_EDGE}" y1="{floor}" x2="{_WIDE - _EDGE}" y2="{floor}" stroke="#888"/>',
            f'<polyline points="{points}" fill="none" stroke="{_COLOURS[part]}" stroke-width="1.5"/>',
            f'<text x="{_EDGE}" y="{floor - _HIGH + 2 * _EDGE - 8}">{told}</text>',
            f'<text x="{_WIDE - _EDGE}" y="{floor + 18}" text-anchor="end">{minutes:.0f} minutes</text>',
        ]
    return "\n".join([*drawn, "</svg>"]) + "\n"
