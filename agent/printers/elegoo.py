"""Elegoo and other printers that speak SDCP 3: JSON over a websocket in the LAN, without any login."""

from __future__ import annotations

import json
import secrets
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from agent.clock import ticks
from agent.printers.base import ORDERS, CameraOffer, PrinterError, Snapshot
from agent.printers.driver import HEATERS, Driver
from agent.printers.rest import number, table, text, whole
from agent.websocket import WebSocket, WebSocketError

PORT, DISCOVERY_PORT, CAMERA_PORT = 3030, 3000, 3031
_ASK_STATUS, _HEAT = 0, 403
_COMMANDS = {"pause": 129, "cancel": 130, "resume": 131}
_REFUSALS = {"1": "it is busy or not able to do that now"}
#: What a print is doing; a printer on its way to a pause or out of it still moves.
_PHASES = {
    0: "idle",
    2: "printing",  # the plate goes down
    3: "printing",  # a layer is exposed
    4: "printing",  # the plate goes up
    5: "printing",  # on the way to a pause
    6: "paused",
    7: "printing",  # on the way to the end
    8: "cancelled",
    9: "finished",
    12: "printing",  # on the way out of a pause
    13: "printing",
    14: "error",
}
_STOPPING = 7
#: Homing, checks, levelling, heating: they belong to a print only while the machine says that it prints.
_PREPARING = frozenset([1, 10, 11, *range(15, 23)])
_MACHINE_PRINTS = 1
_SETTINGS = {"hotend": "TempTargetNozzle", "bed": "TempTargetHotbed"}
_READINGS = (("hotend", "TempOfNozzle"), ("bed", "TempOfHotbed"), ("chamber", "TempOfBox"))

#: Finds in a message what was asked for; the other argument is the number of the question.
_Wanted = Callable[[dict[str, Any], str], dict[str, Any]]


@dataclass(frozen=True)
class Settings:
    """`host` is the printer's address."""

    host: str
    timeout_s: float = 10.0

    def __post_init__(self) -> None:
        if not self.host or set(self.host) & set("/@ \r\n"):
            raise ValueError(f"host: {self.host!r} is no name or address")


