"""The viewer: a Flask application that shows each person their own printers and nothing else.

`create_app` is given a `Site` and builds the application. Everything it shows or does goes through the view of the
person who is signed in; it knows no database and no broker.
"""

from __future__ import annotations

import hashlib
from datetime import timedelta
from pathlib import Path

from flask import Flask, url_for
from flask_wtf.csrf import CSRFProtect
from werkzeug.routing import IntegerConverter

from agent.protocol import ACTIONS
from hub.store.people import SESSION_S
from web import (
    auth,
    guard,
    live,
    metrics,
    notifications,
    pages,
    people,
    pictures,
    print_words,
    prints,
    replays,
    shared,
    sharing,
    trial,
    tuning,
    words,
    zones,
)
from web.print_api import blueprint as api
from web.site import EXTENSION, Site, signed_in

__all__ = ["Site", "create_app"]

LARGEST_REQUEST = 64 * 1024


class Number(IntegerConverter):
    """An id in an address; one that is larger than any stands for none instead of being too large for the database."""

    def to_python(self, value: str) -> int:
        """The number, which no id reaches when it is too large."""
        return min(int(value), 2**53)


def create_app(site: Site) -> Flask:
    """The viewer of a site. Serve it by `web.server.Viewer` or any other WSGI server with threads."""
    app = Flask("web")
    app.config.update(
        SECRET_KEY=site.secret_key,
        SESSION_COOKIE_NAME="__Host-printwarden" if site.secure_cookies else "printwarden",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=site.secure_cookies,
        SESSION_REFRESH_EACH_REQUEST=False,
        PERMANENT_SESSION_LIFETIME=timedelta(seconds=SESSION_S),
        MAX_CONTENT_LENGTH=LARGEST_REQUEST,
        WTF_CSRF_TIME_LIMIT=None,
        WTF_CSRF_CHECK_DEFAULT=False,  # the guard asks for it, since a request with an API token has no cookie
        SEND_FILE_MAX_AGE_DEFAULT=timedelta(days=30),
    )
    app.url_map.converters["int"] = Number
    app.jinja_options = {"trim_blocks": True, "lstrip_blocks": True}
    app.extensions[EXTENSION] = site
    app.extensions["printwarden_door"] = auth.Door()
    live.install(app, site.waiters)
    CSRFProtect(app)
    guard.install(app)
    for blueprint in (
        auth.blueprint,
        pages.blueprint,
        live.blueprint,
        sharing.blueprint,
        people.blueprint,
        shared.blueprint,
        notifications.blueprint,
        metrics.blueprint,
        prints.blueprint,
        pictures.blueprint,
        zones.blueprint,
        replays.blueprint,
        tuning.blueprint,
        trial.blueprint,
        api,
    ):
        app.register_blueprint(blueprint)
    app.jinja_env.globals.update(
        words=words,
        told=print_words,
        replays=replays,
        signed_in=signed_in,
        asset=_asset(app),
        actions=ACTIONS,
    )
    app.jinja_env.globals.update(notified=notifications.told, failing_targets=notifications.failing_targets)
    return app


def _asset(app: Flask) -> object:
    """Addresses of static files that change with their content, so that browsers may keep them."""
    folder = Path(app.static_folder or "")
    marks = {
        path.name: hashlib.blake2b(path.read_bytes(), digest_size=6).hexdigest() for path in folder.iterdir()
    }

    def asset(name: str) -> str:
        return url_for("static", filename=name, v=marks[name])

    return asset
