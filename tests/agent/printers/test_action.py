"""The generic driver and the printer that is only watched."""

import contextlib
import sys

import pytest

from agent.printers import action, camera_only
from agent.printers.base import PrinterError
from agent.settings import SettingsError, build
from tests.support.web import serve


def made(**options):
    return action.create(build(action.Settings, options, "printer.options"))


class Plug:
    """A smart plug with a page that tells its state."""

    def __init__(self):
        self.power, self.asked = "ON", []

    def __call__(self, request):
        self.asked.append((request.command, request.path, request.body(), request.headers.get("X-Token")))
        if request.path == "/off":
            self.power = "OFF"
        if request.path == "/broken":
            return request.reply(500)
        return request.reply(200, {"POWER": self.power})


STATE = {"paused": '"OFF"', "printing": '"ON"'}


def test_a_url_with_a_look_at_the_state():
    plug = Plug()
    with serve(plug) as url:
        step = {"url": f"{url}/off", "body": "x=1", "headers": {"X-Token": "t"}}
        printer = made(pause=step, state={"step": {"url": f"{url}/state", "method": "GET"}, **STATE})
        now = printer.snapshot()
        assert (now.phase, now.can) == ("printing", ("pause",))
        printer.pause(now.job, "spaghetti")
        assert ("POST", "/off", b"x=1", "t") in plug.asked
        assert (printer.snapshot().phase, printer.snapshot().job) == ("paused", now.job)
        with pytest.raises(PrinterError, match="cannot resume"):
            printer.resume(now.job)
        plug.power = "?"
        assert (printer.snapshot().phase, printer.snapshot().job) == ("unknown", "")
        plug.power = "ON"
        assert printer.snapshot().job != now.job
        with pytest.raises(PrinterError, match="that job is over"):
            printer.pause(now.job, "stale")


def test_without_a_look_nothing_is_called_confirmed(tmp_path):
    done = tmp_path / "done"
    program = f"import os; open({str(done)!r}, 'w').write(os.environ['PRINTWARDEN_REASON'])"
    printer = made(pause={"command": [sys.executable, "-c", program]})
    now = printer.snapshot()
    assert now.phase == "printing"
    with pytest.raises(PrinterError, match="carried out, but nothing here can confirm"):
        printer.pause(now.job, "$(touch /nowhere); `x` \0")
    assert done.read_text() == "$(touch /nowhere); `x` "


@pytest.mark.parametrize(
    ("step", "told"),
    [
        ({"command": ["/there/is/none"]}, "cannot be run"),
        ({"command": [sys.executable, "-c", "raise SystemExit('broken plug')"]}, "broken plug"),
        ({"command": [sys.executable, "-c", "import time; time.sleep(30)"], "timeout_s": 0.3}, "did not end"),
    ],
)
def test_programs_that_fail(step, told):
    printer = made(pause=step)
    with pytest.raises(PrinterError, match=told):
        printer.pause(printer.snapshot().job, "")


def test_urls_and_brokers_that_fail():
    with serve(Plug()) as url:
        printer = made(pause={"url": f"{url}/broken"})
        with pytest.raises(PrinterError, match="HTTP status 500"):
            printer.pause(printer.snapshot().job, "")
    printer = made(pause={"topic": "plug/set", "payload": "off"}, broker={"host": "127.0.0.1", "port": 1})
    with pytest.raises(PrinterError, match="the broker"):
        printer.pause(printer.snapshot().job, "")
    for order in (lambda: printer.after_pause({"lift_mm": 1}), lambda: printer.show("x")):
        with pytest.raises(PrinterError):
            order()
    assert printer.cameras() == ()


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({}, "at least a"),
        ({"pause": {"url": "http://x", "topic": "a"}}, "one of"),
        ({"pause": {"url": "plug"}}, "not an http"),
        ({"pause": {"topic": "a/#"}, "broker": {"host": "x"}}, "wildcards"),
        ({"pause": {"topic": "a"}}, "broker"),
        ({"pause": {"command": "rm -rf /"}}, "must be a list"),
        ({"pause": {"url": "http://x"}, "state": {"step": {"url": "http://x"}}}, "give the patterns"),
        ({"pause": {"url": "http://x"}, "state": {"paused": "("}}, "not a pattern"),
        ({"pause": {"url": "http://x"}, "state": {"step": {"topic": "x"}}}, "cannot be looked at"),
    ],
)
def test_settings(options, told):
    with pytest.raises(SettingsError, match=told):
        made(**options)


def test_camera_only():
    printer = camera_only.create(camera_only.Settings("ender"))
    printer.start()
    now = printer.snapshot()
    assert (now.phase, now.file, now.can) == ("printing", "ender", ())
    assert "camera only" in now.control
    for order in (
        lambda: printer.pause(now.job, ""),
        lambda: printer.resume(now.job),
        lambda: printer.cancel(now.job, ""),
        lambda: printer.after_pause({}),
        lambda: printer.show(""),
    ):
        with pytest.raises(PrinterError, match="camera only"):
            order()
    assert printer.cameras() == ()
    assert camera_only.create(camera_only.Settings()).snapshot().job != now.job
    with contextlib.closing(contextlib.ExitStack()):
        printer.stop()
