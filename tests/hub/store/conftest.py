"""A fresh database for each test."""

import pytest

from tests.support import databases


@pytest.fixture(autouse=True)
def _cheap_passwords(monkeypatch):
    monkeypatch.setattr("hub.store.people.PasswordHasher", databases.CheapHasher)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "hub.db"


@pytest.fixture
def database(path):
    with databases.opened(path) as opened:
        yield opened
