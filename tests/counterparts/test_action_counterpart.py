"""The generic driver's messages against a real Mosquitto."""

import threading

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from agent.printers import action
from agent.printers.base import PrinterError
from agent.settings import build
from tests.support import debian
from tests.support.processes import free_port, running
from tests.support.waiting import until

pytestmark = [pytest.mark.counterpart, pytest.mark.timeout(300)]


def made(port, **broker):
    options = {
        "pause": {"topic": "plug/set", "payload": "off", "timeout_s": 3.0},
        "broker": {"host": "127.0.0.1", "port": port, **broker},
    }
    return action.create(build(action.Settings, options, "printer.options"))


def test_a_pause_is_published_and_the_brokers_receipt_awaited(tmp_path):
    debian.require("mosquitto")
    port = free_port()
    (tmp_path / "conf").write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\n")
    with running(["/usr/sbin/mosquitto", "-c", str(tmp_path / "conf")], tmp_path / "log"):
        heard, subscribed = [], threading.Event()
        client = mqtt.Client(CallbackAPIVersion.VERSION2)
        client.on_message = lambda _client, _data, message: heard.append((message.topic, message.payload))
        client.on_subscribe = lambda *_: subscribed.set()

        def connected():
            try:
                return client.connect("127.0.0.1", port) == 0
            except OSError:
                return False

        until(connected)
        client.subscribe("plug/#")
        client.loop_start()
        assert subscribed.wait(20)
        printer = made(port)
        with pytest.raises(PrinterError, match="carried out, but nothing here can confirm"):
            printer.pause(printer.snapshot().job, "test")
        until(lambda: heard == [("plug/set", b"off")])
        client.disconnect()
        client.loop_stop()


def test_a_broker_that_refuses_the_login_is_told(tmp_path):
    debian.require("mosquitto")
    port = free_port()
    (tmp_path / "conf").write_text(f"listener {port} 127.0.0.1\nallow_anonymous false\n")
    with running(["/usr/sbin/mosquitto", "-c", str(tmp_path / "conf")], tmp_path / "log"):
        printer = made(port, user="me", password="wrong")

        def refusal():
            try:
                printer.pause(printer.snapshot().job, "test")
            except PrinterError as error:
                return str(error)
            return ""

        until(lambda: "did not take the message" in refusal())
