"""A real Moonraker and a real klippy (Kalico) on a simulated micro-controller, on loopback.

Both are licensed under the GPL and are used as programs of their own, installed for the test.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import socket
import sys
import tempfile
import urllib.error
import urllib.request
from pathlib import Path

from tests.support import debian
from tests.support.environments import environment
from tests.support.processes import end, free_port, running
from tests.support.waiting import until

MOONRAKER, KALICO = "0.11.0", "2026.10.0.dev0"

MOONRAKER_CONF = """
[server]
host: 127.0.0.1
port: {port}
klippy_uds_address: {folder}/klippy.sock
[machine]
provider: none
validate_service: False
validate_config: False
[authorization]
# one address that nobody has: every caller must bring the key
trusted_clients:
  10.9.9.9
force_logins: False
[webcam bed cam]
location: printer
service: mjpegstreamer-adaptive
stream_url: /webcam/?action=stream
snapshot_url: http://127.0.0.1:8099/snapshot
flip_vertical: True
rotation: 90
[webcam off]
enabled: False
stream_url: /off
snapshot_url: http://127.0.0.1:8099/snapshot
[announcements]
dev_mode: True
[history]
[file_manager]
enable_object_processing: False
enable_inotify_warnings: False
"""

PRINTER_CFG = """
[mcu]
serial: {pty}
[printer]
kinematics: none
max_velocity: 300
max_accel: 3000
[adc_temperature lin]
temperature1: 0
voltage1: 0
temperature2: 500
voltage2: 5
[extruder]
heater_pin: PA16
sensor_type: lin
sensor_pin: PA0
control: pid
pid_kp: 22
pid_ki: 1
pid_kd: 100
min_temp: 0
max_temp: 300
min_extrude_temp: 0
nozzle_diameter: 0.4
filament_diameter: 1.75
max_extrude_only_distance: 100
[heater_bed]
heater_pin: PA17
sensor_type: lin
sensor_pin: PA1
control: watermark
min_temp: 0
max_temp: 130
[virtual_sdcard]
path: {folder}/gcodes
[pause_resume]
[display_status]
"""


class Moonraker:
    """The three programs in one folder; klippy and Moonraker may be stopped and started again."""

    def __init__(self, folder: Path) -> None:
        debian.require("gcc", "libc6-dev")  # klippy compiles its helper at its first start
        name = f"moonraker-{MOONRAKER}-kalico-{KALICO}"
        self.bin = environment(name, f"moonraker=={MOONRAKER}", f"kalico=={KALICO}")
        self.folder, self.port = folder, free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        # klippy opens a terminal as a host micro-controller only under this name in this folder
        self.pty = Path(tempfile.gettempdir(), f"klipper_host_{os.getpid()}_{secrets.token_hex(3)}")
        for each in ("config", "gcodes", "logs"):
            (folder / each).mkdir()
        marks = {"folder": folder, "pty": self.pty, "port": self.port}
        (folder / "config/moonraker.conf").write_text(MOONRAKER_CONF.format(**marks))
        (folder / "config/printer.cfg").write_text(PRINTER_CFG.format(**marks))
        self._stacks = {
            "mcu": contextlib.ExitStack(),
            "klippy": contextlib.ExitStack(),
            "moonraker": contextlib.ExitStack(),
        }
        self._processes = {}
        self.key = ""

    def start(self) -> None:
        """Start all and wait until klippy is ready."""
        self._run("mcu", [sys.executable, str(Path(__file__).with_name("simulated_mcu.py")), str(self.pty)])
        until(self.pty.exists)
        self.start_klippy()
        self.start_moonraker()
        self.ready()

    def start_klippy(self) -> None:
        """Start klippy only."""
        config, folder = str(self.folder / "config/printer.cfg"), self.folder
        sockets = ["-I", str(folder / "klippy.tty"), "-a", str(folder / "klippy.sock")]
        self._run(
            "klippy", [str(self.bin / "kalico"), config, *sockets, "-l", str(folder / "logs/klippy.log")]
        )

    def start_moonraker(self) -> None:
        """Start Moonraker only and learn its API key."""
        self._run("moonraker", [str(self.bin / "moonraker"), "-d", str(self.folder), "-n"])
        until(self._answers, 120, 0.1)
        if not self.key:
            self.key = self._api_key()

    def ready(self) -> None:
        """Wait until klippy is ready; on a machine too busy for its timing it is told to begin anew."""

        def is_ready() -> bool:
            state = self.call("GET", "/server/info")[1].get("result", {}).get("klippy_state")
            if state == "error":
                self.call("POST", "/printer/firmware_restart")
            return state == "ready"

        until(is_ready, 180, 0.2)

    def stop_one(self, name: str) -> None:
        """End one of the programs."""
        end(self._processes[name])
        self._stacks[name].close()

    def stop(self) -> None:
        """End all programs."""
        for name in ("moonraker", "klippy", "mcu"):
            self._stacks[name].close()
        self.pty.unlink(missing_ok=True)

    def call(self, method: str, path: str, data=None, *, raw=None, kind="application/json"):
        """Status and parsed body; 0 when nobody answers."""
        body = raw if raw is not None else (None if data is None else json.dumps(data).encode())
        call = urllib.request.Request(self.url + path, data=body, method=method)
        call.add_header("X-Api-Key", self.key)
        call.add_header("Content-Type", kind)
        try:
            with urllib.request.urlopen(call, timeout=70) as reply:
                return reply.status, json.load(reply)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, {"error": error.read()}
        except OSError as error:
            return 0, {"error": str(error)}

    def query(self) -> dict:
        """The objects that tell what klippy does."""
        return self.call("GET", "/printer/objects/query?print_stats&extruder&heater_bed&toolhead")[1][
            "result"
        ]["status"]

    def state(self) -> str:
        """Klippy's own word for what it does."""
        return self.query()["print_stats"]["state"]

    def print(self, name: str, moves: int = 3000, heat: int = 60) -> None:
        """Upload a file and print it; 1000 moves take about 20 s."""
        lines = [f"M140 S{heat - 20}", f"M104 S{heat}", "G92 E0"]
        lines += [
            f"G1 X{i % 100} Y{i % 50} Z{0.2 + i // 100 * 0.2:.2f} E{i * 0.02:.3f} F1200" for i in range(moves)
        ]
        body = (
            f'--bound\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
            "Content-Type: application/octet-stream\r\n\r\n" + "\n".join(lines) + "\n\r\n--bound--\r\n"
        )
        kind = "multipart/form-data; boundary=bound"
        status, answer = self.call("POST", "/server/files/upload", raw=body.encode(), kind=kind)
        assert status == 201, answer
        self.begin(name)

    def begin(self, name: str) -> None:
        """Print an uploaded file."""
        status, answer = self.call("POST", "/printer/print/start", {"filename": name})
        assert status == 200, answer
        until(lambda: self.state() in ("printing", "complete"), 60)

    def noted(self, name: str) -> dict:
        """Print a file until the history has it, and return its entry there.

        Moonraker takes no notice of a print that begins right after Klipper got ready.
        """

        def entry():
            jobs = self.call("GET", "/server/history/list?limit=1&order=desc")[1]["result"]["jobs"]
            known = bool(jobs) and (jobs[0]["filename"], jobs[0]["status"]) == (name, "in_progress")
            return jobs[0] if known else None

        def begun():
            self.quiet()
            self.print(name)
            with contextlib.suppress(AssertionError):
                return until(entry, 5, 0.2)

        return until(begun, 120)

    def quiet(self) -> None:
        """Cancel what runs."""
        if self.state() in ("printing", "paused"):
            self.call("POST", "/printer/print/cancel")
        until(lambda: self.state() not in ("printing", "paused"), 60)

    def _answers(self) -> bool:
        assert self._processes["moonraker"].poll() is None, (self.folder / "logs/moonraker.out").read_text()[
            -2000:
        ]
        return self.call("GET", "/server/info")[0] in (200, 401)

    def _api_key(self) -> str:
        """As the owner reads it on the machine itself, over Moonraker's own socket."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(30)
            until((self.folder / "comms/moonraker.sock").exists)
            connection.connect(str(self.folder / "comms/moonraker.sock"))
            wish = {"jsonrpc": "2.0", "method": "access.get_api_key", "id": 1}
            connection.sendall(json.dumps(wish).encode() + b"\x03")
            received = b""
            while True:
                received += connection.recv(65536)
                for each in received.split(b"\x03")[:-1]:
                    answer = json.loads(each)
                    if answer.get("id") == 1:
                        return answer["result"]

    def _run(self, name: str, command: list[str]) -> None:
        self._stacks[name] = contextlib.ExitStack()
        # timing matters to klippy as on a real machine; without the right to it, `nice` only complains
        self._processes[name] = self._stacks[name].enter_context(
            running(["nice", "-n", "-10", *command], self.folder / "logs" / f"{name}.out")
        )
