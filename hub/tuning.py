"""Which limits suit a printer: its own labelled prints played through the policy with others than it has now. Pure.

Limits do not change what is seen, only what is done about it. So the certainty over the time of each print is enough.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import product

from hub.policy import Memory, PrinterSettings, decide, release

ACT_AT = (0.9, 0.95, 0.99, 0.995, 0.999)
ACT_HOLD_S = (0.0, 3.0, 10.0, 30.0)
WARN_AT = (0.3, 0.6, 0.9)
#: With less than this a proposal would be a guess.
LEAST_HOURS, LEAST_FAILING = 20.0, 5
#: With no false alarm in so many hours the rate is, with 95 % confidence, below this many per so many hours.
RULE_OF_THREE = 3.0


@dataclass(frozen=True)
class Course:
    """One print: how certain it was, at which second of the print, that it failed. It fails from `onset` on, or not."""

    name: str
    points: tuple[tuple[float, float | None], ...]
    onset: float | None = None

    @property
    def hours(self) -> float:
        """How long it was watched while it was fine."""
        end = self.points[-1][0] if self.points else 0.0
        return (end if self.onset is None else min(end, self.onset)) / 3600


@dataclass(frozen=True)
class Cost:
    """What some limits would have done: failing prints acted upon and warned of, and good hours disturbed."""

    settings: PrinterSettings
    failing: int
    acted: int
    warned: int
    seconds: float | None
    hours: float
    false_actions: int
    false_warnings: int

    def rate(self, false: int) -> float:
        """False alarms per 100 hours."""
        return 100.0 * false / self.hours if self.hours else 0.0


@dataclass(frozen=True)
class Tuning:
    """What other limits would have done to some prints: those of acting and of warning, the present ones first.

    `lacking` is what is missing for a proposal, `best` the limits that would be proposed.
    """

    courses: tuple[Course, ...]
    accepted: float
    act: tuple[Cost, ...]
    warn: tuple[Cost, ...]
    lacking: str
    best: Cost | None

    @property
    def present(self) -> Cost:
        """What the present limits did."""
        return self.act[0]

    @property
    def good(self) -> int:
        """How many prints were good."""
        return sum(course.onset is None for course in self.courses)

    @property
    def better(self) -> Cost | None:
        """What is proposed: only with enough data, and only if it is better than the present limits."""
        best, present = self.best, self.present
        if self.lacking or best is None or (best.acted, best.seconds) == (present.acted, present.seconds):
            return None
        return best


def condensed(course: Course, low: float) -> Course:
    """The same print without the inner points of stretches below `low`.

    A policy that warns at twice that, or later, decides the same.
    """
    quiet = [sure is not None and sure < low for _, sure in course.points]
    inner = [n for n in range(1, len(quiet) - 1) if quiet[n - 1] and quiet[n] and quiet[n + 1]]
    dropped = set(inner)
    return replace(course, points=tuple(each for n, each in enumerate(course.points) if n not in dropped))


def cost(courses: Sequence[Course], settings: PrinterSettings) -> Cost:
    """What these settings would have done to these prints; each print is warned of and acted upon once."""
    played = [(course, *_played(course, settings)) for course in courses]
    failing = [(course.onset, told, acted) for course, told, acted in played if course.onset is not None]
    after = [t - onset for onset, _, acted in failing if (t := _first(acted, onset)) is not None]
    return Cost(
        settings=settings,
        failing=len(failing),
        acted=len(after),
        warned=sum(_first(told, onset) is not None for onset, told, _ in failing),
        seconds=float(statistics.median(after)) if after else None,
        hours=sum(course.hours for course in courses),
        false_actions=sum(_false(course, acted) for course, _, acted in played),
        false_warnings=sum(_false(course, told) for course, told, _ in played),
    )


def act_costs(courses: Sequence[Course], settings: PrinterSettings) -> list[Cost]:
    """The present limits first, then every other pair of `act_at` and `act_hold_s` that no other one beats."""
    present = cost(courses, settings)
    tried = [
        cost(courses, replace(settings, act_at=at, act_hold_s=hold, warn_at=min(settings.warn_at, at)))
        for at, hold in product(ACT_AT, ACT_HOLD_S)
    ]
    best = [each for each in tried if not any(_beats(other, each) for other in tried)]
    unlike: dict[tuple[object, ...], Cost] = {}
    for each in best:  # of those that do the same the most careful one is kept
        unlike[each.acted, each.seconds, each.false_actions] = each
    return [present, *(each for each in unlike.values() if each.settings != settings)]


def warn_costs(courses: Sequence[Course], settings: PrinterSettings) -> list[Cost]:
    """The present limit of a warning first, then others."""
    others = [replace(settings, warn_at=min(at, settings.act_at)) for at in WARN_AT]
    return [cost(courses, each) for each in [settings, *(o for o in others if o != settings)]]


def proposed(costs: Iterable[Cost], accepted: float) -> Cost | None:
    """The limits that catch most, and then soonest, with at most so many false actions per 100 hours."""
    allowed = [each for each in costs if each.rate(each.false_actions) <= accepted]
    return max(allowed, key=lambda each: (each.acted, -(each.seconds or 0.0)), default=None)


def lacking(courses: Sequence[Course]) -> str:
    """What is missing for a proposal, in words; empty when there is enough."""
    hours = sum(course.hours for course in courses)
    failing = sum(course.onset is not None for course in courses)
    missing = []
    if hours < LEAST_HOURS:
        missing.append(f"{hours:.1f} of at least {LEAST_HOURS:.0f} hours of good prints")
    if failing < LEAST_FAILING:
        missing.append(f"{failing} of at least {LEAST_FAILING} failing prints")
    return " and ".join(missing)


def tuned(courses: Sequence[Course], settings: PrinterSettings, accepted: float) -> Tuning:
    """What other limits would have done, and which of them are proposed for at most so many false actions per 100 h."""
    lowest = min(*WARN_AT, settings.warn_at, settings.act_at) / 2
    short = [condensed(each, lowest) for each in courses]
    act, warn = act_costs(short, settings), warn_costs(short, settings)
    return Tuning(
        tuple(courses), accepted, tuple(act), tuple(warn), lacking(courses), proposed(act, accepted)
    )


def as_text(found: Tuning) -> str:
    """The tables and the proposal, in plain lines."""
    present = found.present
    lines = [
        f"{found.good} good and {present.failing} failing prints, {present.hours:.1f} hours without a failure",
        "",
    ]
    lines.append(f"{'act_at':>7} {'act_hold_s':>10}  {'acted upon':>10}  {'seconds':>7}  false actions")
    for each in found.act:
        chosen, seconds = each.settings, "-" if each.seconds is None else f"{each.seconds:.0f}"
        mark = "  (now)" if each is present else ""
        caught, false = f"{each.acted}/{each.failing}", rate(each, each.false_actions)
        lines.append(
            f"{chosen.act_at:>7g} {chosen.act_hold_s:>10g}  {caught:>10}  {seconds:>7}  {false}{mark}"
        )
    lines += ["", f"{'warn_at':>7} {'warned of':>21}  {'':>7}  false warnings"]
    for each in found.warn:
        mark = "  (now)" if each is found.warn[0] else ""
        caught, false = f"{each.warned}/{each.failing}", rate(each, each.false_warnings)
        lines.append(f"{each.settings.warn_at:>7g} {caught:>21}  {'':>7}  {false}{mark}")
    lines += ["", advice(found)]
    if found.better:
        chosen = found.better.settings
        lines += [f"act_at = {chosen.act_at:g}", f"act_hold_s = {chosen.act_hold_s:g}"]
    return "\n".join(lines)


def advice(found: Tuning) -> str:
    """What is proposed, or why nothing is."""
    if found.lacking:
        return (
            f"Too little data to propose anything: there are {found.lacking}. The tables show what there is."
        )
    if found.best is None:
        return (
            f"No limits keep below {found.accepted:g} false actions per 100 hours;"
            " zones or habits may help more."
        )
    if found.better is None:
        return "The present limits are as good as any for these prints."
    return f"Proposed, for at most {found.accepted:g} false actions per 100 hours:"


def rate(each: Cost, false: int) -> str:
    """False alarms per 100 hours in words, as exactly as so few hours allow."""
    if not each.hours:
        return "unknown, there are no good hours"
    if false:
        return f"{false}, {each.rate(false):.1f} per 100 h"
    return f"0, that is below {100.0 * RULE_OF_THREE / each.hours:.1f} per 100 h"


def _played(course: Course, settings: PrinterSettings) -> tuple[list[float], list[float]]:
    """When a person would have been told anything, and when it would have acted, each time as if resumed at once."""
    memory, told, acted = Memory(), [], []
    for t, certainty in course.points:
        decision, memory = decide(
            settings, memory, phase="printing", job=course.name, certainty=certainty, t=t
        )
        if decision.kind != "none":
            told.append(t)
        if decision.kind == settings.action:
            acted.append(t)
            memory = release(memory)
    return told, acted


def _first(times: Sequence[float], onset: float) -> float | None:
    return next((t for t in times if t >= onset), None)


def _false(course: Course, times: Sequence[float]) -> bool:
    return any(course.onset is None or t < course.onset for t in times)


def _beats(one: Cost, other: Cost) -> bool:
    """Whether one is nowhere worse and somewhere better."""
    a = (one.acted, -(one.seconds or 0.0), -one.false_actions)
    b = (other.acted, -(other.seconds or 0.0), -other.false_actions)
    return a != b and all(x >= y for x, y in zip(a, b, strict=True))
