"""Cameras against real ustreamer, a real RTSP server (GStreamer) and ffmpeg as an independent MJPEG sender."""

import contextlib
import shutil
import sys
from pathlib import Path

import pytest

from agent.camera import jpeg, mjpeg, rtsp, snapshot
from agent.camera.base import CameraError
from agent.camera.child import ChildStream
from agent.camera.stream import StreamCamera
from tests.support import debian
from tests.support.processes import end, free_port, running
from tests.support.waiting import until

pytestmark = [pytest.mark.counterpart, pytest.mark.timeout(300)]


def grabbed(camera):
    """A picture, or the fault."""
    try:
        return camera.grab()
    except CameraError as error:
        return error


def picture(camera):
    got = grabbed(camera)
    return got if isinstance(got, bytes) else None


@contextlib.contextmanager
def started(camera):
    camera.start()
    try:
        yield camera
    finally:
        camera.stop()


def test_ustreamer_without_a_camera_is_told_as_no_signal():
    """It answers 200 with a well-formed picture that says NO SIGNAL."""
    debian.require("ustreamer")
    port = free_port()
    program = ["ustreamer", "--host", "127.0.0.1", "--port", str(port), "--device", "/dev/there-is-none"]
    kinds = (mjpeg, "stream"), (snapshot, "snapshot")
    with contextlib.ExitStack() as stack:
        cameras = [
            stack.enter_context(started(kind.create(kind.Settings(url=f"http://127.0.0.1:{port}/{path}"))))
            for kind, path in kinds
        ]
        with running(program):
            for camera in cameras:
                until(lambda camera=camera: getattr(grabbed(camera), "fault", "") == "no_signal")
        for camera in cameras:
            until(lambda camera=camera: getattr(grabbed(camera), "fault", "") == "offline")


def test_mjpeg_of_an_independent_sender():
    debian.require("ffmpeg")
    url = f"http://127.0.0.1:{free_port()}/"
    source = ["-re", "-f", "lavfi", "-i", "testsrc=size=1280x720:rate=15"]
    program = ["ffmpeg", "-nostdin", "-loglevel", "error", *source, "-c:v", "mjpeg", "-f", "mpjpeg"]
    settings = mjpeg.Settings(url=url, timeout_s=5)
    client = settings.client()
    camera = StreamCamera(
        lambda: mjpeg.MjpegStream(client, "/"), timeout_s=settings.timeout_s, wait=lambda failures: 0.1
    )
    with started(camera):
        for _ in range(2):  # the camera dies and returns
            with running([*program, "-listen", "1", url]):
                first = until(lambda: picture(camera))
                assert jpeg.size(first) == (1280, 720)
                assert until(lambda: picture(camera)) != first
            until(lambda: isinstance(grabbed(camera), CameraError))


@pytest.fixture(scope="module")
def rtsp_server():
    """The command of the server, to be started by the test."""
    debian.require(
        "ffmpeg",
        "python3-gi",
        "gir1.2-gst-rtsp-server-1.0",
        "gstreamer1.0-plugins-base",
        "gstreamer1.0-plugins-good",
        "gstreamer1.0-plugins-ugly",
        "gstreamer1.0-rtsp",
    )
    return ["/usr/bin/python3", str(Path(__file__).with_name("rtsp_server.py"))]


@pytest.mark.parametrize("keyframes", [True, False])
def test_rtsp(rtsp_server, keyframes):
    with running(rtsp_server) as server:
        port = int(server.stdout.readline())
        url = f"rtsp://127.0.0.1:{port}/cam"
        settings = rtsp.Settings(url=url, keyframes=keyframes, width=0 if keyframes else 640, fps=5)
        with started(rtsp.create(settings)) as camera:
            first = until(lambda: picture(camera), 60)
            assert jpeg.size(first) == ((1280, 720) if keyframes else (640, 360))
            assert until(lambda: picture(camera)) != first
            end(server)
            until(lambda: isinstance(grabbed(camera), CameraError), 60)


def test_rtsp_that_comes_back_is_read_again(rtsp_server):
    """The wait between attempts is shortened here; everything else is as in use."""
    address = []

    def connect():
        return ChildStream(rtsp.command(rtsp.Settings(url=f"{address[-1]}")), timeout_s=10)

    camera = StreamCamera(connect, timeout_s=10, wait=lambda failures: 0.2)
    address.append("rtsp://127.0.0.1:1/cam")
    with started(camera):
        until(lambda: "ffmpeg ended" in str(grabbed(camera)), 60)
        with running(rtsp_server) as server:
            address.append(f"rtsp://127.0.0.1:{int(server.stdout.readline())}/cam")
            assert until(lambda: picture(camera), 60)


def test_a_missing_ffmpeg_is_told(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with started(rtsp.create(rtsp.Settings(url="rtsp://127.0.0.1:1/"))) as camera:
        assert "ffmpeg is not installed" in str(grabbed(camera))
        assert sys.modules["agent.camera.child"].shutil.which("sh") is None
