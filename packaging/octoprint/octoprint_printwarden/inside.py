"""OctoPrint's own objects behind the questions of its REST interface, so that the agent's driver serves in here too."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from agent.http_client import Reply
from agent.printers.rest import Rest

_TAGS = {"source:plugin", "plugin:printwarden"}


class Inside(Rest):
    """Answers as OctoPrint's web server would answer somebody who may print, without key or network."""

    def __init__(self, printer: Any, webcams: Callable[[], list[dict[str, Any]]]) -> None:
        super().__init__("OctoPrint", "http://127.0.0.1/")  # what relative webcam addresses are relative to
        self._printer, self._webcams = printer, webcams

    def call(
        self,
        method: str,
        path: str,
        data: Any = None,
        *,
        timeout_s: float = 0,
        repeatable: bool | None = None,
    ) -> Reply:
        """The status and body that the web server would send."""
        path = path.partition("?")[0]
        if method == "GET":
            status, content = self._told(path)
            return Reply(status, json.dumps(content).encode())
        return Reply(self._ordered(path, data))

    def _told(self, path: str) -> tuple[int, Any]:
        now = self._printer.get_current_data()
        if path == "api/job":
            return 200, {"job": now["job"], "progress": now["progress"], "state": now["state"]["text"]}
        if path == "api/printer" and not self._printer.is_operational():
            return 409, None
        if path == "api/printer":
            return 200, {"state": now["state"], "temperature": self._printer.get_current_temperatures()}
        if path == "api/currentuser":
            return 200, {"permissions": ["PRINT"]}
        return (200, {"webcam": {"webcams": self._webcams()}}) if path == "api/settings" else (404, None)

    def _ordered(self, path: str, data: Any) -> int:
        printer = self._printer
        if path == "api/job":
            if not (printer.is_printing() or printer.is_paused()):
                return 409
            orders = {
                "pause": printer.pause_print,
                "resume": printer.resume_print,
                "cancel": printer.cancel_print,
            }
            orders[data.get("action") or data["command"]](tags=set(_TAGS))
        elif path == "api/printer/bed":
            printer.set_temperature("bed", data["target"], tags=set(_TAGS))
        elif path == "api/printer/tool":
            for tool, target in data["targets"].items():
                printer.set_temperature(tool, target, tags=set(_TAGS))
        elif path == "api/printer/command":
            printer.commands([data["command"]], tags=set(_TAGS))
        else:
            return 404
        return 204
