"""The PrusaLink driver against a pretended printer, which an independent client accepts as one."""

import pytest
from hypothesis import given

from agent.printers.base import PrinterError
from agent.printers.prusalink import Settings, create
from tests.counterparts.prusalink_rig import PASSWORD, USER, PrusaLink
from tests.support.clients import told_by
from tests.support.printers import JSON, Canned, phase, reached, sendable
from tests.support.web import serve


@pytest.fixture
def rig():
    rig = PrusaLink()
    with serve(rig.answer) as rig.url:
        yield rig


@pytest.fixture
def printer(rig):
    printer = create(Settings(rig.url, USER, PASSWORD))
    yield printer
    printer.stop()


@pytest.mark.counterpart
@pytest.mark.timeout(300)
def test_an_independent_client_takes_it_for_a_printer(rig):
    rig.begin()
    assert told_by("pyprusalink==3.1.0", "prusalink_client.py", rig.url, USER, PASSWORD) == {
        "file": "benchy.bgcode",
        "seen": ["PRINTING", "PAUSED", "PRINTING", "STOPPED"],
        "refused": ["NotFound", "NotFound"],
        "job": None,
    }


def test_a_print_is_followed_paused_resumed_and_cancelled(rig, printer):
    assert phase(printer) == "idle"
    rig.begin()
    now = printer.snapshot()
    assert (now.phase, now.file, now.progress, now.remaining_s) == ("printing", "benchy.bgcode", 0.03, 900)
    assert now.temperatures == {"hotend": (214.9, 215.0), "bed": (60.1, 60.0)}
    printer.pause(now.job, "test")
    paused = reached(printer, "paused")
    assert (paused.job, paused.can) == (now.job, ("resume", "cancel"))
    printer.resume(now.job)
    assert reached(printer, "printing").job == now.job
    printer.cancel(now.job, "test")
    assert reached(printer, "cancelled").job == ""
    assert rig.orders == ["pause", "resume", "cancel"]


def test_a_stale_pause_does_not_hit_the_next_print(rig, printer):
    rig.begin()
    first = printer.snapshot().job
    rig.begin()
    with pytest.raises(PrinterError, match="that job is over"):
        printer.pause(first, "stale")
    assert rig.orders == []


def test_the_printer_itself_refuses_when_the_job_changes_after_the_look(rig, printer, monkeypatch):
    """The order names the job, so that nothing can slip in between."""
    rig.begin()
    now = printer.snapshot()
    monkeypatch.setattr(printer, "snapshot", lambda: now)
    rig.begin()
    with pytest.raises(PrinterError, match="that job is over"):
        printer.pause(now.job, "late")
    assert rig.state == "PRINTING"


def test_the_same_number_after_the_printer_was_off_is_another_print(rig, printer):
    rig.begin()
    rig.printing_s = 500
    first = printer.snapshot().job
    rig.id = 0
    rig.begin()
    assert printer.snapshot().job != first


@given(JSON, JSON)
def test_answers_of_any_shape_end_in_a_snapshot_or_the_one_error(first, second):
    printer = create(Settings("http://printer", USER, PASSWORD))
    for status in (
        first,
        {"printer": first, "job": second},
        {"printer": {"state": "PRINTING"}, "job": {"id": first}},
    ):
        job = {"file": {"name": second, "display_name": first}}
        printer._rest._client = Canned({"api/v1/status": status, "api/v1/job": job})
        try:
            sendable(printer.snapshot())
        except PrinterError:
            continue


@pytest.mark.parametrize(
    ("state", "expected", "can"),
    [
        ("FINISHED", "finished", ()),
        ("READY", "idle", ()),
        ("ERROR", "error", ()),
        ("ATTENTION", "paused", ()),
        ("BUSY", "printing", ()),
        ("DANCING", "unknown", ()),
    ],
)
def test_phases(rig, printer, state, expected, can):
    rig.begin()
    rig.state = state
    now = printer.snapshot()
    assert (now.phase, now.can) == (expected, can)


def test_a_wrong_password_and_a_printer_that_is_off(rig):
    printer = create(Settings(rig.url, USER, "wrong"))
    with pytest.raises(PrinterError, match="key or password is wrong"):
        printer.snapshot()
    printer.stop()
    with serve(rig.answer) as url:
        printer = create(Settings(url, USER, PASSWORD))
        assert phase(printer) == "idle"
    with pytest.raises(PrinterError, match="refuses connections"):
        printer.snapshot()
    with serve(rig.answer, port=int(url.rpartition(":")[2])):
        assert phase(printer) == "idle"
        printer.stop()


def test_what_it_cannot_do_is_told(printer):
    with pytest.raises(PrinterError, match="hotend_off_s, lift_mm"):
        printer.after_pause({"lift_mm": 1, "hotend_off_s": 0})
    with pytest.raises(PrinterError):
        printer.show("hello")
    assert printer.cameras() == ()
