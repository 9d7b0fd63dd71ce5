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
from hub.detection_cli import detector
from hub.policy import PrinterSettings, settings_from
from hub.prints import ended_well
from hub.recordings import shots
from hub.settings import HubSettings, load
from hub.store.prints import FALSE_ALARM, MISSED, FeedbackRow, PrintRow, Prints
from hub.tuning import Course

GOOD, FAILING = "good", "failing"
#: Where nobody said when a print began to fail, the first picture after which it was so certain counts.
SUSPECT = 0.01
MOST_PRINTS = 1000
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
    tune.add_argument(
        "--settings", type=Path, metavar="FILE", help="settings as TOML (the printer's, or defaults)"
    )
    tune.add_argument(
        "--interval",
        type=float,
        default=10.0,
        metavar="S",
        help="seconds of the print between two pictures of a recording (%(default)s)",
    )
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
    print(tuning.as_text(courses, settings, options.accept))
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
        prints = Prints(office.database, hub.hub.data / "evidence")
        rows = [row for row in prints.of(printer.id, MOST_PRINTS) if row.ended is not None]
        said = prints.feedback(printer.id)
        courses = [_course(prints, row, said) for row in rows]
    finally:
        office.database.stop()
    known = [each for each in courses if each is not None]
    return settings_from(printer.settings), known, len(courses) - len(known)


def _course(prints: Prints, row: PrintRow, said: list[FeedbackRow]) -> Course | None:
    """A stored print as its scores tell it; None if nobody knows how it went, or it has no scores."""
    points = tuple((score.t - row.started, score.certainty) for score in prints.scores(row))
    if not points:
        return None
    during = [each for each in said if row.started <= each.t_picture <= (row.ended or row.started)]
    missed = [each.t_picture - row.started for each in during if each.label == MISSED]
    events = prints.events(row)
    if ended_well(row, events, said):
        return Course(str(row.id), points)
    alarmed = any(event.kind == "failing" for event in events)
    believed = alarmed and not any(each.label == FALSE_ALARM for each in during)
    if not missed and row.good is not False and not (believed and row.outcome in ("cancelled", "failed")):
        return None
    first = next((t for t, certainty in points if certainty is not None and certainty >= SUSPECT), 0.0)
    return Course(str(row.id), points, min(missed, default=first))
