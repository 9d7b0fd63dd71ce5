"""Is it really working? The demo clip through the model, and a dry-run pause through broker and agent."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import Protocol

from hub.live import Live
from hub.pace import PaceSettings
from hub.policy import PAUSE, PrinterSettings
from hub.recordings import Shot, shots
from hub.replay import Replayed, replay
from hub.store.history import CommandRow
from hub.store.trials import Stage, TrialStore
from hub.workers import Detects

ANSWER_S = 30.0
#: A pause that an agent answers so did reach it; there was nothing to pause.
NOTHING_TO_PAUSE = "the printer cannot pause"

log = logging.getLogger(__name__)


class DryDesk(Protocol):
    """Where the dry-run pause is ordered."""

    def order(self, printer: str, action: str, *, initiator: str, reason: str, dry: bool) -> CommandRow: ...


@dataclass(frozen=True)
class TrialParts:
    """What a test goes through. `command` finds a command again by printer and id.

    `event` is told (printer, kind, level, text) when a test is over.
    """

    detector: Detects
    region_at: float
    pace: PaceSettings
    settings_of: Callable[[str], PrinterSettings]
    desk: DryDesk
    command: Callable[[str, str], CommandRow | None]
    live: Live
    event: Callable[[str, str, str, str], object] = lambda *_: None


class Trials:
    """Carries out the tests that were asked for, one at a time, on a thread of its own."""

    def __init__(self, store: TrialStore, parts: TrialParts) -> None:
        self._store, self._parts = store, parts
        self._busy = threading.Lock()

    def tick(self, now: float) -> None:
        """Begin the next test if one waits and none is under way; `now` is Unix time."""
        if self._busy.locked() or not self._store.waiting(now):
            return
        threading.Thread(target=self.run_next, args=(now,), name="trial", daemon=True).start()

    def run_next(self, now: float) -> None:
        """Carry out the test that waits longest, if any."""
        with self._busy:
            for trial in self._store.waiting(now)[:1]:
                stages: list[Stage] = []
                try:
                    for stage in carried_out(trial.printer, trial.person, self._parts):
                        stages.append(stage)
                        self._store.save(trial.id, stages, None)
                except (OSError, ValueError) as error:
                    stages.append(Stage("test", ok=False, text=str(error)))
                self._store.save(trial.id, stages, time.time())
                self._parts.event(trial.printer, *outcome(stages))


def outcome(stages: Sequence[Stage]) -> tuple[str, str, str]:
    """A finished test as an event: its kind, its level and its text."""
    failed = [f"{stage.name}: {stage.text}" for stage in stages if not stage.ok]
    if failed:
        return "test_failed", "warning", f"the test of the detection failed: {'; '.join(failed)}"
    passed = "; ".join(stage.text for stage in stages)
    return "test_passed", "info", f"the test of the detection passed: {passed}"


def carried_out(printer: str, person: str, parts: TrialParts) -> Iterator[Stage]:
    """Each stage in turn, told as soon as it has happened."""
    settings = replace(parts.settings_of(printer), watch=True, zones={}, grace_s=0.0)
    yield from seen(parts.detector, parts.region_at, settings, parts.pace)
    yield _cameras(parts.live, printer)
    yield _pause(printer, person, parts)


def seen(
    detector: Detects, region_at: float, settings: PrinterSettings, pace: PaceSettings
) -> Iterator[Stage]:
    """The demo clip's failing print through model, evidence and policy, under a printer's settings."""
    failing, onset = _clip()
    done = replay(failing, detector, region_at, settings, pace)
    scores = [step.score for step in done.steps if step.score is not None and step.t >= onset]
    highest = max(scores, default=0.0)
    yield Stage("clip", bool(done.steps), f"{len(done.steps)} pictures of the demo clip were judged")
    yield Stage("model", highest >= region_at, f"the failing pictures scored up to {highest:.2f} of 1")
    yield _decision(done, onset)


def _clip() -> tuple[list[Shot], float]:
    """The clip so slow that there is time to be sure, and when its print begins to fail."""
    folder = Path(str(files("agent.demo")))
    facts = json.loads((folder / "clip.json").read_text(encoding="utf-8"))
    step = 2.0
    return list(shots(folder / "failing.mjpeg", step)), facts["onset"] * step


def _decision(done: Replayed, onset: float) -> Stage:
    if done.acted is None:
        warned = f"warned {done.warned.t - onset:.0f} s after it began to fail, but" if done.warned else "it"
        return Stage("decision", ok=False, text=f"{warned} would never have come to: {done.settings.action}")
    if done.warned is not None and done.warned.t < onset:
        return Stage("decision", ok=False, text="it took the good part of the clip for a failure")
    text = f"would decide {done.settings.action} {done.acted.t - onset:.0f} s after the print began to fail"
    return Stage("decision", ok=True, text=f"{text}: {done.acted.reason}")


def _cameras(live: Live, printer: str) -> Stage:
    with live.lock:
        known = live.printer(printer)
        fresh = [
            name
            for name, camera in known.cameras.items()
            if camera.frame and time.monotonic() - camera.received < ANSWER_S and not camera.fault
        ]
    if fresh:
        return Stage("camera", ok=True, text=f"pictures arrive from {', '.join(sorted(fresh))}")
    return Stage("camera", ok=False, text=f"no camera has sent a picture in the last {ANSWER_S:.0f} s")


def _pause(printer: str, person: str, parts: TrialParts) -> Stage:
    """A pause that the agent checks like any other and does not carry out."""
    began = time.monotonic()
    try:
        order = parts.desk.order(printer, PAUSE, initiator=person, reason="test of the detection", dry=True)
    except ValueError as error:
        return Stage("pause", ok=False, text=f"could not be sent: {error}")
    row: CommandRow | None = order
    while row is not None and row.stage not in ("confirmed", "failed", "refused"):
        if time.monotonic() - began > ANSWER_S:
            return Stage("pause", ok=False, text=f"the agent did not answer within {ANSWER_S:.0f} s")
        time.sleep(0.05)
        row = parts.command(printer, order.id)
    took = f"{(time.monotonic() - began) * 1000:.0f} ms"
    if row is None:
        return Stage("pause", ok=False, text="the printer was removed meanwhile")
    if row.stage == "confirmed":
        return Stage(
            "pause", ok=True, text=f"broker and agent carried a dry-run pause in {took}: {row.outcome}"
        )
    reached = row.outcome.startswith(NOTHING_TO_PAUSE)
    return Stage("pause", ok=reached, text=f"the agent answered in {took}: {row.outcome}")
