"""What the network habitually sees where nothing is wrong, and where it shall not look. Pure.

A network takes some things for a tangle that are none: a cable, a fan grille, a blurred head. What it does so in
prints that ended well it will do again, so each cell of the picture has to rise above what it showed in those. Cells
in ignored zones never count.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Heat = NDArray[np.float32]
Cells = NDArray[np.bool_]
Point = Sequence[float]

#: A habit is what all but this share of a good print's pictures stayed below, and needs so many pictures.
QUANTILE, LEAST_PICTURES = 0.95, 30
#: The network's own score is the mean of its hottest cells; so many are looked at to see how far it falls.
TOP_CELLS = 4
#: After so many good prints the oldest one is all but forgotten.
MEMORY_PRINTS = 5
_EDGE = 1e-4


@dataclass(frozen=True)
class Habit:
    """What one camera's good prints look like to the network: a probability for each cell, from `prints` prints."""

    cells: Heat
    prints: int


def habit_of(heats: Sequence[Heat]) -> Habit | None:
    """The habit that one good print shows; None when it is too short or its pictures differ in grid."""
    if len(heats) < LEAST_PICTURES or len({heat.shape for heat in heats}) != 1:
        return None
    return Habit(np.quantile(np.stack(heats), QUANTILE, axis=0).astype(np.float32), 1)


def combined(known: Habit | None, new: Habit) -> Habit:
    """A habit with one more good print in it; a known one of another grid (another network) is forgotten."""
    if known is None or known.cells.shape != new.cells.shape:
        return new
    share = 1.0 / min(known.prints + 1, MEMORY_PRINTS)
    cells = known.cells + (new.cells - known.cells) * share
    return Habit(cells.astype(np.float32), known.prints + 1)


def accepted(heats: Sequence[Heat], before: Heat | None) -> Heat:
    """What a person has looked at and let go on: the most that each cell and its neighbours showed lately."""
    most = np.max(np.stack([heat for heat in heats if heat.shape == heats[-1].shape]), axis=0)
    rows, columns = most.shape
    wide = np.pad(most, 1, mode="edge")
    most = np.max([wide[y : y + rows, x : x + columns] for y in range(3) for x in range(3)], axis=0)
    if before is not None and before.shape == most.shape:
        most = np.maximum(most, before)
    return np.asarray(most, np.float32)


def raised(habit: Habit | None, looked_at: Heat | None) -> Habit | None:
    """A habit with what was looked at in this print on top."""
    if looked_at is None:
        return habit
    if habit is None or habit.cells.shape != looked_at.shape:
        return Habit(looked_at, 0)
    return Habit(np.maximum(habit.cells, looked_at), habit.prints)


def zone_cells(zones: Sequence[Sequence[Point]], rows: int, columns: int) -> Cells:
    """Which cells of a grid have their centre in a zone: a polygon, or a rectangle given by two corners."""
    y, x = np.mgrid[0:rows, 0:columns]
    x, y = (x + 0.5) / columns, (y + 0.5) / rows
    inside = np.zeros((rows, columns), np.bool_)
    for zone in zones:
        inside |= _within(_corners(zone), x, y)
    return inside


def evidence(
    score: float,
    heat: Heat | None,
    habit: Habit | None,
    ignored: Cells | None,
    before: Heat | None = None,
) -> float:
    """The score of one picture after habit and ignored zones; one half when they alone made it look fine.

    The network's score falls as far as the mean of its hottest cells does. It never rises. With `before`, what an
    earlier picture showed, a cell counts only as far as it was hot then too: a tangle stays where it is.
    """
    if heat is None or (habit is None and ignored is None and before is None):
        return score
    now = _logit(heat)
    after = now.copy()
    if before is not None and before.shape == heat.shape:
        after = np.minimum(after, _logit(before))
    if habit is not None and habit.cells.shape == heat.shape:
        after -= np.maximum(0.0, _logit(habit.cells))
    if ignored is not None and ignored.shape == heat.shape:
        after[ignored] = _logit(np.zeros(1))[0]
    held = min(1 - 1e-6, max(1e-6, score))
    value = math.log(held / (1 - held)) - max(0.0, _top(now) - _top(after))
    result = 1.0 / (1.0 + math.exp(-value))
    return 0.5 if score >= 0.5 > result else result


def _corners(zone: Sequence[Point]) -> list[tuple[float, float]]:
    if len(zone) != 2:
        return [(x, y) for x, y in zone]
    (a, b), (c, d) = zone
    return [(a, b), (c, b), (c, d), (a, d)]


def _within(corners: Sequence[tuple[float, float]], x: NDArray[np.float64], y: NDArray[np.float64]) -> Cells:
    """Points inside a polygon, by the even-odd rule."""
    inside = np.zeros(x.shape, np.bool_)
    for (ax, ay), (bx, by) in zip(corners, [*corners[1:], corners[0]], strict=True):
        if ay != by:
            crosses = (ay > y) != (by > y)
            inside ^= crosses & (x < (bx - ax) * (y - ay) / (by - ay) + ax)
    return inside


def _logit(heat: NDArray[np.floating]) -> NDArray[np.float64]:
    held = np.clip(np.nan_to_num(heat.astype(np.float64)), _EDGE, 1 - _EDGE)
    return np.asarray(np.log(held / (1 - held)), np.float64)


def _top(cells: NDArray[np.float64]) -> float:
    return float(np.sort(cells, axis=None)[-TOP_CELLS:].mean())
