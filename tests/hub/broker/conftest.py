"""An embedded broker on loopback that knows the hub, two agents, a viewer and a worker."""

from __future__ import annotations

import pytest

from hub.access import Kind, Principal, Right
from hub.broker.embedded import EmbeddedBroker
from tests.support.mqtt import AGENT, HUB, PRINTER, STRANGER, Journal, People, settings

VIEWER = Principal(Kind.INTEGRATION, "viewer", {PRINTER: Right.VIEW})
WORKERS = tuple(Principal(Kind.WORKER, each) for each in ("one", "two"))


class Running:
    """A started broker with what it was given."""

    def __init__(self, **limits) -> None:
        self.people = People(HUB, AGENT, STRANGER, VIEWER, *WORKERS)
        self.journal = Journal()
        self.broker = EmbeddedBroker(settings(**limits), self.people, audit=self.journal)
        self.broker.start()
        self.endpoint = self.broker.endpoint()

    @property
    def door(self):
        return self.broker._door

    def count(self, name: str) -> float:
        return self.broker.metrics()[name]


@pytest.fixture
def start():
    """Starts brokers with changed limits and stops them at the end."""
    started = []

    def starter(**limits) -> Running:
        started.append(Running(**limits))
        return started[-1]

    yield starter
    for each in started:
        each.broker.stop()


@pytest.fixture
def running(start):
    """A broker with its default limits."""
    return start()
