"""From certainty and the owner's settings to a decision with its reason. Pure."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace

from agent.protocol import AFTER_PAUSE, NOT_PRINTING

ALERT, PAUSE, CANCEL = "alert", "pause", "cancel"
ACTIONS = (ALERT, PAUSE, CANCEL)
OFF = "off"
#: What happens in quiet hours and to a print that nobody can watch, unless the owner wants it otherwise.
SAME, NOTHING_DONE = "same", "nothing"
RETRY_S = 60.0
MAX_ZONES, MAX_POINTS = 20, 50

Zone = Sequence[Sequence[float]]
#: What may be chosen, and the least and greatest times.
CHOICES = {
    "action": ACTIONS,
    "vote": ("any", "all"),
    "moved": (OFF, *ACTIONS),
    "quiet_action": (SAME, *ACTIONS),
    "when_unwatched": (NOTHING_DONE, PAUSE),
}
TIMES = {
    "warn_hold_s": (0.0, 3600.0),
    "act_hold_s": (0.0, 3600.0),
    "grace_s": (0.0, 3600.0),
    "unwatched_s": (60.0, 86_400.0),
}
#: Below the least threshold one frame could decide; a greater one than this the certainty never reaches.
THRESHOLDS = (0.05, 0.9999)
#: Both thresholds in one word, for those who do not want to think in certainties.
SENSITIVITY: Mapping[str, Mapping[str, float]] = {
    "low": {"warn_at": 0.9, "act_at": 0.999},
    "normal": {"warn_at": 0.6, "act_at": 0.99},
    "high": {"warn_at": 0.4, "act_at": 0.95},
}
CUSTOM = "custom"
_TIME = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])")


@dataclass(frozen=True)
class PrinterSettings:
    """What the owner of a printer chose. Certainties are 0 to 1, times in seconds.

    `zones` holds by camera the places that shall not count: polygons, or rectangles given by two corners, as points
    (x, y) in shares of the picture. Quiet hours go from `quiet_from` to `quiet_to` (HH:MM, over midnight too) by the
    clock of the hub's machine; both are empty when there are none.

    Raises ValueError naming the field when a value makes no sense.
    """

    watch: bool = True
    action: str = PAUSE
    warn_at: float = 0.6
    warn_hold_s: float = 0.0
    act_at: float = 0.99
    act_hold_s: float = 3.0
    grace_s: float = 0.0
    vote: str = "any"
    dry_run: bool = False
    moved: str = OFF
    moved_at: float = 0.9
    quiet_from: str = ""
    quiet_to: str = ""
    quiet_action: str = SAME
    when_unwatched: str = NOTHING_DONE
    unwatched_s: float = 600.0
    after: dict[str, float] = field(default_factory=dict)
    zones: dict[str, tuple[Zone, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("watch", "dry_run"):
            _demand(isinstance(getattr(self, name), bool), name, "must be true or false")
        for name, choices in CHOICES.items():
            _demand(getattr(self, name) in choices, name, f"is none of {', '.join(choices)}")
        for name in ("warn_at", "act_at", "moved_at"):
            _check_number(name, getattr(self, name), *THRESHOLDS)
        _demand(self.warn_at <= self.act_at, "act_at", "must not be below warn_at")
        for name, limits in TIMES.items():
            _check_number(name, getattr(self, name), *limits)
        for name in ("quiet_from", "quiet_to"):
            _demand(
                _minute(getattr(self, name)) is not None, name, "must be a time of day like 22:00, or empty"
            )
        _demand(bool(self.quiet_from) == bool(self.quiet_to), "quiet_to", "give both times, or none")
        _demand(isinstance(self.after, Mapping), "after", "must be a table")
        for name, value in self.after.items():
            _demand(name in AFTER_PAUSE, f"after.{name}", "is no after-pause option")
            _check_number(f"after.{name}", value, *AFTER_PAUSE[name])
        _demand(isinstance(self.zones, Mapping), "zones", "must be a table of cameras")
        for camera, zones in self.zones.items():
            _check_zones(camera, zones)


@dataclass(frozen=True)
class Memory:
    """What the policy must remember about one printer between two frames."""

    job: str = ""
    job_since: float = 0.0
    warn_since: float | None = None
    act_since: float | None = None
    warned: bool = False
    acted: bool = False
    acted_at: float = 0.0


@dataclass(frozen=True)
class Decision:
    """What to do now: `kind` is none, warn, alert, pause or cancel."""

    kind: str
    reason: str = ""
    certainty: float = 0.0


NOTHING = Decision("none")


def verdict(certainty: float | None, settings: PrinterSettings) -> str:
    """The certainty in one word: unknown, ok, suspect or failing."""
    if certainty is None:
        return "unknown"
    if certainty >= settings.act_at:
        return "failing"
    return "suspect" if certainty >= settings.warn_at else "ok"


def quiet(settings: PrinterSettings, minute: int | None) -> bool:
    """Whether a minute of the day (0 to 1439) lies in the quiet hours; None, an unknown time, never does."""
    begin, end = _minute(settings.quiet_from), _minute(settings.quiet_to)
    if minute is None or not settings.quiet_from or begin is None or end is None:
        return False
    return begin <= minute < end if begin <= end else minute >= begin or minute < end


def by_night(settings: PrinterSettings) -> PrinterSettings:
    """The settings that hold in quiet hours: the action may be another one."""
    return settings if settings.quiet_action == SAME else replace(settings, action=settings.quiet_action)


def about_parts(settings: PrinterSettings) -> PrinterSettings:
    """The same settings for the second signal."""
    return replace(
        settings,
        watch=settings.watch and settings.moved != OFF,
        action=settings.action if settings.moved == OFF else settings.moved,
        warn_at=settings.moved_at,
        act_at=settings.moved_at,
        warn_hold_s=settings.act_hold_s,
    )


def unwatched_due(settings: PrinterSettings, since: float | None, t: float) -> bool:
    """Whether a print that nobody could watch since then is to be paused by its owner's wish."""
    wished = settings.watch and settings.when_unwatched == PAUSE
    return wished and since is not None and t - since >= settings.unwatched_s


