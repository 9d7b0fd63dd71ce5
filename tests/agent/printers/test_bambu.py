"""What a Bambu printer's reports mean, and that only the right device is talked to."""

import hashlib
import json
from types import SimpleNamespace

import pytest
from hypothesis import given

from agent.pinned_tls import Pin, PinError, state_folder
from agent.printers.bambu import Bambu, Settings
from agent.printers.bambu_report import KEPT, signature_wanted, snapshot_of
from agent.printers.base import NotYet, PrinterError
from agent.printers.runs import Run
from agent.settings import SettingsError, build
from tests.support.printers import JSON, sendable


def told(report, control="", run=None):
    return snapshot_of(report, run or Run(), control, 0.0, lambda: None)


@pytest.mark.parametrize(
    ("state", "error", "phase"),
    [
        ("IDLE", 0, "idle"),
        ("PREPARE", 0, "printing"),
        ("running", 0, "printing"),
        ("PAUSE", 0, "paused"),
        ("FINISH", 0, "finished"),
        ("FAILED", 0, "cancelled"),
        ("FAILED", 0x0300400C, "cancelled"),
        ("FAILED", 0x03008000, "error"),
        ("NEWSTATE", 0, "unknown"),
        (None, 0, "unknown"),
    ],
)
def test_phases(state, error, phase):
    assert told({"gcode_state": state, "print_error": error}).phase == phase


def test_offline():
    with pytest.raises(PrinterError, match="offline"):
        told({"gcode_state": "OFFLINE"})


@pytest.mark.parametrize(
    ("fun", "locked"),
    [
        ("C18001FF", False),
        ("20000000", True),
        ("3EC1AFFF9CFF", True),
        (None, False),
        ("xyz", False),
        ({}, False),
    ],
)
def test_signature(fun, locked):
    assert signature_wanted(fun) is locked


def test_locked_printers_can_nothing():
    assert told({"gcode_state": "RUNNING"}).can == ("pause", "cancel")
    assert told({"gcode_state": "RUNNING"}, control="locked").can == ()


def test_a_print_over_the_lan_has_zeros_for_ids():
    zeros = {
        "gcode_state": "RUNNING",
        "task_id": "0",
        "subtask_id": "0",
        "mc_percent": 50,
        "subtask_name": "a",
    }
    run = Run()
    first = told(zeros, run=run).job
    assert first.strip("0-")
    assert told({**zeros, "mc_percent": 51}, run=run).job == first
    assert told({**zeros, "mc_percent": 0}, run=run).job != first
    named = {**zeros, "task_id": "5", "subtask_id": "6"}
    assert told(named, run=Run()).job == told(named, run=Run()).job == "5-6"


def driver():
    return Bambu(Settings("printer", "SERIAL", "code"), clock=lambda: 0.0)


def receive(printer, payload):
    printer._received(None, None, SimpleNamespace(payload=payload))


def test_deltas_are_merged_and_only_what_is_known_is_kept():
    printer = driver()
    receive(
        printer,
        json.dumps({"print": {"gcode_state": "RUNNING", "ipcam": {"a": 1, "rtsp_url": "x"}}}).encode(),
    )
    receive(printer, json.dumps({"print": {"mc_percent": 7, "ipcam": {"a": 2}, "new": "x" * 99}}).encode())
    assert printer._report == {"gcode_state": "RUNNING", "mc_percent": 7, "ipcam": {"a": 2, "rtsp_url": "x"}}
    assert printer.snapshot().progress == 0.07


def test_silence_is_unreachable():
    now = 0.0
    printer = Bambu(Settings("printer", "SERIAL", "code"), clock=lambda: now)
    with pytest.raises(PrinterError, match="not connected yet"):
        printer.snapshot()
    receive(printer, b'{"print": {"gcode_state": "RUNNING"}}')
    assert printer.snapshot().phase == "printing"
    now = 80.0
    with pytest.raises(PrinterError, match="no report for 80 s"):
        printer.snapshot()


@pytest.mark.parametrize(
    "payload", [b"", b"\xff", b"[" * 5000, b"[]", b'{"print": 5}', b" " * 600_000 + b"{}"]
)
def test_hostile_payloads_are_dropped(payload):
    printer = driver()
    receive(printer, payload)
    assert printer._report == {}


@given(JSON, JSON)
def test_reports_of_any_shape_end_in_a_snapshot_or_the_one_error(first, second):
    for name in KEPT:
        printer = driver()
        printer._ask_for_all = lambda: None
        receive(printer, json.dumps({"print": {"gcode_state": "RUNNING", name: first}}).encode())
        receive(
            printer, json.dumps({"print": {name: second, "result": first, "sequence_id": second}}).encode()
        )
        try:
            sendable(printer.snapshot())
        except PrinterError:
            continue
        printer.cameras()


def test_before_the_first_report_it_is_only_not_there_yet():
    """A check waits for that, and not for a printer that is off."""
    printer = driver()
    with pytest.raises(NotYet):
        printer.snapshot()
    printer._down("the printer cannot be reached")
    with pytest.raises(PrinterError) as caught:
        printer.snapshot()
    assert caught.type is PrinterError


def test_a_pin_learns_once_and_refuses_every_other(tmp_path):
    path = tmp_path / "new" / "x.sha256"
    with pytest.raises(PinError, match="serial number"):
        Pin(path, "SN1").check(b"somebody else")
    Pin(path, "SN1").check(b"cert of SN1")
    again = Pin(path, "SN1")
    again.check(b"cert of SN1")
    with pytest.raises(PinError, match="delete"):
        again.check(b"another cert of SN1")
    assert "not the one known" in again.trouble
    path.unlink()
    again.check(b"new cert of SN1")  # the owner deleted the file, as the error told
    again.check(b"new cert of SN1")
    given_one = Pin(tmp_path / "none", "SN1", hashlib.sha256(b"c").hexdigest().upper())
    given_one.check(b"c")
    with pytest.raises(PinError):
        given_one.check(b"cert of SN1")


def test_a_pin_holds_where_nothing_can_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    pin = Pin(tmp_path / "file" / "x", "SN1")
    pin.check(b"SN1")
    with pytest.raises(PinError):
        pin.check(b"SN1 other")


def test_state_folder(monkeypatch):
    monkeypatch.setenv("STATE_DIRECTORY", "/var/lib/a:/var/lib/b")
    assert str(state_folder()) == "/var/lib/a"
    monkeypatch.delenv("STATE_DIRECTORY")
    assert state_folder().parts[-3:] == (".local", "state", "printwarden")


def test_settings():
    for wrong in ({"host": "", "serial": "a", "code": "b"}, {"host": "a", "serial": "a/#", "code": "b"}):
        with pytest.raises(SettingsError, match=r"empty|must not contain"):
            build(Settings, wrong, "printer.options")
