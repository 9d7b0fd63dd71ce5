"""Messages: what is packed reads back, and whatever else comes is refused as a ProtocolError and nothing else."""

import json
from dataclasses import MISSING, asdict, fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent import protocol, topics
from agent.protocol import (
    ACTIONS,
    AFTER_PAUSE,
    CAMERA_FAULTS,
    MAX_INTEGER,
    PHASES,
    STAGES,
    Ack,
    CameraStatus,
    Command,
    Frame,
    State,
    Status,
    Want,
)
from agent.seal import MAX_JSON, ProtocolError, derive, seal_jpeg, seal_json

KEY = bytes(range(32))
OTHER_KEY = bytes(32)
PRINTER = "0123456789abcdef0123456789abcdef"
OTHER_PRINTER = "f" * 32
JPEG = b"\xff\xd8\xff\xdb\x00\x04ab\xff\xd9"

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
integers = st.integers(0, MAX_INTEGER)
cameras = st.from_regex(topics.NAME, fullmatch=True)
stamps = {"boot": integers, "seq": integers, "clock": integers, "time": integers}
celsius = st.floats(-300, 3000)

statuses = st.builds(Status, boot=integers, session=integers, online=st.booleans())
states = st.builds(
    State,
    **stamps,
    phase=st.sampled_from(PHASES),
    job=texts,
    file=texts,
    progress=st.none() | st.floats(0, 1),
    remaining_s=st.none() | st.floats(0, 1e8),
    layer=st.none() | integers,
    layers=st.none() | integers,
    temperatures=st.dictionaries(texts.filter(lambda text: len(text) <= 32), st.tuples(celsius, celsius)),
    can=st.lists(st.sampled_from(ACTIONS), max_size=3).map(tuple),
    control=texts,
    message=texts,
    cameras=st.lists(
        st.builds(CameraStatus, cameras, st.sampled_from(("", *CAMERA_FAULTS))), max_size=16
    ).map(tuple),
)
commands = st.builds(
    Command,
    id=texts,
    boot=integers,
    seq=integers,
    job=texts,
    action=st.sampled_from(ACTIONS),
    expires=integers,
    reason=texts,
    initiator=texts,
    after=st.fixed_dictionaries({}, optional={name: st.floats(*ends) for name, ends in AFTER_PAUSE.items()}),
    dry=st.booleans(),
)
acks = st.builds(
    Ack, **stamps, command=texts, stage=st.sampled_from(STAGES), phase=st.sampled_from(PHASES), reason=texts
)
wants = st.builds(
    Want,
    seq=integers,
    interval_ms=st.integers(100, 3_600_000),
    width=st.integers(0, 8192),
    watched=st.booleans(),
)

STATUS = Status(boot=3, session=1, online=True)
STATE = State(
    boot=3,
    seq=9,
    clock=1000,
    time=1_700_000_000_000,
    phase="printing",
    job="job-1",
    file="benchy.gcode",
    progress=0.5,
    remaining_s=60.0,
    layer=1,
    layers=200,
    temperatures={"hotend": (210.0, 215.0)},
    can=("pause", "cancel"),
    control="",
    message="",
    cameras=(CameraStatus("main", "dark"),),
    agent="0.1.0",
)
COMMAND = Command("c1", 3, 5, "job-1", "pause", 9000, "spaghetti", "watch", {"lift_mm": 5.0})
ACK = Ack(3, 10, 1000, 1_700_000_000_000, "c1", "confirmed", "paused")
WANT = Want(4, 1000, 640, watched=True)

KINDS = {
    "status": (topics.status, protocol.pack_status, protocol.read_status, STATUS),
    "state": (topics.state, protocol.pack_state, protocol.read_state, STATE),
    "command": (topics.command, protocol.pack_command, protocol.read_command, COMMAND),
    "ack": (topics.ack, protocol.pack_ack, protocol.read_ack, ACK),
    "want": (topics.want, protocol.pack_want, protocol.read_want, WANT),
}
kinds = pytest.mark.parametrize("kind", KINDS)


def sealed(kind, members):
    return seal_json(derive(KEY, kind), KINDS[kind][0](PRINTER), members)


def members_of(kind):
    """The JSON members of the example of a kind, as they cross the wire."""
    return {"v": 1, **json.loads(json.dumps(asdict(KINDS[kind][3])))}


def read(kind, members):
    return KINDS[kind][2](KEY, PRINTER, sealed(kind, members))


