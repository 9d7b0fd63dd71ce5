"""A started database in a file, people in it, and password hashing that costs next to nothing."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import argon2

from hub.store.database import Database
from hub.store.people import People

CheapHasher = functools.partial(argon2.PasswordHasher, time_cost=1, memory_cost=8, parallelism=1)


@contextmanager
def opened(path: Path | str) -> Iterator[Database]:
    """A started database that is stopped at the end."""
    database = Database(path)
    database.start()
    try:
        yield database
    finally:
        database.stop()


def people(database: Database, *names: str) -> People:
    """Everyone of the hub, with these people added who have no password."""
    everyone = People(database)
    for name in names:
        everyone.add(name, None, role="user", now=1.0)
    return everyone
