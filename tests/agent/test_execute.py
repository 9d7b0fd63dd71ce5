"""A command is run once, and told to be done only when the printer itself shows it."""

from __future__ import annotations

import queue
import threading

import pytest

from agent import execute
from agent.execute import Executor
from agent.guards import CommandGuard
from agent.printers.base import PrinterError, Snapshot
from agent.protocol import FALLBACK_PAUSE, pack_command
from tests.support.messages import BOOT, JOB, KEY, OTHER_KEY, PRINTER, command
from tests.support.waiting import until

CAN = {"printing": ("pause", "cancel"), "paused": ("resume", "cancel")}


class FakeClock:
    """Every look at it takes a second."""

    def __init__(self):
        self.ms = 0
        self.sleep_at_next_look = 0

    def now(self):
        self.ms += 1000
        told, self.ms, self.sleep_at_next_look = self.ms, self.ms + self.sleep_at_next_look, 0
        return told


class FakePrinter:
    """Obeys at once unless told otherwise; `orders` is what it was asked."""

    def __init__(self):
        self.phase, self.job, self.obeys = "printing", JOB, True
        self.orders, self.snapshots = [], 0
        self.refuses = self.unreachable = self.broken = self.after_fails = ""

    def snapshot(self):
        self.snapshots += 1
        if self.unreachable:
            raise PrinterError(self.unreachable)
        return Snapshot(phase=self.phase, job=self.job, can=CAN.get(self.phase, ()))

    def pause(self, job, reason):
        self._order("pause", "paused", job)

    def resume(self, job):
        self._order("resume", "printing", job)

    def cancel(self, job, reason):
        self._order("cancel", "cancelled", job)

    def after_pause(self, options):
        self.orders.append(("after", dict(options)))
        if self.after_fails:
            raise PrinterError(self.after_fails)

    def _order(self, order, phase, job):
        if self.broken:
            raise KeyError(self.broken)
        if self.refuses:
            raise PrinterError(self.refuses)
        self.orders.append((order, job))
        if self.obeys:
            self.phase = phase


class Scene:
    def __init__(self):
        self.printer, self.clock, self.reports = FakePrinter(), FakeClock(), queue.Queue()
        self.executor = Executor(
            KEY, PRINTER, self.printer, CommandGuard(BOOT), self.clock, lambda *each: self.reports.put(each)
        )

    def send(self, made, *, key=KEY, retained=False):
        self.executor.receive(pack_command(key, PRINTER, made), retained=retained)

    def told(self, count):
        """So many reports as (stage, reason), in their order."""
        return [self.reports.get(timeout=30)[1:3] for _ in range(count)]

    def stages(self, count):
        return [stage for stage, _ in self.told(count)]


@pytest.fixture
def scene(monkeypatch):
    monkeypatch.setattr(execute, "POLL_S", 0.0)
    made = Scene()
    made.executor.start()
    yield made
    made.executor.stop()
    assert made.reports.empty()


@pytest.mark.parametrize(
    ("action", "before", "after"),
    [("pause", "printing", "paused"), ("resume", "paused", "printing"), ("cancel", "paused", "cancelled")],
)
def test_an_order_is_confirmed_when_the_printer_shows_it(scene, action, before, after):
    scene.printer.phase = before
    scene.send(command(1, action=action, expires=10**9))
    assert scene.reports.get(timeout=30) == ("c1", "accepted", "99 % sure", before)
    assert scene.reports.get(timeout=30) == ("c1", "confirmed", "", after)
    assert scene.printer.orders == [(action, JOB)]


def test_a_printer_that_only_says_yes_is_not_believed(scene):
    """The order was taken, but the printer prints on."""
    scene.printer.obeys = False
    scene.send(command(1, expires=10**9))
    assert scene.told(2) == [
        ("accepted", "99 % sure"),
        ("failed", "the printer did not pause within 90 s"),
    ]


def test_a_printer_that_is_not_seen_any_more_has_not_confirmed(scene):
    scene.printer.obeys = False
    original = scene.printer.pause

    def vanish(job, reason):
        original(job, reason)
        scene.printer.unreachable = "no answer"

    scene.printer.pause = vanish
    scene.send(command(1, expires=10**9))
    assert scene.stages(1) == ["accepted"]
    assert scene.reports.get(timeout=30)[1:] == (
        "failed",
        "the printer did not pause within 90 s",
        "unreachable",
    )


