"""A real OctoPrint with its virtual printer: installed when first needed, on loopback, without wizard or network."""

from __future__ import annotations

import contextlib
import http.client
import json
import secrets
import urllib.error
import urllib.request
from pathlib import Path

from tests.support.environments import environment
from tests.support.processes import end, free_port, running
from tests.support.waiting import until

VERSION = "1.11.8"
QUIET = "announcements discovery tracking errortracking softwareupdate pluginmanager achievements health_check backup"
DISABLED = [*QUIET.split(), "firmwarecheck", "file_check", "pi_support"]


def binaries() -> Path:
    """The `bin` folder of the environment that holds OctoPrint."""
    return environment(f"octoprint-{VERSION}", f"octoprint=={VERSION}")


class OctoPrint:
    """One installation in a folder; may be stopped and started again. `plugins` is a folder of installed packages."""

    def __init__(
        self, folder: Path, *, plugins: Path | None = None, snapshot: str = "http://127.0.0.1:8099/snapshot"
    ) -> None:
        self.binary = binaries() / "octoprint"
        self._environment = {"PYTHONPATH": str(plugins)} if plugins else {}
        self.folder, self.port, self.key = folder, free_port(), secrets.token_hex(16)
        self.url = f"http://127.0.0.1:{self.port}"
        self._stack = contextlib.ExitStack()
        self._process = None
        config = {
            "accessControl": {"salt": "0123456789abcdef0123456789abcdef"},
            "server": {
                "firstRun": False,
                "secretKey": "tests",
                "onlineCheck": {"enabled": False},
                "pluginBlacklist": {"enabled": False},
            },
            "plugins": {
                "_disabled": DISABLED,
                "virtual_printer": {"enabled": True, "throttle": 0.001},
                "classicwebcam": {  # without its version a migration empties the addresses
                    "_config_version": 1,
                    "snapshot": snapshot,
                    "stream": "/webcam/?action=stream",
                    "flipV": True,
                },
            },
            "serial": {"port": "VIRTUAL", "autoconnect": False},
        }
        admin = {
            "active": True,
            "apikey": self.key,
            "groups": ["admins"],
            "password": "$argon2id$disabled",
            "permissions": [],
            "roles": ["user", "admin"],
            "settings": {},
        }
        (folder / "config.yaml").write_text(json.dumps(config))  # JSON is YAML
        (folder / "users.yaml").write_text(json.dumps({"_version": 2, "admin": admin}))

    def start(self) -> None:
        """Start and wait until it answers and the virtual printer is connected."""
        program = [str(self.binary), "-b", str(self.folder), "serve", "--iknowwhatimdoing"]
        program += ["--host", "127.0.0.1", "--port", str(self.port)]
        self._process = self._stack.enter_context(
            running(program, self.folder / "output.log", self._environment)
        )
        until(self._answers, 120, 0.1)
        self.connect()

    def stop(self) -> None:
        """End the program."""
        end(self._process)
        self._stack.close()

    def _answers(self) -> bool:
        assert self._process.poll() is None, (self.folder / "output.log").read_text()[-2000:]
        with contextlib.suppress(OSError, http.client.HTTPException):
            return self.request("GET", "/api/version")[0] == 200
        return False

    def request(self, method, path, data=None, *, key=None, raw=None, kind="application/json"):
        """Status and parsed body; an HTTP error is an answer too."""
        body = raw if raw is not None else (None if data is None else json.dumps(data).encode())
        call = urllib.request.Request(self.url + path, data=body, method=method)
        call.add_header("X-Api-Key", key or self.key)
        call.add_header("Content-Type", kind)
        try:
            with urllib.request.urlopen(call, timeout=30) as reply:
                content = reply.read()
                return reply.status, json.loads(content) if content[:1] in (b"{", b"[") else content
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read()

    def connect(self) -> None:
        """Connect the virtual printer."""
        self.request("POST", "/api/connection", {"command": "connect", "port": "VIRTUAL"})
        until(lambda: self.state() == "Operational", 60)

    def disconnect(self) -> None:
        """Disconnect the virtual printer, as when its cable is pulled."""
        self.request("POST", "/api/connection", {"command": "disconnect"})

    def state(self) -> str:
        """OctoPrint's own word for what it does."""
        return self.request("GET", "/api/job")[1]["state"]

    def upload(self, name: str, moves: int) -> None:
        """A file whose length in time depends on the machine: ten to a thousand moves a second."""
        lines = ["M104 S50", "M140 S40"]
        lines += [
            f"G1 X{i % 100} Y{i % 50} Z{0.2 + i // 100 * 0.2:.2f} E{i * 0.01:.2f} F3000" for i in range(moves)
        ]
        body = (
            f'--bound\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
            "Content-Type: application/octet-stream\r\n\r\n" + "\n".join(lines) + "\n\r\n--bound--\r\n"
        )
        kind = "multipart/form-data; boundary=bound"
        status, answer = self.request("POST", "/api/files/local", raw=body.encode(), kind=kind)
        assert status == 201, answer

    def print(self, name: str, moves: int = 20_000) -> None:
        """Upload a file and print it."""
        self.upload(name, moves)
        until(
            lambda: (
                self.request("POST", f"/api/files/local/{name}", {"command": "select", "print": True})[0]
                == 204
            )
        )
        until(lambda: self.state() == "Printing")

    def job(self, command: str, **more) -> None:
        """Cancel, pause or resume as a person would."""
        self.request("POST", "/api/job", {"command": command, **more})

    def quiet(self) -> None:
        """Cancel what runs and wait until nothing does."""
        if self.state() not in ("Operational", "Offline"):
            self.job("cancel")
        until(lambda: self.state() in ("Operational", "Offline"), 60)

    def limited_key(self, *permissions: str) -> str:
        """The key of a new user whose group has these permissions only."""
        name = f"agent{secrets.token_hex(3)}"
        group = {"key": name, "name": name, "description": "", "subgroups": [], "default": False}
        assert self.request("POST", "/api/access/groups", {**group, "permissions": permissions})[0] == 200
        user = {"name": name, "password": secrets.token_hex(8), "active": True, "admin": False}
        assert (
            self.request("POST", "/api/access/users", {**user, "groups": [name], "permissions": []})[0] == 200
        )
        return self.request("POST", f"/api/access/users/{name}/apikey")[1]["apikey"]
