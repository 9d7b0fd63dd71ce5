"""The entities Home Assistant is given: those of one printer, and those of the hub. Pure.

`{value}` of a setting follows its capability, as `hub.intents` reads it; Home Assistant fills it in.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agent import __version__, topics
from agent.protocol import PHASES
from hub.knobs import CHOICES, KNOBS
from hub.policy import THRESHOLDS

HUB_STATUS, HUB_HEALTH = topics.hub("status"), topics.hub("health")
ONLINE, OFFLINE = "online", "offline"

#: Event kinds that Home Assistant is told; anything else stays in the hub.
EVENTS = (
    "suspected",
    "failing",
    "moved",
    "paused",
    "resumed",
    "cancelled",
    "pause_failed",
    "pause_refused",
    "fallback",
    "dry_run",
    "test_passed",
    "test_failed",
    "watched",
    "standing_down",
    "not_watched",
    "unwatched",
    "intrusion",
    "intent_refused",
    "refused",
    "cloned",
    "storage",
)

Component = dict[str, Any]

_BUTTONS = {
    "pause": ("Pause", "mdi:pause"),
    "resume": ("Resume", "mdi:play"),
    "cancel": ("Cancel", "mdi:stop"),
    "dismiss": ("False alarm", "mdi:thumb-up-outline"),
    "test_detection": ("Test detection", "mdi:test-tube"),
}
_SWITCHES = {"watch": ("Watch", "mdi:eye"), "act": ("Act on failures", "mdi:hand-back-right")}
_SELECTS = {"action": ("Action", "mdi:hand-back-right"), "sensitivity": ("Sensitivity", "mdi:tune")}
_NUMBERS = {"warn_at": "Warn at", "act_at": "Act at", "act_hold_s": "Act after"}
#: What is newest is what the hub itself is: an agent should be as new, and nobody asks anybody outside.
_UPDATE = (
    "{% if value_json.agent %}{{ {'installed_version': value_json.agent, 'latest_version': '"
    + __version__
    + "'} | tojson }}{% endif %}"
)
_CONFIG, _DIAGNOSTIC = {"entity_category": "config"}, {"entity_category": "diagnostic"}


def of_printer(printer: str, cameras: tuple[str, ...]) -> dict[str, Component]:
    """What anybody may see who may see the printer, by key."""
    return {
        **_judgement(printer),
        **_printing(printer),
        **_pictures(printer, cameras),
        **_diagnosis(printer),
    }


def to_press(command_topic: str, payloads: Mapping[str, str]) -> dict[str, Component]:
    """Buttons, switches, selects and numbers for every intent that has a payload, by key."""
    found: dict[str, Component] = {}
    for action, payload in payloads.items():
        if action in _BUTTONS:
            name, icon = _BUTTONS[action]
            found[action] = {"p": "button", "name": name, "icon": icon, "payload_press": payload}
    found.get("test_detection", {}).update(_CONFIG)
    return {key: {**each, "command_topic": command_topic, "qos": 1} for key, each in found.items()}


def to_set(printer: str, command_topic: str, payloads: Mapping[str, str]) -> dict[str, Component]:
    """Switches, selects and numbers for every setting that has a payload, by key."""
    common = {
        "state_topic": topics.out(printer, "settings"),
        "command_topic": command_topic,
        "qos": 1,
        **_CONFIG,
    }
    return {
        f"set_{knob}": {**_knob(knob, payload), **common}
        for knob, payload in payloads.items()
        if knob in KNOBS
    }


def of_hub(credential: str) -> dict[str, Component]:
    """The hub itself, as one integration sees it."""
    world = topics.hub(credential)
    found = {
        "online": _connectivity("Online", HUB_STATUS),
        "isolation": {
            "p": "binary_sensor",
            "name": "Isolation check",
            "device_class": "problem",
            "state_topic": HUB_HEALTH,
            "value_template": "{{ 'OFF' if value_json.isolation else 'ON' }}",
            **_DIAGNOSTIC,
        },
        "printers": {**_number("Printers", world, "printers"), "icon": "mdi:printer-3d"},
        "watched": {**_number("Printers watched", world, "watched"), "icon": "mdi:eye"},
        "queue": {**_number("Frames waiting", HUB_HEALTH, "frames_waiting"), **_DIAGNOSTIC},
        "dropped": {
            **_number("Frames dropped", HUB_HEALTH, "frames_dropped", state_class="total_increasing"),
            **_DIAGNOSTIC,
        },
        "rate": {**_number("Frames per second", HUB_HEALTH, "frames_per_second"), **_DIAGNOSTIC},
        "latency": {**_number("Detection latency", HUB_HEALTH, "latency_ms", unit="ms"), **_DIAGNOSTIC},
        "inference": {**_number("Inference time", HUB_HEALTH, "inference_ms", unit="ms"), **_DIAGNOSTIC},
    }
    for key, component in found.items():
        if key != "online":
            component["availability"] = [{"topic": HUB_STATUS}]
    return found


def _judgement(printer: str) -> dict[str, Component]:
    verdict = topics.out(printer, "verdict")
    return {
        "failure": {
            "p": "binary_sensor",
            "name": "Print failure",
            "device_class": "problem",
            "state_topic": verdict,
            "value_template": "{{ 'ON' if value_json.verdict == 'failing' else 'OFF' }}",
        },
        "certainty": {
            **_number("Failure score", verdict, "certainty", "(value_json.certainty * 100) | round(1)", "%"),
            "icon": "mdi:alert-decagram-outline",
        },
        "verdict": {
            **_enum("Verdict", verdict, "verdict", ("unknown", "ok", "suspect", "failing")),
            "icon": "mdi:shield-search",
        },
        "watch": {
            **_enum("Watch state", verdict, "watch", ("watched", "standing down", "not watched")),
            "value_template": "{{ value_json.watch | replace('_', ' ') }}",
            "icon": "mdi:eye",
            "json_attributes_topic": verdict,
        },
        "event": {
            "p": "event",
            "name": "Event",
            "state_topic": topics.out(printer, "event"),
            "event_types": list(EVENTS),
        },
    }


def _printing(printer: str) -> dict[str, Component]:
    state = topics.out(printer, "state")
    return {
        "phase": {**_enum("Printer", state, "phase", PHASES), "icon": "mdi:printer-3d-nozzle"},
        "progress": {
            **_number("Progress", state, "progress", "(value_json.progress * 100) | round(1)", "%"),
            "icon": "mdi:progress-clock",
        },
        "remaining": {
            **_number(
                "Time left",
                state,
                "remaining_s",
                "(value_json.remaining_s / 60) | round(0, 'ceil') | int",
                "min",
            ),
            "device_class": "duration",
        },
        "layer": {**_number("Layer", state, "layer"), "icon": "mdi:layers-triple"},
        "file": {
            "p": "sensor",
            "name": "File",
            "icon": "mdi:file-outline",
            "state_topic": state,
            "value_template": "{{ value_json.file }}",
        },
    }


def _pictures(printer: str, cameras: tuple[str, ...]) -> dict[str, Component]:
    shown = {
        f"camera_{camera}": {
            "p": "camera",
            "name": f"Camera {camera}",
            "topic": topics.frame(printer, camera),
        }
        for camera in cameras
    }
    detection = {
        "p": "image",
        "name": "Last detection",
        "image_topic": topics.out(printer, "detection"),
        "content_type": "image/jpeg",
    }
    return {**shown, "detection": detection}


def _diagnosis(printer: str) -> dict[str, Component]:
    state, sight = topics.out(printer, "state"), topics.out(printer, "sight")
    return {
        "agent": _connectivity("Agent", topics.out(printer, "online")),
        "camera_fault": {
            "p": "binary_sensor",
            "name": "Camera fault",
            "device_class": "problem",
            "state_topic": state,
            "value_template": "{{ 'ON' if value_json.faults else 'OFF' }}",
            "json_attributes_topic": state,
            "json_attributes_template": "{{ value_json.faults | tojson }}",
            **_DIAGNOSTIC,
        },
        "control": {
            "p": "binary_sensor",
            "name": "Control available",
            "icon": "mdi:lan-connect",
            "state_topic": state,
            "value_template": "{{ 'OFF' if value_json.control else 'ON' }}",
            "json_attributes_topic": state,
            "json_attributes_template": "{{ {'reason': value_json.control} | tojson }}",
            **_DIAGNOSTIC,
        },
        "update": {
            "p": "update",
            "name": "Agent update",
            "device_class": "firmware",
            "title": "Printwarden agent",
            "state_topic": state,
            "value_template": _UPDATE,
            **_DIAGNOSTIC,
        },
        "last_frame": {
            "p": "sensor",
            "name": "Last frame",
            "device_class": "timestamp",
            "state_topic": sight,
            "value_template": "{{ value_json.last_frame }}",
            **_DIAGNOSTIC,
        },
        "inference": {**_number("Inference time", sight, "inference_ms", unit="ms"), **_DIAGNOSTIC},
    }


def _knob(knob: str, payload: str) -> Component:
    if knob in _SWITCHES:
        name, icon = _SWITCHES[knob]
        return {
            "p": "switch",
            "name": name,
            "icon": icon,
            "value_template": f"{{{{ 'on' if value_json.{knob} else 'off' }}}}",
            **{f"state_{each}": each for each in ("on", "off")},
            **{f"payload_{each}": f"{payload} {each}" for each in ("on", "off")},
        }
    if knob in CHOICES:
        name, icon = _SELECTS[knob]
        return {
            "p": "select",
            "name": name,
            "icon": icon,
            "options": list(CHOICES[knob]),
            "value_template": f"{{{{ value_json.{knob} }}}}",
            "command_template": f"{payload} {{{{ value }}}}",
        }
    seconds = knob == "act_hold_s"
    least, greatest = (0.0, 3600.0) if seconds else (each * 100 for each in THRESHOLDS)
    value, sent = f"value_json.{knob}", "value"
    if not seconds:
        value, sent = f"({value} * 100) | round(2)", "(value / 100) | round(4)"
    return {
        "p": "number",
        "name": _NUMBERS[knob],
        "mode": "box",
        "min": least,
        "max": greatest,
        "step": 1 if seconds else 0.01,
        "unit_of_measurement": "s" if seconds else "%",
        "value_template": f"{{{{ {value} }}}}",
        "command_template": f"{payload} {{{{ {sent} }}}}",
    }


def _connectivity(name: str, topic: str) -> Component:
    return {
        "p": "binary_sensor",
        "name": name,
        "device_class": "connectivity",
        "state_topic": topic,
        "payload_on": ONLINE,
        "payload_off": OFFLINE,
        **_DIAGNOSTIC,
    }


def _enum(name: str, topic: str, member: str, options: tuple[str, ...]) -> Component:
    return {
        "p": "sensor",
        "name": name,
        "state_topic": topic,
        "value_template": f"{{{{ value_json.{member} }}}}",
        "device_class": "enum",
        "options": list(options),
    }


def _number(
    name: str, topic: str, member: str, template: str = "", unit: str = "", state_class: str = "measurement"
) -> Component:
    """A number that may be unknown; `template` makes something else of the member."""
    shown = template or f"value_json.{member}"
    return {
        "p": "sensor",
        "name": name,
        "state_topic": topic,
        "value_template": f"{{{{ {shown} if value_json.{member} is not none else none }}}}",
        "state_class": state_class,
        **({"unit_of_measurement": unit} if unit else {}),
    }
