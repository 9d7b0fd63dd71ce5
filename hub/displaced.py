"""Whether what was printed is still where it was: a print's pictures against their own past. Pure.

A part that came loose, was knocked over or is dragged along often shows no tangle for minutes. Each picture is cut into
cells, each cell normalised by its own mean and contrast, so that a change of light changes little. A cell holds a part
when it looks other than at the print's start and has looked the same for the last minutes; the head does not stay that
long, and what always stood there looks as it did at the start. When several such cells lose their look at once and no
picture of the last while shows it again, the part is gone from there.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
Looks = NDArray[np.float32]
Cells = NDArray[np.bool_]

#: The picture has so many cells each way, each so many pixels wide.
GRID, CELL = 14, 8
SIDE = GRID * CELL
#: A cell of less contrast than about this (a sum over its pixels) is flat: nothing can be said of it.
CONTRAST, FLAT = 40.0, 0.3
#: A part has looked the same for so many minutes.
STEADY_MINUTES = 8
#: How alike two looks must be to be the same, at most to be others, and at most to be gone.
SAME, OTHER, GONE = 0.6, 0.5, 0.4
#: What covers a cell for less than this long does not count, and so many pictures at least must show it.
COVERED_S, LEAST_PICTURES = 30.0, 3
#: So many cells at least must be gone at once; when more than this share of all cells change, the camera or light did.
LEAST_CELLS, MOST_SHARE = 3, 0.5
#: What one picture says when a part is gone or still there.
LOST, KEPT = 0.97, 0.03
APART_S, MINUTE_S = 2.0, 60.0


@dataclass
class Past:
    """What one camera saw of one print so far."""

    first: Looks | None = None
    minutes: deque[Looks] = field(default_factory=lambda: deque(maxlen=STEADY_MINUTES + 1))
    recent: deque[tuple[float, NDArray[np.float32]]] = field(default_factory=deque)
    gathered: list[Looks] = field(default_factory=list)
    since: float | None = None
    last: float = float("-inf")
    printed: Cells | None = None
    usual: Looks | None = None

    def look(self, picture: Picture, t: float) -> float | None:
        """How far a picture speaks for a lost part, 0 to 1; None when it cannot say, also early in a print."""
        if t - self.last < APART_S:
            return None
        self.last = t
        now = looks(picture)
        self._gather(now, t)
        if self.usual is None or self.printed is None:
            return None
        self.recent.append((t, alike(now, self.usual)))
        while t - self.recent[0][0] > COVERED_S:
            self.recent.popleft()
        if len(self.recent) < LEAST_PICTURES or int(self.printed.sum()) < LEAST_CELLS:
            return None
        gone = np.max([each for _, each in self.recent], axis=0) < GONE
        known = _contrast(self.usual) > FLAT
        if np.count_nonzero(gone & known) > MOST_SHARE * np.count_nonzero(known):
            return None
        return LOST if np.count_nonzero(gone & self.printed) >= LEAST_CELLS else KEPT

    def accept(self) -> None:
        """A person has looked at what stands there now: it is the past from now on, the print's start stays."""
        self.minutes.clear()
        self.recent.clear()
        self.gathered, self.since, self.printed, self.usual = [], None, None, None

    def _gather(self, now: Looks, t: float) -> None:
        """Take a picture into the mean of its minute; with each full minute it is known anew where parts stand."""
        self.since = t if self.since is None else self.since
        self.gathered.append(now)
        if t - self.since < MINUTE_S:
            return
        minute: Looks = np.asarray(np.mean(self.gathered, axis=0), np.float32)
        self.gathered, self.since = [], t
        first = self.first = minute if self.first is None else self.first
        self.minutes.append(minute)
        if len(self.minutes) > STEADY_MINUTES:
            oldest, middle, newest = self.minutes[0], self.minutes[STEADY_MINUTES // 2], self.minutes[-2]
            steady = (alike(newest, oldest) > SAME) & (alike(newest, middle) > SAME)
            new = alike(newest, first) < OTHER
            self.printed = steady & new & (_contrast(newest) > FLAT)
            self.usual = np.asarray(np.mean(list(self.minutes)[:-1], axis=0), np.float32)


def looks(picture: Picture) -> Looks:
    """The cells of a grey picture of SIDE x SIDE pixels, each without its brightness and, if not flat, its contrast."""
    apart = picture.astype(np.float32).reshape(GRID, CELL, GRID, CELL).transpose(0, 2, 1, 3)
    cells = apart.reshape(GRID * GRID, CELL * CELL)
    cells = cells - cells.mean(axis=1, keepdims=True)
    return np.asarray(cells / (np.linalg.norm(cells, axis=1, keepdims=True) + CONTRAST), np.float32)


def alike(one: Looks, other: Looks) -> NDArray[np.float32]:
    """How alike the cells of two pictures look, -1 to 1; flat ones are like nothing."""
    size = _contrast(one) * _contrast(other) + 1e-3
    return np.asarray(np.einsum("ij,ij->i", one, other) / size, np.float32)


def _contrast(cells: Looks) -> NDArray[np.float32]:
    return np.asarray(np.linalg.norm(cells, axis=1), np.float32)
