"""The Duet driver against a pretended board, which an independent client accepts as one."""

import pytest
from hypothesis import given

from agent.printers import driver
from agent.printers.base import PrinterError
from agent.printers.duet import Settings, create
from tests.counterparts.duet_rig import PASSWORD, Duet
from tests.support.clients import told_by
from tests.support.printers import JSON, Canned, phase, reached, sendable
from tests.support.web import serve


@pytest.fixture
def rig():
    rig = Duet()
    with serve(rig.answer) as rig.url:
        yield rig


@pytest.fixture
def printer(rig):
    printer = create(Settings(rig.url, PASSWORD))
    yield printer
    printer.stop()


@pytest.mark.counterpart
@pytest.mark.timeout(300)
def test_an_independent_client_takes_it_for_a_board():
    rig = Duet(password="")
    rig.begin()
    with serve(rig.answer) as url:
        told = told_by("duetwebapi==1.2.2", "duet_client.py", url)
    assert told == {
        "api": "DWC_REST",
        "tool": 0,
        "layer": 12,
        "orders": {
            "refused": ["Error", "processing"],
            "pause": ["", "paused"],
            "resume": ["", "processing"],
            "pause again": ["", "paused"],
            "stop": ["", "idle"],
            "too late": ["Error", "idle"],
        },
        "last": "0:/gcodes/benchy.gcode",
    }


def test_a_print_is_followed_paused_resumed_and_cancelled(rig, printer):
    assert phase(printer) == "idle"
    rig.begin()
    now = printer.snapshot()
    assert (now.phase, now.file, now.progress, now.remaining_s) == ("printing", "benchy.gcode", 0.1, 900)
    assert (now.layer, now.layers) == (12, 240)
    assert now.temperatures == {"hotend": (214.8, 215.0), "bed": (60.2, 60.0)}
    printer.pause(now.job, "test")
    assert phase(printer) == "printing", "on the way to a pause it still moves"
    paused = reached(printer, "paused")
    assert (paused.job, paused.can) == (now.job, ("resume", "cancel"))
    printer.resume(now.job)
    assert reached(printer, "printing").job == now.job
    printer.cancel(now.job, "the firmware cancels only what is paused")
    assert reached(printer, "cancelled").job == ""
    assert rig.codes == ["M25", "M24", "M25", "M0"]


def test_how_a_print_ended(rig, printer):
    rig.begin()
    rig.end()
    assert phase(printer) == "finished"
    rig.job["lastFileAborted"] = True
    assert phase(printer) == "error"
    rig.job["lastFileSimulated"] = True
    assert phase(printer) == "idle"


def test_a_print_that_ends_between_two_questions_is_not_taken_for_another(rig, printer):
    rig.begin()
    rig.job["file"] = {"fileName": None, "size": 0}
    assert (phase(printer), printer.snapshot().job) == ("unknown", "")


def test_a_stale_pause_does_not_hit_the_next_print_of_the_same_file(rig, printer):
    rig.begin()
    rig.job["duration"] = 500
    first = printer.snapshot().job
    rig.end()
    rig.begin()
    with pytest.raises(PrinterError, match="that job is over"):
        printer.pause(first, "stale")
    assert rig.codes == []


def test_a_print_that_ends_while_it_is_being_cancelled(rig, printer, monkeypatch):
    """The pause that comes first takes a while; what is cancelled afterwards must be the same print."""
    rig.begin()
    job = printer.snapshot().job
    code = printer._code

    def ends_and_another_begins(given):
        code(given)
        rig.end()
        rig.begin()
        rig.job["duration"] = 1

    monkeypatch.setattr(printer, "_code", ends_and_another_begins)
    with pytest.raises(PrinterError, match="that job is over"):
        printer.cancel(job, "test")
    assert rig.codes == ["M25"]
    assert phase(printer) == "printing"


def test_a_refusal_of_the_firmware_is_told(rig, printer):
    rig.begin()
    now = printer.snapshot()
    rig.status = "idle"
    with pytest.raises(PrinterError, match="no file is being printed"):
        printer._give("pause", now.job)


