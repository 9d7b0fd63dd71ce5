"""`check` tries everything and says in one line each what works and what to mend."""

from __future__ import annotations

from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from agent import check as checking
from agent import enrolment
from agent.check import check
from agent.config import AgentConfig, CameraConfig, PrinterConfig
from agent.fallback import Settings
from agent.printers.base import NotYet, Snapshot
from tests.support.messages import credential
from tests.support.pictures import fine

CREDENTIAL = credential()


class FakeSession:
    """Answers as the test wants as soon as it is started; `made` keeps how it was asked for."""

    outcome, made = "", []

    def __init__(self, endpoint, *, on_up, on_down, **options):
        self._up, self._down = on_up, on_down
        self.made.append((endpoint, options))

    def start(self):
        if self.outcome == "silence":
            return
        self._down(self.outcome) if self.outcome else self._up(1)

    def stop(self):
        self._down("Normal disconnection")


@pytest.fixture
def session(monkeypatch):
    monkeypatch.setattr(checking, "Session", FakeSession)
    monkeypatch.setattr(FakeSession, "made", [])
    return FakeSession


@pytest.fixture
def printer(tmp_path):
    """A simulated printer with a camera that works."""
    enrolment.save(CREDENTIAL, tmp_path / "c.json")
    (tmp_path / "clip.mjpeg").write_bytes(fine(1)[0])
    camera = CameraConfig("main", "clip", {"path": str(tmp_path / "clip.mjpeg")})
    return PrinterConfig(tmp_path / "c.json", "simulated", {}, (camera,))


def picture_of_nothing():
    return cv2.imencode(".jpg", np.full((480, 640, 3), 10, np.uint8))[1].tobytes()


def run(*printers):
    lines = []
    return check(AgentConfig(printers), lines.append), "\n".join(lines)


def changed(printer, **changes):
    return PrinterConfig(**{**vars(printer), **changes})


def test_all_is_well(session, printer):
    status, said = run(printer)
    assert status == 0
    assert said.splitlines() == [
        "Prusa (simulated)",
        "  printer: printing",
        "  broker: connected to 127.0.0.1:8883",
        "  camera main: a picture of 7 kB",
    ]
    ((_, options),) = session.made
    assert options["client_id"].startswith(CREDENTIAL.printer)
    assert options["client_id"] != CREDENTIAL.printer, "or it would throw the running agent out"


def test_a_printer_out_of_reach_is_told(session, printer):
    status, said = run(changed(printer, options={"fault": "unreachable"}))
    assert status == 1
    assert "  printer: simulated printer: no answer" in said
    assert "camera main: a picture" in said


def test_a_camera_without_a_picture_is_told(session, printer, tmp_path):
    (tmp_path / "clip.mjpeg").unlink()
    status, said = run(printer)
    assert status == 1
    assert "camera main: offline: " in said


def test_a_printer_without_cameras_cannot_be_watched(session, printer):
    status, said = run(changed(printer, camera=()))
    assert status == 1
    assert "camera: none is set up" in said


@pytest.mark.parametrize(
    ("outcome", "told"),
    [
        ("the broker refused: Not authorized", "Not authorized\n    a printer that was removed"),
        ("127.0.0.1:8883 refuses connections: is it running?", "  broker: 127.0.0.1:8883 refuses"),
        ("silence", "127.0.0.1:8883 does not answer in time"),
    ],
)
def test_a_broker_that_refuses_or_is_silent_is_told(session, printer, monkeypatch, outcome, told):
    monkeypatch.setattr(session, "outcome", outcome)
    monkeypatch.setattr(checking, "_CONNECT_S", 0.0)
    status, said = run(printer)
    assert status == 1
    assert told in said


def test_every_printer_is_tried(session, printer):
    status, said = run(changed(printer, camera=()), printer)
    assert status == 1
    assert said.count("Prusa (simulated)") == 2


def test_a_printer_that_was_never_enrolled_is_told_and_the_next_one_tried(session, printer, tmp_path):
    status, said = run(changed(printer, credential=tmp_path / "none.json"), printer)
    assert status == 1
    assert "enrol first with: printwarden-agent enrol LINE" in said
    assert "camera main: a picture" in said


def test_a_printer_that_has_to_connect_first_is_given_the_time(session, printer, monkeypatch):
    answers = [NotYet("not connected yet"), NotYet("no report yet"), Snapshot("idle")]

    def snapshot():
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(checking.time, "sleep", lambda _: None)
    monkeypatch.setattr(checking, "make_printer", lambda _: made)
    made = SimpleNamespace(start=lambda: None, stop=lambda: None, snapshot=snapshot)
    assert "  printer: idle" in run(printer)[1]


def test_options_that_are_wrong_are_told_with_the_rest(session, printer):
    camera = CameraConfig("main", "clip", {"pth": "x"})
    status, said = run(changed(printer, options={"jobs": 1}, camera=(camera,)))
    assert status == 1
    assert "  printer: printer.options (simulated): unknown key 'jobs'" in said
    assert "  camera main (clip): unknown key 'pth'" in said


@pytest.mark.parametrize(
    ("picture", "told"),
    [
        (fine(1)[0] + b"x" * 1_000_000, "too large to be sent"),
        (picture_of_nothing(), "shows nothing: is it dark"),
    ],
)
def test_a_picture_that_cannot_serve_is_told(session, printer, tmp_path, picture, told, monkeypatch):
    camera = SimpleNamespace(start=lambda: None, stop=lambda: None, grab=lambda: picture)
    monkeypatch.setattr(checking, "make_camera", lambda _: camera)
    status, said = run(printer)
    assert status == 1
    assert "  camera main: its picture" in said
    assert told in said


def test_a_fallback_that_cannot_work_is_told(session, printer):
    status, said = run(changed(printer, kind="camera_only", fallback=Settings(action="pause")))
    assert status == 1
    assert "  fallback: it is to pause this printer, which cannot be controlled" in said