class Elegoo(Driver):
    """One printer. The connection is kept, and every snapshot asks for the status anew."""

    name = "Elegoo"
    after = frozenset(HEATERS)
    instead = "the printer parks by itself"

    def __init__(self, settings: Settings, clock: Callable[[], float] = ticks) -> None:
        super().__init__(clock)
        self._settings = settings
        self._connection = WebSocket(settings.host, PORT, "/websocket")
        self._lock = threading.Lock()
        self._board = ""

    def start(self) -> None:
        """Nothing to open: the first snapshot connects."""

    def stop(self) -> None:
        """Close the connection."""
        with self._lock:
            self._connection.close()

    def snapshot(self) -> Snapshot:
        """What the printer does now; raises PrinterError when it cannot be asked."""
        with self._lock:
            return self._told(self._status())

    def cameras(self) -> tuple[CameraOffer, ...]:
        """The chamber camera of printers with a nozzle; those for resin send RTSP, if they have one."""
        with self._lock:
            filament = "TempOfNozzle" in self._status()
        if not filament:
            return ()
        url = f"http://{self._settings.host}:{CAMERA_PORT}/video"
        return (CameraOffer("chamber", {"kind": "mjpeg", "options": {"url": url}}),)

    def _give(self, order: str, job: str) -> None:
        self._command(_COMMANDS[order], {}, order)

    def _set_heater(self, heater: str, target: float) -> None:
        self._command(_HEAT, {_SETTINGS[heater]: target}, f"heat the {heater}")

    def _command(self, command: int, data: dict[str, Any], what: str) -> None:
        with self._lock:
            answer = self._exchange(command, data, _answer_to)
        refused = text(table(answer, "Data").get("Ack"))
        if refused != "0":
            raise PrinterError(f"Elegoo cannot {what}: {_REFUSALS.get(refused, f'it answers {refused}')}")

    def _told(self, status: dict[str, Any]) -> Snapshot:
        job, phase = table(status, "PrintInfo"), _phase(status)
        layer, layers = whole(job.get("CurrentLayer")), whole(job.get("TotalLayer"))
        printed, left = _times(job, 1.0 if "TempOfNozzle" in status else 0.001)
        if phase in ORDERS:
            name = text(job.get("TaskId"), 64)
            self._follow((text(job.get("Filename")),), float(layer or 0), printed, name=name)
        else:
            self._run.over()
        percent = number(job.get("Progress"), 0, 100)
        if percent is None and layer is not None and layers:
            percent = min(100.0, 100 * layer / layers)
        fault = whole(job.get("ErrorNumber")) or 0
        return Snapshot(
            phase=phase,
            job=self._run.job,
            file=text(job.get("Filename")).rpartition("/")[2],
            progress=None if percent is None else percent / 100,
            remaining_s=left if phase in ORDERS else None,
            layer=layer,
            layers=layers or None,
            temperatures=_temperatures(status),
            can=() if whole(job.get("Status")) == _STOPPING else ORDERS.get(phase, ()),
            message=f"error {fault}" if fault else "",
        )

    # The connection, under the lock

    def _status(self) -> dict[str, Any]:
        return self._exchange(_ASK_STATUS, {}, lambda message, _: table(message, "Status"))

    def _exchange(self, command: int, data: dict[str, Any], wanted: _Wanted) -> dict[str, Any]:
        """Send a command and return what `wanted` finds in one of the messages that come then."""
        until = time.monotonic() + self._settings.timeout_s
        request = secrets.token_hex(16)
        try:
            if not self._connection.is_open:
                self._connection.open(until)
                self._board = self._board or _board_of(self._settings.host)
            while self._connection.pending():  # what was pushed since the last question is old
                self._receive(until)
            self._connection.send(self._request(command, data, request))
            while True:
                found = wanted(self._receive(until), request)
                if found:
                    return found
        except WebSocketError as error:
            raise PrinterError(f"Elegoo: {self._settings.host}: {error}") from error

    def _receive(self, until: float) -> dict[str, Any]:
        message = _parsed(self._connection.receive(until))
        self._board = text(message.get("MainboardID"), 64) or self._board
        return message

    def _request(self, command: int, data: dict[str, Any], request: str) -> str:
        inner = {
            "Cmd": command,
            "Data": data,
            "RequestID": request,
            "MainboardID": self._board,
            "TimeStamp": int(time.time()),
            "From": 1,
        }
        return json.dumps({"Id": "", "Data": inner, "Topic": f"sdcp/request/{self._board}"})


def create(settings: Settings) -> Elegoo:
    """The driver of these settings."""
    return Elegoo(settings)


def _answer_to(message: dict[str, Any], request: str) -> dict[str, Any]:
    answer = table(message, "Data")
    return answer if answer.get("RequestID") == request else {}


def _parsed(message: str | bytes) -> dict[str, Any]:
    """The JSON object in a message, {} for what is none, like the answer to a heartbeat."""
    try:
        return table(json.loads(message))
    except (ValueError, RecursionError):
        return {}


def _board_of(host: str) -> str:
    """The number of the printer's board, which every command carries; "" when it does not answer."""
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
            asking.settimeout(1.0)
            asking.sendto(b"M99999", (host, DISCOVERY_PORT))
            return text(table(_parsed(asking.recv(4096)), "Data").get("MainboardID"), 64)
    except OSError:
        return ""


def _phase(status: dict[str, Any]) -> str:
    code, machine = whole(table(status, "PrintInfo").get("Status")), status.get("CurrentStatus")
    if code in _PREPARING:
        prints = machine == _MACHINE_PRINTS or (isinstance(machine, list) and _MACHINE_PRINTS in machine)
        return "printing" if prints else "idle"
    return _PHASES.get(0 if code is None else code, "unknown")


def _times(job: dict[str, Any], second: float) -> tuple[float, float | None]:
    """Seconds printed and left; printers for resin count milliseconds."""
    printed, total = number(job.get("CurrentTicks"), 0) or 0.0, number(job.get("TotalTicks"), 0, 1e8)
    return printed * second, max(0.0, total - printed) * second if total else None


def _temperatures(status: dict[str, Any]) -> dict[str, tuple[float, float]]:
    found = {}
    for name, key in _READINGS:
        actual = number(status.get(key), -300, 3000)
        if actual is not None:
            found[name] = (actual, number(status.get(key.replace("Of", "Target")), 0, 3000) or 0.0)
    return found
