"""The login: who is let in, under which name, and what is told about the rest."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import threading

import pytest

from agent import topics
from hub.access import Kind, Principal
from hub.broker.core import Core
from hub.broker.door import Door, open_socket, owned_id, peer_address
from hub.broker.packets import Refusal, Type, Will
from hub.broker.probe import Gone, Probe, connect_packet
from hub.broker.settings import Limits
from tests.support.mqtt import OTHER, PATIENCE, PRINTER, People, enter, token


def answer(endpoint, packet: bytes) -> int:
    """The return code a CONNECT gets."""
    with Probe(endpoint, PATIENCE) as probe:
        probe.send(packet)
        return probe.wait_for(Type.CONNACK)[1]


def test_another_protocol_level_is_told_so(running):
    assert answer(running.endpoint, connect_packet("hub", token("hub"), level=5)) == Refusal.PROTOCOL
    assert (
        answer(running.endpoint, connect_packet("hub", token("hub"), name=b"MQIsdp", level=3))
        == Refusal.PROTOCOL
    )


@pytest.mark.parametrize(
    ("client_id", "clean"),
    [("", False), ("x" * 129, True), ("é" * 65, True), ("a\nb", True), ("a\x7fb", True)],
)
def test_an_unusable_client_id_is_refused(running, client_id, clean):
    packet = connect_packet("hub", token("hub"), client_id, clean=clean)
    assert answer(running.endpoint, packet) == Refusal.IDENTIFIER


def test_no_client_id_is_fine_in_a_clean_session(running):
    with enter(running.endpoint, "hub", "") as one, enter(running.endpoint, "hub", "") as two:
        one.ping()
        two.ping()
    assert owned_id("hub", "x") == "hub:x"


@pytest.mark.parametrize(
    "will",
    [
        Will(topics.status(PRINTER), b"", 2, retain=False),
        Will("x" * 513, b"", 0, retain=False),
        Will(topics.status(OTHER), b"", 1, retain=False),
        Will("", b"", 1, retain=False),
        Will("#", b"", 1, retain=False),
        Will("$SYS/x", b"", 1, retain=False),
    ],
)
def test_an_unusable_will_is_refused_and_told(running, will):
    packet = connect_packet(PRINTER, token(PRINTER), PRINTER, will=will)
    assert answer(running.endpoint, packet) == Refusal.NOT_AUTHORIZED
    assert running.journal.wait_for("will_denied", PRINTER)


def test_a_refused_login_is_told_with_its_address(running):
    assert answer(running.endpoint, connect_packet(PRINTER, "wrong")) == Refusal.NOT_AUTHORIZED
    detail = running.journal.wait_for("login_refused", PRINTER)
    assert detail.startswith("no such credential, from 127.0.0.1:")
    assert "wrong" not in detail


def test_a_password_is_needed_and_people_have_none(running):
    running.people.add(Principal(Kind.AGENT, "0" * 32))
    running.people.known["7"] = Principal(Kind.PERSON, "7")
    assert answer(running.endpoint, connect_packet(PRINTER)) == Refusal.NOT_AUTHORIZED
    assert answer(running.endpoint, connect_packet(PRINTER, "")) == Refusal.NOT_AUTHORIZED
    assert answer(running.endpoint, connect_packet("7", token("7"))) == Refusal.NOT_AUTHORIZED


def test_one_credential_has_a_bounded_number_of_connections(start):
    running = start(connections_per_user=2)
    with enter(running.endpoint, PRINTER, "1"), enter(running.endpoint, PRINTER, "2"):
        packet = connect_packet(PRINTER, token(PRINTER), "3")
        assert answer(running.endpoint, packet) == Refusal.UNAVAILABLE
        with enter(running.endpoint, PRINTER, "2") as again, enter(running.endpoint, OTHER) as other:
            again.ping()
            other.ping()


def test_the_number_of_connections_is_bounded(start):
    running = start(connections=1)
    with enter(running.endpoint, "hub"):
        assert answer(running.endpoint, connect_packet(PRINTER, token(PRINTER))) == Refusal.UNAVAILABLE


def test_an_agent_connected_twice_is_told(running):
    with enter(running.endpoint, PRINTER, "one"), enter(running.endpoint, PRINTER, "two"):
        assert "while connected from 127.0.0.1:" in running.journal.wait_for("second_connection", PRINTER)


def test_a_take_over_ends_the_old_connection_first_and_fires_its_will(running):
    with enter(running.endpoint, "hub") as hub:
        hub.subscribe(topics.status(PRINTER))
        old = enter(running.endpoint, PRINTER, will=Will(topics.status(PRINTER), b"gone", 1, retain=True))
        with enter(running.endpoint, PRINTER) as new:
            new.publish(topics.status(PRINTER), b"here", retain=True)
            assert [hub.message().payload, hub.message().payload] == [b"gone", b"here"]
        old.wait_gone()
        old.close()
    assert running.journal.wait_for("takeover", PRINTER)


def test_of_many_at_once_with_one_client_id_the_last_one_stays(running):
    probes = [Probe(running.endpoint, PATIENCE) for _ in range(12)]
    for each in probes:
        each.send(connect_packet(PRINTER, token(PRINTER), "same"))
    alive = []
    for each in probes:
        with contextlib.suppress(Gone):
            each.wait_for(Type.CONNACK)
            each.ping()
            alive.append(each)
    survivors = []
    for each in alive:
        with contextlib.suppress(Gone):
            each.ping()
            survivors.append(each)
    assert len(survivors) == 1
    assert running.count("connections") == 1
    for each in probes:
        each.close()


def test_a_client_id_of_somebody_else_is_another_client_id(running):
    with enter(running.endpoint, PRINTER, "same") as one, enter(running.endpoint, OTHER, "same") as two:
        one.ping()
        two.ping()
    assert running.count("takeovers") == 0


def test_kick_ends_every_connection_of_one_user(running):
    with (
        enter(running.endpoint, PRINTER, "1") as one,
        enter(running.endpoint, PRINTER, "2") as two,
        enter(running.endpoint, OTHER) as other,
    ):
        running.broker.kick(PRINTER)
        one.wait_gone()
        two.wait_gone()
        other.ping()
    assert running.count("kicked") == 2


def test_kick_reaches_a_login_that_waits_for_a_take_over(running, monkeypatch):
    """A credential revoked between its login and its first packet must not slip in."""
    entered, free = threading.Event(), threading.Event()
    old = enter(running.endpoint, PRINTER)
    connection = running.door.connections[f"{PRINTER}:{PRINTER}"]
    real = connection.done.wait

    async def held():
        entered.set()
        await asyncio.get_running_loop().run_in_executor(None, free.wait, PATIENCE)
        return await real()

    monkeypatch.setattr(connection.done, "wait", held)
    with Probe(running.endpoint, PATIENCE) as new:
        new.send(connect_packet(PRINTER, token(PRINTER), PRINTER))
        assert entered.wait(PATIENCE)
        running.broker.kick(PRINTER)
        new.wait_gone()
        free.set()
        on_loop(running, nobody_enters(running))
    old.close()
    with enter(running.endpoint, PRINTER) as again:
        again.ping()
    assert running.count("kicked") >= 1


def test_who_waited_for_a_take_over_gives_way_to_a_newer_login(running, monkeypatch):
    """The newest login of a client id stays, whichever of them is served first."""
    entered, free = threading.Event(), threading.Event()
    old = enter(running.endpoint, PRINTER)
    connection = running.door.connections[f"{PRINTER}:{PRINTER}"]
    real = connection.done.wait

    async def held():
        entered.set()
        await asyncio.get_running_loop().run_in_executor(None, free.wait, PATIENCE)
        return await real()

    monkeypatch.setattr(connection.done, "wait", held)
    with Probe(running.endpoint, PATIENCE) as waiting:
        waiting.send(connect_packet(PRINTER, token(PRINTER), PRINTER))
        assert entered.wait(PATIENCE)
        old.wait_gone()
        on_loop(running, real())
        with enter(running.endpoint, PRINTER) as newest:
            free.set()
            waiting.wait_gone()
            newest.ping()
    old.close()


async def nobody_enters(running):
    """Returns when no login waits for a take-over any more."""
    for task in list(running.door._tasks):
        if running.door._entering:
            await asyncio.wait([task])


def on_loop(running, coroutine):
    """The result of something awaited on the broker's loop."""
    return asyncio.run_coroutine_threadsafe(coroutine, running.broker._loop).result(PATIENCE)


