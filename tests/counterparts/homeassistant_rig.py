"""A real Home Assistant in a folder of its own, driven over its REST interface, with a phone registered to it."""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from selenium import webdriver

from agent.endpoint import Endpoint
from tests.support.environments import environment
from tests.support.processes import end, free_port
from tests.support.waiting import until

BLUEPRINTS = Path(__file__).parents[2] / "packaging" / "homeassistant" / "blueprints"
START_S = 150.0
EVERY_S = 0.2


@dataclass(frozen=True)
class Release:
    """One release, the Python it needs, and what it would install at its first start."""

    version: str
    python: tuple[int, int]
    requirements: tuple[str, ...]

    def program(self) -> Path:
        """Its command, installed if need be; skips the test when it cannot be had."""
        wanted = (f"homeassistant=={self.version}", *self.requirements)
        return environment(f"home-assistant-{self.version}", *wanted, python=self.python) / "hass"


#: The last one for Python 3.11; it wants one announcement an entity.
OLD = Release(
    "2024.3.3",
    (3, 11),
    (
        "josepy<2",
        "paho-mqtt==1.6.1",
        "PyTurboJPEG==1.7.1",
        "PyNaCl==1.5.0",
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
        "hassil==1.6.1",  # this and the rest: for mobile_app, by way of cloud
        "home-assistant-intents==2024.3.12",
        "webrtc-noise-gain==1.2.3",
    ),
)
#: One that reads the announcement of a whole device.
NEW = Release(
    "2025.4.4",
    (3, 13),
    (
        "paho-mqtt==2.1.0",
        "PyTurboJPEG==1.7.5",
        "numpy==2.2.2",
        "home-assistant-frontend==20250411.0",
        "ha-ffmpeg==3.2.2",
        "mutagen==1.47.0",
        "Pillow==11.1.0",
    ),
)


