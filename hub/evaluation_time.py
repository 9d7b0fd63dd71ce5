"""What the hub would have decided: each print's frames played through the evidence and the policy, in order."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hub import policy, score
from hub.evaluation_data import AMBIGUOUS, FAILURE, GOOD

SPACING_S = 10.0
"""Seconds that each frame stands for, where the data does not tell its times."""

Result = dict[str, Any]


@dataclass(frozen=True)
class Verdict:
    """When a print was first warned about and first acted upon, in frames; None for never."""

    warned: int | None
    acted: int | None


def replay(
    scores: Sequence[float],
    spacing: float = SPACING_S,
    settings: policy.PrinterSettings | None = None,
    scoring: score.ScoreSettings | None = None,
) -> Verdict:
    """Play one print's scores, `spacing` seconds apart, through evidence and policy with the default settings."""
    settings, scoring = settings or policy.PrinterSettings(), scoring or score.ScoreSettings()
    evidence, memory = score.Evidence(), policy.Memory()
    warned: int | None = None
    for index, value in enumerate(scores):
        t = (index + 1) * spacing
        evidence = score.update(evidence, value, t, scoring)
        decision, memory = policy.decide(
            settings,
            memory,
            phase="printing",
            job="replay",
            certainty=score.certainty(evidence, scoring),
            t=t,
        )
        if decision.kind != policy.NOTHING.kind and warned is None:
            warned = index
        if decision.kind == settings.action:
            return Verdict(warned, index)
    return Verdict(warned, None)


def over_time(pictures: Sequence[Result], spacing: float = SPACING_S) -> Result:
    """Recall, false alarms per 100 print hours and seconds from onset, over prints of fixed cameras.

    The good frames of a print are one quiet stretch; its failing ones, and the ambiguous ones around the onset, are
    played on their own, so that a false alarm is never counted as a catch.
    """
    quiet = [replay(s, spacing) for s in _stretches(pictures, (GOOD,))]
    failing = [replay(s, spacing) for s in _stretches(pictures, (AMBIGUOUS, FAILURE), need=FAILURE)]
    frames = sum(p["label"] == GOOD for p in pictures)
    hours = frames * spacing / 3600
    return {
        "spacing_s": spacing,
        "good_hours": hours,
        "false_warnings": sum(v.warned is not None for v in quiet),
        "false_actions": sum(v.acted is not None for v in quiet),
        "actions_per_100_h": 100 * sum(v.acted is not None for v in quiet) / hours if hours else None,
        "failing": len(failing),
        "warned": sum(v.warned is not None for v in failing),
        "acted": sum(v.acted is not None for v in failing),
        "seconds_to_warn": _middle([v.warned for v in failing], spacing),
        "seconds_to_act": _middle([v.acted for v in failing], spacing),
    }


def _stretches(pictures: Sequence[Result], labels: tuple[str, ...], need: str = "") -> list[list[float]]:
    """Per print the scores of the frames so labelled, in order; only prints that have one labelled `need`."""
    by: dict[str, list[Result]] = {}
    for picture in pictures:
        if picture["label"] in labels:
            by.setdefault(picture["group"], []).append(picture)
    return [
        [p["score"] for p in sorted(rows, key=lambda p: p["index"])]
        for rows in by.values()
        if not need or any(p["label"] == need for p in rows)
    ]


def _middle(indices: Sequence[int | None], spacing: float) -> float | None:
    """The median time of those that happened, counted from the first frame of the stretch."""
    known = [index * spacing for index in indices if index is not None]
    return float(statistics.median(known)) if known else None
