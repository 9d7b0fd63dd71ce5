"""Parts are killed and fed rubbish: what was settled stays, the fault is told once and clearly, all others go on."""

from __future__ import annotations

import logging
import os
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from agent import cli as agent_cli
from agent import enrolment, topics
from agent.protocol import Frame, Status, pack_frame, pack_status
from agent.seal import derive, seal_json
from hub import cli
from hub.commands import FALLBACK
from hub.enrolment import Enrolments
from hub.store.audit import Audit
from hub.store.confirmations import Confirmations
from hub.store.database import Database
from hub.store.history import History
from hub.store.people import People
from hub.store.printers import Printers
from tests.support.certificates import listener_tls
from tests.support.hubs import HASTY, PATIENCE, ROOT, start_agent, write_agent_settings
from tests.support.models import brightness_model
from tests.support.pictures import clip, failing, fine, picture
from tests.support.processes import free_port
from tests.support.waiting import until

HUB_PROGRAM = """
import sys
from hub import cli

class Viewer:
    port = 0
    def __init__(self, hub): ...
    def start(self): ...
    def stop(self): ...

sys.exit(cli.main(sys.argv[1:], Viewer))
"""

#: An agent that takes 4 s of silence for an outage.
HASTY_AGENT = """
import sys
from agent import cli, fallback, loop

loop.HUB_GONE_S, fallback.LEAST_S, loop.STATE_S = 4.0, 1.0, 0.5
sys.exit(cli.main())
"""


# Killed


def test_a_killed_agent_is_not_watched_within_30_s_and_comes_back_when_started_again(rig):
    printer = rig.printer()
    agent = rig.agent(printer, fine(100), loop=True)
    printer.watch("watched")

    agent.kill()
    assert printer.watch("not_watched", 30.0) == "its agent is not connected"
    told = printer.event("not_watched")
    assert (told.level, told.text) == ("alarm", "NOT WATCHED: its agent is not connected")
    assert printer.view.printer(printer.id).phase == "unknown"

    rig.agent(printer, fine(100), loop=True)
    printer.watch("watched")
    assert printer.event("watched").id > told.id


@pytest.mark.timeout(150)
def test_a_killed_hub_loses_nothing_settled_and_its_agent_comes_back_by_itself(tmp_path):
    """Kill -9 right after a pause: the same events, commands, credentials and audit rows, and the agent reconnects."""
    data, home = tmp_path / "data", tmp_path / "home"
    config = _write_hub_settings(tmp_path)
    data.mkdir()
    home.mkdir()
    printer, line = _prepare(data, int(_value(config, "enrolment_port")))
    write_agent_settings(home, clip(home / "clip.mjpeg", fine(3) + failing(200)), loop=False)
    database = Database(data / "hub.db")
    database.start()
    history, audit = History(database, data / "evidence"), Audit(database)
    processes = [_start_hub(config, tmp_path)]
    try:
        credential = until(lambda: _redeemed(line), PATIENCE, every_s=0.2)
        enrolment.save(credential, home / "printer.credential.json")
        processes.append(start_agent(home))
        until(lambda: any(each.kind == "paused" for each in history.events(printer)), PATIENCE)
        settled = _settled(database, printer)

        processes[0].kill()
        processes[0].wait()
        assert database.row("PRAGMA integrity_check")[0] == "ok"
        assert settled <= _settled(database, printer)
        assert audit.verify() is None
        newest = history.events(printer, 1)[0].id

        processes.append(_start_hub(config, tmp_path))
        back = until(
            lambda: [
                each for each in history.events(printer) if each.id > newest and each.kind == "standing_down"
            ],
            PATIENCE,
        )
        assert back[0].text == "watch stands down: the print is paused"
        assert processes[1].poll() is None, "the agent went on all the time"
        assert settled <= _settled(database, printer)
    finally:
        for each in processes:
            each.kill()
            each.wait()
        database.stop()


