"""One connection: what it may send, what it may cost, and what reaches it."""

from __future__ import annotations

import asyncio
import contextlib
import socket

import pytest

from agent import topics
from agent.topics import ROOT
from hub.broker import packets
from hub.broker.core import Bucket
from hub.broker.gate import GateReader, GateWriter, peer_name, read_packet
from hub.broker.packets import Malformed, Type, Will
from hub.broker.probe import DENIED, Gone, Probe, text
from tests.support.mqtt import OTHER, PATIENCE, PRINTER, enter, token

FRAME = topics.frame(PRINTER, "main")


@pytest.mark.parametrize(
    "data",
    [
        packets.packet(0x34, text(FRAME) + b"\x00\x01"),
        packets.packet(0x30, text("a/#")),
        packets.packet(0x30, text("x" * 513)),
        packets.packet(0x82, b"\x00\x01" + text("x" * 513) + b"\x00"),
        packets.packet(0x82, b"\x00\x01" + (text("x") + b"\x00") * 257),
        packets.packet(0xA2, b"\x00\x01"),
        packets.packet(0xC0, b"x"),
        packets.packet(0xE0, b"x"),
        packets.packet(0x20, b"\x00\x00"),
        packets.packet(0x90, b"\x00\x01\x00"),
        packets.packet(0x40, b"\x00"),
        b"\xd0\x00",
        b"\x30\xff\xff\xff\xff\x01",
        b"\x00\x00",
    ],
    ids=lambda data: data[:6].hex(),
)
def test_breaking_the_protocol_ends_the_connection(running, data):
    with enter(running.endpoint, PRINTER) as probe:
        probe.send(data)
        probe.wait_gone()
    assert running.count("malformed") == 1


def test_an_acknowledgement_of_nothing_is_ignored(running):
    with enter(running.endpoint, PRINTER) as probe:
        probe.send(packets.puback(5))
        probe.ping()


def test_goodbye_takes_the_will_back(running):
    with enter(running.endpoint, "hub") as hub:
        hub.subscribe(topics.status(PRINTER))
        enter(
            running.endpoint, PRINTER, will=Will(topics.status(PRINTER), b"gone", 1, retain=False)
        ).disconnect()
        with enter(running.endpoint, PRINTER) as agent:
            agent.publish(topics.status(PRINTER), b"here")
            assert hub.until(b"here") == []


def test_a_revoked_will_is_not_published(running):
    """Revoking comes first, kicking second: what the kick provokes must not get through."""
    with enter(running.endpoint, "hub") as hub:
        hub.subscribe(topics.status(PRINTER), topics.status(OTHER))
        with enter(
            running.endpoint, PRINTER, will=Will(topics.status(PRINTER), b"gone", 1, retain=True)
        ) as agent:
            del running.people.known[PRINTER]
            running.broker.kick(PRINTER)
            agent.wait_gone()
        with enter(running.endpoint, OTHER) as other:
            other.publish(topics.status(OTHER), b"here")
            assert hub.until(b"here") == []


def test_without_a_kick_a_revoked_client_is_deaf_and_dumb(running):
    with enter(running.endpoint, "hub") as hub, enter(running.endpoint, PRINTER) as agent:
        hub.subscribe(topics.state(PRINTER))
        agent.subscribe(topics.command(PRINTER))
        del running.people.known[PRINTER]
        agent.publish(topics.state(PRINTER), b"x")
        hub.publish(topics.command(PRINTER), b"x")
        assert agent.messages() == []
        assert hub.messages() == []
        assert agent.subscribe(topics.want(PRINTER)) == [DENIED]
    assert running.count("deliveries_denied") == 1


def test_keepalive_is_bounded_even_for_those_who_ask_for_none(start):
    running = start(keepalive=1)
    for asked in (0, 65535):
        with enter(running.endpoint, PRINTER, keepalive=asked) as probe:
            probe.wait_gone()
    assert running.count("silent") == 2


def test_a_packet_must_be_whole_in_time(start):
    running = start(keepalive=1)
    with enter(running.endpoint, PRINTER) as probe:
        probe.send(b"\x30\x7f\x00")
        probe.wait_gone()
    assert running.count("silent") == 1


def test_who_sends_too_fast_is_read_more_slowly_and_the_hub_is_not(start):
    running = start(packets_per_second=20.0)
    with enter(running.endpoint, PRINTER) as agent, enter(running.endpoint, "hub") as hub:
        for _ in range(130):
            agent.publish(topics.state(PRINTER), qos=0)
            hub.publish(topics.command(PRINTER), qos=0)
        hub.ping()
        agent.ping()
    assert running.count("publishes") == 260
    assert 0 < running.count("throttled") < 130


