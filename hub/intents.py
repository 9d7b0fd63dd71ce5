"""Intents: what integrations ask for over MQTT. The hub checks the right and signs the command.

MQTT does not tell who published, so an intent's topic names its credential (the broker lets only that one write
there) and its payload carries a capability made for that credential, printer and action: an integration without it
can ask for nothing, and one that saw another's topic neither.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from agent.protocol import ACTIONS
from agent.seal import derive
from agent.topics import Topic
from hub.access import Principal, Right, may_use
from hub.knobs import KNOBS, turned
from hub.policy import PrinterSettings
from hub.store.history import CommandRow

DISMISS, TEST = "dismiss", "test_detection"
#: What needs control of a printer, and what needs its owner's leave to change settings.
INTENTS = (*ACTIONS, DISMISS, TEST)
MAX_INTENT = 200

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Wish:
    """An intent whose capability fits; `value` belongs to a setting and is empty otherwise."""

    action: str
    value: str = ""


def capability(key: bytes, credential: str, action: str) -> str:
    """What a credential must show to ask for an action on the printer with this end-to-end key."""
    message = f"{credential}\0{action}".encode()
    return hashlib.blake2b(message, key=derive(key, "intent"), digest_size=16).hexdigest()


def payload(key: bytes, credential: str, action: str) -> str:
    """The payload of an intent, which Home Assistant sends as a button's press; a setting's value follows it."""
    return f"{action} {capability(key, credential, action)}"


def payloads(key: bytes, credential: str, right: Right) -> dict[str, str]:
    """Every payload that a right is enough for, by action."""
    allowed = (*INTENTS, *KNOBS) if right >= Right.OWN else INTENTS if right >= Right.CONTROL else ()
    return {action: payload(key, credential, action) for action in allowed}


def read(key: bytes, credential: str, body: bytes) -> Wish:
    """What an intent asks for; raises ValueError saying why it is not honoured."""
    if len(body) > MAX_INTENT:
        raise ValueError("too long")
    action, *rest = body.decode("ascii", "replace").split(" ")
    if action not in INTENTS and action not in KNOBS:
        raise ValueError(f"{action!r:.40} is none of {', '.join((*INTENTS, *KNOBS))}")
    if not rest or not hmac.compare_digest(rest[0].encode(), capability(key, credential, action).encode()):
        raise ValueError("its capability does not fit the credential, the printer or the action")
    if len(rest) != (2 if action in KNOBS else 1):
        raise ValueError(f"{action} takes {'one value' if action in KNOBS else 'no value'}")
    return Wish(action, *rest[1:])


@dataclass(frozen=True)
class IntentParts:
    """What intents lead to. `note` writes (actor, action, printer, detail) into the audit log."""

    key_of: Callable[[str], bytes | None]
    principal_of: Callable[[str], Principal | None]
    isolated: Callable[[], bool]
    settings_of: Callable[[str], PrinterSettings]
    order: Callable[..., CommandRow]
    dismiss: Callable[[str], None]
    test: Callable[[str, str], object]
    change: Callable[[str, Mapping[str, Any]], object]
    refused: Callable[[str, str], None]
    note: Callable[[str, str, str, str], None]


class IntentDesk:
    """Honours intents, as long as the hub's attack on itself fails."""

    def __init__(self, parts: IntentParts) -> None:
        self._parts = parts

    def receive(self, topic: Topic, body: bytes, retained: bool) -> None:
        """Take one message from an intent topic; a refusal is told with its reason."""
        try:
            wish = self._checked(topic, body, retained)
            self._grant(topic.printer, f"integration {topic.kind}", wish)
        except ValueError as error:
            log.warning("printer %s: refused an intent of %s: %s", topic.printer, topic.kind, error)
            self._parts.refused(topic.printer, f"intent of integration {topic.kind}: {error}")

    def _checked(self, topic: Topic, body: bytes, retained: bool) -> Wish:
        printer, credential = topic.printer, topic.kind
        if topic.name or retained:
            raise ValueError("retained or on a wrong topic")
        if not self._parts.isolated():
            raise ValueError(
                "the hub's attack on itself succeeded, so nothing that came over MQTT is honoured"
            )
        key, principal = self._parts.key_of(printer), self._parts.principal_of(f"i-{credential}")
        if key is None or principal is None or not may_use(principal, Right.CONTROL, printer):
            raise ValueError("this integration has no control of this printer")
        wish = read(key, credential, body)
        if wish.action in KNOBS and not may_use(principal, Right.OWN, printer):
            raise ValueError("this integration may not change settings")
        return wish

    def _grant(self, printer: str, who: str, wish: Wish) -> None:
        """Do what is asked for, and write it down; raises ValueError where it makes no sense."""
        parts = self._parts
        if wish.action in KNOBS:
            now = parts.settings_of(printer)
            turning = turned(wish.action, wish.value, now).items()
            changes = {name: value for name, value in turning if getattr(now, name) != value}
            if not changes:
                return
            parts.change(printer, changes)
        elif wish.action == DISMISS:
            parts.dismiss(printer)
        elif wish.action == TEST:
            parts.test(printer, who)
        else:
            parts.order(printer, wish.action, initiator=who, reason="asked for over MQTT")
        parts.note(who, wish.action, printer, wish.value)
