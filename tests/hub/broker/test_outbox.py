"""The newest frame wins, and nothing grows without bound."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.broker.outbox import Full, Outbox


def drained(box: Outbox) -> list[bytes]:
    return [box.take() for _ in range(len(box))]


def test_order_is_kept():
    box = Outbox(100)
    for each in (b"a", b"b", b"c"):
        box.put(each)
    assert drained(box) == [b"a", b"b", b"c"]
    assert box.size == 0


def test_the_newest_of_a_stream_takes_the_place_of_the_older_one():
    box = Outbox(100)
    box.put(b"old", "cam")
    box.put(b"ack")
    box.put(b"newer", "cam")
    assert (len(box), box.size, box.dropped) == (2, 8, 1)
    assert drained(box) == [b"newer", b"ack"]


def test_a_stream_can_wait_again_after_it_was_taken():
    box = Outbox(100)
    box.put(b"1", "cam")
    assert box.take() == b"1"
    box.put(b"2", "cam")
    assert (box.dropped, drained(box)) == (0, [b"2"])


def test_room_is_made_by_the_oldest_stream():
    box = Outbox(10)
    box.put(b"1111", "a")
    box.put(b"keep")
    box.put(b"2222", "b")
    assert (drained(box), box.dropped) == ([b"keep", b"2222"], 1)


def test_what_may_not_be_dropped_and_does_not_fit_is_said():
    box = Outbox(5)
    box.put(b"12345")
    with pytest.raises(Full, match="6 bytes wait where 5 are allowed"):
        box.put(b"6")


def test_a_packet_larger_than_everything_is_dropped_when_it_may_be():
    box = Outbox(3)
    box.put(b"12345", "cam")
    assert (len(box), box.size, box.dropped) == (0, 0, 1)


def test_nothing_is_left_after_clear():
    box = Outbox(9)
    box.put(b"1", "a")
    box.put(b"2")
    box.clear()
    assert (len(box), box.size) == (0, 0)
    with pytest.raises(KeyError):
        box.take()


@given(st.lists(st.tuples(st.binary(max_size=9), st.sampled_from([None, "a", "b", "c"]))))
def test_size_and_limit_always_hold(entries):
    box, limit = Outbox(20), 20
    for packet, stream in entries:
        try:
            box.put(packet, stream)
        except Full:
            return
        assert box.size <= limit
    newest = {stream: packet for packet, stream in entries}
    waiting = drained(box)
    assert box.size == 0
    assert [each for each in waiting if each not in newest.values()] == [
        packet for packet, stream in entries if stream is None and packet not in newest.values()
    ]
