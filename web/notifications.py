"""Own notifications: where somebody is told, of what and when, a test; and what the buttons of a message ask."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any

from flask import Blueprint, abort, flash, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from hub.notify.actions import LinkError
from hub.notify.desk import NewTarget, PersonNotify, TargetCard
from hub.notify.rules import SUBJECTS, Choices
from hub.notify.targets import KINDS
from web import words
from web.site import own_view, signed_in, site

_TIME = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])")

blueprint = Blueprint("notify", __name__)


@blueprint.get("/notifications")
def page() -> ResponseReturnValue:
    """Targets and choices of whoever is signed in."""
    return _page()


@blueprint.get("/notifications/live")
def live() -> ResponseReturnValue:
    """How deliveries stand, for the open page."""
    answer = make_response(
        render_template("notify_states.html", targets=own_notify().targets(), now=site().clock())
    )
    answer.set_etag(hashlib.blake2b(answer.get_data(), digest_size=12).hexdigest())
    return answer.make_conditional(request)


@blueprint.post("/notifications/targets")
def add() -> ResponseReturnValue:
    """Add a target; the secret of a webhook is shown only now."""
    form = request.form
    new = NewTarget(
        kind=form.get("kind", ""),
        label=form.get("label", ""),
        address=form.get("address", ""),
        secret=form.get("secret", ""),
        level=form.get("level", ""),
        picture=form.get("picture") == "on",
        actions=form.get("actions") == "on",
    )
    try:
        _id, secret = own_notify().add(new)
    except ValueError as error:
        return _page({"target": words.sentence(error)}, entered=new)
    if not secret:
        flash(f"{new.label.strip()} was added. Send it a test.")
        return redirect(url_for(".page"), 303)
    return _page(made=secret)


@blueprint.post("/notifications/targets/<target>/test")
def test(target: str) -> ResponseReturnValue:
    """Send a test; the page tells what came of it."""
    try:
        own_notify().test(target)
    except ValueError as error:
        flash(words.sentence(error), "alarm")
    return redirect(url_for(".page"), 303)


@blueprint.post("/notifications/targets/<target>/mute")
def mute(target: str) -> ResponseReturnValue:
    """Silence a target, or no longer."""
    own_notify().mute(target, muted=request.form.get("muted") == "yes")
    return redirect(url_for(".page"), 303)


@blueprint.post("/notifications/targets/<target>/remove")
def remove(target: str) -> ResponseReturnValue:
    """Remove a target."""
    own_notify().remove(target)
    flash("Removed. Nothing is sent there any more, and the buttons of its messages are dead.")
    return redirect(url_for(".page"), 303)


@blueprint.post("/notifications/choices")
def choices() -> ResponseReturnValue:
    """What whoever is signed in is told of, when, and of which printers."""
    desk = own_notify()
    chosen = {card.id: request.form.get(f"printer-{card.id}", "") for card in own_view().printers()}
    try:
        desk.save(_choices())
        for printer, choice in chosen.items():
            if choice != desk.printer_choices().get(printer, ""):
                desk.choose(printer, choice)
    except ValueError as error:
        return _page({"choices": words.sentence(error)})
    flash("Saved. This holds from now on.")
    return redirect(url_for(".page"), 303)


@blueprint.post("/p/<printer>/notify")
def printer(printer: str) -> ResponseReturnValue:
    """Be told of one printer, or not."""
    own_notify().choose(printer, "off" if request.form.get("notify") == "off" else "")
    return redirect(url_for("pages.printer", printer=printer), 303)


@blueprint.get("/a/<token>")
def ask(token: str) -> ResponseReturnValue:
    """What a button of a message would do. Looking at it changes nothing, so that no preview uses it up."""
    return _button(token, use=False)


@blueprint.post("/a/<token>")
def use(token: str) -> ResponseReturnValue:
    """Do it, once."""
    return _button(token, use=True)


def own_notify() -> PersonNotify:
    """The notifications of whoever is signed in; refuses when nobody is."""
    session, make = signed_in(), site().notify
    if session is None or make is None:
        abort(401)
    return make(session.person.name, session.id)


def told(printer: str) -> str:
    """What whoever is signed in gets of a printer: on, off, or nothing without a target."""
    desk = own_notify() if site().notify is not None else None
    if desk is None or not desk.anywhere():
        return ""
    return "off" if desk.printer_choices().get(printer) == "off" else "on"


def failing_targets() -> list[TargetCard]:
    """Targets of whoever is signed in to which nothing gets through."""
    return own_notify().failing() if site().notify is not None and signed_in() is not None else []


def _button(token: str, *, use: bool) -> ResponseReturnValue:
    actions, session = site().actions, signed_in()
    if actions is None:
        abort(404)
    person = session.person.name if session else ""
    try:
        asked = (actions.use if use else actions.ask)(token, site().clock(), person)
    except LinkError as error:
        return render_template("button.html", error=str(error)), 410
    return render_template("button.html", asked=asked, done=use, now=site().clock())


def _page(
    errors: Mapping[str, str] | None = None, *, made: str = "", entered: NewTarget | None = None
) -> ResponseReturnValue:
    desk = own_notify()
    state: dict[str, Any] = {
        "targets": desk.targets(),
        "choices": desk.choices(),
        "chosen": desk.printer_choices(),
        "cards": own_view().printers(),
        "kinds": KINDS,
        "entered": entered or NewTarget("ntfy", "", ""),
        "made": made,
        "errors": errors or {},
        "now": site().clock(),
    }
    return render_template("notifications.html", **state), 422 if errors else 200


def _choices() -> Choices:
    """The choices of a sent form; raises ValueError in words."""
    form = request.form
    quiet = None
    if form.get("quiet") == "on":
        quiet = (_time(form.get("from", "")), _time(form.get("to", "")))
        if quiet[0] == quiet[1]:
            raise ValueError("quiet hours begin and end at different times")
    subjects = frozenset(name for name in SUBJECTS if form.get(f"subject-{name}") == "on")
    return Choices(subjects, quiet, form.get("alarms") == "on")


def _time(text: str) -> int:
    found = _TIME.fullmatch(text.strip())
    if found is None:
        raise ValueError("quiet hours: a time of day like 22:30")
    return int(found[1]) * 60 + int(found[2])
