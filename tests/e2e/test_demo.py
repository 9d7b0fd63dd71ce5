"""The demo is a proof: it fails as soon as one thing that it shows is not true."""

from __future__ import annotations

import sys

import pytest

from agent.topics import ROOT
from hub import cli, demo, registrar
from hub.broker import core
from hub.clips import ClipError
from hub.demo import Demo, DemoOptions
from hub.isolation import Finding, Report
from hub.isolation_watch import IsolationError
from hub.policy import PrinterSettings
from tests.support.hubs import HASTY
from tests.support.models import brightness_model
from tests.support.pictures import failing, fine

pytestmark = pytest.mark.timeout(180)

WITHOUT_SEALS = """
import sys
from agent import cli, seal
seal._checked = lambda key, topic, sealed, rest: sealed[: -seal._MAC_TAIL] + b"}"
sys.exit(cli.main())
"""
WITHOUT_ACKS = """
import sys
from agent import cli, loop
loop.PrinterAgent._report = lambda *_: None
sys.exit(cli.main())
"""
PLENTY_S = 60.0


class StubViewer:
    """Stands where the web viewer stands."""

    port = 1

    def __init__(self, hub):
        self.running = False

    def start(self):
        self.running = True

    def stop(self):
        assert self.running
        self.running = False


@pytest.fixture
def hasty(monkeypatch):
    """Decide at the first sign, and do not wait long for what will not come."""
    monkeypatch.setattr(registrar, "settings_from", lambda _data: PrinterSettings(**HASTY))
    monkeypatch.setattr(demo, "ANSWER_WITHIN_S", 5.0)


@pytest.fixture
def play(tmp_path, capsys):
    """Play the demo with a network whose score is how bright the picture is; returns status and what was said."""
    folder = tmp_path / "clip"
    folder.mkdir()
    for number, each in enumerate(fine(4) + failing(200)):
        (folder / f"{number:04}.jpg").write_bytes(each)

    def run(scale=1 / 255, **options):
        lines = []
        options = {"clip": folder, "once": True, "port": 0, "speed": 4.0, **options}
        model = str(brightness_model(tmp_path / "model", scale=scale))
        chosen = DemoOptions(model=model, **{"pause_within_s": PLENTY_S, **options})
        status = Demo(chosen, StubViewer, say=lines.append).run(wait=lambda: pytest.fail("once means once"))
        return status, "\n".join(lines)

    return run


def test_a_model_that_sees_nothing_fails_the_demo(play, hasty):
    status, said = play(scale=0.0, pause_within_s=4.0)
    assert status != 0
    assert "FAILED: the print was not paused within 4 s" in said


def test_an_agent_that_does_not_check_seals_fails_the_demo(play, hasty):
    status, said = play(agent_program=(sys.executable, "-c", WITHOUT_SEALS))
    assert status != 0
    assert "REFUSED by the broker" in said
    assert "FAILED: the agent did not refuse" in said


def test_a_broker_without_rules_does_not_even_start(play, hasty, monkeypatch):
    monkeypatch.setattr(core, "may", lambda *_: True)
    with pytest.raises(IsolationError, match="does not keep printers apart"):
        play()


def test_a_broker_that_lets_commands_through_fails_the_demo(play, hasty, monkeypatch):
    """Also when the attack on itself notices nothing."""
    may = core.may
    monkeypatch.setattr(
        core,
        "may",
        lambda who, what, topic: (
            may(who, what, topic) or (topic.startswith(ROOT) and topic.endswith("/dn/cmd"))
        ),
    )
    held = Report((Finding("nothing", held=True, detail="was tried"),))
    monkeypatch.setattr("hub.app.attack", lambda *_, **__: held)
    status, said = play()
    assert status != 0
    assert "REFUSED by the viewer" in said
    assert "FAILED: the broker did not refuse" in said


def test_an_agent_that_acknowledges_nothing_fails_the_demo(play, hasty):
    status, said = play(agent_program=(sys.executable, "-c", WITHOUT_ACKS), pause_within_s=20.0)
    assert status != 0
    assert "command pause" in said
    assert "sent" in said
    assert "FAILED: the print was not paused within 20 s" in said


def test_an_agent_that_cannot_enrol_fails_the_demo(play, hasty):
    status, said = play(agent_program=(sys.executable, "-c", "raise SystemExit('no network')"))
    assert status != 0
    assert "FAILED: the agent could not enrol: no network" in said


def test_a_clip_that_is_not_there_is_named(play, hasty, tmp_path):
    with pytest.raises(ClipError, match="nowhere: no such file or folder"):
        play(clip=tmp_path / "nowhere")


@pytest.mark.slow
def test_the_demo_pauses_the_print_and_refuses_the_stranger_three_times(capsys):
    """`printwarden demo --once` as a user types it: the shipped network, the shipped clip, a new printer's settings."""
    assert cli.main(["demo", "--once", "--speed", "2"], StubViewer) == 0
    said = capsys.readouterr().out
    for each in (
        "command pause",
        "confirmed",
        "the printer is paused",
        "REFUSED by the viewer",
        "REFUSED by the broker",
        "REFUSED by the agent: carried past the broker",
        "done: the failing print was paused",
        "/sign-in/",
    ):
        assert each in said, f"{each!r} is missing in\n{said}"
