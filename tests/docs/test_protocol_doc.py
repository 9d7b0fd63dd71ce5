"""docs/protocol.md and the code say the same: every member, word, limit and topic, and the bytes of the example."""

import ast
import hashlib
import json
import re
from dataclasses import fields, replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from agent import enrolment, execute, guards, loop, protocol, seal, session, topics
from agent.enrolment import Credential, Ticket
from agent.protocol import Ack, CameraStatus, Command, Frame, State, Status, Want
from agent.seal import derive, open_json, seal_json
from hub import enrolment as hub_enrolment
from hub import enrolment_server, pace
from hub.broker.settings import BrokerSettings

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "protocol.md").read_text(encoding="utf-8")
EXAMPLE = PAGE[PAGE.index("## 7. ") :]
BLOCKS = re.findall(r"```text\n(.*?)\n```", EXAMPLE, re.DOTALL)

KEY = bytes(range(32))
PRINTER = "00112233445566778899aabbccddeeff"
BOOT = 1_700_000_000

KINDS = {
    "Status": (Status, "status"),
    "State": (State, "state"),
    "Camera status": (CameraStatus, None),
    "Frame": (Frame, "frame"),
    "Command": (Command, "command"),
    "Ack": (Ack, "ack"),
    "Want": (Want, "want"),
}


def section(title, level="###"):
    """The text under a heading, up to the next one of any level."""
    begin = PAGE.index(f"{level} {title}\n")
    return re.split(r"\n#{2,3} ", PAGE[begin + len(level) + 1 :])[0]


def table(text, heading):
    """The rows of the first table whose header's first cell is `heading`."""
    lines = text.splitlines()
    begin = next(at for at, line in enumerate(lines) if line.startswith(f"| {heading} |"))
    rows = []
    for line in lines[begin + 2 :]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split("|")])
    return rows


def words(rows, column=0):
    return [row[column].strip("`") for row in rows]


# Messages


@pytest.mark.parametrize("title", KINDS)
def test_every_member_has_a_row_and_every_row_a_member(title):
    kind, purpose = KINDS[title]
    members = [each.name for each in fields(kind) if each.name != "jpeg"]
    assert words(table(section(title), "member")) == (["v", *members] if purpose else members)
    if purpose:
        assert f"purpose `{purpose}`" in section(title)


@pytest.mark.parametrize("title", [title for title, (_, purpose) in KINDS.items() if purpose])
def test_what_has_a_default_may_be_left_out(title):
    """The column of defaults is what the readers really do."""
    _, purpose = KINDS[title]
    if title == "Frame":
        sent = open_header(bytes.fromhex(block(lambda text: text.startswith("ffd8fffe"))))
    else:
        sent = json.loads(block(example_of(purpose)))
    sent.pop("mac", None)
    for name, kind_of, default, _ in table(section(title), "member"):
        left = {member: value for member, value in sent.items() if member != name.strip("`")}
        read = reader(purpose, left)
        if default:
            wanted = json.loads(default.strip("`"))
            found = getattr(read(), name.strip("`"))
            assert (list(found) if isinstance(found, tuple) else found) == wanted, name
        else:
            assert kind_of, "every member has a type"
            with pytest.raises(seal.ProtocolError):
                read()


def reader(purpose, members):
    topic = example_topic(purpose)
    if purpose == "frame":
        sealed = seal.seal_jpeg(derive(KEY, purpose), topic, members, b"\xff\xd8\xff\xd9")
        return lambda: protocol.read_frame(KEY, PRINTER, "main", sealed)
    sealed = seal_json(derive(KEY, purpose), topic, members)
    return lambda: getattr(protocol, f"read_{purpose}")(KEY, PRINTER, sealed)


def example_topic(purpose):
    make = getattr(topics, purpose)
    return make(PRINTER, "main") if purpose == "frame" else make(PRINTER)


@pytest.mark.parametrize(
    ("listed", "title"),
    [
        (protocol.PHASES, "State"),
        (protocol.NOT_PRINTING, "State"),
        (protocol.ACTIONS, "Command"),
        (protocol.CAMERA_FAULTS, "Camera status"),
        (protocol.AFTER_PAUSE, "Command"),
        (protocol.STAGES, "Ack"),
    ],
)
def test_every_word_is_explained(listed, title):
    assert not [word for word in listed if f"`{word}`" not in section(title)]


