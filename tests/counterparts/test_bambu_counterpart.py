"""The Bambu driver and camera against a pretended printer, which an independent client accepts as one."""

import base64

import pytest

from agent.camera import bambu as camera_module
from agent.camera.base import CameraError
from agent.camera.stream import StreamCamera
from agent.printers import bambu
from agent.printers.bambu import Settings, create
from agent.printers.base import PrinterError
from tests.agent.camera.pictures import noise
from tests.counterparts.bambu_rig import CODE, FULL, SERIAL, Bambu
from tests.support.clients import told_by
from tests.support.printers import phase, reached, told
from tests.support.waiting import until

pytestmark = [pytest.mark.counterpart, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def running_rig(tmp_path_factory):
    rig = Bambu(tmp_path_factory.mktemp("bambu"))
    rig.pictures = [noise(seed) for seed in range(5)]
    rig.start()
    yield rig
    rig.stop()


@pytest.fixture
def rig(running_rig, monkeypatch, tmp_path):
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path))
    running_rig.locked = running_rig.deaf = False
    running_rig.commands.clear()
    running_rig.change(**FULL)
    return running_rig


def driver(rig, **changes):
    return create(
        Settings(**{"host": "127.0.0.1", "serial": SERIAL, "code": CODE, "port": rig.port, **changes})
    )


@pytest.fixture
def printer(rig):
    printer = driver(rig)
    printer.start()
    reached(printer, "printing")
    yield printer
    printer.stop()


def test_an_independent_client_takes_it_for_a_printer(rig):
    ports = (str(rig.port), str(rig.camera_port))
    seen = told_by("bambulabs-api==2.6.6", "bambu_client.py", *ports, CODE, SERIAL)
    assert seen["states"] == ["PAUSE", "RUNNING", "FAILED"]
    assert (seen["percent"], seen["layer"]) == (41, 12)
    assert base64.b64decode(seen["picture"]) in rig.pictures


def test_a_print_is_followed_paused_resumed_and_cancelled(rig, printer):
    now = printer.snapshot()
    assert (now.file, now.progress, now.layer, now.layers) == ("benchy", 0.41, 12, 240)
    assert now.remaining_s == 73 * 60
    assert now.temperatures == {"hotend": (219.8, 220.0), "bed": (55.0, 55.0)}
    assert now.can == ("pause", "cancel")
    printer.pause(now.job, "test")
    paused = reached(printer, "paused")
    assert (paused.job, paused.layer, paused.can) == (now.job, 12, ("resume", "cancel"))
    printer.resume(now.job)
    assert reached(printer, "printing").job == now.job
    printer.cancel(now.job, "test")
    assert reached(printer, "cancelled").job == ""
    assert [each["command"] for each in rig.commands] == ["pause", "resume", "stop"]


def test_a_stale_pause_does_not_hit_the_next_print_of_the_same_file(rig, printer):
    first = printer.snapshot().job
    rig.change(gcode_state="FINISH")
    reached(printer, "finished")
    rig.change(gcode_state="RUNNING", task_id="79", mc_percent=0, layer_num=0)
    second = reached(printer, "printing").job
    assert second != first
    with pytest.raises(PrinterError, match="that job is over"):
        printer.pause(first, "stale")
    assert rig.commands == []


def test_developer_mode_off_is_known_before_a_pause_is_needed(rig, printer):
    rig.change(fun="E18001FF")
    until(lambda: "developer mode" in printer.snapshot().control)
    now = printer.snapshot()
    assert (now.phase, now.can) == ("printing", ())
    with pytest.raises(PrinterError, match="developer mode"):
        printer.pause(now.job, "test")
    assert rig.commands == []


def test_a_refusal_is_told_and_remembered(rig, printer):
    rig.locked = True
    with pytest.raises(PrinterError, match="developer mode"):
        printer.pause(printer.snapshot().job, "test")
    assert printer.snapshot().can == ()


def test_an_order_without_effect_is_not_called_a_pause(rig, printer, monkeypatch):
    rig.deaf = True
    monkeypatch.setattr(bambu, "_REPLY_S", 0.3)
    printer.pause(printer.snapshot().job, "test")
    assert phase(printer) == "printing"


def test_heaters_after_a_pause(rig, printer):
    job = printer.snapshot().job
    printer.pause(job, "test")
    reached(printer, "paused")
    with pytest.raises(PrinterError, match="cannot do lift_mm: the printer parks by itself"):
        printer.after_pause({"lift_mm": 5, "hotend_off_s": 0})
    printer.after_pause({"hotend_off_s": 0})
    assert printer.snapshot().temperatures["hotend"] == (0.0, 0.0)
    assert printer.snapshot().temperatures["bed"][1] == 55
    with pytest.raises(PrinterError, match="heating again"):
        printer.resume(job)
    printer.resume(job)
    assert reached(printer, "printing").temperatures["hotend"][1] == 220


def test_a_wrong_code(rig):
    printer = driver(rig, code="00000000")
    printer.start()
    until(lambda: "access code" in told(printer).control)
    printer.stop()


def test_the_certificate_is_pinned_on_first_use(rig, printer, tmp_path):
    """Also after the agent was started again; and a device with another serial number is refused at once."""
    assert len((tmp_path / f"bambu-{SERIAL}.sha256").read_text().strip()) == 64
    stranger = driver(rig, serial="01S00C000000002")
    stranger.start()
    until(lambda: "does not carry the serial number" in told(stranger).control)
    stranger.stop()
    rig.stop()
    rig.new_certificate(SERIAL)
    rig.start()
    again = driver(rig)
    again.start()
    until(lambda: "is not the one known" in told(again).control)
    (tmp_path / f"bambu-{SERIAL}.sha256").unlink()
    until(lambda: phase(again) == "printing", 60)
    again.stop()


def test_off_and_back_in_the_middle_of_a_print(rig, printer):
    job = printer.snapshot().job
    rig.stop()
    until(lambda: phase(printer) == "unreachable")
    rig.start()
    assert reached(printer, "printing").job == job


def test_cameras_are_offered_as_the_printer_has_them(rig, printer):
    (chamber,) = printer.cameras()
    assert chamber.settings["kind"] == "bambu"
    assert camera_module.Settings(**chamber.settings["options"]).host == "127.0.0.1"
    rig.change(ipcam={"rtsp_url": "rtsps://192.0.2.9/streaming/live/1"})
    until(lambda: printer.cameras()[0].settings["kind"] == "rtsp")
    assert printer.cameras()[0].settings["options"]["url"] == "rtsps://127.0.0.1:322/streaming/live/1"


def camera(rig, **changes):
    settings = camera_module.Settings(
        **{"host": "127.0.0.1", "serial": SERIAL, "code": CODE, "port": rig.camera_port, **changes}
    )
    return StreamCamera(lambda: camera_module.BambuStream(settings), timeout_s=10, wait=lambda failures: 0.1)


def fault(source):
    try:
        source.grab()
    except CameraError as error:
        return str(error)
    return ""


def test_chamber_camera_dies_and_returns(rig):
    source = camera(rig)
    source.start()
    assert source.grab() in rig.pictures
    assert source.grab() != source.grab()
    rig.stop()
    until(lambda: fault(source))
    rig.start()
    until(lambda: not fault(source), 60)
    source.stop()


def test_chamber_camera_with_a_wrong_code(rig):
    source = camera(rig, code="0")
    source.start()
    until(lambda: "is the code right" in fault(source))
    source.stop()
