"""Home Assistant MQTT discovery: what is announced for one printer to one integration. Pure.

Each integration gets announcements of its own, since a button carries the capability of one credential. The names
of entities come from the printer's id and never from its name, so that renaming keeps them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agent import __version__, topics
from agent.protocol import PHASES
from agent.session import Message
from hub.access import DISCOVERY, HUB_NODE, discovery_node

MANUFACTURER = "Printwarden"
HUB_STATUS = topics.hub("status")
ONLINE, OFFLINE = "online", "offline"

#: Event kinds that Home Assistant is told; anything else stays in the hub.
EVENTS = (
    "suspected",
    "failing",
    "paused",
    "resumed",
    "cancelled",
    "pause_failed",
    "pause_refused",
    "fallback",
    "watched",
    "standing_down",
    "not_watched",
    "unwatched",
    "intrusion",
    "refused",
    "cloned",
    "storage",
)
_ICONS = {"pause": "mdi:pause", "resume": "mdi:play", "cancel": "mdi:stop", "dismiss": "mdi:thumb-up-outline"}
_BUTTONS = {"pause": "Pause", "resume": "Resume", "cancel": "Cancel", "dismiss": "False alarm"}


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
    found = components(each)
    node = discovery_node(each.credential, each.printer)
    if form == "device":
        body = {"dev": _device(each), "o": _origin(), "cmps": found}
        return [_message(f"{DISCOVERY}/device/{node}/config", body)]
    return [
        _message(
            f"{DISCOVERY}/{component['p']}/{node}/{key}/config",
            {
                "dev": _device(each),
                "o": _origin(),
                **{name: value for name, value in component.items() if name != "p"},
            },
        )
        for key, component in found.items()
    ]


def hub_messages(*, form: str) -> list[Message]:
    """The announcement of the hub itself, which every printer names as its parent."""
    device = {"ids": [HUB_NODE], "name": "Printwarden hub", "mf": MANUFACTURER, "sw": __version__}
    online = {
        "name": "Online",
        "unique_id": f"{HUB_NODE}_online",
        "device_class": "connectivity",
        "state_topic": HUB_STATUS,
        "payload_on": ONLINE,
        "payload_off": OFFLINE,
        "entity_category": "diagnostic",
    }
    if form == "device":
        body = {"dev": device, "o": _origin(), "cmps": {"online": {"p": "binary_sensor", **online}}}
        return [_message(f"{DISCOVERY}/device/{HUB_NODE}/config", body)]
    topic = f"{DISCOVERY}/binary_sensor/{HUB_NODE}/online/config"
    return [_message(topic, {"dev": device, "o": _origin(), **online})]


def components(each: Announced) -> dict[str, dict[str, Any]]:
    """Every entity of a printer by its key."""
    found = {**_sensors(each.printer), **_pictures(each), **_buttons(each)}
    hub_only = [{"topic": HUB_STATUS}]
    both = [*hub_only, {"topic": topics.out(each.printer, "online")}]
    for key, component in found.items():
        component["unique_id"] = f"printwarden_{each.printer}_{key}"
        component["availability"] = hub_only if key in ("watch", "agent") else both
        component["availability_mode"] = "all"
    return found


def _sensors(printer: str) -> dict[str, dict[str, Any]]:
    verdict, state = topics.out(printer, "verdict"), topics.out(printer, "state")
    return {
        "failure": {
            "p": "binary_sensor",
            "name": "Print failure",
            "device_class": "problem",
            "state_topic": verdict,
            "value_template": "{{ 'ON' if value_json.verdict == 'failing' else 'OFF' }}",
        },
        "certainty": {
            "p": "sensor",
            "name": "Failure certainty",
            "state_topic": verdict,
            "value_template": "{{ (value_json.certainty * 100) | round(1) if value_json.certainty is not none else none }}",
            "unit_of_measurement": "%",
            "state_class": "measurement",
        },
        "verdict": _enum("Verdict", verdict, "verdict", ("unknown", "ok", "suspect", "failing")),
        "watch": {
            **_enum("Watch", verdict, "watch", ("watched", "standing_down", "not_watched")),
            "json_attributes_topic": verdict,
        },
        "phase": _enum("Printer", state, "phase", PHASES),
        "progress": _number("Progress", state, "(value_json.progress * 100) | round(1)", "progress", "%"),
        "remaining": {
            **_number("Time left", state, "value_json.remaining_s | round", "remaining_s", "s"),
            "device_class": "duration",
        },
        "layer": _number("Layer", state, "value_json.layer", "layer", ""),
        "file": {
            "p": "sensor",
            "name": "File",
            "state_topic": state,
            "value_template": "{{ value_json.file }}",
        },
        "agent": {
            "p": "binary_sensor",
            "name": "Agent",
            "device_class": "connectivity",
            "state_topic": topics.out(printer, "online"),
            "payload_on": ONLINE,
            "payload_off": OFFLINE,
            "entity_category": "diagnostic",
        },
        "event": {
            "p": "event",
            "name": "Event",
            "state_topic": topics.out(printer, "event"),
            "event_types": list(EVENTS),
        },
    }


def _pictures(each: Announced) -> dict[str, dict[str, Any]]:
    cameras = {
        f"camera_{camera}": {
            "p": "camera",
            "name": f"Camera {camera}",
            "topic": topics.frame(each.printer, camera),
        }
        for camera in each.cameras
    }
    detection = {
        "p": "image",
        "name": "Last detection",
        "image_topic": topics.out(each.printer, "detection"),
        "content_type": "image/jpeg",
    }
    return {**cameras, "detection": detection}


def _buttons(each: Announced) -> dict[str, dict[str, Any]]:
    return {
        action: {
            "p": "button",
            "name": _BUTTONS[action],
            "icon": _ICONS[action],
            "command_topic": topics.intent(each.printer, each.credential),
            "payload_press": payload,
            "qos": 1,
        }
        for action, payload in each.intents.items()
    }


def _enum(name: str, topic: str, member: str, options: tuple[str, ...]) -> dict[str, Any]:
    return {
        "p": "sensor",
        "name": name,
        "state_topic": topic,
        "value_template": f"{{{{ value_json.{member} }}}}",
        "device_class": "enum",
        "options": list(options),
    }


def _number(name: str, topic: str, template: str, member: str, unit: str) -> dict[str, Any]:
    known = f"{{{{ {template} if value_json.{member} is not none else none }}}}"
    found = {"p": "sensor", "name": name, "state_topic": topic, "value_template": known}
    return {**found, "unit_of_measurement": unit} if unit else found


def _device(each: Announced) -> dict[str, Any]:
    return {
        "ids": [f"printwarden_{each.printer}"],
        "name": each.name,
        "mf": MANUFACTURER,
        "mdl": "Watched 3D printer",
        "sw": __version__,
        "via_device": HUB_NODE,
    }


def _origin() -> dict[str, str]:
    return {"name": "printwarden", "sw": __version__}


def _message(topic: str, body: Mapping[str, Any]) -> Message:
    return Message(topic, json.dumps(body).encode(), retain=True)
