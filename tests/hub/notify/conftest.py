"""A courier with a store, a time that a test lets pass, and a sender that only remembers."""

from __future__ import annotations

import pytest

from hub.access import Right
from hub.notify.courier import GATHER_S, Courier, CourierParts
from hub.notify.desk import DeskParts, PersonNotify
from hub.notify.message import DeliveryError
from hub.store.notify import NotifyStore, TargetRow
from tests.support.stores import Time

KEY = b"k" * 32
URL = "https://hub.example"


class FakeSender:
    """Remembers what it sent; `error` lets it fail, by target or for all."""

    def __init__(self):
        self.sent, self.errors, self.wait_s, self.tries = [], {}, 0.0, 0

    def send(self, row, message):
        self.tries += 1
        error = self.errors.get(row.id, self.errors.get(""))
        if error:
            raise DeliveryError(error, self.wait_s)
        self.sent.append((row.id, message))


class Post:
    """Olivia owns a printer, Vera may look at it, Mallory is nobody; each has a target by their name."""

    def __init__(self, stores, public_url=URL):
        self.stores, self.time, self.sender = stores, Time(), FakeSender()
        self.store = NotifyStore(stores.database)
        self.printer = stores.printer().id
        for name in ("vera", "mallory"):
            stores.person(name)
        stores.printers.grant(self.printer, "vera", Right.VIEW)
        for name in ("olivia", "vera", "mallory"):
            self.target(name)
        self.courier = self.made(public_url)

    def made(self, public_url=URL):
        """A courier as a new run of the hub makes it; it sends on the spot."""
        parts = CourierParts(
            self.store, self.stores.printers, self.stores.history, self.sender, KEY, public_url
        )
        return Courier(parts, self.time.time, begin=lambda work: work())

    def target(self, identity, person="", **changes):
        values = {
            "kind": "ntfy",
            "address": "https://ntfy.example/topic",
            "secret": "",
            "level": "warning",
            "picture": True,
            "actions": True,
            "muted": False,
            "created": 1.0,
        }
        self.store.add_target(
            TargetRow(id=identity, person=person or identity, label=identity, **{**values, **changes})
        )

    def desk(self, person):
        return PersonNotify(DeskParts(self.store, self.stores.printers, self.stores.audit), person, "s")

    def happens(self, kind="failing", level="alarm", text="", printer=""):
        """Something happened, and the courier has had its time to tell it."""
        event = self.stores.history.add_event(
            printer or self.printer, self.time.time(), kind, level, text or f"{kind}!"
        )
        self.passes(GATHER_S)
        return event

    def passes(self, seconds, step=None):
        """Time passes, and the courier looks at the end of it, or every `step` seconds."""
        for _ in range(int(seconds // step) if step else 1):
            self.time.pass_(step or seconds)
            self.courier.tick(self.time.time())

    def texts(self, target="olivia"):
        return [message.text for identity, message in self.sender.sent if identity == target]


@pytest.fixture
def post(stores):
    return Post(stores)
