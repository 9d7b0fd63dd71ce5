"""`doctor` looks at everything the hub needs and says in words what to mend."""

from __future__ import annotations

import socket
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from hub import certificates
from hub import doctor as looking
from hub.broker import core
from hub.doctor import doctor
from hub.settings import BrokerSection, DetectionSection, HubSection, HubSettings, WebSection
from hub.store.database import Database
from hub.store.people import People
from tests.support.certificates import Authority
from tests.support.models import brightness_model
from tests.support.processes import free_port


@pytest.fixture
def healthy(tmp_path):
    """Settings of a machine on which nothing is wrong, with free ports."""
    data = tmp_path / "data"
    data.mkdir()
    database = Database(data / "hub.db")
    database.start()
    People(database).add("olivia", None, role="admin", now=1.0)
    database.stop()
    certificates.ensure(data / "tls", ("hub.lan",))
    conf = tmp_path / "broker.conf"
    conf.write_text(
        f"[plain]\nport = {free_port()}\n[tls]\nhost = '127.0.0.1'\nport = {free_port()}\n", encoding="utf-8"
    )
    return HubSettings(
        hub=HubSection(data=data, names=("hub.lan",), enrolment_host="127.0.0.1", enrolment_port=free_port()),
        web=WebSection(port=free_port()),
        broker=BrokerSection(config=str(conf)),
        detection=DetectionSection(model=str(brightness_model(tmp_path / "model"))),
    )


def examine(settings, **options):
    lines = []
    return doctor(settings, say=lines.append, **options), lines


def wrong(settings, **options):
    """The only thing that is wrong."""
    status, lines = examine(settings, **options)
    assert status == 1
    (line,) = [each for each in lines if each.startswith("WRONG ")]
    assert "\n" not in line
    return line


def test_nothing_is_wrong(healthy):
    status, lines = examine(healthy)
    assert status == 0
    assert {each[:6] for each in lines} == {"ok    "}
    for what in (
        "Python",
        "data folder",
        "database",
        f"certificate {healthy.hub.data}/tls/hub.pem: 396 days left",
        "detector brightness",
        "viewer port",
        "MQTT over TLS port",
    ):
        assert any(what in each for each in lines), what


def test_a_first_start_has_no_database_yet(healthy, tmp_path):
    fresh = replace(healthy, hub=replace(healthy.hub, data=tmp_path / "fresh"))
    status, lines = examine(fresh)
    assert status == 0
    assert any(each.startswith("note") and "the first start makes it" in each for each in lines)


def test_names_that_only_this_machine_knows_are_worth_a_note(healthy):
    local = replace(healthy, hub=replace(healthy.hub, names=("127.0.0.1", "localhost")))
    status, lines = examine(local)
    assert status == 0
    assert any(each.startswith("note") and "agents elsewhere" in each for each in lines)


def test_a_taken_port(healthy):
    with socket.create_server(("127.0.0.1", healthy.web.port)):
        told = wrong(healthy)
    assert f"viewer port 127.0.0.1:{healthy.web.port}" in told
    assert "another program has it" in told


def test_a_folder_that_cannot_be_written(healthy, tmp_path):
    (tmp_path / "file").write_text("")
    told = wrong(replace(healthy, hub=replace(healthy.hub, data=tmp_path / "file" / "data")))
    assert "cannot be written" in told
    assert "set hub.data or its owner" in told


def test_a_full_disk(healthy, monkeypatch):
    monkeypatch.setattr(looking, "FREE_BYTES", 10**30)
    assert "MB free; make room or lower retention.gigabytes" in wrong(healthy)


def test_a_damaged_database(healthy):
    (healthy.hub.data / "hub.db").write_bytes(b"this is no database" * 1000)
    assert "restore a backup of it" in wrong(healthy)


def test_nobody_who_could_sign_in(healthy):
    database = Database(healthy.hub.data / "hub.db")
    database.start()
    with database.write() as db:
        db.execute("DELETE FROM people")
    database.stop()
    assert "nobody can sign in: printwarden user add NAME --admin" in wrong(healthy)


def test_a_missing_model(healthy, tmp_path):
    told = wrong(replace(healthy, detection=DetectionSection(model=str(tmp_path / "none"))))
    assert "none/model.json: No such file" in told
    assert "mend detection.model" in told


def test_a_wrong_broker_file(healthy, tmp_path):
    (tmp_path / "bad.conf").write_text("[plain]\nprot = 1\n")
    told = wrong(replace(healthy, broker=BrokerSection(config=str(tmp_path / "bad.conf"))))
    assert "unknown key 'prot', did you mean 'port'" in told


def test_an_old_python(healthy, monkeypatch):
    monkeypatch.setattr(looking.sys, "version_info", (3, 10, 0))
    assert "the hub needs 3.11 or newer" in wrong(healthy)


def test_the_isolation_is_tried_when_asked(healthy):
    status, lines = examine(healthy, isolation=True)
    assert status == 0
    assert any(each.startswith("ok    isolation: held  control") for each in lines)


def test_a_broker_that_does_not_isolate(healthy, monkeypatch):
    monkeypatch.setattr(core, "may", lambda *_: True)
    told = wrong(healthy, isolation=True)
    assert "isolation: " in told
    assert "FAILED" in told


def brought(healthy, folder, **options):
    """Settings with a certificate of one's own."""
    authority = Authority()
    certificate, key = authority.issue(folder, "own", **options)
    (folder / "authority.pem").write_text(authority.pem)
    section = replace(
        healthy.hub,
        names=("127.0.0.1",),
        certificate=str(certificate),
        key=str(key),
        authority=str(folder / "authority.pem"),
    )
    return replace(healthy, hub=section)


def test_a_certificate_of_ones_own(healthy, tmp_path):
    _, lines = examine(brought(healthy, tmp_path, days=60.5))
    assert any("own.pem: 60 days left" in each for each in lines)
    assert "own.pem: 13 days left; renew it" in wrong(brought(healthy, tmp_path, days=13.5))
    assert "agents would refuse it: certificate has expired" in wrong(brought(healthy, tmp_path, days=-1))


def test_a_certificate_that_the_hub_must_renew_and_one_that_is_damaged(healthy):
    path = healthy.hub.data / "tls" / "hub.pem"
    path.unlink()
    certificates.ensure(path.parent, ("hub.lan",), datetime.now(UTC) - timedelta(days=400))
    assert "the hub renews it when it starts" in wrong(healthy)
    path.write_text("x")
    assert "WRONG certificate: " in wrong(healthy)
