"""What the network habitually sees where nothing is wrong, and where it shall not look. Pure.

A network takes some things for a tangle that are none: a cable, a fan grille, a blurred head. What it does so in
prints that ended well it will do again, so each cell of the picture has to rise above what it showed in those. Cells
in ignored zones never count.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hub.score import log_odds

Heat = NDArray[np.float32]
Cells = NDArray[np.bool_]
Point = Sequence[float]

#: A habit is what all but this share of a good print's pictures stayed below, and needs so many pictures.
QUANTILE, LEAST_PICTURES = 0.95, 30
#: After so many good prints the oldest one is all but forgotten.
MEMORY_PRINTS = 5


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


def usual(habit: Habit | None, looked_at: Heat | None, shape: tuple[int, ...]) -> Heat | None:
    """What each cell has to rise above: the camera's habit, and what was looked at in this print."""
    known = [cells for cells in (habit.cells if habit else None, looked_at) if cells is not None]
    fitting = [cells for cells in known if cells.shape == shape]
    return np.asarray(np.max(fitting, axis=0), np.float32) if fitting else None


def zone_cells(zones: Sequence[Sequence[Point]], rows: int, columns: int) -> Cells:
    """Which cells of a grid have their centre in a zone: a polygon, or a rectangle given by two corners."""
    y, x = np.mgrid[0:rows, 0:columns]
    x, y = (x + 0.5) / columns, (y + 0.5) / rows
    inside = np.zeros((rows, columns), np.bool_)
    for zone in zones:
        inside |= _within(_corners(zone), x, y)
    return inside


def places(score: float, heat: Heat, ignored: Cells | None) -> Heat:
    """How far each cell speaks for a failure, 0 to 1: the hottest one as far as the whole picture does, no cell further.

    Cells in ignored zones say nothing for a failure.
    """
    cells = log_odds(np.nan_to_num(heat))
    cells += log_odds(score) - cells.max()
    seen = 1.0 / (1.0 + np.exp(-cells))
    if ignored is not None and ignored.shape == heat.shape:
        seen[ignored] = 0.0
    return np.asarray(seen, np.float32)


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
