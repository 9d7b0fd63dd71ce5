"""Bambu Lab printers in LAN mode: MQTT over TLS to the printer itself."""

from __future__ import annotations

import json
import random
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from agent.camera.bambu import USER, pin
from agent.clock import ticks
from agent.printers.bambu_report import KEPT, signature_wanted, snapshot_of
from agent.printers.base import CameraOffer, NotYet, PrinterError, Snapshot
from agent.printers.driver import HEATERS, Driver
from agent.printers.rest import number, table, text

_REPLY_S = 5.0
_ASK_AFTER_S = 30.0
_EARLY = ("not connected yet", "connected, but no report has come yet")
_LOST_AFTER_S = 75.0
_LARGEST = 512 * 1024
_COMMANDS = {"pause": "pause", "resume": "resume", "cancel": "stop"}
_CODES = {"hotend": "M104", "bed": "M140"}
_LOCKED = "this firmware obeys its maker's programs only: switch on LAN-only mode and developer mode"


@dataclass(frozen=True)
class Settings:
    """`code` is the access code of LAN mode; `fingerprint` is learned on first use when empty."""

    host: str
    serial: str
    code: str
    fingerprint: str = ""
    port: int = 8883

    def __post_init__(self) -> None:
        if not (self.host and self.serial and self.code):
            raise ValueError("host, serial and code must not be empty")
        if set("/+#") & set(self.serial):
            raise ValueError("serial must not contain / + #")


class Bambu(Driver):
    """One printer. Reports come by themselves, most of them with the changes only."""

    name = "Bambu"
    after = frozenset(HEATERS)
    instead = "the printer parks by itself"

    def __init__(self, settings: Settings, clock: Callable[[], float] = ticks) -> None:
        super().__init__(clock)
        self._settings = settings
        self._changed = threading.Condition()
        self._report: dict[str, Any] = {}
        self._replies: dict[str, dict[str, Any]] = {}
        self._heard = self._asked = float("-inf")
        self._number = 0
        self._trouble = _EARLY[0]
        self._locked = ""
        self._client: mqtt.Client | None = None

    def start(self) -> None:
        """Connect in the background and keep trying."""
        client = mqtt.Client(CallbackAPIVersion.VERSION2, f"printwarden-{secrets.token_hex(4)}")
        client.username_pw_set(USER, self._settings.code)
        known = pin(self._settings.serial, self._settings.fingerprint)
        client.tls_set_context(known.context())
        client.reconnect_delay_set(1 + round(random.random() * 2), 60)
        client.on_connect, client.on_disconnect = self._connected, self._disconnected
        client.on_message = self._received
        client.on_connect_fail = lambda *_: self._down(known.trouble or "the printer cannot be reached")
        client.connect_async(self._settings.host, self._settings.port, keepalive=30)
        client.loop_start()
        self._client = client

    def stop(self) -> None:
        """Disconnect."""
        client, self._client = self._client, None
        if client is not None:
            client.disconnect()
            client.loop_stop()

    def snapshot(self) -> Snapshot:
        """The newest merged report; raises PrinterError when there has been none for a while."""
        now = self._clock()
        with self._changed:
            quiet = now - self._heard
            if self._trouble or quiet > _LOST_AFTER_S:
                kind = NotYet if self._trouble in _EARLY else PrinterError
                raise kind(f"Bambu: {self._trouble or f'no report for {quiet:.0f} s'}")
            if quiet > _ASK_AFTER_S and now - self._asked > _ASK_AFTER_S:
                self._ask_for_all()
            return snapshot_of(self._report, self._run, self._control(), now, self._heaters.forget)

    def cameras(self) -> tuple[CameraOffer, ...]:
        """RTSPS where the printer has it switched on, else the chamber camera's own protocol."""
        with self._changed:
            rtsp = text(table(self._report, "ipcam").get("rtsp_url"))
        mine = self._settings
        if rtsp.startswith("rtsps://"):
            url = f"rtsps://{mine.host}:322/streaming/live/1"  # the host that the printer tells is not always right
            return (
                CameraOffer(
                    "chamber", {"kind": "rtsp", "options": {"url": url, "user": USER, "password": mine.code}}
                ),
            )
        options = {
            "host": mine.host,
            "serial": mine.serial,
            "code": mine.code,
            "fingerprint": mine.fingerprint,
        }
        return (CameraOffer("chamber", {"kind": "bambu", "options": options}),)

    def _give(self, order: str, job: str) -> None:
        self._command({"command": _COMMANDS[order], "param": ""})

    def _set_heater(self, heater: str, target: float) -> None:
        self._command({"command": "gcode_line", "param": f"{_CODES[heater]} S{target:.0f}\n"})

    def _command(self, command: dict[str, str]) -> None:
        """Send and wait a moment for a refusal; what the printer really does is seen in its reports."""
        with self._changed:
            self._number += 1
            number_ = f"{secrets.token_hex(3)}{self._number}"
            self._replies.clear()
            self._publish({"print": {"sequence_id": number_, **command}})
            self._changed.wait_for(lambda: number_ in self._replies, _REPLY_S)
            reply = self._replies.get(number_, {})
        if text(reply.get("result")).lower() in ("fail", "failed"):
            if number(reply.get("err_code")) == 84033543:
                self._locked = _LOCKED
                raise PrinterError(_LOCKED)
            raise PrinterError(f"Bambu refuses: {text(reply.get('reason')) or 'no reason told'}")

    def _control(self) -> str:
        return _LOCKED if signature_wanted(self._report.get("fun")) else self._locked

    def _ask_for_all(self) -> None:
        self._asked = self._clock()
        self._publish({"pushing": {"sequence_id": "0", "command": "pushall"}})

    def _publish(self, message: dict[str, Any]) -> None:
        if self._client is None or not self._client.is_connected():
            raise PrinterError("Bambu: not connected")
        self._client.publish(f"device/{self._settings.serial}/request", json.dumps(message))

    # On the connection's thread

    def _connected(self, client: mqtt.Client, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if reason.is_failure:
            self._down(f"the printer refuses the login ({reason}): is the access code right?")
            return
        client.subscribe(f"device/{self._settings.serial}/report")
        with self._changed:
            self._report, self._trouble = {}, _EARLY[1]
            self._ask_for_all()

    def _disconnected(
        self, _client: mqtt.Client, _data: Any, _flags: Any, reason: Any, _properties: Any
    ) -> None:
        if reason.is_failure and not self._trouble.startswith("the printer refuses"):
            self._down(f"the connection was lost ({reason})")

    def _down(self, why: str) -> None:
        with self._changed:
            self._trouble = why

    def _received(self, _client: mqtt.Client, _data: Any, message: mqtt.MQTTMessage) -> None:
        try:
            report = json.loads(message.payload) if len(message.payload) <= _LARGEST else {}
        except (ValueError, RecursionError):
            return
        told = table(report, "print")
        with self._changed:
            if "result" in told and "sequence_id" in told:
                self._replies[text(told["sequence_id"])] = told
            for name in KEPT & set(told):
                value = told[name]
                self._report[name] = (
                    {**table(self._report, name), **value} if isinstance(value, dict) else value
                )
            if "gcode_state" in self._report:
                self._heard, self._trouble = self._clock(), ""
            self._changed.notify_all()


def create(settings: Settings) -> Bambu:
    """The driver of these settings."""
    return Bambu(settings)