def test_another_job_is_no_confirmation_of_a_pause_but_one_of_a_cancel(scene):
    scene.printer.obeys = False
    for action in ("pause", "cancel"):
        original = getattr(scene.printer, action)

        def restart(*arguments, original=original):
            original(*arguments)
            scene.printer.job = f"{JOB} again"

        setattr(scene.printer, action, restart)
    scene.send(command(1, expires=10**9))
    assert scene.stages(2) == ["accepted", "failed"]
    scene.printer.job = JOB
    scene.send(command(2, action="cancel", expires=10**9))
    assert scene.stages(2) == ["accepted", "confirmed"]


@pytest.mark.parametrize("phase", ["idle", "finished"])
def test_a_cancel_is_confirmed_by_every_phase_without_a_print(scene, phase):
    scene.printer.obeys = False
    original = scene.printer.cancel

    def end(job, reason):
        original(job, reason)
        scene.printer.phase = phase

    scene.printer.cancel = end
    scene.send(command(1, action="cancel", expires=10**9))
    assert scene.stages(2) == ["accepted", "confirmed"]


def test_a_printer_that_refuses_is_quoted(scene):
    scene.printer.refuses = "the lid is open"
    scene.send(command(1, expires=10**9))
    assert scene.told(2)[1] == ("failed", "the lid is open")


def test_what_the_printer_cannot_do_now_is_not_tried(scene):
    scene.send(command(1, action="resume", expires=10**9))
    assert scene.told(1) == [("failed", "the printer cannot resume while printing")]
    assert scene.printer.orders == []


def test_a_printer_out_of_reach_is_told_in_its_own_words(scene):
    scene.printer.unreachable = "no answer from 10.0.0.9"
    scene.send(command(1, job="", expires=10**9))
    assert scene.told(1) == [("failed", "no answer from 10.0.0.9")]


def test_a_dry_run_does_not_touch_the_printer(scene):
    scene.send(command(1, dry=True, expires=10**9))
    assert scene.told(2)[1] == ("confirmed", "dry run: the printer was not touched")
    assert scene.printer.orders == []


def test_after_pause_options_follow_the_pause(scene):
    scene.send(command(1, after={"lift_mm": 5.0, "bed_off_s": 60.0}, expires=10**9))
    assert scene.told(2)[1] == ("confirmed", "paused; done after it: lift_mm; to follow: bed_off_s")
    assert scene.printer.orders == [("pause", JOB), ("after", {"lift_mm": 5.0})]


def test_a_failing_after_pause_option_does_not_undo_the_pause(scene):
    scene.printer.after_fails = "cannot lift"
    scene.send(command(1, after={"lift_mm": 5.0}, expires=10**9))
    assert scene.told(2)[1] == ("confirmed", "paused, but: cannot lift")


@pytest.mark.parametrize("fails", ["", "cannot switch it off"])
def test_what_follows_later_is_reported_when_it_is_done(monkeypatch, fails):
    """The clock goes on by itself, so the delay passes while the agent waits for commands."""
    monkeypatch.setattr(execute, "POLL_S", 0.0)
    monkeypatch.setattr(execute, "LATER_S", 0.01)
    scene = Scene()
    scene.executor.start()
    scene.send(command(1, after={"bed_off_s": 20.0}, expires=10**9))
    assert scene.told(2)[1] == ("confirmed", "paused; to follow: bed_off_s")
    scene.printer.after_fails = fails
    ((stage, reason),) = scene.told(1)
    scene.executor.stop()
    assert stage == ("failed" if fails else "confirmed")
    assert "bed_off_s" in reason
    assert fails in reason


def test_a_pause_of_the_agents_own_is_confirmed_like_any_other(scene):
    scene.executor.pause(JOB, "the hub had been silent")
    assert scene.reports.get(timeout=30) == (
        FALLBACK_PAUSE,
        "accepted",
        "the hub had been silent",
        "printing",
    )
    assert scene.reports.get(timeout=30) == (FALLBACK_PAUSE, "confirmed", "", "paused")
    assert scene.printer.orders == [("pause", JOB)]


