"""What all connections of the embedded broker share: policy, routes, counters and the way a message takes."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable
from typing import Protocol

from hub.access import Action, Kind, Principal, may
from hub.broker import packets
from hub.broker.directory import Directory
from hub.broker.routes import Retained, RetainedMessages, Subscriptions
from hub.broker.settings import Limits

log = logging.getLogger(__name__)


class Receiver(Protocol):
    """A logged-in connection as the router sees it."""

    username: str

    def deliver(self, message: packets.Publish, qos: int, *, retain: bool) -> None:
        """Send a message if its receiver may have it at this moment."""
        ...

    @property
    def waiting(self) -> int:
        """Bytes that have not reached its socket yet."""
        ...


class Core:
    """The policy and the tables behind the gate. Used on the broker's event loop only."""

    def __init__(self, directory: Directory, limits: Limits, tell: Callable[[str, str, str], None]) -> None:
        self.directory = directory
        self.limits = limits
        self.tell = tell
        self.subscriptions: Subscriptions[Receiver] = Subscriptions()
        self.retained = RetainedMessages()
        self.counts: Counter[str] = Counter()

    def may(self, username: str, action: Action, topic: str) -> bool:
        """Whether a user name may do this now; asks the directory every time, so a revocation acts at once."""
        principal = self.directory.principal(username)
        return principal is not None and may(principal, action, topic)

    def publish(self, username: str, message: packets.Publish) -> bool:
        """Route a message if its sender may publish it; False (told and counted) when not."""
        principal = self.directory.principal(username)
        if principal is None or not may(principal, Action.PUBLISH, message.topic):
            self.counts["publishes_denied"] += 1
            if principal is not None:  # what a revocation cuts off, wills above all, is nobody's attempt
                self.tell("publish_denied", username, f"topic {message.topic[:128]!r}")
            return False
        self.counts["publishes"] += 1
        if message.retain:
            self._retain(principal, username, message)
        receivers = self.subscriptions.receivers(message.topic, _least_busy)
        for receiver, wanted in receivers.items():
            receiver.deliver(message, min(message.qos, wanted), retain=False)
        return True

    def replay(self, receiver: Receiver, wanted: str, qos: int) -> None:
        """Send what is retained under a filter to a new subscriber."""
        for kept in self.retained.matching(wanted):
            message = packets.Publish(kept.topic, kept.payload, kept.qos, retain=True)
            receiver.deliver(message, min(qos, kept.qos), retain=True)

    def _retain(self, principal: Principal, username: str, message: packets.Publish) -> None:
        hub = principal.kind is Kind.HUB
        kept = self.retained.put(
            Retained(message.topic, message.payload, message.qos, username),
            most=2**31 if hub else self.limits.retained,
            most_bytes=2**40 if hub else self.limits.retained_bytes,
        )
        if not kept:
            self.counts["retained_refused"] += 1
            self.tell("retained_refused", username, f"topic {message.topic[:128]!r}: its share is used up")


class Bucket:
    """Two token buckets in one: packets and bytes, each with a burst of five seconds' worth."""

    BURST = 5.0

    def __init__(
        self, packets_per_second: float, bytes_per_second: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._rates = (packets_per_second, bytes_per_second)
        self._levels = [rate * self.BURST for rate in self._rates]
        self._clock = clock
        self._last = clock()

    def delay(self, size: int) -> float:
        """Take one packet of this size out; how long its sender must rest before the next one is read."""
        now = self._clock()
        passed, self._last = now - self._last, now
        rest = 0.0
        for place, (rate, cost) in enumerate(zip(self._rates, (1, size), strict=True)):
            level = min(rate * self.BURST, self._levels[place] + passed * rate) - cost
            self._levels[place] = level
            rest = max(rest, -level / rate)
        return rest


def _least_busy(receivers: list[Receiver]) -> Receiver:
    return min(receivers, key=lambda each: each.waiting)
