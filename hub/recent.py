"""The latest pictures and scores of each camera, so that a decision can be shown with what led to it."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass, field
from typing import NamedTuple

from agent.protocol import Frame
from hub.regions import Region

#: So many pictures at most are kept of a camera, and so many scores.
PICTURES, SCORES = 6, 60
#: Two kept pictures lie at least so far apart; two neighbours of the same second show the same.
APART_S = 2.0


@dataclass(frozen=True)
class Seen:
    """One judged picture; `t` is Unix time, `moved` the certainty of the second signal."""

    t: float
    frame: Frame
    score: float | None
    certainty: float | None
    regions: tuple[Region, ...] = ()
    moved: float | None = None


class _Score(NamedTuple):
    """What is kept of a picture for longer than the picture."""

    t: float
    score: float | None
    certainty: float | None
    moved: float | None


@dataclass
class _Camera:
    """What is kept of one camera."""

    pictures: deque[Seen] = field(default_factory=lambda: deque(maxlen=PICTURES))
    scores: deque[_Score] = field(default_factory=lambda: deque(maxlen=SCORES))


class Recent:
    """Kept in memory, by printer and camera: of a quiet one its newest picture, of a suspicious one the last few."""

    def __init__(self) -> None:
        self._cameras: dict[str, dict[str, _Camera]] = {}
        self._lock = threading.Lock()

    def add(self, printer: str, seen: Seen, *, suspicious: bool) -> None:
        """Keep one more picture."""
        with self._lock:
            camera = self._cameras.setdefault(printer, {}).setdefault(seen.frame.camera, _Camera())
            camera.scores.append(_Score(seen.t, seen.score, seen.certainty, seen.moved))
            kept = camera.pictures
            if not suspicious:
                kept.clear()
            if not kept or seen.t - kept[-1].t >= APART_S:
                kept.append(seen)

    def take(self, printer: str) -> list[Seen]:
        """The kept pictures of all cameras, oldest first; they are given out once."""
        with self._lock:
            cameras = self._cameras.get(printer, {}).values()
            found = sorted((seen for each in cameras for seen in each.pictures), key=lambda seen: seen.t)
            for each in cameras:
                each.pictures.clear()
        return found

    def curve(self, printer: str, camera: str, now: float) -> list[tuple[float, float | None, float | None]]:
        """The last scores of a camera, oldest first: seconds before `now`, score, certainty."""
        kept = self._scores(printer, camera)
        return [(round(each.t - now, 1), _short(each.score), _short(each.certainty)) for each in kept]

    def moved_curve(self, printer: str, camera: str, now: float) -> list[tuple[float, float | None]]:
        """The same of the second signal: seconds before `now`, its certainty."""
        return [(round(each.t - now, 1), _short(each.moved)) for each in self._scores(printer, camera)]

    def forget(self, printer: str) -> None:
        """Drop a removed printer."""
        with self._lock:
            self._cameras.pop(printer, None)

    def _scores(self, printer: str, camera: str) -> list[_Score]:
        with self._lock:
            return list(self._cameras.get(printer, {}).get(camera, _Camera()).scores)


def _short(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
