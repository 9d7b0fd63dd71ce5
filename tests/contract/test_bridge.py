"""A Mosquitto that a household has already, bridged to the hub by the lines that the command line prints."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from agent.session import Message, Session
from hub import cli
from hub.access import Right
from hub.broker.mosquitto_config import password_hash
from tests.support.brokers import MosquittoProcess, run_as
from tests.support.debian import require
from tests.support.hubs import running_hub
from tests.support.pictures import fine
from tests.support.waiting import until

pytestmark = [pytest.mark.counterpart, pytest.mark.timeout(120)]


@pytest.fixture(scope="module")
def rig(tmp_path_factory):
    require("mosquitto")
    with running_hub(tmp_path_factory.mktemp("hub")) as rig:
        (rig.folder / "printwarden.toml").write_text(
            '[hub]\ndata = "data"\nnames = ["127.0.0.1"]\n', encoding="utf-8"
        )
        yield rig


@pytest.fixture
def command(rig, capsys):
    """What a command of the hub's command line prints."""

    def run(*arguments: str) -> str:
        status = cli.main(["-c", str(rig.folder / "printwarden.toml"), *arguments], None)
        told = capsys.readouterr()
        assert status == 0, told.err
        return told.out

    return run


@contextmanager
def own_broker(folder, bridge: str, acl: str) -> Iterator[MosquittoProcess]:
    """The household's Mosquitto: with Home Assistant's user, a guest, and the printed lines."""
    (folder / "acl").write_text(acl, encoding="utf-8")
    passwords = [f"{name}:{password_hash(name, b'0123456789ab')}" for name in ("homeassistant", "guest")]
    (folder / "passwords").write_text("\n".join(passwords) + "\n", encoding="utf-8")
    for private in ("acl", "passwords"):
        (folder / private).chmod(0o600)

    def write(listener):
        lines = [f"listener {listener.port} {listener.host}", "allow_anonymous false", "log_dest stderr"]
        lines += [f"acl_file {folder / 'acl'}", f"password_file {folder / 'passwords'}"]
        lines += [f"user {run_as()}"] if run_as() else []
        config = folder / "mosquitto.conf"
        config.write_text("\n".join([*lines, "log_type all", bridge]), encoding="utf-8")
        return config

    process = MosquittoProcess(write)
    try:
        yield process
    finally:
        process.stop()


class Client:
    """A client of the household's Mosquitto, and all it hears."""

    def __init__(self, endpoint, name: str) -> None:
        self.seen: dict[str, bytes] = {}
        self.session = Session(
            endpoint,
            username=name,
            token=name,
            client_id=name,
            filters=["homeassistant/#", "printwarden/#"],
            on_message=lambda topic, payload, _retained: self.seen.update({topic: payload}),
        )
        self.session.start()


def test_home_assistants_own_mosquitto_is_bridged_by_the_printed_lines(
    rig, command, tmp_path, monkeypatch
) -> None:
    """One integration's world appears there with its picture, a button pauses, and nobody else sees any of it."""
    monkeypatch.setattr("hub.announcer.SPREAD_S", 0.05)
    printer, stranger = rig.printer(hasty=False), rig.printer()
    rig.agent(printer, fine(), loop=True)
    printer.watch("watched")
    made = rig.hub.sharing(printer.view.person).add_integration("home", {printer.id: Right.CONTROL})
    rig.hub.sharing(stranger.view.person).add_integration("other home", {stranger.id: Right.CONTROL})
    (tmp_path / "password").write_text(made.token, encoding="ascii")
    (tmp_path / "ca.pem").write_text(command("broker", "authority"), encoding="ascii")
    remote, ca = f"127.0.0.1:{rig.hub.port.public().port}", str(tmp_path / "ca.pem")
    password = str(tmp_path / "password")
    bridge = command(
        *("broker", "bridge", made.username, "--remote", remote, "--ca", ca, "--password-file", password)
    )
    acl = command("broker", "acl", made.username, "--as", "homeassistant")
    with own_broker(tmp_path, bridge, acl) as broker:
        home, guest = Client(broker.endpoint, "homeassistant"), Client(broker.endpoint, "guest")
        device = f"homeassistant/device/{made.id}_{printer.id}/config"
        pause = json.loads(until(lambda: home.seen.get(device)))["cmps"]["pause"]
        frame = f"printwarden/v1/{printer.id}/up/frame/main"
        until(lambda: home.seen.get(frame, b"")[:2] == b"\xff\xd8")
        home.session.publish(Message(pause["command_topic"], pause["payload_press"].encode()))
        assert printer.command("confirmed").initiator == f"integration {made.id}"
        state = f"printwarden/v1/{printer.id}/out/state"
        until(lambda: json.loads(home.seen[state])["phase"] == "paused")
        home.seen.clear()
        home.session.publish(Message("homeassistant/status", b"online", qos=0))
        until(lambda: home.seen.get(device) and home.seen.get(state))
        assert not [topic for topic in home.seen if stranger.id in topic]
        assert guest.seen == {}
        home.session.stop()
        guest.session.stop()


def test_an_unknown_integration_is_named(rig, capsys) -> None:
    status = cli.main(["-c", str(rig.folder / "printwarden.toml"), "broker", "acl", "i-nobody"], None)
    assert status == 2
    assert "there is no credential 'i-nobody'" in capsys.readouterr().err


def test_a_bridge_without_a_password_says_where_it_goes(rig, command) -> None:
    printer = rig.printer()
    made = rig.hub.sharing(printer.view.person).add_integration("home", {printer.id: Right.VIEW})
    text = command("broker", "bridge", made.username)
    assert "remote_password PASTE-THE-PASSWORD-HERE" in text
    assert "/intent/" not in text
    assert made.token not in text
