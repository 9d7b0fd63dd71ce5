"""Evidence over time: a sequential test on the calibrated scores of single frames, place by place. Pure.

Each frame adds its log-likelihood ratio (failing against fine) to every place of the picture, limited so that no
single picture decides, and weighted by the time since the last one, since pictures of the same few seconds are almost
the same evidence. A tangle stays where it is; what wanders about adds up nowhere. No sum falls below zero (Page's
cumulative sum), so an hour of good pictures does not have to be outweighed first. With the prior probability that a
print is failing the surest place gives the certainty that people set their thresholds in.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Sums = NDArray[np.float64]


@dataclass(frozen=True)
class ScoreSettings:
    """Parameters of the test. Times in seconds, evidence in nats.

    `doubt` is how far a picture must rise above even odds before it speaks for a failure: a network is too sure of
    cameras that it does not know. `hidden` is the share of pictures in which something may cover a failure, so that
    a picture without it is weak evidence against it. Pictures within `settle_s` are one piece of evidence.
    """

    prior: float = 0.001
    frame_limit: float = 3.5
    doubt: float = 0.8
    hidden: float = 0.5
    settle_s: float = 2.0
    stale_s: float = 30.0
    half_life_s: float = 60.0
    headroom: float = 4.0


@dataclass(frozen=True, eq=False)
class Evidence:
    """What one camera has seen so far: a sum for each place, and the time of the newest frame that counted."""

    sums: Sums = field(default_factory=lambda: np.zeros(1))
    t: float | None = None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Evidence) and self.t == other.t and np.array_equal(self.sums, other.sums)

    __hash__ = None  # type: ignore[assignment]


class Box(Protocol):
    """A rectangle in relative coordinates, 0 to 1."""

    @property
    def x(self) -> float: ...
    @property
    def y(self) -> float: ...
    @property
    def w(self) -> float: ...
    @property
    def h(self) -> float: ...


def update(
    evidence: Evidence,
    score: float | NDArray[np.floating] | None,
    t: float,
    settings: ScoreSettings,
    baseline: float | NDArray[np.floating] = 0.5,
) -> Evidence:
    """The evidence after one more frame.

    `score` is the calibrated probability that the picture shows a failure, for each place or for all of it; None or
    NaN (hidden, dark, blurred) is no evidence either way. A frame not newer than the last one, or without a time,
    changes nothing. `baseline` is what this camera shows in prints that end well: only what rises above it speaks for
    a failure. Places of another grid than before start afresh.
    """
    if score is None or not math.isfinite(t) or (evidence.t is not None and t <= evidence.t):
        return evidence
    seen = np.atleast_1d(np.asarray(score, np.float64))
    if np.isnan(seen).all():
        return evidence
    gap = settings.settle_s if evidence.t is None else t - evidence.t
    before = evidence.sums if evidence.sums.shape == seen.shape else np.zeros(seen.shape)
    faded = before * 0.5 ** (max(0.0, gap - settings.stale_s) / settings.half_life_s)
    step = log_odds(seen) - np.fmax(settings.doubt, log_odds(baseline))
    step = np.minimum(np.maximum(step, math.log(settings.hidden)), settings.frame_limit)
    step = np.where(np.isnan(step), 0.0, step) * min(1.0, gap / settings.settle_s)
    return Evidence(np.minimum(np.maximum(faded + step, 0.0), _ceiling(settings)), t)


def certainty(evidence: Evidence, settings: ScoreSettings) -> float:
    """How sure it is that the print is failing, 0 to 1, after all frames so far."""
    return 1.0 / (1.0 + math.exp(-(float(evidence.sums.max()) + _prior(settings))))


def combined(
    by_camera: Mapping[str, Evidence], settings: ScoreSettings, t: float, *, vote: str = "any"
) -> float | None:
    """The certainty of a printer with several cameras: the surest ("any") or the least sure ("all") one counts.

    Cameras without a frame in the last `stale_s` have no vote; None if no camera has one.
    """
    votes = [
        certainty(each, settings)
        for each in by_camera.values()
        if each.t is not None and t - each.t <= settings.stale_s
    ]
    if not votes:
        return None
    return max(votes) if vote == "any" else min(votes)


def fresh(seen: Sequence[Box], acknowledged: Sequence[Box], growth: float = 1.4) -> bool:
    """Whether regions show more than what was acknowledged before: something outside of it, or clearly larger."""
    if not acknowledged or not seen:
        return True
    if any(_overlap(each, acknowledged) < 0.5 * each.w * each.h for each in seen):
        return True
    return _area(seen) > growth * _area(acknowledged)


def reset(evidence: Evidence) -> Evidence:
    """The evidence of a new job or after an acknowledgement: nothing is held against it, time goes on."""
    return Evidence(np.zeros(evidence.sums.shape), evidence.t)


def log_odds(probability: float | NDArray[np.floating]) -> Sums:
    """The log-odds of probabilities, held within what floating point can tell from certainty; NaN stays NaN."""
    held = np.minimum(np.maximum(np.asarray(probability, np.float64), 1e-6), 1.0 - 1e-6)
    return np.asarray(np.log(held / (1.0 - held)), np.float64)


def _prior(settings: ScoreSettings) -> float:
    return math.log(settings.prior / (1.0 - settings.prior))


def _ceiling(settings: ScoreSettings) -> float:
    """Beyond this certainty more of the same adds nothing, so that a cleared failure is forgotten soon."""
    return -2.0 * _prior(settings) + settings.headroom


def _area(boxes: Iterable[Box]) -> float:
    return sum(box.w * box.h for box in boxes)


def _overlap(box: Box, others: Iterable[Box]) -> float:
    """The area of a box that others cover, at most its own."""
    covered = 0.0
    for other in others:
        width = min(box.x + box.w, other.x + other.w) - max(box.x, other.x)
        height = min(box.y + box.h, other.y + other.h) - max(box.y, other.y)
        covered += max(0.0, width) * max(0.0, height)
    return min(covered, box.w * box.h)