def test_the_oldest_half_open_connection_makes_room(start):
    running = start(half_open=5)
    flood = [socket.create_connection((running.endpoint.host, running.endpoint.port)) for _ in range(20)]
    with enter(running.endpoint, "hub") as hub:
        hub.ping()
    assert running.count("half_open_evicted") >= 15
    for each in flood[:10]:
        each.settimeout(PATIENCE)
        with contextlib.suppress(ConnectionError):
            assert each.recv(1) == b""
    for each in flood:
        each.close()


def test_stopping_ends_those_inside_and_those_at_the_door_without_wills(start):
    running = start()
    inside = enter(running.endpoint, PRINTER, will=Will(topics.status(PRINTER), b"gone", 1, retain=True))
    outside = Probe(running.endpoint, PATIENCE)
    running.broker.stop()
    inside.wait_gone()
    outside.wait_gone()
    inside.close()
    outside.close()
    assert running.count("publishes") == 0


class NoDescriptors:
    """A listening socket whose first accept fails for want of descriptors."""

    def __init__(self, inner: socket.socket) -> None:
        self.inner = inner
        self.failed = False

    def accept(self):
        if self.failed:
            return self.inner.accept()
        self.failed = True
        raise OSError(24, "Too many open files")

    def fileno(self) -> int:
        return self.inner.fileno()


