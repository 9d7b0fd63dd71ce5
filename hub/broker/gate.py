"""One connection behind the gate: policy on the way in, policy and a bounded queue on the way out."""

from __future__ import annotations

import asyncio
import logging
import ssl

from amqtt.adapters import ReaderAdapter, WriterAdapter

from hub.access import Action, Kind
from hub.broker import packets
from hub.broker.core import Bucket, Core
from hub.broker.outbox import Full, Outbox
from hub.broker.packets import Malformed, Type

log = logging.getLogger(__name__)

LINGER = 5.0
_DIRECT = 65_536
_FAIR = 16
_PINGRESP = packets.packet(Type.PINGRESP << 4, b"")


async def read_packet(
    reader: asyncio.StreamReader, limit: int, only: Type | None = None
) -> tuple[int, bytes]:
    """One whole packet as (first byte, body); its type (perhaps only one will do) and size are judged first."""
    first = (await reader.readexactly(1))[0]
    kind = packets.packet_type(first)
    if only is not None and kind is not only:
        raise Malformed(f"{kind.name} where {only.name} belongs")
    length = 0
    for place in range(4):
        byte = (await reader.readexactly(1))[0]
        length |= (byte & 127) << 7 * place
        if not byte & 128:
            break
    else:
        raise Malformed("the remaining length has more than four bytes")
    if length > limit:
        raise Malformed(f"packet of {length} bytes where {limit} are allowed")
    return first, await reader.readexactly(length) if length else b""


