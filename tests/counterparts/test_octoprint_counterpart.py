"""The OctoPrint driver against a real OctoPrint with its virtual printer."""

import threading

import pytest

from agent.cli import main
from agent.printers.base import PrinterError
from agent.printers.octoprint import Settings, create
from tests.counterparts.octoprint_rig import OctoPrint
from tests.support.printers import phase, reached, told
from tests.support.waiting import until

pytestmark = [pytest.mark.counterpart, pytest.mark.timeout(600)]

RIGHTS = ("STATUS", "PRINT", "SETTINGS_READ", "WEBCAM")


@pytest.fixture(scope="module")
def rig(tmp_path_factory):
    rig = OctoPrint(tmp_path_factory.mktemp("octoprint"))
    rig.start()
    yield rig
    rig.stop()


@pytest.fixture(scope="module")
def key(rig):
    """The least-privilege key that the documentation recommends."""
    return rig.limited_key(*RIGHTS)


@pytest.fixture
def printer(rig, key):
    rig.quiet()
    printer = create(Settings(rig.url, key))
    printer.start()
    yield printer
    printer.stop()
    rig.quiet()


def test_a_print_is_followed_paused_resumed_and_cancelled(rig, printer):
    assert phase(printer) in ("idle", "cancelled", "finished")
    assert printer.snapshot().job == ""
    rig.print("follow.gcode")
    printing = reached(printer, "printing")
    assert printing.file == "follow.gcode"
    assert printing.job
    assert printing.can == ("pause", "cancel")
    until(lambda: (printer.snapshot().progress or 0) > 0)
    printer.pause(printing.job, "test")
    paused = reached(printer, "paused")
    assert paused.job == printing.job
    assert paused.can == ("resume", "cancel")
    until(lambda: printer.snapshot().temperatures.get("bed", (0, 0))[1] == 40)
    printer.pause(printing.job, "again: already reached, so nothing is sent that could resume")
    assert phase(printer) == "paused"
    printer.resume(printing.job)
    assert reached(printer, "printing").job == printing.job
    printer.cancel(printing.job, "test")
    assert reached(printer, "cancelled").job == ""


def test_a_finished_print_is_told_from_a_cancelled_one(rig, printer):
    rig.print("short.gcode", moves=60)
    reached(printer, "printing")
    done = reached(printer, "finished")
    assert (done.job, done.progress) == ("", 1.0)


def test_a_stale_pause_does_not_hit_the_next_print_of_the_same_file(rig, printer):
    rig.print("same.gcode")
    first = reached(printer, "printing").job
    rig.quiet()
    reached(printer, "cancelled")
    rig.print("same.gcode")
    second = reached(printer, "printing").job
    assert second != first
    with pytest.raises(PrinterError, match="that job is over"):
        printer.pause(first, "stale")
    assert printer.snapshot().phase == "printing"
    assert printer.snapshot().job == second


def test_a_change_between_two_looks_is_noticed(rig, printer):
    """The next print of the same file began while the agent did not look, and has not come as far as the last."""
    rig.print("blink.gcode")
    first = reached(printer, "printing").job
    until(lambda: rig.request("GET", "/api/job")[1]["progress"]["printTime"] >= 4)
    assert printer.snapshot().job == first
    rig.quiet()
    rig.print("blink.gcode")
    with pytest.raises(PrinterError, match="that job is over"):
        printer.pause(first, "stale")


def test_orders_without_a_print_are_refused(rig, printer):
    for order in (
        lambda: printer.pause("x", ""),
        lambda: printer.cancel("", ""),
        lambda: printer.resume("x"),
    ):
        with pytest.raises(PrinterError):
            order()


def test_a_key_without_the_right_to_print_is_known_beforehand(rig):
    printer = create(Settings(rig.url, rig.limited_key("STATUS", "SETTINGS_READ")))
    rig.print("locked.gcode")
    now = reached(printer, "printing")
    assert now.can == ()
    assert "PRINT" in now.control
    with pytest.raises(PrinterError, match="PRINT"):
        printer.pause(now.job, "test")
    assert rig.state() == "Printing"
    printer.stop()
    rig.quiet()


