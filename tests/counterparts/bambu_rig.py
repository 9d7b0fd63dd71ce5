"""A pretended Bambu printer in LAN mode: Mosquitto with TLS as its broker, and the chamber camera's own protocol.

What it does is checked by an independent client (bambu_client.py), so that it and the driver do not share one error.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import socket
import ssl
import struct
import subprocess
import threading
from pathlib import Path

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from tests.support import debian
from tests.support.processes import end, free_ports, running
from tests.support.waiting import until

SERIAL, CODE, USER = "01S00C000000001", "12345678", "bblp"
REPORT, REQUEST = f"device/{SERIAL}/report", f"device/{SERIAL}/request"
FULL = {
    "gcode_state": "RUNNING",
    "mc_percent": 41,
    "mc_remaining_time": 73,
    "layer_num": 12,
    "total_layer_num": 240,
    "gcode_file": "/data/Metadata/plate_1.gcode",
    "subtask_name": "benchy",
    "subtask_id": "77",
    "task_id": "78",
    "nozzle_temper": 219.8,
    "nozzle_target_temper": 220.0,
    "bed_temper": 55.0,
    "bed_target_temper": 55.0,
    "print_error": 0,
    "fun": "C18001FF",
    "ipcam": {"ipcam_dev": "1", "rtsp_url": "disable"},
    "sequence_id": "1",
    "command": "push_status",
    "msg": 0,
}
STATES = {"pause": "PAUSE", "resume": "RUNNING", "stop": "FAILED"}


class Bambu:
    """One printer; its ports stay the same over `stop` and `start`."""

    def __init__(self, folder: Path) -> None:
        debian.require("mosquitto", "openssl")
        self.folder, self.state = folder, dict(FULL)
        self.port, self.plain, self.camera_port = free_ports(3)
        self.pictures = [b"\xff\xd8\xff\xe0\x00\x02\xff\xd9"]
        self.locked = self.deaf = False
        self.commands = []
        self.new_certificate(SERIAL)

    def new_certificate(self, name: str) -> None:
        """As after a repair, or of another device."""
        subject = [
            "-subj",
            f"/CN={name}",
            "-keyout",
            str(self.folder / "key.pem"),
            "-out",
            str(self.folder / "cert.pem"),
        ]
        command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", *subject]
        subprocess.run(command, check=True, capture_output=True)

    def start(self) -> None:
        """Switch on."""
        self._stack = contextlib.ExitStack()
        self._broker = self._stack.enter_context(running(self._broker_command(), self.folder / "broker.log"))
        client = mqtt.Client(CallbackAPIVersion.VERSION2, "printer")
        client.username_pw_set("printer", "inside")
        client.on_message = self._requested
        client.on_connect = lambda *_: client.subscribe(REQUEST)
        subscribed = threading.Event()
        client.on_subscribe = lambda *_: subscribed.set()

        def connected():
            assert self._broker.poll() is None, (self.folder / "broker.log").read_text()
            with contextlib.suppress(OSError):
                return client.connect("127.0.0.1", self.plain) == 0
            return False

        until(connected)
        client.loop_start()
        assert subscribed.wait(20)
        self._client = client
        self._start_camera()

    def stop(self) -> None:
        """Switch off."""
        self._camera.shutdown(socket.SHUT_RDWR)  # wakes the thread that accepts
        self._camera.close()
        self._accepting.join()
        for connection in list(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self._client.disconnect()
        self._client.loop_stop()
        end(self._broker)
        self._stack.close()

    def change(self, **members) -> None:
        """Report a change, and the change only."""
        self.state.update(members)
        self._report({"print": {**members, "command": "push_status", "msg": 1}})

    def _broker_command(self) -> list[str]:
        folder = self.folder
        passwords = folder / "passwords"
        passwords.unlink(missing_ok=True)
        for create, user, password in ((["-c"], USER, CODE), ([], "printer", "inside")):
            subprocess.run(["mosquitto_passwd", "-b", *create, str(passwords), user, password], check=True)
        rules = f"user {USER}\ntopic read {REPORT}\ntopic write {REQUEST}\nuser printer\ntopic readwrite device/#\n"
        (folder / "acl").write_text(rules)
        for secret in (passwords, folder / "acl"):
            secret.chmod(0o600)
        (folder / "conf").write_text(
            f"listener {self.port} 127.0.0.1\ncertfile {folder / 'cert.pem'}\nkeyfile {folder / 'key.pem'}\n"
            f"allow_anonymous false\npassword_file {passwords}\nacl_file {folder / 'acl'}\nuser root\n"
            f"listener {self.plain} 127.0.0.1\n"
        )
        return [shutil.which("mosquitto") or "/usr/sbin/mosquitto", "-c", str(folder / "conf")]

    def _report(self, message) -> None:
        self._client.publish(REPORT, json.dumps(message))

    def _requested(self, _client, _data, message) -> None:
        request = json.loads(message.payload)
        if request.get("pushing", {}).get("command") == "pushall":
            self._report({"print": self.state})
        if "info" in request:
            module = {"name": "ota", "sw_ver": "01.08.00.00", "hw_ver": "OTA", "sn": SERIAL}
            self._report({"info": {"command": "get_version", "sequence_id": "0", "module": [module]}})
        order = request.get("print")
        if order is None or self.deaf:
            return
        self.commands.append(order)
        if self.locked:
            refusal = {"result": "failed", "reason": "mqtt message verify failed", "err_code": 84033543}
            self._report({"print": {**order, **refusal}})
            return
        self._report({"print": {**order, "result": "success", "reason": ""}})
        if order["command"] in STATES:
            self.change(gcode_state=STATES[order["command"]])
        if order["command"] == "gcode_line":
            code, _, value = order["param"].strip().partition(" S")
            member = {"M104": "nozzle_target_temper", "M140": "bed_target_temper"}[code]
            self.change(**{member: float(value), member.replace("target_", ""): float(value)})

    def _start_camera(self) -> None:
        self._open = set()
        self._camera = socket.create_server(("127.0.0.1", self.camera_port))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.folder / "cert.pem", self.folder / "key.pem")

        def accept(server):
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    threading.Thread(target=self._serve, args=(connection, context), daemon=True).start()

        self._accepting = threading.Thread(target=accept, args=(self._camera,), daemon=True)
        self._accepting.start()

    def _serve(self, connection, context) -> None:
        """80 bytes of login, then pictures, each behind 16 bytes that tell its length."""
        with (
            contextlib.suppress(OSError),
            connection,
            context.wrap_socket(connection, server_side=True) as stream,
        ):
            self._open.add(stream)
            login = b""
            while len(login) < 80:
                piece = stream.recv(80 - len(login))
                if not piece:
                    return
                login += piece
            words = struct.unpack("<IIII", login[:16])
            user, code = login[16:48].rstrip(b"\0").decode(), login[48:].rstrip(b"\0").decode()
            number = 0
            pause = threading.Event()
            while (words[:2], user, code) == ((0x40, 0x3000), USER, CODE):
                picture = self.pictures[number % len(self.pictures)]
                number += 1
                stream.sendall(
                    struct.pack("<IIII", len(picture), 0, 1, 0)
                )  # a record of its own, as clients expect
                stream.sendall(picture)
                pause.wait(0.1)
