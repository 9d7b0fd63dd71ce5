"""Credentials, grants, connections and crashes in any order: no grant, no effect, and every granted effect exactly once.

A model that knows nothing but `hub.access` and plain lists predicts each message that each client gets from the
embedded broker over real connections.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from agent import topics
from agent.topics import ROOT
from hub.access import Action, Kind, Principal, Right, matches, may
from hub.broker.embedded import EmbeddedBroker
from hub.broker.packets import Will
from hub.broker.probe import DENIED, Probe
from tests.support.mqtt import HUB, OTHER, PATIENCE, PRINTER, People, enter, refused, token
from tests.support.mqtt import settings as broker_settings

KINDS = (topics.state, topics.status, topics.command, topics.want)
TOPICS = [
    *(each(printer) for printer in (PRINTER, OTHER) for each in KINDS),
    *(topics.out(printer, "verdict") for printer in (PRINTER, OTHER)),
    *(topics.intent(printer, "ha") for printer in (PRINTER, OTHER)),
    topics.hub("status"),
]
FILTERS = [
    *TOPICS,
    *(f"{ROOT}/+/up/{each}" for each in ("state", "status")),
    *(f"{ROOT}/{PRINTER}/out/#", f"{ROOT}/+/intent/+", f"{ROOT}/hub/#", f"{ROOT}/#", "#"),
]
RIGHTS = st.dictionaries(st.sampled_from([PRINTER, OTHER]), st.sampled_from(Right))
PRINCIPALS = st.one_of(
    st.just(HUB),
    st.sampled_from([PRINTER, OTHER]).map(lambda each: Principal(Kind.AGENT, each)),
    RIGHTS.map(lambda rights: Principal(Kind.INTEGRATION, "ha", rights)),
)
NAMES = st.sampled_from(["hub", PRINTER, OTHER, "i-ha"])


@dataclass
class Model:
    """One connected client as the model knows it."""

    name: str
    probe: Probe
    will: tuple[str, bytes] | None
    filters: set[str] = field(default_factory=set)


class Tenants(RuleBasedStateMachine):
    """What may happen to a broker, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.people = People(HUB)
        self.clients: dict[str, Model] = {}
        self.retained: dict[str, bytes] = {}
        self.count = 0
        self.start_broker()

    @initialize(rights=RIGHTS)
    def begin(self, rights):
        """Everybody is there, connected, and has asked for all it may: what comes after takes away and gives."""
        self.people.add(Principal(Kind.INTEGRATION, "ha", rights))
        for printer in (PRINTER, OTHER):
            self.people.add(Principal(Kind.AGENT, printer))
        self.everybody_connects()

    def everybody_connects(self) -> None:
        for name in self.people.known:
            self.connect(name, None)
            client = self.clients[f"c{self.count}"]
            client.filters = {each for each in FILTERS if self.may(name, Action.SUBSCRIBE, each)}
            if client.filters:
                client.probe.subscribe(*sorted(client.filters))
                assert client.probe.messages() == [] or self.retained

    def start_broker(self) -> None:
        self.broker = EmbeddedBroker(broker_settings(), self.people, audit=lambda *_: None)
        self.broker.start()

    def teardown(self) -> None:
        for each in self.clients.values():
            each.probe.close()
        self.broker.stop()

    def mark(self) -> bytes:
        self.count += 1
        return str(self.count).encode()

    def may(self, name: str, action: Action, topic: str) -> bool:
        principal = self.people.principal(name)
        return principal is not None and may(principal, action, topic)

    def chosen(self, data) -> tuple[str, Model]:
        return data.draw(st.sampled_from(sorted(self.clients.items(), key=lambda item: item[0])))

    def expect(self, name: str, topic: str, payload: bytes, *, retain: bool = False) -> None:
        """Each client gets a message exactly when its sender and it may and it asked."""
        allowed = self.may(name, Action.PUBLISH, topic)
        if allowed and retain:
            self.retained[topic] = payload
        for each in self.clients.values():
            asked = any(matches(wanted, topic) for wanted in each.filters)
            gets = allowed and asked and self.may(each.name, Action.RECEIVE, topic)
            got = [(message.topic, message.payload) for message in each.probe.messages()]
            assert got == ([(topic, payload)] if gets else []), (name, topic, each.name, each.filters)

    def ended(self, client_id: str) -> None:
        """Wait until the broker has let go of a connection, its will included."""
        connection = self.broker._door.connections.get(f"{self.clients[client_id].name}:{client_id}")
        if connection is not None:
            done = asyncio.run_coroutine_threadsafe(connection.done.wait(), self.broker._loop)
            assert done.result(PATIENCE)

    @rule(principal=PRINCIPALS)
    def enrol(self, principal):
        self.people.add(principal)

    @precondition(lambda self: "i-ha" in self.people.known)
    @rule(rights=RIGHTS)
    def change_grants(self, rights):
        """Without a kick: the connection goes on with what is left to it."""
        self.people.add(Principal(Kind.INTEGRATION, "ha", rights))

    @rule(name=NAMES)
    def revoke(self, name):
        self.people.known.pop(name, None)
        self.broker.kick(name)
        for client_id in [key for key, each in self.clients.items() if each.name == name]:
            self.clients[client_id].probe.wait_gone()
            self.ended(client_id)
            self.clients.pop(client_id).probe.close()
        for each in self.clients.values():
            assert each.probe.messages() == []  # no will of somebody revoked

    @precondition(lambda self: len(self.clients) < 6)
    @rule(name=NAMES, will=st.none() | st.sampled_from(TOPICS))
    def connect(self, name, will):
        client_id = f"c{self.mark().decode()}"
        message = None if will is None else Will(will, b"will-" + self.mark(), 1, retain=False)
        allowed = name in self.people.known and (will is None or self.may(name, Action.PUBLISH, will))
        if not allowed:
            assert refused(self.broker.endpoint(), name, token(name), client_id, will=message)
            return
        probe = enter(self.broker.endpoint(), name, client_id, will=message)
        self.clients[client_id] = Model(name, probe, message and (message.topic, message.payload))

    @precondition(lambda self: self.clients)
    @rule(data=st.data(), wanted=st.sampled_from(FILTERS))
    def subscribe(self, data, wanted):
        _, client = self.chosen(data)
        granted = self.may(client.name, Action.SUBSCRIBE, wanted)
        assert client.probe.subscribe(wanted) == [1 if granted else DENIED]
        kept = {}
        if granted:
            client.filters.add(wanted)
            kept = {topic: each for topic, each in self.retained.items() if matches(wanted, topic)}
        expected = {
            topic: each for topic, each in kept.items() if self.may(client.name, Action.RECEIVE, topic)
        }
        assert {each.topic: each.payload for each in client.probe.messages()} == expected

    @precondition(lambda self: self.clients)
    @rule(data=st.data())
    def unsubscribe(self, data):
        _, client = self.chosen(data)
        if client.filters:
            wanted = data.draw(st.sampled_from(sorted(client.filters)))
            client.probe.unsubscribe(wanted)
            client.filters.discard(wanted)

    @precondition(lambda self: self.clients)
    @rule(data=st.data(), topic=st.sampled_from(TOPICS), qos=st.integers(0, 1), retain=st.booleans())
    def publish_anything(self, data, topic, qos, retain):
        self.publish(self.chosen(data)[1], topic, qos, retain=retain)

    @precondition(lambda self: self.clients)
    @rule(data=st.data(), qos=st.integers(0, 1), retain=st.booleans())
    def publish_what_somebody_asked_for(self, data, qos, retain):
        """Whether he may still have it or not."""
        heard = [
            (sender, topic)
            for sender in sorted(self.clients)
            for topic in TOPICS
            if self.may(self.clients[sender].name, Action.PUBLISH, topic)
            and any(matches(wanted, topic) for each in self.clients.values() for wanted in each.filters)
        ]
        if heard:
            sender, topic = data.draw(st.sampled_from(heard))
            self.publish(self.clients[sender], topic, qos, retain=retain)

    def publish(self, client: Model, topic: str, qos: int, *, retain: bool) -> None:
        payload = self.mark()
        client.probe.publish(topic, payload, qos, retain=retain)
        client.probe.ping()
        self.expect(client.name, topic, payload, retain=retain)

    @precondition(lambda self: self.clients)
    @rule(data=st.data(), politely=st.booleans())
    def leave(self, data, politely):
        client_id, client = self.chosen(data)
        if politely:
            client.probe.disconnect()
        else:
            client.probe.close()
        self.ended(client_id)
        del self.clients[client_id]
        if client.will and not politely:
            self.expect(client.name, *client.will)

    @rule()
    def crash(self):
        self.broker.stop()
        for each in self.clients.values():
            each.probe.close()
        self.clients.clear()
        self.retained.clear()
        self.start_broker()
        self.everybody_connects()


Tenants.TestCase.settings = settings(
    max_examples=20,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
TestTenants = Tenants.TestCase
