"""The pretended printer behaves like a slow real one: orders take time, jobs end, faults are faults."""

from __future__ import annotations

import pytest

from agent.printers import simulated
from agent.printers.base import PrinterError
from agent.printers.simulated import FAULTS, Settings, create


@pytest.fixture
def now(monkeypatch):
    """The time, which passes only when a test says so."""
    time = [100.0]
    monkeypatch.setattr(simulated, "ticks", lambda: time[0])
    return time


def started(**options):
    printer = create(Settings(**{"job_s": 100.0, "layers": 50, "delay_s": 1.0, **options}))
    printer.start()
    return printer


def test_a_print_goes_on_and_ends(now):
    printer = started()
    now[0] += 25.0
    seen = printer.snapshot()
    assert (seen.phase, seen.job, seen.progress, seen.remaining_s) == (
        "printing",
        "benchy.gcode#1",
        0.25,
        75.0,
    )
    assert (seen.layer, seen.layers, seen.temperatures["hotend"]) == (12, 50, (210.0, 210.0))
    assert seen.can == ("pause", "cancel")
    now[0] += 100.0
    seen = printer.snapshot()
    assert (seen.phase, seen.job, seen.progress, seen.can) == ("finished", "", 1.0, ())
    assert seen.temperatures["bed"] == (24.0, 0.0)


def test_a_pause_takes_its_time_and_holds_the_print(now):
    printer = started()
    now[0] += 10.0
    printer.pause("benchy.gcode#1", "tangle")
    assert printer.snapshot().phase == "printing"
    now[0] += 50.0
    seen = printer.snapshot()
    assert (seen.phase, seen.progress, seen.can) == ("paused", 0.11, ("resume", "cancel"))
    printer.resume("benchy.gcode#1")
    now[0] += 11.0
    assert printer.snapshot().phase == "printing"
    assert printer.snapshot().progress == pytest.approx(0.21)


def test_a_cancelled_print_is_over(now):
    printer = started()
    printer.cancel("benchy.gcode#1", "tangle")
    now[0] += 1.0
    assert (printer.snapshot().phase, printer.snapshot().job) == ("cancelled", "")


def test_each_print_is_another_job(now):
    printer = started()
    first = printer.snapshot().job
    printer.begin()
    assert printer.snapshot().job != first


def test_an_order_for_another_job_is_refused(now):
    with pytest.raises(PrinterError, match=r"job 'old#7' is not running, 'benchy\.gcode#1' is"):
        started().pause("old#7", "late")


def test_without_autostart_it_waits(now):
    assert started(autostart=False).snapshot().phase == "idle"


def test_an_unreachable_printer_answers_nothing(now):
    printer = started(fault="unreachable")
    with pytest.raises(PrinterError, match="no answer"):
        printer.snapshot()
    with pytest.raises(PrinterError, match="no answer"):
        printer.pause("benchy.gcode#1", "tangle")


def test_a_printer_may_refuse_orders(now):
    with pytest.raises(PrinterError, match="refused the order"):
        started(fault="refuses_orders").pause("benchy.gcode#1", "tangle")


def test_a_printer_may_say_yes_and_print_on(now):
    printer = started(fault="ignores_orders")
    printer.pause("benchy.gcode#1", "tangle")
    now[0] += 50.0
    assert printer.snapshot().phase == "printing"
    printer.fault = ""
    printer.pause("benchy.gcode#1", "tangle")
    now[0] += 1.0
    assert printer.snapshot().phase == "paused"


def test_its_display_shows_a_line(now):
    printer = started()
    printer.show("NOT WATCHED")
    assert printer.snapshot().message == "NOT WATCHED"
    printer.after_pause({"lift_mm": 5.0})
    assert printer.cameras() == ()
    printer.stop()


def test_an_unknown_fault_is_named():
    with pytest.raises(ValueError, match="'on_fire' is none of"):
        Settings(fault="on_fire")
    assert Settings(fault=FAULTS[1]).fault == FAULTS[1]
