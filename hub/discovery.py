"""Home Assistant MQTT discovery: what is announced for one printer, and of the hub, to one integration. Pure.

Each integration gets announcements of its own, since a button carries the capability of one credential. The names
of entities come from the printer's id and never from its name, so that renaming keeps them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agent import __version__, topics
from agent.session import Message
from hub import entities
from hub.access import DISCOVERY, HUB_NODE, discovery_node
from hub.entities import HUB_STATUS, Component

MANUFACTURER = "Printwarden"
HUB_DEVICE = "printwarden_hub"


@dataclass(frozen=True)
class Announced:
    """What the announcement of one printer to one integration depends on. `intents`: action to payload."""

    credential: str
    printer: str
    name: str
    cameras: tuple[str, ...]
    intents: Mapping[str, str]


def messages(each: Announced, *, form: str) -> list[Message]:
    """The retained announcements of a printer: one of the whole device ("device", from 2024.11), or one an entity."""
    device = _device(f"printwarden_{each.printer}", each.name) | {
        "mdl": "Watched 3D printer",
        "via_device": HUB_DEVICE,
    }
    return _announcements(discovery_node(each.credential, each.printer), device, components(each), form)


def hub_messages(credential: str, *, form: str) -> list[Message]:
    """The announcement of the hub itself, which every printer names as its parent."""
    found = entities.of_hub(credential)
    for key, component in found.items():
        component["unique_id"] = f"{HUB_DEVICE}_{key}"
    device = _device(HUB_DEVICE, "Printwarden hub")
    return _announcements(discovery_node(credential, HUB_NODE), device, found, form)


def components(each: Announced) -> dict[str, Component]:
    """Every entity of a printer by its key."""
    topic = topics.intent(each.printer, each.credential)
    found = {
        **entities.of_printer(each.printer, each.cameras),
        **entities.to_press(topic, each.intents),
        **entities.to_set(each.printer, topic, each.intents),
    }
    hub_only = [{"topic": HUB_STATUS}]
    both = [*hub_only, {"topic": topics.out(each.printer, "online")}]
    for key, component in found.items():
        component["unique_id"] = f"printwarden_{each.printer}_{key}"
        alone = key in ("watch", "agent", "event") or key.startswith("set_")
        component["availability"] = hub_only if alone else both
        component["availability_mode"] = "all"
    return found


def _announcements(
    node: str, device: Mapping[str, Any], found: Mapping[str, Component], form: str
) -> list[Message]:
    about = {"dev": device, "o": {"name": "printwarden", "sw": __version__}}
    if form == "device":
        return [_message(f"{DISCOVERY}/device/{node}/config", {**about, "cmps": found})]
    announced = []
    for key, component in found.items():
        body = {name: value for name, value in component.items() if name != "p"}
        announced.append(_message(f"{DISCOVERY}/{component['p']}/{node}/{key}/config", {**about, **body}))
    return announced


def _device(identity: str, name: str) -> dict[str, Any]:
    return {"ids": [identity], "name": name, "mf": MANUFACTURER, "sw": __version__}


def _message(topic: str, body: Mapping[str, Any]) -> Message:
    return Message(topic, json.dumps(body).encode(), retain=True)
