"""Prints for programs: JSON over a session or an API token. `openapi.json` is the contract."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from flask import Response, abort, jsonify, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import Conflict

from hub.store.history import EvidenceRow
from hub.store.prints import LABELS, MISSED, PrintRow
from web.api import blueprint, whole_number, without_printer
from web.print_words import learning
from web.prints import zipped
from web.site import own_view

__all__ = ["blueprint"]


@blueprint.get("/api/v1/printers/<printer>/prints")
def prints(printer: str) -> ResponseReturnValue:
    """Prints, newest first; `before` is the id of the last one already known."""
    limit, before = whole_number("limit", 20, 200), whole_number("before", 0, 2**53)
    found = own_view().print_summaries(printer, limit, before or None)
    return jsonify(
        prints=[
            {
                **_print(each.row),
                "warnings": each.warnings,
                "alarms": each.alarms,
                "picture": each.picture.id if each.picture else None,
            }
            for each in found
        ]
    )


@blueprint.get("/api/v1/printers/<printer>/prints/<int:identity>")
def print_(printer: str, identity: int) -> ResponseReturnValue:
    """One print with its events, commands, pictures and what people said of them."""
    detail = own_view().print_(printer, identity)
    return jsonify(
        **_print(detail.row),
        learning=learning(detail),
        events=[without_printer(each) for each in detail.events],
        commands=[without_printer(each) for each in detail.commands],
        pictures=[_picture(each) for each in detail.stored],
        feedback=[
            {"picture": each.evidence, "person": each.person, "t": each.t, "label": each.label}
            | {"x": each.x, "y": each.y}
            for each in detail.said
        ],
    )


@blueprint.get("/api/v1/printers/<printer>/prints/<int:identity>/export")
def export_print(printer: str, identity: int) -> ResponseReturnValue:
    """One print with its evidence as a zip."""
    return zipped(printer, identity)


@blueprint.post("/api/v1/printers/<printer>/prints/<int:identity>")
def change_print(printer: str, identity: int) -> ResponseReturnValue:
    """Pin a print or no longer, say whether it was good; what is left out stays as it is."""
    view, body = own_view(), _body({"pinned": (bool,), "good": (bool, type(None))})
    if "pinned" in body:
        view.pin_print(printer, identity, pinned=body["pinned"])
    if "good" in body:
        view.mark_print(printer, identity, good=body["good"])
    return jsonify(_print(view.print_(printer, identity).row))


@blueprint.delete("/api/v1/printers/<printer>/prints/<int:identity>")
def delete_print(printer: str, identity: int) -> ResponseReturnValue:
    """Delete a print with everything that belongs to it."""
    try:
        own_view().delete_print(printer, identity)
    except ValueError as error:
        raise Conflict(f"nothing was deleted: {error}") from error
    return "", 204


@blueprint.get("/api/v1/printers/<printer>/pictures/<int:picture>")
def picture(printer: str, picture: int) -> ResponseReturnValue:
    """A stored picture as it came from the camera."""
    view = own_view()
    return Response(
        view.picture(printer, view.stored_picture(printer, picture).row.id), mimetype="image/jpeg"
    )


@blueprint.post("/api/v1/printers/<printer>/pictures/<int:picture>/feedback")
def say(printer: str, picture: int) -> ResponseReturnValue:
    """Call a picture a false alarm or a failure that was missed at a place; null takes that back."""
    view, body = own_view(), _body({"label": (str, type(None)), "place": (dict, type(None))})
    label = body.get("label")
    if "label" not in body or (label is not None and label not in LABELS):
        abort(400, f"label: one of {', '.join(LABELS)}, or null")
    if label is None:
        view.take_feedback_back(printer, picture)
    else:
        view.feedback(printer, picture, label, _place(body.get("place")) if label == MISSED else None)
    return "", 204


def _place(place: dict[str, Any] | None) -> tuple[float, float] | None:
    if place is None:
        return None
    given: list[Any] = [place.get("x"), place.get("y")]
    x, y = (float(each) if type(each) in (int, float) else -1.0 for each in given)
    if not (0.0 <= x <= 1.0 and 0.0 <= y <= 1.0):
        abort(400, "place: x and y from 0 to 1")
    return x, y


def _body(known: dict[str, tuple[type, ...]]) -> dict[str, Any]:
    """The JSON object of this request with the known names in it, each of a type that it may have."""
    body = request.get_json()
    if not isinstance(body, dict):
        abort(400, "the body: a JSON object")
    found = {name: body[name] for name in known if name in body}
    for name, value in found.items():
        if type(value) not in known[name]:
            abort(400, f"{name}: {' or '.join(each.__name__ for each in known[name])}")
    return found


def _print(row: PrintRow) -> dict[str, Any]:
    return without_printer(row) | {"film": row.film or ""}


def _picture(row: EvidenceRow) -> dict[str, Any]:
    data = asdict(row)
    return {name: data[name] for name in ("id", "camera", "t", "kind", "event", "score", "bytes", "regions")}
