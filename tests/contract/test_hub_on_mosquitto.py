"""The whole hub on a real Mosquitto: nothing but the broker is different."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from hub.app import Hub
from hub.broker.mosquitto_config import write_config
from hub.broker.probe import Gone, Probe
from hub.isolation_watch import IsolationError
from hub.settings import BrokerSection
from tests.support.brokers import MosquittoProcess, run_as
from tests.support.debian import require
from tests.support.hubs import PATIENCE, Rig, hub_settings
from tests.support.models import brightness_model
from tests.support.pictures import failing, fine
from tests.support.waiting import until

pytestmark = [pytest.mark.counterpart, pytest.mark.timeout(120)]


@pytest.fixture(scope="module")
def mosquitto(tmp_path_factory) -> Iterator[MosquittoProcess]:
    require("mosquitto")
    folder = tmp_path_factory.mktemp("mosquitto")
    process = MosquittoProcess(
        lambda listener: write_config(folder, listener, admin="warden", token="admin-token", user=run_as())
    )
    yield process
    process.stop()


def make_hub(folder: Path, mosquitto: MosquittoProcess) -> Hub:
    section = BrokerSection(
        kind="mosquitto",
        port=mosquitto.endpoint.port,
        admin="warden",
        token="admin-token",
        public_host="127.0.0.1",
    )
    return Hub(replace(hub_settings(folder, brightness_model(folder / "model")), broker=section))


@pytest.fixture
def rig(tmp_path, mosquitto) -> Iterator[Rig]:
    hub = make_hub(tmp_path, mosquitto)
    hub.start()
    rig = Rig(hub, tmp_path)
    yield rig
    rig.stop_agents()
    hub.stop()


def login(mosquitto: MosquittoProcess, name: str, token: str) -> int:
    with Probe(mosquitto.endpoint, PATIENCE) as probe:
        try:
            return probe.connect(name, token, name)
        except Gone:
            return -1


def test_a_failing_print_is_paused(rig: Rig) -> None:
    """Enrolment, frames, decision, signed command and confirmation, over a broker that is not ours."""
    printer = rig.printer()
    rig.agent(printer, [*fine(3), *failing()])
    printer.command("confirmed")
    printer.phase("paused")
    assert rig.hub.isolation.held


def test_a_removed_printer_is_out_at_once(rig: Rig, mosquitto: MosquittoProcess) -> None:
    printer = rig.printer()
    name, token = printer.credential.printer, printer.credential.token
    assert login(mosquitto, name, token) == 0
    printer.view.remove(printer.id)
    until(lambda: login(mosquitto, name, token) != 0)


def test_what_the_database_does_not_know_is_removed_at_start(
    tmp_path: Path, mosquitto: MosquittoProcess, rig: Rig
) -> None:
    """A credential that a lost database once made lets nobody in again."""
    printer = rig.printer()
    rig.hub.stop()
    other = make_hub(tmp_path / "other", mosquitto)
    other.start()
    other.stop()
    assert login(mosquitto, printer.credential.printer, printer.credential.token) != 0


def test_a_mosquitto_that_lets_tenants_cross_is_not_used(
    tmp_path: Path, mosquitto: MosquittoProcess, monkeypatch
) -> None:
    """With roles that allow everything the hub attacks itself, succeeds, and does not start."""
    everything = [
        {"acltype": kind, "topic": "#", "priority": 0, "allow": True}
        for kind in ("publishClientSend", "publishClientReceive", "subscribePattern", "unsubscribePattern")
    ]
    monkeypatch.setattr("hub.broker.mosquitto.role_acls", lambda _principal: everything)
    with pytest.raises(IsolationError, match="FAILED  publish"):
        make_hub(tmp_path, mosquitto).start()
