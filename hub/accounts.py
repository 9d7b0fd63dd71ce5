"""What an administrator does with people: add, change, disable, remove. Everything of it is audited.

Being an administrator gives no right on anybody's printer.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from hub.store.audit import Audit
from hub.store.people import People, Person, PersonError
from hub.store.printers import PrinterRow, Printers
from hub.views import NotFound


class Keeper(Protocol):
    """Takes printers from people, with every part of the hub told that has to know."""

    def remove(self, printer: str) -> None: ...

    def hand_over(self, printer: str, owner: str) -> PrinterRow:
        """A new printer of a new owner in its place, to be enrolled anew; raises ValueError beyond the quota."""
        ...


@dataclass(frozen=True)
class AccountParts:
    """What accounts are made from. `changed` is told when a person lost or got back what he may do."""

    people: People
    printers: Printers
    audit: Audit
    keeper: Keeper
    changed: Callable[[], None]


@dataclass(frozen=True)
class Account:
    """A person and how many printers he owns."""

    person: Person
    printers: int


class Accounts:
    """Everybody's account in the hands of one administrator; raises PersonError for what cannot be."""

    def __init__(self, parts: AccountParts, actor: str, session: str = "") -> None:
        self._parts, self._actor, self._session = parts, actor, session

    def all(self) -> list[Account]:
        """Everybody, by name."""
        owned = self._parts.printers.owned_by
        return [Account(person, owned(person.name)) for person in self._parts.people.all()]

    def account(self, name: str) -> Account:
        """One person; raises NotFound."""
        for each in self.all():
            if each.person.name == name:
                return each
        raise NotFound

    def add(self, name: str, role: str, password: str | None = None) -> Person:
        """Add a person, who comes in by a sign-in link until there is a password."""
        added = self._parts.people.add(name, password, role=role, now=time.time())
        self._audit("add_user", name, role)
        return added

    def set_role(self, name: str, role: str) -> None:
        """Make a person an administrator or an ordinary user."""
        if self.account(name).person.role != role:
            self._parts.people.set_role(name, role)
            self._audit("set_role", name, role)

    def set_quota(self, name: str, printers: int) -> None:
        """Say how many printers a person may own."""
        if self.account(name).person.quota != printers:
            self._parts.people.set_quota(name, printers)
            self._audit("set_quota", name, str(printers))

    def sign_in_link(self, name: str) -> str:
        """The secret of a link that signs a person in once."""
        secret = self._parts.people.mint_link(name, time.time())
        self._audit("sign_in_link", name)
        return secret

    def disable(self, name: str) -> None:
        """End everything a person may do until `enable`; his printers go on being watched."""
        self.account(name)
        self._parts.people.disable(name)
        self._parts.changed()
        self._audit("disable_user", name)

    def enable(self, name: str) -> None:
        """Let a person in again."""
        self.account(name)
        self._parts.people.enable(name)
        self._parts.changed()
        self._audit("enable_user", name)

    def remove(self, name: str, heir: str | None = None) -> list[PrinterRow]:
        """Remove a person for good, and his printers too unless an heir gets them; what stays is the audit log.

        Returns the heir's new printers, which have to be enrolled anew.
        """
        owned = self._parts.printers.of(self.account(name).person.name)
        if heir is not None and owned:
            self._check_heir(name, heir, len(owned))
        self._parts.people.disable(name)  # ends everything at once, whatever happens on the way
        self._parts.changed()
        inherited = []
        for row in owned:
            if heir is None:
                self._parts.keeper.remove(row.id)
                self._audit("remove_printer", row.id, row.name)
            else:
                inherited.append(self._parts.keeper.hand_over(row.id, heir))
                self._audit("move_printer", inherited[-1].id, f"was {row.id} of {name}")
        self._parts.people.remove(name)
        self._parts.changed()
        self._audit("remove_user", name, f"printers to {heir}" if heir else "with printers")
        return inherited

    def _check_heir(self, name: str, heir: str, printers: int) -> None:
        person = self._parts.people.get(heir)
        if person is None or heir == name:
            raise PersonError(f"there is no other user {heir!r} to give the printers to")
        free = person.quota - self._parts.printers.owned_by(heir)
        if printers > free:
            raise PersonError(f"{heir} may own {person.quota} printers, so {printers} more are too many")

    def _audit(self, action: str, object_: str, detail: str = "") -> None:
        self._parts.audit.add(time.time(), self._actor, action, object_, detail, self._session)
