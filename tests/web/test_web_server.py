"""The viewer's server: ports, threads, stopping."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
import urllib.request

import pytest

from web.server import Viewer, ViewerError


@pytest.fixture
def viewer(world):
    made = Viewer(world.app, "127.0.0.1", 0)
    made.start()
    yield made
    made.stop()


def get(viewer, path, cookie=""):
    request = urllib.request.Request(f"http://127.0.0.1:{viewer.port}{path}", headers={"Cookie": cookie})
    with urllib.request.urlopen(request, timeout=20) as answer:
        return answer.status, answer.read(), answer.headers


def try_to_get(*arguments):
    """As `get`, by somebody who may be sent away."""
    with contextlib.suppress(OSError):
        get(*arguments)


def test_it_serves_on_a_free_port(viewer):
    assert viewer.port > 0
    status, body, headers = get(viewer, "/healthz")
    assert status == 200
    assert b'"ok"' in body
    assert "waitress" not in (headers["Server"] or "")


def test_it_serves_below_a_path(world):
    viewer = Viewer(world.app, "127.0.0.1", 0, prefix="/prints")
    viewer.start()
    try:
        assert get(viewer, "/prints/healthz")[0] == 200
        assert b'href="/prints/static/app.css' in get(viewer, "/prints/")[1]
    finally:
        viewer.stop()


def test_a_taken_port_is_named(viewer, world):
    with pytest.raises(ViewerError, match=f"127.0.0.1:{viewer.port}"):
        Viewer(world.app, "127.0.0.1", viewer.port).start()


def test_a_host_that_does_not_exist_is_named(world):
    with pytest.raises(ViewerError, match=r"192\.0\.2\.1:1"):
        Viewer(world.app, "192.0.2.1", 1).start()


def test_it_stops_and_may_be_stopped_twice(world):
    viewer = Viewer(world.app, "127.0.0.1", 0)
    viewer.start()
    port = viewer.port
    viewer.stop()
    viewer.stop()
    with pytest.raises(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)):
        pass


def test_one_that_was_never_started_may_be_stopped(world):
    Viewer(world.app, "127.0.0.1", 0).stop()


def test_stopping_does_not_wait_for_those_who_wait(world, olivia, viewer):
    printer = world.printer("Bench", "olivia")
    world.frame(printer, 5)
    cookie = f"printwarden={olivia.cookie()}"
    waiting = threading.Thread(
        target=try_to_get, args=(viewer, f"/p/{printer}/frame/nozzle.jpg?after=5", cookie)
    )
    waiting.start()
    time.sleep(0.5)
    began = time.monotonic()
    viewer.stop()
    assert time.monotonic() - began < 5
    waiting.join()


def test_pages_are_served_while_every_place_for_waiting_is_taken(world, olivia, viewer):
    printer = world.printer("Bench", "olivia")
    world.frame(printer, 5)
    cookie = f"printwarden={olivia.cookie()}"
    path = f"/p/{printer}/frame/nozzle.jpg?after=5"
    waiting = [threading.Thread(target=try_to_get, args=(viewer, path, cookie)) for _ in range(12)]
    for each in waiting:
        each.start()
    time.sleep(0.5)
    began = time.monotonic()
    assert get(viewer, "/healthz")[0] == 200
    assert time.monotonic() - began < 3
    world.frame(printer, 6)
    for each in waiting:
        each.join()