def test_a_wrong_key(rig):
    printer = create(Settings(rig.url, "B" * 32))
    with pytest.raises(PrinterError, match="key or password is wrong"):
        printer.snapshot()
    printer.stop()


def test_the_recommended_key_may_not_heat_or_command(printer, rig):
    rig.print("cold.gcode")
    printing = reached(printer, "printing")
    printer.pause(printing.job, "test")
    reached(printer, "paused")
    with pytest.raises(PrinterError, match="right CONTROL"):
        printer.after_pause({"hotend_off_s": 0})
    with pytest.raises(PrinterError, match="lacks the right"):
        printer.show("hello")
    with pytest.raises(PrinterError, match="afterPrintPaused"):
        printer.after_pause({"lift_mm": 5, "hotend_off_s": 0})


def test_heaters_go_off_after_a_pause_and_are_hot_before_the_resume(rig):
    rig.quiet()
    printer = create(Settings(rig.url, rig.limited_key(*RIGHTS, "CONTROL")))
    rig.print("heat.gcode")
    job = reached(printer, "printing").job
    until(lambda: printer.snapshot().temperatures.get("hotend", (0, 0))[1] == 50)
    printer.pause(job, "test")
    reached(printer, "paused")
    printer.after_pause({"hotend_off_s": 600})
    assert printer.snapshot().temperatures["hotend"][1] == 0
    until(lambda: printer.snapshot().temperatures.get("bed", (0, 0))[1] == 40)
    until(lambda: printer.snapshot().temperatures["hotend"][0] < 44, 60)
    with pytest.raises(PrinterError, match="heating again"):
        printer.resume(job)
    assert printer.snapshot().temperatures["hotend"][1] == 50

    def resumed():
        try:
            printer.resume(job)
        except PrinterError:
            return False
        return True

    until(resumed, 60, 0.3)
    assert reached(printer, "printing").job == job
    printer.show("Printwarden; test")
    printer.stop()
    rig.quiet()


def test_printer_off_octoprint_off_and_back_in_the_middle_of_a_print(rig, printer):
    rig.print("power.gcode")
    first = reached(printer, "printing").job
    rig.disconnect()
    assert "not connected to the printer" in reached(printer, "unreachable").control
    rig.stop()
    until(lambda: "refuses connections" in told(printer).control)
    rig.start()
    reached(printer, "idle")
    rig.print("power.gcode")
    assert reached(printer, "printing").job != first


def test_webcams_with_their_flips(printer):
    (camera,) = printer.cameras()
    assert camera.name == "classic"
    assert camera.settings == {
        "kind": "snapshot",
        "options": {"url": "http://127.0.0.1:8099/snapshot", "flip_v": True},
    }


@pytest.mark.parametrize("allowed", [True, False])
def test_pairing_by_application_key(rig, allowed, tmp_path, capsys):
    """The owner's click is done over OctoPrint's own interface; the key works at once."""
    status = []
    command = ["--home", str(tmp_path), "pair", "octoprint", rig.url, "--user", "admin"]
    thread = threading.Thread(target=lambda: status.append(main(command)))
    thread.start()
    (token,) = until(lambda: rig.request("GET", "/api/plugin/appkeys?all=true")[1]["pending"], 60)
    assert rig.request("POST", f"/plugin/appkeys/decision/{token}", {"decision": allowed})[0] == 204
    thread.join(60)
    if not allowed:
        assert status == [2]
        assert "denied" in capsys.readouterr().err
        return
    assert status == [0]
    printer = create(Settings(rig.url, (tmp_path / "printer.key").read_text().strip()))
    assert phase(printer) in ("idle", "cancelled", "finished", "printing")
    printer.stop()
