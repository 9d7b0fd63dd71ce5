"""Intents: what integrations ask for over MQTT. The hub checks the right and signs the command.

MQTT does not tell who published, so an intent's topic names its credential (the broker lets only that one write
there) and its payload carries a capability made for that credential, printer and action: an integration without it
can ask for nothing, and one that saw another's topic neither.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
from collections.abc import Callable

from agent.protocol import ACTIONS
from agent.seal import derive
from agent.topics import Topic
from hub.access import Principal, Right, may_use
from hub.store.history import CommandRow

INTENTS = (*ACTIONS, "dismiss")
MAX_INTENT = 200

log = logging.getLogger(__name__)


def capability(key: bytes, credential: str, action: str) -> str:
    """What a credential must show to ask for an action on the printer with this end-to-end key."""
    message = f"{credential}\0{action}".encode()
    return hashlib.blake2b(message, key=derive(key, "intent"), digest_size=16).hexdigest()


def payload(key: bytes, credential: str, action: str) -> str:
    """The whole payload of an intent, which Home Assistant sends as a button's press."""
    return f"{action} {capability(key, credential, action)}"


def read(key: bytes, credential: str, body: bytes) -> str:
    """The action an intent asks for; raises ValueError saying why it is not honoured."""
    if len(body) > MAX_INTENT:
        raise ValueError("too long")
    action, _, shown = body.decode("ascii", "replace").partition(" ")
    if action not in INTENTS:
        raise ValueError(f"{action!r:.40} is none of {', '.join(INTENTS)}")
    if not hmac.compare_digest(shown, capability(key, credential, action)):
        raise ValueError("its capability does not fit the credential, the printer or the action")
    return action


class IntentDesk:
    """Honours intents, as long as the hub's attack on itself fails."""

    def __init__(
        self,
        key_of: Callable[[str], bytes | None],
        principal_of: Callable[[str], Principal | None],
        isolated: Callable[[], bool],
        order: Callable[..., CommandRow],
        dismiss: Callable[[str], None],
        refused: Callable[[str, str], None],
    ) -> None:
        self._key_of, self._principal_of, self._isolated = key_of, principal_of, isolated
        self._order, self._dismiss, self._refused = order, dismiss, refused

    def receive(self, topic: Topic, body: bytes, retained: bool) -> None:
        """Take one message from an intent topic; a refusal is told with its reason."""
        try:
            self._honour(topic, body, retained)
        except ValueError as error:
            log.warning("printer %s: refused an intent of %s: %s", topic.printer, topic.kind, error)
            self._refused(topic.printer, f"intent of integration {topic.kind}: {error}")

    def _honour(self, topic: Topic, body: bytes, retained: bool) -> None:
        printer, credential = topic.printer, topic.kind
        if topic.name or retained:
            raise ValueError("retained or on a wrong topic")
        if not self._isolated():
            raise ValueError(
                "the hub's attack on itself succeeded, so nothing that came over MQTT is honoured"
            )
        key, principal = self._key_of(printer), self._principal_of(f"i-{credential}")
        if key is None or principal is None or not may_use(principal, Right.CONTROL, printer):
            raise ValueError("this integration has no control of this printer")
        action = read(key, credential, body)
        if action == "dismiss":
            self._dismiss(printer)
        else:
            self._order(printer, action, initiator=f"integration {credential}", reason="asked for over MQTT")
