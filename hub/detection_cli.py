"""The command line's detector: score pictures, evaluate a labelled set."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from hub import evaluation
from hub.settings import load
from hub.vision import Detector, read_model, shipped_model


def add_commands(commands: Any) -> None:
    """Add `score` and `evaluate` to the command line."""
    score = commands.add_parser("score", help="score pictures or folders of pictures")
    score.add_argument("path", type=Path, nargs="+")
    score.add_argument("--json", type=Path, help="write the scores there too")
    score.set_defaults(run=_score)
    measure = commands.add_parser("evaluate", help="measure the detector on a labelled set")
    measure.add_argument("data", type=Path, help="folder with manifest.csv or sequences.csv")
    measure.add_argument("--split", choices=("val", "test", "sequences"), default="val")
    measure.add_argument("--json", type=Path, help="write the figures there")
    measure.add_argument("--report", type=Path, help="write a report with plots into this folder")
    measure.set_defaults(run=_evaluate)


def detector(options: argparse.Namespace) -> Detector:
    """The detector of the settings, started."""
    section = load(options.config).detection
    chosen = Detector(
        read_model(Path(section.model) if section.model else shipped_model()), section.precision
    )
    chosen.start()
    return chosen


def _score(options: argparse.Namespace) -> int:
    results = evaluation.score_paths(options.path, detector(options))
    for result in results:
        print(f"{result['score']:.3f}  {result['file']}" if "score" in result else f"  -    {result}")
    if options.json:
        options.json.write_text(json.dumps(results, indent=2), encoding="utf-8")
    return 0


def _evaluate(options: argparse.Namespace) -> int:
    result = evaluation.evaluate(options.data, options.split, detector(options))
    if options.json:
        options.json.write_text(json.dumps(result, indent=2), encoding="utf-8")
    if options.report:
        print(f"report: {evaluation.write_report(result, options.report)}")
    for name in ("model", "n", "auroc", "recall_at_fpr", "pointing"):
        print(f"{name}: {result.get(name)}")
    return 0
