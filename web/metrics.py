"""`/metrics` for Prometheus: only for a token made for it, never for a cookie."""

from __future__ import annotations

import hmac

from flask import Blueprint, Response, abort, request
from flask.typing import ResponseReturnValue

from hub.exposition import CONTENT_TYPE
from hub.store.sharing import METRICS
from web.site import site

blueprint = Blueprint("metrics", __name__)


@blueprint.get("/metrics")
def page() -> ResponseReturnValue:
    """All of the hub for its administrator, own printers for everybody else."""
    metrics = site().metrics
    if metrics is None:
        abort(404)
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    person = _person(token) if kind == "Bearer" and token else None
    if person is None:
        return Response("A token for metrics is needed.\n", 401, {"WWW-Authenticate": "Bearer"}, "text/plain")
    return Response(metrics.of(person) if person else metrics.everything(), content_type=CONTENT_TYPE)


def _person(token: str) -> str | None:
    """Whose printers a token shows; "" for all, None if it shows nothing."""
    wanted = site().metrics_token
    if wanted and hmac.compare_digest(token.encode(), wanted.encode()):
        return ""
    shares = site().shares
    found = shares.api_token(token, site().clock()) if shares is not None else None
    person = site().people.get(found.person) if found and found.scope == METRICS else None
    if person is None:
        return None
    return "" if person.role == "admin" else person.name
