"""`printwarden user`: the people who can sign in."""

from __future__ import annotations

import argparse
import getpass
import sys
from typing import Any

from hub.admin import Office, action, invite, known_door, known_person
from hub.store.people import ROLES
from hub.views import NotFound


def add_commands(commands: Any) -> None:
    """Add `user` to the command line."""
    users = commands.add_parser("user", help="people who can sign in").add_subparsers(
        required=True, metavar="ACTION"
    )
    add = action(users, "add", "add a person", _add)
    add.add_argument("name")
    add.add_argument("--admin", action="store_true", help="may manage people")
    add.add_argument("--link", action="store_true", help="no password; show a one-time sign-in link instead")
    action(users, "list", "list people", _list)
    action(users, "password", "set a password", _password).add_argument("name")
    action(users, "link", "show a one-time sign-in link", _link).add_argument("name")
    quota = action(users, "quota", "set how many printers a person may own", _quota)
    quota.add_argument("name")
    quota.add_argument("printers", type=int)
    role = action(users, "role", "make a person an administrator or an ordinary user", _role)
    role.add_argument("name")
    role.add_argument("role", choices=ROLES)
    action(
        users, "disable", "end everything a person may do; his printers go on being watched", _disable
    ).add_argument("name")
    action(users, "enable", "let a disabled person in again", _enable).add_argument("name")
    remove = action(users, "remove", "remove a person for good, with the printers he owns", _remove)
    remove.add_argument("name")
    remove.add_argument("--printers-to", metavar="NAME", help="give the printers to another person instead")
    remove.add_argument("--yes", action="store_true", help="do not ask")


def _add(office: Office, options: argparse.Namespace) -> int:
    password = None if options.link else _ask_password()
    office.accounts().add(options.name, "admin" if options.admin else "user", password)
    print(f"added {options.name}")
    return _link(office, options) if options.link else 0


def _list(office: Office, _options: argparse.Namespace) -> int:
    for each in office.accounts().all():
        person = each.person
        print(
            f"{person.name:20} {person.role:6} owns {each.printers} of {person.quota} printers"
            + ("   (disabled)" if person.disabled else "")
        )
    return 0


def _password(office: Office, options: argparse.Namespace) -> int:
    known_person(office, options.name)
    office.people.set_password(options.name, _ask_password())
    office.note("set_password", options.name)
    print(f"changed; {options.name} is signed out everywhere")
    return 0


def _link(office: Office, options: argparse.Namespace) -> int:
    known_person(office, options.name)
    web = office.settings.web
    secret = office.accounts().sign_in_link(options.name)
    print(f"http://{web.host}:{web.port}/sign-in/{secret}   (works once, for 15 minutes)")
    return 0


def _quota(office: Office, options: argparse.Namespace) -> int:
    office.accounts().set_quota(_known(office, options.name), options.printers)
    print(f"{options.name} may own {options.printers} printers")
    return 0


def _role(office: Office, options: argparse.Namespace) -> int:
    office.accounts().set_role(_known(office, options.name), options.role)
    print(f"{options.name} is {options.role} now")
    return 0


def _disable(office: Office, options: argparse.Namespace) -> int:
    office.accounts().disable(_known(office, options.name))
    print(f"{options.name} can do nothing any more; let him in again with: printwarden user enable")
    return 0


def _enable(office: Office, options: argparse.Namespace) -> int:
    office.accounts().enable(_known(office, options.name))
    print(f"{options.name} can sign in again")
    return 0


def _remove(office: Office, options: argparse.Namespace) -> int:
    name, heir = _known(office, options.name), options.printers_to
    if heir is not None:
        known_door(office)
    count = office.printers.owned_by(name)
    fate = f"go to {heir}, without their history," if heir else "go too, with everything they recorded,"
    question = f"remove {name} for good? {count} printers {fate} and their agents are cut off. Type {name}: "
    if not options.yes and input(question) != name:
        print("nothing was removed")
        return 1
    inherited = office.accounts().remove(name, heir)
    print(f"removed {name}; what he did stands in the audit log")
    for row in inherited:
        invite(office, row)
    return 0


def _known(office: Office, name: str) -> str:
    """The name of somebody who is there, disabled or not."""
    try:
        return office.accounts().account(name).person.name
    except NotFound:
        return known_person(office, name)


def _ask_password() -> str:
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\n")
    first = getpass.getpass("password: ")
    if first != getpass.getpass("once more: "):
        raise ValueError("the two passwords differ")
    return first