def test_phases_that_stand_the_watch_down():
    (told,) = re.findall(r"Only (.*?) positively say", section("State"))
    assert tuple(re.findall(r"`(\w+)`", told)) == protocol.NOT_PRINTING


def test_after_pause_options():
    rows = table(section("Command"), "option")
    assert {row[0].strip("`"): (float(row[1]), float(row[2])) for row in rows} == protocol.AFTER_PAUSE


def test_stages():
    assert set(words(table(section("Ack"), "stage"))) == set(protocol.STAGES)
    assert all(f"`{each}`" in section("Ack") for each in protocol.FALLBACKS)


# Reasons


def raised(path):
    """The reasons of every ProtocolError that a file raises."""
    return set(re.findall(r'ProtocolError\(\s*"(\w+)"', (ROOT / path).read_text(encoding="utf-8")))


def test_reasons_of_a_bad_seal_or_message():
    told = set(words(table(section("4. Seals", "##"), "reason")))
    assert told == raised("agent/seal.py") | raised("agent/protocol.py")


def returned(name):
    """The words that the guard of a class can answer."""
    tree = ast.parse((ROOT / "agent" / "guards.py").read_text(encoding="utf-8"))
    (guard,) = [node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == name]
    values = [node.value for node in ast.walk(guard) if isinstance(node, ast.Return)]
    return [each.value for each in values if isinstance(each, ast.Constant) and each.value]


def test_reasons_of_the_guards():
    agents, hubs = section("6. Guards", "##").split("**The hub**")
    assert words(table(agents, "reason")) == returned("CommandGuard") == list(guards.REFUSALS)
    assert words(table(hubs, "reason")) == returned("UplinkGuard")


# Topics


def test_the_table_of_topics_is_the_module():
    rows = table(section("3. Topics", "##"), "topic")
    builders = {
        name: value
        for name, value in vars(topics).items()
        if callable(value)
        and getattr(value, "__module__", "") == topics.__name__
        and name not in ("Topic", "parse")
    }
    assert set(words(rows, 1)) == set(builders)
    for row in rows:
        name = row[1].strip("`")
        places = re.findall(r"<\w+>", row[0])
        assert builders[name](*places) == row[0].strip("`")


@pytest.mark.parametrize("name", ["status", "state", "frame", "ack", "command", "want"])
def test_quality_and_retention_are_what_is_sent(name):
    """The agent's own calls: a literal `retain=True`, and `qos=0` for frames."""
    row = next(row for row in table(section("3. Topics", "##"), "topic") if row[1] == f"`{name}`")
    retained = {
        "status": "retain=True" in source(loop, "_status"),
        "state": "retain=True" in source(loop, "_tell_state"),
        "want": "retain=True" in source(pace, "tell"),
    }
    assert row[5] == ("yes" if retained.get(name) else "no")
    assert row[4] == ("0" if name == "frame" else "1")
    assert session.Message("t", b"").qos == 1


def source(module, function):
    text = Path(module.__file__).read_text(encoding="utf-8")
    tree = ast.parse(text)
    (found,) = [
        node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name == function
    ]
    return ast.get_source_segment(text, found)


