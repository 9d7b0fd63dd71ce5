"""From a scored frame to a decision, one printer at a time: evidence, policy, and what follows from it."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from agent.protocol import NOT_PRINTING, Frame
from hub import policy, score
from hub.displaced import Past
from hub.habits import Cells, Habit, Heat, accepted, places, usual, zone_cells
from hub.live import Live
from hub.policy import Decision, PrinterSettings
from hub.regions import Region
from hub.score import Evidence, ScoreSettings

#: So many frames are remembered; what they showed was looked at when a person lets a print go on.
RECENT = 64
#: A frame with less than this share of a camera's usual detail is blurred, or something is in front of the lens.
BLURRED = 0.6
#: A part that is seen where it was is there: what covers it for a while was left out before.
SEEN_AGAIN = 0.1

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Scored:
    """One frame and what the network made of it; `score` is None when the picture says nothing (dark).

    `heat` has a probability for each cell; without it neither habits nor zones can be taken into account.
    `detail` is how sharp the picture is, in a measure that only compares pictures of one camera, `small` the picture
    in grey, to be compared with its past.
    """

    printer: str
    frame: Frame
    received: float
    score: float | None
    regions: tuple[Region, ...]
    heat: Heat | None = None
    detail: float | None = None
    small: NDArray[np.uint8] | None = None


@dataclass(frozen=True)
class Judgement:
    """What one more frame led to. `suspicion` is at least the certainty: how sure it were if the network had no doubt.

    `settings` are those that it was judged by, `quiet` whether that fell into the printer's quiet hours. `moved` is
    what to do about a part that is no longer where it was, `moved_certainty` how sure that is.
    """

    scored: Scored
    certainty: float | None
    verdict: str
    decision: Decision
    suspicion: float | None = None
    settings: PrinterSettings = field(default_factory=PrinterSettings)
    quiet: bool = False
    moved: Decision = policy.NOTHING
    moved_certainty: float | None = None


@dataclass
class _Parts:
    """What is remembered of where one printer's parts stand."""

    memory: policy.Memory = field(default_factory=policy.Memory)
    evidence: dict[str, Evidence] = field(default_factory=dict)
    pasts: dict[str, Past] = field(default_factory=dict)

    def certainty(self, scored: Scored, scoring: ScoreSettings, vote: str) -> float | None:
        """How sure it is, after one more frame, that a part is no longer where it was."""
        camera, t = scored.frame.camera, scored.received
        before = self.evidence.get(camera, Evidence())
        past = self.pasts.setdefault(camera, Past())
        said = None if scored.small is None else past.look(scored.small, t)
        self.evidence[camera] = score.update(before, said, t, scoring)
        return score.combined(self.evidence, scoring, t, vote=vote)

    def accept(self) -> None:
        """A person has looked at where they stand now."""
        for past in self.pasts.values():
            past.accept()
        self.evidence = {camera: score.reset(each) for camera, each in self.evidence.items()}
        self.memory = policy.release(self.memory)


@dataclass
class _Case:
    """What is remembered about one printer."""

    settings: PrinterSettings
    lock: threading.Lock = field(default_factory=threading.Lock)
    memory: policy.Memory = field(default_factory=policy.Memory)
    evidence: dict[str, Evidence] = field(default_factory=dict)
    acknowledged: dict[str, tuple[Region, ...]] = field(default_factory=dict)
    seen: dict[str, tuple[Region, ...]] = field(default_factory=dict)
    habits: dict[str, Habit] = field(default_factory=dict)
    ignored: dict[str, Cells] = field(default_factory=dict)
    recent: dict[str, deque[Heat]] = field(default_factory=dict)
    accepted: dict[str, Heat] = field(default_factory=dict)
    detail: dict[str, float] = field(default_factory=dict)
    parts: _Parts = field(default_factory=_Parts)
    phase: str = ""
    failed: bool = False

    def places(self, scored: Scored) -> float | Heat | None:
        """How far one frame speaks for a failure, by place where it has heat; None when it says nothing."""
        camera, heat = scored.frame.camera, scored.heat
        if scored.score is None or self._blurred(scored):
            return None
        known = not score.fresh(scored.regions, self.acknowledged.get(camera, ()))
        # known to a person: nothing against the print, but the camera still sees
        limit = 0.5 if known else 1.0
        if heat is None:
            return min(scored.score, limit)
        if camera not in self.ignored and self.settings.zones.get(camera):
            self.ignored[camera] = zone_cells(self.settings.zones[camera], *heat.shape)
        self.recent.setdefault(camera, deque(maxlen=RECENT)).append(heat)
        return np.minimum(places(scored.score, heat, self.ignored.get(camera)), np.float32(limit))

    def usual(self, scored: Scored) -> float | Heat:
        """What the frame has to rise above to speak for a failure."""
        camera, heat = scored.frame.camera, scored.heat
        if heat is None:
            return 0.5
        found = usual(self.habits.get(camera), self.accepted.get(camera), heat.shape)
        return 0.5 if found is None else found

    def _blurred(self, scored: Scored) -> bool:
        """Whether the frame shows far less detail than this camera's frames usually do."""
        if scored.detail is None:
            return False
        usual = self.detail.get(scored.frame.camera, scored.detail)
        self.detail[scored.frame.camera] = usual + (scored.detail - usual) * 0.05
        return scored.detail < BLURRED * usual

    def new_job(self) -> None:
        """A new print has a clean record."""
        self.acknowledged, self.accepted, self.recent, self.failed = {}, {}, {}, False
        self.parts = _Parts()
        self.evidence = {camera: score.reset(each) for camera, each in self.evidence.items()}

    def release(self) -> None:
        """What was decided may be decided anew."""
        self.memory, self.parts.memory = policy.release(self.memory), policy.release(self.parts.memory)
        self.failed = False

    def acknowledge(self) -> None:
        """What is seen now was looked at by a person: hold it against the print no longer."""
        self.acknowledged = dict(self.seen)
        for camera, heats in self.recent.items():
            self.accepted[camera] = accepted(heats, self.accepted.get(camera))
        self.evidence = {camera: score.reset(each) for camera, each in self.evidence.items()}
        self.parts.accept()
        self.memory = policy.release(self.memory)


