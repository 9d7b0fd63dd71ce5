"""P1 to P20: what every broker that carries Printwarden must hold, whatever else it does.

Each test first or last shows that legitimate traffic flows, so that silence is never mistaken for safety.
"""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from agent import topics
from agent.topics import ROOT
from hub.access import Kind, Principal, Right
from hub.broker import packets
from hub.broker.packets import Will
from hub.broker.probe import DENIED, Gone, Probe, connect_packet
from tests.support.brokers import Embedded
from tests.support.mqtt import OTHER, PATIENCE, PRINTER, enter, refused, settings, token

MARK = b"not yours"
OWN_TOPICS = (
    topics.state(PRINTER),
    topics.status(PRINTER),
    topics.frame(PRINTER, "main"),
    topics.ack(PRINTER),
)


@pytest.fixture
def hub(broker):
    """The hub's connection, subscribed to every uplink."""
    probe = enter(broker.endpoint, "hub")
    probe.subscribe(*(f"{ROOT}/+/up/{each}" for each in ("status", "state", "ack", "frame/+")))
    yield probe
    probe.close()


@pytest.fixture
def agent(broker):
    """The agent of PRINTER, subscribed to its downlink."""
    probe = enter(broker.endpoint, PRINTER)
    assert probe.subscribe(topics.command(PRINTER), topics.want(PRINTER)) == [1, 1]
    yield probe
    probe.close()


@pytest.fixture
def stranger(broker):
    """The agent of OTHER."""
    probe = enter(broker.endpoint, OTHER)
    yield probe
    probe.close()


def assert_served(hub, agent):
    """Legitimate traffic flows both ways between the hub and the agent of PRINTER."""
    hub.publish(topics.command(PRINTER), b"pause")
    assert agent.until(b"pause") == []
    agent.publish(topics.state(PRINTER), b"paused")
    assert hub.until(b"paused") == []


def test_p01_a_client_publishes_only_to_its_own_topics(hub, agent, stranger):
    for topic in (
        *OWN_TOPICS,
        topics.command(PRINTER),
        topics.want(PRINTER),
        topics.command(OTHER),
        "elsewhere",
    ):
        stranger.publish(topic, MARK, qos=0)
        stranger.publish(topic, MARK, qos=1)
        stranger.publish(topic, MARK, qos=1, retain=True)
    assert_served(hub, agent)


WIDE = (
    *("#", "+/#", "+/+/+/#", f"{ROOT}/#", f"{ROOT}/+/up/state", f"{ROOT}/+/dn/cmd", f"{ROOT}/{PRINTER}/#"),
    *(topics.command(PRINTER), topics.state(PRINTER), f"{ROOT}/{OTHER}/#", f"{ROOT}/{OTHER}/dn/#"),
    *(f"$share/g/{ROOT}/#", f"$share/g/{topics.command(PRINTER)}", "$SYS/#", "$CONTROL/#"),
)


def test_p02_a_filter_wider_than_the_grant_gets_nothing(broker, hub, agent, stranger):
    codes = stranger.subscribe(*WIDE)
    assert all(code == DENIED for code in codes) or not broker.denies_in_suback
    assert_served(hub, agent)
    assert stranger.messages() == []
    assert stranger.subscribe(topics.command(OTHER)) == [1]
    hub.publish(topics.command(OTHER), b"for you")
    assert stranger.message().payload == b"for you"


@pytest.mark.parametrize("retain", [False, True])
def test_p03_a_will_is_checked_like_a_message(broker, hub, agent, retain):
    for topic in (topics.command(PRINTER), topics.state(PRINTER)):
        probe = Probe(broker.endpoint, PATIENCE)
        probe.connect(OTHER, token(OTHER), OTHER, will=Will(topic, MARK, 1, retain))
        probe.close()
    enter(broker.endpoint, OTHER).disconnect()
    assert_served(hub, agent)
    enter(broker.endpoint, OTHER, will=Will(topics.status(OTHER), b"gone", 1, retain)).close()
    assert hub.message().payload == b"gone"


def test_p04_retained_messages_reach_subscribers_only(broker, hub, agent):
    hub.publish(topics.want(PRINTER), b"faster", retain=True)
    hub.publish(topics.want(OTHER), b"slower", retain=True)
    assert agent.message().payload == b"faster"
    with enter(broker.endpoint, OTHER) as stranger:
        assert stranger.messages() == []
        stranger.subscribe(topics.want(PRINTER), topics.want(OTHER))
        (kept,) = stranger.messages()
        assert (kept.topic, kept.payload, kept.retain) == (topics.want(OTHER), b"slower", True)


