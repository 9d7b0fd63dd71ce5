"""Klipper through Moonraker: JSON-RPC over HTTP, one request a snapshot."""

from __future__ import annotations

import urllib.parse
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from agent.clock import ticks
from agent.http_client import Client
from agent.printers.base import ORDERS, CameraOffer, PrinterError, Snapshot
from agent.printers.driver import Polled
from agent.printers.offers import offer
from agent.printers.rest import Rest, number, one_line, rows, table, text, whole
from agent.protocol import AFTER_PAUSE

_PHASES = {
    "standby": "idle",
    "printing": "printing",
    "paused": "paused",
    "complete": "finished",
    "cancelled": "cancelled",
    "error": "error",
}
#: Cancelling waits for the moves that are queued, and macros may park the head first.
_SLOW_S = 60.0
_OBJECTS = {
    "webhooks": None,
    "print_stats": None,
    "virtual_sdcard": ["progress", "file_position"],
    "extruder": ["temperature", "target"],
    "heater_bed": ["temperature", "target"],
    "toolhead": ["position"],
}
_NAMES = {"hotend": "extruder", "bed": "heater_bed"}


@dataclass(frozen=True)
class Settings:
    """`key` is Moonraker's API key; empty only where Moonraker trusts this machine."""

    url: str = "http://127.0.0.1:7125"
    key: str = ""
    ca: str = ""
    timeout_s: float = 10.0

    def __post_init__(self) -> None:
        Client(self.url)


