"""What tests of the hub's parts share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.stores import Stores


@pytest.fixture
def stores(tmp_path: Path) -> Iterator[Stores]:
    """An empty database in memory."""
    opened = Stores(tmp_path)
    yield opened
    opened.database.stop()
