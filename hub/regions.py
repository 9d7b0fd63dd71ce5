"""Where in the picture: connected regions of a heat map. Pure."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Heat = NDArray[np.float32]


@dataclass(frozen=True)
class Region:
    """A rectangle around connected hot cells, in shares of the picture, with its highest cell's probability."""

    x: float
    y: float
    w: float
    h: float
    score: float


def regions(heat: Heat, threshold: float) -> list[Region]:
    """The regions of touching cells (also by corners) that reach the threshold, the surest first."""
    rows, columns = heat.shape
    hot = heat >= threshold
    seen = np.zeros_like(hot)
    found = []
    for row, column in np.argwhere(hot):
        if not seen[row, column]:
            cells = _spread(hot, seen, int(row), int(column))
            top, left = cells.min(axis=0)
            bottom, right = cells.max(axis=0) + 1
            score = float(heat[cells[:, 0], cells[:, 1]].max())
            found.append(
                Region(
                    x=float(left / columns),
                    y=float(top / rows),
                    w=float((right - left) / columns),
                    h=float((bottom - top) / rows),
                    score=score,
                )
            )
    return sorted(found, key=lambda region: (-region.score, region.y, region.x))


def peak(heat: Heat) -> tuple[float, float]:
    """The centre (x, y) of the hottest cell, in shares of the picture."""
    rows, columns = heat.shape
    row, column = divmod(int(np.argmax(heat)), columns)
    return (column + 0.5) / columns, (row + 0.5) / rows


def _spread(hot: NDArray[np.bool_], seen: NDArray[np.bool_], row: int, column: int) -> NDArray[np.intp]:
    """The cells connected to one hot cell; marks them as seen."""
    rows, columns = hot.shape
    seen[row, column] = True
    waiting, cells = [(row, column)], []
    while waiting:
        y, x = waiting.pop()
        cells.append((y, x))
        for b in range(max(y - 1, 0), min(y + 2, rows)):
            for a in range(max(x - 1, 0), min(x + 2, columns)):
                if hot[b, a] and not seen[b, a]:
                    seen[b, a] = True
                    waiting.append((b, a))
    return np.array(cells, np.intp)