def refusal(reading, *arguments):
    with pytest.raises(ProtocolError) as caught:
        reading(*arguments)
    return caught.value.reason


def accepted_or_refused(reading, *arguments):
    """Whether a message reads or is refused; any other exception fails the test."""
    try:
        reading(*arguments)
    except ProtocolError as error:
        assert len(str(error)) < 500, "an error must not echo a whole message"  # noqa: PT017
    return True


# Round trips


@given(statuses)
def test_status_round_trip(status):
    assert protocol.read_status(KEY, PRINTER, protocol.pack_status(KEY, PRINTER, status)) == status


@given(states)
def test_state_round_trip(state):
    state = replace(state, temperatures=dict(list(state.temperatures.items())[:16]))
    assert protocol.read_state(KEY, PRINTER, protocol.pack_state(KEY, PRINTER, state)) == state


@given(commands)
def test_command_round_trip(command):
    assert protocol.read_command(KEY, PRINTER, protocol.pack_command(KEY, PRINTER, command)) == command


@given(acks)
def test_ack_round_trip(ack):
    assert protocol.read_ack(KEY, PRINTER, protocol.pack_ack(KEY, PRINTER, ack)) == ack


@given(wants)
def test_want_round_trip(want):
    assert protocol.read_want(KEY, PRINTER, protocol.pack_want(KEY, PRINTER, want)) == want


@given(st.builds(Frame, camera=cameras, **stamps, job=texts, jpeg=st.binary().map(JPEG.__add__)))
def test_frame_round_trip(frame):
    """Everything comes back but the picture, which is now the sealed one: its rest is unchanged."""
    payload = protocol.pack_frame(KEY, PRINTER, frame)
    assert protocol.read_frame(KEY, PRINTER, frame.camera, payload) == replace(frame, jpeg=payload)
    assert payload.endswith(frame.jpeg[2:])


def test_the_example_of_each_kind_is_its_own_round_trip():
    for _, pack, reading, example in KINDS.values():
        assert reading(KEY, PRINTER, pack(KEY, PRINTER, example)) == example


# Where a message belongs


@kinds
def test_only_the_key_of_its_printer_opens_a_message(kind):
    _, pack, reading, example = KINDS[kind]
    payload = pack(KEY, PRINTER, example)
    assert refusal(reading, OTHER_KEY, PRINTER, payload) == "bad_signature"
    assert refusal(reading, KEY, OTHER_PRINTER, payload) == "bad_signature"


@kinds
@pytest.mark.parametrize("other", KINDS)
def test_a_message_of_one_kind_is_no_message_of_another(kind, other):
    if kind != other:
        payload = KINDS[kind][1](KEY, PRINTER, KINDS[kind][3])
        assert refusal(KINDS[other][2], KEY, PRINTER, payload) == "bad_signature"


@kinds
@pytest.mark.parametrize("purpose", ["frame", "state", "status", "ack", "command", "want", "intent"])
def test_each_kind_needs_the_key_of_its_purpose(kind, purpose):
    """A worker that holds frame keys can make frames and nothing else."""
    payload = seal_json(derive(KEY, purpose), KINDS[kind][0](PRINTER), members_of(kind))
    if purpose == kind:
        assert KINDS[kind][2](KEY, PRINTER, payload) == KINDS[kind][3]
    else:
        assert refusal(KINDS[kind][2], KEY, PRINTER, payload) == "bad_signature"


def test_a_frame_belongs_to_one_printer_and_one_camera():
    payload = protocol.pack_frame(KEY, PRINTER, Frame("main", 1, 2, 3, 4, "job", JPEG))
    assert refusal(protocol.read_frame, KEY, PRINTER, "side", payload) == "bad_signature"
    assert refusal(protocol.read_frame, KEY, OTHER_PRINTER, "main", payload) == "bad_signature"
    assert refusal(protocol.read_frame, OTHER_KEY, PRINTER, "main", payload) == "bad_signature"
    header = {"v": 1, "camera": "side", "boot": 1, "seq": 2, "clock": 3, "time": 4, "job": ""}
    payload = seal_jpeg(derive(KEY, "frame"), topics.frame(PRINTER, "main"), header, JPEG)
    assert refusal(protocol.read_frame, KEY, PRINTER, "main", payload) == "wrong_type"


