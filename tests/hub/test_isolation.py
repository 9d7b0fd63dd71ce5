"""The self-attack finds a broker that lets strangers cross, and only such a broker."""

from __future__ import annotations

import pytest

from hub.isolation import attack
from tests.support.brokers import BROKERS, running


@pytest.mark.parametrize("name", BROKERS)
def test_a_sound_broker_holds(name, tmp_path):
    with running(name, tmp_path) as broker:
        report = attack(broker.endpoint, broker)
    assert report.held, str(report)
    assert len(report.findings) == 9
