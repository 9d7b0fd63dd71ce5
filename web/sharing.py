"""Letting others in: people and read-only links for a printer, integrations and API tokens for programs."""

from __future__ import annotations

from collections.abc import Mapping

from flask import Blueprint, Response, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from hub.access import Right
from hub.knobs import KNOBS
from hub.sharing import NewIntegration, PersonSharing
from web import words
from web.site import own_view, signed_in, site

DAY_S = 86_400.0
LONGEST_DAYS = 365

blueprint = Blueprint("sharing", __name__)


@blueprint.get("/p/<printer>/sharing")
def printer(printer: str) -> ResponseReturnValue:
    """Who may use a printer, and the links to it."""
    return _printer_page(printer)


@blueprint.post("/p/<printer>/sharing/people")
def people(printer: str) -> ResponseReturnValue:
    """Let a person view or control a printer, or no longer."""
    sharing, name = own_sharing(), request.form.get("person", "").strip().lower()[:60]
    sharing.grants(printer)
    try:
        sharing.grant(printer, name, _right(request.form.get("right", "")))
    except ValueError as error:
        return _printer_page(printer, {"person": words.sentence(error)}, name=name)
    flash("Saved. This holds from now on.")
    return redirect(url_for(".printer", printer=printer), 303)


@blueprint.post("/p/<printer>/sharing/links")
def links(printer: str) -> ResponseReturnValue:
    """Make a read-only link, which is shown only once."""
    sharing = own_sharing()
    sharing.links(printer)
    try:
        _link, token = sharing.add_link(printer, request.form.get("label", ""), _days("days", 7) * DAY_S)
    except ValueError as error:
        return _printer_page(printer, {"label": words.sentence(error)})
    return _printer_page(printer, made=url_for("shared.page", token=token, _external=True))


@blueprint.post("/p/<printer>/sharing/links/<link>/end")
def end_link(printer: str, link: str) -> ResponseReturnValue:
    """End a link at once."""
    own_sharing().remove_link(printer, link)
    flash("The link is dead. Whoever has it sees nothing any more.")
    return redirect(url_for(".printer", printer=printer), 303)


@blueprint.get("/programs")
def programs() -> ResponseReturnValue:
    """Integrations and API tokens of whoever is signed in."""
    return _programs_page()


@blueprint.get("/programs/ca.pem")
def authority() -> ResponseReturnValue:
    """The authority that a program must trust to speak TLS with the broker."""
    pem = site().authority()
    if not pem:
        abort(404)
    return Response(pem, mimetype="application/x-pem-file", headers={"Content-Disposition": "attachment"})


@blueprint.post("/programs/integrations")
def integrations() -> ResponseReturnValue:
    """Make an MQTT credential for some printers, which is shown only once."""
    try:
        rights = {
            card.id: right
            for card in own_view().printers()
            if (right := _right(request.form.get(f"right-{card.id}", "none"))) is not None
        }
        made = own_sharing().add_integration(request.form.get("label", ""), rights)
    except ValueError as error:
        return _programs_page({"integration": words.sentence(error)})
    return _programs_page(integration=made)


@blueprint.post("/programs/integrations/<identity>/end")
def end_integration(identity: str) -> ResponseReturnValue:
    """End an integration and its connections at once."""
    own_sharing().remove_integration(identity)
    flash("The integration is out. Its connections ended at once.")
    return redirect(url_for(".programs"), 303)


@blueprint.post("/programs/tokens")
def tokens() -> ResponseReturnValue:
    """Make an API token, which is shown only once."""
    try:
        _entry, text = own_sharing().add_token(
            request.form.get("scope", ""), request.form.get("label", ""), _days("days", 90) * DAY_S
        )
    except ValueError as error:
        return _programs_page({"token": words.sentence(error)})
    return _programs_page(token=text)


@blueprint.post("/programs/tokens/<identity>/end")
def end_token(identity: str) -> ResponseReturnValue:
    """End an API token at once."""
    own_sharing().remove_token(identity)
    flash("The token is dead.")
    return redirect(url_for(".programs"), 303)


def own_sharing() -> PersonSharing:
    """What whoever is signed in lets others do; refuses when nobody is."""
    session, make = signed_in(), site().sharing
    if session is None or make is None:
        abort(401)
    return make(session.person.name, session.id)


def _printer_page(
    printer: str, errors: Mapping[str, str] | None = None, *, name: str = "", made: str = ""
) -> ResponseReturnValue:
    sharing = own_sharing()
    page = render_template(
        "sharing.html",
        grants=sharing.grants(printer),
        links=sharing.links(printer),
        card=own_view().printer(printer),
        errors=errors or {},
        name=name,
        made=made,
        now=site().clock(),
    )
    return page, 422 if errors else 200


def _programs_page(
    errors: Mapping[str, str] | None = None, *, integration: NewIntegration | None = None, token: str = ""
) -> ResponseReturnValue:
    sharing = own_sharing()
    page = render_template(
        "programs.html",
        cards=own_view().printers(),
        integrations=sharing.integrations(),
        tokens=sharing.tokens(),
        errors=errors or {},
        made_integration=integration,
        knobs=KNOBS,
        authority=site().authority(),
        made_token=token,
        now=site().clock(),
    )
    return page, 422 if errors else 200


def _right(text: str) -> Right | None:
    choices = {"view": Right.VIEW, "control": Right.CONTROL, "settings": Right.OWN, "none": None}
    if text not in choices:
        raise ValueError("choose what is allowed: view, control, settings or nothing")
    return choices[text]


def _days(name: str, default: int) -> int:
    text = request.form.get(name, str(default))
    if not (text.isascii() and text.isdigit() and len(text) < 5 and 1 <= int(text) <= LONGEST_DAYS):
        raise ValueError(f"days: a whole number from 1 to {LONGEST_DAYS}")
    return int(text)
