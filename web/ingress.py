"""The viewer below a path that a proxy chooses anew for each request: Home Assistant's ingress.

The proxy tells the path in a header. It decides where the links of that one answer lead, and that a page of the same
origin may show it in a frame; it is no authority over anything else. Without the setting nobody looks at it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from flask import Flask, request
from flask.sessions import SecureCookieSessionInterface

HEADER = "HTTP_X_INGRESS_PATH"
LONGEST = 200

#: Plain names between single slashes: what begins with two would lead to another host.
_PATH = re.compile(r"(/[A-Za-z0-9_-]+)+")
_MARK = "printwarden.ingress"


def install(app: Flask) -> None:
    """Let an application follow the header from now on."""
    app.wsgi_app = _Ingress(app.wsgi_app)  # type: ignore[method-assign]
    app.session_interface = _PathCookie()


def framed() -> bool:
    """Whether this request came by ingress, which shows the viewer in a frame of its own origin."""
    return bool(request.environ.get(_MARK))


class _Ingress:
    """Takes the path from the header to where WSGI keeps it."""

    def __init__(self, app: Any) -> None:
        self._app = app

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        path = environ.get(HEADER, "")
        if len(path) <= LONGEST and _PATH.fullmatch(path):
            environ["SCRIPT_NAME"] = path
            environ[_MARK] = True
        found: Iterable[bytes] = self._app(environ, start_response)
        return found


class _PathCookie(SecureCookieSessionInterface):
    """Keeps the session's cookie from everything else on the proxy's origin."""

    def get_cookie_path(self, app: Flask) -> str:
        """The path of the request's own root."""
        if self.get_cookie_name(app).startswith("__Host-"):  # browsers want it for the whole host
            return "/"
        return request.script_root or "/"
