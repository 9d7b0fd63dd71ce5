"""Seals: what is sealed opens again, and no other bytes, topic or key ever do."""

import hashlib
import json

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent import seal
from agent.seal import PURPOSES, ProtocolError, derive, open_jpeg, open_json, seal_jpeg, seal_json

KEY = bytes(range(32))
TOPIC = "printwarden/v1/0123456789abcdef0123456789abcdef/up/state"

members = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**60), 2**60)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text("abcmv", max_size=3), inner, max_size=4)
    ),
    max_leaves=10,
)
names = st.text("abcmv", min_size=1, max_size=4).filter(lambda name: name != "mac")
messages = st.dictionaries(names, members, min_size=1, max_size=5)


def picture(width=64, height=48, seed=0, *, quality=90):
    noise = np.random.default_rng(seed).integers(0, 255, (height, width, 3), dtype=np.uint8)
    return cv2.imencode(".jpg", cv2.blur(noise, (5, 5)), [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()


JPEG = picture()
HEADER = {"v": 1, "camera": "main", "seq": 7}


def sealed_by_hand(key, topic, head, rest=b""):
    """The seal as `docs/protocol.md` tells it, written a second time."""
    digest = hashlib.blake2b(key=key, digest_size=32)
    for part in (topic.encode(), head):
        digest.update(len(part).to_bytes(4, "big") + part)
    digest.update(rest)
    return head + b',"mac":"' + digest.hexdigest().encode() + b'"}'


def flipped(payload, bit):
    changed = bytearray(payload)
    changed[bit // 8 % len(payload)] ^= 1 << bit % 8
    return bytes(changed)


def refusal(opened, *arguments):
    with pytest.raises(ProtocolError) as caught:
        opened(*arguments)
    return caught.value.reason


# Keys


def test_purposes_have_keys_of_their_own():
    keys = {derive(KEY, purpose) for purpose in PURPOSES}
    assert len(keys) == len(PURPOSES)
    assert KEY not in keys
    assert {len(key) for key in keys} == {32}


def test_derivation_is_pinned():
    """An agent in the field derives the same key for ever."""
    expected = hashlib.blake2b(b"printwarden/v1", key=KEY, person=b"frame", digest_size=32).digest()
    assert derive(KEY, "frame") == expected


@pytest.mark.parametrize("key", [b"", KEY[:-1], KEY + b"x"])
def test_a_key_has_32_bytes(key):
    with pytest.raises(ValueError, match="32 bytes"):
        derive(key, "frame")


def test_unknown_purposes_have_no_key():
    with pytest.raises(ValueError, match="purpose"):
        derive(KEY, "everything")


# JSON


@given(messages)
def test_json_round_trip(message):
    assert open_json(KEY, TOPIC, seal_json(KEY, TOPIC, message)) == message


@given(messages)
def test_a_sealed_message_is_plain_json(message):
    """Any consumer can read it: the seal is one more member, the last one."""
    plain = json.loads(seal_json(KEY, TOPIC, message))
    assert list(plain)[-1] == "mac"
    del plain["mac"]
    assert plain == message


@given(messages, st.integers(0, 2**20))
def test_one_flipped_bit_anywhere_breaks_json(message, bit):
    payload = seal_json(KEY, TOPIC, message)
    assert refusal(open_json, KEY, TOPIC, flipped(payload, bit)) in ("bad_signature", "unsigned")


@given(messages, st.integers(0, 2**20))
def test_truncated_json_is_refused(message, cut):
    payload = seal_json(KEY, TOPIC, message)
    assert refusal(open_json, KEY, TOPIC, payload[: cut % len(payload)]) in ("bad_signature", "unsigned")


@given(messages, st.binary(min_size=1, max_size=20), st.booleans())
def test_added_bytes_are_refused(message, more, before):
    payload = seal_json(KEY, TOPIC, message)
    assert refusal(open_json, KEY, TOPIC, more + payload if before else payload + more)


@given(st.binary(max_size=300))
def test_any_bytes_are_refused_as_json(payload):
    assert refusal(open_json, KEY, TOPIC, payload) in ("bad_signature", "unsigned")


@given(messages, st.text(max_size=80))
def test_moved_to_another_topic_is_refused(message, topic):
    payload = seal_json(KEY, TOPIC, message)
    if topic != TOPIC:
        assert refusal(open_json, KEY, topic, payload) == "bad_signature"


@pytest.mark.parametrize("purpose", PURPOSES)
def test_the_key_of_another_purpose_is_refused(purpose):
    payload = seal_json(derive(KEY, purpose), TOPIC, {"v": 1})
    for other in PURPOSES:
        if other == purpose:
            assert open_json(derive(KEY, other), TOPIC, payload) == {"v": 1}
        else:
            assert refusal(open_json, derive(KEY, other), TOPIC, payload) == "bad_signature"


def test_topic_and_message_cannot_be_shifted_into_each_other():
    """What stands at the end of one part does not count as the begin of the next one."""
    payload = seal_json(KEY, "a", {"b": 1})
    assert refusal(open_json, KEY, "a{", payload[1:]) == "bad_signature"


def test_the_seal_is_lower_case_hexadecimal_only():
    payload = seal_json(KEY, TOPIC, {"v": 1})
    shouted = payload[:-66] + payload[-66:-2].upper() + payload[-2:]
    assert shouted != payload
    assert refusal(open_json, KEY, TOPIC, shouted) == "bad_signature"


def test_the_hub_and_a_stranger_need_the_same_bytes():
    assert seal_json(KEY, TOPIC, {"v": 1}) == sealed_by_hand(KEY, TOPIC, b'{"v":1')


@pytest.mark.parametrize("message", [{}, {"mac": ""}, {"v": float("nan")}, {"v": float("inf")}])
def test_what_is_no_json_cannot_be_sealed(message):
    with pytest.raises(ValueError, match=r"empty|JSON compliant"):
        seal_json(KEY, TOPIC, message)


@pytest.mark.parametrize(
    "head",
    [
        b'{"v":1,"v":2',
        b'{"v":{"a":1,"a":1}',
        b'{"v":NaN',
        b'{"v":Infinity',
        b'{"v":-Infinity',
        b'{"v":' + b"9" * 5000,
        b'{"v":' + b"[" * 8000,
        b'{"v":"\xff"',
        b'{"v":"\xed\xa0\x80"',
        b'{"v":"\\ud800"',
        b'{"\\udfff":1',
        b'{"v":["x",{"y":"\\uDC00\\uD800"}]',
        b'{"v":"\n"',
        b'{"v":01',
        b'{"v":1}{"w":2',
        b'["v"',
        b'"v"',
        b"1",
        b'{"mac":1',
        b"\xef\xbb\xbf" + b'{"v":1',
        b"",
        b"\0",
    ],
    ids=lambda head: repr(head[:24]),
)
def test_well_sealed_nonsense_is_one_clear_error(head):
    """Also somebody who holds the key cannot make the other side stumble."""
    assert refusal(open_json, KEY, TOPIC, sealed_by_hand(KEY, TOPIC, head)) in ("malformed", "unsigned")


def test_paired_surrogates_are_one_character():
    assert open_json(KEY, TOPIC, sealed_by_hand(KEY, TOPIC, b'{"v":"\\ud83d\\ude00"')) == {"v": "😀"}


def opens_or_is_refused(head):
    try:
        return isinstance(open_json(KEY, TOPIC, sealed_by_hand(KEY, TOPIC, head)), dict)
    except ProtocolError as error:
        return error.reason in ("malformed", "unsigned")


@given(st.binary(max_size=60))
def test_any_well_sealed_bytes_open_or_are_refused(head):
    assert opens_or_is_refused(head)


@pytest.mark.parametrize("depth", [500, 900, 1100, 2600, 7900])
@pytest.mark.parametrize("inner", [b"1", b'"\\u00e4"'], ids=["number", "escape"])
def test_deep_nesting_opens_or_is_refused(depth, inner):
    """How deep is too deep depends on the interpreter."""
    assert opens_or_is_refused(b'{"v":' + b"[" * depth + inner + b"]" * depth)


def test_json_has_a_largest_size():
    room = seal.MAX_JSON - len(seal_json(KEY, TOPIC, {"v": ""}))
    assert open_json(KEY, TOPIC, seal_json(KEY, TOPIC, {"v": "x" * room}))
    assert refusal(open_json, KEY, TOPIC, seal_json(KEY, TOPIC, {"v": "x" * (room + 1)})) == "too_large"


def test_an_error_carries_a_reason_and_a_detail():
    error = ProtocolError("unsigned", "no seal")
    assert (error.reason, error.detail, str(error)) == ("unsigned", "no seal", "unsigned: no seal")


# Frames


def test_a_frame_may_end_with_its_comment():
    assert open_jpeg(KEY, TOPIC, seal_jpeg(KEY, TOPIC, {"v": 1}, b"\xff\xd8")) == {"v": 1}


@given(messages)
def test_frame_round_trip(header):
    assert open_jpeg(KEY, TOPIC, seal_jpeg(KEY, TOPIC, header, JPEG)) == header


@pytest.mark.parametrize(
    "jpeg",
    [
        JPEG,
        picture(333, 17, 1, quality=30),
        picture(1, 1, 2),
        cv2.imencode(".jpg", np.zeros((40, 50), np.uint8), [cv2.IMWRITE_JPEG_PROGRESSIVE, 1])[1].tobytes(),
    ],
    ids=["photo", "odd", "tiny", "grey"],
)
@pytest.mark.parametrize(
    "between",
    [b"", b"\xff\xfe\x00\x05own", b"\xff\xe1\x00\x10Exif\0\0MM\0*\0\0\0\x08"],
    ids=["as_is", "with_comment", "with_exif"],
)
def test_a_sealed_frame_is_still_the_same_picture(jpeg, between):
    jpeg = jpeg[:2] + between + jpeg[2:]
    sealed = seal_jpeg(KEY, TOPIC, HEADER, jpeg)
    before, after = (
        cv2.imdecode(np.frombuffer(each, np.uint8), cv2.IMREAD_UNCHANGED) for each in (jpeg, sealed)
    )
    assert after is not None
    assert np.array_equal(before, after)


def test_the_comment_is_where_every_tool_finds_it():
    sealed = seal_jpeg(KEY, TOPIC, HEADER, JPEG)
    length = int.from_bytes(sealed[4:6], "big")
    assert sealed[:4] == b"\xff\xd8\xff\xfe"
    assert json.loads(sealed[6 : 4 + length])["camera"] == "main"
    assert sealed[4 + length :] == JPEG[2:]
    assert sealed[6 : 4 + length] == sealed_by_hand(
        KEY, TOPIC, b'{"v":1,"camera":"main","seq":7', rest=JPEG[2:]
    )


@given(bit=st.integers(0, len(JPEG) * 8 + 1200))
def test_one_flipped_bit_anywhere_breaks_a_frame(bit):
    sealed = seal_jpeg(KEY, TOPIC, HEADER, JPEG)
    assert refusal(open_jpeg, KEY, TOPIC, flipped(sealed, bit)) in ("bad_signature", "unsigned", "malformed")


@given(cut=st.integers(0, 2**20))
def test_a_truncated_frame_is_refused(cut):
    sealed = seal_jpeg(KEY, TOPIC, HEADER, JPEG)
    assert refusal(open_jpeg, KEY, TOPIC, sealed[: cut % len(sealed)])


@given(
    st.binary(max_size=200), st.sampled_from([b"", b"\xff\xd8", b"\xff\xd8\xff\xfe", b"\xff\xd8\xff\xfe\x00"])
)
def test_any_bytes_are_refused_as_a_frame(payload, begin):
    assert refusal(open_jpeg, KEY, TOPIC, begin + payload) in ("malformed", "unsigned", "bad_signature")


@pytest.mark.parametrize("length", [b"\x00\x00", b"\x00\x01", b"\xff\xff", b"\x00", b""])
def test_comment_lengths_that_lie_are_refused(length):
    assert refusal(open_jpeg, KEY, TOPIC, b"\xff\xd8\xff\xfe" + length) == "malformed"


def test_the_shortest_comment_is_merely_unsigned():
    assert refusal(open_jpeg, KEY, TOPIC, b"\xff\xd8\xff\xfe\x00\x02" + JPEG[2:]) == "unsigned"


def test_a_picture_cannot_wear_the_header_of_another_one():
    ours, theirs = (seal_jpeg(KEY, TOPIC, HEADER, each) for each in (JPEG, picture(seed=9)))
    end = 4 + int.from_bytes(ours[4:6], "big")
    assert refusal(open_jpeg, KEY, TOPIC, ours[:end] + theirs[end:]) == "bad_signature"


def test_a_frame_does_not_open_on_another_topic_or_with_another_key():
    sealed = seal_jpeg(KEY, TOPIC, HEADER, JPEG)
    assert refusal(open_jpeg, KEY, TOPIC + "x", sealed) == "bad_signature"
    assert refusal(open_jpeg, bytes(32), TOPIC, sealed) == "bad_signature"


def test_a_frame_sealed_twice_tells_of_the_outer_seal():
    again = seal_jpeg(KEY, TOPIC, {"v": 2}, seal_jpeg(KEY, TOPIC, HEADER, JPEG))
    assert open_jpeg(KEY, TOPIC, again) == {"v": 2}


@pytest.mark.parametrize("jpeg", [b"", b"\xff", b"\x89PNG", b"\xd8\xff"])
def test_only_jpegs_are_sealed(jpeg):
    assert refusal(seal_jpeg, KEY, TOPIC, HEADER, jpeg) == "malformed"


def test_frames_have_a_largest_size():
    room = seal.MAX_FRAME - len(seal_jpeg(KEY, TOPIC, HEADER, b"\xff\xd8"))
    assert len(sealed := seal_jpeg(KEY, TOPIC, HEADER, b"\xff\xd8" + bytes(room))) == seal.MAX_FRAME
    assert open_jpeg(KEY, TOPIC, sealed) == HEADER
    assert refusal(seal_jpeg, KEY, TOPIC, HEADER, b"\xff\xd8" + bytes(room + 1)) == "too_large"
    assert refusal(open_jpeg, KEY, TOPIC, sealed + b"x") == "too_large"


def test_a_frame_header_fits_into_one_segment():
    room = 0xFFFF - 2 - len(sealed_by_hand(KEY, TOPIC, b'{"v":""'))
    assert open_jpeg(KEY, TOPIC, seal_jpeg(KEY, TOPIC, {"v": "x" * room}, JPEG)) == {"v": "x" * room}
    assert refusal(seal_jpeg, KEY, TOPIC, {"v": "x" * (room + 1)}, JPEG) == "too_large"
