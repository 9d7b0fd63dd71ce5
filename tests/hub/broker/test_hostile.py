"""A hostile network: floods, slow drips, bombs and noise. Memory stays bounded and everybody else is served."""

from __future__ import annotations

import contextlib
import random
import select
import socket
import threading

import pytest

from agent import topics
from agent.topics import ROOT
from hub.broker import packets
from hub.broker.packets import Type, Will
from hub.broker.probe import DENIED, Gone, Probe, connect_packet, text
from tests.support.mqtt import OTHER, PATIENCE, PRINTER, enter, refused, token

STATE = topics.state(PRINTER)
FRAME = topics.frame(PRINTER, "main")


@pytest.fixture
def served():
    """Checks that the hub and an agent are served; call it while and after something bad happens."""

    def check(running) -> None:
        with (
            enter(running.endpoint, "hub", "check") as hub,
            enter(running.endpoint, PRINTER, "check") as agent,
        ):
            hub.subscribe(STATE)
            agent.subscribe(topics.command(PRINTER))
            agent.publish(STATE, b"up")
            hub.publish(topics.command(PRINTER), b"down")
            assert (hub.message().payload, agent.message().payload) == (b"up", b"down")

    return check


def assert_nothing_left(running, connections: int = 0) -> None:
    """No session, subscription, task or handover of anybody who has gone."""
    door = running.door
    assert running.count("half_open") == 0
    assert running.count("connections") == connections
    assert len(door._tasks) == connections
    assert len(door._broker.sessions) == connections
    assert not door._handover
    assert not door._entering


def wait_until_empty(running) -> None:
    """Returns when every connection has ended: new ones are let in only after the old one of their name is done."""
    for connection in list(running.door.connections.values()):
        loop = running.broker._loop
        done = threading.Event()

        async def wait(connection=connection, done=done):
            await connection.done.wait()
            done.set()

        loop.call_soon_threadsafe(loop.create_task, wait())
        assert done.wait(PATIENCE)
    settled = threading.Event()
    running.broker._loop.call_soon_threadsafe(running.broker._loop.call_soon, settled.set)
    assert settled.wait(PATIENCE)


def test_slowloris(start, served):
    """Logins sent byte by byte end with the time for a login, however busy they look."""
    running = start(connect_timeout=1.0)
    whole = connect_packet(PRINTER, token(PRINTER), "slow")
    drips = [socket.create_connection((running.endpoint.host, running.endpoint.port)) for _ in range(40)]
    place = 0
    open_ones = list(drips)
    while open_ones:
        for each in list(open_ones):
            try:
                each.sendall(whole[place % (len(whole) - 1) : place % (len(whole) - 1) + 1])
            except OSError:
                open_ones.remove(each)
        place = min(place + 1, len(whole) - 2)
        gone, _, _ = select.select(open_ones, [], [], 0.05)
        for each in gone:
            open_ones.remove(each)
    served(running)
    for each in drips:
        each.close()
    wait_until_empty(running)
    assert running.count("logins") == 2
    assert_nothing_left(running)


def test_a_flood_of_half_open_connections(start, served):
    running = start(half_open=50)
    flood = [socket.create_connection((running.endpoint.host, running.endpoint.port)) for _ in range(300)]
    served(running)
    assert running.count("half_open") <= 50
    assert running.count("half_open_evicted") >= 250
    for each in flood:
        each.close()
    served(running)


@pytest.mark.parametrize(
    "size", [b"\x80\x80\x80\x01", b"\x80\x80\x80\x32", b"\xff\xff\xff\x7f"], ids=["2M", "100M", "256M"]
)
def test_a_packet_that_claims_to_be_huge_is_refused_by_its_header(running, served, size):
    for first in (0x10, 0x30):
        with Probe(running.endpoint, PATIENCE) as stranger:
            stranger.send(bytes([first]) + size)
            stranger.wait_gone()
    for first in (0x30, 0x32, 0x82, 0xA2):
        with enter(running.endpoint, OTHER) as known:
            known.send(bytes([first]) + size)
            known.wait_gone()
    served(running)


def corpus() -> list[bytes]:
    """Valid packets of every type a client can send."""
    will = Will(topics.status(OTHER), b"gone", 1, retain=True)
    return [
        connect_packet(OTHER, token(OTHER), "fuzz"),
        connect_packet(OTHER, token(OTHER), "fuzz", will=will, clean=False),
        packets.publish(topics.state(OTHER), b"{}"),
        packets.publish(topics.state(OTHER), b"{}", packet_id=1, retain=True),
        packets.packet(0x82, b"\x00\x01" + text(topics.command(OTHER)) + b"\x01" + text("#") + b"\x00"),
        packets.packet(0xA2, b"\x00\x02" + text(topics.command(OTHER))),
        packets.puback(1),
        packets.packet(Type.PINGREQ << 4, b""),
        packets.packet(Type.DISCONNECT << 4, b""),
        bytes(range(256)),
    ]


def mutated(chance: random.Random, packet: bytes) -> bytes:
    """A packet with a few bytes changed, lost, doubled or cut."""
    data = bytearray(packet)
    for _ in range(chance.randint(1, 4)):
        place = chance.randrange(len(data)) if data else 0
        match chance.randrange(4):
            case 0 if data:
                data[place] = chance.randrange(256)
            case 1 if data:
                del data[place]
            case 2:
                data[place:place] = data[place : place + chance.randint(1, 8)]
            case _:
                del data[place:]
    return bytes(data)


