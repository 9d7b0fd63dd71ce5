"""The Elegoo driver against a pretended printer, which an independent client accepts as one."""

import pytest
from hypothesis import given

from agent.camera import mjpeg
from agent.printers import driver
from agent.printers.base import PrinterError
from agent.printers.elegoo import Settings, create
from agent.settings import SettingsError, build
from tests.counterparts.elegoo_rig import BOARD, PICTURE, Elegoo
from tests.support.clients import told_by
from tests.support.printers import JSON, phase, reached, sendable, told
from tests.support.waiting import until


@pytest.fixture
def rig():
    rig = Elegoo()
    rig.start()
    yield rig
    rig.stop()


@pytest.fixture
def printer(rig):
    printer = create(Settings(rig.host))
    yield printer
    printer.stop()


@pytest.mark.counterpart
@pytest.mark.timeout(300)
def test_an_independent_client_takes_it_for_a_printer(rig):
    rig.begin()
    assert told_by("pycentauri==0.9.1", "elegoo_client.py", rig.host) == {
        "file": "/local/benchy.gcode",
        "temperatures": [219.7, 220, 59.8, 60],
        "seen": [13, 5, 6, 12, 13, 7, 8],
        "picture": PICTURE.hex(),
        "board": BOARD,
        "off": 0,
    }


def test_a_print_is_followed_paused_resumed_and_cancelled(rig, printer):
    assert phase(printer) == "idle"
    rig.begin()
    now = printer.snapshot()
    assert (now.phase, now.file, now.progress, now.remaining_s) == ("printing", "benchy.gcode", 0.05, 5700)
    assert (now.layer, now.layers, now.job) == (12, 240, rig.job["TaskId"])
    assert now.temperatures == {"hotend": (219.7, 220), "bed": (59.8, 60), "chamber": (31.4, 0)}
    printer.pause(now.job, "test")
    assert phase(printer) == "printing", "on the way to a pause it still moves"
    paused = reached(printer, "paused")
    assert (paused.job, paused.can) == (now.job, ("resume", "cancel"))
    printer.resume(now.job)
    assert phase(printer) == "printing"
    assert reached(printer, "printing").job == now.job
    printer.cancel(now.job, "test")
    assert printer.snapshot().can == ()
    assert reached(printer, "cancelled").job == ""
    assert rig.commands == [129, 131, 130]


def test_what_was_pushed_before_the_question_is_not_taken_for_its_answer(rig, printer):
    rig.begin()
    job = printer.snapshot().job
    rig.push()
    rig.begin()
    until(printer._connection.pending)
    with pytest.raises(PrinterError, match="that job is over"):
        printer.pause(job, "stale")
    assert rig.commands == []


def test_a_stale_pause_does_not_hit_the_next_print_where_prints_have_no_number(rig, printer):
    rig.begin()
    rig.job |= {"TaskId": "", "CurrentTicks": 2000}
    first = printer.snapshot().job
    rig.begin()
    rig.job["TaskId"] = ""
    with pytest.raises(PrinterError, match="that job is over"):
        printer.pause(first, "stale")
    assert rig.commands == []


def test_a_refusal_is_told(rig, printer):
    rig.begin()
    job = printer.snapshot().job
    rig.refuse = 1
    with pytest.raises(PrinterError, match="cannot pause: it is busy"):
        printer.pause(job, "test")
    rig.refuse = 9
    with pytest.raises(PrinterError, match="it answers 9"):
        printer.cancel(job, "test")


def test_off_and_back_in_the_middle_of_a_print(rig, printer):
    rig.begin()
    job = printer.snapshot().job
    rig.stop()
    until(lambda: "refuses connections" in told(printer).control)
    rig.start()
    assert reached(printer, "printing").job == job
    printer.pause(job, "test")
    assert reached(printer, "paused").job == job


@pytest.mark.parametrize(
    ("code", "busy", "expected"),
    [
        (1, True, "printing"),  # homing before a print
        (16, True, "printing"),
        (15, False, "idle"),  # levelling from the printer's own menu
        (20, False, "idle"),
        (9, False, "finished"),
        (14, True, "error"),
        (99, True, "unknown"),
    ],
)
def test_phases(rig, printer, code, busy, expected, monkeypatch):
    rig.begin()
    rig.job["Status"] = code
    status = rig._status()
    monkeypatch.setattr(rig, "_status", lambda: {**status, "CurrentStatus": [1 if busy else 0]})
    assert phase(printer) == expected


def test_a_printer_for_resin_counts_milliseconds_and_has_no_nozzle(rig, printer):
    rig.begin()
    rig.temperatures = {"TempOfBox": 28.0, "TempTargetBox": 0}
    rig.job |= {"Status": 3, "CurrentTicks": 60_000, "TotalTicks": 90_000, "Progress": None}
    now = printer.snapshot()
    assert (now.phase, now.remaining_s, now.progress) == ("printing", 30, 0.05)
    assert printer.cameras() == ()


def test_heaters_after_a_pause(rig, printer, monkeypatch):
    rig.begin()
    job = printer.snapshot().job
    printer.pause(job, "test")
    reached(printer, "paused")
    with pytest.raises(PrinterError, match="cannot do lift_mm: the printer parks by itself"):
        printer.after_pause({"lift_mm": 5, "hotend_off_s": 0})
    printer.after_pause({"hotend_off_s": 0})
    assert (rig.temperatures["TempTargetNozzle"], rig.temperatures["TempTargetHotbed"]) == (0, 60)
    rig.temperatures["TempOfNozzle"] = 90
    with pytest.raises(PrinterError, match="heating again, resume when hot: hotend 90 of 220"):
        printer.resume(job)
    rig.temperatures["TempOfNozzle"] = 219
    printer.resume(job)
    assert reached(printer, "printing").job == job
    monkeypatch.setattr(driver, "CONFIRM_S", 0.1)
    rig.deaf = True
    with pytest.raises(PrinterError, match="bed was told 0 °C and did not take it over"):
        printer.after_pause({"bed_off_s": 0})


def test_the_camera_that_is_offered_gives_pictures(rig, printer):
    (offered,) = printer.cameras()
    camera = mjpeg.create(mjpeg.Settings(**offered.settings["options"]))
    camera.start()
    assert camera.grab() == PICTURE
    camera.stop()


def test_settings_and_what_it_cannot_do(printer):
    with pytest.raises(SettingsError, match="no name or address"):
        build(Settings, {"host": "http://printer"}, "printer.options")
    with pytest.raises(PrinterError, match="cannot show a message"):
        printer.show("hello")


@given(JSON, JSON)
def test_answers_of_any_shape_end_in_a_snapshot(first, second):
    printer = create(Settings("printer"))
    job = {"Status": 13, "Filename": first, "TaskId": second, "CurrentTicks": first, "TotalTicks": second}
    for status in ({"PrintInfo": first, "CurrentStatus": second}, {"PrintInfo": job, "TempOfNozzle": second}):
        sendable(printer._told(status))
