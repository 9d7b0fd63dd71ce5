"""A real Home Assistant in a folder of its own, driven over its REST interface."""

from __future__ import annotations

import json
import socket
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

from tests.support.environments import environment
from tests.support.waiting import until

VERSION = "2024.3.3"  # the last for Python 3.11
REQUIREMENTS = (
    f"homeassistant=={VERSION}",
    "josepy<2",
    "paho-mqtt==1.6.1",
    "PyTurboJPEG==1.7.1",
    "numpy==1.26.0",
    "SQLAlchemy==2.0.27",
    "fnv-hash-fast==0.5.0",
    "psutil-home-assistant==0.0.1",
    "janus==1.0.0",
    "aiohttp_cors==0.7.0",
    "home-assistant-frontend==20240307.0",
    "ha-ffmpeg==3.1.0",
    "mutagen==1.47.0",
    "Pillow==10.2.0",
    "securetar==2024.2.1",
)
START_S = 150.0


class HomeAssistant:
    """Home Assistant with the MQTT integration set up for one credential."""

    def __init__(self, folder: Path, mqtt: dict[str, Any]) -> None:
        self._folder, self._mqtt = folder, mqtt
        self._token = ""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Install it if need be, start it and sign in."""
        program = environment(f"homeassistant-{VERSION}", *REQUIREMENTS) / "hass"
        self._write_settings()
        with (self._folder / "hass.log").open("wb") as log:
            self._process = subprocess.Popen(
                [program, "-c", str(self._folder), "--skip-pip", "--log-no-color"], stdout=log, stderr=log
            )
        until(lambda: self.request("GET", "/api/onboarding")[0] == 200, START_S)
        self._sign_in()

    def stop(self) -> None:
        """End it."""
        self._process.terminate()
        try:
            self._process.wait(40)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def states(self) -> dict[str, str]:
        """Every entity and its state."""
        return {each["entity_id"]: each["state"] for each in self.request("GET", "/api/states")[1]}

    def entity(self, ending: str) -> str:
        """The id of the entity whose id ends like this, waited for."""
        return until(lambda: next((each for each in self.states() if each.endswith(ending)), None), START_S)

    def becomes(self, entity: str, *wanted: str) -> None:
        """Returns once an entity is in one of these states."""
        until(lambda: self.states().get(entity) in wanted, START_S)

    def press(self, entity: str) -> None:
        """Press a button."""
        assert self.request("POST", "/api/services/button/press", {"entity_id": entity})[0] == 200

    def request(self, method: str, path: str, data: Any = None, form: Any = None) -> tuple[int, Any]:
        """Status and answer of a request; status 0 when nobody answers."""
        body, headers = None, {"Authorization": f"Bearer {self._token}"} if self._token else {}
        if form is not None:
            body = urllib.parse.urlencode(form).encode()
        elif data is not None:
            body, headers["Content-Type"] = json.dumps(data).encode(), "application/json"
        call = urllib.request.Request(self.url + path, data=body, method=method, headers=headers)
        try:
            with urllib.request.urlopen(call, timeout=20) as answer:
                content, kind = answer.read(), answer.headers.get("Content-Type", "")
                return answer.status, json.loads(content) if "json" in kind else content
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read()
        except OSError:
            return 0, b""

    def _sign_in(self) -> None:
        person = {
            "client_id": f"{self.url}/",
            "name": "A",
            "username": "a",
            "password": "apassword1",
            "language": "en",
        }
        code = self.request("POST", "/api/onboarding/users", person)[1]["auth_code"]
        form = {"grant_type": "authorization_code", "code": code, "client_id": f"{self.url}/"}
        self._token = self.request("POST", "/auth/token", form=form)[1]["access_token"]

    def _write_settings(self) -> None:
        storage = self._folder / ".storage"
        storage.mkdir(parents=True)
        lines = (
            "homeassistant: {name: t, latitude: 1, longitude: 1, elevation: 0, unit_system: metric, time_zone: UTC}",
            f"http: {{server_host: 127.0.0.1, server_port: {self._port}}}",
            *("api:", "websocket_api:", "onboarding:", "config:"),
        )
        (self._folder / "configuration.yaml").write_text("\n".join(lines), encoding="utf-8")
        entry = {
            "entry_id": "a" * 32,
            "version": 1,
            "minor_version": 1,
            "domain": "mqtt",
            "title": "mqtt",
            "data": {**self._mqtt, "discovery": True, "discovery_prefix": "homeassistant"},
            "options": {},
            "pref_disable_new_entities": False,
            "pref_disable_polling": False,
            "source": "user",
            "unique_id": None,
            "disabled_by": None,
        }
        stored = {
            "version": 1,
            "minor_version": 1,
            "key": "core.config_entries",
            "data": {"entries": [entry]},
        }
        (storage / "core.config_entries").write_text(json.dumps(stored), encoding="utf-8")