class HomeAssistant:
    """Home Assistant with the MQTT integration set up for one credential.

    `extra` is appended to its configuration, `automations` is its list of automations as YAML. The shipped blueprints
    are there.
    """

    def __init__(
        self,
        release: Release,
        folder: Path,
        endpoint: Endpoint,
        made: Any,
        *,
        extra: str = "",
        automations: str = "[]",
    ) -> None:
        self._release, self._folder = release, folder
        self.tokens: dict[str, Any] = {}
        self._port = free_port()
        self.url = f"http://127.0.0.1:{self._port}"
        self._write_settings(endpoint, made, extra, automations)

    def launch(self) -> None:
        """Start it and return at once."""
        with (self._folder / "hass.log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._release.program(), "-c", str(self._folder), "--skip-pip", "--log-no-color"],
                stdout=log,
                stderr=log,
            )

    def ready(self) -> None:
        """Wait until it answers; sign in the first time."""
        until(lambda: self.request("GET", "/manifest.json")[0] == 200, START_S, EVERY_S)
        if not self.tokens:
            self.tokens = self._sign_in()

    def stop(self) -> None:
        """End it in order, with everything written."""
        end(self._process, 60)

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()
        self._process.wait()

    def states(self) -> dict[str, str]:
        """Every entity and its state."""
        status, found = self.request("GET", "/api/states")
        return {each["entity_id"]: each["state"] for each in found} if status == 200 else {}

    def attributes(self, entity: str) -> dict[str, Any]:
        """The attributes of one entity."""
        return self.request("GET", f"/api/states/{entity}")[1]["attributes"]

    def has(self, *entities: str) -> None:
        """Returns once all of these entities are there."""
        until(lambda: not set(entities) - set(self.states()), START_S, EVERY_S)

    def becomes(self, entity: str, *wanted: str, limit_s: float = START_S) -> None:
        """Returns once an entity is in one of these states."""
        until(lambda: self.states().get(entity, "missing") in wanted, limit_s, EVERY_S)

    def call(self, service: str, entity: str, **data: Any) -> None:
        """Call a service on one entity."""
        path = f"/api/services/{service.replace('.', '/')}"
        status, answer = self.request("POST", path, {"entity_id": entity, **data})
        assert status == 200, answer

    def press(self, entity: str) -> None:
        """Press a button."""
        self.call("button.press", entity)

    def fire(self, event: str, data: dict[str, Any]) -> None:
        """Fire an event, as a phone does when one of its notification's buttons is pressed."""
        assert self.request("POST", f"/api/events/{event}", data)[0] == 200

    def picture(self, entity: str) -> bytes | None:
        """What a camera or image entity shows now."""
        status, shown = self.request("GET", f"/api/{entity.split('.', maxsplit=1)[0]}_proxy/{entity}")
        return shown if status == 200 else None

    def complaints(self) -> list[str]:
        """What it logged as a warning or an error about MQTT, automations, blueprints or templates."""
        lines = (self._folder / "hass.log").read_text(encoding="utf-8").splitlines()
        about = ("mqtt", "automation", "blueprint", "template", "lovelace")
        return [
            line
            for line in lines
            if (" WARNING " in line or " ERROR " in line)
            and any(each in line for each in about)
            and "connect" not in line.lower()
        ]

    def browse(self, driver: webdriver.Chrome, path: str) -> None:
        """Open one of its pages in a browser that is signed in."""
        driver.get(f"{self.url}/manifest.json")
        tokens = {**self.tokens, "hassUrl": self.url, "clientId": f"{self.url}/", "expires": 2**42}
        driver.execute_script("localStorage.setItem('hassTokens', arguments[0])", json.dumps(tokens))
        driver.get(self.url + path)

    def add_phone(self, name: str, push_url: str) -> None:
        """Register a phone that gets its notifications at `push_url`; `notify.mobile_app_<name>` is there then."""
        phone = {
            "device_id": name,
            "app_id": "test",
            "app_name": "test",
            "app_version": "1",
            "device_name": name,
            "manufacturer": "test",
            "model": "test",
            "os_name": "test",
            "os_version": "1",
            "supports_encryption": False,
            "app_data": {"push_token": "token", "push_url": push_url},
        }
        status, answer = self.request("POST", "/api/mobile_app/registrations", phone)
        assert status == 201, answer
        until(lambda: f"mobile_app_{name}" in self._services("notify"), START_S, EVERY_S)

    def _services(self, domain: str) -> dict[str, Any]:
        return {each["domain"]: each["services"] for each in self.request("GET", "/api/services")[1]}.get(
            domain, {}
        )

    def request(self, method: str, path: str, data: Any = None, form: Any = None) -> tuple[int, Any]:
        """Status and answer of a request; status 0 when nobody answers."""
        body, headers = None, {}
        if self.tokens:
            headers["Authorization"] = f"Bearer {self.tokens['access_token']}"
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

    def _sign_in(self) -> dict[str, Any]:
        person = {
            "client_id": f"{self.url}/",
            "name": "Olivia",
            "username": "olivia",
            "password": "apassword1",
            "language": "en",
        }
        code = self.request("POST", "/api/onboarding/users", person)[1]["auth_code"]
        form = {"grant_type": "authorization_code", "code": code, "client_id": f"{self.url}/"}
        return self.request("POST", "/auth/token", form=form)[1]

    def _write_settings(self, endpoint: Endpoint, made: Any, extra: str, automations: str) -> None:
        (self._folder / ".storage").mkdir(parents=True)
        shutil.copytree(BLUEPRINTS, self._folder / "blueprints" / "automation" / "printwarden")
        lines = (
            "homeassistant: {name: Home, latitude: 1, longitude: 1, elevation: 0, unit_system: metric, time_zone: UTC}",
            f"http: {{server_host: 127.0.0.1, server_port: {self._port}}}",
            *("frontend:", "config:", "automation: !include automations.yaml"),
            extra,
        )
        (self._folder / "configuration.yaml").write_text("\n".join(lines), encoding="utf-8")
        (self._folder / "automations.yaml").write_text(automations, encoding="utf-8")
        steps = ["core_config", "analytics", "integration"]
        self._store("onboarding", 4, {"done": steps})
        entry = {
            "entry_id": "a" * 32,
            "version": 1,
            "minor_version": 1,
            "domain": "mqtt",
            "title": "mqtt",
            "data": {
                "broker": endpoint.host,
                "port": endpoint.port,
                "username": made.username,
                "password": made.token,
                "client_id": made.username,
                "discovery": True,
                "discovery_prefix": "homeassistant",
            },
            "options": {},
            "pref_disable_new_entities": False,
            "pref_disable_polling": False,
            "source": "user",
            "unique_id": None,
            "disabled_by": None,
        }
        self._store("core.config_entries", 1, {"entries": [entry]})

    def _store(self, key: str, version: int, data: dict[str, Any]) -> None:
        stored = {"version": version, "minor_version": 1, "key": key, "data": data}
        (self._folder / ".storage" / key).write_text(json.dumps(stored), encoding="utf-8")


def found_on_page(driver: webdriver.Chrome, *tags: str) -> list[str]:
    """The text of every element with one of these tags, wherever custom elements hide it."""
    script = """
        const found = [], look = root => {
            for (const each of root.querySelectorAll("*")) {
                if (arguments[0].includes(each.localName)) found.push((each.shadowRoot || each).textContent);
                if (each.shadowRoot) look(each.shadowRoot);
            }
        };
        look(document);
        return found;
    """
    return driver.execute_script(script, list(tags))


@contextmanager
def running(*homes: HomeAssistant) -> Iterator[None]:
    """Several at once, since each takes its time to start."""
    started: list[HomeAssistant] = []
    try:
        for home in homes:
            home.launch()
            started.append(home)
        for home in homes:
            home.ready()
        yield
    finally:
        for home in started:
            home.kill()


class Phone:
    """Where Home Assistant's notifications for a phone arrive, in place of the makers' push services."""

    def __init__(self) -> None:
        self.notifications: list[dict[str, Any]] = []
        phone = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                phone.notifications.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(201)
                self.end_headers()
                self.wfile.write(b"{}")

            def log_message(self, *_arguments: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/"

    def start(self) -> None:
        """Listen."""
        self._thread.start()

    def stop(self) -> None:
        """Listen no longer."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
