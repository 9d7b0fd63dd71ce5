"""Keeps Home Assistant told: announcements for each integration, states, events, and again after its restart."""

from __future__ import annotations

import json
import logging
import random
import threading
from collections.abc import Callable

from agent import topics
from agent.session import Message
from hub.access import DISCOVERY, Kind, Right
from hub.credentials import Credentials
from hub.discovery import EVENTS, HUB_STATUS, OFFLINE, ONLINE, Announced, hub_messages, messages
from hub.intents import INTENTS, payload
from hub.live import Live, PrinterLive
from hub.store.printers import Printers

BIRTH = f"{DISCOVERY}/status"
SPREAD_S = 5.0
WITHDRAW_S = 2.0

log = logging.getLogger(__name__)


class Announcer:
    """Publishes what integrations may know. `form` is "device", "entity" or "off"."""

    def __init__(
        self,
        printers: Printers,
        credentials: Credentials,
        live: Live,
        publish: Callable[[Message], None],
        settle: Callable[[Message, float], bool],
        form: str,
    ) -> None:
        self._printers, self._credentials, self._live = printers, credentials, live
        self._publish, self._settle, self._form = publish, settle, form
        self._lock = threading.Lock()
        self._announced: dict[str, bytes] = {}
        self._told: dict[str, bytes] = {}
        self._again: threading.Timer | None = None

    def connected(self) -> None:
        """The hub is connected (again): say so, and tell everything anew to a broker that may have forgotten."""
        with self._lock:
            self._announced.clear()
            self._told.clear()
        self._publish(Message(HUB_STATUS, ONLINE.encode(), retain=True))

    def start(self) -> None:
        """Announce everything."""
        self.refresh()

    def stop(self) -> None:
        """Say goodbye."""
        with self._lock:
            if self._again is not None:
                self._again.cancel()
        self._publish(Message(HUB_STATUS, OFFLINE.encode(), retain=True))

    def refresh(self) -> None:
        """Announce what is new or changed and clear what is gone."""
        if self._form == "off":
            return
        wanted = {message.topic: message for message in self._wanted()}
        with self._lock:
            gone = [topic for topic in self._announced if topic not in wanted]
            fresh = [each for each in wanted.values() if self._announced.get(each.topic) != each.payload]
            self._announced = {topic: message.payload for topic, message in wanted.items()}
        for topic in gone:
            self._publish(Message(topic, b"", retain=True))
        for message in fresh:
            self._publish(message)

    def withdraw(self, printer: str) -> None:
        """Clear what was announced of a printer while its readers may still be told."""
        with self._lock:
            gone = [topic for topic in self._announced if f"_{printer}/" in topic]
            for topic in gone:
                del self._announced[topic]
        for topic in gone:
            self._settle(Message(topic, b"", retain=True), WITHDRAW_S)

    def tick(self, printer: str) -> None:
        """Tell a printer's state where it changed."""
        with self._live.lock:
            live = self._live.printer(printer)
            online, state = (ONLINE if live.online else OFFLINE).encode(), _state(live)
        self._tell(topics.out(printer, "online"), online)
        self._tell(topics.out(printer, "state"), state)

    def event(self, printer: str, kind: str, level: str, text: str) -> None:
        """Tell an event that Home Assistant knows a name for."""
        if kind in EVENTS:
            body = json.dumps({"event_type": kind, "level": level, "text": text}).encode()
            self._publish(Message(topics.out(printer, "event"), body))

    def detection(self, printer: str, jpeg: bytes) -> None:
        """Show the picture of the newest decision."""
        self._publish(Message(topics.out(printer, "detection"), jpeg, retain=True))

    def birth(self, body: bytes) -> None:
        """Home Assistant started: announce everything again, after a moment so that many hubs do not speak at once."""
        if body != ONLINE.encode():
            return
        with self._lock:
            self._announced.clear()
            if self._again is not None:
                self._again.cancel()
            self._again = threading.Timer(random.uniform(0, SPREAD_S), self.refresh)
            self._again.daemon = True
            self._again.start()

    def _tell(self, topic: str, body: bytes) -> None:
        with self._lock:
            known, self._told[topic] = self._told.get(topic), body
        if known != body:
            self._publish(Message(topic, body, retain=True))

    def _wanted(self) -> list[Message]:
        found: list[Message] = []
        for row in self._printers.credentials():
            if row.kind != Kind.INTEGRATION:
                continue
            principal = self._credentials.principal(row.username)
            for printer, right in principal.rights.items() if principal else ():
                found += messages(self._announced_printer(row.username[2:], printer, right), form=self._form)
        return [*hub_messages(form=self._form), *found] if found else []

    def _announced_printer(self, credential: str, printer: str, right: Right) -> Announced:
        row = self._printers.get(printer)
        assert row is not None
        with self._live.lock:
            cameras = tuple(sorted(self._live.printer(printer).cameras))
        actions = INTENTS if right >= Right.CONTROL else ()
        intents = {action: payload(row.key, credential, action) for action in actions}
        return Announced(credential, printer, row.name, cameras, intents)


def will() -> Message:
    """What the broker tells when the hub is gone without a word."""
    return Message(HUB_STATUS, OFFLINE.encode(), retain=True)


def _state(live: PrinterLive) -> bytes:
    state = live.state
    body = {
        "phase": state.phase if state and live.online else "unknown",
        "file": state.file if state else "",
        "progress": state.progress if state else None,
        "remaining_s": state.remaining_s if state else None,
        "layer": state.layer if state else None,
        "layers": state.layers if state else None,
        "message": state.message if state else "",
    }
    return json.dumps(body).encode()
