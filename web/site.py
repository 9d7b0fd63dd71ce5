"""What the viewer is given: people, a view for each of them, and the hub's health. Nothing else reaches the pages."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from flask import abort, current_app, g

from hub.access import Right
from hub.accounts import Accounts
from hub.cards import PrinterCard
from hub.metrics import Metrics
from hub.notify.actions import Actions
from hub.notify.desk import PersonNotify
from hub.sharing import PersonSharing
from hub.store.people import People, Session
from hub.store.sharing import Sharing
from hub.views import NotAllowed, UserView

EXTENSION = "printwarden"


@dataclass(frozen=True)
class Site:
    """The viewer's only way to the hub.

    `view` gives the hub through the eyes of one person (name, session id), `sharing` what that person lets others
    do, `accounts` everybody's account for an administrator, `shares` the live links and API tokens, `notify` what that
    person is told of and where, `actions` the buttons of notifications, `metrics` what `/metrics` shows (all of it for
    `metrics_token`). `note_sign_in` (person, action, detail) is told who came in or tried to. `secret_key` signs cookies
    and forms. `authority` (PEM) is what clients of the broker must trust, empty where it speaks no TLS.
    `secure_cookies` once people come by HTTPS. At most `waiters` requests wait for a new picture at once; with half
    of the server's threads the other half always answers.
    """

    people: People
    view: Callable[[str, str], UserView]
    health: Callable[[], dict[str, object]]
    secret_key: bytes
    sharing: Callable[[str, str], PersonSharing] | None = None
    accounts: Callable[[str, str], Accounts] | None = None
    shares: Sharing | None = None
    notify: Callable[[str, str], PersonNotify] | None = None
    actions: Actions | None = None
    metrics: Metrics | None = None
    metrics_token: str = ""
    authority: Callable[[], str] = lambda: ""
    note_sign_in: Callable[[str, str, str], None] = lambda _person, _action, _detail: None
    secure_cookies: bool = False
    waiters: int = 8
    clock: Callable[[], float] = time.time


def site() -> Site:
    """The site of the running application."""
    found: Site = current_app.extensions[EXTENSION]
    return found


def signed_in() -> Session | None:
    """The session of this request."""
    session: Session | None = g.get("session")
    return session


def own_view() -> UserView:
    """The hub through the eyes of whoever asks; refuses when nobody is signed in."""
    session = signed_in()
    if session is None:
        abort(401)
    return site().view(session.person.name, session.id)


def printer_with(right: Right, printer: str) -> PrinterCard:
    """A printer on which whoever asks has this right; raises NotFound, NotAllowed."""
    card = own_view().printer(printer)
    if card.right < right:
        raise NotAllowed
    return card
