"""Pictures from child processes, and the command lines that make them."""

import sys

import pytest

from agent.camera import rtsp, v4l2
from agent.camera.base import CameraError
from agent.camera.child import ChildStream
from agent.settings import SettingsError, build
from tests.agent.camera.pictures import noise
from tests.support.waiting import until

WRITE = "import sys; sys.stdout.buffer.write(open({!r}, 'rb').read()); sys.stdout.flush(); {}"


def child(script, **options):
    return ChildStream([sys.executable, "-c", script], **{"timeout_s": 20, **options})


def test_pictures_pass_through_and_the_end_is_told(tmp_path):
    file = tmp_path / "one.jpg"
    file.write_bytes(noise(1))
    stream = child(WRITE.format(str(file), "sys.exit('rtsp://u:topsecret@x failed')"), secret="topsecret")
    pictures = stream.pictures()
    assert next(pictures) == noise(1)
    with pytest.raises(CameraError, match=r"rtsp://u:\*\*\*@x failed"):
        next(pictures)
    stream.close()


def test_the_exit_status_is_told_when_there_are_no_words():
    stream = child("raise SystemExit(3)")
    with pytest.raises(CameraError, match="exit status 3"):
        next(stream.pictures())
    stream.close()


def test_silence_is_ended():
    stream = child("import time; time.sleep(60)", timeout_s=0.3)
    with pytest.raises(CameraError, match="no new picture"):
        next(stream.pictures())
    stream.close()
    assert stream._process.returncode == -9


def test_rubbish_is_no_picture():
    stream = child("import sys\nwhile True: sys.stdout.buffer.write(bytes(range(250)) * 99)", timeout_s=0.5)
    with pytest.raises(CameraError, match="no new picture"):
        next(stream.pictures())
    stream.close()


def test_rtsp_command():
    line = " ".join(rtsp.command(rtsp.Settings(url="rtsp://cam/1", user="me", password="p@ss w", width=640)))
    assert "-rtsp_transport tcp -skip_frame nokey -i rtsp://me:p%40ss%20w@cam/1 -an" in line
    assert "fps=1,scale='min(640,iw)':-2" in line
    assert "-skip_frame" not in rtsp.command(rtsp.Settings(url="rtsps://cam/1", keyframes=False))


def test_v4l2_passes_the_cameras_own_pictures_through():
    assert "-c:v copy -bsf:v mjpeg2jpeg" in " ".join(v4l2.command(v4l2.Settings()))
    line = " ".join(v4l2.command(v4l2.Settings(encode=True, fps=5, size="640x480")))
    assert "-f v4l2 -video_size 640x480 -framerate 5 -i /dev/video0 -c:v mjpeg" in line


@pytest.mark.parametrize(
    ("module", "wrong", "told"),
    [
        (rtsp, {"url": "http://x"}, "not an rtsp"),
        (rtsp, {"url": "rtsp://x", "transport": "pigeon"}, "tcp or udp"),
        (rtsp, {"url": "rtsp://x", "fps": 100}, "fps"),
        (rtsp, {"url": "rtsp://x", "width": -1}, "width"),
        (v4l2, {"device": "-i"}, "below /dev"),
        (v4l2, {"size": "big"}, "1280x720"),
        (v4l2, {"fps": -1}, "fps"),
    ],
)
def test_settings(module, wrong, told):
    with pytest.raises(SettingsError, match=told):
        build(module.Settings, wrong, "camera")


def test_a_camera_that_is_unplugged_is_told_and_comes_back(tmp_path, monkeypatch):
    """With a program in ffmpeg's place that has the camera as long as nothing says that it is gone."""
    program, gone = tmp_path / "ffmpeg", tmp_path / "gone"
    (tmp_path / "one.jpg").write_bytes(noise(1))
    program.write_text(
        f"#!/bin/sh\ncd {tmp_path}\n[ -e gone ] && echo '/dev/video0: No such device' >&2 && exit 1\n"
        "cat one.jpg\nexec sleep 60\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    camera = v4l2.create(v4l2.Settings())
    camera.start()
    assert camera.grab() == noise(1)
    gone.touch()
    camera._stream.interrupt()
    until(lambda: "No such device" in trouble(camera))
    gone.unlink()
    until(lambda: not trouble(camera))
    camera.stop()


def trouble(camera):
    """What is wrong with a camera now."""
    try:
        camera.grab()
    except CameraError as error:
        return str(error)
    return ""
