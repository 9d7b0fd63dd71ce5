"""Past prints played again for people: the pictures that were kept, through the code of `printwarden replay`.

One at a time for the whole hub and with a rest after each picture, so that live pictures go first. A replay orders
nothing and is not stored: what came out of it is held in memory for a while.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from hub.habits import Habit
from hub.pace import PaceSettings
from hub.policy import PrinterSettings
from hub.recordings import Shot
from hub.replay import CAMERA, Replayed, replay
from hub.store.history import EVIDENCE, LAPSE, EvidenceRow
from hub.store.prints import PrintRow
from hub.workers import Detects

KEPT, KEPT_S, STOP_S = 20, 3600.0, 10.0

log = logging.getLogger(__name__)


class Busy(ValueError):
    """Another replay is under way."""


class _Stopped(Exception):
    """The hub stops."""


@dataclass
class Run:
    """One replay: of these pictures, asked for at `asked` (Unix time), with `done` of them behind it.

    `replayed` is what came out; its steps count the pictures. `error` tells why nothing did.
    """

    row: PrintRow
    settings: PrinterSettings
    pictures: tuple[EvidenceRow, ...]
    asked: float
    done: int = 0
    replayed: Replayed | None = None
    error: str = ""

    @property
    def under_way(self) -> bool:
        """Whether something may still come out."""
        return self.replayed is None and not self.error


def recording(stored: Sequence[EvidenceRow]) -> tuple[EvidenceRow, ...]:
    """The pictures of a print that can be played: those of its time-lapse and its decisions by one camera, by time."""
    pictures = sorted((each for each in stored if each.kind in (LAPSE, EVIDENCE)), key=lambda each: each.t)
    lapse = [each for each in pictures if each.kind == LAPSE] or pictures
    return tuple(each for each in pictures if each.camera == lapse[-1].camera)


class Replays:
    """Plays prints on a thread of its own. `picture` reads a stored picture by printer and id."""

    def __init__(
        self,
        detector: Detects,
        region_at: float,
        pace: PaceSettings,
        picture: Callable[[str, int], bytes | None],
    ) -> None:
        self._detector, self._region_at, self._pace, self._picture = detector, region_at, pace, picture
        self._runs: dict[tuple[str, int], Run] = {}
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Nothing to do before somebody asks."""

    def stop(self) -> None:
        """Give up what is under way."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(STOP_S)

    def begin(
        self,
        row: PrintRow,
        stored: Sequence[EvidenceRow],
        settings: PrinterSettings,
        habit_of: Callable[[str], Habit | None],
        now: float,
    ) -> Run:
        """Begin to play a print. Raises Busy while another one is played, ValueError if there is nothing to play."""
        pictures = recording(stored)
        if row.ended is None:
            raise ValueError("this print is still running")
        if not pictures:
            raise ValueError("no picture of this print is left")
        run = Run(row, settings, pictures, now)
        with self._lock:
            if any(each.under_way for each in self._runs.values()):
                raise Busy("another replay is under way; try again when it is done")
            self._tidy(now)
            self._runs[row.printer, row.id] = run
        habit = habit_of(pictures[-1].camera)
        self._thread = threading.Thread(target=self._play, args=(run, habit), name="replay", daemon=True)
        self._thread.start()
        return run

    def of(self, row: PrintRow, now: float) -> Run | None:
        """The newest replay of a print that is not too old."""
        with self._lock:
            self._tidy(now)
            return self._runs.get((row.printer, row.id))

    def forget(self, row: PrintRow) -> None:
        """The print is deleted, and what came out of it with it."""
        with self._lock:
            self._runs.pop((row.printer, row.id), None)

    def _tidy(self, now: float) -> None:
        """Drop what is too old, and the oldest of too many."""
        done = sorted((run.asked, key) for key, run in self._runs.items() if not run.under_way)
        for number, (asked, key) in enumerate(reversed(done)):
            if number >= KEPT or now - asked > KEPT_S:
                del self._runs[key]

    def _play(self, run: Run, habit: Habit | None) -> None:
        zones = {CAMERA: run.settings.zones.get(run.pictures[-1].camera, ())}
        settings = replace(run.settings, zones=zones)
        try:
            done = replay(
                self._shots(run), self._detector, self._region_at, settings, self._pace, habit=habit
            )
            run.replayed = replace(done, pictures={}, settings=run.settings)  # they are stored already
        except _Stopped:
            run.error = "the hub was stopped"
        except Exception as error:  # supervisor: whoever asked is told what went wrong, and the hub goes on
            log.exception("print %s of printer %s could not be replayed", run.row.id, run.row.printer)
            run.error = str(error) or type(error).__name__

    def _shots(self, run: Run) -> Iterator[Shot]:
        for number, each in enumerate(run.pictures):
            run.done = number
            began = time.monotonic()
            yield Shot(number, each.t - run.row.started, self._picture(each.printer, each.id) or b"")
            if self._stopping.wait(time.monotonic() - began):
                raise _Stopped