def test_a_bucket_counts_packets_and_bytes():
    now = [0.0]
    bucket = Bucket(10.0, 100.0, lambda: now[0])
    assert [bucket.delay(1) for _ in range(50)] == [0.0] * 50
    assert bucket.delay(1) == pytest.approx(0.1)
    now[0] = 1000.0
    assert bucket.delay(500) == 0.0
    assert bucket.delay(100) == pytest.approx(1.0)


def test_the_newest_frame_wins_for_a_slow_reader(start):
    """While somebody does not read, of each camera the last frame waits, and commands keep their place."""
    running = start(queue_bytes=2_000_000)
    with enter(running.endpoint, "i-viewer") as slow, enter(running.endpoint, PRINTER) as agent:
        slow.subscribe(f"{ROOT}/{PRINTER}/up/frame/+", topics.state(PRINTER))
        for place in range(60):
            for camera in ("left", "right"):
                agent.publish(topics.frame(PRINTER, camera), place.to_bytes(2, "big") + bytes(200_000), qos=0)
        agent.publish(topics.state(PRINTER), b"end")
        got = slow.until(b"end")
    last = {each.topic: int.from_bytes(each.payload[:2], "big") for each in got}
    assert last == {topics.frame(PRINTER, camera): 59 for camera in ("left", "right")}
    for topic in last:
        order = [int.from_bytes(each.payload[:2], "big") for each in got if each.topic == topic]
        assert order == sorted(order)
    assert len(got) < 120
    assert running.count("superseded") == 120 - len(got)


def test_who_leaves_everything_else_unread_is_closed(start):
    running = start(queue_bytes=500_000)
    with enter(running.endpoint, "i-viewer") as slow, enter(running.endpoint, PRINTER) as agent:
        slow.subscribe(topics.state(PRINTER))
        for _ in range(30):
            agent.publish(topics.state(PRINTER), bytes(200_000))
        agent.ping()
        slow.wait_gone()
    assert running.count("closed_slow") == 1


def test_who_never_acknowledges_is_closed(start):
    running = start(inflight=3)
    with enter(running.endpoint, "i-viewer") as rude, enter(running.endpoint, PRINTER) as agent:
        rude.subscribe(topics.state(PRINTER))
        for _ in range(4):
            agent.publish(topics.state(PRINTER))
        with contextlib.suppress(Gone):
            while True:
                rude._take(1)
    assert running.count("closed_slow") == 1


def test_acknowledged_identifiers_are_used_again(start):
    running = start(inflight=2)
    with enter(running.endpoint, "i-viewer") as viewer, enter(running.endpoint, PRINTER) as agent:
        viewer.subscribe(topics.state(PRINTER))
        connection = running.door.connections["i-viewer:i-viewer"]
        connection._last_id = 65533
        for _ in range(5):
            agent.publish(topics.state(PRINTER))
            viewer.message()
            viewer.ping()
        assert connection._last_id == 3
        connection._inflight = {4}
        agent.publish(topics.state(PRINTER))
        viewer.message()
        assert connection._last_id == 5


def test_retained_messages_have_a_share_for_each_credential(start):
    running = start(retained=2)
    with enter(running.endpoint, PRINTER) as agent, enter(running.endpoint, "hub") as hub:
        for camera in ("a", "b", "c"):
            agent.publish(topics.frame(PRINTER, camera), b"x", retain=True)
        for name in ("a", "b", "c"):
            hub.publish(topics.out(PRINTER, name), b"x", retain=True)
    assert running.count("retained") == 5
    assert running.journal.wait_for("retained_refused", PRINTER)


def test_too_many_subscriptions_are_denied_and_repeating_one_is_fine(start):
    running = start(subscriptions=2)
    with enter(running.endpoint, "hub") as hub:
        state, ack = f"{ROOT}/+/up/state", f"{ROOT}/+/up/ack"
        assert hub.subscribe(state, ack, f"{ROOT}/+/up/status", state) == [1, 1, DENIED, 1]
        hub.unsubscribe(ack, "never/subscribed")
        assert hub.subscribe(f"{ROOT}/+/up/status") == [1]
    assert running.journal.wait_for("subscribe_denied", "hub") == "too many subscriptions"


