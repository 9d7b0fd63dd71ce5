"""Stored pictures: one of them large with what was found in it, small ones for lists, and what people say of them."""

from __future__ import annotations

import math

from flask import Blueprint, Response, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from agent.camera.jpeg import JpegError, size
from hub.access import Right
from hub.store.prints import LABELS, MISSED
from hub.thumbnail import thumbnail
from hub.views import NotAllowed
from web import print_words
from web.curve import decision_curve
from web.print_states import placed
from web.site import own_view, site

#: A place is pointed at in a grid of so many columns and rows where it cannot be clicked exactly.
COLUMNS, ROWS = 8, 6

blueprint = Blueprint("pictures", __name__)


@blueprint.get("/p/<printer>/pictures/<int:picture>")
def one(printer: str, picture: int) -> ResponseReturnValue:
    """One stored picture; with `point`, the page on which one points at a failure."""
    view = own_view()
    card, found = view.printer(printer), view.stored_picture(printer, picture)
    pointing = "point" in request.args
    if pointing and card.right < Right.CONTROL:
        raise NotAllowed
    try:
        shape = size(view.picture(printer, picture))
    except JpegError:
        shape = (640, 480)
    return render_template(
        "picture.html",
        card=card,
        found=found,
        size=shape,
        pointing=pointing,
        grid=(COLUMNS, ROWS),
        place=placed(found.said),
        curve=decision_curve(found.event, [found.row], card.settings) if found.event else None,
        now=site().clock(),
    )


@blueprint.get("/p/<printer>/pictures/<int:picture>/small.jpg")
def small(printer: str, picture: int) -> ResponseReturnValue:
    """A small version of a stored picture; kept by a browser on the same terms as the large one."""
    jpeg = own_view().picture(printer, picture)
    mark = f"{printer}-{picture}-small"
    known = request.if_none_match.contains(mark)
    answer = Response(b"" if known else thumbnail(jpeg), mimetype="image/jpeg")
    answer.headers["Cache-Control"] = "private, no-cache"
    answer.set_etag(mark)
    return answer.make_conditional(request)


@blueprint.post("/p/<printer>/pictures/<int:picture>/feedback")
def feedback(printer: str, picture: int) -> ResponseReturnValue:
    """Call a picture a false alarm or a missed failure, or take that back."""
    view, label = own_view(), request.form.get("label", "")
    if label == "none":
        view.take_feedback_back(printer, picture)
    elif label in LABELS:
        view.feedback(printer, picture, label, _place() if label == MISSED else None)
    else:
        abort(400)
    of = view.stored_picture(printer, picture).of
    flash(print_words.thanks(label, view.print_(printer, of.id) if of else None))
    return redirect(url_for(".one", printer=printer, picture=picture), 303)


def _place() -> tuple[float, float]:
    """The place in the form: clicked exactly, or the middle of a field of the grid."""
    exact = request.form.get("x", ""), request.form.get("y", "")
    column, _, row = request.form.get("field", "").partition("-")
    try:
        if all(exact):
            place = float(exact[0]), float(exact[1])
        else:
            place = (int(column) - 0.5) / COLUMNS, (int(row) - 0.5) / ROWS
    except ValueError:
        abort(400)
    if not all(math.isfinite(each) and 0.0 <= each <= 1.0 for each in place):
        abort(400)
    return place
