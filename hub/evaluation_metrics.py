"""Figures about a detector, from scores and labels alone: ranking, recall, calibration, confidence intervals."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.float64]
Flags = NDArray[np.bool_]


def auroc(scores: Scores, failing: Flags) -> float | None:
    """The chance that a failing picture scores above a good one, ties half; None when a side is empty."""
    positives, negatives = int(failing.sum()), int((~failing).sum())
    if not positives or not negatives:
        return None
    _, place, count = np.unique(scores, return_inverse=True, return_counts=True)
    last = np.cumsum(count)
    ranks = (last - (count - 1) / 2)[place]
    return float((ranks[failing].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def threshold_at(scores: Scores, failing: Flags, rate: float) -> float | None:
    """The lowest threshold that at most `rate` of the good pictures reach; None without good pictures."""
    good = np.sort(scores[~failing])[::-1]
    if not len(good):
        return None
    allowed = int(np.floor(rate * len(good) + 1e-9))
    if allowed >= len(good):
        return float(good[-1])
    return float(np.nextafter(good[allowed], np.inf))


def recall_at(scores: Scores, failing: Flags, rate: float) -> float | None:
    """The share of failing pictures found when at most `rate` of the good ones alarm."""
    threshold = threshold_at(scores, failing, rate)
    if threshold is None or not failing.any():
        return None
    return float((scores[failing] >= threshold).mean())


def rate_above(scores: Scores, chosen: Flags, threshold: float) -> float | None:
    """The share of the chosen pictures that reach the threshold."""
    return float((scores[chosen] >= threshold).mean()) if chosen.any() else None


def curve(scores: Scores, failing: Flags) -> list[tuple[float, float]]:
    """The (false-alarm rate, recall) points of every threshold, from (0, 0) to (1, 1)."""
    positives, negatives = max(int(failing.sum()), 1), max(int((~failing).sum()), 1)
    order = np.argsort(-scores, kind="stable")
    ends = (
        np.append(np.flatnonzero(np.diff(scores[order])), len(order) - 1) if len(order) else np.empty(0, int)
    )
    found = np.cumsum(failing[order])[ends] / positives
    false = np.cumsum(~failing[order])[ends] / negatives
    return [(0.0, 0.0), *((float(x), float(y)) for x, y in zip(false, found, strict=True))]


def reliability(scores: Scores, failing: Flags, bins: int = 10) -> list[dict[str, float]]:
    """Per used bin of scores: how many, the mean score, and the share that really fails."""
    which = np.minimum((scores * bins).astype(int), bins - 1)
    rows = []
    for index in range(bins):
        chosen = which == index
        if chosen.any():
            rows.append(
                {
                    "n": int(chosen.sum()),
                    "score": float(scores[chosen].mean()),
                    "failing": float(failing[chosen].mean()),
                }
            )
    return rows


def calibration_error(scores: Scores, failing: Flags, bins: int = 10) -> float | None:
    """The expected distance between a score and the share that really fails, over equal bins."""
    if not len(scores):
        return None
    rows = reliability(scores, failing, bins)
    return float(sum(row["n"] * abs(row["score"] - row["failing"]) for row in rows) / len(scores))


def interval(
    figure: Callable[[Scores, Flags], float | None],
    scores: Scores,
    failing: Flags,
    groups: Sequence[str],
    *,
    rounds: int = 500,
    seed: int = 0,
) -> tuple[float, float] | None:
    """The 95 % bootstrap interval of a figure when whole groups are drawn again; None when it has no value."""
    names, place = np.unique(np.array(groups), return_inverse=True)
    members = [np.flatnonzero(place == index) for index in range(len(names))]
    rng = np.random.default_rng(seed)
    values = []
    for _ in range(rounds):
        chosen = np.concatenate([members[i] for i in rng.integers(len(members), size=len(members))])
        value = figure(scores[chosen], failing[chosen])
        if value is not None:
            values.append(value)
    if not values:
        return None
    low, high = np.percentile(values, [2.5, 97.5])
    return float(low), float(high)


def k_of_n(alarms: Sequence[bool], k: int, n: int) -> int | None:
    """The index of the frame at which k of the last n frames alarm for the first time; None when never."""
    for end in range(len(alarms)):
        if sum(alarms[max(0, end - n + 1) : end + 1]) >= k:
            return end
    return None
