"""`printwarden events`: what happens on this hub, for whoever runs it; follows the database of the running hub."""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import asdict
from typing import Any

from hub.admin import Office, known_printer, with_office
from hub.logs import printable
from hub.store.history import EventRow

EVERY_S = 0.5


def add_commands(commands: Any) -> None:
    """Add `events` to the command line."""
    parser = commands.add_parser("events", help="show events, and with --follow those that come")
    parser.add_argument("--follow", action="store_true", help="go on until interrupted")
    parser.add_argument("--printer", help="id or name; all printers otherwise")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.add_argument("-n", "--newest", type=int, default=20, help="how many to begin with (%(default)s)")
    parser.set_defaults(run=lambda options: with_office(options, _events))


def _events(office: Office, options: argparse.Namespace) -> int:
    printer = known_printer(office, options.printer).id if options.printer else None
    show = _json if options.json else _text
    rows, last = office.history.newest_events(max(options.newest, 0), printer)
    for row in rows:
        show(office, row)
    while options.follow:
        time.sleep(EVERY_S)
        for row in office.history.events_after(last, printer):
            show(office, row)
            last = row.id
    return 0


def _name(office: Office, printer: str) -> str:
    row = office.printers.get(printer)
    return row.name if row else printer


def _text(office: Office, row: EventRow) -> None:
    clock = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(row.t))
    print(printable(f"{clock} {row.level:7} {_name(office, row.printer)}: {row.text}"), flush=True)


def _json(office: Office, row: EventRow) -> None:
    print(json.dumps({**asdict(row), "name": _name(office, row.printer)}), flush=True)