# Numbers


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("4. Seals", f"at most {seal.MAX_JSON} bytes"),
        ("4. Seals", f"at most {seal.MAX_FRAME} bytes"),
        ("4. Seals", f"({seal.KEY_BYTES} bytes)"),
        ("4. Seals", f"{2 * seal.MAC_BYTES} characters"),
        ("4. Seals", f"the {seal._MAC_TAIL} bytes"),
        ("4. Seals", f"the last {seal._MAC_TAIL} bytes"),
        ("5. Messages", f"from 0 to {protocol.MAX_INTEGER} "),
        ("5. Messages", f"at most {protocol._TEXT} characters"),
        ("State", f"every {loop.STATE_S:.0f} s while printing"),
        ("State", f"at least every {loop.REPEAT_STATE_S:.0f} s"),
        ("Want", f"every {loop.QUIET_MS} ms"),
        ("Want", f"repeats it every {pace.HEARTBEAT_S:.0f} s"),
        ("Want", f"none for {loop.HUB_GONE_S:.0f} s"),
        ("Ack", f"within {execute.CONFIRM_S:.0f} s"),
        ("2. The connection", f"| keepalive | {session.KEEPALIVE_S} s |"),
        ("2. The connection", f"from 1 to {session.MAX_BACKOFF_S:.0f} s"),
        ("2. The connection", f"({BrokerSettings().limits.packet_bytes} bytes)"),
        ("1. Enrolment", f"at most {enrolment_server.MAX_BODY} bytes"),
        ("1. Enrolment", f"for {hub_enrolment.LIFETIME_S / 60:.0f} minutes"),
        ("1. Enrolment", f"after {hub_enrolment.TRIES} tries"),
        ("1. Enrolment", f"at most {hub_enrolment.ROTATE_WITHIN_S:.0f} s from"),
        ("1. Enrolment", f"a whole number of seconds, {hub_enrolment.CONFIRM_S}"),
        ("1. Enrolment", f"after {hub_enrolment.CODE_TRIES} wrong codes, {hub_enrolment.CONFIRM_S} s"),
        ("1. Enrolment", f"modulo {10**enrolment.CODE_DIGITS}, "),
        ("1. Enrolment", f"Every {enrolment.POLL_S:.0f} s or so"),
    ],
)
def test_numbers(place, said):
    assert said in section(place, "###" if f"### {place}\n" in PAGE else "##")


def test_limits_of_members_are_where_they_are_told():
    """One step beyond each limit that a table gives is refused, the limit itself is not."""
    limits = re.compile(r"(-?\d+) to (\d+)")
    checked = 0
    for title in ("State", "Want"):
        purpose = title.lower()
        sent = json.loads(block(example_of(purpose)))
        sent.pop("mac")
        for name, kind, _, _ in table(section(title), "member"):
            member = name.strip("`")
            for least, greatest in limits.findall(kind):
                for value, fine in (
                    (least, True),
                    (greatest, True),
                    (int(least) - 1, False),
                    (int(greatest) + 1, False),
                ):
                    given = {"x": [float(value), 0]} if member == "temperatures" else int(value)
                    read = reader(purpose, {**sent, member: given})
                    if fine:
                        assert read()
                    else:
                        with pytest.raises(seal.ProtocolError):
                            read()
                    checked += 1
    assert checked == 20


# Enrolment


def test_the_line_and_the_credential():
    text = section("1. Enrolment", "##")
    assert str(Ticket("<host>", "<port>", "<identity>", "<secret>", "<fingerprint>")) in text
    assert words(table(text, "part")) == [each.name for each in fields(Ticket)]
    assert words(table(text, "member of the credential")) == [each.name for each in fields(Credential)]


def test_the_code_of_the_example():
    (identity, shown) = re.findall(r"enrolment `(\w+)` would show `(\d+)`", EXAMPLE)[0]
    assert enrolment.code(KEY, identity) == shown
    made = hashlib.blake2b(identity.encode(), key=derive(KEY, "enrol"), digest_size=8).digest()
    assert f"{int.from_bytes(made, 'big') % 1_000_000:06}" == shown


def test_parts_of_the_line_match_its_pattern():
    good = {
        "host": "[::1]",
        "port": "65535",
        "identity": "0f" * 8,
        "secret": "aZ_-" * 8,
        "fingerprint": "0f" * 32,
    }
    assert enrolment.parse("printwarden://{host}:{port}/{identity}/{secret}/{fingerprint}".format(**good))


def test_purposes_have_keys_in_the_example():
    assert words([line.split() for line in BLOCKS[1].splitlines()]) == list(seal.PURPOSES)
    text = section("4. Seals", "##")
    assert not [purpose for purpose in seal.PURPOSES if f"`{purpose}`" not in text]


# The example


def block(fits):
    """The one block of the example that fits, in one line."""
    (found,) = [joined for joined in ("".join(each.split("\n")) for each in BLOCKS) if fits(joined)]
    return found


def example_of(purpose, **has):
    def fits(text):
        if not text.startswith("{"):
            return False
        try:
            members = open_json(derive(KEY, purpose), example_topic(purpose), text.encode())
        except seal.ProtocolError:
            return False
        return all(members[name] == value for name, value in (has or DISTINCT[purpose]).items())

    return fits


