"""The command line's detector: score pictures, evaluate a labelled set, replay a recording."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from agent.settings import build, read_toml
from hub import evaluation, replay, replay_page
from hub.policy import PrinterSettings
from hub.recordings import shots
from hub.settings import load
from hub.vision import Detector, read_model, shipped_model


def add_commands(commands: Any) -> None:
    """Add `score`, `evaluate` and `replay` to the command line."""
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
    again = commands.add_parser(
        "replay", help="when would a recorded print have been warned about and paused?"
    )
    again.add_argument("path", type=Path, help="a video, an MJPEG file or a folder of JPEGs")
    add_recording_options(again)
    again.add_argument("--json", type=Path, metavar="FILE", help="write every judged picture there")
    again.add_argument(
        "--page", type=Path, metavar="FILE", help="write a page with the curve and the deciding pictures"
    )
    again.set_defaults(run=_replay)


def add_recording_options(parser: argparse.ArgumentParser) -> None:
    """Add what tells how a recording is to be played."""
    parser.add_argument(
        "--settings",
        type=Path,
        metavar="FILE",
        help="settings as TOML (a printer's own where one is named, else the defaults)",
    )
    parser.add_argument(
        "--interval",
        type=float,
        default=10.0,
        metavar="S",
        help="seconds of the print between two pictures of a recording (%(default)s)",
    )


def detector(options: argparse.Namespace) -> Detector:
    """The detector of the settings, started."""
    section = load(options.config).detection
    chosen = Detector(
        read_model(Path(section.model) if section.model else shipped_model()), section.precision
    )
    chosen.start()
    return chosen


def _replay(options: argparse.Namespace) -> int:
    chosen = PrinterSettings()
    if options.settings:
        chosen = build(PrinterSettings, read_toml(options.settings), str(options.settings))
    eye = detector(options)
    done = replay.replay(
        shots(options.path, options.interval), eye, eye.model.warn, chosen, load(options.config).pace
    )
    print(replay.as_text(done, options.path.name))
    if options.json:
        options.json.write_text(json.dumps(replay.as_data(done), indent=2), encoding="utf-8")
    if options.page:
        options.page.write_text(replay_page.page(done, options.path.name), encoding="utf-8")
        print(f"page: {options.page}")
    return 0


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
