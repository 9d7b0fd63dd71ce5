"""Mosquitto's files and live provisioning: default deny, private files, and everything made from the access rules."""

from __future__ import annotations

import json
import socket
import stat

import pytest

from agent import topics
from agent.endpoint import Endpoint
from agent.topics import ROOT
from hub.access import Kind, Principal, Right, grants
from hub.broker.directory import username
from hub.broker.mosquitto import MosquittoError, MosquittoFiles, MosquittoProvisioner
from hub.broker.mosquitto_config import (
    MosquittoListener,
    acl_text,
    find_plugin,
    password_hash,
    role_acls,
    write_acl_config,
    write_config,
)
from tests.support.brokers import Mosquitto, MosquittoProcess, run_as, running
from tests.support.certificates import Authority
from tests.support.debian import require
from tests.support.mqtt import AGENT, HUB, PATIENCE, PRINTER, enter, refused, token

LISTENER = MosquittoListener("127.0.0.1", 8883)
WORKER = Principal(Kind.WORKER, "one")


def mode(path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_every_file_is_private(tmp_path):
    write_config(tmp_path / "a", LISTENER, admin="warden", token="secret", plugin=tmp_path / "plugin.so")
    write_acl_config(tmp_path / "b", LISTENER)
    MosquittoFiles(tmp_path / "b", lambda: None).add(AGENT, "secret")
    write_acl_config(tmp_path / "b", LISTENER)
    assert MosquittoFiles(tmp_path / "b", lambda: None).usernames() == {PRINTER}
    written = [each for each in tmp_path.rglob("*") if each.is_file()]
    assert {each.name for each in written} == {"mosquitto.conf", "dynamic-security.json", "passwords", "acl"}
    assert {mode(each) for each in written} == {0o600}
    assert not any("secret" in each.read_text() for each in written)


def test_the_security_file_denies_everything_and_is_never_overwritten(tmp_path):
    path = write_config(tmp_path, LISTENER, admin="warden", token="secret", plugin=tmp_path / "plugin.so")
    security = tmp_path / "dynamic-security.json"
    before = json.loads(security.read_text())
    assert before["defaultACLAccess"] == dict.fromkeys(before["defaultACLAccess"], False)
    assert len(before["defaultACLAccess"]) == 4
    assert [each["clientid"] for each in before["clients"]] == ["warden"]
    assert all("dynamic-security" in acl["topic"] for role in before["roles"] for acl in role["acls"])
    write_config(
        tmp_path, LISTENER, admin="other", token="other", plugin=tmp_path / "plugin.so", user="mosquitto"
    )
    assert json.loads(security.read_text()) == before
    assert "user mosquitto\n" in path.read_text()
    assert "allow_anonymous false\n" in path.read_text()


def test_certificates_and_the_client_id_rule_reach_the_configuration(tmp_path):
    secure = MosquittoListener("0.0.0.0", 8883, tmp_path / "c.pem", tmp_path / "k.pem")
    text = write_acl_config(tmp_path, secure).read_text()
    assert f"certfile {tmp_path / 'c.pem'}\nkeyfile {tmp_path / 'k.pem'}\n" in text
    assert "use_username_as_clientid true" in text


def test_roles_are_the_grants_and_nothing_more():
    integration = Principal(Kind.INTEGRATION, "ha", {PRINTER: Right.CONTROL})
    for principal in (HUB, AGENT, WORKER, integration):
        entries, allowed = role_acls(principal), grants(principal)
        assert all(each["allow"] is True for each in entries)
        by_kind = {
            kind: {each["topic"] for each in entries if each["acltype"] == kind}
            for kind in {e["acltype"] for e in entries}
        }
        assert by_kind["publishClientSend"] == set(allowed.publish)
        assert by_kind["publishClientReceive"] == set(allowed.receive)
        shared = {f"$share/+/{each}" for each in allowed.receive} if allowed.share else set()
        asked = {*allowed.receive, *allowed.subscribe, *shared}
        assert by_kind["subscribePattern"] == by_kind["unsubscribePattern"] == asked
        lines = acl_text(principal).splitlines()
        assert lines[0] == f"user {username(principal)}"
        assert len(lines) == 1 + len(allowed.publish) + len(allowed.receive)


def test_a_password_is_written_as_mosquitto_writes_it():
    hashed = password_hash("token", bytes(12))
    assert hashed.startswith("$7$101$AAAAAAAAAAAAAAAA$")
    assert len(hashed.split("$")[-1]) == 88
    assert hashed != password_hash("token", bytes(11) + b"\x01")


def test_the_plugin_is_found_or_its_absence_told(monkeypatch):
    require("mosquitto")
    assert find_plugin().is_file()
    monkeypatch.setattr("hub.broker.mosquitto_config.PLUGIN", "no-such-plugin.so")
    with pytest.raises(FileNotFoundError, match="install Mosquitto 2"):
        find_plugin()


def test_files_keep_everybody_else(tmp_path):
    write_acl_config(tmp_path, LISTENER)
    reloads: list[int] = []
    files = MosquittoFiles(tmp_path, lambda: reloads.append(1))
    files.add(HUB, "one")
    made = files.add(AGENT)
    assert len(made) == 43
    files.add(AGENT, "two")
    assert files.usernames() == {"hub", PRINTER}
    files.update(HUB)
    files.remove(PRINTER)
    files.remove(PRINTER)
    assert files.usernames() == {"hub"}
    assert (tmp_path / "acl").read_text() == acl_text(HUB)
    assert len(reloads) == 6


@pytest.fixture(params=["mosquitto", "mosquitto-acl"])
def broker(request, tmp_path):
    with running(request.param, tmp_path) as started:
        yield started


def test_credentials_come_change_and_go_on_the_live_broker(broker):
    broker.add(HUB)
    broker.add(AGENT)
    with enter(broker.endpoint, PRINTER) as agent, enter(broker.endpoint, "hub") as hub:
        agent.subscribe(topics.command(PRINTER))
        hub.publish(topics.command(PRINTER), b"x")
        assert agent.message().payload == b"x"
        broker.remove(PRINTER)
        agent.wait_gone()
        hub.ping()
    assert refused(broker.endpoint, PRINTER, token(PRINTER), PRINTER)
    broker.remove(PRINTER)


def test_adding_again_changes_the_token(broker):
    broker.add(AGENT)
    provisioner = broker.provisioner if isinstance(broker, Mosquitto) else broker.files
    fresh = provisioner.add(AGENT)
    assert refused(broker.endpoint, PRINTER, token(PRINTER), PRINTER)
    assert not refused(broker.endpoint, PRINTER, fresh, PRINTER)
    assert PRINTER in provisioner.usernames()


def test_workers_share_frames(broker):
    broker.add(AGENT)
    broker.add(WORKER)
    broker.add(Principal(Kind.WORKER, "two"))
    shared = f"$share/detect/{ROOT}/+/up/frame/+"
    with (
        enter(broker.endpoint, "w-one") as one,
        enter(broker.endpoint, "w-two") as two,
        enter(broker.endpoint, PRINTER) as agent,
    ):
        assert one.subscribe(shared) == two.subscribe(shared) == [1]
        for place in range(10):
            agent.publish(topics.frame(PRINTER, "main"), bytes([place]))
        got = [{each.payload for each in worker.messages()} for worker in (one, two)]
    assert len(got[0] | got[1]) == 10
    assert not got[0] & got[1]


def test_kick_lets_a_credential_come_back(tmp_path):
    with running("mosquitto", tmp_path) as broker:
        broker.add(AGENT)
        with enter(broker.endpoint, PRINTER) as agent:
            broker.provisioner.kick(PRINTER)
            agent.wait_gone()
        enter(broker.endpoint, PRINTER).disconnect()


def test_tls_end_to_end(tmp_path):
    authority = Authority()
    certificate, key = authority.issue(tmp_path)

    def write(listener):
        secure = MosquittoListener(listener.host, listener.port, certificate, key)
        return write_config(tmp_path, secure, admin="warden", token="admin-token", user=run_as())

    process = MosquittoProcess(write)
    endpoint = Endpoint(process.endpoint.host, process.endpoint.port, authority.pem)
    provisioner = MosquittoProvisioner(endpoint, "warden", "admin-token", PATIENCE)
    provisioner.start()
    secret = provisioner.add(AGENT)
    assert not refused(endpoint, PRINTER, secret, PRINTER)
    provisioner.stop()
    process.stop()


def test_no_mosquitto_is_said():
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    provisioner = MosquittoProvisioner(Endpoint("127.0.0.1", port), "warden", "x")
    with pytest.raises(MosquittoError, match=f"127.0.0.1:{port} cannot be reached"):
        provisioner.start()
    with pytest.raises(MosquittoError, match="is not connected"):
        provisioner.remove("x")


def test_a_wrong_administrator_is_said(tmp_path):
    with running("mosquitto", tmp_path) as broker:
        provisioner = MosquittoProvisioner(broker.endpoint, "warden", "wrong", 1.0)
        with pytest.raises(MosquittoError, match="does not let its administrator in: Not authorized"):
            provisioner.start()


def test_somebody_who_may_not_administer_is_said(tmp_path):
    with running("mosquitto", tmp_path) as broker:
        broker.add(AGENT)
        provisioner = MosquittoProvisioner(broker.endpoint, PRINTER, token(PRINTER), 1.0)
        with pytest.raises(MosquittoError, match="may not read the answers"):
            provisioner.start()


def test_what_mosquitto_refuses_is_said(tmp_path):
    refusal = pytest.raises(MosquittoError, match="refused modifyRole: Role does not exist")
    with running("mosquitto", tmp_path) as broker, refusal:
        broker.update(AGENT)


def test_the_security_file_stays_private_when_mosquitto_writes_it(tmp_path):
    with running("mosquitto", tmp_path) as broker:
        broker.add(AGENT)
    assert PRINTER in (tmp_path / "dynamic-security.json").read_text()
    assert mode(tmp_path / "dynamic-security.json") == 0o600


def test_an_answer_that_does_not_come_is_said(tmp_path):
    with running("mosquitto", tmp_path) as broker:
        broker.provisioner._patience = 0.2
        broker.provisioner._client.on_message = None
        with pytest.raises(MosquittoError, match="did not answer in time"):
            broker.provisioner.remove("x")


def test_answers_of_others_and_nonsense_are_passed_over():
    class Message:
        def __init__(self, payload: bytes) -> None:
            self.payload = payload

    provisioner = MosquittoProvisioner(Endpoint("127.0.0.1", 1), "warden", "x", 0.2)
    for payload in (
        b"{",
        b"[]",
        b"{}",
        b'{"responses":[{"correlationData":"other"},{"correlationData":"mine","n":1}]}',
    ):
        provisioner._received(None, None, Message(payload))
    assert provisioner._answer("mine")["n"] == 1


def test_clients_of_other_programs_are_left_alone(tmp_path):
    with running("mosquitto", tmp_path) as broker:
        ask = broker.provisioner._ask
        ask({"command": "createClient", "username": "hub", "password": token("hub"), "clientid": "hub"})
        broker.add(AGENT)
        assert broker.provisioner.usernames() == {PRINTER}
        with pytest.raises(MosquittoError, match="did not make"):
            broker.add(HUB)
        broker.remove("hub")
        enter(broker.endpoint, "hub").disconnect()
