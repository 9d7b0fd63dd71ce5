"""`printwarden replay`: a recording through the code that judges live frames, on the recording's own time axis.

Detection, evidence, policy and pace are the hub's own; only clock, camera and printer are played. Like a live hub it
takes the newest picture when one is wanted, so a picture that no one would have asked for is not judged.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from agent.protocol import Frame, State
from hub.habits import Habit, habit_of
from hub.judge import Judge, Judgement, Scored
from hub.live import Live
from hub.pace import Pace, PaceSettings
from hub.policy import PrinterSettings
from hub.recordings import Shot
from hub.regions import Region
from hub.score import ScoreSettings
from hub.vision import Detection, PictureError
from hub.workers import Detects, scored

PRINTER, CAMERA, JOB = "replay", "main", "replay"


@dataclass(frozen=True)
class Step:
    """One judged picture. `decision` is none, warn, alert, pause or cancel; times in seconds of the print."""

    index: int
    t: float
    score: float | None
    certainty: float | None
    verdict: str
    decision: str
    reason: str
    interval: float
    regions: tuple[Region, ...] = ()


@dataclass(frozen=True)
class Replayed:
    """A whole replay. `pictures` holds the JPEGs of the steps that decided something, by their index."""

    steps: tuple[Step, ...]
    settings: PrinterSettings
    pace: PaceSettings
    unreadable: int = 0
    pictures: dict[int, bytes] = field(default_factory=dict)

    @property
    def decided(self) -> list[Step]:
        """The steps at which something was decided, in order."""
        return [step for step in self.steps if step.decision != "none"]

    @property
    def warned(self) -> Step | None:
        """The first step at which a person would have heard of it."""
        return next(iter(self.decided), None)

    @property
    def acted(self) -> Step | None:
        """The step at which the print would have been paused (or whatever the settings order)."""
        return next((step for step in self.decided if step.decision == self.settings.action), None)


class Player:
    """One printer with one camera, played: judges pictures at the times they are said to be from."""

    def __init__(
        self, settings: PrinterSettings, pace: PaceSettings, scoring: ScoreSettings | None = None
    ) -> None:
        self._pace = Pace(pace, lambda _printer: None, lambda _message: None)
        self._live = Live()
        self._judge = Judge(self._live, lambda _printer: settings, lambda _judgement: None, scoring)
        self.phase("printing")

    def phase(self, phase: str) -> None:
        """Let the printer say what it does from now on."""
        state = State(boot=1, seq=1, clock=0, time=0, phase=phase, job=JOB)
        self._live.printer(PRINTER).state = state

    def resume(self) -> None:
        """Its owner lets a paused print go on, with all that is seen now."""
        self._judge.dismiss(PRINTER)

    def remember(self, good: Sequence[Detection]) -> None:
        """An earlier print of this camera that ended well."""
        self._judge.remember(PRINTER, CAMERA, habit_of([each.heat for each in good]))

    def know(self, habit: Habit) -> None:
        """What this camera's good prints look like."""
        self._judge.remember(PRINTER, CAMERA, habit)

    def frame(self, index: int, t: float) -> Frame:
        """A frame as the agent would have sent it at that time; its picture is not carried."""
        now = int(t * 1000)
        return Frame(camera=CAMERA, boot=1, seq=index + 1, clock=now, time=now, job=JOB, jpeg=b"")

    def judged(self, each: Scored) -> tuple[Judgement, float]:
        """The judgement of a picture, and after how many seconds the next one is wanted."""
        judgement = self._judge.frame(each)
        return judgement, self._pace.interval(PRINTER, judgement.suspicion, each.received)


def replay(
    recording: Iterable[Shot],
    detector: Detects,
    region_at: float,
    settings: PrinterSettings,
    pace: PaceSettings,
    habit: Habit | None = None,
) -> Replayed:
    """Judge a recording with these settings, and with the camera's habit if that is known.

    Unreadable pictures are counted and passed over.
    """
    player, steps, pictures, unreadable = Player(settings, pace), [], {}, 0
    if habit is not None:
        player.know(habit)
    for shot, answer in _wanted(recording):
        try:
            found = detector.detect(shot.jpeg)
        except PictureError:
            unreadable += 1
            continue
        each = scored(PRINTER, player.frame(shot.index, shot.t), shot.t, found, region_at)
        judgement, interval = player.judged(each)
        answer.append(shot.t + interval)
        step = _step(shot, judgement, interval)
        steps.append(step)
        if step.decision != "none":
            pictures[shot.index] = shot.jpeg
    return Replayed(tuple(steps), settings, pace, unreadable, pictures)


def as_data(replayed: Replayed) -> dict[str, Any]:
    """Everything but the pictures, ready for JSON."""
    return {
        "settings": asdict(replayed.settings),
        "pace": asdict(replayed.pace),
        "judged": len(replayed.steps),
        "unreadable": replayed.unreadable,
        "warned_s": replayed.warned.t if replayed.warned else None,
        "acted_s": replayed.acted.t if replayed.acted else None,
        "steps": [asdict(step) for step in replayed.steps],
    }


def as_text(replayed: Replayed, name: str) -> str:
    """When it would have warned and acted, in plain lines."""
    if not replayed.steps:
        return f"{name}: none of its pictures could be judged"
    last = replayed.steps[-1]
    lines = [f"{name}: {clock(last.t)} long, {len(replayed.steps)} pictures judged"]
    if replayed.unreadable:
        lines.append(f"  {replayed.unreadable} pictures could not be read")
    for step in replayed.decided:
        score = "" if step.score is None else f"score {step.score:.2f}, "
        lines.append(f"  {clock(step.t)}  {step.decision:<6}  picture {step.index}: {score}{step.reason}")
    if not replayed.decided:
        surest = max((step.certainty or 0.0 for step in replayed.steps), default=0.0)
        lines.append(f"  never warned, never paused; the highest certainty was {surest:.1%}")
    elif replayed.acted is None:
        lines.append(f"  warned, but never sure enough for: {replayed.settings.action}")
    return "\n".join(lines)


def clock(seconds: float) -> str:
    """Seconds of the print as h:mm:ss."""
    whole = round(seconds)
    return f"{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d}"


def _wanted(recording: Iterable[Shot]) -> Iterator[tuple[Shot, list[float]]]:
    """The pictures that the pace asks for; the taker appends the time at which the next one is wanted."""
    due = float("-inf")
    for shot in recording:
        if shot.t + 1e-6 >= due:
            answer: list[float] = []
            yield shot, answer
            due = answer[-1] if answer else due


def _step(shot: Shot, judgement: Judgement, interval: float) -> Step:
    return Step(
        index=shot.index,
        t=shot.t,
        score=judgement.scored.score,
        certainty=judgement.certainty,
        verdict=judgement.verdict,
        decision=judgement.decision.kind,
        reason=judgement.decision.reason,
        interval=interval,
        regions=judgement.scored.regions,
    )
