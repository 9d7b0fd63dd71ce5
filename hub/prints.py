"""Follows what printers say from print to print, and learns from the prints that ended well."""

from __future__ import annotations

import hashlib
import logging
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from agent.protocol import State
from hub import habits
from hub.habits import Habit, Heat
from hub.judge import Judge, Judgement
from hub.live import Live
from hub.store.history import ALARMED, EventRow
from hub.store.prints import FALSE_ALARM, FeedbackRow, PrintRow, Prints

ACTIVE = ("printing", "paused")
ENDS = {"finished": "finished", "cancelled": "cancelled", "error": "failed", "idle": "unknown"}
COMPLETE = 0.995
#: One picture in so many seconds is enough to know what a print looks like, and so many of one print are kept.
LEARN_EVERY_S, LEARN_MOST = 10.0, 720

log = logging.getLogger(__name__)


def outcome(state: State, last_progress: float) -> str | None:
    """How a running print ended by what its printer says now; None if it has not ended. Pure."""
    if state.phase == "idle" and last_progress >= COMPLETE:
        return "finished"
    return ENDS.get(state.phase)


def ended_well(row: PrintRow, events: Sequence[EventRow], said: Sequence[FeedbackRow]) -> bool:
    """Whether the network may learn from a print. Pure.

    Its owner's word counts first. Otherwise it must have finished, without an alarm, or with alarms of which each one's
    picture was called a false alarm; and nobody said that a failure was missed in it.
    """
    if row.good is not None:
        return row.good
    during = [each for each in said if row.started <= each.t_picture <= (row.ended or row.started)]
    if row.outcome != "finished" or any(each.label != FALSE_ALARM for each in during):
        return False
    alarms = {event.id for event in events if event.kind in ALARMED}
    return alarms <= {each.event for each in during}


def model_mark(folder: Path) -> str:
    """What tells the networks of a model folder from all others: their habits differ."""
    return hashlib.sha256((folder / "model.json").read_bytes()).hexdigest()[:16]


@dataclass
class _Watched:
    """What is remembered of one running print."""

    progress: float = 0.0
    heats: dict[str, list[Heat]] = field(default_factory=dict)
    taken: dict[str, float] = field(default_factory=dict)


class PrintKeeper:
    """Opens and closes prints by what printers say. `told` hears (printer, kind, level, text, data) of each change."""

    def __init__(
        self,
        prints: Prints,
        live: Live,
        judge: Judge,
        model: str,
        told: Callable[[str, str, str, str, Mapping[str, Any]], object],
    ) -> None:
        self._prints, self._live, self._judge = prints, live, judge
        self._model, self._told = model, told
        self._watched: dict[str, _Watched] = {}
        self._taught: dict[str, tuple[str, ...]] = {}
        self._lock = threading.Lock()

    def start(self, printers: Iterable[str]) -> None:
        """Learn from what an earlier run of the hub kept."""
        for printer in printers:
            self.learn(printer)

    def judged(self, judgement: Judgement) -> None:
        """Keep the heat of a frame every now and then; called on a detection thread."""
        scored = judgement.scored
        heat, camera = scored.heat, scored.frame.camera
        with self._lock:
            watched = self._watched.get(scored.printer)
            if watched is None or heat is None or scored.score is None:
                return
            if scored.received - watched.taken.get(camera, float("-inf")) < LEARN_EVERY_S:
                return
            watched.taken[camera] = scored.received
            kept = watched.heats.setdefault(camera, [])
            kept.append(heat.astype(np.float16))
            if len(kept) > LEARN_MOST:
                del kept[::2]

    def tick(self, printer: str, now: float) -> None:
        """Look at what a printer says; `now` is Unix time."""
        live = self._live.printer(printer)
        state = live.state
        if state is None or not live.online:
            return
        running = self._prints.running(printer)
        if running is not None:
            running = self._follow(running, state, now)
        if running is None and state.phase in ACTIVE:
            begun = self._prints.begin(printer, state.job, state.file, now)
            with self._lock:
                self._watched[printer] = _Watched()
            text = f"print started: {state.file or state.job or 'unnamed'}"
            self._told(printer, "print_started", "info", text, {"print": begun})

    def learn(self, printer: str) -> None:
        """Let the judge hold the printer's good prints, and only those, against what it sees."""
        known = {**dict.fromkeys(self._taught.get(printer, ())), **self._habits(printer)}
        self._taught[printer] = tuple(known)
        for camera, habit in known.items():
            self._judge.remember(printer, camera, habit)

    def habit_before(self, row: PrintRow, camera: str) -> Habit | None:
        """What the judge could hold against a print's pictures while it ran, by what is known today."""
        return self._habits(row.printer, before=row.id).get(camera)

    def _habits(self, printer: str, before: int | None = None) -> dict[str, Habit | None]:
        """What good prints, of those before the print `before`, taught of each camera; None where none was good."""
        known: dict[str, Habit | None] = {}
        said = self._prints.feedback(printer)
        for row, camera, cells in self._prints.habits(printer, self._model):
            if before is not None and row.id >= before:
                continue
            known.setdefault(camera, None)
            if ended_well(row, self._prints.events(row), said):
                known[camera] = habits.combined(known[camera], Habit(cells, 1))
        return known

    def _follow(self, running: PrintRow, state: State, now: float) -> PrintRow | None:
        """The print as it runs on, or None once it has ended."""
        with self._lock:
            watched = self._watched.setdefault(running.printer, _Watched())
        ended = outcome(state, watched.progress)
        if ended is None and state.phase in ACTIVE and state.job != running.job:
            ended = "unknown"
        if ended is None:
            watched.progress = state.progress or watched.progress
            return running
        self._prints.end(running.id, ended, now)
        if running.pinned:
            self._prints.pin(replace(running, ended=now), pinned=True)
        with self._lock:
            self._watched.pop(running.printer, None)
        for camera, heats in watched.heats.items():
            habit = habits.habit_of(heats)
            if habit is not None:
                self._prints.save_habit(running.id, camera, self._model, habit.cells)
        self.learn(running.printer)
        level = "warning" if ended == "failed" else "info"
        text = f"print {ended}: {running.file or running.job}"
        self._told(running.printer, f"print_{ended}", level, text, {"print": running.id})
        return None
