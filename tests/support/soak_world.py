"""What a soak runs: hub and agent as processes, a bad network between them, a camera and a printer that can fail."""

from __future__ import annotations

import contextlib
import json
import subprocess
import time
from dataclasses import replace
from pathlib import Path
from typing import Self

from agent import enrolment
from agent.enrolment import Credential, EnrolmentError
from tests.counterparts.prusalink_rig import PASSWORD, USER, PrusaLink
from tests.support.faulty import Faulty
from tests.support.hub_process import HubProcess
from tests.support.hubs import start_agent
from tests.support.pictures import clip, fine
from tests.support.processes import end
from tests.support.relay import Relay
from tests.support.soak_report import Use
from tests.support.waiting import until
from tests.support.web import Request

_FPS = 4


class World:
    """Two printers at one agent: a simulated one with a clip, a PrusaLink one with an MJPEG camera."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._pictures = folder, fine(200)
        self.camera, self.printer = Faulty(self._stream), Faulty(self._prusalink().answer)
        self.hub = HubProcess(folder / "hub", 2, quiet_s=1.0)
        self.network = Relay("127.0.0.1", self.hub.port)
        self._agent: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        for each in (self.hub, self.network, self.camera, self.printer):
            each.start()
        home = self._folder / "agent"
        home.mkdir()
        for number, line in enumerate(self.hub.lines, 1):
            credential = until(lambda line=line: redeemed(line), 60, every_s=0.2)
            behind = replace(credential, host="127.0.0.1", port=self.network.port)
            enrolment.save(behind, home / f"printer{number}.credential.json")
        (home / "agent.toml").write_text(self._settings(), encoding="utf-8")
        self._agent = start_agent(home)
        return self

    def __exit__(self, *_: object) -> None:
        if self._agent is not None:
            end(self._agent)
        self.hub.kill()
        for each in (self.network, self.camera, self.printer):
            each.stop()

    def process(self, part: str) -> subprocess.Popen[bytes]:
        """The process of "agent" or "hub"."""
        process = self._agent if part == "agent" else self.hub.process
        assert process is not None
        return process

    def use(self, part: str) -> Use | None:
        """What a process holds now; None if it is not running."""
        folder = Path(f"/proc/{self.process(part).pid}")
        with contextlib.suppress(OSError):
            status = dict(line.split(":", 1) for line in (folder / "status").read_text().splitlines())
            if "VmRSS" in status:
                files = sum(1 for _ in (folder / "fd").iterdir())
                return Use(int(status["VmRSS"].split()[0]), int(status["Threads"]), files)
        return None

    def frames(self) -> dict[tuple[str, str], int]:
        """The number of the newest frame of each camera, as the hub tells it."""
        return {
            (card["name"], each["name"]): each["seq"] for card in self._cards() for each in card["cameras"]
        }

    def healthy(self, before: dict[tuple[str, str], int]) -> bool:
        """Whether both printers print and are watched, and both cameras have sent another frame than before."""
        cards, after = self._cards(), self.frames()
        watched = [card for card in cards if (card["watch"], card["phase"]) == ("watched", "printing")]
        newer = all(seq and seq != before.get(name) for name, seq in after.items())
        return len(watched) == 2 and len(after) == 2 and newer and not any(_faulty(card) for card in cards)

    def told(self) -> str:
        """What the hub says of the printers, for a failure."""
        return json.dumps([(card["name"], card["watch"], card["watch_reason"]) for card in self._cards()])

    def _cards(self) -> list[dict]:
        return self.hub.asked("/api/v1/printers").get("printers", [])

    def _stream(self, request: Request) -> None:
        request.send_response(200)
        request.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        request.send_header("Connection", "close")
        request.end_headers()
        number = 0
        while True:
            self.camera.wait()
            picture = self._pictures[number % len(self._pictures)]
            head = b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(picture)
            request.wfile.write(head + picture + b"\r\n")
            number += 1
            time.sleep(1 / _FPS)

    def _prusalink(self) -> PrusaLink:
        printer = PrusaLink()
        printer.begin()
        return printer

    def _settings(self) -> str:
        path = clip(self._folder / "clip.mjpeg", self._pictures)
        return f"""
[[printer]]
credential = "printer1.credential.json"
kind = "simulated"
options = {{job_s = 1e6}}
[[printer.camera]]
name = "clip"
kind = "clip"
options = {{path = {json.dumps(str(path))}, fps = 0.0, loop = true}}
[[printer]]
credential = "printer2.credential.json"
kind = "prusalink"
options = {{url = "http://127.0.0.1:{self.printer.port}", user = "{USER}", password = "{PASSWORD}"}}
[[printer.camera]]
name = "stream"
kind = "mjpeg"
options = {{url = "http://127.0.0.1:{self.camera.port}/stream"}}
"""


def _faulty(card: dict) -> bool:
    return any(each["fault"] for each in card["cameras"])


def redeemed(line: str) -> Credential | None:
    """The credential once the hub answers."""
    try:
        return enrolment.redeem(enrolment.parse(line))
    except EnrolmentError:
        return None