@pytest.mark.parametrize("clean", [True, False])
def test_p05_p06_a_failed_login_changes_nothing_for_anybody(broker, hub, agent, clean):
    assert refused(broker.endpoint, OTHER, "wrong", PRINTER, clean=clean)
    assert refused(broker.endpoint, PRINTER, "wrong", PRINTER, clean=clean)
    assert refused(broker.endpoint, None, None, PRINTER, clean=clean)
    assert refused(broker.endpoint, OTHER, "wrong", "unrelated", clean=clean)
    assert_served(hub, agent)


@pytest.mark.parametrize("clean", [True, False])
def test_p07_a_client_id_belongs_to_one_user(broker, hub, agent, clean):
    with Probe(broker.endpoint, PATIENCE) as probe:
        try:
            code = probe.connect(OTHER, token(OTHER), PRINTER, clean=clean)
        except Gone:
            code = -1
        assert_served(hub, agent)
        if code == 0:
            assert probe.messages() == []


def test_p08_a_session_is_resumed_by_its_owner_only(broker, hub):
    with enter(broker.endpoint, PRINTER, clean=False) as agent:
        agent.subscribe(topics.command(PRINTER))
        agent.disconnect()
    hub.publish(topics.command(PRINTER), b"while away")
    with Probe(broker.endpoint, PATIENCE) as thief:
        try:
            let_in = thief.connect(OTHER, token(OTHER), PRINTER, clean=False) == 0
        except Gone:
            let_in = False
        assert not let_in or thief.messages() == []
    with enter(broker.endpoint, PRINTER, clean=False) as agent:
        found = [each.payload for each in agent.messages()]
        if (
            broker.name == "embedded"
        ):  # every session is clean there: nothing is kept, so nothing can be stolen
            assert found == []
        else:
            assert found == [b"while away"]


def test_p09_failing_logins_never_change_who_a_live_session_is(broker, hub, agent):
    for attempt in range(20):
        assert refused(broker.endpoint, "hub", "wrong", PRINTER, clean=bool(attempt % 2))
        assert refused(broker.endpoint, OTHER, "wrong", PRINTER, clean=bool(attempt % 2))
    agent.publish(topics.state(OTHER), MARK)
    assert agent.subscribe(topics.command(OTHER))[0] == DENIED or not broker.denies_in_suback
    assert_served(hub, agent)


def test_p10_revoking_a_credential_ends_its_connection(broker, hub, agent):
    assert_served(hub, agent)
    broker.remove(PRINTER)
    agent.wait_gone()
    assert refused(broker.endpoint, PRINTER, token(PRINTER), PRINTER)
    broker.add(Principal(Kind.AGENT, PRINTER))
    with enter(broker.endpoint, PRINTER) as again:
        again.subscribe(topics.command(PRINTER))
        assert_served(hub, again)


def test_p10_revoking_a_grant_acts_on_a_live_connection(broker, agent, stranger):
    viewer = Principal(Kind.INTEGRATION, "ha", {PRINTER: Right.VIEW, OTHER: Right.VIEW})
    broker.add(viewer)
    with enter(broker.endpoint, "i-ha") as probe:
        probe.subscribe(topics.state(PRINTER), topics.state(OTHER))
        agent.publish(topics.state(PRINTER), b"one")
        assert probe.message().payload == b"one"
        broker.update(Principal(Kind.INTEGRATION, "ha", {OTHER: Right.VIEW}))
        agent.publish(topics.state(PRINTER), b"two")
        stranger.publish(topics.state(OTHER), b"three")
        assert probe.message().payload == b"three"


def test_p11_a_silent_client_is_dropped_and_its_will_fires(broker, hub):
    with enter(
        broker.endpoint, PRINTER, keepalive=1, will=Will(topics.status(PRINTER), b"gone", 1, retain=True)
    ):
        assert hub.message().payload == b"gone"


JUNK = (
    b"GET / HTTP/1.1\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(64),
    b"\x00\x00",
    b"\xff" * 64,
)


def test_p12_junk_before_login_is_closed(broker, hub, agent):
    for junk in JUNK:
        with Probe(broker.endpoint, PATIENCE) as probe:
            probe.send(junk)
            if broker.name == "embedded":
                probe.wait_gone()
    assert_served(hub, agent)


def test_p12_silence_before_login_is_closed(tmp_path):
    """Of the embedded broker only: Mosquitto keeps silent connections and needs a firewall in front."""
    broker = Embedded(tmp_path, settings(connect_timeout=0.3))
    try:
        silent = [Probe(broker.endpoint, PATIENCE) for _ in range(50)]
        for each in silent:
            each.wait_gone()
            each.close()
        assert broker.broker.metrics()["half_open"] == 0
    finally:
        broker.stop()


