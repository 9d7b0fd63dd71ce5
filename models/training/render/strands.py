"""Growth of a tangle: random walks of filament whose earlier states are prefixes of the later ones. Pure."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]
Floor = Callable[[float, float], float]

STEP = 0.018
"""Distance between two points of a strand; one unit is 100 mm."""
MIN_POINTS = 5
"""A cubic B-spline needs four control points; a shorter strand is not shown."""
WALL = 0.06
"""A step higher than this is a wall: a strand turns back from it instead of climbing it."""


@dataclass(frozen=True)
class Tangle:
    """Every strand a failing print will ever lay, in the order in which the nozzle lays them."""

    strands: tuple[Points, ...]

    @property
    def total(self) -> int:
        """Number of points of the grown-up tangle."""
        return sum(len(strand) for strand in self.strands)

    def at(self, progress: float) -> list[Points]:
        """The strands laid when `progress` (0 to 1) of the filament is out: a prefix of every later state."""
        left = round(min(max(progress, 0.0), 1.0) * self.total)
        laid: list[Points] = []
        for strand in self.strands:
            if left < MIN_POINTS:
                break
            if len(prefix := strand[:left]) >= MIN_POINTS:
                laid.append(prefix)
            left -= len(strand)
        return laid


@dataclass(frozen=True)
class Nest:
    """Where and how a tangle grows: above what, how far, how curly."""

    centre: tuple[float, float]
    start_radius: float
    top: float
    ceiling: float
    reach: float
    curl: float = 0.2
    radius: float = 0.005
    cling: float = 0.0


class Pile:
    """Height of what lies on the bed, raised by every strand that comes to rest."""

    SIZE, HALF = 128, 1.28

    def __init__(self, floor: Floor) -> None:
        ticks = (np.arange(self.SIZE) + 0.5) / self.SIZE * 2 * self.HALF - self.HALF
        self._height = [[floor(x, y) for x in ticks] for y in ticks]

    def _cell(self, x: float, y: float) -> tuple[int, int]:
        scale = self.SIZE / (2 * self.HALF)
        column, row = int((x + self.HALF) * scale), int((y + self.HALF) * scale)
        return min(max(row, 0), self.SIZE - 1), min(max(column, 0), self.SIZE - 1)

    def height(self, x: float, y: float) -> float:
        """Height of the pile under (x, y)."""
        row, column = self._cell(x, y)
        return self._height[row][column]

    def add(self, x: float, y: float, amount: float) -> None:
        """Raise the pile under (x, y)."""
        row, column = self._cell(x, y)
        self._height[row][column] += amount


def grow(rng: np.random.Generator, nest: Nest, strands: int, floor: Floor) -> Tangle:
    """A tangle of `strands` walks over the surface `floor`; the same generator state gives the same tangle."""
    pile = Pile(floor)
    lean = rng.normal(0, 0.35 * nest.reach, 2)
    walks = []
    for index in range(strands):
        age = (index + 1) / strands
        walks.append(_walk(rng, nest, pile, age, lean * age))
    return Tangle(tuple(walks))


def _walk(rng: np.random.Generator, nest: Nest, pile: Pile, age: float, lean: Points) -> Points:
    length = int(np.clip(rng.lognormal(math.log(55), 0.55), 14, 190))
    turns = rng.normal(0, nest.curl * 0.35, (length, 3)) * np.array([0.6, 0.6, 1.0])
    angle, out = rng.uniform(0, 2 * math.pi), nest.start_radius * math.sqrt(rng.uniform(0.1, 1.3))
    cx, cy = nest.centre[0] + float(lean[0]), nest.centre[1] + float(lean[1])
    x, y = nest.centre[0] + out * math.cos(angle), nest.centre[1] + out * math.sin(angle)
    z = min(max(nest.top, pile.height(x, y)) + rng.uniform(0.01, 0.08), nest.ceiling)
    heading = angle + rng.choice([-1, 1]) * math.pi / 2 + rng.normal(0, 0.5)
    direction = np.array([math.cos(heading), math.sin(heading), rng.normal(0, 0.15)])
    bend, reach = rng.normal(0, nest.curl, 3), nest.reach * (0.35 + 0.65 * age)
    ceiling = nest.top + (nest.ceiling - nest.top) * (0.25 + 0.75 * age)
    # Some walks are stiff and shoot out of the heap, as lines do that the moving head pulls along.
    stiffness = 0.35 if rng.random() < 0.22 else 1.0
    points = np.empty((length, 3))
    for index in range(length):
        bend = bend * 0.93 + turns[index]
        direction = direction + _cross(bend, direction) * stiffness
        away = math.hypot(x - cx, y - cy) / reach
        pull = 0.05 * away * stiffness if away < 1 else 0.16 * away
        direction += np.array([(cx - x) * pull / reach, (cy - y) * pull / reach, nest.cling - 0.055])
        direction /= math.sqrt(direction @ direction)
        x, y, z = x + STEP * direction[0], y + STEP * direction[1], z + STEP * direction[2]
        x, y, z = _rest(nest, pile, direction, (x, y, z), ceiling)
        points[index] = x, y, z
    return points


def _cross(first: Points, second: Points) -> Points:
    """Cross product of two vectors; many times faster here than numpy's, which is made for stacks of them."""
    (a, b, c), (d, e, f) = first.tolist(), second.tolist()
    return np.array([b * f - c * e, c * d - a * f, a * e - b * d])


def _rest(
    nest: Nest, pile: Pile, direction: Points, point: tuple[float, float, float], ceiling: float
) -> tuple[float, float, float]:
    """Keep the point above the pile and under the nozzle, turning the direction where it hits either."""
    x, y, z = point
    ground = pile.height(x, y) + nest.radius
    if ground - z > WALL:
        x, y = x - 2 * STEP * direction[0], y - 2 * STEP * direction[1]
        direction[0], direction[1] = -direction[0], -direction[1]
        ground = pile.height(x, y) + nest.radius
    if 0 < ground - z <= WALL:
        z, direction[2] = ground, abs(direction[2]) * 0.3
        pile.add(x, y, 0.22 * nest.radius)
    if z > ceiling:
        z, direction[2] = ceiling, -abs(direction[2]) * 0.3
    return x, y, z


def bridge(rng: np.random.Generator, start: Points, end: Points, sag: float, count: int = 9) -> Points:
    """A line that hangs from `start` to `end`, as between the nozzle and the newest strand."""
    share = np.linspace(0, 1, count)[:, None]
    line = start * (1 - share) + end * share + rng.normal(0, 0.006, (count, 3)) * np.sin(share * math.pi)
    line[:, 2] -= (sag * np.sin(share * math.pi))[:, 0]
    return np.vstack([start, line, end])
