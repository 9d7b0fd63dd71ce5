"""Printwarden's agent inside OctoPrint: a settings page to enrol, and an agent that starts and stops with it."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections import deque
from pathlib import Path
from typing import Any

import flask
import octoprint.plugin
from octoprint.events import Events
from octoprint.webcams import get_webcams_as_dicts

from agent import enrolment
from agent.clock import next_boot
from agent.config import CameraConfig, make_camera
from agent.enrolment import Credential
from agent.loop import PrinterAgent
from agent.printers.base import CameraOffer
from agent.printers.octoprint import OctoPrint
from octoprint_printwarden.enrolling import Enrolling
from octoprint_printwarden.inside import Inside

_LINES_KEPT = 8


class PrintwardenPlugin(
    octoprint.plugin.StartupPlugin,
    octoprint.plugin.ShutdownPlugin,
    octoprint.plugin.EventHandlerPlugin,
    octoprint.plugin.TemplatePlugin,
    octoprint.plugin.AssetPlugin,
    octoprint.plugin.SimpleApiPlugin,
):
    """Keeps one credential in the plugin's data folder and runs the agent while there is one."""

    def __init__(self) -> None:
        super().__init__()
        self._changing = threading.Lock()
        self._agent: PrinterAgent | None = None
        self._offers: tuple[CameraOffer, ...] = ()
        self._enrolling: Enrolling | None = None
        self._said = Said()

    # With OctoPrint

    def on_after_startup(self) -> None:
        """Run the agent if this printer is enrolled."""
        agent = logging.getLogger("agent")
        agent.setLevel(logging.INFO)  # OctoPrint keeps warnings only of what is not its own
        agent.addHandler(self._said)
        with self._changing:
            self._start()

    def on_shutdown(self) -> None:
        """Say goodbye to the hub."""
        with self._changing:
            self._stop()
        logging.getLogger("agent").removeHandler(self._said)

    def on_event(self, event: str, payload: Any) -> None:
        """Webcams that were changed are used at once."""
        if event == Events.SETTINGS_UPDATED and self._agent is not None and self._found() != self._offers:
            # not on the thread that all of OctoPrint's events come by: stopping may take a while
            threading.Thread(target=self._restart, name="printwarden-restart", daemon=True).start()

    # The settings page

    def get_template_configs(self) -> list[dict[str, Any]]:
        """A page of its own in the settings."""
        return [{"type": "settings", "name": "Printwarden", "custom_bindings": True}]

    def is_template_autoescaped(self) -> bool:
        """The page holds no markup of its own making."""
        return True

    def get_assets(self) -> dict[str, list[str]]:
        """The page's script."""
        return {"js": ["js/printwarden.js"]}

    def is_api_protected(self) -> bool:
        """Only who is logged in."""
        return True

    def is_api_adminonly(self) -> bool:
        """Only who may administer OctoPrint."""
        return True

    def get_api_commands(self) -> dict[str, list[str]]:
        """`enrol` with the line that the hub showed, and `forget`."""
        return {"enrol": ["line"], "forget": []}

    def on_api_get(self, request: Any) -> Any:
        """What the page shows."""
        return flask.jsonify(self._status())

    def on_api_command(self, command: str, data: dict[str, Any]) -> Any:
        """Enrol, or forget the hub; what went wrong is told in words."""
        try:
            with self._changing:
                if command == "enrol":
                    self._enrol(str(data["line"]))
                else:
                    self._forget()
        except (enrolment.EnrolmentError, OSError) as error:
            return flask.make_response(flask.jsonify(error=str(error)), 400)
        return flask.jsonify(self._status())

    # The agent

    @property
    def _path(self) -> Path:
        return Path(self.get_plugin_data_folder()) / "printer.credential.json"

    def _status(self) -> dict[str, Any]:
        path = self._path
        told: dict[str, Any] = {"enrolled": path.exists(), "running": self._agent is not None}
        with contextlib.suppress(enrolment.EnrolmentError):
            credential = enrolment.load(path)
            told |= {"name": credential.name, "hub": f"{credential.host}:{credential.port}"}
        if self._enrolling is not None:
            under_way = self._enrolling
            told |= {"busy": under_way.busy, "code": under_way.code, "trouble": under_way.trouble}
        cameras = [each.name for each in self._offers]
        return {**told, "cameras": cameras, "said": list(self._said.lines)}

    def _enrol(self, line: str) -> None:
        if self._path.exists():
            raise enrolment.EnrolmentError("this printer is enrolled already: forget that hub first")
        if self._enrolling is not None and self._enrolling.busy:
            raise enrolment.EnrolmentError("an enrolment is under way already")
        self._enrolling = Enrolling(enrolment.parse(line), self._driver().show, self._enrolled)
        self._enrolling.start()

    def _enrolled(self, credential: Credential) -> None:
        with self._changing:
            if self._enrolling is not None:  # else it was given up meanwhile
                enrolment.save(credential, self._path)
                self._start()

    def _forget(self) -> None:
        self._stop()
        self._path.unlink(missing_ok=True)
        self._enrolling = None
        self._said.lines.clear()

    def _found(self) -> tuple[CameraOffer, ...]:
        return self._driver().cameras()

    def _driver(self) -> OctoPrint:
        return OctoPrint(Inside(self._printer, get_webcams_as_dicts))

    def _start(self) -> None:
        if not self._path.exists():
            return
        try:
            credential = enrolment.load(self._path)
            driver = self._driver()
            self._offers = driver.cameras()
            configs = [CameraConfig(each.name, **each.settings) for each in self._offers]
            cameras = {each.name: make_camera(each) for each in configs}
            boot = next_boot(self._path.with_suffix(".boot"), time.time())
            self._agent = PrinterAgent(credential, driver, cameras, boot)
            self._agent.start()
        except Exception:  # supervisor: whatever is wrong here must not keep OctoPrint from starting
            self._agent = None
            logging.getLogger("agent.octoprint").exception("the agent could not be started")
        else:
            self._logger.info("watched by %s:%s", credential.host, credential.port)

    def _stop(self) -> None:
        agent, self._agent = self._agent, None
        if agent is not None:
            agent.stop()

    def _restart(self) -> None:
        with self._changing:
            if self._agent is not None:
                self._stop()
                self._start()


class Said(logging.Handler):
    """Keeps the last lines that the agent logged, for the page."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.lines: deque[str] = deque(maxlen=_LINES_KEPT)
        self.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%H:%M:%S"))

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the first line of it, and what went wrong instead of where."""
        line = self.format(record).splitlines()[0]
        self.lines.append(f"{line}: {record.exc_info[1]}" if record.exc_info else line)


__plugin_name__ = "Printwarden"
__plugin_pythoncompat__ = ">=3.9,<4"
__plugin_implementation__ = PrintwardenPlugin()
