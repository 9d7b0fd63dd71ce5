"""The second layer: amqtt asks again, and without an answer it denies."""

from __future__ import annotations

import asyncio

from amqtt.contexts import Action, BaseContext
from amqtt.session import Session

from agent import topics
from hub.broker.core import Core
from hub.broker.plugins import DENIED, AccessAcl, HandoverAuth, SessionBroker
from hub.broker.settings import Limits
from tests.support.mqtt import AGENT, PRINTER, People


def session(name: str | None = PRINTER) -> Session:
    made = Session()
    made.username, made.client_id = name, f"{name}:c"
    return made


def core() -> Core:
    return Core(People(AGENT), Limits(), lambda *_: None)


def run(coroutine):
    return asyncio.run(coroutine)


def test_login_without_a_gate_is_refused():
    plugin = HandoverAuth(BaseContext())
    assert run(plugin.authenticate(session=session())) is False
    plugin.redeem = lambda secret, client, name: (secret, client, name) == ("", f"{PRINTER}:c", PRINTER)
    assert run(plugin.authenticate(session=session())) is True


def test_access_is_denied_whenever_something_is_unknown():
    plugin = AccessAcl(BaseContext())
    topic = topics.state(PRINTER)

    def ask(**changed):
        asked = {"session": session(), "topic": topic, "action": Action.PUBLISH} | changed
        return run(plugin.topic_filtering(**asked))

    assert ask() is False
    plugin.core = core()
    assert ask() is True
    assert ask(action=Action.RECEIVE) is False
    assert ask(action=Action.SUBSCRIBE, topic=topics.command(PRINTER)) is True
    for missing in ("session", "topic", "action"):
        assert ask(**{missing: None}) is False
    assert ask(session=session(None)) is False
    assert ask(session=session("nobody")) is False


def test_a_session_whose_connection_is_gone_changes_no_table():
    async def late():
        shared = core()
        broker = SessionBroker(shared, lambda *_: True, lambda _client: None)
        assert await broker.add_subscription((topics.command(PRINTER), 1), session()) == DENIED
        assert broker._del_subscription(topics.command(PRINTER), session()) == 0
        await broker._publish_retained_messages_for_subscription(("#", 1), session())
        await broker._del_all_subscriptions(session())
        await broker.forget("nobody")
        return len(shared.subscriptions)

    assert run(late()) == 0
