"""The settings of a printer as a form: fields in words, values read strictly, errors beside their field. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from agent.protocol import AFTER_PAUSE
from hub.policy import THRESHOLDS, TIMES, PrinterSettings, settings_from


@dataclass(frozen=True)
class Field:
    """One setting. `kind` is switch, choice, time (of day) or number, shown divided by `scale` with its `unit`."""

    name: str
    label: str
    help: str = ""
    kind: str = "number"
    unit: str = ""
    scale: float = 1.0
    least: float = 0.0
    greatest: float = 3600.0
    optional: bool = False
    choices: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Section:
    """Fields that belong together."""

    title: str
    fields: tuple[Field, ...]
    text: str = ""


def _after(name: str, label: str, unit: str, scale: float = 1.0) -> Field:
    least, greatest = AFTER_PAUSE[name]
    return Field(
        f"after.{name}",
        label,
        unit=unit,
        scale=scale,
        least=least / scale,
        greatest=greatest / scale,
        optional=True,
    )


SECTIONS = (
    Section(
        "Watching",
        (
            Field(
                "watch", "Watch this printer", "Switched off, nobody looks at the pictures.", kind="switch"
            ),
            Field(
                "action",
                "When a print is failing",
                kind="choice",
                choices=(
                    ("alert", "only tell me"),
                    ("pause", "pause the print"),
                    ("cancel", "cancel the print"),
                ),
            ),
            Field(
                "dry_run",
                "Rehearse only",
                "Everything is decided, recorded and told, but the printer is never touched.",
                kind="switch",
            ),
        ),
    ),
    Section(
        "How sure it must be",
        (
            Field(
                "warn_at",
                "Warn me when at least this sure",
                unit="%",
                scale=0.01,
                least=THRESHOLDS[0] * 100,
                greatest=THRESHOLDS[1] * 100,
            ),
            Field("warn_hold_s", "and that has lasted", unit="seconds"),
            Field(
                "act_at",
                "Act when at least this sure",
                "Not below the limit for a warning.",
                unit="%",
                scale=0.01,
                least=THRESHOLDS[0] * 100,
                greatest=THRESHOLDS[1] * 100,
            ),
            Field("act_hold_s", "and that has lasted", unit="seconds"),
        ),
        "Certainty builds up over several pictures. Lower limits act earlier and are wrong more often.",
    ),
    Section(
        "Special cases",
        (
            Field(
                "grace_s",
                "Do nothing at the start of a print for",
                "Useful when purging or priming looks like a mess.",
                unit="seconds",
            ),
            Field(
                "vote",
                "With several cameras",
                kind="choice",
                choices=(("any", "one camera is enough"), ("all", "all cameras must agree")),
            ),
        ),
    ),
    Section(
        "Parts that come loose",
        (
            Field(
                "moved",
                "When a part is no longer where it was",
                kind="choice",
                choices=(
                    ("off", "do not look for it"),
                    ("alert", "only tell me"),
                    ("pause", "pause the print"),
                    ("cancel", "cancel the print"),
                ),
            ),
            Field(
                "moved_at",
                "when at least this sure",
                unit="%",
                scale=0.01,
                least=THRESHOLDS[0] * 100,
                greatest=THRESHOLDS[1] * 100,
            ),
        ),
        "An experiment: each picture is compared with this print's own past. It misses many and is wrong now and then.",
    ),
    Section(
        "Quiet hours",
        (
            Field("quiet_from", "From", kind="time", optional=True),
            Field("quiet_to", "To", kind="time", optional=True),
            Field(
                "quiet_action",
                "When a print is failing in these hours",
                kind="choice",
                choices=(
                    ("same", "the same as by day"),
                    ("alert", "only tell me"),
                    ("pause", "pause the print"),
                    ("cancel", "cancel the print"),
                ),
            ),
        ),
        "In these hours mere warnings are kept in the history and sent to nobody. A failure is still acted upon and "
        "told. The times are those of the hub's clock; leave both empty for none.",
    ),
    Section(
        "When nobody can watch",
        (
            Field(
                "when_unwatched",
                "When the print cannot be watched, because of a dark or dead camera for example",
                kind="choice",
                choices=(("nothing", "only tell me"), ("pause", "pause the print")),
            ),
            Field(
                "unwatched_s",
                "once that has lasted",
                unit="minutes",
                scale=60.0,
                least=TIMES["unwatched_s"][0] / 60,
                greatest=TIMES["unwatched_s"][1] / 60,
            ),
        ),
    ),
    Section(
        "After a pause",
        (
            _after("retract_mm", "Pull the filament back by", "mm"),
            _after("lift_mm", "Lift the nozzle by", "mm"),
            _after("hotend_off_s", "Switch the nozzle heater off after", "minutes", 60.0),
            _after("bed_off_s", "Switch the bed heater off after", "minutes", 60.0),
        ),
        "Leave a field empty for nothing. Not every printer can do all of this; what could not be done is told.",
    ),
)
FIELDS = tuple(field for section in SECTIONS for field in section.fields)
#: What makes a difference to a print that is played again.
REPLAYED = (
    *(
        field
        for field in FIELDS
        if field.name in ("action", "warn_at", "warn_hold_s", "act_at", "act_hold_s", "grace_s")
    ),
    Field("use_zones", "Leave out the ignored places of today", kind="switch"),
)


def shown(settings: PrinterSettings) -> dict[str, str]:
    """The values of the form for given settings."""
    values = asdict(settings)
    after = {f"after.{name}": value for name, value in values.pop("after").items()}
    return {field.name: _text(field, {**values, **after}.get(field.name)) for field in FIELDS}


def read(form: Mapping[str, str], fields: Sequence[Field] = FIELDS) -> tuple[dict[str, Any], dict[str, str]]:
    """The settings in a sent form, and what is wrong with it by field name. Nothing else in the form counts."""
    changes: dict[str, Any] = {}
    after: dict[str, float] = {}
    errors: dict[str, str] = {}
    for field in fields:
        try:
            value = _value(field, form.get(field.name, "").strip())
        except ValueError as error:
            errors[field.name] = str(error)
            continue
        if not field.name.startswith("after."):
            changes[field.name] = value
        elif value is not None:
            after[field.name.removeprefix("after.")] = float(value)
    if any(field.name.startswith("after.") for field in fields):
        changes["after"] = after
    if not errors:
        errors = _together(changes)
    return changes, errors


def shown_replay(settings: PrinterSettings) -> dict[str, str]:
    """The values of the form by which a print is played again."""
    return {**shown(settings), "use_zones": "on" if settings.zones else ""}


def read_replay(form: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, str]]:
    """The same of that form. The print is judged also where the printer is not watched by its settings."""
    changes, errors = read(form, REPLAYED)
    if not changes.pop("use_zones", False):
        changes["zones"] = {}
    return {**changes, "watch": True}, errors


def _together(changes: Mapping[str, Any]) -> dict[str, str]:
    if changes["act_at"] < changes["warn_at"]:
        return {"act_at": "This must not be below the limit for a warning."}
    try:
        settings_from(changes)
    except ValueError as error:
        name, _, text = str(error).partition(": ")
        return {name if name in changes else "act_at": f"{text or name}."}
    return {}


def _value(field: Field, text: str) -> bool | str | float | None:
    """One value out of what was typed; raises ValueError in words."""
    if field.kind == "switch":
        return text == "on"
    if field.kind == "choice":
        if text not in dict(field.choices):
            raise ValueError("Choose one of these.")
        return text
    if field.kind == "time":
        return text
    if not text and field.optional:
        return None
    limits = f"Enter a number from {field.least:g} to {field.greatest:g}."
    try:
        number = float(text.replace(",", "."))
    except ValueError:
        raise ValueError(limits) from None
    if not math.isfinite(number) or not field.least <= number <= field.greatest:
        raise ValueError(limits)
    return round(number * field.scale, 6)


def _text(field: Field, value: Any) -> str:
    if field.kind == "switch":
        return "on" if value else ""
    if field.kind in ("choice", "time"):
        return str(value)
    return "" if value is None else f"{value / field.scale:.6g}"
