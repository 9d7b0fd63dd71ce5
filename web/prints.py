"""The pages of prints: the list, one print, and what can be done with it."""

from __future__ import annotations

import re
from tempfile import SpooledTemporaryFile
from typing import IO, cast

from flask import Blueprint, Response, abort, flash, redirect, render_template, request, send_file, url_for
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import Conflict

from hub.access import Right
from hub.store.history import VIDEO
from hub.views import NotFound
from web import forms, print_words
from web.print_states import print_list, print_page
from web.site import own_view, printer_with

#: A larger export goes through a file.
IN_MEMORY = 8_000_000
MARKS = {"good": True, "bad": False, "undecided": None}

blueprint = Blueprint("prints", __name__)


@blueprint.get("/p/<printer>/prints")
def listing(printer: str) -> ResponseReturnValue:
    """The prints of a printer, newest first; `before` is the id of the last one of the page before."""
    text = request.args.get("before", "")
    if text and not (text.isascii() and text.isdigit() and len(text) < 16):
        abort(400)
    return render_template("prints.html", **print_list(own_view(), printer, int(text) if text else None))


@blueprint.get("/p/<printer>/prints/<int:identity>")
def one(printer: str, identity: int) -> ResponseReturnValue:
    """One print with all that belongs to it."""
    view = own_view()
    state = print_page(view, printer, identity, everything=request.args.get("pictures") == "all")
    return render_template(
        "print.html",
        **state,
        replayed=view.replayed(printer, identity),
        fields=forms.REPLAYED,
        values=forms.shown_replay(state["card"].settings),
        errors={},
    )


@blueprint.post("/p/<printer>/prints/<int:identity>/mark")
def mark(printer: str, identity: int) -> ResponseReturnValue:
    """Say whether a print was good."""
    view, chosen = own_view(), request.form.get("good", "")
    if chosen not in MARKS:
        abort(400)
    view.mark_print(printer, identity, good=MARKS[chosen])
    flash(f"Saved. {print_words.learning(view.print_(printer, identity))}")
    return redirect(url_for(".one", printer=printer, identity=identity), 303)


@blueprint.post("/p/<printer>/prints/<int:identity>/pin")
def pin(printer: str, identity: int) -> ResponseReturnValue:
    """Keep a print beyond retention, or no longer."""
    pinned = request.form.get("pinned") == "yes"
    own_view().pin_print(printer, identity, pinned=pinned)
    flash("Pinned: it stays until you delete it." if pinned else "No longer pinned: it goes when it is old.")
    return redirect(url_for(".one", printer=printer, identity=identity), 303)


@blueprint.get("/p/<printer>/prints/<int:identity>/delete")
def ask_delete(printer: str, identity: int) -> ResponseReturnValue:
    """Ask whether a print is really to be deleted."""
    card = printer_with(Right.OWN, printer)
    return render_template("delete_print.html", card=card, detail=own_view().print_(printer, identity))


@blueprint.post("/p/<printer>/prints/<int:identity>/delete")
def delete(printer: str, identity: int) -> ResponseReturnValue:
    """Delete a print with everything that belongs to it."""
    try:
        own_view().delete_print(printer, identity)
    except ValueError as error:
        raise Conflict(f"Nothing was deleted: {error}.") from error
    flash("The print is deleted, with its pictures, its video, its curve and its events.")
    return redirect(url_for(".listing", printer=printer), 303)


@blueprint.get("/p/<printer>/prints/<int:identity>/export.zip")
def export(printer: str, identity: int) -> ResponseReturnValue:
    """One print with its evidence as a zip."""
    return zipped(printer, identity)


@blueprint.get("/p/<printer>/prints/<int:identity>/timelapse.webm")
def video(printer: str, identity: int) -> ResponseReturnValue:
    """The time-lapse as a video; a browser may ask for parts of it."""
    view = own_view()
    found = view.print_(printer, identity).video
    if found is None or found.kind != VIDEO:
        raise NotFound
    answer = Response(view.picture(printer, found.id), mimetype="video/webm")
    answer.headers["Cache-Control"] = "private, no-cache"
    answer.set_etag(f"{printer}-{found.id}")
    return answer.make_conditional(request, accept_ranges=True, complete_length=found.bytes)


def zipped(printer: str, identity: int) -> Response:
    """The zip of a print as a download."""
    view = own_view()
    name = print_words.name(view.print_(printer, identity).row)
    stem = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.")[:60] or "print"
    file = cast("IO[bytes]", SpooledTemporaryFile(max_size=IN_MEMORY))  # noqa: SIM115 - the answer closes it
    try:
        view.export_print(printer, identity, file)
        file.seek(0)
        answer = send_file(
            file, "application/zip", as_attachment=True, download_name=f"{stem}-{identity}.zip"
        )
    except BaseException:
        file.close()
        raise
    answer.call_on_close(file.close)
    return answer