@pytest.mark.parametrize("seed", range(4))
def test_mutated_packets_break_nothing_and_cross_nothing(start, served, seed, caplog):
    """150 connections of noise for each seed, half of them logged in, and not one byte reaches another printer."""
    running = start(connect_timeout=2.0)
    chance = random.Random(seed)
    with enter(running.endpoint, "hub") as hub, enter(running.endpoint, PRINTER) as victim:
        hub.subscribe(STATE, topics.status(PRINTER), FRAME)
        victim.subscribe(topics.command(PRINTER), topics.want(PRINTER))
        for place in range(150):
            noise = b"".join(mutated(chance, chance.choice(corpus())) for _ in range(chance.randint(1, 5)))
            with Probe(running.endpoint, PATIENCE) as probe, contextlib.suppress(Gone):
                if place % 2:
                    probe.connect(OTHER, token(OTHER), "fuzz")
                probe.send(noise)
        served(running)
        assert [each.payload for each in victim.messages()] == [b"down"]
        assert [each.payload for each in hub.messages()] == [b"up"]
    errors = [
        each.getMessage() for each in caplog.records if each.levelno >= 40 and each.name.startswith("hub")
    ]
    assert errors == []


def test_500_connections_at_once(start, served):
    """Every agent of a large farm comes back in the same moment, and all are let in."""
    running = start(connections_per_user=600)
    probes = [Probe(running.endpoint, PATIENCE) for _ in range(500)]
    for place, each in enumerate(probes):
        each.send(connect_packet(OTHER, token(OTHER), str(place)))
    assert [each.wait_for(Type.CONNACK)[1] for each in probes] == [0] * 500
    assert running.count("connections") == 500
    served(running)
    for each in probes:
        each.close()
    wait_until_empty(running)
    assert_nothing_left(running)


def test_subscription_bombs(start, served):
    """Thousands of filters, many at once, the same again, and wildcards nobody may have."""
    running = start(subscriptions=300)
    with enter(running.endpoint, "hub", "bomb") as bomb:
        granted = [
            bomb.subscribe(*(f"{ROOT}/{place:032x}/up/{part}" for part in ("state", "ack")))
            for place in range(200)
        ]
        assert sum(each.count(1) for each in granted) == 300
        assert sum(each.count(DENIED) for each in granted) == 100
        assert bomb.subscribe(*["+/+/+/+/+/+/#"] * 256) == [DENIED] * 256
        served(running)
        for place in range(150):
            bomb.unsubscribe(*(f"{ROOT}/{place:032x}/up/{part}" for part in ("state", "ack")))
    wait_until_empty(running)
    assert running.count("subscriptions") == 0
    assert running.broker._core.subscriptions._exact == {}
    assert_nothing_left(running)


def test_subscribing_and_leaving_again_and_again_leaves_nothing(running):
    for place in range(60):
        with enter(running.endpoint, "hub", f"id{place % 7}") as hub:
            hub.subscribe(
                f"{ROOT}/{place:032x}/up/state", f"{ROOT}/+/up/ack", f"$share/g{place}/{ROOT}/+/up/ack"
            )
    wait_until_empty(running)
    assert (running.count("subscriptions"), running.broker._core.subscriptions._wild) == (0, {})
    assert_nothing_left(running)


def test_slow_readers_cost_no_more_than_their_queue(start, served):
    running = start(queue_bytes=1_000_000)
    slow = [enter(running.endpoint, "i-viewer", str(place)) for place in range(5)]
    for each in slow:
        each.subscribe(FRAME, qos=0)
    with enter(running.endpoint, PRINTER) as agent:
        for _ in range(80):
            agent.publish(FRAME, bytes(250_000), qos=0)
        agent.ping()
        waiting = [each.waiting for each in running.door.connections.values() if each.username == "i-viewer"]
        assert len(waiting) == 5
        assert max(waiting) < 1_000_000 + 65_536 + 2 * 250_100
        served(running)
    assert running.count("superseded") > 0
    for each in slow:
        each.close()


def test_retained_messages_are_no_store_for_anybodys_bytes(running, served):
    with enter(running.endpoint, OTHER) as agent:
        for place in range(100):
            agent.publish(topics.frame(OTHER, f"cam{place}"), bytes(100_000), retain=True)
    assert running.broker._core.retained.size <= 1_048_576
    served(running)


def test_a_thousand_wrong_passwords(running, served):
    for _ in range(200):
        assert refused(running.endpoint, PRINTER, "guess", "guess")
    served(running)
    wait_until_empty(running)
    assert running.count("logins_refused") == 200
    assert len(running.journal.events) < 10
    assert_nothing_left(running)


def test_a_flood_of_pings_holds_nobody_up(running, served):
    with enter(running.endpoint, OTHER) as noisy:
        noisy.send(packets.packet(Type.PINGREQ << 4, b"") * 5000)
        served(running)
        for _ in range(1010):
            noisy.wait_for(Type.PINGRESP)
        served(running)
    assert running.count("throttled") > 0
