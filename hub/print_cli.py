"""The command line's test of the whole line, and the export of what people said about pictures."""

from __future__ import annotations

import argparse
import csv
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hub.admin import Office, known_printer
from hub.detection_cli import detector
from hub.policy import settings_from
from hub.settings import load
from hub.store.prints import FALSE_ALARM, Prints
from hub.store.trials import Stage, TrialStore
from hub.trials import seen

NOTICED_S, DONE_S = 8.0, 90.0


def add_commands(commands: Any) -> None:
    """Add `test-detection` and `export-feedback` to the command line."""
    test = commands.add_parser(
        "test-detection", help="is it really working? the demo clip and a dry-run pause, stage by stage"
    )
    test.add_argument("printer", help="id or name")
    test.set_defaults(run=_test, quiet=True)
    export = commands.add_parser(
        "export-feedback", help="write the pictures that people judged as a labelled set for `evaluate`"
    )
    export.add_argument("folder", type=Path, help="a new or empty folder")
    export.set_defaults(run=_export)


def _test(options: argparse.Namespace) -> int:
    settings = load(options.config)
    office = Office(settings)
    office.database.start()
    try:
        row = known_printer(office, options.printer)
        store = TrialStore(office.database)
        asked = store.ask(row.id, "command line", time.time())
        office.note("test_detection", row.id)
        began = _wait(lambda: store.get(row.id, asked), lambda t: bool(t.stages), NOTICED_S)
        if not began.stages:
            print("the hub is not running, so only the model is tested")
            eye = detector(options)
            chosen = settings_from(row.settings)
            stages = list(seen(eye, eye.model.warn, chosen, settings.pace))
            _tell([*stages, Stage("pause", ok=False, text="start the hub with: printwarden run")])
            return 1
        done = _wait(lambda: store.get(row.id, asked), lambda t: t.done is not None, DONE_S)
        _tell(list(done.stages))
        return 0 if done.ok else 1
    finally:
        office.database.stop()


def _wait(look: Callable[[], Any], enough: Callable[[Any], bool], limit_s: float) -> Any:
    """What is seen once it is enough, or when the time is over."""
    end = time.monotonic() + limit_s
    while (found := look()) is not None and not enough(found) and time.monotonic() < end:
        time.sleep(0.2)
    if found is None:
        raise ValueError("the printer was removed meanwhile")
    return found


def _tell(stages: list[Stage]) -> None:
    for stage in stages:
        print(f"{'ok  ' if stage.ok else 'FAIL'}  {stage.name:<9} {stage.text}")


def _export(options: argparse.Namespace) -> int:
    office = Office(load(options.config))
    office.database.start()
    try:
        prints = Prints(office.database, office.settings.hub.data / "evidence")
        count = export_feedback(prints, options.folder)
    finally:
        office.database.stop()
    print(f"{count} pictures in {options.folder}")
    return 0


def export_feedback(prints: Prints, folder: Path) -> int:
    """Write good/ and failing/ pictures with a manifest.csv that `printwarden evaluate` reads; returns how many.

    Pictures of one print share a group. Raises ValueError when the folder holds something already.
    """
    if folder.exists() and any(folder.iterdir()):
        raise ValueError(f"{folder}: is not empty")
    rows = []
    for said in prints.feedback():
        picture = prints.picture(said.path)
        if picture is None:
            continue
        good = said.label == FALSE_ALARM
        name = f"{'good' if good else 'failing'}/{said.evidence}.jpg"
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(picture)
        row = prints.at(said.printer, said.t_picture)
        rows.append(
            {
                "file": name,
                "split": "val",
                "label": "good" if good else "failure",
                "kind": said.label,
                "group": f"{said.printer[:8]}-{row.id if row else said.evidence}",
                "source_repo": said.camera,
                "x": "" if said.x is None else said.x,
                "y": "" if said.y is None else said.y,
            }
        )
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "manifest.csv").open("w", newline="", encoding="utf-8") as file:
        head = ("file", "split", "label", "kind", "group", "source_repo", "x", "y")
        writer = csv.DictWriter(file, head)
        writer.writeheader()
        writer.writerows(rows)
    return len(rows)
