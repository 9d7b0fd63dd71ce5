"""A hub's database in memory, and a time that passes only when a test says so."""

from __future__ import annotations

from functools import cached_property, partial
from pathlib import Path
from unittest import mock

from argon2 import PasswordHasher

from hub.live import Live
from hub.store import people
from hub.store.audit import Audit
from hub.store.database import Database
from hub.store.history import History
from hub.store.people import People
from hub.store.printers import Printers

#: As the real one, which is slow on purpose.
QuickHasher = partial(PasswordHasher, time_cost=1, memory_cost=8, parallelism=1)


class Time:
    """Stands in for the module `time`."""

    def __init__(self, unix: float = 1_700_000_000.0, monotonic: float = 1000.0) -> None:
        self.unix, self.steady = unix, monotonic

    def time(self) -> float:
        return self.unix

    def monotonic(self) -> float:
        return self.steady

    def pass_(self, seconds: float) -> None:
        self.unix += seconds
        self.steady += seconds


class Stores:
    """An open, empty database in memory with everything that reads and writes it."""

    def __init__(self, folder: Path) -> None:
        self.database = Database(":memory:")
        self.database.start()
        self.printers = Printers(self.database)
        self.history, self.audit = History(self.database, folder / "evidence"), Audit(self.database)
        self.live = Live()

    @cached_property
    def people(self) -> People:
        """People whose passwords are hashed quickly."""
        with mock.patch.object(people, "PasswordHasher", QuickHasher):
            return People(self.database)

    def person(self, name: str = "olivia", quota: int = 10) -> str:
        """A person who can sign in by link."""
        row = {"name": name, "role": "user", "password_hash": "", "created": 1.0, "quota": quota}
        with self.database.write() as db:
            db.table("people").insert(row, ignore=True)
        return name

    def printer(self, name: str = "Prusa", owner: str = "olivia"):
        """A printer of a person, who is added when unknown."""
        return self.printers.add(name, self.person(owner), 1.0)
