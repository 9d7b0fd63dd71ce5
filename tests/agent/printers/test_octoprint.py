"""What the OctoPrint driver makes of OctoPrint's answers, also of wrong ones."""

import json
import threading

import pytest
from hypothesis import given

from agent.printers.base import PrinterError
from agent.printers.octoprint import OctoPrint, Settings
from agent.printers.rest import Rest
from agent.settings import SettingsError, build
from tests.support.printers import JSON, Canned, sendable
from tests.support.web import serve

FLAGS = [
    "cancelling",
    "closedOrError",
    "error",
    "finishing",
    "operational",
    "paused",
    "pausing",
    "printing",
    "ready",
    "resuming",
    "sdReady",
]
FILE = {
    "date": 1795466443,
    "display": "a.gcode",
    "name": "a.gcode",
    "origin": "local",
    "path": "a.gcode",
    "size": 433,
}


class Fake:
    """OctoPrint's answers, to be changed by the test; keeps the orders it got."""

    def __init__(self):
        self.flags, self.text, self.file = {"operational"}, "Operational", dict(FILE)
        self.progress = {"completion": 10.0, "filepos": 43, "printTime": 5, "printTimeLeft": 50}
        self.temperature = {"bed": {"actual": 39.9, "offset": 0, "target": 40.0}, "tool0": {"actual": None}}
        self.permissions, self.orders, self.status, self.raw = ["PRINT"], [], {}, {}

    def __call__(self, request):
        path = request.path.partition("?")[0]
        if path in self.raw:
            return request.reply(200, self.raw[path])
        if path in self.status:
            return request.reply(self.status[path])
        if request.command == "POST":
            self.orders.append((path, json.loads(request.body())))
            return request.reply(204)
        return request.reply(200, self.answers()[path])

    def answers(self):
        flags = {each: each in self.flags for each in FLAGS}
        return {
            "/sub/api/job": {"job": {"file": self.file}, "progress": self.progress, "state": self.text},
            "/sub/api/printer": {
                "state": {"text": self.text, "error": "", "flags": flags},
                "temperature": self.temperature,
            },
            "/sub/api/currentuser": {"permissions": self.permissions},
            "/sub/api/settings": {},
        }


@pytest.fixture(name="octoprint")
def octoprint_fixture():
    fake = Fake()
    with serve(fake) as url:
        fake.now = 0.0
        driver = OctoPrint(Rest("OctoPrint", f"{url}/sub/"), clock=lambda: fake.now)
        yield fake, driver
        driver.stop()


@pytest.mark.parametrize(
    ("flags", "phase", "can"),
    [
        ({"operational", "printing"}, "printing", ("pause", "cancel")),
        ({"operational", "printing", "pausing"}, "printing", ("pause", "cancel")),
        ({"operational", "paused"}, "paused", ("resume", "cancel")),
        ({"operational", "paused", "resuming"}, "paused", ("resume", "cancel")),
        ({"operational", "printing", "cancelling"}, "printing", ()),
        ({"operational", "printing", "finishing"}, "printing", ()),
        ({"error", "closedOrError"}, "error", ()),
        ({"operational", "ready"}, "idle", ()),
        (set(), "unknown", ()),
    ],
)
def test_phases(octoprint, flags, phase, can):
    fake, driver = octoprint
    fake.flags = flags
    now = driver.snapshot()
    assert (now.phase, now.can) == (phase, can)
    assert bool(now.job) == (phase in ("printing", "paused"))
    assert now.temperatures == {"bed": (39.9, 40.0)}


def test_progress_and_end(octoprint):
    fake, driver = octoprint
    fake.flags = {"printing"}
    now = driver.snapshot()
    assert (now.file, now.progress, now.remaining_s) == ("a.gcode", 0.1, 50)
    fake.flags, fake.progress = {"operational"}, {"completion": 100.0}
    assert driver.snapshot().phase == "finished"
    fake.flags, fake.progress = {"printing"}, {"completion": 1.0}
    driver.snapshot()
    fake.flags, fake.progress = {"operational"}, {"completion": None}
    assert driver.snapshot().phase == "cancelled"
    fake.file = {"name": None}
    assert driver.snapshot().phase == "idle"