@pytest.mark.parametrize(
    ("password", "full", "why"),
    [("wrong", False, "password is wrong"), (PASSWORD, True, "too many programs")],
)
def test_a_login_that_is_refused(rig, password, full, why):
    rig.full = full
    printer = create(Settings(rig.url, password))
    with pytest.raises(PrinterError, match=why):
        printer.snapshot()
    printer.stop()


def test_a_board_that_is_off_or_has_forgotten_the_login(rig, printer):
    rig.begin()
    job = printer.snapshot().job
    rig.sessions.clear()
    assert printer.snapshot().job == job
    rig.sessions.clear()
    printer.pause(job, "test")
    assert rig.codes == ["M25"], "what was refused for the login alone is given once"
    printer.stop()
    assert rig.sessions == set(), "the session is given back"
    with serve(rig.answer) as url:
        printer = create(Settings(url, PASSWORD))
        assert phase(printer) == "printing"
    with pytest.raises(PrinterError, match="refuses connections"):
        printer.snapshot()
    rig.sessions.clear()
    with serve(rig.answer, port=int(url.rpartition(":")[2])):
        assert phase(printer) == "paused"
        printer.stop()


@pytest.mark.parametrize(
    ("status", "expected", "can"),
    [
        ("halted", "error", ()),
        ("simulating", "idle", ()),
        ("cancelling", "printing", ()),
        ("off", "idle", ()),
    ],
)
def test_phases(rig, printer, status, expected, can):
    rig.begin()
    rig.status = status
    now = printer.snapshot()
    assert (now.phase, now.can) == (expected, can)


@pytest.mark.parametrize("status", ["starting", "updating", "disconnected", "dancing"])
def test_a_board_that_cannot_tell_is_no_idle_one(rig, printer, status):
    rig.status = status
    with pytest.raises(PrinterError, match=status):
        printer.snapshot()


def test_heaters_after_a_pause(rig, printer):
    rig.begin()
    job = printer.snapshot().job
    printer.pause(job, "test")
    reached(printer, "paused")
    with pytest.raises(PrinterError, match=r"cannot do lift_mm: put it into the printer's own pause\.g"):
        printer.after_pause({"lift_mm": 5, "hotend_off_s": 0})
    printer.after_pause({"hotend_off_s": 0, "bed_off_s": 0})
    assert (rig.heaters[1]["state"], rig.heaters[0]["active"]) == ("off", 0)
    rig.heaters[1]["current"] = 90.0
    with pytest.raises(PrinterError, match="heating again, resume when hot: hotend 90 of 215"):
        printer.resume(job)
    assert (rig.heaters[1]["state"], rig.heaters[0]["active"]) == ("active", 60)
    rig.heaters[1]["current"] = 214.0
    printer.resume(job)
    assert reached(printer, "printing").job == job


def test_a_heater_that_does_not_obey_is_told(rig, printer, monkeypatch):
    monkeypatch.setattr(driver, "CONFIRM_S", 0.1)
    rig.begin()
    rig.deaf = True
    with pytest.raises(PrinterError, match="hotend was told 0 °C and did not take it over"):
        printer.after_pause({"hotend_off_s": 0})


def test_messages(rig, printer):
    printer.show('Printwarden: it\'s "failing"')
    assert rig.shown == "Printwarden: it s  failing "
    assert printer.snapshot().message == rig.shown


@given(JSON, JSON, JSON)
def test_answers_of_any_shape_end_in_a_snapshot_or_the_one_error(first, second, third):
    printer = create(Settings("http://printer"))
    model = {"status": "processing", "file": {"fileName": first, "size": second}, "filePosition": third}
    heat = {"currentTool": first, "heaters": second, "bedHeaters": third, "timesLeft": {"file": third}}
    for each in (first, {"result": first}, {"result": model}, {"result": {"status": "idle", **heat}}):
        printer._rest._client = Canned({"rr_connect": {"err": 0}, "rr_model": each})
        try:
            sendable(printer.snapshot())
        except PrinterError:
            continue
