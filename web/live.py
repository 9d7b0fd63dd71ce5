"""What pages fetch again and again: fragments with an ETag, and the newest picture by long poll."""

from __future__ import annotations

import hashlib
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from flask import Blueprint, Flask, Response, abort, current_app, make_response, render_template, request
from flask.typing import ResponseReturnValue

from agent.protocol import MAX_INTEGER, Frame
from agent.topics import NAME
from web.print_states import print_page
from web.replays import replay_state
from web.site import own_view
from web.states import chosen_camera, dashboard, printer_state
from web.trial import trial_state

LONGEST_S = 10.0
SLICE_S = 1.0
_EXTENSION = "printwarden_waiters"

blueprint = Blueprint("live", __name__)


class Waiters:
    """Bounds how many requests may wait for a picture at once, also for one person; `close` sends all of them home."""

    def __init__(self, places: int) -> None:
        self._places = places
        self._waiting: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._closed = threading.Event()

    @contextmanager
    def place(self, person: str) -> Iterator[bool]:
        """Whether this request may wait, for the length of the block."""
        with self._lock:
            got = self._waiting.total() < self._places and self._waiting[person] < max(1, self._places // 2)
            self._waiting[person] += got
        try:
            yield got
        finally:
            with self._lock:
                self._waiting[person] -= got
                self._waiting += Counter()  # drops those who wait for nothing

    def close(self) -> None:
        """Nobody waits any longer."""
        self._closed.set()

    @property
    def closed(self) -> bool:
        """Whether the viewer is stopping."""
        return self._closed.is_set()


def install(app: Flask, places: int) -> None:
    """Give an application its waiting room."""
    app.extensions[_EXTENSION] = Waiters(places)


def waiters_of(app: Flask) -> Waiters:
    """The waiting room of an application."""
    waiters: Waiters = app.extensions[_EXTENSION]
    return waiters


@blueprint.get("/cards")
def cards() -> ResponseReturnValue:
    """The cards of the dashboard."""
    return _unless_known(render_template("cards.html", **dashboard(own_view())))


@blueprint.get("/p/<printer>/live")
def live(printer: str) -> ResponseReturnValue:
    """The changing parts of a printer's page."""
    return _unless_known(render_template("live.html", **printer_state(own_view(), printer, request.args)))


@blueprint.get("/p/<printer>/prints/<int:identity>/live")
def print_(printer: str, identity: int) -> ResponseReturnValue:
    """What a print's page shows while it runs."""
    everything = request.args.get("pictures") == "all"
    state = print_page(own_view(), printer, identity, everything=everything)
    return _unless_known(render_template("print_body.html", **state))


@blueprint.get("/p/<printer>/prints/<int:identity>/replay/live")
def replay(printer: str, identity: int) -> ResponseReturnValue:
    """How far the replay of a print has come."""
    state = replay_state(own_view(), printer, identity)
    return _unless_known(render_template("replay_result.html", **state))


@blueprint.get("/p/<printer>/test/live")
def trial(printer: str) -> ResponseReturnValue:
    """The stages of a printer's newest test."""
    return _unless_known(render_template("trial_stages.html", **trial_state(own_view(), printer)))


@blueprint.get("/p/<printer>/frame/<camera>.jpg")
def frame(printer: str, camera: str) -> ResponseReturnValue:
    """The newest picture; with `after`, the first one with another number, for which it waits a while."""
    view = own_view()
    if not NAME.fullmatch(camera):
        abort(404)
    after = _after(request.args.get("after", ""))
    if after:
        view.look(printer)
    found = view.frame(printer, camera)
    if found is not None and found.seq == after:
        found = _wait(printer, camera, after)
    if found is None:
        known = chosen_camera(view.printer(printer), camera)
        return Response(status=304) if known and after else abort(404)
    answer = Response(found.jpeg, mimetype="image/jpeg")
    answer.set_etag(str(found.seq))
    return answer


def _wait(printer: str, camera: str, after: int) -> Frame | None:
    """Wait in slices: each asks again whether this person may see this printer."""
    waiters = waiters_of(current_app)
    with waiters.place(own_view().person) as may_wait:
        end = time.monotonic() + LONGEST_S
        while may_wait and not waiters.closed and time.monotonic() < end:
            found = own_view().frame(printer, camera, after, SLICE_S)
            if found is not None:
                return found
    return None


def _after(text: str) -> int:
    if not text:
        return 0
    if not (text.isascii() and text.isdigit() and len(text) < 17 and int(text) <= MAX_INTEGER):
        abort(400)
    return int(text)


def _unless_known(page: str) -> ResponseReturnValue:
    answer = make_response(page)
    answer.set_etag(hashlib.blake2b(page.encode(), digest_size=12).hexdigest())
    return answer.make_conditional(request)
