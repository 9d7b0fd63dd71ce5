"""The self-attack finds a broker that lets strangers cross, and only such a broker."""

from __future__ import annotations

import contextlib

import pytest

from agent.endpoint import Endpoint
from agent.topics import ROOT
from hub.access import Action, Kind, may
from hub.broker import core, door, embedded, mosquitto, packets
from hub.broker.directory import username
from hub.broker.mosquitto_config import role_acls, write_config
from hub.isolation import Finding, Report, attack
from tests.support.brokers import BROKERS, Mosquitto, running

SHORT = 3.0


def failed(report: Report) -> set[str]:
    return {each.name for each in report.failures}


@pytest.mark.parametrize("name", BROKERS)
def test_a_sound_broker_holds(name, tmp_path):
    with running(name, tmp_path) as broker:
        report = attack(broker.endpoint, broker)
    assert report.held, str(report)
    assert len(report.findings) == 9
    assert str(report).count("held") == 9


def test_no_report_holds_without_findings():
    assert not Report(()).held


def test_an_unreachable_broker_is_inconclusive_and_leaves_nothing_behind(tmp_path):
    with running("embedded", tmp_path) as broker:
        nobody = Endpoint("127.0.0.1", 1)
        report = attack(nobody, broker)
        assert broker.people.known == {}
    (finding,) = report.findings
    assert isinstance(finding, Finding)
    assert not finding.held
    assert finding.detail.startswith("inconclusive")


def allow(monkeypatch, *actions):
    """Switch the access check of some actions off."""
    monkeypatch.setattr(core, "may", lambda who, action, topic: action in actions or may(who, action, topic))


def any_password(monkeypatch):
    monkeypatch.setattr(
        "tests.support.mqtt.People.authenticate", lambda self, name, _password: self.known.get(name)
    )


def shared_client_ids(monkeypatch):
    monkeypatch.setattr(door, "owned_id", lambda _name, client_id: client_id)


def deaf_to_kicks(monkeypatch):
    monkeypatch.setattr(embedded.EmbeddedBroker, "kick", lambda *_: None)


@pytest.mark.parametrize(
    ("sabotage", "found"),
    [
        (lambda patch: allow(patch, Action.PUBLISH), {"publish", "retained", "will"}),
        (lambda patch: allow(patch, Action.SUBSCRIBE, Action.RECEIVE), {"subscribe"}),
        (lambda patch: allow(patch, *Action), {"publish", "retained", "will", "subscribe"}),
        (any_password, {"no login"}),
        (shared_client_ids, {"take-over"}),
        (deaf_to_kicks, {"revoked"}),
    ],
    ids=["publish", "receive", "everything", "passwords", "client ids", "kick"],
)
def test_each_sabotage_of_the_embedded_broker_is_found(sabotage, found, tmp_path, monkeypatch):
    sabotage(monkeypatch)
    with running("embedded", tmp_path) as broker:
        report = attack(broker.endpoint, broker, SHORT)
    assert found <= failed(report), str(report)


def test_an_integration_let_too_far_is_found(tmp_path, monkeypatch):
    """Home Assistant's credential is a tenant of its own: nothing is wrong with agents here."""
    integrations = lambda who: who.kind is Kind.INTEGRATION  # noqa: E731
    monkeypatch.setattr(core, "may", lambda who, action, topic: integrations(who) or may(who, action, topic))
    with running("embedded", tmp_path) as broker:
        report = attack(broker.endpoint, broker, SHORT)
    assert {"publish", "retained", "will", "subscribe"} <= failed(report), str(report)
    assert all(
        "of an integration" in each.detail or "an integration " in each.detail or each.name == "will"
        for each in report.failures
    )


def test_a_discovery_message_that_only_its_reader_should_see_is_found(tmp_path, monkeypatch):
    """Home Assistant may ask for more than it may have; everybody else is held by what they may ask for."""
    allow(monkeypatch, Action.RECEIVE)
    with running("embedded", tmp_path) as broker:
        report = attack(broker.endpoint, broker, SHORT)
    assert failed(report) == {"subscribe"}, str(report)
    assert "an integration read homeassistant/" in report.failures[0].detail


def test_retained_messages_kept_in_spite_of_a_denial_are_found(tmp_path, monkeypatch):
    """Live delivery is refused, but the broker remembers."""
    real = core.Core.publish

    def publish(self, name, message):
        if message.retain:
            self._retain(self.directory.principal(name), name, message)
        return real(self, name, message)

    monkeypatch.setattr(core.Core, "publish", publish)
    with running("embedded", tmp_path) as broker:
        report = attack(broker.endpoint, broker)
    assert failed(report) == {"retained"}, str(report)
    assert "kept" in report.failures[0].detail