def test_a_print_that_is_being_cancelled_is_still_the_same(octoprint):
    """OctoPrint's counters begin anew before the printer has stopped."""
    fake, driver = octoprint
    fake.flags = {"operational", "printing"}
    job = driver.snapshot().job
    fake.flags, fake.progress = (
        {"operational", "cancelling"},
        {"completion": 0.0, "filepos": 0, "printTime": None},
    )
    now = driver.snapshot()
    assert (now.phase, now.job) == ("printing", job)
    fake.flags = {"operational"}
    assert driver.snapshot().phase == "cancelled"


def test_pause_is_sent_with_its_action_and_only_while_printing(octoprint):
    fake, driver = octoprint
    fake.flags = {"printing"}
    job = driver.snapshot().job
    driver.pause(job, "spaghetti")
    assert fake.orders == [("/sub/api/job", {"command": "pause", "action": "pause"})]
    fake.flags = {"paused"}
    driver.pause(job, "spaghetti")
    assert len(fake.orders) == 1
    driver.resume(job)
    assert fake.orders[-1][1] == {"command": "pause", "action": "resume"}
    fake.status = {"/sub/api/job": 409}
    with pytest.raises(PrinterError):
        driver.cancel(job, "")


def test_looks_from_several_threads_see_one_print(octoprint):
    """An answer that is overtaken by a newer one must not look like a print that went back."""
    fake, driver = octoprint
    fake.flags = {"printing"}
    jobs = set()

    def look():
        for _ in range(40):
            fake.progress = {**fake.progress, "filepos": fake.progress["filepos"] + 1}
            jobs.add(driver.snapshot().job)

    threads = [threading.Thread(target=look) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len(jobs) == 1


def test_the_lost_printer(octoprint):
    fake, driver = octoprint
    fake.status = {"/sub/api/printer": 409}
    fake.text = "Offline"
    with pytest.raises(PrinterError, match="not connected to the printer"):
        driver.snapshot()
    fake.text = "Offline after error"
    assert driver.snapshot().phase == "error"


def test_a_key_without_print(octoprint):
    fake, driver = octoprint
    fake.flags, fake.permissions = {"printing"}, ["STATUS"]
    assert driver.snapshot().can == ()
    fake.permissions = ["STATUS", "PRINT"]
    assert driver.snapshot().can == (), "asked again only after a while"
    fake.now = 301.0
    assert driver.snapshot().can == ("pause", "cancel")


@given(job=JSON, printer=JSON, flags=JSON, user=JSON)
def test_answers_of_any_shape_end_in_a_snapshot_or_the_one_error(job, printer, flags, user):
    driver = OctoPrint(Rest("OctoPrint", "http://printer"), clock=lambda: 0.0)
    state = {"state": {"flags": flags, "error": job}, "temperature": printer}
    for shape in (
        job,
        {"job": job, "progress": job},
        {"job": {"file": {"name": job}}, "progress": {"filepos": job}},
    ):
        answers = {"api/job": shape, "api/printer": state, "api/currentuser": user, "api/settings": job}
        driver._rest._client = Canned(answers)
        try:
            sendable(driver.snapshot())
            driver.cameras()
        except PrinterError:
            continue


def test_a_heater_without_a_reading_is_not_called_off(octoprint, monkeypatch):
    fake, driver = octoprint
    monkeypatch.setattr("agent.printers.driver.CONFIRM_S", 0.1)
    fake.flags = {"paused"}
    with pytest.raises(PrinterError, match="no reading of the hotend"):
        driver.after_pause({"hotend_off_s": 0})
    assert fake.orders == []
    with pytest.raises(PrinterError, match="bed was told 0 °C and did not"):
        driver.after_pause({"bed_off_s": 0})


def test_settings():
    for wrong, told in [
        ({"url": "http://x"}, "key is missing"),
        ({"url": "octopi", "key": "k"}, "not an http"),
        ({"url": "http://x", "key": ""}, "key is empty"),
    ]:
        with pytest.raises(SettingsError, match=told):
            build(Settings, wrong, "printer.options")
