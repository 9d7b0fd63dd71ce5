"""A connection outlives whatever is done with its messages."""

from __future__ import annotations

import queue
import socket
from types import SimpleNamespace

import pytest

from agent.endpoint import Endpoint
from agent.session import MAX_BACKOFF_S, Message, Session, backoff


def session(on_message):
    endpoint = Endpoint("127.0.0.1", 1)
    return Session(endpoint, username="u", token="t", client_id="c", filters=("a/b",), on_message=on_message)


def message(payload=b"x", *, retain=False):
    return SimpleNamespace(topic="a/b", payload=bytearray(payload), retain=retain)


def test_a_message_is_handed_on_with_whether_it_was_retained():
    seen = []
    session(lambda *each: seen.append(each))._received(None, None, message(retain=True))
    assert seen == [("a/b", b"x", True)]


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyError("x")])
def test_a_message_that_cannot_be_dealt_with_ends_nothing(caplog, error):
    """Otherwise the client's thread would end, and a full disk would leave a hub that hears nothing any more."""

    def fail(*_):
        raise error

    session(fail)._received(None, None, message())
    assert "a message on a/b could not be dealt with" in caplog.text


def test_before_there_is_a_connection_no_frame_is_sent_or_kept():
    assert not session(print).publish_newest(Message("a/b", b"frame"))


def test_why_there_is_no_connection_is_told_in_words():
    told = queue.Queue()
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    made = Session(
        Endpoint("127.0.0.1", port),
        username="u",
        token="t",
        client_id="c",
        filters=(),
        on_message=print,
        on_down=told.put,
    )
    made.start()
    assert told.get(timeout=30) == f"127.0.0.1:{port} refuses connections: is it running?"
    made.stop()


def test_stopping_what_was_never_started_is_no_error():
    made = session(print)
    made.stop()
    assert not made.connected


def test_the_wait_between_attempts_doubles_up_to_a_bound_and_begins_anew_after_a_connection():
    made = session(print)
    waits = []
    for _ in range(8):
        made._before_connect(made._client, None)
        waits.append(made._client._reconnect_min_delay)
    assert [low <= wait <= 2 * low for wait, low in zip(waits, (2, 4, 7.5, 7.5), strict=False)] == [True] * 4
    assert max(waits) <= MAX_BACKOFF_S
    made._connected(made._client, None, None, SimpleNamespace(is_failure=False), None)
    assert 1 <= made._client._reconnect_min_delay <= 2


def test_two_agents_do_not_come_back_at_the_same_moment():
    assert len({backoff(9) for _ in range(10)}) == 10