def decide(
    settings: PrinterSettings, memory: Memory, *, phase: str, job: str, certainty: float | None, t: float
) -> tuple[Decision, Memory]:
    """The decision at time `t` (seconds) and what to remember.

    A new job starts afresh, also one with the name of the last one once the printer said that it is not printing.
    Nothing is decided unless it says that it is printing. A threshold must hold for its hold time. Each job is warned
    about once until the certainty has halved, and acted upon once until `release` says that the owner resumed or that
    the action failed.
    """
    if job != memory.job or phase in NOT_PRINTING:
        memory = Memory(job=job, job_since=t)
    if not settings.watch or phase != "printing" or certainty is None:
        return NOTHING, _remembered(memory, None, None, warned=memory.warned)
    if t - memory.job_since < settings.grace_s:
        return NOTHING, memory
    memory = _held(settings, memory, certainty, t)
    if not memory.acted and _reached(memory.act_since, settings.act_hold_s, t):
        reason = f"{certainty:.0%} sure for {t - _since(memory.act_since):.0f} s, the limit is {settings.act_at:.0%}"
        return Decision(settings.action, reason, certainty), replace(
            memory, acted=True, acted_at=t, warned=True
        )
    if not memory.warned and _reached(memory.warn_since, settings.warn_hold_s, t):
        reason = f"{certainty:.0%} sure, the warning limit is {settings.warn_at:.0%}"
        return Decision("warn", reason, certainty), replace(memory, warned=True)
    return NOTHING, memory


def decide_parts(
    settings: PrinterSettings, memory: Memory, *, phase: str, job: str, certainty: float | None, t: float
) -> tuple[Decision, Memory]:
    """The same for the second signal: a part that moved is acted upon, or not, and never warned about."""
    decision, memory = decide(about_parts(settings), memory, phase=phase, job=job, certainty=certainty, t=t)
    return (NOTHING if decision.kind == "warn" else decision), memory


