"""What the Moonraker driver makes of answers, also of wrong ones."""

import json

import pytest
from hypothesis import given

from agent.http_client import HttpError, Reply
from agent.printers.base import PrinterError
from agent.printers.moonraker import Moonraker, Settings
from tests.support.printers import JSON, Canned, sendable


class Fake:
    """Stands in for the HTTP client: answers each call of a batch and keeps what was asked."""

    def __init__(self):
        self.stats = {
            "state": "printing",
            "filename": "a.gcode",
            "total_duration": 60.0,
            "print_duration": 50.0,
        }
        self.status = {
            "webhooks": {"state": "ready"},
            "print_stats": self.stats,
            "virtual_sdcard": {"progress": 0.25, "file_position": 1000},
            "extruder": {"temperature": 209.7, "target": 210.0},
            "heater_bed": {"temperature": 59.9, "target": 60.0},
            "toolhead": {"position": [1, 2, 3, 4]},
        }
        self.jobs = [{"job_id": "0000A1", "status": "in_progress", "filename": "a.gcode"}]
        self.calls, self.error, self.effect = [], {}, {}

    def post(self, path, data, *, timeout_s=0, repeatable=False):
        answers = []
        for call in data:
            self.calls.append((call["method"], timeout_s, repeatable))
            if call["method"] in self.error:
                trouble = self.error[call["method"]]
                if trouble is HttpError:
                    raise HttpError("does not answer in time")
                answers.append({"id": call["id"], "error": {"code": 400, "message": trouble}})
                continue
            self.stats.update(self.effect.get(call["method"], {}))
            result = (
                {"status": self.status} if call["method"] == "printer.objects.query" else {"jobs": self.jobs}
            )
            answers.append({"id": call["id"], "result": result})
        return Reply(200, json.dumps(answers[::-1]).encode())


@pytest.fixture(name="moonraker")
def moonraker_fixture():
    driver = Moonraker(Settings("http://printer:7125", "key"), clock=lambda: 0.0)
    driver._rest._client = Fake()
    return driver._rest._client, driver


def test_snapshot(moonraker):
    fake, driver = moonraker
    fake.stats["info"] = {"current_layer": 3, "total_layer": 90}
    now = driver.snapshot()
    assert (now.phase, now.job, now.file) == ("printing", "0000A1", "a.gcode")
    assert (now.progress, now.remaining_s, now.layer, now.layers) == (0.25, 180.0, 3, 90)
    assert now.temperatures == {"hotend": (209.7, 210.0), "bed": (59.9, 60.0)}


@pytest.mark.parametrize(
    ("state", "phase"),
    [
        ("standby", "idle"),
        ("paused", "paused"),
        ("complete", "finished"),
        ("cancelled", "cancelled"),
        ("error", "error"),
        ("dancing", "unknown"),
        (None, "unknown"),
    ],
)
def test_phases(moonraker, state, phase):
    fake, driver = moonraker
    fake.stats["state"] = state
    assert driver.snapshot().phase == phase


def test_klipper_down(moonraker):
    fake, driver = moonraker
    fake.status["webhooks"] = {"state": "shutdown", "state_message": "MCU shutdown"}
    assert (driver.snapshot().phase, driver.snapshot().message) == ("error", "MCU shutdown")
    fake.status["webhooks"] = {"state": "startup"}
    with pytest.raises(PrinterError, match="Klipper is startup"):
        driver.snapshot()
    fake.error["printer.objects.query"] = "Klippy Host not connected"
    with pytest.raises(PrinterError, match="not connected"):
        driver.snapshot()


def test_without_a_history_prints_are_still_told_apart(moonraker):
    fake, driver = moonraker
    fake.error["server.history.list"] = "Method not found"
    first = driver.snapshot().job
    fake.stats["total_duration"] = 61.0
    assert driver.snapshot().job == first
    fake.stats["total_duration"] = 2.0
    assert driver.snapshot().job not in ("", first)


def test_a_late_reply_does_not_make_a_pause_that_worked_a_failure(moonraker):
    fake, driver = moonraker
    fake.error["printer.print.pause"] = HttpError
    with pytest.raises(PrinterError, match="in time"):
        driver.pause("0000A1", "")
    plain = fake.post

    def post(path, data, **options):
        if data[0]["method"] == "printer.print.pause":
            fake.stats["state"] = "paused"
        return plain(path, data, **options)

    fake.post = post
    fake.stats["state"] = "printing"
    driver.pause("0000A1", "")
    assert ("printer.print.pause", 60.0, False) in fake.calls


def test_a_print_that_changes_under_the_order_is_told(moonraker):
    fake, driver = moonraker
    fake.effect["printer.print.pause"] = {"filename": "b.gcode", "total_duration": 1.0}
    with pytest.raises(PrinterError, match="another print began"):
        driver.pause("0000A1", "")


def test_a_refused_move_leaves_the_modes_as_they_were(moonraker):
    fake, driver = moonraker
    fake.stats["state"] = "paused"
    scripts = []
    plain = fake.post

    def post(path, data, **options):
        script = data[0].get("params", {}).get("script", "")
        if script:
            scripts.append(script)
        fake.error = {"printer.gcode.script": "too cold"} if "G1 E" in script else {}
        return plain(path, data, **options)

    fake.post = post
    with pytest.raises(PrinterError, match="too cold"):
        driver.after_pause({"retract_mm": 3})
    assert scripts[0].startswith("SAVE_GCODE_STATE")
    assert scripts[-1].startswith("RESTORE_GCODE_STATE")
    with pytest.raises(PrinterError, match="and did not"):
        driver.after_pause({"lift_mm": 3})


@given(first=JSON, second=JSON)
def test_answers_of_any_shape_end_in_a_snapshot_or_the_one_error(first, second):
    driver = Moonraker(Settings("http://printer"), clock=lambda: 0.0)
    status = {
        "webhooks": {"state": "ready"},
        "print_stats": first,
        "virtual_sdcard": second,
        "toolhead": first,
    }
    for reply in (
        first,
        [{"id": 0, "result": first}, {"id": 1, "result": second}],
        [{"id": 0, "result": {"status": status}}, {"id": 1, "result": {"jobs": [second]}}],
        [{"id": 0, "result": {"status": {**status, "extruder": second}}}, {"id": 1, "error": second}],
        [{"id": 0, "result": {"webcams": [first, {"stream_url": second, "rotation": first}]}}],
    ):
        driver._rest._client = Canned({"server/jsonrpc": reply})
        for ask in (driver.snapshot, driver.cameras):
            try:
                got = ask()
            except PrinterError:
                continue
            if ask == driver.snapshot:
                sendable(got)
