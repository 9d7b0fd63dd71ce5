"""The matrix: every kind of principal, every topic family, every way to use a topic, the same on each broker.

Expected is what `hub.access` says, cell by cell. A principal that exists in this test only sees and says everything,
so that a cell never looks denied because nobody listened.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from agent import topics
from agent.topics import ROOT
from hub.access import DISCOVERY, HUB_NODE, Action, Kind, Principal, Right, discovery_node, may
from hub.broker import core
from hub.broker.directory import username
from hub.broker.mosquitto import ROLE
from hub.broker.packets import Will
from hub.broker.probe import DENIED, Gone, Probe
from tests.support.brokers import BROKERS, running
from tests.support.mqtt import AGENT, HUB, OTHER, PATIENCE, PRINTER, enter, token

EYE = Principal(Kind.HUB, "eye")
PRINCIPALS = {
    "hub": HUB,
    "agent": AGENT,
    "viewer": Principal(Kind.INTEGRATION, "viewer", {PRINTER: Right.VIEW}),
    "operator": Principal(Kind.INTEGRATION, "operator", {PRINTER: Right.CONTROL}),
    "nobody": Principal(Kind.INTEGRATION, "nobody"),
    "worker": Principal(Kind.WORKER, "one"),
}


def topic_families() -> Iterator[str]:
    for printer in (PRINTER, OTHER):
        yield from (topics.status(printer), topics.state(printer), topics.ack(printer))
        yield from (
            topics.frame(printer, "main"),
            f"{topics.frame(printer, 'main')}/deeper",
            f"{ROOT}/{printer}/up",
        )
        yield from (topics.command(printer), topics.want(printer), f"{ROOT}/{printer}/dn/other")
        yield from (topics.out(printer, "verdict"), topics.out(printer, "picture/main"))
        yield from (topics.intent(printer, "operator"), topics.intent(printer, "viewer"))
        for reader in ("operator", "viewer"):
            node = discovery_node(reader, printer)
            yield from (f"{DISCOVERY}/device/{node}/config", f"{DISCOVERY}/button/{node}/pause/config")
    yield from (topics.hub(name) for name in ("status", "health", "operator", "viewer"))
    yield from (f"{ROOT}/worker/one/result", f"{ROOT}/worker/two/result")
    yield from (
        f"{DISCOVERY}/status",
        f"{DISCOVERY}/device/{discovery_node('operator', HUB_NODE)}/config",
        f"{DISCOVERY}/device/other/config",
    )
    yield from ("elsewhere", f"{ROOT}", "printwarden/v2/x")


TOPICS = tuple(topic_families())
FILTERS = (
    *TOPICS,
    *(
        "#",
        "+",
        "+/#",
        "/",
        f"{ROOT}/#",
        f"{ROOT}/+/#",
        f"{ROOT}/+/up/#",
        f"{ROOT}/+/up/state",
        f"{ROOT}/+/up/frame/+",
    ),
    *(
        f"{ROOT}/{PRINTER}/#",
        f"{ROOT}/{PRINTER}/up/#",
        f"{ROOT}/{PRINTER}/up/frame/+",
        f"{ROOT}/{PRINTER}/up/frame/#",
    ),
    *(f"{ROOT}/{PRINTER}/dn/#", f"{ROOT}/{PRINTER}/dn/+", f"{ROOT}/+/dn/cmd", f"{ROOT}/{PRINTER}/out/#"),
    *(f"{ROOT}/{OTHER}/out/#", f"{ROOT}/+/out/verdict", f"{ROOT}/+/intent/+", f"{ROOT}/worker/+/result"),
    *(
        f"{ROOT}/hub/#",
        f"{DISCOVERY}/#",
        f"{DISCOVERY}/+/{discovery_node('operator', PRINTER)}/+/config",
        f"{DISCOVERY}/+/+/+/config",
        f"{DISCOVERY}/+/+/config",
        f"{DISCOVERY}/device/+/config",
    ),
    *("$SYS/#", "$SYS/broker/uptime", "$CONTROL/#", "$CONTROL/dynamic-security/v1/response"),
    *(
        f"$share/g/{ROOT}/+/up/frame/+",
        f"$share/g/{ROOT}/#",
        f"$share/g/{topics.state(PRINTER)}",
        "$share/g/$SYS/#",
    ),
)


def table(action: Action, names: tuple[str, ...]) -> dict[tuple[str, str], bool]:
    """What `hub.access` says for every principal."""
    return {(who, name): may(PRINCIPALS[who], action, name) for who in PRINCIPALS for name in names}


@pytest.fixture(scope="module", params=BROKERS)
def broker(request, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(core, "may", lambda who, action, topic: who == EYE or may(who, action, topic))
        with running(request.param, tmp_path_factory.mktemp("broker")) as started:
            for principal in (*PRINCIPALS.values(), EYE):
                started.add(principal)
            if started.name == "mosquitto":
                kinds = (
                    "publishClientSend",
                    "publishClientReceive",
                    "subscribePattern",
                    "unsubscribePattern",
                )
                acls = [{"acltype": each, "topic": "#", "priority": 0, "allow": True} for each in kinds]
                started.provisioner._ask(
                    {"command": "modifyRole", "rolename": ROLE + username(EYE), "acls": acls}
                )
            elif started.name == "mosquitto-acl":
                acl = started.files._folder / "acl"
                acl.write_text(f"{acl.read_text()}user {username(EYE)}\ntopic readwrite #\n")
                started.process.reload()
            yield started


@pytest.fixture
def eye(broker):
    """Sees everything; whatever an earlier test left behind is cleared first."""
    with enter(broker.endpoint, username(EYE)) as probe:
        for topic in TOPICS:
            probe.publish(topic, b"", retain=True)
        assert probe.subscribe("#") == [1]
        probe.publish("elsewhere", b"ready")
        probe.until(b"ready")
        yield probe


def came(probe: Probe, payload: bytes) -> set[str]:
    return {each.topic for each in probe.messages() if each.payload == payload}


def test_publish(broker, eye):
    seen = {}
    for who, principal in PRINCIPALS.items():
        with enter(broker.endpoint, username(principal)) as probe:
            for topic in TOPICS:
                probe.publish(topic, who.encode())
        arrived = came(eye, who.encode())
        seen |= {(who, topic): topic in arrived for topic in TOPICS}
    assert seen == table(Action.PUBLISH, TOPICS)


def test_retained(broker, eye):
    seen = {}
    for who, principal in PRINCIPALS.items():
        with enter(broker.endpoint, username(principal)) as probe:
            for topic in TOPICS:
                probe.publish(topic, who.encode(), retain=True)
        eye.messages()
        eye.unsubscribe("#")
        eye.subscribe("#")
        kept = came(eye, who.encode())
        seen |= {(who, topic): topic in kept for topic in TOPICS}
    assert seen == table(Action.PUBLISH, TOPICS)


def test_will(broker, eye):
    seen = {}
    for who, principal in PRINCIPALS.items():
        name = username(principal)
        for topic in TOPICS:
            with Probe(broker.endpoint, PATIENCE) as probe:
                try:
                    probe.connect(name, token(name), name, will=Will(topic, who.encode(), 1, retain=False))
                except Gone:
                    continue
        enter(broker.endpoint, name).disconnect()  # the same client id: every will before it has fired by now
        arrived = came(eye, who.encode())
        seen |= {(who, topic): topic in arrived for topic in TOPICS}
    assert seen == table(Action.PUBLISH, TOPICS)


def test_subscribe(broker):
    if not broker.denies_in_suback:
        pytest.skip("an ACL file filters deliveries and acknowledges every subscription; see receive")
    seen = {}
    for who, principal in PRINCIPALS.items():
        with enter(broker.endpoint, username(principal)) as probe:
            seen |= {(who, each): probe.subscribe(each)[0] != DENIED for each in FILTERS}
    assert seen == table(Action.SUBSCRIBE, FILTERS)


def test_receive(broker, eye):
    """Everybody asks for everything, and gets what it may read."""
    seen = {}
    for who, principal in PRINCIPALS.items():
        with enter(broker.endpoint, username(principal)) as probe:
            probe.subscribe(*(each for each in FILTERS if not each.startswith("$share")))
            for topic in TOPICS:
                eye.publish(topic, who.encode())
            arrived = came(probe, who.encode())
        seen |= {(who, topic): topic in arrived for topic in TOPICS}
    assert seen == table(Action.RECEIVE, TOPICS)


def test_receive_retained(broker, eye):
    seen = {}
    for topic in TOPICS:
        eye.publish(topic, b"kept", retain=True)
    for who, principal in PRINCIPALS.items():
        with enter(broker.endpoint, username(principal)) as probe:
            probe.subscribe(*(each for each in FILTERS if not each.startswith("$share")))
            arrived = came(probe, b"kept")
        seen |= {(who, topic): topic in arrived for topic in TOPICS}
    assert seen == table(Action.RECEIVE, TOPICS)


def test_people_do_not_log_in_over_mqtt(broker):
    """The sixth kind of principal has no user name on any broker, and no topic."""
    person = Principal(Kind.PERSON, "7", {PRINTER: Right.OWN})
    with pytest.raises(ValueError, match="people"):
        username(person)
    assert not any(may(person, action, each) for action in Action for each in FILTERS)
    if broker.name == "embedded":
        broker.people.known["7"] = person
        with Probe(broker.endpoint, PATIENCE) as probe:
            assert probe.connect("7", token("7")) == 5


def test_the_table_has_both_answers_for_every_kind():
    """A matrix of nothing but denials would prove nothing."""
    for who, principal in PRINCIPALS.items():
        for action in (Action.PUBLISH, Action.RECEIVE):
            answers = {may(principal, action, each) for each in TOPICS}
            assert answers == {True, False}, (who, action)
