"""The pages: every printer, one printer, its settings, adding one."""

from __future__ import annotations

import io

import segno
from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from markupsafe import Markup

from hub.access import Right
from hub.cards import PrinterCard
from hub.enrolment import Invitation
from web import forms, words
from web.site import own_view, printer_with, site
from web.states import dashboard as dashboard_state
from web.states import picture_size, printer_state

blueprint = Blueprint("pages", __name__)

_ASKED = {
    "pause": "Pause requested. It is done when the printer confirms it, see Commands below.",
    "resume": "Resume requested. It is done when the printer confirms it, see Commands below.",
    "cancel": "Cancel requested. It is done when the printer confirms it, see Commands below.",
}


@blueprint.get("/")
def dashboard() -> ResponseReturnValue:
    """All printers of whoever is signed in."""
    return render_template("dashboard.html", **dashboard_state(own_view()))


@blueprint.get("/p/<printer>")
def printer(printer: str) -> ResponseReturnValue:
    """One printer."""
    view = own_view()
    state = printer_state(view, printer, request.args)
    return render_template("printer.html", **state, size=picture_size(view, printer, state["camera"]))


@blueprint.post("/p/<printer>/order")
def order(printer: str) -> ResponseReturnValue:
    """Pause, resume, cancel. A cancel that was not confirmed asks first."""
    view = own_view()
    action = request.form.get("action", "")
    if action == "dismiss":
        view.dismiss(printer)
        flash("Taken as a false alarm: what is seen now must grow before it counts again.")
    elif action == "cancel" and request.form.get("confirmed") != "yes":
        printer_with(Right.CONTROL, printer)
        return redirect(url_for(".cancel", printer=printer), 303)
    else:
        try:
            view.order(printer, action)
        except ValueError as error:
            flash(f"Nothing was sent: {error}.", "alarm")
        else:
            flash(_ASKED[action])
    return redirect(url_for(".printer", printer=printer), 303)


@blueprint.get("/p/<printer>/cancel")
def cancel(printer: str) -> ResponseReturnValue:
    """Ask whether a print is really to be cancelled."""
    return render_template("cancel.html", card=printer_with(Right.CONTROL, printer))


@blueprint.get("/p/<printer>/evidence/<int:picture>.jpg")
def evidence(printer: str, picture: int) -> ResponseReturnValue:
    """A stored picture. A browser may keep it but asks each time whether it still may show it."""
    answer = Response(own_view().picture(printer, picture), mimetype="image/jpeg")
    answer.headers["Cache-Control"] = "private, no-cache"
    answer.set_etag(f"{printer}-{picture}")
    return answer.make_conditional(request)


@blueprint.get("/p/<printer>/settings")
@blueprint.post("/p/<printer>/settings")
def settings(printer: str) -> ResponseReturnValue:
    """What the owner chose for a printer."""
    view, card = own_view(), printer_with(Right.OWN, printer)
    if request.method != "POST":
        return _settings_page(card, forms.shown(card.settings), {})
    changes, errors = forms.read(request.form)
    if errors:
        return _settings_page(card, request.form.to_dict(), errors)
    view.save_settings(printer, changes)
    flash("Saved. This holds from now on.")
    return redirect(url_for(".settings", printer=printer), 303)


@blueprint.post("/p/<printer>/rename")
def rename(printer: str) -> ResponseReturnValue:
    """Give a printer another name."""
    card = printer_with(Right.OWN, printer)
    try:
        own_view().rename(printer, request.form.get("name", ""))
    except ValueError as error:
        return _settings_page(card, forms.shown(card.settings), {"name": words.sentence(error)})
    flash("Renamed.")
    return redirect(url_for(".settings", printer=printer), 303)


@blueprint.post("/p/<printer>/remove")
def remove(printer: str) -> ResponseReturnValue:
    """Remove a printer once its name was typed."""
    card = printer_with(Right.OWN, printer)
    if request.form.get("typed", "").strip() != card.name:
        errors = {"typed": "This is not the name of the printer, so nothing was removed."}
        return _settings_page(card, forms.shown(card.settings), errors)
    own_view().remove(printer)
    flash(f"{card.name} was removed with everything that belonged to it.")
    return redirect(url_for(".dashboard"), 303)


@blueprint.post("/p/<printer>/invite")
def invite(printer: str) -> ResponseReturnValue:
    """A fresh enrolment line for a printer."""
    card, ask_code = printer_with(Right.OWN, printer), _asks_code()
    return _enrolment_page(card, own_view().invite(printer, ask_code=ask_code), ask_code=ask_code)


@blueprint.get("/p/<printer>/confirm")
@blueprint.post("/p/<printer>/confirm")
def confirm(printer: str) -> ResponseReturnValue:
    """Let the agent in that shows the code which is typed here."""
    card = printer_with(Right.OWN, printer)
    if request.method != "POST":
        return render_template("confirm.html", card=card, error="")
    try:
        own_view().confirm(printer, request.form.get("code", "")[:40])
    except ValueError as error:
        return render_template("confirm.html", card=card, error=words.sentence(error)), 422
    flash("Confirmed. This agent is let in from now on.")
    return redirect(url_for(".printer", printer=printer), 303)


@blueprint.get("/printers/new")
@blueprint.post("/printers/new")
def add() -> ResponseReturnValue:
    """Add a printer and show the line that enrols its agent, which is shown only once."""
    if request.method != "POST":
        return render_template("add.html", error="", name="")
    name, ask_code = request.form.get("name", ""), _asks_code()
    try:
        card, invitation = own_view().add_printer(name, ask_code=ask_code)
    except ValueError as error:
        return render_template("add.html", error=words.sentence(error), name=name), 422
    return _enrolment_page(card, invitation, ask_code=ask_code)


def _asks_code() -> bool:
    return request.form.get("code") == "on"


def _settings_page(card: PrinterCard, values: dict[str, str], errors: dict[str, str]) -> ResponseReturnValue:
    page = render_template("settings.html", card=card, sections=forms.SECTIONS, values=values, errors=errors)
    return page, 422 if errors else 200


def _enrolment_page(card: PrinterCard, invitation: Invitation, *, ask_code: bool) -> ResponseReturnValue:
    return render_template(
        "enrol.html",
        card=card,
        invitation=invitation,
        code=_code(invitation.line),
        ask_code=ask_code,
        now=site().clock(),
    )


def _code(text: str) -> Markup:
    """A QR code as SVG, dark on light whatever the page's colours are."""
    out = io.BytesIO()
    segno.make(text, error="m", micro=False).save(
        out, kind="svg", xmldecl=False, svgns=False, omitsize=True, border=2, svgclass="qr", lineclass=None
    )
    return Markup(out.getvalue().decode())  # noqa: S704 - written by segno from modules, not from the text