def test_a_machine_that_slept_through_the_time_to_confirm_looks_once_more(scene):
    real = scene.printer.pause

    def pause_and_sleep(job, reason):
        real(job, reason)
        scene.clock.sleep_at_next_look = execute.CONFIRM_S * 2000

    scene.printer.pause = pause_and_sleep
    scene.send(command(1, expires=10**9))
    assert scene.stages(2) == ["accepted", "confirmed"]


def test_after_pause_options_belong_to_a_pause_alone(scene):
    scene.printer.phase = "paused"
    scene.send(command(1, action="resume", after={"lift_mm": 5.0}, expires=10**9))
    assert scene.told(2)[1] == ("confirmed", "")
    assert scene.printer.orders == [("resume", JOB)]


@pytest.mark.parametrize(
    ("reason", "changes", "retained"),
    [
        ("retained", {}, True),
        ("other_boot", {"boot": BOOT - 1}, False),
        ("late", {"expires": 0}, False),
        ("other_job", {"job": "yesterday's"}, False),
    ],
)
def test_a_command_that_is_not_for_now_is_refused_with_its_reason(scene, reason, changes, retained):
    scene.send(command(1, **{"expires": 10**9, **changes}), retained=retained)
    assert scene.told(1) == [("refused", reason)]
    assert scene.printer.orders == []


def test_a_command_runs_once(scene):
    for _ in range(2):
        scene.send(command(1, expires=10**9))
    assert scene.told(3)[2] == ("refused", "repeated")
    assert scene.printer.orders == [("pause", JOB)]


@pytest.mark.parametrize("payload", [b"", b"{", b'{"v":1}', b"\xff" * 200])
def test_rubbish_is_refused_without_asking_the_printer(scene, payload):
    scene.executor.receive(payload, retained=False)
    assert scene.reports.get(timeout=30) == ("", "refused", "unsigned", "unknown")
    assert scene.printer.snapshots == 0


def test_a_command_with_another_printers_seal_is_refused(scene):
    scene.send(command(1), key=OTHER_KEY)
    assert scene.reports.get(timeout=30) == ("", "refused", "bad_signature", "unknown")
    assert scene.printer.orders == []


def test_a_drivers_mistake_does_not_end_the_obeying(scene, caplog):
    scene.printer.broken = "a driver's mistake"
    scene.send(command(1, expires=10**9))
    assert scene.stages(1) == ["accepted"]
    until(lambda: "a command could not be carried out" in caplog.text)
    scene.printer.broken = ""
    scene.send(command(2, expires=10**9))
    assert scene.stages(2) == ["accepted", "confirmed"]


def test_a_flood_is_dropped_beyond_the_queue(scene, caplog):
    """The thread is busy with a printer that takes its time; receiving never blocks."""
    busy, go_on = threading.Event(), threading.Event()

    def slow():
        busy.set()
        assert go_on.wait(30)
        raise PrinterError("later")

    scene.printer.snapshot = slow
    scene.send(command(1, job="", expires=10**9))
    assert busy.wait(30)
    for number in range(40):
        scene.executor.receive(f"{number}".encode(), retained=False)
    assert "too many at once" in caplog.text
    go_on.set()
    stages = scene.stages(1 + execute._REFUSALS_KEPT)
    assert stages[0] == "failed"
    assert set(stages[1:]) == {"refused"}


def test_stopping_does_not_wait_for_a_printer_that_never_confirms(monkeypatch):
    monkeypatch.setattr(execute, "POLL_S", 3600.0)
    scene = Scene()
    scene.printer.obeys = False
    scene.executor.start()
    scene.send(command(1, expires=10**9))
    assert scene.stages(1) == ["accepted"]
    until(lambda: scene.printer.orders)
    for _ in range(execute._REFUSALS_KEPT + 1):
        scene.executor.receive(b"", retained=False)
    scene.executor.stop()
    assert scene.told(1) == [("failed", "the agent was stopped before the printer had confirmed it")]
    assert not scene.executor._thread.is_alive()
