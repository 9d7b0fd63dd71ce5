"""The certificate of a running hub: renewed under connected agents, or the user's own."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest

from agent import enrolment
from agent.endpoint import Endpoint
from agent.enrolment import Credential
from hub import certificates
from hub.app import Hub
from hub.broker.probe import Probe
from hub.broker.settings import PlainListener
from tests.support.certificates import Authority
from tests.support.hubs import LOOPBACK, PATIENCE, Rig, hub_settings
from tests.support.models import brightness_model
from tests.support.pictures import fine


def connected(credential: Credential) -> bool:
    """Whether an agent with this credential gets in as a real one does: by TLS."""
    with Probe(Endpoint(credential.host, credential.port, credential.ca), PATIENCE) as probe:
        return probe.connect(credential.printer, credential.token, f"{credential.printer}-probe") == 0


def test_agents_do_not_notice_a_renewal(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    printer = rig.printer()
    rig.agent(printer, fine(), loop=True)
    printer.watch("watched")
    logins, first = rig.hub.broker.metrics()["logins"], rig.hub.tls.fingerprint
    with monkeypatch.context() as patch:
        patch.setattr(certificates, "RENEW_DAYS", certificates.SERVER_DAYS + 1)
        rig.hub.renew_certificate()
    assert rig.hub.tls.fingerprint != first
    assert rig.hub.audit.rows()[0].action == "certificate"
    assert connected(printer.credential), "enrolled before, connecting after"
    assert rig.hub.broker.metrics()["logins"] == logins + 1, "and nobody else had to"
    assert rig.printer().credential.ca == printer.credential.ca, "a line made now names the new certificate"
    assert enrolment.rotate(printer.credential, time.time())


def test_agents_trust_the_authority_of_a_brought_certificate(tmp_path: Path) -> None:
    """Enrolment, login and rotation, and the hub's own connection, all on TLS with the user's certificate."""
    authority = Authority()
    certificate, key = authority.issue(tmp_path, "own")
    (tmp_path / "authority.pem").write_text(authority.pem)
    settings = hub_settings(tmp_path, brightness_model(tmp_path / "model"))
    section = replace(
        settings.hub, certificate=str(certificate), key=str(key), authority=str(tmp_path / "authority.pem")
    )
    broker = replace(LOOPBACK, plain=PlainListener(enabled=False))
    hub = Hub(replace(settings, hub=section), broker)
    hub.start()
    try:
        credential = Rig(hub, tmp_path).printer().credential
        assert credential.ca == credential.enrolment_ca == authority.pem
        assert connected(credential)
        assert connected(enrolment.rotate(credential, time.time()))
        assert hub.health()["status"] == "ok"
    finally:
        hub.stop()
