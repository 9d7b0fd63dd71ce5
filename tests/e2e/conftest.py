"""One hub for all end-to-end tests that do not harm it, with people, printers and agents of their own for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.hubs import Rig, running_hub


@pytest.fixture(scope="session")
def shared_hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with running_hub(tmp_path_factory.mktemp("hub")) as rig:
        yield rig


@pytest.fixture
def rig(shared_hub: Rig) -> Iterator[Rig]:
    """The running hub; the agents that a test starts end with it."""
    yield shared_hub
    shared_hub.stop_agents()