def test_p13_one_packet_is_bounded(broker, hub, agent):
    mebibytes_2, mebibytes_100 = b"\x80\x80\x80\x01", b"\x80\x80\x80\x32"
    agent.publish(topics.frame(PRINTER, "main"), bytes(1_000_000))
    assert len(hub.message().payload) == 1_000_000
    for size in (mebibytes_2, mebibytes_100):
        with Probe(broker.endpoint, PATIENCE) as early:
            early.send(b"\x10" + size)
            early.wait_gone()
        with enter(broker.endpoint, OTHER) as late:
            late.send(b"\x30" + size)
            late.wait_gone()
    assert_served(hub, agent)


def test_p14_a_stalled_reader_costs_bounded_memory(broker, hub, agent):
    """60 MB of frames, of which a reader that has stopped reading may hold the newest few."""
    broker.add(Principal(Kind.INTEGRATION, "ha", {PRINTER: Right.VIEW}))
    frame = topics.frame(PRINTER, "main")
    hub.unsubscribe(f"{ROOT}/+/up/frame/+")
    with enter(broker.endpoint, "i-ha") as stalled:
        stalled.subscribe(frame, qos=0)
        before = memory_of(broker)
        for _ in range(600):
            agent.publish(frame, bytes(100_000), qos=0)
        agent.ping()
        assert memory_of(broker) - before < 25_000_000
    assert_served(hub, agent)


def memory_of(broker) -> int:
    """Bytes held for readers (the embedded broker shares this process) or by the whole Mosquitto."""
    if broker.name == "embedded":
        return sum(each.waiting for each in broker.broker._door.connections.values())
    status = Path(f"/proc/{broker.process.process.pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) * 1024


def test_p15_failed_logins_leave_nothing_behind(broker, hub, agent):
    for place in range(200):
        assert refused(broker.endpoint, f"user{place}", "wrong", f"id{place}")
    assert_served(hub, agent)
    if broker.name == "embedded":
        measured = broker.broker.metrics()
        assert (measured["connections"], measured["half_open"], measured["logins_refused"]) == (2, 0, 200)
        assert len(broker.broker._door._broker.sessions) == 2


def test_p16_publishing_to_broker_topics_is_refused_without_harm(hub, agent):
    for topic in ("$SYS/broker/uptime", "$CONTROL/dynamic-security/v1", "$share/g/x", "$anything"):
        for qos in (0, 1):
            agent.publish(topic, b"{}", qos)
    assert_served(hub, agent)


def test_p17_a_second_login_on_one_connection_ends_it(broker, hub, agent):
    with enter(broker.endpoint, OTHER) as probe:
        probe.send(connect_packet(OTHER, token(OTHER), OTHER))
        probe.wait_gone()
    assert_served(hub, agent)


def test_p18_a_message_arrives_at_the_lower_of_both_qualities(broker, agent):
    broker.add(Principal(Kind.INTEGRATION, "ha", {PRINTER: Right.VIEW}))
    for sent, asked in itertools.product((0, 1), (0, 1, 2)):
        with enter(broker.endpoint, "i-ha") as viewer:
            assert viewer.subscribe(topics.ack(PRINTER), topics.state(PRINTER), qos=asked)[0] in (
                asked,
                DENIED,
            )
            viewer.messages()
            agent.publish(topics.state(PRINTER), b"live", sent, retain=True)
            assert viewer.message().qos == min(sent, asked)
            viewer.unsubscribe(topics.state(PRINTER))
            viewer.subscribe(topics.state(PRINTER), qos=asked)
            replayed = viewer.message()
            assert (replayed.qos, replayed.retain) == (min(sent, asked), True)


ODD_NAMES = ("+", "#", "$SYS", "a/b", f"{PRINTER}/up", "a\0b", "", "*", "\u00e9", " hub", "hub ")


def test_p20_odd_user_names_are_refused(broker, hub, agent):
    for name in ODD_NAMES:
        assert refused(broker.endpoint, name, token(name), "odd"), name
        assert refused(broker.endpoint, name, token("hub"), "odd"), name
    assert_served(hub, agent)


def test_the_wire_is_acknowledged_even_when_denied(stranger):
    """MQTT 3.1.1 cannot say no: silence would make a client send the same again for ever."""
    stranger.publish(topics.command(PRINTER), MARK, qos=1)
    stranger.send(packets.publish(topics.command(PRINTER), MARK, packet_id=77))
    assert stranger.wait_for(packets.Type.PUBACK) == (77).to_bytes(2, "big")
