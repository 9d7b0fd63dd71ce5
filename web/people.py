"""Everybody's account, for administrators: add, role, quota, sign-in link, disable, remove."""

from __future__ import annotations

from collections.abc import Mapping

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from hub.accounts import Accounts
from hub.store.people import ROLES
from hub.views import NotFound
from web import words
from web.site import signed_in, site

blueprint = Blueprint("people", __name__)


@blueprint.get("/people")
def everybody() -> ResponseReturnValue:
    """Everybody who can sign in."""
    return _page()


@blueprint.post("/people")
def add() -> ResponseReturnValue:
    """Add a person and show the sign-in link, which is shown only once."""
    accounts, name = _accounts(), request.form.get("name", "").strip().lower()
    try:
        accounts.add(name, request.form.get("role", "user"))
    except ValueError as error:
        return _page({"name": words.sentence(error)}, name=name)
    return _page(made=_link(accounts, name), name=name)


@blueprint.post("/people/<person>")
def change(person: str) -> ResponseReturnValue:
    """Change role and quota."""
    accounts, quota = _accounts(), request.form.get("quota", "")
    accounts.account(person)
    try:
        if not (quota.isascii() and quota.isdigit() and len(quota) < 6):
            raise ValueError("a quota is a whole number of printers")
        accounts.set_quota(person, int(quota))
        accounts.set_role(person, request.form.get("role", ""))
    except ValueError as error:
        return _page({person: words.sentence(error)})
    flash(f"Saved for {person}.")
    return redirect(url_for(".everybody"), 303)


@blueprint.post("/people/<person>/link")
def link(person: str) -> ResponseReturnValue:
    """Show a link that signs this person in once."""
    accounts = _accounts()
    accounts.account(person)
    try:
        return _page(made=_link(accounts, person), name=person)
    except ValueError as error:
        return _page({person: words.sentence(error)})


@blueprint.post("/people/<person>/access")
def access(person: str) -> ResponseReturnValue:
    """Disable a person or let him in again."""
    accounts = _accounts()
    try:
        if request.form.get("allow") == "yes":
            accounts.enable(person)
            flash(f"{person} can sign in again.")
        else:
            accounts.disable(person)
            flash(f"{person} can do nothing any more. The printers go on being watched.")
    except ValueError as error:
        return _page({person: words.sentence(error)})
    return redirect(url_for(".everybody"), 303)


@blueprint.get("/people/<person>/remove")
@blueprint.post("/people/<person>/remove")
def remove(person: str) -> ResponseReturnValue:
    """Remove a person once the name was typed."""
    accounts = _accounts()
    account = accounts.account(person)
    error = ""
    if request.method == "POST":
        error = _remove(accounts, person)
        if not error:
            return redirect(url_for(".everybody"), 303)
    heirs = [each.person.name for each in accounts.all() if each.person.name != person]
    page = render_template("remove_person.html", account=account, heirs=heirs, error=error)
    return page, 422 if error else 200


def _remove(accounts: Accounts, person: str) -> str:
    """Remove a person; returns what was wrong, if anything."""
    if request.form.get("typed", "").strip() != person:
        return "This is not the name, so nobody was removed."
    heir = request.form.get("heir", "") or None
    try:
        accounts.remove(person, heir)
    except ValueError as error:
        return words.sentence(error)
    told = f" The printers are {heir}'s now and wait for their agents to be enrolled anew." if heir else ""
    flash(f"{person} was removed.{told}")
    return ""


def _accounts() -> Accounts:
    """Everybody's account; for whoever is no administrator there is no such page."""
    session, make = signed_in(), site().accounts
    if session is None or make is None:
        abort(401)
    if session.person.role != "admin":
        raise NotFound
    return make(session.person.name, session.id)


def _link(accounts: Accounts, person: str) -> str:
    return url_for("auth.link", token=accounts.sign_in_link(person), _external=True)


def _page(errors: Mapping[str, str] | None = None, *, made: str = "", name: str = "") -> ResponseReturnValue:
    page = render_template(
        "people.html", accounts=_accounts().all(), roles=ROLES, errors=errors or {}, made=made, name=name
    )
    return page, 422 if errors else 200
