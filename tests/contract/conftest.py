"""Every contract test runs against each supported broker, fresh for each test."""

from __future__ import annotations

import pytest

from tests.support.brokers import BROKERS, running
from tests.support.mqtt import AGENT, HUB, STRANGER


@pytest.fixture(params=BROKERS)
def broker(request, tmp_path):
    """A running broker that knows the hub and two agents."""
    with running(request.param, tmp_path) as started:
        for principal in (HUB, AGENT, STRANGER):
            started.add(principal)
        yield started