def release(memory: Memory) -> Memory:
    """Let the policy act again: the owner resumed the print, called it a false alarm, or the action failed."""
    return replace(memory, acted=False, warned=False, warn_since=None, act_since=None)


def retry_due(memory: Memory, t: float) -> bool:
    """Whether a failed action may be tried again."""
    return memory.acted and t - memory.acted_at >= RETRY_S


def settings_from(data: Mapping[str, object]) -> PrinterSettings:
    """Settings from what the database holds; unknown names of older versions are dropped, bad values raise ValueError."""
    known = PrinterSettings.__dataclass_fields__
    return PrinterSettings(**{name: value for name, value in data.items() if name in known})  # type: ignore[arg-type]


def _minute(text: object) -> int | None:
    """The minute of the day of HH:MM, 0 for an empty text, None for anything else."""
    if text == "":
        return 0
    found = _TIME.fullmatch(text) if isinstance(text, str) else None
    return int(found[1]) * 60 + int(found[2]) if found else None


def version(settings: PrinterSettings) -> str:
    """A short mark that equal settings share and different ones do not."""
    return hashlib.sha256(json.dumps(asdict(settings), sort_keys=True).encode()).hexdigest()[:12]


def changed(data: Mapping[str, object], changes: Mapping[str, object]) -> PrinterSettings:
    """What the database holds with some settings changed; raises ValueError naming one that is unknown or wrong."""
    unknown = set(changes) - set(PrinterSettings.__dataclass_fields__)
    if unknown:
        raise ValueError(f"unknown setting {min(unknown)!r}")
    return settings_from({**data, **changes})


def sensitivity(settings: PrinterSettings) -> str:
    """The word for a printer's thresholds, or "custom" for those that no word stands for."""
    own = {"warn_at": settings.warn_at, "act_at": settings.act_at}
    return next((word for word, thresholds in SENSITIVITY.items() if thresholds == own), CUSTOM)


def _check_number(name: str, value: object, least: float, greatest: float) -> None:
    fits = isinstance(value, (int, float)) and not isinstance(value, bool) and least <= value <= greatest
    _demand(fits, name, f"must be a number from {least:g} to {greatest:g}")


def _demand(holds: bool, name: str, otherwise: str) -> None:
    if not holds:
        raise ValueError(f"{name}: {otherwise}")


def _check_zones(camera: str, zones: Sequence[Zone]) -> None:
    try:
        shaped = all(2 <= len(zone) <= MAX_POINTS for zone in zones) and len(zones) <= MAX_ZONES
        placed = all(0.0 <= x <= 1.0 and 0.0 <= y <= 1.0 for zone in zones for x, y in zone)
    except (TypeError, ValueError):
        shaped = placed = False
    if not shaped or not placed:
        raise ValueError(
            f"zones.{camera}: up to {MAX_ZONES} zones of 2 to {MAX_POINTS} points (x, y) from 0 to 1"
        )


def _held(settings: PrinterSettings, memory: Memory, certainty: float, t: float) -> Memory:
    """Keep the times since which each threshold holds."""
    warn_since = (
        (memory.warn_since if memory.warn_since is not None else t) if certainty >= settings.warn_at else None
    )
    act_since = (
        (memory.act_since if memory.act_since is not None else t) if certainty >= settings.act_at else None
    )
    return _remembered(
        memory, warn_since, act_since, warned=memory.warned and certainty >= settings.warn_at / 2
    )


def _remembered(memory: Memory, warn_since: float | None, act_since: float | None, *, warned: bool) -> Memory:
    """The memory with these values; itself when they are the same, as after nearly every picture: tuning plays many."""
    if (warn_since, act_since, warned) == (memory.warn_since, memory.act_since, memory.warned):
        return memory
    return replace(memory, warn_since=warn_since, act_since=act_since, warned=warned)


def _reached(since: float | None, hold: float, t: float) -> bool:
    return since is not None and t - since >= hold


def _since(since: float | None) -> float:
    assert since is not None
    return since
