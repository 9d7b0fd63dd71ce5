"""Enrolments, codes, rotations, grants, integrations and people in any order, with crashes between: no grant, no effect.

A model of plain dictionaries predicts after every step which token lets whom in and what each person and integration
may do with each printer.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from agent.enrolment import code, parse
from agent.seal import derive, seal_json
from hub.access import Right
from hub.credentials import Credentials
from hub.enrolment import EnrolmentError, Enrolments
from hub.sharing import PersonSharing, SharingParts
from hub.store.audit import Audit
from hub.store.confirmations import Confirmations
from hub.store.database import Database
from hub.store.people import People
from hub.store.printers import Printers
from hub.store.sharing import Sharing
from hub.views import NotAllowed, NotFound
from tests.support.databases import CheapHasher

NOW = 1_700_000_000.0
NAMES = ("ann", "bob")
PEOPLE = st.sampled_from(NAMES)


@dataclass
class Printer:
    """What the model knows of one: its live tokens, oldest first, and who may what."""

    owner: str
    tokens: list[str] = field(default_factory=list)
    keys: list[bytes] = field(default_factory=list)
    rights: dict[str, Right] = field(default_factory=dict)
    waiting: tuple[str, str, bytes] | None = None


class Tenancy(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory(prefix="printwarden-tenancy-")
        self.printers: dict[str, Printer] = {}
        self.integrations: dict[str, tuple[str, str, dict[str, Right]]] = {}
        self.disabled: set[str] = set()
        self.dead: set[tuple[str, str]] = set()
        self.open()
        for name in NAMES:
            self.people.add(name, None, role="user", now=NOW)

    def open(self) -> None:
        self.database = Database(Path(self.folder.name) / "hub.db")
        self.database.start()
        self.people, self.store = People(self.database), Printers(self.database)
        self.people._hasher = CheapHasher()
        self.audit = Audit(self.database)
        confirmations = Confirmations(self.database, self.store)
        self.enrolments = Enrolments(self.store, confirmations, self.audit)
        self.credentials = Credentials(self.store)
        self.credentials.start()
        self.parts = SharingParts(
            self.people, self.store, self.credentials, Sharing(self.database), self.audit
        )

    def teardown(self) -> None:
        assert self.audit.verify() is None
        self.database.stop()
        self.folder.cleanup()

    def chosen(self, data) -> tuple[str, Printer]:
        return data.draw(st.sampled_from(list(self.printers.items())))

    def right(self, person: str, printer: str) -> Right | None:
        """What a person may do now, by the model."""
        return None if person in self.disabled else self.printers[printer].rights.get(person)

    # Printers and their agents

    @precondition(lambda self: len(self.printers) < 4)
    @rule(owner=PEOPLE)
    def add_printer(self, owner):
        row = self.store.add("p", owner, NOW)
        self.printers[row.id] = Printer(owner, rights={owner: Right.OWN})

    @precondition(lambda self: self.printers)
    @rule(data=st.data(), minted_by=PEOPLE, right_secret=st.booleans(), ask_code=st.booleans())
    def enrol(self, data, minted_by, right_secret, ask_code):
        """Only for who owns the printer at that moment, and only with the whole secret."""
        identity, printer = self.chosen(data)
        line = self.enrolments.mint(
            minted_by, identity, host="h", port=1, fingerprint="ab" * 32, now=NOW, ask_code=ask_code
        ).line
        ticket, printer.waiting = parse(line), None
        secret = ticket.secret if right_secret else "x" * 32
        try:
            issued = self.enrolments.redeem(ticket.identity, secret, NOW)
        except EnrolmentError:
            assert not right_secret or self.right(minted_by, identity) is not Right.OWN
            return
        assert right_secret
        assert self.right(minted_by, identity) is Right.OWN
        if ask_code:
            printer.waiting = (ticket.identity, issued.token, issued.key)
            self.dead.add((identity, issued.token))
        else:
            self.admitted(identity, issued.token, issued.key)

    @precondition(lambda self: any(each.waiting for each in self.printers.values()))
    @rule(data=st.data(), right_code=st.booleans())
    def type_code(self, data, right_code):
        identity, printer = data.draw(
            st.sampled_from([item for item in self.printers.items() if item[1].waiting])
        )
        enrolment, token, key = printer.waiting
        shown = code(key, enrolment)
        typed = shown if right_code else f"{(int(shown) + 1) % 10**6:06}"
        try:
            self.enrolments.confirm(printer.owner, identity, typed, NOW)
        except EnrolmentError:
            return  # a wrong one, or the tries were used up before
        assert right_code
        assert [each.token for each in self.enrolments.settle(NOW)] == [token]
        printer.waiting = None
        self.dead.discard((identity, token))
        self.admitted(identity, token, key)

    def admitted(self, identity: str, token: str, key: bytes) -> None:
        printer = self.printers[identity]
        self.dead |= {(identity, each) for each in printer.tokens}
        printer.tokens, printer.keys = [token], [key]
        self.credentials.admit(identity, token)

    @precondition(lambda self: any(each.keys for each in self.printers.values()))
    @rule(data=st.data(), old=st.booleans())
    def rotate(self, data, old):
        """With the present key or the one given last; the tokens of both go on."""
        identity, printer = data.draw(
            st.sampled_from([item for item in self.printers.items() if item[1].keys])
        )
        key = printer.keys[0 if old else -1]
        sealed = seal_json(derive(key, "rotate"), f"rotate/{identity}", {"v": 1, "time": int(NOW)})
        issued = self.enrolments.rotate(identity, sealed, NOW)
        if key is not printer.keys[0]:  # asked with the new key, so the old one is over
            self.dead.add((identity, printer.tokens[0]))
            printer.tokens, printer.keys = printer.tokens[1:], printer.keys[1:]
        self.dead |= {(identity, each) for each in printer.tokens[1:]}
        printer.tokens, printer.keys = [printer.tokens[0], issued.token], [printer.keys[0], issued.key]
        self.credentials.admit(identity, issued.token)

    @precondition(lambda self: any(len(each.keys) == 2 for each in self.printers.values()))
    @rule(data=st.data())
    def use_new_key(self, data):
        identity, printer = data.draw(
            st.sampled_from([item for item in self.printers.items() if len(item[1].keys) == 2])
        )
        self.store.promote_key(identity)
        self.credentials.reload()
        self.dead.add((identity, printer.tokens[0]))
        printer.tokens, printer.keys = printer.tokens[1:], printer.keys[1:]

    @precondition(lambda self: self.printers)
    @rule(data=st.data())
    def remove_printer(self, data):
        identity, printer = self.chosen(data)
        self.store.remove(identity)
        self.credentials.reload()
        self.dead |= {(identity, each) for each in printer.tokens}
        del self.printers[identity]

    # People and programs

    @precondition(lambda self: self.printers)
    @rule(
        data=st.data(), by=PEOPLE, to=PEOPLE, right=st.none() | st.sampled_from([Right.VIEW, Right.CONTROL])
    )
    def grant(self, data, by, to, right):
        identity, printer = self.chosen(data)
        try:
            PersonSharing(self.parts, by).grant(identity, to, right)
        except (NotFound, NotAllowed, ValueError):
            assert self.right(by, identity) is not Right.OWN or by == to or to in self.disabled
            return
        assert self.right(by, identity) is Right.OWN
        printer.rights.pop(to, None)
        if right is not None:
            printer.rights[to] = right

    @precondition(lambda self: self.printers and len(self.integrations) < 3)
    @rule(data=st.data(), by=PEOPLE, right=st.sampled_from([Right.VIEW, Right.CONTROL]))
    def add_integration(self, data, by, right):
        identity, _ = self.chosen(data)
        try:
            made = PersonSharing(self.parts, by).add_integration("ha", {identity: right})
        except (NotFound, NotAllowed):
            assert (self.right(by, identity) or 0) < right
            return
        assert self.right(by, identity) >= right
        self.integrations[made.username] = (made.token, by, {identity: right})

    @precondition(lambda self: self.integrations)
    @rule(data=st.data())
    def end_integration(self, data):
        username = data.draw(st.sampled_from(list(self.integrations)))
        token, owner, _ = self.integrations.pop(username)
        PersonSharing(self.parts, owner).remove_integration(username[2:])
        self.dead.add((username, token))

    @rule(name=PEOPLE)
    def disable_or_enable(self, name):
        (self.people.enable if name in self.disabled else self.people.disable)(name)
        self.disabled ^= {name}
        self.credentials.reload()

    @rule()
    def crash(self):
        """Everything that was in memory is gone; nobody said goodbye."""
        self.database._connection.close()
        self.open()

    # What must hold after every step

    @invariant()
    def tokens_let_in_exactly_who_they_should(self):
        for identity, printer in self.printers.items():
            for each in printer.tokens:
                assert self.credentials.authenticate(identity, each.encode()).id == identity
        for username, (token, _, _) in self.integrations.items():
            assert self.credentials.authenticate(username, token.encode()).id == username[2:]
        for username, token in self.dead:
            assert self.credentials.authenticate(username, token.encode()) is None

    @invariant()
    def rights_are_those_of_the_model(self):
        for name in NAMES:
            mine = {each: self.right(name, each) for each in self.printers if self.right(name, each)}
            assert self.store.rights_of(name) == mine
        for username, (_, owner, rights) in self.integrations.items():
            left = {
                printer: min(right, self.right(owner, printer))
                for printer, right in rights.items()
                if printer in self.printers and self.right(owner, printer)
            }
            assert self.credentials.principal(username).rights == left


Tenancy.TestCase.settings = settings(
    max_examples=15,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
TestTenancy = Tenancy.TestCase
