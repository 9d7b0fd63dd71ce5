"""What waits for one slow reader: bounded, and of every droppable stream only the newest packet waits. Pure."""

from __future__ import annotations

from collections import OrderedDict


class Full(Exception):
    """What may not be dropped does not fit any more."""


class Outbox:
    """A queue of packets. One put under a `stream` replaces the waiting one of that stream and takes its place."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._waiting: OrderedDict[object, bytes] = OrderedDict()
        self._streams: OrderedDict[str, None] = OrderedDict()
        self.size = 0
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, packet: bytes, stream: str | None = None) -> None:
        """Add a packet; drops the oldest droppable ones when room is needed, raises Full when that is not enough."""
        key: object = object() if stream is None else stream
        replaced = self._waiting.get(key)
        if replaced is not None:
            self.size -= len(replaced)
            self.dropped += 1
        elif stream is not None:
            self._streams[stream] = None
        self._waiting[key] = packet
        self.size += len(packet)
        while self.size > self._limit:
            if not self._streams:
                raise Full(f"{self.size} bytes wait where {self._limit} are allowed")
            oldest, _ = self._streams.popitem(last=False)
            self.size -= len(self._waiting.pop(oldest))
            self.dropped += 1

    def take(self) -> bytes:
        """The packet that has waited longest; raises KeyError when nothing waits."""
        key, packet = self._waiting.popitem(last=False)
        if isinstance(key, str):
            del self._streams[key]
        self.size -= len(packet)
        return packet

    def clear(self) -> None:
        """Forget everything that waits."""
        self._waiting.clear()
        self._streams.clear()
        self.size = 0
