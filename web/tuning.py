"""Which limits suit a printer: what others would have done to its own prints, a proposal, and the way back."""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import Conflict

from hub.access import Right
from hub.cards import PrinterCard
from hub.policy import PrinterSettings
from hub.tuning import ACT_AT, ACT_HOLD_S, LEAST_FAILING, LEAST_HOURS, Cost, Tuning, advice, rate
from web.site import own_view, printer_with

ACCEPTED = 1.0
#: Playing a month of prints takes seconds: one at a time, so that the watch of all others does not wait for it.
PATIENCE_S = 10.0
_one = threading.Lock()
#: Under this name the way back from an applied proposal is kept in the session.
UNDO = "tuned"

blueprint = Blueprint("tuning", __name__)


@dataclass(frozen=True)
class Point:
    """Some limits in the plot, in percent of it: seconds until they act across, false actions per 100 hours up."""

    x: float
    y: float
    kind: str
    text: str


@blueprint.get("/p/<printer>/tune")
def page(printer: str) -> ResponseReturnValue:
    """What other limits would have done, and what is proposed."""
    view, accepted = own_view(), _accepted()
    if not _one.acquire(timeout=PATIENCE_S):
        raise Conflict("Somebody else's limits are being worked out. Try again in a moment.")
    try:
        found, unknown = view.tuning(printer, accepted)
    finally:
        _one.release()
    card, slowest, most = view.printer(printer), _slowest(found), _most(found)
    return render_template(
        "tune.html",
        card=card,
        found=found,
        unknown=unknown,
        accepted=accepted,
        advice=advice(found),
        rate=rate,
        kind_of=lambda each: _kind(found, each),
        points=_points(found, slowest, most),
        slowest=slowest,
        most=most,
        least=(LEAST_HOURS, LEAST_FAILING),
        undo=_undoable(card),
    )


@blueprint.get("/p/<printer>/tune/apply")
def ask(printer: str) -> ResponseReturnValue:
    """Ask whether these limits are really wanted."""
    card = printer_with(Right.OWN, printer)
    return render_template("tune_apply.html", card=card, changes=_changes(card.settings, request.args))


@blueprint.post("/p/<printer>/tune/apply")
def apply(printer: str) -> ResponseReturnValue:
    """Use these limits from now on, and remember those before."""
    card = printer_with(Right.OWN, printer)
    changes = _changes(card.settings, request.form)
    before = {name: getattr(card.settings, name) for name in changes}
    own_view().save_settings(printer, changes)
    session[UNDO] = [printer, before, changes]
    flash("Saved. These limits hold from now on.")
    return redirect(url_for(".page", printer=printer), 303)


@blueprint.post("/p/<printer>/tune/undo")
def undo(printer: str) -> ResponseReturnValue:
    """Go back to the limits before, if nobody has changed them since."""
    before = _undoable(printer_with(Right.OWN, printer))
    if before is None:
        flash(
            "Nothing was changed: there are no earlier limits to go back to, or they were changed since.",
            "alarm",
        )
    else:
        own_view().save_settings(printer, before)
        flash("The limits are what they were before.")
    session.pop(UNDO, None)
    return redirect(url_for(".page", printer=printer), 303)


def _accepted() -> float:
    try:
        value = float(request.args.get("accept", ACCEPTED))
    except ValueError:
        abort(400)
    return value if math.isfinite(value) and 0 <= value <= 1000 else ACCEPTED


def _changes(now: PrinterSettings, given: Any) -> dict[str, float]:
    """The limits in a request, only such as are ever proposed; a warning never comes after the action."""
    try:
        act_at, hold = float(given.get("act_at", "")), float(given.get("act_hold_s", ""))
    except ValueError:
        abort(400)
    if act_at not in ACT_AT or hold not in ACT_HOLD_S:
        abort(400)
    changes = {"act_at": act_at, "act_hold_s": hold}
    return changes if now.warn_at <= act_at else {**changes, "warn_at": act_at}


def _undoable(card: PrinterCard) -> dict[str, float] | None:
    """The limits before the last proposal that this session applied, while they still are as it left them."""
    kept = session.get(UNDO)
    if not kept or kept[0] != card.id:
        return None
    _, before, after = kept
    unchanged = all(getattr(card.settings, name) == value for name, value in after.items())
    return before if unchanged else None


def _kind(found: Tuning, each: Cost) -> str:
    return "now" if each is found.present else "proposed" if each is found.better else ""


def _slowest(found: Tuning) -> float:
    return max((each.seconds for each in found.act if each.seconds is not None), default=0.0) or 1.0


def _most(found: Tuning) -> float:
    return max(each.rate(each.false_actions) for each in found.act) or 1.0


def _points(found: Tuning, slowest: float, most: float) -> list[Point]:
    """Every row that acted at all; the present one and the proposed one last, so that they lie on top."""
    shown = [
        Point(
            x=each.seconds / slowest * 100,
            y=100 - each.rate(each.false_actions) / most * 100,
            kind=_kind(found, each),
            text=f"from {each.settings.act_at:.1%} for {each.settings.act_hold_s:g} s: {each.acted} of {each.failing}",
        )
        for each in found.act
        if each.seconds is not None
    ]
    return sorted(shown, key=lambda point: bool(point.kind))
