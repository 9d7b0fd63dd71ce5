"""Who may what: the single authority. Pure.

The embedded broker asks `may`, Mosquitto's roles are generated from `grants`, the web pages go through `may_use`.
Everything is denied unless a grant says otherwise, and nothing here knows what an address is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from functools import lru_cache

from agent.topics import ROOT

DISCOVERY = "homeassistant"
HUB_NODE = "hub"
SHARED = "$share/"

_IDENTITY = re.compile(r"[A-Za-z0-9._-]{1,64}")


class Kind(StrEnum):
    """The disjoint roles a credential can have; a credential has exactly one."""

    HUB = "hub"
    AGENT = "agent"
    INTEGRATION = "integration"
    WORKER = "worker"
    PERSON = "person"


class Right(IntEnum):
    """What a person or an integration may do with one printer; each includes the ones before it.

    What OWN adds for an integration is changing settings: over MQTT nothing else of an owner can be asked for.
    """

    VIEW = 1
    CONTROL = 2
    OWN = 3


class Action(StrEnum):
    """What a client can do with a topic (publish: also wills and retained; subscribe: with a filter)."""

    PUBLISH = "publish"
    SUBSCRIBE = "subscribe"
    RECEIVE = "receive"


@dataclass(frozen=True)
class Principal:
    """Somebody who proved a credential. For an agent `id` is its printer; `rights` are a person's or integration's."""

    kind: Kind
    id: str
    rights: Mapping[str, Right] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        """An identity becomes a level of topic filters, so it can never hold a wildcard or a separator."""
        for each in (self.id, *self.rights):
            if not _IDENTITY.fullmatch(each):
                raise ValueError(f"{each!r:.80} cannot be an identity")

    def __hash__(self) -> int:
        return hash((self.kind, self.id, tuple(sorted(self.rights.items()))))


@dataclass(frozen=True)
class Grants:
    """Topic filters one principal may publish to and receive from.

    `subscribe` are filters it may ask for although only a part of what they match is ever delivered to it: Home
    Assistant asks for every discovery message there is. `share` allows shared subscriptions.
    """

    publish: tuple[str, ...] = ()
    receive: tuple[str, ...] = ()
    subscribe: tuple[str, ...] = ()
    share: bool = False


def grants(principal: Principal) -> Grants:
    """Everything a principal may do on a broker, as topic filters."""
    match principal.kind:
        case Kind.HUB:
            return _HUB
        case Kind.AGENT:
            return _agent(principal.id)
        case Kind.INTEGRATION:
            return _integration(principal)
        case Kind.WORKER:
            return Grants(
                publish=(f"{ROOT}/worker/{principal.id}/result",),
                receive=(f"{ROOT}/+/up/frame/+",),
                share=True,
            )
        case _:  # people use the web pages
            return Grants()


def may(principal: Principal, action: Action, topic: str) -> bool:
    """Whether a principal may do this with a topic (for SUBSCRIBE: whether it may ask for this filter)."""
    allowed = _cached_grants(principal)
    if action is Action.SUBSCRIBE:
        wanted = _unshared(topic) if allowed.share else topic
        may_ask = (*allowed.receive, *allowed.subscribe)
        return valid_filter(wanted) and any(covers(each, wanted) for each in may_ask)
    filters = allowed.publish if action is Action.PUBLISH else allowed.receive
    return valid_topic(topic) and any(matches(each, topic) for each in filters)


def may_use(principal: Principal, right: Right, printer: str) -> bool:
    """Whether a person or an integration has a right on a printer. An administrator has none that was not granted."""
    if principal.kind not in (Kind.PERSON, Kind.INTEGRATION):
        return False
    return principal.rights.get(printer, 0) >= right


def discovery_node(credential: str, printer: str) -> str:
    """Where Home Assistant is told of a printer (or the hub): a level of its own for each integration."""
    return f"{credential}_{printer}"


def valid_topic(topic: str) -> bool:
    """Whether a topic name may be published to by any tenant."""
    return bool(topic) and topic[0] != "$" and not set("+#\0") & set(topic)


def valid_filter(wanted: str) -> bool:
    """Whether a topic filter is well formed and outside the broker's own `$` topics."""
    levels = wanted.split("/")
    if not wanted or wanted[0] == "$" or "\0" in wanted:
        return False
    for place, level in enumerate(levels):
        if "#" in level and (level != "#" or place != len(levels) - 1):
            return False
        if "+" in level and level != "+":
            return False
    return True


def matches(allowed: str, topic: str) -> bool:
    """Whether a filter matches a topic, by the rules of MQTT 3.1.1 section 4.7 (without `$` topics)."""
    levels, parts = allowed.split("/"), topic.split("/")
    for place, level in enumerate(levels):
        if level == "#":
            return True
        if place >= len(parts) or level not in ("+", parts[place]):
            return False
    return len(levels) == len(parts)


def covers(allowed: str, wanted: str) -> bool:
    """Whether every topic that `wanted` can match is matched by `allowed` too."""
    levels, parts = allowed.split("/"), wanted.split("/")
    for place, level in enumerate(levels):
        if level == "#":
            return True
        if place >= len(parts) or parts[place] == "#" or level not in ("+", parts[place]):
            return False
    return len(levels) == len(parts)


_HUB = Grants(
    publish=(f"{ROOT}/+/dn/cmd", f"{ROOT}/+/dn/want", f"{ROOT}/+/out/#", f"{ROOT}/hub/#", f"{DISCOVERY}/#"),
    receive=(
        f"{ROOT}/+/up/status",
        f"{ROOT}/+/up/state",
        f"{ROOT}/+/up/frame/+",
        f"{ROOT}/+/up/ack",
        f"{ROOT}/+/intent/+",
        f"{ROOT}/worker/+/result",
        f"{DISCOVERY}/status",
    ),
    share=True,
)


def _agent(printer: str) -> Grants:
    up, down = f"{ROOT}/{printer}/up", f"{ROOT}/{printer}/dn"
    return Grants(
        publish=(f"{up}/status", f"{up}/state", f"{up}/frame/+", f"{up}/ack"),
        receive=(f"{down}/cmd", f"{down}/want"),
    )


def _integration(principal: Principal) -> Grants:
    publish = [f"{DISCOVERY}/status"]
    receive = [f"{ROOT}/hub/{name}" for name in ("status", "health", principal.id)]
    receive += _announcements(principal.id, HUB_NODE)
    for printer in sorted(principal.rights):
        if may_use(principal, Right.CONTROL, printer):
            publish.append(f"{ROOT}/{printer}/intent/{principal.id}")
        base = f"{ROOT}/{printer}"
        receive += [f"{base}/up/status", f"{base}/up/state", f"{base}/up/frame/+", f"{base}/out/#"]
        receive += _announcements(principal.id, printer)
    asked = (f"{DISCOVERY}/+/+/config", f"{DISCOVERY}/+/+/+/config")
    return Grants(publish=tuple(publish), receive=tuple(receive), subscribe=asked)


def _announcements(credential: str, thing: str) -> tuple[str, str]:
    node = discovery_node(credential, thing)
    return f"{DISCOVERY}/device/{node}/config", f"{DISCOVERY}/+/{node}/+/config"


_cached_grants = lru_cache(maxsize=4096)(grants)


def _unshared(wanted: str) -> str:
    """The filter inside `$share/<group>/<filter>`; anything else unchanged."""
    if not wanted.startswith(SHARED):
        return wanted
    group, _, inner = wanted[len(SHARED) :].partition("/")
    return inner if group and not set("+#") & set(group) else ""
