"""The command line's printers and audit log. Works beside a running hub, which notices changes by itself."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import segno

from agent.private_file import write_private
from hub import tls
from hub.accounts import AccountParts, Accounts
from hub.enrolment import LIFETIME_S, Enrolments, Invitation
from hub.registrar import check_quota
from hub.settings import HubSettings, load
from hub.store.audit import Audit
from hub.store.confirmations import Confirmations
from hub.store.database import Database
from hub.store.history import History
from hub.store.people import People
from hub.store.printers import PrinterRow, Printers
from hub.views import checked_name

ACTOR = "command line"


class Office:
    """The database of a hub, as the command line uses it."""

    def __init__(self, settings: HubSettings) -> None:
        self.settings = settings
        self.database = Database(settings.hub.data / "hub.db")
        self.people, self.printers = People(self.database), Printers(self.database)
        self.history, self.audit = (
            History(self.database, settings.hub.data / "evidence"),
            Audit(self.database),
        )
        self.enrolments = Enrolments(self.printers, Confirmations(self.database, self.printers), self.audit)

    def accounts(self) -> Accounts:
        """Everybody's account; a hub that runs notices by itself what is changed here."""
        parts = AccountParts(self.people, self.printers, self.audit, keeper=self, changed=lambda: None)
        return Accounts(parts, ACTOR)

    def remove(self, printer: str) -> None:
        """Remove a printer with its history and pictures, whether or not a hub runs that would do it."""
        self.printers.remove(printer)
        self.history.forget(printer)

    def hand_over(self, printer: str, owner: str) -> PrinterRow:
        """A new printer of a new owner in place of an old one; raises ValueError beyond the quota."""
        check_quota(self.people, self.printers, owner)
        new = self.printers.hand_over(known_printer(self, printer), owner, time.time())
        self.history.forget(printer)
        return new

    def note(self, action: str, object_: str, detail: str = "") -> None:
        """Write into the audit log."""
        self.audit.add(time.time(), ACTOR, action, object_, detail)


def add_commands(commands: Any) -> None:
    """Add `printer` and `audit` to the command line."""
    printers = commands.add_parser("printer", help="printers").add_subparsers(required=True, metavar="ACTION")
    new = action(printers, "add", "add a printer and show its enrolment line", _printer_add)
    new.add_argument("name")
    new.add_argument("--owner", required=True, help="the person who owns it")
    batch = action(
        printers, "batch", "add many printers and write their enrolment lines into a file", _printer_batch
    )
    batch.add_argument("prefix", help='names become "PREFIX 1", "PREFIX 2", ...')
    batch.add_argument("count", type=int)
    batch.add_argument("file", type=Path, help="readable by its owner only; one name and line a row")
    batch.add_argument("--owner", required=True)
    batch.add_argument("--hours", type=float, default=24.0, help="how long the lines work (%(default)s)")
    move = action(
        printers,
        "move",
        "give a printer to another owner: a new id, no history, enrolled anew",
        _printer_move,
    )
    move.add_argument("printer", help="id or name")
    move.add_argument("--to", required=True, help="the new owner")
    move.add_argument("--yes", action="store_true", help="do not ask")
    action(printers, "list", "list printers", _printer_list)
    fresh = action(printers, "invite", "show a fresh enrolment line", _printer_invite)
    fresh.add_argument("printer", help="id or name")
    for each in (new, batch, move, fresh):
        each.add_argument(
            "--code", action="store_true", help="let the agent in only once its code is confirmed"
        )
    confirm = action(printers, "confirm", "let the agent in that shows this code", _printer_confirm)
    confirm.add_argument("printer", help="id or name")
    confirm.add_argument("code", help="as the printer's display or the agent's terminal shows it")
    remove = action(printers, "remove", "remove a printer with its history", _printer_remove)
    remove.add_argument("printer", help="id or name")
    remove.add_argument("--yes", action="store_true", help="do not ask")
    audit = commands.add_parser("audit", help="the audit log").add_subparsers(required=True, metavar="ACTION")
    action(audit, "verify", "check that no row was changed or removed", _audit_verify)
    action(audit, "list", "show the newest rows", _audit_list)


def action(group: Any, name: str, text: str, run: Callable[[Office, argparse.Namespace], int]) -> Any:
    """A command that works on the database of the hub; returns its parser."""
    parser = group.add_parser(name, help=text)
    parser.set_defaults(run=lambda options: with_office(options, run))
    return parser


def with_office(options: argparse.Namespace, run: Callable[[Office, argparse.Namespace], int]) -> int:
    """Run a command with the database of the hub that the options name."""
    with _office(load(options.config)) as office:
        return run(office, options)


@contextmanager
def _office(settings: HubSettings) -> Iterator[Office]:
    settings.hub.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    office = Office(settings)
    office.database.start()
    try:
        yield office
    finally:
        office.database.stop()


def _printer_add(office: Office, options: argparse.Namespace) -> int:
    known_door(office)
    person = known_person(office, options.owner)
    check_quota(office.people, office.printers, person)
    row = office.printers.add(checked_name(options.name), person, time.time())
    office.note("add_printer", row.id, row.name)
    return invite(office, row, ask_code=options.code)


