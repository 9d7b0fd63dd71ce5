"""A pretended Duet board with RepRapFirmware 3, after Duet's published descriptions of its requests and object model.

An independent client (duetwebapi) checks it. Sessions, the refusal to cancel a running print and the states on the way
to a pause are as in the firmware.
"""

from __future__ import annotations

import re
import urllib.parse

PASSWORD = "secret-0"
FILE = {
    "fileName": "0:/gcodes/benchy.gcode",
    "lastModified": "2026-11-01T10:00:00",
    "size": 4000,
    "numLayers": 240,
}
NEXT = {"pausing": "paused", "resuming": "processing", "cancelling": "idle"}


class Duet:
    """The board's state, to be changed by the test. Without a password everybody is let in."""

    def __init__(self, password: str = PASSWORD) -> None:
        self.password, self.sessions, self.full = password, set(), False
        self.status, self.codes, self.reply, self.deaf = "idle", [], "", False
        self.job = {
            "file": {"fileName": None, "size": 0},
            "filePosition": None,
            "duration": None,
            "layer": None,
        }
        self.job |= {"lastFileName": None, "lastFileCancelled": False, "lastFileAborted": False}
        self.job |= {
            "lastFileSimulated": False,
            "timesLeft": {"filament": None, "file": None, "slicer": None},
        }
        self.heaters = [self._heater(60.2, 60.0), self._heater(214.8, 215.0)]
        self.shown = ""

    def begin(self) -> None:
        """Start the next print of the same file."""
        left = {"filament": None, "file": 700, "slicer": 900}
        self.job |= {"file": FILE, "filePosition": 400, "duration": 60, "layer": 12, "timesLeft": left}
        self.status = "processing"

    def end(self, *, cancelled: bool = False) -> None:
        """The print is over."""
        over = {"file": {"fileName": None, "size": 0}, "filePosition": None, "duration": None, "layer": None}
        self.job |= {**over, "lastFileName": FILE["fileName"], "lastFileCancelled": cancelled}
        self.status = "idle"

    def answer(self, request) -> None:
        path, _, query = request.path.partition("?")
        given = dict(urllib.parse.parse_qsl(query, keep_blank_values=True))
        client = request.client_address[0]
        if path == "/rr_connect":
            return request.reply(200, self._connect(client, given.get("password", "")))
        if self.password and client not in self.sessions:
            return request.reply(401)
        if path == "/rr_disconnect":
            self.sessions.discard(client)
            return request.reply(200, {"err": 0})
        if path == "/rr_model":
            key = given.get("key", "")
            return request.reply(
                200, {"key": key, "flags": given.get("flags", ""), "result": self._model(key)}
            )
        if path == "/rr_gcode":
            self._do(given["gcode"])
            return request.reply(200, {"buff": 240})
        if path == "/rr_reply":
            reply, self.reply = self.reply, ""
            return request.reply(200, reply.encode(), {"Content-Type": "text/plain"})
        return request.reply(404)

    def _connect(self, client, password):
        if self.password and password != self.password:
            return {"err": 1}
        if self.full:
            return {"err": 2}
        self.sessions.add(client)
        return {"err": 0, "sessionTimeout": 8000, "boardType": "duet3mini5pluswifi", "apiLevel": 1}

    def _model(self, key):
        whole = {
            "state": {
                "status": self.status,
                "currentTool": 0,
                "displayMessage": self.shown,
                "messageBox": None,
                "upTime": 100,
            },
            "job": self.job,
            "heat": {"bedHeaters": [0, -1], "chamberHeaters": [-1], "heaters": self.heaters},
            "tools": [{"number": 0, "heaters": [1], "extruders": [0], "state": "active"}],
        }
        if key in ("", "state"):
            self.status = NEXT.get(self.status, self.status)
        return whole if not key else whole[key]

    def _do(self, code) -> None:
        self.codes.append(code)
        if self.deaf:
            return
        order = code.split()[0]
        if order in ("M25", "M24", "M0"):
            self._order(order)
        elif found := re.fullmatch(r"M568 P0 A([02])", code):
            self.heaters[1]["state"] = {"0": "off", "2": "active"}[found[1]]
        elif found := re.fullmatch(r"M140 S(\d+)", code):
            self.heaters[0]["active"] = float(found[1])
        elif found := re.fullmatch(r'M117 "([^"]*)"', code):
            self.shown = found[1]

    def _order(self, order) -> None:
        if order == "M25" and self.status != "processing":
            self.reply = "Error: M25: Cannot pause print, because no file is being printed!\n"
        elif order == "M0" and self.status == "processing":
            self.reply = "Error: M0: Pause the print before attempting to cancel it\n"
        elif order == "M25":
            self.status = "pausing"
        elif self.status == "paused" and order == "M24":
            self.status = "resuming"
        elif self.status == "paused":
            self.end(cancelled=True)

    @staticmethod
    def _heater(current, active):
        return {
            "current": current,
            "active": active,
            "standby": 0,
            "state": "active",
            "min": -273.1,
            "max": 285,
        }
