"""The `printwarden` command: the hub's command line with the viewer given to it."""

from __future__ import annotations

import sys

from agent.private_file import kept_secret
from hub import cli
from hub.app import Hub
from web import create_app, ingress
from web.server import Viewer
from web.site import Site


def main() -> int:
    """Entry point; returns the exit status."""
    return cli.main(sys.argv[1:], make_viewer)


def make_viewer(hub: Hub) -> Viewer:
    """The viewer of a started hub."""
    settings = hub.settings.web
    site = Site(
        people=hub.people,
        view=hub.view,
        health=hub.health,
        sharing=hub.sharing,
        accounts=hub.accounts,
        shares=hub.shares,
        note_sign_in=hub.note_sign_in,
        notify=hub.notify,
        actions=hub.actions,
        metrics=hub.metrics,
        metrics_token=settings.metrics_token,
        authority=lambda: hub.port.public().ca,
        secret_key=kept_secret(hub.settings.hub.data / "web.key"),
        secure_cookies=settings.secure_cookies,
    )
    app = create_app(site)
    if settings.ingress:
        ingress.install(app)
    return Viewer(app, settings.host, settings.port)


if __name__ == "__main__":
    sys.exit(main())
