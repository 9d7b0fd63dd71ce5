"""The Moonraker driver against real Moonraker and real Klippy (Kalico) with a simulated micro-controller."""

import pytest

from agent.printers.base import PrinterError
from agent.printers.moonraker import Settings, create
from tests.counterparts.moonraker_rig import Moonraker
from tests.support.printers import phase, reached, told
from tests.support.waiting import until

pytestmark = [pytest.mark.counterpart, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def rig(tmp_path_factory):
    rig = Moonraker(tmp_path_factory.mktemp("moonraker"))
    try:
        rig.start()
        yield rig
    finally:
        rig.stop()


@pytest.fixture
def printer(rig):
    rig.quiet()
    printer = create(Settings(rig.url, rig.key))
    printer.start()
    yield printer
    printer.stop()
    rig.quiet()


def test_a_print_is_followed_paused_resumed_and_cancelled(rig, printer):
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
    assert paused.temperatures["bed"][1] == 40
    printer.pause(printing.job, "again")
    assert phase(printer) == "paused"
    printer.resume(printing.job)
    assert reached(printer, "printing").job == printing.job
    printer.cancel(printing.job, "test")
    assert reached(printer, "cancelled").job == ""


def test_the_job_is_the_same_for_an_agent_that_starts_in_the_middle(rig, printer):
    entry = rig.noted("middle.gcode")
    other = create(Settings(rig.url, rig.key))
    second = create(Settings(rig.url, rig.key))
    assert other.snapshot().job == second.snapshot().job == entry["job_id"]
    other.stop()
    second.stop()


def test_a_finished_print(rig, printer):
    rig.print("short.gcode", moves=40)
    done = reached(printer, "finished")
    assert (done.job, done.file) == ("", "short.gcode")


def test_pausing_when_nothing_prints_leaves_no_trace(rig, printer):
    """Moonraker itself would say "ok" and keep a pause for the next print."""
    with pytest.raises(PrinterError, match="that job is over"):
        printer.pause("000001", "stale")
    paused = rig.call("GET", "/printer/objects/query?pause_resume")[1]["result"]["status"]["pause_resume"]
    assert paused["is_paused"] is False


def test_a_stale_pause_does_not_hit_the_next_print_of_the_same_file(rig, printer):
    """Nobody looks in between, and Moonraker's history may know neither: the time since its start tells them apart."""
    rig.print("same.gcode")
    first = reached(printer, "printing").job
    printer.pause(first, "a pause does not stop that clock")
    reached(printer, "paused")
    until(lambda: rig.query()["print_stats"]["total_duration"] > 4)
    printer.resume(first)
    assert reached(printer, "printing").job == first
    rig.quiet()
    rig.begin("same.gcode")
    with pytest.raises(PrinterError, match="that job is over"):
        printer.pause(first, "stale")
    second = reached(printer, "printing").job
    assert second != first


def test_after_pause_options_are_seen_to_work_and_undone_before_the_resume(rig, printer):
    rig.print("after.gcode")
    job = reached(printer, "printing").job
    until(lambda: printer.snapshot().temperatures["hotend"][0] > 55, 60)
    printer.pause(job, "test")
    reached(printer, "paused")
    before = rig.query()["toolhead"]["position"]
    printer.after_pause({"retract_mm": 3, "lift_mm": 7, "hotend_off_s": 600})
    after = rig.query()
    assert after["toolhead"]["position"][2] == pytest.approx(before[2] + 7)
    assert after["toolhead"]["position"][3] == pytest.approx(before[3] - 3)
    assert after["extruder"]["target"] == 0
    assert after["heater_bed"]["target"] == 40, "the bed stays on unless asked"
    until(lambda: printer.snapshot().temperatures["hotend"][0] < 54, 60)
    with pytest.raises(PrinterError, match="heating again"):
        printer.resume(job)

    def resumed():
        try:
            printer.resume(job)
        except PrinterError:
            return False
        return True

    until(resumed, 60, 0.3)
    assert reached(printer, "printing").job == job
    printer.show("Printwarden: test")


def test_what_klipper_refuses_is_told(rig, printer):
    rig.print("refuse.gcode")
    job = reached(printer, "printing").job
    printer.pause(job, "test")
    reached(printer, "paused")
    with pytest.raises(PrinterError, match=r"(?i)extrude only move too long|did not"):
        printer.after_pause({"retract_mm": 1000})
    assert phase(printer) == "paused"
    modes = rig.call("GET", "/printer/objects/query?gcode_move")[1]["result"]["status"]["gcode_move"]
    assert (modes["absolute_extrude"], modes["absolute_coordinates"]) == (True, True)


def test_a_wrong_key(rig):
    for key, why in (("B" * 32, "key or password is wrong"), ("", "wants a key")):
        printer = create(Settings(rig.url, key))
        with pytest.raises(PrinterError, match=why):
            printer.snapshot()
        printer.stop()


def test_klipper_stopped_in_an_emergency_and_restarted(rig, printer):
    rig.print("stop.gcode")
    first = reached(printer, "printing").job
    rig.call("POST", "/printer/emergency_stop")
    assert "shutdown" in reached(printer, "error").message.lower()
    with pytest.raises(PrinterError):
        printer.resume(first)
    until(lambda: rig.call("POST", "/printer/firmware_restart")[0] == 200)
    reached(printer, "unreachable")
    rig.ready()
    until(lambda: told(printer).phase in ("idle", "error"))  # Klipper may still show how the last print ended
    rig.print("stop.gcode")
    assert reached(printer, "printing").job != first


def test_klipper_and_moonraker_off_and_back_in_the_middle_of_a_print(rig, printer):
    rig.print("power.gcode")
    first = reached(printer, "printing").job
    rig.stop_one("klippy")
    assert "Klippy Host not connected" in reached(printer, "unreachable").control
    rig.stop_one("moonraker")
    until(lambda: "refuses connections" in told(printer).control)
    rig.start_klippy()
    rig.start_moonraker()
    rig.ready()
    reached(printer, "idle")
    rig.print("power.gcode")
    assert reached(printer, "printing").job != first


def test_webcams_with_their_flips(printer):
    (camera,) = printer.cameras()
    assert camera.name == "bed-cam"
    assert camera.settings == {
        "kind": "snapshot",
        "options": {"url": "http://127.0.0.1:8099/snapshot", "flip_v": True, "rotate": 90},
    }
