"""A pretended printer with PrusaLink, after Prusa's published description of the interface.

An independent client (pyprusalink) checks it. A job's number is asked for by every order, as on the printer.
"""

from __future__ import annotations

from tests.support.digest import digest_server

USER, PASSWORD = "maker", "secret-0"


class PrusaLink:
    """The printer's state, to be changed by the test."""

    def __init__(self) -> None:
        self.state, self.id, self.progress, self.printing_s = "IDLE", 0, 0.0, 0
        self.orders = []
        self.answer = digest_server(self._answer, USER, PASSWORD, qop="")

    def begin(self) -> None:
        """Start the next print."""
        self.state, self.id, self.progress, self.printing_s = "PRINTING", self.id + 1, 3.0, 60

    def _busy(self) -> bool:
        return self.state in ("PRINTING", "PAUSED", "ATTENTION", "BUSY") and self.id > 0

    def _answer(self, request) -> None:
        path, method = request.path, request.command
        if path == "/api/v1/status":
            return request.reply(200, self._status())
        if path == "/api/v1/job" and not self._busy():
            return request.reply(204)
        if path == "/api/v1/job":
            file = {"name": "BENCHY~1.BGC", "display_name": "benchy.bgcode", "path": "/usb", "refs": {}}
            job = {"id": self.id, "state": self.state, "progress": self.progress, "file": file}
            return request.reply(200, {**job, "time_printing": self.printing_s, "time_remaining": 900})
        if path.startswith("/api/v1/job/"):
            return request.reply(self._order(method, path.split("/")[4:]))
        return request.reply(404)

    def _status(self):
        printer = {
            "state": self.state,
            "temp_nozzle": 214.9,
            "target_nozzle": 215.0,
            "temp_bed": 60.1,
            "target_bed": 60.0,
            "axis_z": 2.4,
            "flow": 100,
            "speed": 100,
        }
        job = {
            "id": self.id,
            "progress": self.progress,
            "time_printing": self.printing_s,
            "time_remaining": 900,
        }
        return {"printer": printer, **({"job": job} if self._busy() else {})}

    def _order(self, method, parts) -> int:
        if not self._busy() or parts[0] != str(self.id):
            return 404
        order = {"PUT": "/".join(parts[1:]), "DELETE": "cancel"}[method]
        wanted = {
            "pause": ("PRINTING", "PAUSED"),
            "resume": ("PAUSED", "PRINTING"),
            "cancel": (self.state, "STOPPED"),
        }
        if self.state != wanted[order][0]:
            return 409
        self.orders.append(order)
        self.state = wanted[order][1]
        return 204
