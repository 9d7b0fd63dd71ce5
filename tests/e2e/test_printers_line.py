"""The whole line with the printers people have: a failing picture pauses a real print server, and what may go wrong does.

Enrolment, agent, hub and camera are as in use; what became of the print is asked of the printer itself.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from tests.counterparts import bambu_rig, duet_rig, elegoo_rig, prusalink_rig
from tests.counterparts.bambu_rig import Bambu
from tests.counterparts.duet_rig import Duet
from tests.counterparts.elegoo_rig import Elegoo
from tests.counterparts.moonraker_rig import Moonraker
from tests.counterparts.octoprint_rig import OctoPrint
from tests.counterparts.prusalink_rig import PrusaLink
from tests.support.faulty import Faulty
from tests.support.hubs import ROOT
from tests.support.pictures import failing, fine
from tests.support.waiting import until
from tests.support.web import serve

pytestmark = [pytest.mark.counterpart, pytest.mark.slow, pytest.mark.timeout(600)]

LIMIT_S = 90.0


@dataclass(frozen=True)
class Bench:
    """A printer, real or pretended. `begin` starts the same file anew, `state` is the printer's own word for it."""

    options: dict[str, Any]
    begin: Callable[[], None]
    state: Callable[[], str]
    printing: str
    paused: str
    after: dict[str, float] = field(default_factory=dict)


@contextlib.contextmanager
def octoprint(folder) -> Iterator[Bench]:
    with _running(OctoPrint(folder)) as rig:

        def begin():
            rig.quiet()
            rig.print("line.gcode", moves=60_000)

        options = {"url": rig.url, "key": rig.limited_key("STATUS", "PRINT", "SETTINGS_READ", "CONTROL")}
        yield Bench(options, begin, rig.state, "Printing", "Paused", {"hotend_off_s": 1.0})


@contextlib.contextmanager
def moonraker(folder) -> Iterator[Bench]:
    with _running(Moonraker(folder)) as rig:

        def begin():
            rig.quiet()
            rig.print("line.gcode", moves=12_000)

        options = {"url": rig.url, "key": rig.key}
        yield Bench(options, begin, rig.state, "printing", "paused", {"hotend_off_s": 1.0})


@contextlib.contextmanager
def bambu(folder) -> Iterator[Bench]:
    numbers = itertools.count(1)
    with _running(Bambu(folder)) as rig:

        def begin():
            rig.change(gcode_state="RUNNING", task_id=f"{next(numbers)}", mc_percent=1, layer_num=1)

        options = {
            "host": "127.0.0.1",
            "serial": bambu_rig.SERIAL,
            "code": bambu_rig.CODE,
            "port": rig.port,
        }
        yield Bench(
            options, begin, lambda: rig.state["gcode_state"], "RUNNING", "PAUSE", {"hotend_off_s": 1.0}
        )


@contextlib.contextmanager
def prusalink(_folder) -> Iterator[Bench]:
    rig = PrusaLink()
    with serve(rig.answer) as url:
        options = {"url": url, "user": prusalink_rig.USER, "password": prusalink_rig.PASSWORD}
        yield Bench(options, rig.begin, lambda: rig.state, "PRINTING", "PAUSED")


@contextlib.contextmanager
def duet(_folder) -> Iterator[Bench]:
    rig, seconds = Duet(), itertools.count(90, -1)

    def begin():
        rig.end()
        rig.begin()
        rig.job["duration"] = next(seconds)

    with serve(rig.answer) as url:
        options = {"url": url, "password": duet_rig.PASSWORD}
        yield Bench(options, begin, lambda: rig.status, "processing", "paused", {"hotend_off_s": 1.0})


@contextlib.contextmanager
def elegoo(_folder) -> Iterator[Bench]:
    words = {elegoo_rig.PRINTING: "printing", elegoo_rig.PAUSED: "paused"}
    with _running(Elegoo()) as rig:
        yield Bench(
            {"host": rig.host},
            rig.begin,
            lambda: words.get(rig.job["Status"], ""),
            "printing",
            "paused",
            {"hotend_off_s": 1.0},
        )


BENCHES = {each.__name__: each for each in (octoprint, moonraker, bambu, prusalink, duet, elegoo)}


@contextlib.contextmanager
def _running(rig):
    try:
        rig.start()
        yield rig
    finally:
        rig.stop()


class Camera:
    """A camera that shows a print going well or failing, and that can be off."""

    def __init__(self) -> None:
        self._server = Faulty(lambda request: request.reply(200, next(self._shown)))
        self.url = f"http://127.0.0.1:{self._server.port}/snapshot"
        self.on, self.off = self._server.start, self._server.stop
        self.show(fine())

    def show(self, pictures) -> None:
        self._shown = itertools.cycle(pictures)


