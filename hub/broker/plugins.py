"""amqtt behind the gate: it keeps the protocol of sessions, subscriptions and pings; messages never pass it.

amqtt's own way from publisher to subscriber checks neither wills nor retained messages and bounds nothing, so the
gate routes messages itself and this subclass lends amqtt the gate's tables. It leans on internals of the pinned
version (`add_subscription`, `_del_subscription`, `_del_all_subscriptions`, `_delete_session`,
`_publish_retained_messages_for_subscription`, one whole packet for each `write`): run the property suite before
moving the pin.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from amqtt.broker import Broker
from amqtt.contexts import Action as AmqttAction
from amqtt.contexts import BaseContext
from amqtt.plugins.base import BaseAuthPlugin, BaseTopicPlugin
from amqtt.session import Session

from hub.access import Action
from hub.broker.core import Core, Receiver

LISTENER = "default"
DENIED = 0x80

#: Checks and uses up a one-time token that the gate made for (token, client id, user name).
Redeem = Callable[[str, str, str], bool]


class HandoverAuth(BaseAuthPlugin):
    """amqtt's login: takes only what the gate has just handed over, once."""

    def __init__(self, context: BaseContext) -> None:
        super().__init__(context)
        self.redeem: Redeem = _nobody

    async def authenticate(self, *, session: Session) -> bool:
        """Whether the session carries a live one-time token."""
        return self.redeem(session.password or "", session.client_id or "", session.username or "")


class AccessAcl(BaseTopicPlugin):
    """amqtt's access rules: `hub.access`, asked with the grants of this moment."""

    def __init__(self, context: BaseContext) -> None:
        super().__init__(context)
        self.core: Core | None = None

    async def topic_filtering(
        self, *, session: Session | None = None, topic: str | None = None, action: AmqttAction | None = None
    ) -> bool:
        """Whether a session may do this with a topic or filter; denied when anything is unknown."""
        if (
            self.core is None
            or session is None
            or session.username is None
            or topic is None
            or action is None
        ):
            return False
        return self.core.may(session.username, Action(action.value), topic)


class SessionBroker(Broker):
    """amqtt whose subscriptions live in the gate's tables."""

    def __init__(self, core: Core, redeem: Redeem, find: Callable[[str], Receiver | None]) -> None:
        """`find` gives the connection of a client id as amqtt knows it."""
        super().__init__(
            {
                "listeners": {LISTENER: {"type": "external", "bind": "gate"}},
                "plugins": {f"{__name__}.HandoverAuth": {}, f"{__name__}.AccessAcl": {}},
            }
        )
        self._core = core
        self._find = find
        for plugin in self.plugins_manager.plugins:
            if isinstance(plugin, HandoverAuth):
                plugin.redeem = redeem
            if isinstance(plugin, AccessAcl):
                plugin.core = core

    async def add_subscription(self, subscription: tuple[str, int], session: Session) -> int:
        """The granted quality, or 0x80 when the filter is wider than the grant or one too many."""
        await asyncio.sleep(0)  # a packet full of filters must not hold everybody else up
        wanted, qos = subscription
        receiver = self._find(session.client_id or "")
        table = self._core.subscriptions
        if receiver is None or not await self._topic_filtering(session, wanted, AmqttAction.SUBSCRIBE):
            self._core.counts["subscribes_denied"] += 1
            self._core.tell("subscribe_denied", session.username or "", f"filter {wanted[:128]!r}")
            return DENIED
        if table.count(receiver) >= self._core.limits.subscriptions and not table.holds(receiver, wanted):
            self._core.counts["subscribes_denied"] += 1
            self._core.tell("subscribe_denied", receiver.username, "too many subscriptions")
            return DENIED
        granted = min(qos, 1)
        table.add(receiver, wanted, granted)
        return granted

    def _del_subscription(self, a_filter: str, session: Session) -> int:
        if (receiver := self._find(session.client_id or "")) is not None:
            self._core.subscriptions.remove(receiver, a_filter)
        return 0

    async def _del_all_subscriptions(self, session: Session) -> None:
        """Nothing: the gate drops a connection's subscriptions when the connection ends."""

    async def _publish_retained_messages_for_subscription(
        self, subscription: tuple[str, int], session: Session
    ) -> None:
        wanted, qos = subscription
        if (receiver := self._find(session.client_id or "")) is not None:
            self._core.replay(receiver, wanted, min(qos, 1))

    async def forget(self, client_id: str) -> None:
        """Let go of a session whose connection has ended, however it ended."""
        await self._delete_session(client_id)


def _nobody(_token: str, _client_id: str, _username: str) -> bool:
    return False
