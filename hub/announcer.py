"""Keeps integrations told: announcements for Home Assistant, states, events, and all of it again after a restart."""

from __future__ import annotations

import json
import logging
import random
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from agent import topics
from agent.session import Message
from hub import telling
from hub.access import DISCOVERY, Kind, Principal, Right
from hub.credentials import Credentials
from hub.discovery import Announced, hub_messages, messages
from hub.entities import EVENTS, HUB_HEALTH, HUB_STATUS, OFFLINE, ONLINE
from hub.intents import payloads
from hub.live import Live
from hub.policy import settings_from
from hub.store.printers import PrinterRow, Printers

BIRTH = f"{DISCOVERY}/status"
SPREAD_S = 5.0
WITHDRAW_S = 2.0
#: What changes with every frame is told this often, since Home Assistant keeps every value it is told.
SELDOM_S = 30.0

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
        self._seldom: dict[str, float] = {}
        self._scored: tuple[float, float] | None = None
        self._again: threading.Timer | None = None

    def connected(self) -> None:
        """The hub is connected (again): say so, and tell everything anew to a broker that may have forgotten."""
        with self._lock:
            for known in (self._announced, self._told, self._seldom):
                known.clear()
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
        """Clear what was announced and told of a printer while its readers may still be told."""
        with self._lock:
            gone = [topic for topic in self._announced if f"_{printer}/" in topic]
            for topic in gone:
                del self._announced[topic]
            told = [topic for topic in self._told if f"/{printer}/" in topic]
            for topic in told:
                del self._told[topic]
        for topic in gone:
            self._settle(Message(topic, b"", retain=True), WITHDRAW_S)
        for topic in (*told, topics.out(printer, "detection")):
            self._publish(Message(topic, b"", retain=True))

    def tick(self, row: PrinterRow, now: float) -> None:
        """Tell what changed of a printer; `now` is monotonic."""
        printer = row.id
        with self._live.lock:
            live = self._live.printer(printer)
            online = (ONLINE if live.online else OFFLINE).encode()
            state, verdict = telling.state(live), telling.verdict(live)
            sight = telling.sight(live, now, time.time())
        self.tell(_retained(topics.out(printer, "online"), online))
        self.tell(_retained(topics.out(printer, "state"), state))
        self.tell(_retained(topics.out(printer, "verdict"), verdict))
        self.tell(_retained(topics.out(printer, "settings"), telling.settings(settings_from(row.settings))))
        topic = topics.out(printer, "sight")
        if sight is not None and self._due(topic, now):
            self.tell(_retained(topic, sight))

    def tick_hub(self, health: Mapping[str, Any], now: float) -> None:
        """Tell how the hub itself is, and each integration how its printers are; `now` is monotonic."""
        for principal in self._integrations():
            with self._live.lock:
                body = telling.world(self._live.printer(printer) for printer in principal.rights)
            self.tell(_retained(topics.hub(principal.id), body))
        if self._due(HUB_HEALTH, now):
            scored = float(health["frames_scored"])
            since = self._scored
            self._scored = (now, scored)
            per_second = (scored - since[1]) / (now - since[0]) if since else None
            self.tell(_retained(HUB_HEALTH, telling.health(health, per_second)))

    def event(self, printer: str, kind: str, level: str, text: str) -> None:
        """Tell an event that Home Assistant knows a name for."""
        if kind in EVENTS:
            body = json.dumps({"event_type": kind, "level": level, "text": text}).encode()
            self._publish(Message(topics.out(printer, "event"), body))

    def detection(self, printer: str, jpeg: bytes) -> None:
        """Show the picture of the newest decision."""
        self._publish(Message(topics.out(printer, "detection"), jpeg, retain=True))

    def birth(self, body: bytes) -> None:
        """Home Assistant started: tell everything again, after a moment so that many hubs do not speak at once."""
        if body != ONLINE.encode():
            return
        with self._lock:
            if self._again is not None and self._again.is_alive():
                return
            self._again = threading.Timer(random.uniform(0, SPREAD_S), self._tell_again)
            self._again.daemon = True
            self._again.start()

    def tell(self, message: Message) -> None:
        """Publish a retained state unless it is what was told last."""
        with self._lock:
            known, self._told[message.topic] = self._told.get(message.topic), message.payload
        if known != message.payload:
            self._publish(message)

    def _tell_again(self) -> None:
        self.connected()
        self.refresh()

    def _due(self, topic: str, now: float) -> bool:
        """Whether something was not told for a while; then it counts as told."""
        with self._lock:
            due = now - self._seldom.get(topic, float("-inf")) >= SELDOM_S
            if due:
                self._seldom[topic] = now
        return due

    def _wanted(self) -> list[Message]:
        found: list[Message] = []
        for principal in self._integrations():
            found += hub_messages(principal.id, form=self._form)
            for printer, right in principal.rights.items():
                found += messages(self._described(principal.id, printer, right), form=self._form)
        return found

    def _integrations(self) -> list[Principal]:
        """Every integration with at least one printer."""
        rows = [row for row in self._printers.credentials() if row.kind == Kind.INTEGRATION]
        every = [self._credentials.principal(row.username) for row in rows]
        return [each for each in every if each is not None and each.rights]

    def _described(self, credential: str, printer: str, right: Right) -> Announced:
        row = self._printers.get(printer)
        assert row is not None
        with self._live.lock:
            cameras = tuple(sorted(self._live.printer(printer).cameras))
        return Announced(credential, printer, row.name, cameras, payloads(row.key, credential, right))


def will() -> Message:
    """What the broker tells when the hub is gone without a word."""
    return Message(HUB_STATUS, OFFLINE.encode(), retain=True)


def _retained(topic: str, body: bytes) -> Message:
    return Message(topic, body, retain=True)
