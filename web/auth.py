"""Signing in and out: passwords, one-time links, server-side sessions."""

from __future__ import annotations

import threading

from flask import Blueprint, current_app, flash, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import HTTPException
from werkzeug.routing import RequestRedirect

from hub.store.people import MIN_PASSWORD, Person, PersonError
from web.site import own_view, signed_in, site
from web.throttle import Throttle

BUSY_S = 10.0
WRONG = "That name and password do not belong together."
BUSY = "Many people sign in at this moment. Please try again."

blueprint = Blueprint("auth", __name__)


class Door:
    """Checks passwords one at a time (each check takes 64 MiB) and not too often. One for each application."""

    def __init__(self, throttle: Throttle | None = None) -> None:
        self._throttle = throttle or Throttle()
        self._one = threading.Lock()

    def check(self, name: str, password: str, address: str) -> Person | str:
        """The person, or a sentence saying why not. The address is one input to the throttle and nothing else."""
        wait = self._throttle.enter(name, address, site().clock())
        if wait > 0.0:
            return f"Too many wrong passwords. Try again in {wait:.0f} seconds, or use a sign-in link."
        if not self._one.acquire(timeout=BUSY_S):
            return BUSY
        try:
            person = site().people.check_password(name, password)
        finally:
            self._one.release()
        if person is None:
            site().note_sign_in(name[:40], "sign_in_refused", f"wrong password, from {address}")
            return WRONG
        self._throttle.succeeded(name, address)
        return person


@blueprint.get("/sign-in")
@blueprint.post("/sign-in")
def sign_in() -> ResponseReturnValue:
    """Sign in by name and password."""
    error = ""
    name = request.form.get("name", "").strip().lower()[:60]
    if request.method == "POST":
        checked = _door().check(name, request.form.get("password", ""), request.remote_addr or "")
        if isinstance(checked, Person):
            _begin(checked)
            return redirect(_own_page(request.args.get("next", "")), 303)
        error = checked
    elif signed_in() is not None:
        return redirect(url_for("pages.dashboard"), 303)
    code = 200 if not error else 401 if error == WRONG else 429
    return render_template("sign_in.html", error=error, name=name), code


@blueprint.get("/sign-in/<token>")
@blueprint.post("/sign-in/<token>")
def link(token: str) -> ResponseReturnValue:
    """Sign in by a one-time link. Looking at it changes nothing, so that no preview uses it up."""
    if request.method == "GET":
        return render_template("link.html", token=token)
    person = site().people.redeem_link(token, site().clock())
    if person is None:
        return render_template("link.html", token="", error=True), 410
    _begin(person)
    return redirect(url_for("pages.dashboard"), 303)


@blueprint.post("/sign-out")
def sign_out() -> ResponseReturnValue:
    """End this session."""
    site().people.close_session(session.get("token", ""))
    session.clear()
    return redirect(url_for("auth.sign_in"), 303)


@blueprint.post("/sign-out-everywhere")
def sign_out_everywhere() -> ResponseReturnValue:
    """End all sessions of this person, this one too."""
    site().people.close_sessions(own_view().person)
    session.clear()
    return redirect(url_for("auth.sign_in"), 303)


@blueprint.get("/account")
@blueprint.post("/account")
def account() -> ResponseReturnValue:
    """Name and password."""
    person = own_view().person
    has_password = site().people.has_password(person)
    errors: dict[str, str] = {}
    if request.method == "POST":
        errors = _change_password(person, has_password=has_password)
        if not errors:
            flash("The password is changed; every other session was signed out.")
            return redirect(url_for("auth.account"), 303)
    page = render_template("account.html", errors=errors, has_password=has_password, shortest=MIN_PASSWORD)
    return page, 422 if errors else 200


def _change_password(name: str, *, has_password: bool) -> dict[str, str]:
    """Change the password and begin a new session; returns what was wrong, by field."""
    wanted = request.form.get("password", "")
    if wanted != request.form.get("again", ""):
        return {"again": "This differs from the new password above."}
    if has_password:
        checked = _door().check(name, request.form.get("current", ""), request.remote_addr or "")
        if isinstance(checked, str):
            return {"current": "This is not your password." if checked == WRONG else checked}
    try:
        site().people.set_password(name, wanted)
    except PersonError as error:
        return {"password": f"{error}."}
    person = site().people.get(name)
    if person is not None:
        _begin(person)
    return {}


def _begin(person: Person) -> None:
    """A new session: whatever this browser carried before is worth nothing afterwards."""
    old = session.get("token")
    session.clear()
    if isinstance(old, str):
        site().people.close_session(old)
    session["token"] = site().people.open_session(person, site().clock())
    site().note_sign_in(person.name, "signed_in", "")
    session.permanent = True


def _own_page(wanted: str) -> str:
    """The address of one of our own pages, rebuilt from its name; the dashboard for everything else."""
    adapter = current_app.create_url_adapter(request)
    if adapter is None or not wanted.startswith("/"):
        return url_for("pages.dashboard")
    try:
        endpoint, values = adapter.match(wanted, method="GET")
    except (HTTPException, RequestRedirect):
        return url_for("pages.dashboard")
    if not endpoint.startswith("pages."):
        return url_for("pages.dashboard")
    return url_for(endpoint, **values)


def _door() -> Door:
    door: Door = current_app.extensions["printwarden_door"]
    return door
