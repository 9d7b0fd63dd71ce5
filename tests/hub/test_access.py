"""Who may what: the rules themselves, and properties that hold for every principal and every topic."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from agent import topics
from agent.topics import ROOT
from hub.access import (
    Action,
    Kind,
    Principal,
    Right,
    covers,
    grants,
    matches,
    may,
    may_use,
    valid_filter,
    valid_topic,
)

PRINTERS = ["1" * 32, "2" * 32]
MINE, OTHER = PRINTERS

HUB = Principal(Kind.HUB, "hub")
AGENT = Principal(Kind.AGENT, MINE)
WORKER = Principal(Kind.WORKER, "w1")
PERSON = Principal(Kind.PERSON, "7", {MINE: Right.OWN})
VIEWER = Principal(Kind.INTEGRATION, "ha", {MINE: Right.VIEW})
OPERATOR = Principal(Kind.INTEGRATION, "ha", {MINE: Right.CONTROL})


@pytest.mark.parametrize(
    ("who", "action", "topic"),
    [
        (HUB, Action.PUBLISH, topics.command(MINE)),
        (HUB, Action.PUBLISH, topics.want(OTHER)),
        (HUB, Action.PUBLISH, topics.out(MINE, "verdict")),
        (HUB, Action.PUBLISH, topics.hub("status")),
        (HUB, Action.PUBLISH, "homeassistant/device/x/config"),
        (HUB, Action.RECEIVE, topics.frame(MINE, "main")),
        (HUB, Action.RECEIVE, topics.intent(MINE, "ha")),
        (HUB, Action.RECEIVE, f"{ROOT}/worker/w1/result"),
        (HUB, Action.SUBSCRIBE, f"{ROOT}/+/up/frame/+"),
        (HUB, Action.SUBSCRIBE, f"$share/hub/{ROOT}/+/up/ack"),
        (AGENT, Action.PUBLISH, topics.frame(MINE, "main")),
        (AGENT, Action.PUBLISH, topics.status(MINE)),
        (AGENT, Action.RECEIVE, topics.command(MINE)),
        (AGENT, Action.SUBSCRIBE, topics.want(MINE)),
        (WORKER, Action.PUBLISH, f"{ROOT}/worker/w1/result"),
        (WORKER, Action.SUBSCRIBE, f"$share/detect/{ROOT}/+/up/frame/+"),
        (WORKER, Action.SUBSCRIBE, f"{ROOT}/{MINE}/up/frame/main"),
        (VIEWER, Action.RECEIVE, topics.state(MINE)),
        (VIEWER, Action.SUBSCRIBE, f"{ROOT}/{MINE}/out/#"),
        (VIEWER, Action.RECEIVE, topics.hub("status")),
        (VIEWER, Action.RECEIVE, f"homeassistant/device/ha_{MINE}/config"),
        (VIEWER, Action.SUBSCRIBE, "homeassistant/device/+/config"),
        (VIEWER, Action.SUBSCRIBE, "homeassistant/+/+/+/config"),
        (OPERATOR, Action.PUBLISH, topics.intent(MINE, "ha")),
    ],
)
def test_allowed(who, action, topic):
    assert may(who, action, topic)


M = f"{ROOT}/{MINE}"
UP = tuple(f"{ROOT}/+/up/{each}" for each in ("status", "state", "frame/+", "ack"))


@pytest.mark.parametrize(
    ("who", "publish", "receive", "subscribe"),
    [
        (
            HUB,
            {f"{ROOT}/+/dn/cmd", f"{ROOT}/+/dn/want", f"{ROOT}/+/out/#", f"{ROOT}/hub/#", "homeassistant/#"},
            {*UP, f"{ROOT}/+/intent/+", f"{ROOT}/worker/+/result", "homeassistant/status"},
            set(),
        ),
        (
            AGENT,
            {f"{M}/up/status", f"{M}/up/state", f"{M}/up/frame/+", f"{M}/up/ack"},
            {f"{M}/dn/cmd", f"{M}/dn/want"},
            set(),
        ),
        (WORKER, {f"{ROOT}/worker/w1/result"}, {f"{ROOT}/+/up/frame/+"}, set()),
        (PERSON, set(), set(), set()),
        (
            OPERATOR,
            {"homeassistant/status", f"{M}/intent/ha"},
            {
                *(f"{ROOT}/hub/{each}" for each in ("status", "health", "ha")),
                "homeassistant/device/ha_hub/config",
                "homeassistant/+/ha_hub/+/config",
                *(f"{M}/up/{each}" for each in ("status", "state", "frame/+")),
                f"{M}/out/#",
                f"homeassistant/device/ha_{MINE}/config",
                f"homeassistant/+/ha_{MINE}/+/config",
            },
            {"homeassistant/+/+/config", "homeassistant/+/+/+/config"},
        ),
    ],
    ids=lambda each: each.kind if isinstance(each, Principal) else "",
)
def test_the_whole_of_what_each_kind_may(who, publish, receive, subscribe):
    found = grants(who)
    assert (set(found.publish), set(found.receive), set(found.subscribe)) == (publish, receive, subscribe)
    assert found.share == (who.kind in (Kind.HUB, Kind.WORKER))


@pytest.mark.parametrize(
    ("who", "action", "topic"),
    [
        (HUB, Action.PUBLISH, topics.state(MINE)),
        (HUB, Action.PUBLISH, topics.out(MINE, "#")),
        (HUB, Action.PUBLISH, topics.command("+")),
        (HUB, Action.RECEIVE, topics.frame(MINE, "+")),
        (HUB, Action.SUBSCRIBE, "#"),
        (VIEWER, Action.SUBSCRIBE, f"{ROOT}/{MINE}/out/#/x"),
        (VIEWER, Action.SUBSCRIBE, f"{ROOT}/{MINE}/out/a+b"),
        (HUB, Action.SUBSCRIBE, f"$share//{ROOT}/+/up/ack"),
        (HUB, Action.SUBSCRIBE, f"$share/a+b/{ROOT}/+/up/ack"),
        (HUB, Action.SUBSCRIBE, f"$share/group/$share/group/{ROOT}/+/up/ack"),
        (AGENT, Action.PUBLISH, topics.command(MINE)),
        (AGENT, Action.PUBLISH, topics.state(OTHER)),
        (AGENT, Action.PUBLISH, topics.out(MINE, "verdict")),
        (AGENT, Action.PUBLISH, topics.intent(MINE, "ha")),
        (AGENT, Action.RECEIVE, topics.state(MINE)),
        (AGENT, Action.SUBSCRIBE, f"{ROOT}/+/dn/cmd"),
        (AGENT, Action.SUBSCRIBE, f"{ROOT}/{MINE}/dn/#"),
        (AGENT, Action.SUBSCRIBE, f"$share/x/{topics.command(MINE)}"),
        (WORKER, Action.PUBLISH, f"{ROOT}/worker/w2/result"),
        (WORKER, Action.RECEIVE, topics.state(MINE)),
        (VIEWER, Action.PUBLISH, topics.intent(MINE, "ha")),
        (VIEWER, Action.SUBSCRIBE, "homeassistant/#"),
        (VIEWER, Action.RECEIVE, f"homeassistant/device/ha_{OTHER}/config"),
        (VIEWER, Action.RECEIVE, f"homeassistant/device/other_{MINE}/config"),
        (OPERATOR, Action.PUBLISH, topics.intent(OTHER, "ha")),
        (OPERATOR, Action.PUBLISH, topics.intent(MINE, "other")),
        (OPERATOR, Action.PUBLISH, topics.command(MINE)),
        (OPERATOR, Action.RECEIVE, topics.state(OTHER)),
        (OPERATOR, Action.RECEIVE, topics.command(MINE)),
        (PERSON, Action.RECEIVE, topics.state(MINE)),
        (PERSON, Action.PUBLISH, topics.intent(MINE, "7")),
    ],
)
def test_denied(who, action, topic):
    assert not may(who, action, topic)


@pytest.mark.parametrize("right", Right)
def test_rights_include_the_ones_before_them(right):
    for kind in (Kind.PERSON, Kind.INTEGRATION):
        who = Principal(kind, "x", {MINE: right})
        assert [may_use(who, each, MINE) for each in Right] == [each <= right for each in Right]
        assert not any(may_use(who, each, OTHER) for each in Right)


def test_what_is_stored_means_the_same_in_every_version():
    """Kinds and rights stand in databases, rights as numbers."""
    assert [(each.name, each.value) for each in Right] == [("VIEW", 1), ("CONTROL", 2), ("OWN", 3)]
    assert {each.value for each in Kind} == {"hub", "agent", "integration", "worker", "person"}


@pytest.mark.parametrize("kind", [Kind.HUB, Kind.AGENT, Kind.WORKER])
def test_machines_have_no_rights_of_people(kind):
    assert not may_use(Principal(kind, MINE, {MINE: Right.OWN}), Right.VIEW, MINE)


def test_every_name_that_a_person_may_have_is_an_identity():
    assert may_use(Principal(Kind.PERSON, "ann-marie_b.lee.2", {MINE: Right.VIEW}), Right.VIEW, MINE)


@pytest.mark.parametrize("bad", ["", "+", "#", "a/b", "$x", "a\0", "a b", "x" * 65, "é"])
def test_an_identity_that_could_be_read_as_a_filter_cannot_exist(bad):
    with pytest.raises(ValueError, match="identity"):
        Principal(Kind.AGENT, bad)
    with pytest.raises(ValueError, match="identity"):
        Principal(Kind.INTEGRATION, "ha", {bad: Right.VIEW})


def test_equal_principals_hash_alike_whatever_the_order_of_their_rights():
    one = Principal(Kind.PERSON, "7", {MINE: Right.VIEW, OTHER: Right.OWN})
    two = Principal(Kind.PERSON, "7", {OTHER: Right.OWN, MINE: Right.VIEW})
    assert one == two
    assert hash(one) == hash(two)


@pytest.mark.parametrize(
    ("wanted", "valid"),
    [("a/b", True), ("+/b/#", True), ("#", True), ("/", True), ("a//b", True)]
    + [(each, False) for each in ("", "$SYS/#", "a#", "#/a", "a+", "a/+b", "a\0")],
)
def test_filters(wanted, valid):
    assert valid_filter(wanted) is valid


@pytest.mark.parametrize(
    ("topic", "valid"),
    [("a", True), ("a/b", True), ("", False), ("$a", False), ("a+", False), ("#", False), ("\0", False)],
)
def test_topics(topic, valid):
    assert valid_topic(topic) is valid


@pytest.mark.parametrize(
    ("allowed", "topic", "expected"),
    [
        ("a/b", "a/b", True),
        ("a/b", "a", False),
        ("a", "a/b", False),
        ("a/+", "a/b", True),
        ("a/+", "a", False),
        ("a/+", "a/b/c", False),
        ("a/#", "a", True),
        ("a/#", "a/b/c", True),
        ("a/#", "ab", False),
        ("+", "", True),
        ("+/+", "/", True),
    ],
)
def test_matching(allowed, topic, expected):
    assert matches(allowed, topic) is expected


LEVELS = ["a", "b", ""]
SHORT_TOPICS = [
    "/".join(each) for n in (1, 2, 3, 4) for each in itertools.product(LEVELS, repeat=n) if any(each)
]


def filters():
    level = st.sampled_from([*LEVELS, "+"])
    body = st.lists(level, min_size=0, max_size=3)
    tail = st.sampled_from([[], ["#"]])
    return st.tuples(body, tail).map(lambda parts: "/".join(parts[0] + parts[1])).filter(bool)


@given(filters(), filters())
def test_covers_means_every_topic(allowed, wanted):
    """`covers` agrees with trying topics out, but for one filter that it need not know to be the same as `#`."""
    assume((allowed, wanted) != ("+/#", "#"))
    reached = [each for each in SHORT_TOPICS if matches(wanted, each)]
    if covers(allowed, wanted):
        assert all(matches(allowed, each) for each in reached)
    else:
        outside = "zz"  # a level no filter names: stands for everything that is not in the alphabet
        probes = [
            wanted.replace("+", outside).replace("#", f"{outside}/{outside}"),
            wanted.replace("+", outside),
        ]
        probes += [wanted.removesuffix("/#").replace("+", outside)]
        assert not all(matches(allowed, each) for each in [*reached, *probes])


NAMES = st.from_regex(r"[a-z0-9][a-z0-9_-]{0,31}", fullmatch=True)
IDS = st.sampled_from(PRINTERS)
RIGHTS = st.dictionaries(IDS, st.sampled_from(Right))


def principals():
    return st.one_of(
        st.just(HUB),
        IDS.map(lambda each: Principal(Kind.AGENT, each)),
        NAMES.map(lambda each: Principal(Kind.WORKER, each)),
        st.builds(Principal, st.sampled_from([Kind.PERSON, Kind.INTEGRATION]), NAMES, RIGHTS),
    )


def printer_topics():
    kinds = [
        "up/status",
        "up/state",
        "up/ack",
        "up/frame/main",
        "dn/cmd",
        "dn/want",
        "out/verdict",
        "intent/ha",
        "x/y",
    ]
    return st.tuples(IDS, st.sampled_from(kinds)).map(lambda pair: f"{ROOT}/{pair[0]}/{pair[1]}")


@given(principals(), st.sampled_from(Action), printer_topics())
def test_without_a_grant_nothing_of_a_printer_is_reachable(who, action, topic):
    printer = topic.split("/")[2]
    own = who.kind is Kind.AGENT and who.id == printer
    granted = who.kind is Kind.INTEGRATION and printer in who.rights
    assume(not own and not granted and who.kind not in (Kind.HUB, Kind.WORKER))
    assert not may(who, action, topic)


@given(principals(), printer_topics())
def test_only_the_hub_writes_commands_and_nobody_writes_to_somebody_else(who, topic):
    if may(who, Action.PUBLISH, topic):
        parsed = topics.parse(topic)
        assert parsed is not None
        if parsed.direction in ("dn", "out"):
            assert who.kind is Kind.HUB
        elif parsed.direction == "up":
            assert who == Principal(Kind.AGENT, parsed.printer)
        else:
            assert parsed.direction == "intent"
            assert may_use(who, Right.CONTROL, parsed.printer)
            assert parsed.name == who.id


@given(principals(), filters())
def test_a_subscription_is_granted_only_for_what_may_be_received_or_asked_for(who, wanted):
    if may(who, Action.SUBSCRIBE, wanted):
        allowed = grants(who)
        assert any(covers(each, wanted) for each in (*allowed.receive, *allowed.subscribe))
        assert all(each.startswith("homeassistant/") for each in allowed.subscribe)


@given(principals(), printer_topics())  # printers' topics: of discovery one may ask for more than one gets
def test_subscribing_to_one_topic_is_the_same_as_receiving_it(who, topic):
    assert may(who, Action.SUBSCRIBE, topic) == may(who, Action.RECEIVE, topic)


@given(principals(), st.text(max_size=20))
def test_any_text_is_answered(who, text):
    for action in Action:
        assert may(who, action, text) in (True, False)
    assert not may(who, Action.PUBLISH, "$" + text)


@given(RIGHTS, RIGHTS, st.sampled_from(Action), printer_topics())
def test_more_rights_never_allow_less(one, two, action, topic):
    both = {each: Right(max(one.get(each, 0), two.get(each, 0))) for each in {*one, *two}}
    less, more = Principal(Kind.INTEGRATION, "ha", one), Principal(Kind.INTEGRATION, "ha", both)
    assert may(more, action, topic) or not may(less, action, topic)


@pytest.mark.parametrize(
    ("allowed", "wanted", "covered"),
    [
        ("a/b/c", "a/b", False),
        ("a/b", "a/b/c", False),
        ("a/+", "a/#", False),
        ("a/+", "a/+", True),
        ("a/+", "a/b", True),
        ("a/b", "a/+", False),
        ("a/#", "a/#", True),
        ("a/#", "a/+/b", True),
        ("a/#", "a", True),
        ("+/+", "#", False),
    ],
)
def test_one_filter_covers_another(allowed, wanted, covered):
    assert covers(allowed, wanted) is covered