class Moonraker(Polled):
    """One Moonraker; a restart of Klipper or Moonraker needs no care."""

    name = "Moonraker"
    after = frozenset(AFTER_PAUSE)

    def __init__(self, settings: Settings, clock: Callable[[], float] = ticks) -> None:
        headers = {"X-Api-Key": settings.key} if settings.key else {}
        rest = Rest(self.name, settings.url, headers=headers, timeout_s=settings.timeout_s, ca=settings.ca)
        super().__init__(rest, clock)
        self._retracted = 0.0
        self._position: list[float] = []

    def _look(self) -> Snapshot:
        """State, job and temperatures; raises PrinterError also while Klipper is down or starting."""
        asked = self._clock()
        answers = self._ask(
            ("printer.objects.query", {"objects": _OBJECTS}),
            ("server.history.list", {"limit": 1, "order": "desc"}),
        )
        status = table(_result(answers[0]), "status")
        klippy = table(status, "webhooks")
        if klippy.get("state") in ("shutdown", "error"):
            return Snapshot(phase="error", message=text(klippy.get("state_message")))
        if klippy.get("state") != "ready":
            raise PrinterError(f"Klipper is {text(klippy.get('state')) or 'not ready'}")
        latest = rows(table(answers[1], "result").get("jobs"))  # none where the history is switched off
        return self._told(status, latest[0] if latest else {}, asked)

    def after_pause(self, options: Mapping[str, float]) -> None:
        """Retract and lift by G-code, then the heaters; each is seen in what Klipper reports."""
        if options.get("retract_mm"):
            self._move(3, -options["retract_mm"])
            self._retracted += options["retract_mm"]
        if options.get("lift_mm"):
            self._move(2, options["lift_mm"])
        super().after_pause(options)

    def cameras(self) -> tuple[CameraOffer, ...]:
        """The webcams that Moonraker knows and that are enabled."""
        webcams = rows(table(self._rpc("server.webcams.list")).get("webcams"))
        found = [
            offer(
                text(each.get("name")),
                text(each.get("snapshot_url"), 2000),
                text(each.get("stream_url"), 2000) if "mjpeg" in text(each.get("service")) else "",
                self._web(),
                flip_h=each.get("flip_horizontal") is True,
                flip_v=each.get("flip_vertical") is True,
                rotate={90: 90, 180: 180, 270: 270}.get(whole(each.get("rotation")) or 0, 0),
            )
            for each in webcams
            if each.get("enabled") is not False
        ]
        return tuple(each for each in found if each)

    def show(self, message: str) -> None:
        """Show a line on the display; waits while Klipper is busy, for instance heating."""
        self._script(f'SET_DISPLAY_TEXT MSG="{one_line(message)}"')

    def _told(self, status: dict[str, Any], latest: dict[str, Any], asked: float) -> Snapshot:
        stats, card = table(status, "print_stats"), table(status, "virtual_sdcard")
        phase = _PHASES.get(text(stats.get("state")), "unknown")
        printed = number(stats.get("total_duration"), 0, 1e6) or 0.0
        if phase in ORDERS:
            file = text(stats.get("filename"))
            mine = latest.get("status") == "in_progress" and latest.get("filename") == file
            name = text(latest.get("job_id")) if mine else ""
            place = number(card.get("file_position"), 0) or 0.0
            self._follow((file,), place, printed, name=name, asked=asked)
        else:
            self._run.over()
        progress = number(card.get("progress"), 0, 1)
        position = table(status, "toolhead").get("position")
        self._position = [number(each) or 0.0 for each in position] if isinstance(position, list) else []
        return Snapshot(
            phase=phase,
            job=self._run.job,
            file=text(stats.get("filename")),
            progress=progress,
            remaining_s=printed * (1 - progress) / progress if progress and progress > 0.01 else None,
            layer=whole(table(stats, "info").get("current_layer")),
            layers=whole(table(stats, "info").get("total_layer")),
            temperatures={
                name: (
                    number(table(status, known).get("temperature"), -300, 3000) or 0.0,
                    number(table(status, known).get("target"), -300, 3000) or 0.0,
                )
                for name, known in _NAMES.items()
                if table(status, known)
            },
            can=ORDERS.get(phase, ()),
            message=text(stats.get("message")),
        )

    def _another_print(self) -> None:
        super()._another_print()
        self._retracted = 0.0

    def _give(self, order: str, job: str) -> None:
        """Retracted filament is pushed back first. What Klipper does afterwards counts, not what it answers."""
        if order == "resume" and self._retracted:
            self._move(3, self._retracted)
            self._retracted = 0.0
        try:
            self._rpc(f"printer.print.{order}", timeout_s=_SLOW_S)
        except PrinterError:
            # a reply that is late or bad tells nothing about the printer: what it does now counts
            if order in self.snapshot().can:
                raise
        after = self.snapshot()
        if after.job and after.job != job:
            raise PrinterError(f"another print began while the order to {order} was under way")

    def _move(self, axis: int, distance: float) -> None:
        """Move Z (2) or the filament (3) by a distance and see it moved; Klipper's own state is kept."""
        self.snapshot()
        before = self._position
        line = f"G91\nG1 Z{distance:.3f} F600" if axis == 2 else f"M83\nG1 E{distance:.3f} F1800"
        self._script("SAVE_GCODE_STATE NAME=printwarden")
        try:
            self._script(f"{line}\nM400")
        finally:  # a refused move ends its script: left relative, the rest of the print would be ruined
            self._script("RESTORE_GCODE_STATE NAME=printwarden")
        self.snapshot()
        if len(self._position) <= axis or abs(self._position[axis] - before[axis] - distance) > 0.05:
            raise PrinterError(f"the printer was told to move by {distance:g} mm and did not")

    def _set_heater(self, heater: str, target: float) -> None:
        self._script(f"SET_HEATER_TEMPERATURE HEATER={_NAMES[heater]} TARGET={target:g}")

    def _script(self, lines: str) -> None:
        self._rpc("printer.gcode.script", {"script": lines}, timeout_s=_SLOW_S)

    def _rpc(self, method: str, parameters: Mapping[str, Any] | None = None, *, timeout_s: float = 0) -> Any:
        (answer,) = self._ask((method, parameters or {}), timeout_s=timeout_s, repeatable=False)
        return _result(answer)

    def _ask(
        self, *calls: tuple[str, Mapping[str, Any]], timeout_s: float = 0, repeatable: bool = True
    ) -> list[dict[str, Any]]:
        """The answers to several calls in one request, in the order of the calls."""
        batch = [
            {"jsonrpc": "2.0", "method": method, "params": parameters, "id": place}
            for place, (method, parameters) in enumerate(calls)
        ]
        reply = self._rest.call("POST", "server/jsonrpc", batch, timeout_s=timeout_s, repeatable=repeatable)
        answers = {
            whole(each.get("id")): each
            for each in rows(self._rest.content(self._rest.checked(reply, "answer")))
        }
        if set(answers) != set(range(len(calls))):
            raise PrinterError("Moonraker: the reply does not fit the question")
        return [answers[place] for place in range(len(calls))]

    def _web(self) -> str:
        """Where Moonraker's front end is: relative camera addresses are its, not those of Moonraker's own port."""
        parts = urllib.parse.urlsplit(self._rest.url)
        return f"http://{parts.hostname}/" if parts.port == 7125 else self._rest.url


def create(settings: Settings) -> Moonraker:
    """The driver of these settings."""
    return Moonraker(settings)


def _result(answer: dict[str, Any]) -> Any:
    if "error" in answer:
        told = text(table(answer, "error").get("message")) or "refused"
        if told == "Unauthorized":
            raise PrinterError("Moonraker wants a key: this machine is none that it trusts")
        raise PrinterError(f"Klipper: {told}")
    return answer.get("result")