@pytest.fixture
def camera():
    camera = Camera()
    camera.on()
    yield camera
    camera.off()


def settings(kind: str, bench: Bench, camera: Camera) -> str:
    options = "".join(f"{name} = {json.dumps(value)}\n" for name, value in bench.options.items())
    return (
        f'[[printer]]\ncredential = "printer.credential.json"\nkind = "{kind}"\n[printer.options]\n{options}'
        f'[[printer.camera]]\nname = "main"\nkind = "snapshot"\noptions = {{url = "{camera.url}"}}\n'
    )


def test_the_page_of_printers_names_what_is_played_here():
    """docs/printers.md tells what is proven; another bench belongs into its table and its text."""
    page = (ROOT / "docs" / "printers.md").read_text(encoding="utf-8")
    named = page.partition("plays the whole line with")[2].partition(", and `tests")[0]
    assert set(re.findall(r"`(\w+)`", named)) == set(BENCHES)


@pytest.mark.parametrize("kind", sorted(BENCHES))
def test_from_enrolment_to_a_confirmed_pause_and_on(rig, kind, camera, tmp_path, monkeypatch):
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path))
    folder = tmp_path / "bench"
    folder.mkdir()
    with BENCHES[kind](folder) as bench:
        printer = rig.printer()
        printer.view.save_settings(printer.id, {"after": bench.after})
        (printer.home / "agent.toml").write_text(settings(kind, bench, camera), encoding="utf-8")
        bench.begin()
        agent = rig.run_agent(printer)
        printer.watch("watched", LIMIT_S)
        first = rig.hub.live.printer(printer.id).state
        assert first.phase == "printing"

        _camera_dies_and_returns(printer, camera)
        _failing_picture_pauses(printer, camera, bench)
        _resumed_and_cancelled(printer, camera, bench)
        bench.begin()
        printer.phase("printing", LIMIT_S)
        _a_stale_pause_is_refused(rig, printer, bench, first, monkeypatch)
        assert agent.poll() is None


def _camera_dies_and_returns(printer, camera) -> None:
    def fault():
        return printer.view.printer(printer.id).cameras[0].fault

    camera.off()
    until(lambda: fault() == "offline", LIMIT_S)
    camera.on()
    until(lambda: not fault(), LIMIT_S)
    printer.watch("watched", LIMIT_S)


def _failing_picture_pauses(printer, camera, bench) -> None:
    camera.show(failing())
    pause = printer.command("confirmed", limit_s=LIMIT_S)
    assert (pause.initiator, bench.state()) == ("printwarden", bench.paused)
    printer.phase("paused", LIMIT_S)
    if bench.after:
        until(
            lambda: "done after it: hotend_off_s" in printer.view.commands(printer.id, 1)[0].outcome, LIMIT_S
        )


def _resumed_and_cancelled(printer, camera, bench) -> None:
    """A hotend that was switched off is heated again first, and the resume says so until it is hot."""
    camera.show(fine())

    def resumed():
        printer.view.order(printer.id, "resume")
        ended = until(lambda: _ended(printer, "resume"), LIMIT_S)
        assert ended.stage == "confirmed" or "heating again" in ended.outcome
        return ended.stage == "confirmed"

    until(resumed, LIMIT_S, 0.5)
    assert bench.state() == bench.printing
    printer.view.order(printer.id, "cancel")
    printer.command("confirmed", "cancel", LIMIT_S)
    printer.phase("cancelled", LIMIT_S)
    assert bench.state() not in (bench.printing, bench.paused)


def _ended(printer, action):
    """The newest command if it has this action and an end."""
    newest = printer.view.commands(printer.id, 1)[0]
    return (
        newest
        if (newest.action, newest.stage in ("confirmed", "failed", "refused")) == (action, True)
        else None
    )


def _a_stale_pause_is_refused(rig, printer, bench, first, monkeypatch) -> None:
    """The hub still takes the last print for the one that runs: the same file, and its pause must not hit this one."""
    now = rig.hub.live.printer(printer.id).state
    assert now.job not in ("", first.job)
    monkeypatch.setattr(rig.hub.desk, "_ready", lambda _printer: replace(now, job=first.job))
    printer.view.order(printer.id, "pause")
    refused = printer.command("refused", limit_s=LIMIT_S)
    assert refused.outcome == "other_job"
    monkeypatch.undo()
    printer.phase("printing")
    assert bench.state() == bench.printing
