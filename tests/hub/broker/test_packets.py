"""Strict framing: what is not exactly MQTT 3.1.1 ends the connection."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.broker import packets
from hub.broker.packets import Connect, Malformed, Publish, Type, Will
from hub.broker.probe import connect_packet, text


def body_of(packet: bytes) -> bytes:
    """A packet without its fixed header."""
    at = 1
    while packet[at] & 128:
        at += 1
    return packet[at + 1 :]


def test_a_connect_with_everything():
    will = Will("a/b", b"gone", 1, retain=True)
    sent = connect_packet("name", "secret", "id", clean=False, keepalive=7, will=will)
    expected = Connect(4, "id", clean=False, keepalive=7, username="name", password=b"secret", will=will)
    assert packets.read_connect(body_of(sent)) == expected


def test_a_connect_with_nothing():
    assert packets.read_connect(body_of(connect_packet())) == Connect(4, keepalive=60)


@pytest.mark.parametrize(
    ("options", "level"), [({"level": 5}, 5), ({"level": 3, "name": b"MQIsdp"}, -1), ({"name": b"mqtt"}, -1)]
)
def test_of_another_protocol_only_the_level_is_read(options, level):
    assert packets.read_connect(body_of(connect_packet("n", "p", **options))) == Connect(level=level)


@pytest.mark.parametrize(
    "body",
    [
        body_of(connect_packet("n", "p", extra_flags=1)),
        body_of(connect_packet(None, "p")),
        body_of(connect_packet("n", "p", extra_flags=0x08)),
        body_of(connect_packet("n", "p", extra_flags=0x20)),
        body_of(connect_packet("n", "p")) + b"x",
        body_of(connect_packet("n", "p"))[:-1],
        body_of(connect_packet(b"\xff", "p")),
        body_of(connect_packet("n", "p", b"\xed\xa0\x80")),
        body_of(connect_packet("n\0", "p")),
        text("MQTT"),
        text("MQTT") + b"\x04",
        text("MQTT") + b"\x04\x02\x00",
        b"",
        b"\x00",
        b"\x00\x09MQTT",
    ],
)
def test_malformed_logins(body):
    with pytest.raises(Malformed):
        packets.read_connect(body)


@given(st.text(min_size=1, max_size=40), st.binary(max_size=300), st.integers(0, 65535), st.booleans())
def test_what_is_written_is_read(topic, payload, packet_id, retain):
    if set("+#\0") & set(topic):
        return
    sent = packets.publish(topic, payload, packet_id=packet_id, retain=retain)
    read = packets.read_publish(sent[0], body_of(sent))
    assert read == Publish(topic, payload, int(packet_id > 0), retain, packet_id)
    assert packets.packet_type(sent[0]) is Type.PUBLISH


@given(st.binary(max_size=200), st.integers(0, 255))
def test_no_bytes_do_anything_but_parse_or_be_malformed(body, first):
    readers = (
        lambda: packets.packet_type(first),
        lambda: packets.read_connect(body),
        lambda: packets.read_connect(text("MQTT") + b"\x04" + body),
        lambda: packets.read_publish(0x30 | first & 15, body),
        lambda: packets.read_filters(body, with_qos=True, most=8),
        lambda: packets.read_filters(body, with_qos=False, most=8),
        lambda: packets.read_puback(body),
    )
    for read in readers:
        with contextlib.suppress(Malformed):
            read()


@pytest.mark.parametrize(
    ("first", "body"),
    [
        (0x34, text("a") + b"\x00\x01"),
        (0x36, text("a") + b"\x00\x01"),
        (0x38, text("a")),
        (0x30, text("")),
        (0x30, text("a/+")),
        (0x30, text("a/#")),
        (0x30, text("a\0")),
        (0x30, b"\x00\x05a"),
        (0x32, text("a")),
        (0x32, text("a") + b"\x00\x00"),
    ],
)
def test_malformed_messages(first, body):
    with pytest.raises(Malformed):
        packets.read_publish(first, body)


def test_a_repeated_message_of_quality_1_is_read():
    assert packets.read_publish(0x3A, text("a") + b"\x00\x01x") == Publish(
        "a", b"x", 1, retain=False, packet_id=1
    )


def test_filters():
    assert packets.read_filters(
        b"\x00\x01" + text("a/#") + b"\x01" + text("b") + b"\x02", with_qos=True, most=2
    ) == ["a/#", "b"]
    assert packets.read_filters(b"\x00\x01" + text("a"), with_qos=False, most=2) == ["a"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\x00\x01",
        b"\x00\x00" + text("a") + b"\x00",
        b"\x00\x01" + text("a"),
        b"\x00\x01" + text("a") + b"\x03",
        b"\x00\x01" + text("") + b"\x00",
        b"\x00\x01" + (text("a") + b"\x00") * 3,
    ],
)
def test_malformed_subscriptions(body):
    with pytest.raises(Malformed):
        packets.read_filters(body, with_qos=True, most=2)


@pytest.mark.parametrize("body", [b"", b"\x01", b"\x00\x00", b"\x00\x01\x02"])
def test_malformed_acknowledgements(body):
    with pytest.raises(Malformed):
        packets.read_puback(body)


@pytest.mark.parametrize("first", [0x00, 0xF0, 0x50, 0x11, 0x80, 0x83, 0xA0, 0xC1, 0xE1, 0x41])
def test_types_and_flags_that_do_not_exist(first):
    with pytest.raises(Malformed):
        packets.packet_type(first)


@pytest.mark.parametrize(
    ("length", "encoded"), [(0, "00"), (127, "7f"), (128, "8001"), (16383, "ff7f"), (16384, "808001")]
)
def test_remaining_length(length, encoded):
    assert packets.packet(0x30, bytes(length))[1 : 1 + len(encoded) // 2].hex() == encoded


def test_answers():
    assert packets.connack(5) == b"\x20\x02\x00\x05"
    assert packets.puback(258) == b"\x40\x02\x01\x02"
    assert packets.read_connect(body_of(packets.connect("i", "u", "p"))) == Connect(
        4, "i", username="u", password=b"p"
    )
