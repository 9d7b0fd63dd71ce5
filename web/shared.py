"""What a read-only link shows: one printer's picture and state, to whoever has it, until it expires or is ended."""

from __future__ import annotations

from flask import Blueprint, Response, render_template
from flask.typing import ResponseReturnValue

from agent.topics import NAME
from hub.store.sharing import ShareLink
from hub.views import NotFound, UserView
from web.site import site

blueprint = Blueprint("shared", __name__)


@blueprint.get("/s/<token>")
def page(token: str) -> ResponseReturnValue:
    """The printer of a link."""
    link, view = _opened(token)
    return render_template("shared.html", card=view.printer(link.printer), token=token)


@blueprint.get("/s/<token>/<camera>.jpg")
def frame(token: str, camera: str) -> ResponseReturnValue:
    """The newest picture of a camera of that printer."""
    link, view = _opened(token)
    found = view.frame(link.printer, camera) if NAME.fullmatch(camera) else None
    if found is None:
        raise NotFound
    return Response(found.jpeg, mimetype="image/jpeg")


def _opened(token: str) -> tuple[ShareLink, UserView]:
    """The live link of a token and the view of the person who made it, whose right it never exceeds."""
    shares = site().shares
    link = shares.link(token, site().clock()) if shares is not None else None
    if link is None:
        raise NotFound
    return link, site().view(link.person, f"link-{link.id}")
