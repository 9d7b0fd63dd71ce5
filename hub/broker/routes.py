"""Who gets what: subscriptions, shared subscriptions and retained messages. Pure bookkeeping, no policy."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from hub.access import SHARED, matches

C = TypeVar("C")


@dataclass(frozen=True)
class Retained:
    """The newest retained message of a topic and who left it."""

    topic: str
    payload: bytes
    qos: int
    owner: str

    @property
    def size(self) -> int:
        return len(self.topic) + len(self.payload)


@dataclass
class _Filter(Generic[C]):
    """The subscribers of one filter, and of each shared group on it."""

    members: dict[C, int] = field(default_factory=dict)
    groups: dict[str, dict[C, int]] = field(default_factory=dict)


class Subscriptions(Generic[C]):
    """Filters and their subscribers, looked up by topic."""

    def __init__(self) -> None:
        self._exact: dict[str, _Filter[C]] = {}
        self._wild: dict[str, _Filter[C]] = {}
        self._of: dict[C, dict[str, None]] = {}
        self._total = 0

    def __len__(self) -> int:
        return self._total

    def count(self, subscriber: C) -> int:
        """How many filters a subscriber holds."""
        return len(self._of.get(subscriber, ()))

    def holds(self, subscriber: C, wanted: str) -> bool:
        """Whether a subscriber holds exactly this filter."""
        return wanted in self._of.get(subscriber, ())

    def add(self, subscriber: C, wanted: str, qos: int) -> None:
        """Subscribe; an identical filter is replaced."""
        group, inner = split_shared(wanted)
        entry = self._table(inner).setdefault(inner, _Filter())
        members = entry.groups.setdefault(group, {}) if group else entry.members
        members[subscriber] = qos
        self._total += not self.holds(subscriber, wanted)
        self._of.setdefault(subscriber, {})[wanted] = None

    def remove(self, subscriber: C, wanted: str) -> None:
        """Unsubscribe; nothing happens when there was no such subscription."""
        if not self.holds(subscriber, wanted):
            return
        del self._of[subscriber][wanted]
        self._total -= 1
        group, inner = split_shared(wanted)
        table = self._table(inner)
        entry = table[inner]
        members = entry.groups[group] if group else entry.members
        del members[subscriber]
        if group and not members:
            del entry.groups[group]
        if not entry.members and not entry.groups:
            del table[inner]

    def drop(self, subscriber: C) -> None:
        """Forget a subscriber altogether."""
        for wanted in list(self._of.get(subscriber, ())):
            self.remove(subscriber, wanted)
        self._of.pop(subscriber, None)

    def receivers(self, topic: str, choose: Callable[[list[C]], C]) -> dict[C, int]:
        """Everybody who gets a message on a topic, once, with the highest quality asked for.

        Of each shared group `choose` picks one.
        """
        result: dict[C, int] = {}
        for entry in self._matching(topic):
            for subscriber, qos in entry.members.items():
                result[subscriber] = max(qos, result.get(subscriber, 0))
            for members in entry.groups.values():
                chosen = choose(list(members))
                qos = members.pop(chosen)
                members[chosen] = qos  # to the end: the next message finds somebody else first
                result[chosen] = max(qos, result.get(chosen, 0))
        return result

    def _matching(self, topic: str) -> Iterator[_Filter[C]]:
        if (entry := self._exact.get(topic)) is not None:
            yield entry
        for wanted, entry in self._wild.items():
            if matches(wanted, topic):
                yield entry

    def _table(self, inner: str) -> dict[str, _Filter[C]]:
        return self._wild if "+" in inner or "#" in inner else self._exact


class RetainedMessages:
    """The retained messages, bounded for each owner."""

    def __init__(self) -> None:
        self._messages: dict[str, Retained] = {}
        self._owned: dict[str, dict[str, int]] = {}

    def __len__(self) -> int:
        return len(self._messages)

    @property
    def size(self) -> int:
        return sum(each.size for each in self._messages.values())

    def put(self, message: Retained, most: int, most_bytes: int) -> bool:
        """Keep a message (an empty payload clears its topic); False when its owner's share is used up."""
        previous = self._messages.get(message.topic)
        if not message.payload:
            self._forget(previous)
            return True
        owned = dict(self._owned.get(message.owner, {}))
        owned[message.topic] = message.size
        if len(owned) > most or sum(owned.values()) > most_bytes:
            return False
        self._forget(previous)
        self._messages[message.topic] = message
        self._owned.setdefault(message.owner, {})[message.topic] = message.size
        return True

    def matching(self, wanted: str) -> list[Retained]:
        """What a new subscriber to a filter gets; shared subscriptions get nothing."""
        group, inner = split_shared(wanted)
        if group:
            return []
        if "+" not in inner and "#" not in inner:
            exact = self._messages.get(inner)
            return [exact] if exact is not None else []
        return [each for each in self._messages.values() if matches(inner, each.topic)]

    def _forget(self, message: Retained | None) -> None:
        if message is None:
            return
        del self._messages[message.topic]
        owned = self._owned[message.owner]
        del owned[message.topic]
        if not owned:
            del self._owned[message.owner]


def split_shared(wanted: str) -> tuple[str, str]:
    """The group and the filter of a shared subscription; no group for any other filter."""
    if not wanted.startswith(SHARED):
        return "", wanted
    group, _, inner = wanted[len(SHARED) :].partition("/")
    return group, inner
