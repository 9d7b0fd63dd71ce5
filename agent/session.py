"""One MQTT connection: TLS, will, birth, reconnecting with jitter. The hub uses it too."""

from __future__ import annotations

import logging
import random
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from agent.endpoint import Endpoint
from agent.trouble import told

KEEPALIVE_S = 20
MAX_BACKOFF_S = 15.0
MAX_QUEUED = 200
REFUSED = "the broker refused"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Message:
    """Something to publish."""

    topic: str
    payload: bytes
    qos: int = 1
    retain: bool = False


def backoff(attempts: int) -> float:
    """Seconds from a lost connection or a vain attempt to the next: doubling, and never the same for two."""
    return random.uniform(0.5, 1.0) * min(MAX_BACKOFF_S, 2.0 ** min(attempts + 1, 10))


def _nothing(_session: int) -> None:
    return None


class Session:
    """A connection that comes back by itself. Callbacks run on its own thread and must be quick.

    `will` and `on_up` are given the number of the connection since start: 1, 2, ... `on_message` is given topic,
    payload and whether the broker sent a retained copy.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        username: str,
        token: str,
        client_id: str,
        filters: Sequence[str],
        on_message: Callable[[str, bytes, bool], None],
        on_up: Callable[[int], None] = _nothing,
        on_down: Callable[[str], None] = lambda _why: None,
        will: Callable[[int], Message | None] = _nothing,
    ) -> None:
        self._endpoint = endpoint
        self._filters = tuple(filters)
        self._on_message, self._on_up, self._on_down, self._will = on_message, on_up, on_down, will
        self._number = self._attempts = 0
        self._newest: dict[str, mqtt.MQTTMessageInfo] = {}
        self._client = mqtt.Client(
            CallbackAPIVersion.VERSION2,
            client_id=client_id,
            clean_session=True,
            protocol=MQTTProtocolVersion.MQTTv311,
        )
        self._client.username_pw_set(username, token)
        self._client.max_queued_messages_set(MAX_QUEUED)
        self._client.on_pre_connect = self._before_connect
        self._client.on_connect = self._connected
        self._client.on_disconnect = self._disconnected
        # paho calls this where it has caught the error and does not hand it over
        where = f"{endpoint.host}:{endpoint.port}"
        self._client.on_connect_fail = lambda *_: self._on_down(told(where, sys.exc_info()[1]))
        self._client.on_message = self._received

    @property
    def connected(self) -> bool:
        """Whether the broker has accepted this connection."""
        return self._client.is_connected()

    def start(self) -> None:
        """Begin to connect, in the background; returns at once."""
        context = self._endpoint.tls()
        if context is not None:
            self._client.tls_set_context(context)
        self._client.connect_async(self._endpoint.host, self._endpoint.port, KEEPALIVE_S)
        self._client.loop_start()

    def stop(self) -> None:
        """Disconnect and end the thread; may be called twice."""
        self._client.disconnect()
        self._client.loop_stop()

    def publish(self, message: Message) -> None:
        """Send, or keep for when the connection is back (QoS 1, at most 200 messages)."""
        self._client.publish(message.topic, message.payload, message.qos, message.retain)

    def settle(self, message: Message, timeout: float) -> bool:
        """Send at QoS 1 and wait until the broker has taken it; not to be called from a callback."""
        info = self._client.publish(message.topic, message.payload, 1, message.retain)
        try:
            info.wait_for_publish(timeout)
            return info.is_published()
        except (RuntimeError, ValueError):  # not connected, or too much waits already
            return False

    def publish_newest(self, message: Message) -> bool:
        """Send unless the last one on this topic is still on its way, so that nothing queues up; whether it was sent."""
        last = self._newest.get(message.topic)
        if not self.connected or (last is not None and not _gone(last)):
            return False
        self._newest[message.topic] = self._client.publish(
            message.topic, message.payload, message.qos, message.retain
        )
        return True

    def _before_connect(self, client: mqtt.Client, _data: Any) -> None:
        will = self._will(self._number + 1)
        if will is not None:
            client.will_set(will.topic, will.payload, will.qos, will.retain)
        self._pace(self._attempts + 1)

    def _pace(self, attempts: int) -> None:
        """Set the wait before the next attempt; paho's own doubling begins anew whenever its bounds are set."""
        self._attempts, wait = attempts, backoff(attempts)
        self._client.reconnect_delay_set(wait, wait)  # type: ignore[arg-type]

    def _connected(self, client: mqtt.Client, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        if reason.is_failure:
            self._on_down(f"{REFUSED}: {reason}")
            return
        self._number += 1
        self._pace(0)
        self._newest.clear()
        for each in self._filters:
            client.subscribe(each, qos=1)
        self._on_up(self._number)

    def _disconnected(
        self, _client: mqtt.Client, _data: Any, _flags: Any, reason: Any, _properties: Any
    ) -> None:
        self._on_down(str(reason))

    def _received(self, _client: mqtt.Client, _data: Any, message: mqtt.MQTTMessage) -> None:
        try:
            self._on_message(message.topic, bytes(message.payload), message.retain)
        except Exception:  # supervisor: one message must not end the thread that all later ones come by
            log.exception("a message on %s could not be dealt with", message.topic)


def _gone(info: mqtt.MQTTMessageInfo) -> bool:
    try:
        return info.is_published()
    except (RuntimeError, ValueError):  # it was never queued, so nothing is on its way
        return True
