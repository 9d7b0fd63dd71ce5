"""The probe says what a broker does, also when the broker misbehaves."""

from __future__ import annotations

import contextlib
import socket
import threading

import pytest

from agent.endpoint import Endpoint
from hub.broker import packets
from hub.broker.probe import Gone, Probe
from tests.support.mqtt import PATIENCE


@contextlib.contextmanager
def answering(answer: bytes, *, then_close: bool = True):
    """A server that gives one fixed answer to the first bytes of its only client."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve():
            client, _ = server.accept()
            with client:
                client.recv(1000)
                client.sendall(answer)
                if not then_close:
                    client.settimeout(PATIENCE)
                    with contextlib.suppress(OSError):
                        while client.recv(1000):
                            pass

        thread = threading.Thread(target=serve)
        thread.start()
        yield Endpoint("127.0.0.1", server.getsockname()[1])
        thread.join(PATIENCE)


def test_hanging_up_is_no_answer():
    with answering(b"") as endpoint, Probe(endpoint, PATIENCE) as probe:
        assert probe.try_connect("u", "p", "c") == -1


def test_an_answer_is_an_answer():
    with answering(packets.connack(5)) as endpoint, Probe(endpoint, PATIENCE) as probe:
        assert probe.try_connect(None, None, "c") == 5


def test_another_packet_than_the_one_waited_for_is_no_answer():
    with (
        answering(b"\xd0\x00") as endpoint,
        Probe(endpoint, PATIENCE) as probe,
        pytest.raises(Gone, match="PINGRESP"),
    ):
        probe.connect("u", "p", "c")


def test_waiting_for_one_message_among_endless_others_has_an_end():
    with answering(packets.publish("a", b"other") * 3) as endpoint, Probe(endpoint, PATIENCE) as probe:
        probe.send(b"x")
        probe._patience = -1.0
        with pytest.raises(TimeoutError, match="did not come"):
            probe.until(b"mine")


def test_silence_is_a_timeout():
    with answering(b"", then_close=False) as endpoint, Probe(endpoint, 0.1) as probe:
        probe.send(b"x")
        with pytest.raises(TimeoutError):
            probe.ping()


def test_sending_into_a_closed_connection_is_gone():
    with answering(b"") as endpoint, Probe(endpoint, PATIENCE) as probe:
        probe.socket.shutdown(socket.SHUT_WR)
        with pytest.raises(Gone):
            probe.send(b"x")