def test_out_of_descriptors_the_door_goes_on(running, caplog):
    """An error while accepting is survived, and who knocked then is let in later."""
    listening = NoDescriptors(running.broker._sockets["plain"])
    running.broker._loop.call_soon_threadsafe(running.door.listen, listening, None)
    with enter(running.endpoint, "hub") as hub:
        hub.ping()
    assert listening.failed
    assert "cannot accept a connection" in caplog.text


def test_a_stopping_door_does_not_listen_again():
    async def pausing():
        door = Door(Core(People(), Limits(), lambda *_: None))
        door._stopping = True
        door._listen_again(None, None)

    asyncio.run(pausing())


def test_an_error_of_amqtt_ends_one_session_only_and_is_logged(running, monkeypatch, caplog):
    async def broken(*_):
        raise RuntimeError("amqtt broke")

    with enter(running.endpoint, "hub") as hub:
        monkeypatch.setattr(running.door._broker, "external_connected", broken)
        with Probe(running.endpoint, PATIENCE) as probe:
            probe.send(connect_packet(PRINTER, token(PRINTER)))
            probe.wait_gone()
        hub.ping()
    assert "amqtt broke" in caplog.text


def test_an_error_of_our_own_ends_one_connection_only_and_is_logged(running, monkeypatch, caplog):
    def broken(*_):
        raise KeyError("directory broke")

    with enter(running.endpoint, "hub") as hub:
        monkeypatch.setattr(running.people, "authenticate", broken)
        with Probe(running.endpoint, PATIENCE) as probe:
            probe.send(connect_packet(PRINTER, token(PRINTER)))
            probe.wait_gone()
        hub.ping()
    assert any(each.levelno == logging.ERROR for each in caplog.records)


def test_only_a_fresh_handover_is_redeemed():
    async def ask():
        door = Door(Core(People(), Limits(), lambda *_: None))
        door._handover["t"] = ("u:c", "u")
        return [door._redeem("t", "u:c", "v"), door._redeem("t", "u:c", "u"), door._redeem("x", "u:c", "u")]

    assert asyncio.run(ask()) == [False, False, False]


def test_ipv6_can_be_listened_on():
    try:
        opened = open_socket("::1", 0)
    except OSError:
        pytest.skip("this machine has no IPv6")
    with opened:
        assert opened.family == socket.AF_INET6


def test_a_peer_without_a_name():
    class Nameless:
        def get_extra_info(self, _name):
            return None

    assert peer_address(Nameless()) == ("unknown", 0)
