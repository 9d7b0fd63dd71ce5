"""Measure a detector on labelled pictures and prints: `printwarden evaluate` and `printwarden score` without the wiring."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from hub import evaluation_metrics as metrics
from hub.evaluation_data import (
    AMBIGUOUS,
    FAILURE,
    GOOD,
    SEQUENCES,
    EvaluationError,
    Sample,
    load,
    pictures_in,
)
from hub.evaluation_report import write_report
from hub.evaluation_time import over_time
from hub.regions import peak, regions
from hub.vision import Detector as NetworkDetector

__all__ = ["EvaluationError", "Facts", "evaluate", "facts_of", "score_paths", "write_report"]

RATES = (0.01, 0.05)
K, N = 3, 5
"""A print alarms when K of its last N frames reach the threshold."""

Result = dict[str, Any]


class Found(Protocol):
    """What a detector says about one picture."""

    @property
    def score(self) -> float: ...
    @property
    def heat(self) -> NDArray[np.float32]: ...


class Detector(Protocol):
    """What is measured."""

    def detect(self, jpeg: bytes) -> Found: ...


@dataclass(frozen=True)
class Facts:
    """Which network is measured, and the thresholds it ships with."""

    model: str = "unknown"
    sha256: str = ""
    warn: float = 0.5
    act: float = 0.8


def facts_of(detector: object) -> Facts:
    """The facts of a `hub.vision.Detector`; the defaults for any other."""
    if not isinstance(detector, NetworkDetector):
        return Facts()
    told, model = detector.facts(), detector.model
    return Facts(
        f"{told['name']} {told['version']} {told['precision']}", told["sha256"], model.warn, model.act
    )


def evaluate(
    data: Path, split: str, detector: Detector, progress: Callable[[int, int], None] | None = None
) -> Result:
    """Every figure of a split (`val`, `test`, ...) or of the prints (`sequences`), as plain JSON-ready values."""
    facts = facts_of(detector)
    samples = load(data, split)
    pictures = []
    for done, sample in enumerate(samples, 1):
        pictures.append(_look(data, sample, detector))
        if progress is not None:
            progress(done, len(samples))
    result: Result = {
        "model": facts.model,
        "sha256": facts.sha256,
        "warn": facts.warn,
        "act": facts.act,
        "split": split,
        "data": str(data),
    }
    headline = [p for p in pictures if p["fixed"]] if split == SEQUENCES else pictures
    result |= figures(headline, result["warn"], result["act"])
    if split == SEQUENCES:
        result["per_print"] = per_print(pictures, result["warn"], result["act"])
        result["prints"] = print_totals(result["per_print"])
        result["over_time"] = over_time(headline)
        result["per_use"] = {
            name: figures(chosen, result["warn"], result["act"], intervals=False)
            for name, chosen in (
                ("in training", [p for p in headline if p["seen"]]),
                ("never in training", [p for p in headline if not p["seen"]]),
            )
            if chosen
        }
    result["pictures"] = pictures
    return result


def score_paths(paths: Sequence[Path], detector: Detector) -> list[Result]:
    """Score and regions of every picture named or inside a named folder."""
    threshold, rows = facts_of(detector).warn, []
    for path in pictures_in(list(paths)):
        found = _detect(path, detector)
        rows.append(
            {
                "file": str(path),
                "score": round(float(found.score), 5),
                "regions": [vars(region) for region in regions(found.heat, threshold)],
            }
        )
    return rows


def figures(pictures: list[Result], warn: float, act: float, *, intervals: bool = True) -> Result:
    """Ranking, recall, pointing, calibration, and tables per kind and source; ambiguous pictures are ignored."""
    known = [p for p in pictures if p["label"] != AMBIGUOUS]
    scores = np.array([p["score"] for p in known], np.float64)
    failing = np.array([p["label"] == FAILURE for p in known], np.bool_)
    groups = [p["group"] for p in known]
    pointed = [p["pointed"] for p in known if p["pointed"] is not None]
    result: Result = {
        "n": len(known),
        "failing": int(failing.sum()),
        "groups": len(set(groups)),
        "auroc": metrics.auroc(scores, failing),
        "recall_at_fpr": {f"{rate:g}": metrics.recall_at(scores, failing, rate) for rate in RATES},
        "pointing": float(np.mean(pointed)) if pointed else None,
        "recall_at_warn": metrics.rate_above(scores, failing, warn),
        "recall_at_act": metrics.rate_above(scores, failing, act),
        "false_at_warn": metrics.rate_above(scores, ~failing, warn),
        "false_at_act": metrics.rate_above(scores, ~failing, act),
        "calibration_error": metrics.calibration_error(scores, failing),
        "per_kind": _table(known, scores, failing, "kind", warn),
        "per_source": _table(known, scores, failing, "source", warn),
    }
    if intervals:
        result["curve"] = metrics.curve(scores, failing)
        result["reliability"] = metrics.reliability(scores, failing)
        result["interval"] = {
            "auroc": metrics.interval(metrics.auroc, scores, failing, groups),
            **{f"recall_at_{r:g}": metrics.interval(_recall(r), scores, failing, groups) for r in RATES},
        }
    return result


def per_print(pictures: list[Result], warn: float, act: float) -> dict[str, Result]:
    """Each print on its own: does K of N alarm over its failure frames, and over its good frames."""
    by: dict[str, list[Result]] = defaultdict(list)
    for picture in pictures:
        by[picture["group"]].append(picture)
    table = {}
    for name, frames in sorted(by.items()):
        frames.sort(key=lambda frame: frame["index"])
        row: Result = {"rig": frames[0]["source"], "fixed": frames[0]["fixed"], "seen": frames[0]["seen"]}
        for label in (GOOD, FAILURE):
            scores = [frame["score"] for frame in frames if frame["label"] == label]
            row[label] = {
                "frames": len(scores),
                "median": float(np.median(scores)) if scores else None,
                "warned": alarmed(scores, warn),
                "acted": alarmed(scores, act),
            }
        table[name] = row
    return table


def alarmed(scores: Sequence[float], threshold: float) -> bool:
    """Whether K of N frames in a row reach the threshold; with fewer frames than K, whether all of them do."""
    if not scores:
        return False
    return metrics.k_of_n([score >= threshold for score in scores], min(K, len(scores)), N) is not None


def print_totals(table: dict[str, Result]) -> Result:
    """How many failing prints of fixed cameras are caught, and how many of their good stretches alarm."""
    fixed = [row for row in table.values() if row["fixed"]]
    failing = [row[FAILURE] for row in fixed if row[FAILURE]["frames"]]
    good = [row[GOOD] for row in fixed if row[GOOD]["frames"]]
    return {
        "rule": f"{K} of {N} frames",
        "failing": len(failing),
        "caught_at_warn": sum(row["warned"] for row in failing),
        "caught_at_act": sum(row["acted"] for row in failing),
        "good": len(good),
        "false_at_warn": sum(row["warned"] for row in good),
        "false_at_act": sum(row["acted"] for row in good),
    }


def _look(data: Path, sample: Sample, detector: Detector) -> Result:
    """One picture's score and where its heat peaks."""
    found = _detect(data / sample.file, detector)
    x, y = peak(found.heat)
    pointed = (
        any(a <= x <= a + w and b <= y <= b + h for a, b, w, h in sample.boxes) if sample.boxes else None
    )
    return {
        "file": sample.file,
        "label": sample.label,
        "kind": sample.kind,
        "group": sample.group,
        "source": sample.source,
        "fixed": sample.fixed,
        "index": sample.index,
        "seen": sample.seen,
        "score": float(found.score),
        "peak": [round(x, 4), round(y, 4)],
        "pointed": pointed,
    }