@pytest.mark.parametrize("camera", ["", "..", "Main", "a" * 33, "a\0", "a b"])
def test_a_frame_of_a_camera_with_an_impossible_name_is_refused(camera):
    """A camera's name becomes part of a file name in the hub."""
    payload = protocol.pack_frame(KEY, PRINTER, Frame(camera, 1, 2, 3, 4, "job", JPEG))
    assert refusal(protocol.read_frame, KEY, PRINTER, camera, payload) == "wrong_type"


# Hostile input


@kinds
@given(payload=st.binary(max_size=400))
def test_any_bytes_are_refused(kind, payload):
    assert refusal(KINDS[kind][2], KEY, PRINTER, payload) in ("unsigned", "bad_signature")


@given(payload=st.binary(max_size=400))
def test_any_bytes_are_no_frame(payload):
    assert refusal(protocol.read_frame, KEY, PRINTER, "main", payload) == "malformed"


@kinds
@given(place=st.integers(0, 2**20), cut=st.booleans())
def test_changed_messages_are_refused(kind, place, cut):
    payload = KINDS[kind][1](KEY, PRINTER, KINDS[kind][3])
    if cut:
        broken = payload[: place % len(payload)]
    else:
        at = place // 8 % len(payload)
        broken = payload[:at] + bytes([payload[at] ^ 1 << place % 8]) + payload[at + 1 :]
    assert refusal(KINDS[kind][2], KEY, PRINTER, broken) in ("unsigned", "bad_signature")


HUGE = 10**4000
WRONG = [
    None,
    True,
    False,
    -1,
    0,
    1,
    2**53 + 1,
    HUGE,
    -HUGE,
    0.5,
    -0.5,
    1e300,
    "",
    "x",
    "x" * 301,
    "9" * 10_000,
    "\0",
    [],
    [[]],
    ["pause", 1],
    [None],
    [{}],
    [{"name": None}],
    [{"name": "main", "fault": 3}],
    [{"name": "../x"}],
    [{"name": ["main"] * 900}],
    ["x" * 9000],
    {},
    {"a": 1},
    {"a": []},
    {"a": [1]},
    {"a": [1, "x"]},
    {"a": [HUGE, 0]},
    {"a": [0, 1e300]},
    {"a": [True, 0]},
    {"lift_mm": "5"},
    {"lift_mm": -1},
    {"lift_mm": HUGE},
    {"lift_mm": True},
    {"explode": 1},
    {"x" * 9000: 1},
]
CASES = [
    (kind, member)
    for kind, (_, _, _, example) in KINDS.items()
    for member in ("v", *(each.name for each in fields(example)))
]
NAMED = ["-".join(case) for case in CASES]


@pytest.mark.parametrize(("kind", "member"), CASES, ids=NAMED)
def test_any_value_in_any_member_reads_or_is_refused(kind, member):
    """Also the owner of a key, which is what a hacked agent is, cannot make the hub stumble."""
    for value in WRONG:
        assert accepted_or_refused(read, kind, {**members_of(kind), member: value})


@pytest.mark.parametrize(("kind", "member"), CASES, ids=NAMED)
@pytest.mark.parametrize("depth", [400, 480, 600, 1200, 3000])
def test_deep_nesting_in_any_member_reads_or_is_refused(kind, member, depth):
    example = json.dumps({**members_of(kind), member: "HERE"})
    for begin, end in (("[", "]"), ('{"a":', "}")):
        nested = begin * depth + "1" + end * depth
        head = example.replace('"HERE"', nested).encode()[:-1]
        assert accepted_or_refused(KINDS[kind][2], KEY, PRINTER, hand_sealed(kind, head))


def hand_sealed(kind, head):
    from agent.seal import _with_mac

    return _with_mac(derive(KEY, kind), KINDS[kind][0](PRINTER), head, b"")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(data=st.data())
def test_random_values_read_or_are_refused(data):
    kind, member = data.draw(st.sampled_from(CASES))
    assert accepted_or_refused(read, kind, {**members_of(kind), member: data.draw(json_values)})


