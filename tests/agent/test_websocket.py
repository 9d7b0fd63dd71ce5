"""The websocket client against an independent server (websockets), and against servers that do not keep to the rules."""

import socket
import threading
import time

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import serve

from agent.websocket import MAX_MESSAGE, WebSocket, WebSocketError


def soon(seconds=10.0):
    return time.monotonic() + seconds


@pytest.fixture
def connect(request):
    """Connect to a server that runs `handler`."""
    stops = []

    def run(handler, **options):
        server = serve(handler, "127.0.0.1", 0, max_size=None, **options)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        client = WebSocket("127.0.0.1", server.socket.getsockname()[1], "/websocket")
        stops.extend([client.close, server.shutdown])
        client.open(soon())
        return client

    yield run
    for stop in stops:
        stop()


def echo(connection):
    for message in connection:
        connection.send(message)


@pytest.mark.parametrize("length", [0, 1, 125, 126, 65_535, 65_536, MAX_MESSAGE])
def test_messages_of_every_length_there_and_back(connect, length):
    client = connect(echo)
    client.send("é" * (length // 2) + "x" * (length % 2))
    assert len(client.receive(soon()).encode()) == length


def test_pieces_and_pings_in_between(connect):
    answered = []

    def handler(connection):
        connection.send(iter(["one ", "and ", "two"]))
        answered.append(connection.ping("still there?").wait(10))
        connection.send("after the ping")

    client = connect(handler)
    assert client.receive(soon()) == "one and two"
    assert client.receive(soon()) == "after the ping"
    assert answered == [True]


def test_the_other_side_sees_a_proper_goodbye(connect):
    seen = []

    def handler(connection):
        try:
            connection.recv()
        except ConnectionClosed as closed:
            seen.append(closed.rcvd is not None)

    client = connect(handler)
    client.close()
    client.close()
    deadline = soon()
    while not seen and time.monotonic() < deadline:
        time.sleep(0.01)
    assert seen == [True]


def test_it_can_be_opened_again_after_the_other_side_has_closed(connect):
    client = connect(lambda connection: connection.send("hello"))
    assert client.receive(soon()) == "hello"
    with pytest.raises(WebSocketError, match="closed by the other side"):
        client.receive(soon())
    assert not client.is_open
    with pytest.raises(WebSocketError, match="not connected"):
        client.send("lost")
    client.open(soon())
    assert client.receive(soon()) == "hello"


def test_what_has_come_is_known_without_waiting(connect):
    def handler(connection):
        for message in connection:
            connection.send(message)
            connection.send("pushed")

    client = connect(handler)
    assert not client.pending()
    client.send("hello")
    assert client.receive(soon()) == "hello"
    deadline = soon()
    while not client.pending() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert client.receive(soon()) == "pushed"
    assert not client.pending()
    client.close()
    assert not client.pending()


def test_silence_is_waited_for_no_longer_than_allowed(connect):
    client = connect(echo)
    with pytest.raises(WebSocketError, match="no answer in time"):
        client.receive(soon(0.05))
    assert not client.is_open


def test_nobody_there():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(WebSocketError, match="refuses connections"):
        WebSocket("127.0.0.1", port, "/").open(soon())


SHAKEN = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: %s\r\n\r\n"


def accept(key):
    import base64
    import hashlib

    return base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (lambda key: b"HTTP/1.1 404 Not Found\r\n\r\n", "no websocket there: HTTP/1.1 404"),
        (lambda key: b"hello\r\n\r\n", "no websocket there: hello"),
        (lambda key: SHAKEN % b"wrong", "the handshake is wrong"),
        (lambda key: b"HTTP/1.1 101 ok\r\n" + b"x" * 70_000, "the handshake is wrong"),
        (lambda key: SHAKEN % accept(key) + b"\x81\x80mask", "does not keep to the protocol"),
        (lambda key: SHAKEN % accept(key) + b"\xc1\x00", "does not keep to the protocol"),
        (lambda key: SHAKEN % accept(key) + b"\x82\x01x", "a frame of kind 2"),
        (lambda key: SHAKEN % accept(key) + b"\x81\x7f" + b"\x00\x00\x00\xff" * 2, "more than 1048576 bytes"),
        (lambda key: SHAKEN % accept(key) + b"\x81\x02\xff\xff", "codec can't decode"),
        (lambda key: SHAKEN % accept(key) + b"\x81\x05hal", "closed by the other side"),
    ],
)
def test_what_breaks_the_rules_ends_the_connection(answer, why):
    with socket.create_server(("127.0.0.1", 0)) as server:

        def run():
            connection, _ = server.accept()
            with connection:
                asked = connection.recv(4096)
                key = asked.partition(b"Sec-WebSocket-Key: ")[2].partition(b"\r\n")[0]
                connection.sendall(answer(key))

        thread = threading.Thread(target=run)
        thread.start()
        client = WebSocket("127.0.0.1", server.getsockname()[1], "/")

        def talk():
            client.open(soon())
            client.receive(soon())

        with pytest.raises(WebSocketError, match=why):
            talk()
        assert not client.is_open
        thread.join()
