"""`printwarden tune`: limits for a printer, from its stored prints or from recordings sorted into good and failing."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from agent.settings import build, read_toml
from hub import replay, tuning
from hub.admin import Office, known_printer
from hub.courses import courses_of
from hub.detection_cli import add_recording_options, detector
from hub.policy import PrinterSettings, settings_from
from hub.recordings import shots
from hub.settings import HubSettings, load
from hub.store.prints import Prints
from hub.tuning import Course

GOOD, FAILING = "good", "failing"
_ONSET = re.compile(r"@(\d+(?:\.\d+)?)$")


def add_commands(commands: Any) -> None:
    """Add `tune` to the command line."""
    tune = commands.add_parser("tune", help="propose limits from labelled prints, and show what they cost")
    tune.add_argument(
        "what", nargs="+", help="a printer (id or name), or a folder with good/ and failing/ recordings"
    )
    tune.add_argument(
        "--accept",
        type=float,
        default=1.0,
        metavar="N",
        help="false actions accepted per 100 hours (%(default)s)",
    )
    add_recording_options(tune)
    tune.set_defaults(run=_tune)


def _tune(options: argparse.Namespace) -> int:
    settings, hub = PrinterSettings(), load(options.config)
    courses: list[Course] = []
    for what in options.what:
        if Path(what).is_dir():
            courses += recorded(Path(what), options, settings, hub)
            continue
        own, found, unknown = stored(hub, what)
        settings, courses = own, [*courses, *found]
        print(f"{what}: {unknown} more prints are neither marked nor ended in a way that tells")
    if options.settings:
        settings = build(PrinterSettings, read_toml(options.settings), str(options.settings))
    print(tuning.as_text(tuning.tuned(courses, settings, options.accept)))
    return 0


def recorded(
    folder: Path, options: argparse.Namespace, settings: PrinterSettings, hub: HubSettings
) -> Iterator[Course]:
    """The recordings in good/ and failing/, replayed. A name that ends in @90 says that it fails from second 90 on."""
    parts = [folder / name for name in (GOOD, FAILING) if (folder / name).is_dir()]
    if not parts:
        raise ValueError(f"{folder}: has neither a folder good/ nor failing/")
    eye = detector(options)
    for part in parts:
        for path in sorted(each for each in part.iterdir() if not each.name.startswith(".")):
            done = replay.replay(shots(path, options.interval), eye, eye.model.warn, settings, hub.pace)
            points = tuple((step.t, step.certainty) for step in done.steps)
            said = _ONSET.search(path.name if path.is_dir() else path.stem)
            onset = float(said[1]) if said else 0.0
            yield Course(f"{part.name}/{path.name}", points, onset if part.name == FAILING else None)


def stored(hub: HubSettings, name: str) -> tuple[PrinterSettings, list[Course], int]:
    """A printer's settings, its prints that are known to be good or failing, and how many others there are."""
    office = Office(hub)
    office.database.start()
    try:
        printer = known_printer(office, name)
        known, unknown = courses_of(Prints(office.database, hub.hub.data / "evidence"), printer.id)
    finally:
        office.database.stop()
    return settings_from(printer.settings), known, unknown
