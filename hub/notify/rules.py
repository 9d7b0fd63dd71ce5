"""Who is told of what and when: levels, subjects, quiet hours, pace. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

LEVELS = ("info", "warning", "alarm")
#: What a person may say of one printer: a least level, "off", or "" for what each target says.
CHOICES = ("", *LEVELS, "off")
#: Kinds of events by what they are about. A kind that stands nowhere is "other", which everybody is told.
SUBJECTS = {
    "failures": (
        "suspected",
        "failing",
        "moved",
        "paused",
        "resumed",
        "cancelled",
        "dry_run",
        "unwatched",
        "fallback",
        *(f"{action}_{end}" for action in ("pause", "resume", "cancel") for end in ("failed", "refused")),
    ),
    "watch": ("not_watched", "watched", "standing_down"),
    "prints": tuple(f"print_{how}" for how in ("started", "finished", "cancelled", "failed", "unknown")),
    "security": ("refused", "cloned", "intent_refused", "stale_command", "intrusion"),
}
PRINTS = "prints"
TEST, DELIVERY = "test", "delivery"

MINUTES_A_DAY = 24 * 60
#: So many messages go at once; further ones about the same subject of the same printer wait a minute, then twice as
#: long each time, up to half an hour, until it has been calm for a while. Beyond a burst of all, each waits a minute.
BURST, BURST_OF_ALL, FIRST_WAIT_S, LONGEST_WAIT_S = 3, 5, 60.0, 1800.0
CALM_S = 600.0
NEVER = float("-inf")
#: A failed delivery is tried again after this, then twice as long each time, up to half an hour.
FIRST_RETRY_S, LONGEST_RETRY_S = 10.0, 1800.0


@dataclass(frozen=True)
class Choices:
    """What a person wants to be told of, and when not. Quiet hours are minutes of the hub's local day, from and to."""

    subjects: frozenset[str] = frozenset(SUBJECTS) - {PRINTS}
    quiet: tuple[int, int] | None = None
    alarms_pass: bool = True

    def __post_init__(self) -> None:
        if not self.subjects <= set(SUBJECTS):
            raise ValueError(f"subjects: {min(self.subjects - set(SUBJECTS))!r} is unknown")
        if self.quiet is not None and not all(0 <= each < MINUTES_A_DAY for each in self.quiet):
            raise ValueError("quiet hours: two times of day")


def subject(kind: str) -> str:
    """What an event of this kind is about."""
    return next((name for name, kinds in SUBJECTS.items() if kind in kinds), "other")


def rank(level: str) -> int:
    """Levels in order."""
    return LEVELS.index(level)


def wanted(kind: str, level: str, *, least: str, printer: str, choices: Choices, troubled: bool) -> bool:
    """Whether a target that is told from level `least` on is told of an event.

    `printer` is the person's choice for the printer. `troubled`: the last thing it was told of this printer and
    subject was a warning or an alarm; then it is told also how that went on, though that is only information.
    Whoever wants to hear of prints hears of all of them, at whatever level.
    """
    about = subject(kind)
    if printer == "off" or (about != "other" and about not in choices.subjects):
        return False
    if about == PRINTS and printer in ("", "info"):
        return True
    return rank(level) >= rank(printer or least) or troubled


def held(level: str, choices: Choices, minute: int) -> bool:
    """Whether quiet hours keep a message of this level back at this minute of the day."""
    if choices.quiet is None or (level == "alarm" and choices.alarms_pass):
        return False
    begin, end = choices.quiet
    return begin <= minute < end if begin <= end else minute >= begin or minute < end


def due(sent: Sequence[float]) -> float:
    """When the next message about a subject of a printer may go, after those sent at these times (rising)."""
    run, last = 0, NEVER
    for t in sent:
        run = 1 if t - last > max(CALM_S, 2 * _wait(run)) else run + 1
        last = t
    return last + _wait(run)


def due_overall(sent: Sequence[float]) -> float:
    """When the next message of any kind may go to a target, after those sent at these times (rising)."""
    burst = [t for t in sent if t > sent[-1] - CALM_S]
    return burst[-1] + FIRST_WAIT_S if len(burst) >= BURST_OF_ALL else NEVER


def _wait(run: int) -> float:
    """Seconds until the next message after `run` messages of one burst."""
    return 0.0 if run < BURST else min(FIRST_WAIT_S * 2.0 ** min(run - BURST, 20), LONGEST_WAIT_S)


def retry(tries: int) -> float:
    """Seconds until the next try after `tries` failed ones."""
    return min(FIRST_RETRY_S * 2.0 ** min(tries - 1, 20), LONGEST_RETRY_S)
