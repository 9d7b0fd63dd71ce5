"""The same for programs: JSON over the session of a signed-in browser. `openapi.json` is the contract."""

from __future__ import annotations

import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, abort, jsonify, request
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import generate_csrf
from werkzeug.exceptions import Conflict

from agent.protocol import ACTIONS
from hub.cards import PrinterCard
from web.site import own_view, site

SPAN_S = 1800.0
LONGEST = 10_000

blueprint = Blueprint("api", __name__)


@blueprint.get("/healthz")
def healthz() -> ResponseReturnValue:
    """Whether the hub works; open to everybody, and so without names."""
    facts = site().health()
    return jsonify(facts), 200 if facts.get("status") == "ok" else 503


@blueprint.get("/api/v1/openapi.json")
def document() -> ResponseReturnValue:
    """The contract."""
    return Response(Path(__file__).with_name("openapi.json").read_bytes(), mimetype="application/json")


@blueprint.get("/api/v1/session")
def session() -> ResponseReturnValue:
    """Who is signed in, and the token that each POST carries in its X-CSRFToken header."""
    return jsonify(person=own_view().person, csrf_token=generate_csrf())


@blueprint.get("/api/v1/printers")
def printers() -> ResponseReturnValue:
    """Every printer of this person."""
    return jsonify(printers=[_card(card) for card in own_view().printers()])


@blueprint.get("/api/v1/printers/<printer>")
def printer(printer: str) -> ResponseReturnValue:
    """One printer."""
    return jsonify(_card(own_view().printer(printer)))


@blueprint.get("/api/v1/printers/<printer>/scores")
def scores(printer: str) -> ResponseReturnValue:
    """What was scored since a Unix time, oldest first; the newest `limit` of it."""
    since = _number("since", site().clock() - SPAN_S)
    limit = whole_number("limit", 2000, LONGEST)
    rows = own_view().scores(printer, since)[-limit:]
    return jsonify(
        scores=[
            {"camera": row.camera, "t": row.t, "score": row.score, "certainty": row.certainty} for row in rows
        ]
    )


@blueprint.get("/api/v1/printers/<printer>/events")
def events(printer: str) -> ResponseReturnValue:
    """Events, newest first; `before` is the id of the last one already known."""
    limit, before = whole_number("limit", 50, 200), whole_number("before", 0, 2**53)
    rows = own_view().events(printer, limit, before or None)
    return jsonify(events=[without_printer(row) for row in rows])


@blueprint.get("/api/v1/printers/<printer>/commands")
def commands(printer: str) -> ResponseReturnValue:
    """Commands and how far they came, newest first."""
    rows = own_view().commands(printer, whole_number("limit", 20, 200))
    return jsonify(commands=[without_printer(row) for row in rows])


@blueprint.post("/api/v1/printers/<printer>/commands")
def order(printer: str) -> ResponseReturnValue:
    """Ask for a pause, resume or cancel of what runs now. It is done only when its stage is "confirmed"."""
    view = own_view()
    view.printer(printer)
    body = request.get_json()
    action = body.get("action") if isinstance(body, dict) else None
    if not isinstance(action, str) or action not in ACTIONS:
        abort(400, f"action: one of {', '.join(ACTIONS)}")
    try:
        row = view.order(printer, action)
    except ValueError as error:
        raise Conflict(f"nothing was sent: {error}") from error
    return jsonify(without_printer(row)), 202


def _card(card: PrinterCard) -> dict[str, Any]:
    return {**asdict(card), "right": card.right.name.lower()}


def without_printer(row: Any) -> dict[str, Any]:
    """A row of one printer as JSON shows it."""
    return {name: value for name, value in asdict(row).items() if name != "printer"}


def _number(name: str, default: float) -> float:
    text = request.args.get(name)
    if text is None:
        return default
    try:
        value = float(text)
    except ValueError:
        abort(400, f"{name}: a number")
    if not math.isfinite(value):
        abort(400, f"{name}: a number")
    return value


def whole_number(name: str, default: int, greatest: int) -> int:
    """A number of the query from 1 to `greatest`; refuses anything else."""
    text = request.args.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 17 and 1 <= int(text) <= greatest):
        abort(400, f"{name}: a whole number from 1 to {greatest}")
    return int(text)
