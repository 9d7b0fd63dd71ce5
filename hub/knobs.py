"""The settings that an integration may change: what each is called, and how its text is read. Pure."""

from __future__ import annotations

import re
from typing import Any

from hub.policy import ACTIONS, ALERT, CUSTOM, PAUSE, SENSITIVITY, PrinterSettings, sensitivity

SWITCHES = ("watch", "act")
CHOICES = {"action": ACTIONS, "sensitivity": (*SENSITIVITY, CUSTOM)}
NUMBERS = ("warn_at", "act_at", "act_hold_s")
KNOBS = (*SWITCHES, *CHOICES, *NUMBERS)

_NUMBER = re.compile(r"[0-9]{1,4}(\.[0-9]{1,6})?")


def told(settings: PrinterSettings) -> dict[str, Any]:
    """The position of every knob. `act` is off while a failing print is only told."""
    return {
        "watch": settings.watch,
        "act": settings.action != ALERT,
        "action": settings.action,
        "sensitivity": sensitivity(settings),
        **{name: getattr(settings, name) for name in NUMBERS},
    }


def turned(knob: str, text: str, now: PrinterSettings) -> dict[str, Any]:
    """The settings that turning a knob changes; raises ValueError naming the knob."""
    if knob in SWITCHES:
        return _switched(knob, text, now)
    if knob in CHOICES:
        if text not in CHOICES[knob]:
            raise ValueError(f"{knob}: {text!r:.40} is none of {', '.join(CHOICES[knob])}")
        return {"action": text} if knob == "action" else dict(SENSITIVITY.get(text, {}))
    if not _NUMBER.fullmatch(text):
        raise ValueError(f"{knob}: {text!r:.40} is no number with at most four digits before the point")
    return {knob: float(text)}


def _switched(knob: str, text: str, now: PrinterSettings) -> dict[str, Any]:
    if text not in ("on", "off"):
        raise ValueError(f"{knob}: {text!r:.40} is neither on nor off")
    on = text == "on"
    if knob == "watch":
        return {"watch": on}
    if not on:
        return {"action": ALERT}
    return {"action": PAUSE} if now.action == ALERT else {}