def test_workers_share_frames(running):
    shared = f"$share/detect/{ROOT}/+/up/frame/+"
    with (
        enter(running.endpoint, "w-one") as one,
        enter(running.endpoint, "w-two") as two,
        enter(running.endpoint, PRINTER) as agent,
    ):
        assert one.subscribe(shared) == two.subscribe(shared) == [1]
        for place in range(10):
            agent.publish(FRAME, bytes([place]))
        halves = [{each.payload for each in worker.messages()} for worker in (one, two)]
        assert [len(each) for each in halves] == [5, 5]
        assert len(halves[0] | halves[1]) == 10
        two.disconnect()
        agent.publish(FRAME, b"alone")
        assert one.message().payload == b"alone"


def test_a_client_that_vanishes_right_after_its_login_leaves_nothing(running):
    """The broker library itself can miss that; the gate must not."""
    for _ in range(30):
        with Probe(running.endpoint, PATIENCE) as probe:
            probe.connect(PRINTER, token(PRINTER), "same")
    with enter(running.endpoint, PRINTER, "same") as probe:
        probe.ping()
        assert running.count("connections") == 1
        assert len(running.door._broker.sessions) == 1


class Fake:
    """Stands in for a connection."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.why = ""

    async def next_packet(self) -> bytes:
        return b"\xc0\x00"

    def send(self, data: bytes) -> None:
        self.sent.append(data)

    def close(self, why: str, *, flush: bool = False) -> None:
        self.why = f"{why} {flush}"


def test_amqtt_never_reads_past_a_packet():
    async def reading():
        fake = Fake()
        reader = GateReader(fake, b"abc")
        reader.feed_eof()
        assert await reader.read(2) == b"ab"
        assert await reader.read() == b"c"
        assert await reader.read(1) == b"\xc0"
        with pytest.raises(asyncio.IncompleteReadError):
            await reader.read(2)
        return fake.why

    assert asyncio.run(reading()) == "packet overruns its length False"


def test_amqtt_itself_cannot_send_a_message():
    async def writing():
        fake = Fake()
        writer = GateWriter(fake, ("127.0.0.1", 1))
        writer.write(packets.publish("a", b"b"))
        writer.write(bytearray(packets.connack(0)))
        await writer.drain()
        assert writer.get_peer_info() == ("127.0.0.1", 1)
        assert writer.get_ssl_info() is None
        await writer.close()
        assert fake.why == "session ended True"
        return fake.sent

    assert asyncio.run(writing()) == [packets.connack(0)]


def test_reading_packets():
    async def read(data: bytes, limit: int = 10, only: Type | None = None):
        reader = asyncio.StreamReader()
        reader.feed_data(data)
        reader.feed_eof()
        return await read_packet(reader, limit, only)

    assert asyncio.run(read(b"\x30\x02ab")) == (0x30, b"ab")
    assert asyncio.run(read(b"\xc0\x00")) == (0xC0, b"")
    assert asyncio.run(read(b"\x30\x82\x00ab")) == (0x30, b"ab")
    for data, only in ((b"\x30\x0bx", None), (b"\x30\xff\xff\xff\xff", None), (b"\xc0\x00", Type.CONNECT)):
        with pytest.raises(Malformed):
            asyncio.run(read(data, only=only))
    with pytest.raises(asyncio.IncompleteReadError):
        asyncio.run(read(b"\x30\x05ab"))


def test_a_peer_without_a_name_is_unknown():
    class Nameless:
        def get_extra_info(self, _name):
            return None

    assert peer_name(Nameless()) == "unknown"


def test_a_reset_while_frames_wait_is_survived(running):
    """The queue is being written when the reader goes away."""
    with enter(running.endpoint, PRINTER) as agent:
        for _ in range(3):
            viewer = enter(running.endpoint, "i-viewer")
            viewer.subscribe(FRAME, qos=0)
            for _ in range(8):
                agent.publish(FRAME, bytes(900_000), qos=0)
            viewer.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
            viewer.close()
        agent.ping()


def test_nothing_is_delivered_to_a_connection_that_is_over(running):
    with enter(running.endpoint, "i-viewer") as viewer:
        connection = running.door.connections["i-viewer:i-viewer"]

        async def late():
            connection.close("test")
            connection.deliver(packets.Publish(topics.state(PRINTER), b"", 0, retain=False), 0, retain=False)
            connection.send(b"")

        asyncio.run_coroutine_threadsafe(late(), running.broker._loop).result(PATIENCE)
        viewer.wait_gone()
    assert running.count("deliveries") == 0
