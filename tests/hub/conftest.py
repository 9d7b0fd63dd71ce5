"""What tests of the hub's parts share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from hub.store import people
from tests.support.command_line import Scene
from tests.support.stores import QuickHasher, Stores


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[Stores]:
    """An empty database in memory."""
    opened = Stores(tmp_path)
    yield opened
    opened.database.stop()


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(people, "PasswordHasher", QuickHasher)
    return Scene(tmp_path, monkeypatch, capsys)


@pytest.fixture
def olivia(run):
    """A scene in which olivia exists."""
    run.well("user", "add", "olivia", "--link")
    return run
