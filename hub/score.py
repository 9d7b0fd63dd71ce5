"""Evidence over time: a sequential test on the calibrated scores of single frames. Pure.

Each frame adds its log-likelihood ratio (failing against fine), limited so that no single picture decides, and
weighted by the time since the last one, since two pictures of the same second are almost the same evidence. The sum
never falls below zero (Page's cumulative sum), so an hour of good pictures does not have to be outweighed first. With
the prior probability that a print is failing it gives the certainty that people set their thresholds in.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol


@dataclass(frozen=True)
class ScoreSettings:
    """Parameters of the test. Times in seconds, evidence in nats."""

    prior: float = 0.001
    frame_limit: float = 2.5
    settle_s: float = 2.0
    stale_s: float = 30.0
    half_life_s: float = 60.0
    headroom: float = 4.0


@dataclass(frozen=True)
class Evidence:
    """What one camera has seen so far: the sum, and the time of the newest frame that counted."""

    total: float = 0.0
    t: float | None = None


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
    evidence: Evidence, score: float | None, t: float, settings: ScoreSettings, baseline: float = 0.5
) -> Evidence:
    """The evidence after one more frame.

    `score` is the calibrated probability that the picture shows a failure; None or NaN (hidden, dark, blurred) is no
    evidence either way. A frame not newer than the last one, or without a time, changes nothing. `baseline` is the
    score this camera gives to prints that end well; only what rises above it (and above one half) speaks for a
    failure.
    """
    if score is None or math.isnan(score) or not math.isfinite(t):
        return evidence
    if evidence.t is not None and t <= evidence.t:
        return evidence
    gap = settings.settle_s if evidence.t is None else t - evidence.t
    faded = evidence.total * 0.5 ** (max(0.0, gap - settings.stale_s) / settings.half_life_s)
    step = _logit(score) - max(0.0, _logit(baseline))
    step = max(-settings.frame_limit, min(settings.frame_limit, step)) * min(1.0, gap / settings.settle_s)
    return Evidence(max(0.0, min(_ceiling(settings), faded + step)), t)


def certainty(evidence: Evidence, settings: ScoreSettings) -> float:
    """How sure it is that the print is failing, 0 to 1, after all frames so far."""
    return 1.0 / (1.0 + math.exp(-(evidence.total + _logit(settings.prior))))


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
    return replace(evidence, total=0.0)


def _ceiling(settings: ScoreSettings) -> float:
    """Beyond this certainty more of the same adds nothing, so that a cleared failure is forgotten soon."""
    return -2.0 * _logit(settings.prior) + settings.headroom


def _logit(probability: float) -> float:
    held = min(1.0 - 1e-6, max(1e-6, probability))
    return math.log(held / (1.0 - held))


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
