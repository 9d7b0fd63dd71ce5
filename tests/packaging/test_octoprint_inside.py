"""What the plugin makes of OctoPrint's printer object, with the agent's own driver on top of it."""

import importlib.util
from pathlib import Path

import pytest

from agent.printers.base import PrinterError
from agent.printers.octoprint import OctoPrint

SOURCE = Path(__file__).parents[2] / "packaging/octoprint/octoprint_printwarden/inside.py"
FLAGS = {"printing": {"printing", "operational"}, "paused": {"paused", "operational"}, "off": set()}


class Printer:
    """OctoPrint's printer object, as far as it is used."""

    def __init__(self) -> None:
        self.state, self.done = "printing", []
        self.temperatures = {name: {"actual": 60.0, "target": 60.0} for name in ("tool0", "bed")}

    def get_current_data(self):
        flags = dict.fromkeys(FLAGS[self.state], True)
        file = {"name": "a.gcode", "path": "a.gcode", "origin": "local", "date": 1, "size": 100}
        progress = {"completion": 10.0, "filepos": 10, "printTime": 5, "printTimeLeft": 50}
        return {"job": {"file": file}, "progress": progress, "state": {"text": self.state, "flags": flags}}

    def get_current_temperatures(self):
        return self.temperatures

    def is_operational(self):
        return self.state != "off"

    def is_printing(self):
        return self.state == "printing"

    def is_paused(self):
        return self.state == "paused"

    def set_temperature(self, heater, value, tags):
        self.temperatures[heater]["target"] = value

    def _order(self, name, tags):
        self.done.append((name, "plugin:printwarden" in tags))

    def pause_print(self, tags):
        self._order("pause", tags)

    def resume_print(self, tags):
        self._order("resume", tags)

    def cancel_print(self, tags):
        self._order("cancel", tags)

    def commands(self, commands, tags):
        self.done.append(commands)


@pytest.fixture
def printer():
    return Printer()


@pytest.fixture
def driver(printer):
    spec = importlib.util.spec_from_file_location("inside", SOURCE)
    inside = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(inside)
    webcam = {
        "name": "classic",
        "compat": {"snapshot": "/webcam/?action=snapshot", "stream": ""},
        "flipV": True,
    }
    return OctoPrint(inside.Inside(printer, lambda: [webcam]))


def test_every_order_reaches_the_printer_and_names_the_plugin(printer, driver):
    job = driver.snapshot().job
    driver.pause(job, "test")
    printer.state = "paused"
    driver.resume(job)
    driver.cancel(job, "test")
    assert printer.done == [("pause", True), ("resume", True), ("cancel", True)]


def test_heaters_and_the_display(printer, driver):
    printer.state = "paused"
    driver.after_pause({"hotend_off_s": 0, "bed_off_s": 0})
    assert [each["target"] for each in printer.temperatures.values()] == [0, 0]
    driver.show("watched")
    assert printer.done == [["M117 watched"]]


def test_webcams_of_the_same_machine(driver):
    (camera,) = driver.cameras()
    options = {"url": "http://127.0.0.1/webcam/?action=snapshot", "flip_v": True}
    assert camera.settings == {"kind": "snapshot", "options": options}


def test_what_is_refused_is_told_as_over_the_network(printer, driver):
    job = driver.snapshot().job
    printer.state = "off"
    with pytest.raises(PrinterError, match="not connected to the printer"):
        driver.snapshot()
    with pytest.raises(PrinterError, match="cannot pause in its present state"):
        driver._give("pause", job)