TYPES = {
    "v": ("1", 1.0, True, None, 2, 0),
    "boot": ("1", 1.5, True, None, -1, MAX_INTEGER + 1),
    "seq": ("1", 1.5, True, None, -1, MAX_INTEGER + 1),
    "session": ("1", 1.5, False, None, -1, MAX_INTEGER + 1),
    "clock": ("1", 1.5, True, None, -1, MAX_INTEGER + 1),
    "time": ("1", 1.5, True, None, -1, MAX_INTEGER + 1),
    "expires": ("1", 1.5, True, None, -1, MAX_INTEGER + 1),
    "layer": ("1", 1.5, True, -1, MAX_INTEGER + 1),
    "layers": ("1", 1.5, True, -1, MAX_INTEGER + 1),
    "interval_ms": ("1", 99, 3_600_001, True, 500.0),
    "width": ("1", -1, 8193, True),
    "online": (1, 0, "true", None),
    "watched": (1, "true", None),
    "dry": (0, "false", None),
    "phase": ("", "Printing", "busy", 1, None, ["printing"]),
    "stage": ("", "done", 1, None),
    "action": ("", "start", "Pause", "pause ", 1, None, ["pause"]),
    "id": (1, None, "x" * 301),
    "job": (1, None, "x" * 301),
    "file": (1, None, "x" * 301),
    "control": (1, None, "x" * 301),
    "message": (1, None, "x" * 301),
    "agent": (1, None, "x" * 301),
    "command": (1, None, "x" * 301),
    "reason": (1, None, "x" * 301),
    "initiator": (1, None, "x" * 301),
    "progress": ("0.5", -0.01, 1.01, True, [], HUGE),
    "remaining_s": ("1", -1, 1e9, True, HUGE),
    "temperatures": (
        None,
        [],
        {"bed": 60},
        {"bed": [60]},
        {"bed": [60, 60, 60]},
        {"bed": [60, "60"]},
        {"bed": [-301, 0]},
        {"bed": [0, 3001]},
        {"bed": [None, 0]},
    ),
    "can": (None, "pause", ["start"], [1], {"pause": 1}),
    "cameras": (None, {}, ["main"], [{}], [{"name": "Main"}], [{"name": "main", "fault": "tired"}]),
    "after": (
        None,
        [],
        {"explode": 1},
        {"lift_mm": 50.1},
        {"lift_mm": -0.1},
        {"lift_mm": None},
        {"retract_mm": 21},
        {"bed_off_s": 86_401},
        {"hotend_off_s": True},
    ),
}


@pytest.mark.parametrize(("kind", "member"), CASES, ids=NAMED)
def test_wrong_types_are_refused_member_by_member(kind, member):
    for value in TYPES[member]:
        reason = refusal(read, kind, {**members_of(kind), member: value})
        assert reason == ("version" if member == "v" else "wrong_type"), f"{member}={value!r:.40}"


@pytest.mark.parametrize(("kind", "member"), CASES, ids=NAMED)
def test_a_missing_member_has_its_default_or_is_refused(kind, member):
    members = members_of(kind)
    del members[member]
    if member == "v":
        assert refusal(read, kind, members) == "version"
        return
    field = next(each for each in fields(KINDS[kind][3]) if each.name == member)
    optional = field.default is not MISSING or field.default_factory is not MISSING
    if optional:
        default = field.default if field.default is not MISSING else field.default_factory()
        assert getattr(read(kind, members), member) == default
    else:
        assert refusal(read, kind, members) == "wrong_type"


@pytest.mark.parametrize("member", ["v", "camera", "boot", "seq", "clock", "time", "job"])
def test_frame_headers_are_as_strict(member):
    header = {"v": 1, "camera": "main", "boot": 1, "seq": 2, "clock": 3, "time": 4, "job": "j"}
    for value in (*TYPES.get(member, (1, None, "side")), HUGE, [], {}):
        payload = seal_jpeg(
            derive(KEY, "frame"), topics.frame(PRINTER, "main"), {**header, member: value}, JPEG
        )
        assert refusal(protocol.read_frame, KEY, PRINTER, "main", payload) in ("version", "wrong_type")


@kinds
def test_unknown_members_are_ignored(kind):
    """A newer agent may tell more than this hub knows."""
    assert read(kind, {**members_of(kind), "invented": [1, {"later": None}]}) == KINDS[kind][3]


@pytest.mark.parametrize(
    ("member", "value", "expected"),
    [
        ("progress", 1, 1.0),
        ("progress", None, None),
        ("layer", None, None),
        ("can", ["pause"] * 9, ("pause",) * 3),
        ("temperatures", {f"t{number:02}": [1, 2] for number in range(40)}, 16),
        ("temperatures", {"x" * 50: [1, 2]}, {"x" * 32: (1.0, 2.0)}),
        ("cameras", [{"name": f"c{number}"} for number in range(40)], 16),
        ("cameras", [{"name": "main", "more": 1}], (CameraStatus("main"),)),
    ],
)
def test_what_a_snapshot_may_hold_is_bounded(member, value, expected):
    found = getattr(read("state", {**members_of("state"), member: value}), member)
    assert (len(found) if isinstance(expected, int) else found) == expected