def _detect(path: Path, detector: Detector) -> Found:
    """What the detector finds in one file."""
    try:
        return detector.detect(path.read_bytes())
    except OSError as error:
        raise EvaluationError(f"{path} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise EvaluationError(f"{path} is not a picture that can be scored: {error}") from None


def _recall(rate: float) -> Callable[[metrics.Scores, metrics.Flags], float | None]:
    """Recall at one false-alarm rate, as a figure of scores and labels."""
    return lambda scores, failing: metrics.recall_at(scores, failing, rate)


def _table(
    known: list[Result], scores: metrics.Scores, failing: metrics.Flags, key: str, warn: float
) -> dict[str, Result]:
    """Per value of a key: its failing pictures against all good ones, its good ones against the warn threshold.

    `auroc_without` is the whole split without that value, so that one easy source cannot carry the figure.
    """
    names = np.array([p[key] for p in known])
    limits = {rate: metrics.threshold_at(scores, failing, rate) for rate in RATES}
    table = {}
    for name in sorted(set(names.tolist())):
        own = names == name
        versus = (own & failing) | ~failing
        row: Result = {
            "n": int(own.sum()),
            "failing": int((own & failing).sum()),
            "auroc": metrics.auroc(scores[versus], (own & failing)[versus]),
            "auroc_without": metrics.auroc(scores[~own], failing[~own]),
            "false_at_warn": metrics.rate_above(scores, own & ~failing, warn),
            "recall_at_warn": metrics.rate_above(scores, own & failing, warn),
        }
        row["recall_at_fpr"] = {
            f"{rate:g}": None if limit is None else metrics.rate_above(scores, own & failing, limit)
            for rate, limit in limits.items()
        }
        table[name] = row
    return table
