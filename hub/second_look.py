"""A second look: where a picture arouses suspicion, the network sees that part again from nearer. Pure.

A strand is hardly two pixels wide in the whole picture and twice as wide from nearer, where wild surfaces, which look
like strands from afar, look like surfaces. Most pictures of good prints arouse no suspicion and are looked at once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hub.regions import Heat, peak
from hub.score import Sums, log_odds

Window = tuple[float, float, float, float]
"""Left, top, right and bottom of a part of a picture, in shares of its width and height."""

WHOLE: Window = (0.0, 0.0, 1.0, 1.0)


@dataclass(frozen=True)
class SecondLook:
    """Which pictures are looked at twice (those that score `above` at least) and how much is seen of each side then.

    Raises ValueError for what is no probability and no share.
    """

    above: float
    share: float

    def __post_init__(self) -> None:
        if not (0 <= self.above <= 1 and 0 < self.share <= 1):
            raise ValueError(f"no second look can be above {self.above} with a share of {self.share}")


def window(heat: Heat, share: float) -> Window:
    """The part of the picture around its hottest cell, `share` of each side, moved inside where it would stick out."""
    left, top = (min(max(centre - share / 2, 0.0), 1.0 - share) for centre in peak(heat))
    return left, top, left + share, top + share


def agreed(first: float, second: float) -> float:
    """The probability between two that lies in the middle of their log-odds."""
    return float(_probability((log_odds(first) + log_odds(second)) / 2))


def look(
    network: Callable[[NDArray[np.uint8]], tuple[Heat, float]],
    whole: NDArray[np.uint8],
    part: Callable[[Window], NDArray[np.uint8]],
    twice: SecondLook | None,
) -> tuple[Heat, float]:
    """Heat map and score of a picture: of the whole, and where it is suspicious of the part that was hottest, too.

    The heat map stays that of the whole, moved as the score moves, so that both keep to the same thresholds.
    """
    heat, score = network(whole)
    if twice is None or score < twice.above:
        return heat, score
    _, nearer = network(part(window(heat, twice.share)))
    together = agreed(score, nearer)
    moved = log_odds(heat) + log_odds(together) - log_odds(score)
    return np.asarray(_probability(moved), np.float32), together


def _probability(odds: Sums) -> Sums:
    return 1 / (1 + np.exp(-odds))