DISTINCT = {
    "status": {"online": True},
    "state": {},
    "want": {},
    "command": {},
    "ack": {"stage": "accepted"},
}


def open_header(frame):
    return seal.open_jpeg(derive(KEY, "frame"), topics.frame(PRINTER, "main"), frame)


def test_the_key_and_the_keys_of_the_example():
    assert bytes.fromhex(BLOCKS[0]) == KEY
    for line in BLOCKS[1].splitlines():
        purpose, derived = line.split()
        expected = hashlib.blake2b(
            b"printwarden/v1", key=KEY, person=purpose.encode(), digest_size=32
        ).hexdigest()
        assert derived == expected == derive(KEY, purpose).hex()


STATE = State(
    boot=BOOT,
    seq=1,
    clock=850,
    time=1_700_000_003_000,
    phase="printing",
    job="benchy-17",
    file="benchy.gcode",
    progress=0.25,
    remaining_s=3600.0,
    layer=50,
    layers=200,
    temperatures={"bed": (60.1, 60.0), "hotend": (214.8, 215.0)},
    can=("pause", "cancel"),
    cameras=(CameraStatus("main"),),
    agent="0.1.0",
)
COMMAND = Command(
    id="9f86d081884c7d65",
    boot=BOOT,
    seq=1_700_000_060_000,
    job="benchy-17",
    action="pause",
    expires=80_000,
    reason="100% sure for 3 s, the limit is 99%",
    initiator="watch",
    after={"lift_mm": 5.0},
)
ACCEPTED = Ack(BOOT, 122, 60_300, 1_700_000_060_300, COMMAND.id, "accepted", "printing", COMMAND.reason)
CONFIRMED = replace(
    ACCEPTED,
    seq=123,
    clock=62_400,
    time=1_700_000_062_400,
    stage="confirmed",
    phase="paused",
    reason="paused; done after it: lift_mm",
)
WANT = Want(seq=1_700_000_004_000, interval_ms=500, watched=True)


@pytest.mark.parametrize(
    ("purpose", "message", "place"),
    [
        ("status", Status(BOOT, 1, online=False), 2),
        ("status", Status(BOOT, 1, online=True), 3),
        ("state", STATE, 5),
        ("want", WANT, 8),
        ("command", COMMAND, 9),
        ("ack", ACCEPTED, 10),
        ("ack", CONFIRMED, 11),
    ],
)
def test_bytes_of_the_example(purpose, message, place):
    payload = BLOCKS[place].encode()
    assert payload == getattr(protocol, f"pack_{purpose}")(KEY, PRINTER, message)
    assert getattr(protocol, f"read_{purpose}")(KEY, PRINTER, payload) == message


def test_what_the_sum_of_the_example_is_made_over():
    fed, birth = bytes.fromhex(BLOCKS[4]), json.loads(BLOCKS[3])
    digest = hashlib.blake2b(fed, key=derive(KEY, "status"), digest_size=32)
    assert digest.hexdigest() == birth["mac"]


def test_the_frame_of_the_example():
    jpeg, frame = bytes.fromhex(BLOCKS[6]), bytes.fromhex(BLOCKS[7])
    sent = Frame("main", BOOT, 2, 1000, 1_700_000_003_150, "benchy-17", jpeg)
    assert protocol.pack_frame(KEY, PRINTER, sent) == frame
    assert protocol.read_frame(KEY, PRINTER, "main", frame) == replace(sent, jpeg=frame)
    before, after = (
        cv2.imdecode(np.frombuffer(each, np.uint8), cv2.IMREAD_UNCHANGED) for each in (jpeg, frame)
    )
    assert before.shape == (8, 8)
    assert np.array_equal(before, after)


def test_the_rotation_of_the_example():
    sealed = BLOCKS[12].encode()
    assert sealed == seal_json(derive(KEY, "rotate"), f"rotate/{PRINTER}", {"v": 1, "time": BOOT})


def test_the_command_of_the_example_passes_its_guard():
    guard = guards.CommandGuard(BOOT)
    assert guard.refusal(COMMAND, retained=False, clock=60_250, job=STATE.job) is None
    assert guard.refusal(COMMAND, retained=False, clock=60_250, job=STATE.job) == "repeated"
