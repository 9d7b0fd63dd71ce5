"""What holds for every request: who asks, nothing without sign-in, headers, and errors in words."""

from __future__ import annotations

import logging

from flask import (
    Flask,
    Response,
    current_app,
    g,
    jsonify,
    redirect,
    render_template,
    request,
    session,
    url_for,
)
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import CSRFError, CSRFProtect
from werkzeug.exceptions import Conflict, Forbidden, HTTPException, InternalServerError
from werkzeug.exceptions import NotFound as PageNotFound

from hub.store.people import Session
from hub.store.sharing import METRICS
from hub.views import NotAllowed, NotFound
from web import ingress
from web.site import signed_in, site

#: Everything else asks for a sign-in first.
PUBLIC = frozenset(
    (
        "static",
        "auth.sign_in",
        "auth.link",
        "api.healthz",
        "api.document",
        "shared.page",
        "shared.frame",
        "notify.ask",
        "notify.use",
        "metrics.page",
    )
)

_POLICY = (
    "default-src 'self'; img-src 'self' blob:; object-src 'none'; base-uri 'none'; form-action 'self';"
    " frame-ancestors"
)
_HEADERS = {
    "Content-Security-Policy": f"{_POLICY} 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}
_WORDS = {
    400: "That request could not be understood.",
    401: "Please sign in first.",
    403: "You may look at this printer, but this is for somebody with more rights on it. Ask its owner.",
    404: "There is no such page, or it is not yours to see.",
    405: "This address does not answer to that kind of request.",
    413: "That was more than this form takes.",
    415: "Send this as JSON.",
    500: "Something went wrong in the viewer. Watching goes on; the hub's log tells more.",
}

log = logging.getLogger(__name__)


def install(app: Flask) -> None:
    """Put the guard before every request and its answers behind."""
    app.before_request(_who_asks)
    app.before_request(_own_forms_only)
    app.before_request(_signed_in_only)
    app.after_request(_headers)
    app.register_error_handler(NotFound, _no_printer)
    app.register_error_handler(NotAllowed, _not_allowed)
    app.register_error_handler(CSRFError, _forged)
    app.register_error_handler(HTTPException, _told)
    app.register_error_handler(InternalServerError, _broken)


def wants_json() -> bool:
    """Whether the one who asks is a program."""
    return request.path.startswith("/api/") or request.path == "/healthz"


def _who_asks() -> ResponseReturnValue | None:
    """The session of this request: of its cookie or, for the API, of the token it carries instead."""
    g.bearer = wants_json() and "Authorization" in request.headers
    if g.bearer:
        return _bearer()
    token = session.get("token") if request.endpoint != "static" else None
    g.session = site().people.session(token, site().clock()) if isinstance(token, str) else None
    return None


def _bearer() -> ResponseReturnValue | None:
    """A request that carries an API token acts as its person within the token's scope, and its cookie counts for nothing."""
    g.session = None
    kind, _, text = request.headers["Authorization"].partition(" ")
    shares = site().shares
    found = shares.api_token(text, site().clock()) if shares is not None and kind == "Bearer" else None
    person = site().people.get(found.person) if found else None
    if found is None or person is None:
        return _answer(401, "This token is unknown, expired or was ended.")
    if found.scope == METRICS:
        return _answer(403, "This token is for /metrics only.")
    if request.method not in ("GET", "HEAD") and found.scope != "control":
        return _answer(403, "This token may only look.")
    g.session = Session(f"token-{found.id}", person, found.expires)
    return None


def _own_forms_only() -> None:
    """Refuse what another site made a browser send; a token in a header is nothing that a browser adds by itself."""
    if not g.bearer:
        csrf: CSRFProtect = current_app.extensions["csrf"]
        csrf.protect()


def _signed_in_only() -> ResponseReturnValue | None:
    if request.endpoint is None or request.endpoint in PUBLIC or signed_in() is not None:
        return None
    if wants_json() or request.endpoint.startswith("live.") or request.endpoint.endswith(".live"):
        return _answer(401, _WORDS[401])
    wanted = request.path if request.method == "GET" else None
    return redirect(url_for("auth.sign_in", next=wanted if wanted != "/" else None), 303)


def _headers(response: Response) -> Response:
    if ingress.framed():
        response.headers["X-Frame-Options"] = "SAMEORIGIN"
        response.headers["Content-Security-Policy"] = f"{_POLICY} 'self'"
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    if request.endpoint != "static":
        response.headers.setdefault("Cache-Control", "no-store")
    return response


def _no_printer(_error: NotFound) -> ResponseReturnValue:
    return _told(PageNotFound())


def _not_allowed(_error: NotAllowed) -> ResponseReturnValue:
    return _told(Forbidden())


def _forged(error: CSRFError) -> ResponseReturnValue:
    log.info("refused a form: %s", error.description)
    return _answer(
        400,
        "This form was too old or did not come from this site, so nothing was done. Go back, reload the page and try"
        " again.",
    )


def _told(error: HTTPException) -> ResponseReturnValue:
    code = error.code or 500
    if error.response is not None:
        return error.response
    own_words = isinstance(error, Conflict) or (wants_json() and code == 400)
    text = error.description if own_words else None
    return _answer(code, text or _WORDS.get(code, error.name))


def _broken(_error: InternalServerError) -> ResponseReturnValue:
    return _answer(500, _WORDS[500])


def _answer(code: int, text: str) -> ResponseReturnValue:
    if wants_json():
        return jsonify(error=text), code
    return render_template("error.html", code=code, text=text), code