@pytest.mark.timeout(150)
def test_a_print_without_its_hub_is_paused_as_its_owner_chose_and_the_hub_is_told_once_it_is_back(tmp_path):
    """Hub and broker killed in the middle of a print; minutes are seconds here."""
    data, home = tmp_path / "data", tmp_path / "home"
    config = _write_hub_settings(tmp_path)
    data.mkdir()
    home.mkdir()
    printer, line = _prepare(data, int(_value(config, "enrolment_port")))
    write_agent_settings(home, clip(home / "clip.mjpeg", fine(100)), loop=True)
    with (home / "agent.toml").open("a", encoding="utf-8") as settings:
        settings.write('\n[printer.fallback]\naction = "pause"\nafter_s = 6.0\n')
    hasty_hub = "from hub import pace; pace.HEARTBEAT_S = 0.5\n" + HUB_PROGRAM
    database = Database(data / "hub.db")
    database.start()
    history = History(database, data / "evidence")
    processes = [_start_hub(config, tmp_path, hasty_hub)]
    try:
        credential = until(lambda: _redeemed(line), PATIENCE, every_s=0.2)
        enrolment.save(credential, home / "printer.credential.json")
        processes.append(start_agent(home, (sys.executable, "-c", HASTY_AGENT)))
        until(lambda: any(each.kind == "watched" for each in history.events(printer)), PATIENCE)

        processes[0].kill()
        processes[0].wait()
        until(lambda: "of this print: pause" in (home / "agent.log").read_text(), PATIENCE)
        assert history.commands(printer) == []

        processes.append(_start_hub(config, tmp_path, hasty_hub))
        (row,) = until(lambda: history.commands(printer), PATIENCE)
        assert (row.action, row.stage, row.initiator) == ("pause", "confirmed", FALLBACK)
        assert row.t < row.updated
        told = until(lambda: [each for each in history.events(printer) if each.kind == "paused"], PATIENCE)
        assert told[0].text == (
            "paused, confirmed by the printer (asked by its agent's fallback: the hub was silent)"
        )
    finally:
        for each in processes:
            each.kill()
            each.wait()
        database.stop()


# Fed rubbish


def test_rubbish_from_one_agent_gives_one_line_each_and_another_print_is_still_paused(rig, caplog):
    caplog.set_level(logging.INFO)
    rubbish, other = rig.printer(), rig.printer()
    key, pid = rubbish.key, rubbish.id
    main = topics.frame(pid, "main")

    def frame(number: int, jpeg: bytes) -> bytes:
        return pack_frame(key, pid, Frame("main", 1, number, number, number, "job", jpeg))

    wrong = {"v": 1, "boot": "one", "seq": 1, "clock": 1, "time": 1, "phase": "printing"}
    cases = (
        (main, frame(1, b"\xff\xd8 this is no picture"), "camera main: "),
        (main, frame(2, picture(60)[:3000]), "not a picture that can be decoded"),
        (main, b"no JPEG at all", "refused: malformed: a frame must be a JPEG"),
        (main, picture(60), "refused: malformed: a frame must be a JPEG whose first segment is a comment"),
        (
            topics.state(pid),
            seal_json(derive(key, "state"), topics.state(pid), wrong),
            "refused: wrong_type: boot",
        ),
        (topics.state(pid), b"{", "refused: unsigned"),
        (topics.ack(pid), b"\0" * 20_000, "refused: too_large"),
    )
    with rig.probe(rubbish.credential) as probe:
        probe.publish(topics.status(pid), pack_status(key, pid, Status(1, 1, online=True)))
        for topic, payload, told in cases:
            caplog.clear()
            probe.publish(topic, payload)
            until(lambda told=told: _lines(caplog, told), PATIENCE)
            probe.ping()
            warnings = [each for each in _warnings(caplog, pid) if "refused (" not in each]
            assert len(warnings) == 1, warnings
            assert "\n" not in warnings[0]

    with rig.probe(rubbish.credential) as probe:
        caplog.clear()
        probe.send(_publish_header(topics.state(pid), 2 * 1024 * 1024))
        probe.wait_gone()
        (line,) = until(lambda: _lines(caplog, "packet of "), PATIENCE)
        assert "bytes where 1048576 are allowed" in line

    rig.agent(other, fine(2) + failing(200))
    other.command("confirmed")
    other.phase("paused")
    assert rubbish.view.printer(pid).watch == "not_watched"