def test_a_take_over_that_brings_messages_is_found(tmp_path, monkeypatch):
    """Two connections under one name, both served with what the first one subscribed to."""
    real = core.Core.publish

    def publish(self, name, message):
        for each in people.broker._door.connections.values():
            if each.username != name and message.topic.split("/")[2] in each.client_id.split(":")[1]:
                each.send(packets.publish(message.topic, message.payload))
        return real(self, name, message)

    with running("embedded", tmp_path) as people:
        monkeypatch.setattr(core.Core, "publish", publish)
        report = attack(people.endpoint, people, SHORT)
    assert "take-over" in failed(report), str(report)


def test_a_revoked_credential_that_may_come_back_is_found(tmp_path, monkeypatch):
    """Kicked, but not forgotten."""
    with running("embedded", tmp_path) as broker:
        monkeypatch.setattr(type(broker), "remove", lambda self, name: self.broker.kick(name))
        report = attack(broker.endpoint, broker)
    assert failed(report) == {"revoked"}, str(report)
    assert "can log in" in report.failures[0].detail


def test_one_of_two_layers_on_the_way_out_is_enough(tmp_path, monkeypatch):
    """A subscription that should have been denied still gets nothing."""
    allow(monkeypatch, Action.SUBSCRIBE)
    with running("embedded", tmp_path) as broker:
        report = attack(broker.endpoint, broker)
    assert report.held, str(report)


def test_one_of_two_layers_on_wills_is_enough(tmp_path, monkeypatch):
    monkeypatch.setattr(door.Door, "_check_will", lambda *_: None)
    with running("embedded", tmp_path) as broker:
        report = attack(broker.endpoint, broker)
    assert report.held, str(report)


def test_a_broker_that_delivers_nothing_proves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr("hub.broker.gate.Connection.deliver", lambda *_, **__: None)
    with running("embedded", tmp_path) as broker:
        report = attack(broker.endpoint, broker, 1.0)
    assert not report.held
    assert "inconclusive" in report.findings[0].detail


def wider(kind, topic, whom=Kind.AGENT):
    """One kind of principal gets one ACL entry too many."""

    def acls(principal):
        extra = [{"acltype": kind, "topic": topic, "priority": 1, "allow": True}]
        return role_acls(principal) + (extra if principal.kind is whom else [])

    return acls


@pytest.mark.parametrize(
    ("whom", "kinds", "topic", "found"),
    [
        (Kind.AGENT, ("publishClientSend",), f"{ROOT}/#", {"publish", "retained", "will"}),
        (Kind.INTEGRATION, ("publishClientSend",), f"{ROOT}/#", {"publish", "retained", "will"}),
        (Kind.AGENT, ("publishClientReceive", "subscribePattern"), f"{ROOT}/#", {"subscribe"}),
        (Kind.INTEGRATION, ("publishClientReceive",), "homeassistant/#", {"subscribe"}),
        (Kind.AGENT, ("publishClientReceive", "subscribePattern"), "$SYS/#", {"broker topics"}),
        (
            Kind.AGENT,
            ("publishClientSend", "publishClientReceive", "subscribePattern"),
            "$CONTROL/#",
            {"broker topics"},
        ),
    ],
    ids=["publish", "integration publish", "receive", "integration receive", "sys", "control"],
)
def test_each_sabotage_of_mosquitto_roles_is_found(whom, kinds, topic, found, tmp_path, monkeypatch):
    acls = role_acls
    for kind in kinds:
        extra = wider(kind, topic, whom)
        previous = acls
        acls = lambda who, a=previous, b=extra: a(who) + b(who)[len(role_acls(who)) :]  # noqa: E731
    monkeypatch.setattr(mosquitto, "role_acls", acls)
    with running("mosquitto", tmp_path) as broker:
        report = attack(broker.endpoint, broker, SHORT)
    assert found <= failed(report), str(report)


class Unbound(Mosquitto):
    """Client ids not bound to their users."""

    def add(self, principal):
        made = super().add(principal)
        unbind = {"command": "setClientId", "username": username(principal), "clientid": ""}
        self.provisioner._ask(unbind)
        return made


class Undead(Mosquitto):
    """Credentials that are never taken away."""

    def remove(self, name):
        pass


@pytest.mark.parametrize(("kind", "found"), [(Unbound, {"take-over"}), (Undead, {"revoked"})])
def test_each_sabotage_of_mosquitto_credentials_is_found(kind, found, tmp_path):
    with contextlib.ExitStack() as stack:
        broker = kind(tmp_path)
        stack.callback(broker.stop)
        report = attack(broker.endpoint, broker, SHORT)
    assert found <= failed(report), str(report)


def test_a_mosquitto_open_to_everybody_is_found(tmp_path, monkeypatch):
    def opened(*args, **options):
        path = write_config(*args, **options)
        path.write_text(path.read_text().replace("allow_anonymous false", "allow_anonymous true"))
        return path

    monkeypatch.setattr("tests.support.brokers.write_config", opened)
    with running("mosquitto", tmp_path) as broker:
        report = attack(broker.endpoint, broker, SHORT)
    assert "no login" in failed(report), str(report)