@given(text=st.text(max_size=2000))
def test_what_a_printer_shows_is_cut_so_that_its_state_is_still_believed(text):
    """A file with a long or broken name must not make its printer unwatched."""
    state = replace(STATE, file=text, control=text, message=text)
    back = protocol.read_state(KEY, PRINTER, protocol.pack_state(KEY, PRINTER, state))
    whole = text.encode("utf-8", "replace").decode()[:300]
    assert (back.file, back.control, back.message) == (whole, whole, whole)


def test_a_full_snapshot_fits_into_a_message():
    """The largest state that reads back is not refused for its size."""
    text = "ä" * 300
    state = replace(
        STATE,
        job=text,
        file=text,
        control=text,
        message=text,
        temperatures={
            f"{number:02}" + "x" * 30: (-299.12345678901234, 2999.1234567890123) for number in range(16)
        },
        cameras=tuple(CameraStatus(f"{number:02}" + "x" * 30, "no_signal") for number in range(16)),
    )
    payload = protocol.pack_state(KEY, PRINTER, state)
    assert len(payload) < MAX_JSON
    assert protocol.read_state(KEY, PRINTER, payload) == state


def test_words_of_the_contract():
    """These words are stored and matched on both sides: they never change within v1."""
    assert protocol.VERSION == 1
    assert ACTIONS == ("pause", "resume", "cancel")
    assert protocol.NOT_PRINTING == ("idle", "finished", "cancelled", "error")
    assert set(PHASES) - set(protocol.NOT_PRINTING) == {"printing", "paused", "unreachable", "unknown"}
    assert STAGES == ("accepted", "refused", "confirmed", "failed")
    assert CAMERA_FAULTS == ("offline", "no_signal", "frozen", "dark", "covered")
    assert set(AFTER_PAUSE) == {"retract_mm", "lift_mm", "hotend_off_s", "bed_off_s"}


def test_what_is_only_shown_is_cut_and_cleaned_before_it_is_sent():
    shown = dict.fromkeys(("file", "control", "message"), chr(0xD800) + "x" * 400)
    state = State(1, 1, 1, 1, "idle", **shown)
    read = protocol.read_state(KEY, PRINTER, protocol.pack_state(KEY, PRINTER, state))
    assert {getattr(read, name) for name in shown} == {"?" + "x" * 299}


@pytest.mark.parametrize(
    ("member", "greatest", "beyond"),
    [("remaining_s", 1e8, 1.01e8), ("remaining_s", 0.0, -0.1), ("progress", 1.0, 1.01)],
)
def test_numbers_of_a_state_reach_to_their_limits(member, greatest, beyond):
    fits = State(1, 1, 1, 1, "idle", **{member: greatest})
    assert protocol.read_state(KEY, PRINTER, protocol.pack_state(KEY, PRINTER, fits)) == fits
    with pytest.raises(ProtocolError, match=member):
        protocol.read_state(
            KEY, PRINTER, protocol.pack_state(KEY, PRINTER, State(1, 1, 1, 1, "idle", **{member: beyond}))
        )


@pytest.mark.parametrize("reading", [-300.0, 3000.0])
def test_temperatures_reach_to_their_limits(reading):
    fits = State(1, 1, 1, 1, "idle", temperatures={"bed": (reading, reading)})
    assert protocol.read_state(KEY, PRINTER, protocol.pack_state(KEY, PRINTER, fits)) == fits
    for pair in ((reading * 1.0003, 0.0), (0.0, reading * 1.0003)):
        with pytest.raises(ProtocolError, match="temperatures"):
            protocol.read_state(
                KEY,
                PRINTER,
                protocol.pack_state(KEY, PRINTER, State(1, 1, 1, 1, "idle", temperatures={"bed": pair})),
            )


@pytest.mark.parametrize(("ms", "fits"), [(99, False), (100, True), (3_600_000, True), (3_600_001, False)])
def test_the_wished_interval_has_limits(ms, fits):
    payload = protocol.pack_want(KEY, PRINTER, Want(1, ms))
    if fits:
        assert protocol.read_want(KEY, PRINTER, payload).interval_ms == ms
    else:
        with pytest.raises(ProtocolError, match="interval_ms"):
            protocol.read_want(KEY, PRINTER, payload)