def test_a_truncated_picture_means_not_watched(rig):
    """The agent sends pictures that are cut off: said to the owner, and no reason to pause."""
    printer = rig.printer()
    with rig.probe(printer.credential) as probe:
        pid, key = printer.id, printer.key
        probe.publish(topics.status(pid), pack_status(key, pid, Status(1, 1, online=True)))
        state = {"v": 1, "boot": 1, "seq": 1, "clock": 1, "time": 1, "phase": "printing", "job": "j"}
        state["cameras"] = [{"name": "main", "fault": ""}]
        probe.publish(topics.state(pid), seal_json(derive(key, "state"), topics.state(pid), state))
        cut = pack_frame(key, pid, Frame("main", 1, 2, 2, 2, "j", picture(245)[:4000]))
        probe.publish(topics.frame(pid, "main"), cut)
        reason = "camera main sends pictures that cannot be read"
        until(lambda: printer.view.printer(pid).watch_reason == reason, PATIENCE)
        assert printer.view.printer(pid).watch == "not_watched"
        assert not printer.view.commands(pid)


# Set up wrongly: one line on stderr, exit status 2


def _no_viewer(_hub):
    pytest.fail("the hub must not start")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[hub]\nport = 1\n", "unknown key 'port'"),
        ("[pace]\nquiet = 1.0\n", "unknown key 'quiet', did you mean 'quiet_s'?"),
        ("[detection]\nworkers = 'two'\n", "workers: must be a whole number"),
        ("[hub\n", "not valid TOML"),
    ],
)
def test_a_wrong_hub_setting_is_one_line(tmp_path, capsys, text, told):
    config = tmp_path / "printwarden.toml"
    config.write_text(text)
    assert cli.main(["-c", str(config), "run"], _no_viewer) == 2
    assert _only_line(capsys) == _containing("printwarden: ", str(config), told)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[plain]\nports = 1\n", "unknown key 'ports', did you mean 'port'?"),
        ("[limits]\npacket_bytes = 0\n", "packet_bytes must be greater than 0"),
    ],
)
def test_a_wrong_broker_setting_is_one_line(tmp_path, capsys, text, told):
    broker, config = tmp_path / "broker.conf", tmp_path / "printwarden.toml"
    broker.write_text(text)
    config.write_text(
        f"[broker]\nconfig = '{broker}'\n[detection]\nmodel = '{brightness_model(tmp_path / 'm')}'\n"
    )
    assert cli.main(["-c", str(config), "run"], _no_viewer) == 2
    assert _only_line(capsys) == _containing("printwarden: ", str(broker), told)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "[[printer]]\ncredential = 'c.json'\nknd = 'simulated'\n",
            "unknown key 'knd', did you mean 'kind'?",
        ),
        ("[[printer]]\ncredential = 'c.json'\nkind = 'simulatd'\n", "kind: 'simulatd' is none of"),
        ("", "there is no [[printer]] table"),
        ("[[printer]]\ncredential = 'c.json'\nkind = 'simulated'\n", "enrol first"),
    ],
)
def test_a_wrong_agent_setting_is_one_line(tmp_path, capsys, text, told):
    (tmp_path / "agent.toml").write_text(text)
    assert agent_cli.main(["--home", str(tmp_path), "run"]) == 2
    assert _only_line(capsys) == _containing("printwarden-agent: ", str(tmp_path), told)


def test_a_missing_model_is_one_line(tmp_path, capsys):
    assert _run_with_model(tmp_path, tmp_path / "nowhere") == 2
    assert _only_line(capsys) == _containing("nowhere/model.json: No such file or directory")


def test_a_missing_model_file_is_one_line(tmp_path, capsys):
    model = brightness_model(tmp_path / "model")
    (model / "network.onnx").unlink()
    assert _run_with_model(tmp_path, model) == 2
    assert _only_line(capsys) == _containing("network.onnx: No such file or directory")


def test_a_damaged_model_file_is_one_line(tmp_path, capsys):
    model = brightness_model(tmp_path / "model")
    (model / "network.onnx").write_bytes(b"rubbish")
    assert _run_with_model(tmp_path, model) == 2
    assert _only_line(capsys) == _containing("network.onnx: damaged")


def test_a_damaged_database_is_one_line(tmp_path, capsys):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "hub.db").write_bytes(b"this is no database, but it is long enough to be one" * 100)
    assert _run_with_model(tmp_path, brightness_model(tmp_path / "model")) == 2
    assert _only_line(capsys) == _containing("hub.db: ", "not a database")


