"""Prints and what people say of them, told in words. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hub.outcomes import MOVED
from hub.print_views import PictureDetail, PrintDetail
from hub.store.history import LAPSE, CommandRow, EventRow
from hub.store.prints import FALSE_ALARM, MISSED, FeedbackRow, PrintRow
from web.words import Told, asked_by, percent, stage

_OUTCOMES = {
    "running": Told("ok", "Running"),
    "finished": Told("ok", "Finished"),
    "cancelled": Told("warn", "Cancelled"),
    "failed": Told("alarm", "Failed"),
    "unknown": Told("calm", "Ended", "how it ended is not known"),
}
_SAID = {FALSE_ALARM: "a false alarm", MISSED: "a failure that was missed"}


def name(row: PrintRow) -> str:
    """What a print is called."""
    return row.file or row.job or "Print without a name"


def outcome(row: PrintRow) -> Told:
    """How a print ended."""
    return _OUTCOMES.get(row.outcome, Told("calm", row.outcome.capitalize()))


def alarms(warnings: int, alarms: int) -> str:
    """How many alarms and warnings a print had."""
    parts = [
        f"{count} {word}{'s' if count != 1 else ''}"
        for count, word in ((alarms, "alarm"), (warnings, "warning"))
        if count
    ]
    return ", ".join(parts) or "no alarms"


def learning(detail: PrintDetail) -> str:
    """Whether the hub learns from a print what is harmless here, and why."""
    row, learns = detail.row, "so what its pictures show counts as harmless from now on."
    learns_not = "so the hub learns nothing from it."
    if row.good is not None:
        return f"It is marked {'good' if row.good else 'bad'}, {learns if row.good else learns_not}"
    if any(each.label == MISSED for each in detail.said):
        return f"A failure was missed in it, {learns_not}"
    if row.outcome == "running":
        return "If it finishes without an alarm that stands, the hub learns from it what is harmless here."
    if row.outcome != "finished":
        return f"It did not finish, {learns_not}"
    if not detail.teaches:
        return f"It had an alarm that nobody called false, {learns_not}"
    return f"It finished without an alarm that stands, {learns}"


def thanks(label: str, detail: PrintDetail | None) -> str:
    """What was kept and what it changes, after somebody judged a picture."""
    kept = {
        FALSE_ALARM: "Kept as a false alarm.",
        MISSED: "Kept as a failure that was missed.",
    }.get(label, "Taken back.")
    stays = " The picture stays until you take that back or delete the print." if label in _SAID else ""
    return f"{kept} {learning(detail)}{stays}" if detail else f"{kept}{stays}"


def said(row: FeedbackRow) -> str:
    """What somebody said of a picture."""
    return f"{row.person} called this {_SAID.get(row.label, row.label)}"


def marked(row: PrintRow) -> str:
    """What its owner says of a print, as the form tells it."""
    return "undecided" if row.good is None else "good" if row.good else "bad"


def question(picture: PictureDetail) -> str:
    """What is asked about a picture."""
    return "Was a failure missed here?" if picture.row.kind == LAPSE else "Was the hub right?"


def order(row: CommandRow) -> str:
    """A command and how far it came."""
    outcome = f": {row.outcome}" if row.outcome else ""
    return f"{row.action}, asked for by {asked_by(row.initiator)}: {stage(row)}{outcome}"


def decided(event: EventRow) -> list[tuple[str, str]]:
    """What a decision rests on, as pairs of name and value; only what is known of it."""
    data = event.data
    alone = data.get("signal") != MOVED  # what the network says of the picture did not decide then
    pairs = [
        ("Certainty", percent(data["certainty"]) if _number(data, "certainty") else ""),
        ("This picture alone", percent(data["score"]) if alone and _number(data, "score") else ""),
        ("Camera", str(data.get("camera", ""))),
        ("Network", _model(data.get("model"))),
        ("Decided by", asked_by(data["initiator"]) if data.get("initiator") else ""),
        ("Settings version", str(data.get("settings_version", ""))),
        ("Rehearsal", "yes, the printer was not touched" if data.get("dry_run") else ""),
        ("Quiet hours", "yes" if data.get("quiet_hours") else ""),
    ]
    return [(what, value) for what, value in pairs if value]


def _model(model: object) -> str:
    if isinstance(model, Mapping):
        return " ".join(str(model[key]) for key in ("name", "version", "precision") if key in model)
    return str(model or "")


def _number(data: Mapping[str, Any], key: str) -> bool:
    return isinstance(data.get(key), (int, float))
