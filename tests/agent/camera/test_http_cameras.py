"""Snapshot and MJPEG cameras against small servers: what is passed on, what is refused, what comes back."""

import threading
import time

import pytest

from agent.camera import mjpeg, snapshot
from agent.camera.base import CameraError
from agent.camera.mjpeg import MjpegStream
from agent.camera.stream import StreamCamera
from agent.settings import SettingsError, build
from tests.agent.camera.pictures import noise
from tests.support.digest import digest_server
from tests.support.waiting import until
from tests.support.web import serve

PICTURES = [noise(seed) for seed in range(8)]
BOUNDARY = {"Content-Type": "multipart/x-mixed-replace; boundary=frame", "Connection": "close"}


def started(settings, **changes):
    """The camera of the settings with next to no waiting between attempts."""
    client = settings.client()
    camera = StreamCamera(
        lambda: MjpegStream(client, client.path or "/"),
        **{"timeout_s": settings.timeout_s, "idle_s": 0, "wait": lambda failures: 0.02, **changes},
    )
    camera.start()
    return camera


def stream_of(*parts, after=lambda: None):
    def answer(request):
        request.send_response(200)
        for name, value in BOUNDARY.items():
            request.send_header(name, value)
        request.end_headers()
        for part in parts:
            request.wfile.write(part)
        after()

    return answer


def part(jpeg, headers=b"Content-Type: image/jpeg\r\nContent-Length: %d\r\n"):
    head = headers % len(jpeg) if b"%d" in headers else headers
    return b"--frame\r\n" + head + b"\r\n" + jpeg + b"\r\n"


def test_snapshot_is_passed_on_byte_for_byte():
    def answer(request):
        assert request.path == "/?action=snapshot"
        request.reply(200, PICTURES[0], {"Content-Type": "image/jpeg"})

    with serve(answer) as url:
        camera = snapshot.create(snapshot.Settings(url=f"{url}/?action=snapshot"))
        camera.start()
        assert camera.grab() == PICTURES[0]
        camera.stop()
        camera.stop()


@pytest.mark.parametrize(
    ("status", "body", "headers", "fault", "told"),
    [
        (200, PICTURES[0], {"X-UStreamer-Online": "false"}, "no_signal", "gives no picture"),
        (200, b"<html>", {"Content-Type": "text/html"}, "offline", "no JPEG but text/html"),
        (200, b"", {}, "offline", "no JPEG"),
        (401, b"", {}, "offline", "refuses the login"),
        (403, b"", {}, "offline", "lacks a right"),
        (500, b"", {}, "offline", "HTTP status 500"),
    ],
)
def test_snapshot_faults(status, body, headers, fault, told):
    with serve(lambda request: request.reply(status, body, headers)) as url:
        camera = snapshot.create(snapshot.Settings(url=url))
        with pytest.raises(CameraError, match=told) as caught:
            camera.grab()
        assert caught.value.fault == fault
        camera.stop()


def test_snapshot_camera_that_is_off_and_comes_back():
    with serve(lambda request: request.reply(200, PICTURES[0])) as url:
        camera = snapshot.create(snapshot.Settings(url=url))
        camera.grab()
    with pytest.raises(CameraError) as caught:
        camera.grab()
    assert caught.value.fault == "offline"
    with serve(lambda request: request.reply(200, PICTURES[1]), port=int(url.rpartition(":")[2])):
        assert camera.grab() == PICTURES[1]
        camera.stop()


@pytest.mark.parametrize("headers", [b"content-length:%d\r\n", b"Content-Type: image/jpeg\r\n", b""])
def test_stream_with_and_without_lengths(headers):
    """Parts without Content-Length are cut where the JPEG ends."""
    leave = threading.Event()
    with serve(stream_of(*(part(each, headers) for each in PICTURES), after=leave.wait)) as url:
        client = mjpeg.Settings(url=url).client()
        stream = MjpegStream(client, "/")
        pictures = stream.pictures()
        assert [next(pictures) for _ in PICTURES] == PICTURES
        stream.close()
        leave.set()


@pytest.mark.parametrize("password", ["right", "wrong"])
def test_a_stream_behind_a_login(password):
    leave = threading.Event()
    server = digest_server(stream_of(*map(part, PICTURES), after=lambda: leave.wait(20)), "me", "right")
    with serve(server) as url:
        client = mjpeg.Settings(url=url, user="me", password=password).client()
        if password == "wrong":
            with pytest.raises(CameraError, match="refuses the login"):
                MjpegStream(client, "/")
        else:
            stream = MjpegStream(client, "/")
            assert next(stream.pictures()) == PICTURES[0]
            stream.close()
        leave.set()


def test_newest_wins_and_nothing_comes_twice():
    sent, leave = threading.Event(), threading.Event()

    def after():
        sent.set()
        leave.wait(20)

    with serve(stream_of(*map(part, PICTURES), after=after)) as url:
        camera = started(mjpeg.Settings(url=url, timeout_s=0.3))
        sent.wait(20)
        until(lambda: camera._newest == PICTURES[-1])
        assert camera.grab() == PICTURES[-1]
        with pytest.raises(CameraError, match=r"no picture|broke off"):
            camera.grab()
        camera.stop()
        leave.set()