class _containing:  # noqa: N801 - reads as a word in an assertion
    """Equal to every text that contains all of these."""

    def __init__(self, *parts):
        self.parts = parts

    def __eq__(self, text):
        return all(each in text for each in self.parts)

    __hash__ = None

    def __repr__(self):
        return " ... ".join(self.parts)


def _only_line(capsys):
    """The one line that says what is wrong; the log's own lines begin with the date."""
    (line,) = [each for each in capsys.readouterr().err.splitlines() if not each[:1].isdigit()]
    return line


def _run_with_model(folder, model):
    config = folder / "printwarden.toml"
    config.write_text(f"[hub]\ndata = '{folder / 'data'}'\n[detection]\nmodel = '{model}'\n")
    return cli.main(["-c", str(config), "run"], _no_viewer)


def _lines(caplog, told):
    return [each.getMessage() for each in caplog.records if told in each.getMessage()]


def _warnings(caplog, printer):
    return [
        each.getMessage()
        for each in caplog.records
        if each.levelno >= logging.WARNING and printer in each.getMessage()
    ]


def _publish_header(topic, size):
    """The first bytes of a PUBLISH that announces a payload of `size` bytes."""
    name = len(topic).to_bytes(2, "big") + topic.encode()
    left, length = len(name) + size, bytearray()
    while left > 127:
        length.append(left & 127 | 128)
        left >>= 7
    length.append(left)
    return b"\x30" + bytes(length) + name + b"x" * 1000


def _write_hub_settings(folder):
    broker = folder / "broker.conf"
    broker.write_text(
        f"[plain]\nport = {free_port()}\n[tls]\nhost = '127.0.0.1'\nport = {free_port()}\n", encoding="utf-8"
    )
    config = folder / "printwarden.toml"
    config.write_text(
        f"[hub]\ndata = 'data'\nnames = ['127.0.0.1']\nenrolment_host = '127.0.0.1'\n"
        f"enrolment_port = {free_port()}\n[broker]\nconfig = '{broker}'\n"
        f"[detection]\nmodel = '{brightness_model(folder / 'model')}'\n[pace]\nquiet_s = 0.3\nsuspect_s = 0.2\n",
        encoding="utf-8",
    )
    return config


def _value(config: Path, key: str) -> str:
    (line,) = (each for each in config.read_text().splitlines() if each.startswith(key))
    return line.partition("=")[2].strip()


def _prepare(data, port):
    """A person and a printer in a database that no hub has open yet; the enrolment line."""
    database = Database(data / "hub.db")
    database.start()
    People(database).add("olivia", None, role="user", now=time.time())
    printers = Printers(database)
    row = printers.add("a printer", "olivia", time.time())
    printers.save_settings(row.id, HASTY)
    made = listener_tls(data)
    invitation = Enrolments(printers, Confirmations(database, printers), Audit(database)).mint(
        "olivia", row.id, host="127.0.0.1", port=port, fingerprint=made.fingerprint, now=time.time()
    )
    database.stop()
    return row.id, invitation.line


def _start_hub(config, folder, program=HUB_PROGRAM):
    with (folder / "hub.log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-c", program, "-c", str(config), "run"],
            cwd=ROOT,
            env=dict(os.environ),
            stdout=log,
            stderr=log,
        )


def _redeemed(line):
    """The credential once the hub answers."""
    try:
        return enrolment.redeem(enrolment.parse(line))
    except enrolment.EnrolmentError:
        return None


def _settled(database: Database, printer: str) -> set[tuple]:
    """Every row that must survive."""
    rows: list[sqlite3.Row] = [
        *database.rows("SELECT 'event', id, t, kind, text FROM events WHERE printer = ?", printer),
        *database.rows("SELECT 'command', id, stage FROM commands WHERE stage = 'confirmed'"),
        *database.rows("SELECT 'credential', id, token_hash FROM credentials"),
        *database.rows("SELECT 'audit', id, hash FROM audit"),
        *database.rows("SELECT 'evidence', id, path FROM evidence"),
    ]
    return {tuple(row) for row in rows}