class Judge:
    """Keeps the evidence of every printer. Any thread may bring frames; each printer is judged by one at a time.

    `decided` is told every judgement. `minute` tells the minute of the day for quiet hours, None where there are none.
    """

    def __init__(
        self,
        live: Live,
        settings_of: Callable[[str], PrinterSettings],
        decided: Callable[[Judgement], None],
        scoring: ScoreSettings | None = None,
        minute: Callable[[], int | None] = lambda: None,
    ) -> None:
        self._live, self._minute = live, minute
        self._settings_of = settings_of
        self.decided = decided
        self._scoring = scoring or ScoreSettings()
        self._trusting = replace(self._scoring, doubt=0.0)
        self._parts_scoring = replace(self._scoring, hidden=SEEN_AGAIN)
        self._cases: dict[str, _Case] = {}
        self._lock = threading.Lock()

    def frame(self, scored: Scored) -> Judgement:
        """Take one scored frame into account and report the judgement."""
        case = self._case(scored.printer)
        with case.lock:
            judgement = self._judge(case, scored)
        self.decided(judgement)
        return judgement

    def settings(self, printer: str) -> PrinterSettings:
        """The settings by which a printer is judged now."""
        return self._case(printer).settings

    def settings_changed(self, printer: str) -> None:
        """Read a printer's settings again; what was decided under other ones may be decided anew."""
        case, settings = self._case(printer), self._settings_of(printer)
        with case.lock:
            if settings != case.settings:
                case.settings, case.ignored = settings, {}
                case.release()

    def dismiss(self, printer: str) -> None:
        """A person called what is seen now a false alarm."""
        case = self._case(printer)
        with case.lock:
            case.acknowledge()

    def remember(self, printer: str, camera: str, habit: Habit | None) -> None:
        """What this camera's good prints look like, from now on; None forgets it."""
        case = self._case(printer)
        with case.lock:
            case.habits.pop(camera, None)
            if habit is not None:
                case.habits[camera] = habit

    def action_failed(self, printer: str) -> None:
        """The printer did not obey: decide again after a while if the failure is still seen."""
        case = self._case(printer)
        with case.lock:
            case.failed = True

    def forget(self, printer: str) -> None:
        """Drop a removed printer."""
        with self._lock:
            self._cases.pop(printer, None)

    def _case(self, printer: str) -> _Case:
        with self._lock:
            if printer not in self._cases:
                self._cases[printer] = _Case(self._settings_of(printer))
            return self._cases[printer]

    def _judge(self, case: _Case, scored: Scored) -> Judgement:
        state = self._live.printer(scored.printer).state
        phase, job = (state.phase, state.job) if state else ("unknown", "")
        self._follow_phase(case, phase, job)
        camera, t = scored.frame.camera, scored.received
        case.seen[camera] = scored.regions
        before, seen, usual = case.evidence.get(camera, Evidence()), case.places(scored), case.usual(scored)
        case.evidence[camera] = score.update(before, seen, t, self._scoring, usual)
        hint = score.certainty(score.update(before, seen, t, self._trusting, usual), self._scoring)
        certainty = score.combined(case.evidence, self._scoring, t, vote=case.settings.vote)
        if case.failed and any(policy.retry_due(each, t) for each in (case.memory, case.parts.memory)):
            case.release()
        quiet = policy.quiet(case.settings, self._minute())
        settings = policy.by_night(case.settings) if quiet else case.settings
        decision, case.memory = policy.decide(
            settings, case.memory, phase=phase, job=job, certainty=certainty, t=t
        )
        moved, sure = self._moved(case, scored, settings, phase, job)
        if case.memory.acted:
            moved = policy.NOTHING  # one order is enough
        suspicion = None if certainty is None else max(certainty, hint, sure or 0.0)
        verdict = policy.verdict(certainty, settings)
        return Judgement(scored, certainty, verdict, decision, suspicion, settings, quiet, moved, sure)

    def _moved(
        self, case: _Case, scored: Scored, settings: PrinterSettings, phase: str, job: str
    ) -> tuple[Decision, float | None]:
        """The second signal: what to do about parts that moved, and how sure that is."""
        if settings.moved == policy.OFF or phase != "printing":
            return policy.NOTHING, None
        sure = case.parts.certainty(scored, self._parts_scoring, settings.vote)
        decision, case.parts.memory = policy.decide_parts(
            settings, case.parts.memory, phase=phase, job=job, certainty=sure, t=scored.received
        )
        return decision, sure

    def _follow_phase(self, case: _Case, phase: str, job: str) -> None:
        """A resumed print was looked at; a new job has a clean record."""
        if case.phase == "paused" and phase == "printing" and job == case.memory.job:
            case.acknowledge()
        if phase == "printing" and (job != case.memory.job or case.phase in NOT_PRINTING):
            case.new_job()
        case.phase = phase


def local_minute(t: float | None = None) -> int:
    """The minute of the day by the clock of this machine, in its own time zone; of a Unix time or now."""
    local = time.localtime(t)
    return local.tm_hour * 60 + local.tm_min