def test_stream_that_breaks_is_opened_again():
    connections = []

    def answer(request):
        connections.append(1)
        stream_of(part(PICTURES[len(connections) % 8]))(request)

    with serve(answer) as url:
        camera = started(mjpeg.Settings(url=url))
        until(lambda: len(connections) > 3)
        camera.stop()
        assert camera._thread is None


def test_a_camera_that_dies_is_told_and_returns():
    leave = threading.Event()
    with serve(stream_of(part(PICTURES[0]), after=lambda: leave.wait(20))) as url:
        camera = started(mjpeg.Settings(url=url, timeout_s=2.0))
        assert camera.grab() == PICTURES[0]
        leave.set()
    with pytest.raises(CameraError) as caught:
        camera.grab()
    assert caught.value.fault == "offline"
    leave.clear()

    def again():
        try:
            return camera.grab()
        except CameraError:
            return None

    port = int(url.rpartition(":")[2])
    with serve(stream_of(part(PICTURES[1]), after=lambda: leave.wait(20)), port=port):
        assert until(again) == PICTURES[1]
        camera.stop()
        leave.set()


def test_the_no_signal_sign_of_ustreamer_is_a_fault():
    """The program tells it in a stream only when asked with extra_headers."""
    paths = []
    offline = part(PICTURES[0], b"Content-Length: %d\r\nX-UStreamer-Online: false\r\n")

    def answer(request):
        paths.append(request.path)
        request.send_response(200)
        request.send_header("Set-Cookie", "stream_client=0/abc; path=/")
        request.send_header("Connection", "close")
        request.end_headers()
        request.wfile.write(offline if "extra_headers=1" in request.path else part(PICTURES[0]))

    with serve(answer) as url:
        camera = started(mjpeg.Settings(url=f"{url}/stream?key=1"))
        with pytest.raises(CameraError) as caught:
            camera.grab()
        assert caught.value.fault == "no_signal"
        camera.stop()
    assert paths[:2] == ["/stream?key=1", "/stream?key=1&extra_headers=1"]


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        (part(b"GIF89a"), "something else"),
        (part(PICTURES[0])[:-500], "something else"),
        (b"--frame\r\nContent-Length: 99999999\r\n\r\n", "announces"),
        (b"a: b\r\n" * 200, "no MJPEG stream"),
    ],
)
def test_what_is_no_stream(sent, told):
    with serve(stream_of(sent)) as url:
        stream = MjpegStream(mjpeg.Settings(url=url).client(), "/")
        with pytest.raises(CameraError, match=told):
            list(stream.pictures())
        stream.close()
    away = {"Location": "https://cam/new"}
    with (
        serve(lambda request: request.reply(301, b"", away)) as url,
        pytest.raises(CameraError, match="cam/new"),
    ):
        MjpegStream(mjpeg.Settings(url=url).client(), "/")
    with serve(lambda request: request.reply(404)) as url, pytest.raises(CameraError, match="404"):
        MjpegStream(mjpeg.Settings(url=url).client(), "/")


def test_an_unwatched_stream_is_closed_until_the_next_grab():
    connections, ended = [], threading.Event()

    def answer(request):
        connections.append(1)
        try:
            number = 0
            while True:
                number += 1
                stream_of(part(PICTURES[number % 8]))(request) if number == 1 else request.wfile.write(
                    part(PICTURES[number % 8])
                )
                time.sleep(0.02)
        finally:
            ended.set()

    with serve(answer) as url:
        camera = started(mjpeg.Settings(url=url), idle_s=0.3)
        camera.grab()
        assert ended.wait(20)
        assert len(connections) == 1
        assert camera.grab() in PICTURES
        assert len(connections) == 2
        camera.stop()


def test_stop_ends_a_waiting_grab():
    leave = threading.Event()
    with serve(stream_of(after=lambda: leave.wait(30))) as url:
        camera = started(mjpeg.Settings(url=url, timeout_s=20.0))
        told = []

        def grab():
            try:
                camera.grab()
            except CameraError as error:
                told.append(str(error))

        thread = threading.Thread(target=grab)
        thread.start()
        until(lambda: camera._stream is not None)
        camera.stop()
        thread.join(20)
        assert told
        leave.set()


def test_settings():
    made = build(snapshot.Settings, {"url": "http://x/", "rotate": 90, "flip_h": True}, "camera")
    assert made.exif() == 7
    for wrong, told in [
        ({}, "not an http"),
        ({"url": "rtsp://x"}, "not an http"),
        ({"url": "http://x", "auth": "magic"}, "auth must be"),
        ({"url": "http://x", "auth": "bearer"}, "needs a token"),
        ({"url": "http://x", "rotate": 45}, "rotate must be"),
        ({"url": "http://x", "timeout_s": 0}, "more than 0"),
    ]:
        with pytest.raises(SettingsError, match=told):
            build(snapshot.Settings, wrong, "camera")