def _printer_batch(office: Office, options: argparse.Namespace) -> int:
    """All printers or none: everything is checked for the whole batch first."""
    known_door(office)
    person = office.people.get(known_person(office, options.owner))
    assert person is not None
    free = person.quota - office.printers.owned_by(person.name)
    if not 1 <= options.count <= free:
        raise ValueError(
            f"{person.name} may add {max(free, 0)} printers; raise it with: printwarden user quota"
        )
    if not 0 < options.hours <= 24 * 7:
        raise ValueError("--hours: at most a week")
    names = [checked_name(f"{options.prefix} {number}") for number in range(1, options.count + 1)]
    rows = []
    for name in names:
        row = office.printers.add(name, person.name, time.time())
        rows.append(f"{row.name}\t{_mint(office, row, options.hours * 3600, ask_code=options.code).line}\n")
    write_private(options.file, "".join(rows))
    office.note("add_batch", person.name, f"{options.count} printers")
    print(
        f"{options.count} printers added; their lines are in {options.file} and work once, for {options.hours:g} hours"
    )
    return 0


def _printer_move(office: Office, options: argparse.Namespace) -> int:
    """A new owner means a new printer: nothing of the old one's key, history or grants goes along."""
    known_door(office)
    old, person = known_printer(office, options.printer), known_person(office, options.to)
    question = f"move {old.name!r} from {old.owner} to {person}? Its history ends. Type its name: "
    if not options.yes and input(question) != old.name:
        print("nothing was moved")
        return 1
    new = office.hand_over(old.id, person)
    office.note("move_printer", new.id, f"was {old.id} of {old.owner}")
    return invite(office, new, ask_code=options.code)


def _printer_list(office: Office, _options: argparse.Namespace) -> int:
    for row in office.printers.all():
        print(f"{row.id}  {row.owner:16} {row.name}" + ("" if row.enrolled else "   (no agent enrolled yet)"))
    return 0


def _printer_invite(office: Office, options: argparse.Namespace) -> int:
    return invite(office, known_printer(office, options.printer), ask_code=options.code)


def _printer_confirm(office: Office, options: argparse.Namespace) -> int:
    row = known_printer(office, options.printer)
    office.enrolments.confirm(ACTOR, row.id, options.code, time.time())
    print(f"confirmed: the hub lets the agent of {row.name} in now")
    return 0


def _printer_remove(office: Office, options: argparse.Namespace) -> int:
    row = known_printer(office, options.printer)
    if not options.yes and input(f"remove {row.name!r} of {row.owner} for good? Type its name: ") != row.name:
        print("nothing was removed")
        return 1
    office.remove(row.id)
    office.note("remove_printer", row.id, row.name)
    print(f"removed {row.name}")
    return 0


def _audit_verify(office: Office, _options: argparse.Namespace) -> int:
    broken = office.audit.verify()
    print(broken or "the audit log is whole")
    return 1 if broken else 0


def _audit_list(office: Office, _options: argparse.Namespace) -> int:
    for row in reversed(office.audit.rows()):
        when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(row.t))
        print(f"{row.id:6} {when} {row.actor:16} {row.action:16} {row.object} {row.detail}")
    return 0


def _mint(office: Office, row: PrinterRow, lifetime: float, *, ask_code: bool) -> Invitation:
    section = office.settings.hub
    known_door(office)
    shown = tls.current(section)
    return office.enrolments.mint(
        row.owner,
        row.id,
        host=section.names[0],
        port=section.enrolment_port,
        fingerprint=shown.fingerprint,
        now=time.time(),
        lifetime=lifetime,
        ask_code=ask_code,
    )


def invite(office: Office, row: PrinterRow, *, ask_code: bool = False) -> int:
    """Show a fresh enrolment line of a printer."""
    invitation = _mint(office, row, LIFETIME_S, ask_code=ask_code)
    office.note("invite", row.id)
    print(f"{row.name}: run this beside the printer within 15 minutes; it works once\n")
    print(f"  printwarden-agent enrol {invitation.line}\n")
    if ask_code:
        print(f"it then shows a code; let it in with: printwarden printer confirm {row.id} CODE\n")
    if sys.stdout.isatty():
        segno.make(invitation.line).terminal(compact=True)
    return 0


def known_door(office: Office) -> None:
    """Raises ValueError where only the running hub knows the port that stands in an enrolment line."""
    if not office.settings.hub.enrolment_port:
        raise ValueError(
            "hub.enrolment_port is 0 in the settings, so only the running hub knows it; use the viewer"
        )


def known_person(office: Office, name: str) -> str:
    """The name of somebody who is there and not disabled; raises ValueError that names everybody."""
    if office.people.get(name) is None:
        raise ValueError(
            f"there is no user {name!r}; known are {', '.join(p.name for p in office.people.all()) or 'none'}"
        )
    return name


def known_printer(office: Office, wanted: str) -> PrinterRow:
    """The printer of that id or name; raises ValueError unless there is exactly one."""
    found = [row for row in office.printers.all() if wanted in (row.id, row.name)]
    if len(found) != 1:
        raise ValueError(f"{len(found)} printers are called {wanted!r}; see: printwarden printer list")
    return found[0]
