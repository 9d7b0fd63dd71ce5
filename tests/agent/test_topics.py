"""Topic names: what is built parses back, and nothing else parses."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent import topics
from agent.topics import Topic

PRINTER = "0123456789abcdef0123456789abcdef"
printers = st.text("0123456789abcdef", min_size=32, max_size=32)
names = st.from_regex(topics.NAME, fullmatch=True)


@pytest.mark.parametrize(
    ("built", "expected"),
    [
        (topics.status(PRINTER), f"printwarden/v1/{PRINTER}/up/status"),
        (topics.state(PRINTER), f"printwarden/v1/{PRINTER}/up/state"),
        (topics.frame(PRINTER, "nozzle"), f"printwarden/v1/{PRINTER}/up/frame/nozzle"),
        (topics.ack(PRINTER), f"printwarden/v1/{PRINTER}/up/ack"),
        (topics.command(PRINTER), f"printwarden/v1/{PRINTER}/dn/cmd"),
        (topics.want(PRINTER), f"printwarden/v1/{PRINTER}/dn/want"),
        (topics.out(PRINTER, "verdict"), f"printwarden/v1/{PRINTER}/out/verdict"),
        (topics.intent(PRINTER, "ha1"), f"printwarden/v1/{PRINTER}/intent/ha1"),
        (topics.hub("health"), "printwarden/v1/hub/health"),
    ],
)
def test_names_on_the_wire(built, expected):
    """These names are a contract with agents and integrations that exist: they never change within v1."""
    assert built == expected


@given(
    printer=printers,
    direction=names,
    kind=names,
    name=st.one_of(st.just(""), names),
)
def test_a_printer_topic_parses_back(printer, direction, kind, name):
    topic = Topic(printer, direction, kind, name)
    assert topics.parse(str(topic)) == topic


@given(printer=printers, camera=names)
def test_builders_and_parser_agree(printer, camera):
    assert topics.parse(topics.frame(printer, camera)) == Topic(printer, "up", "frame", camera)
    assert topics.parse(topics.command(printer)) == Topic(printer, "dn", "cmd")


@pytest.mark.parametrize(
    "topic",
    [
        "",
        "printwarden/v1",
        "printwarden/v1/",
        topics.hub("health"),
        f"printwarden/v1/{PRINTER}",
        f"printwarden/v1/{PRINTER}/up",
        f"printwarden/v1/{PRINTER}/up/",
        f"printwarden/v1/{PRINTER}//status",
        f"printwarden/v1/{PRINTER}/up/frame/",
        f"printwarden/v1/{PRINTER}/up/frame/a/b",
        f"printwarden/v1/{PRINTER.upper()}/up/status",
        f"printwarden/v1/{PRINTER[:-1]}/up/status",
        f"printwarden/v1/{PRINTER}0/up/status",
        f"printwarden/v1/{PRINTER}\n/up/status",
        f"/printwarden/v1/{PRINTER}/up/status",
        f"x/printwarden/v1/{PRINTER}/up/status",
        f"printwarden/v2/{PRINTER}/up/status",
        "printwarden/v1/+/up/status",
    ],
)
def test_everything_else_is_no_printer_topic(topic):
    assert topics.parse(topic) is None


@given(st.text())
def test_any_text_parses_or_not_but_never_fails(text):
    parsed = topics.parse(text)
    assert parsed is None or str(parsed) == text


@pytest.mark.parametrize("name", ["", "-a", "_a", "A", "a b", "a/b", "a+", "#", "ä", "a" * 33, "a\n"])
def test_bad_camera_names(name):
    assert not topics.NAME.fullmatch(name)


@pytest.mark.parametrize("name", ["a", "0", "nozzle_cam-2", "a" * 32])
def test_good_camera_names(name):
    assert topics.NAME.fullmatch(name)