class Connection:
    """A client that has logged in, as the `number`th since the broker started."""

    def __init__(
        self,
        core: Core,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        *,
        number: int,
        username: str,
        kind: Kind,
        client_id: str,
        login: packets.Connect,
    ) -> None:
        limits = core.limits
        self.number = number
        self.username = username
        self.client_id = client_id
        self.peer = peer_name(writer)
        self.over = False
        self.ended = asyncio.Event()
        self.done = asyncio.Event()
        self._core = core
        self._reader, self._writer = reader, writer
        self._will = login.will
        self._idle = 1.5 * min(login.keepalive or limits.keepalive, limits.keepalive)
        self._bucket = (
            None if kind is Kind.HUB else Bucket(limits.packets_per_second, limits.bytes_per_second)
        )
        self._outbox = Outbox(limits.hub_queue_bytes if kind is Kind.HUB else limits.queue_bytes)
        self._wake = asyncio.Event()
        self._inflight: set[int] = set()
        self._last_id = 0
        self._since_pause = 0

    # in

    async def next_packet(self) -> bytes:
        """The next packet that is amqtt's business; raises IncompleteReadError once the connection is over."""
        while not self.over:
            try:
                async with asyncio.timeout(self._idle):
                    first, body = await read_packet(self._reader, self._core.limits.packet_bytes)
                self._check_open()
                if await self._admit(first, body):
                    return packets.packet(first, body)
            except Malformed as error:
                self._core.counts["malformed"] += 1
                self.close(str(error))
            except TimeoutError:
                self._core.counts["silent"] += 1
                self.close("silent for too long")
            except (asyncio.IncompleteReadError, OSError):
                self.close("connection lost")
        raise asyncio.IncompleteReadError(b"", 1)

    async def _admit(self, first: int, body: bytes) -> bool:
        """Whether a packet goes on to amqtt; raises Malformed when it ends the connection."""
        kind = packets.packet_type(first)
        if kind is Type.PUBACK and (packet_id := packets.read_puback(body)) in self._inflight:
            self._inflight.discard(packet_id)
            return False
        await self._pace(len(body))
        if kind is Type.PUBLISH:
            self._publish(packets.read_publish(first, body))
        elif kind in (Type.SUBSCRIBE, Type.UNSUBSCRIBE):
            self._check_filters(kind, body)
            return True
        elif kind in (Type.PINGREQ, Type.DISCONNECT) and body:
            raise Malformed("a body where none belongs")
        elif kind is Type.PINGREQ:
            self.send(_PINGRESP)
        elif kind is Type.DISCONNECT:
            self._will = None
            self.close("goodbye", flush=True)
        elif kind is not Type.PUBACK:
            raise Malformed(f"{kind.name} from a client that has logged in")
        return False

    def _publish(self, message: packets.Publish) -> None:
        if len(message.topic) > self._core.limits.topic_bytes:
            raise Malformed("the topic is too long")
        self._core.counts["bytes_in"] += len(message.payload)
        self._core.publish(self.username, message)
        if (
            message.qos
        ):  # also when denied: MQTT 3.1.1 cannot say no, and silence would be sent again and again
            self.send(packets.puback(message.packet_id))

    def _check_filters(self, kind: Type, body: bytes) -> None:
        limits = self._core.limits
        filters = packets.read_filters(body, with_qos=kind is Type.SUBSCRIBE, most=limits.filters_per_packet)
        if any(len(each) > limits.topic_bytes for each in filters):
            raise Malformed("a filter is too long")

    async def _pace(self, size: int) -> None:
        """Let a client that sends too fast rest before its next packet is looked at."""
        self._since_pause = (self._since_pause + 1) % _FAIR
        rest = self._bucket.delay(size) if self._bucket else 0.0
        if rest > 0:
            self._core.counts["throttled"] += 1
            await asyncio.sleep(min(rest, 1.0))
        elif not self._since_pause:
            await asyncio.sleep(0)  # a full input buffer must not hold everybody else up
        self._check_open()

    def _check_open(self) -> None:
        """Nothing a client sent is looked at any more once it was thrown out."""
        if self.over:
            raise asyncio.IncompleteReadError(b"", 1)

    # out

    @property
    def waiting(self) -> int:
        """Bytes that have not reached the socket yet."""
        return self._outbox.size + self._writer.transport.get_write_buffer_size()

    def deliver(self, message: packets.Publish, qos: int, *, retain: bool) -> None:
        """Send a message, unless this user may not have it at this moment."""
        counts = self._core.counts
        if self.over:
            return
        if not self._core.may(self.username, Action.RECEIVE, message.topic):
            counts["deliveries_denied"] += 1
            return
        if not qos:
            self.send(packets.publish(message.topic, message.payload, retain=retain), message.topic)
        elif (packet_id := self._next_id()) is not None:
            self.send(packets.publish(message.topic, message.payload, packet_id=packet_id, retain=retain))
        counts["deliveries"] += 1
        counts["bytes_out"] += len(message.payload)

    def send(self, data: bytes, stream: str | None = None) -> None:
        """Write a packet, or queue it while the reader is behind; of one stream only the newest waits."""
        if self.over or self._writer.transport.is_closing():
            return
        if not self._outbox and self._writer.transport.get_write_buffer_size() < _DIRECT:
            self._writer.write(data)
            return
        before = self._outbox.dropped
        try:
            self._outbox.put(data, stream)
        except Full as error:
            self._core.counts["closed_slow"] += 1
            self.close(f"reads too slowly: {error}")
        self._core.counts["superseded"] += self._outbox.dropped - before
        self._wake.set()

    async def pump(self) -> None:
        """Move the queue to the socket as fast as its reader takes it, until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._outbox and not self.over:
                try:
                    await self._writer.drain()
                except OSError:
                    self.close("connection lost")
                if self._outbox:
                    self._writer.write(self._outbox.take())

    def _next_id(self) -> int | None:
        if len(self._inflight) >= self._core.limits.inflight:
            self._core.counts["closed_slow"] += 1
            self.close("acknowledges too slowly")
            return None
        self._last_id = self._last_id % 65535 + 1
        while self._last_id in self._inflight:
            self._last_id = self._last_id % 65535 + 1
        self._inflight.add(self._last_id)
        return self._last_id

    # end

    def close(self, why: str, *, flush: bool = False) -> None:
        """End the connection at once, or after what is already written has gone out (`flush`)."""
        if self.over:
            return
        self.over = True
        self.ended.set()
        log.info("%s from %s ends: %s", self.username, self.peer, why)
        self._outbox.clear()
        if flush:
            close_gently(self._writer)
        else:
            self._writer.transport.abort()

    def last_will(self) -> packets.Publish | None:
        """What to publish because this client went without a word."""
        will, self._will = self._will, None
        return None if will is None else packets.Publish(will.topic, will.payload, will.qos, will.retain)


class GateReader(ReaderAdapter):
    """What amqtt reads from: whole, checked packets, never past the end of one.

    The first is `hello`, a CONNECT of the gate's in place of the client's own.
    """

    def __init__(self, connection: Connection, hello: bytes) -> None:
        self._connection = connection
        self._left = hello

    def feed_eof(self) -> None:
        """Nothing: the gate knows when a connection ends."""

    async def read(self, n: int = -1) -> bytes:
        """The next n bytes of the packet at hand (or all of it)."""
        if not self._left:
            self._left = await self._connection.next_packet()
        wanted = len(self._left) if n < 0 else n
        if wanted > len(self._left):
            self._connection.close("packet overruns its length")
            raise asyncio.IncompleteReadError(b"", wanted)
        data, self._left = self._left[:wanted], self._left[wanted:]
        return data


class GateWriter(WriterAdapter):
    """What amqtt writes to: acknowledgements only. Never blocks: a stalled reader must not stall the broker."""

    def __init__(self, connection: Connection, peer: tuple[str, int]) -> None:
        self._connection = connection
        self._peer = peer

    def write(self, data: bytes) -> None:
        """Pass on one whole packet; amqtt itself has no message to send."""
        if data[0] >> 4 != Type.PUBLISH:
            self._connection.send(bytes(data))

    async def drain(self) -> None:
        """Nothing: the gate bounds its queues itself."""

    def get_peer_info(self) -> tuple[str, int]:
        """For amqtt's log only."""
        return self._peer

    def get_ssl_info(self) -> ssl.SSLObject | None:
        """None: nobody is known by a certificate."""
        return None

    async def close(self) -> None:
        """End the connection after what was written."""
        self._connection.close("session ended", flush=True)


def close_gently(writer: asyncio.StreamWriter) -> None:
    """Close after what is written has gone out, but wait for no reader longer than a few seconds."""
    transport = writer.transport
    writer.close()
    asyncio.get_running_loop().call_later(LINGER, transport.abort)


def peer_name(writer: asyncio.StreamWriter) -> str:
    """Where a connection comes from, for logs only."""
    peer = writer.get_extra_info("peername")
    return f"{peer[0]}:{peer[1]}" if peer else "unknown"
