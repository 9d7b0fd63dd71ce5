"""A camera on this machine (USB, ribbon cable): an ffmpeg child hands over the JPEGs that the camera makes itself."""

from __future__ import annotations

import re
from dataclasses import dataclass

from agent.camera.base import Camera
from agent.camera.child import ChildStream
from agent.camera.orient import Orientation, oriented
from agent.camera.stream import StreamCamera


@dataclass(frozen=True)
class Settings(Orientation):
    """`encode` is for cameras that deliver raw pictures only; it costs processor time. `fps` 0 is the camera's own."""

    device: str = "/dev/video0"
    size: str = "1280x720"
    fps: float = 0.0
    encode: bool = False
    idle_s: float = 0.0
    timeout_s: float = 10.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.device.startswith("/dev/"):
            raise ValueError(f"{self.device!r} is not a path below /dev")
        if not re.fullmatch(r"\d{2,5}x\d{2,5}", self.size):
            raise ValueError(f"size must look like 1280x720, not {self.size!r}")
        if self.fps < 0 or self.timeout_s <= 0:
            raise ValueError("fps must not be negative and timeout_s must be more than 0")


def command(settings: Settings) -> list[str]:
    """Ffmpeg and its arguments."""
    rate = ["-framerate", f"{settings.fps:g}"] if settings.fps else []
    wanted = [] if settings.encode else ["-input_format", "mjpeg"]
    source = ["-f", "v4l2", *wanted, "-video_size", settings.size, *rate, "-i", settings.device]
    # USB cameras leave the Huffman tables out; the filter puts them in without decoding
    codec = ["-c:v", "mjpeg", "-q:v", "4"] if settings.encode else ["-c:v", "copy", "-bsf:v", "mjpeg2jpeg"]
    return [
        "ffmpeg",
        "-nostdin",
        "-hide_banner",
        "-loglevel",
        "error",
        *source,
        *codec,
        "-f",
        "image2pipe",
        "-",
    ]


def create(settings: Settings) -> Camera:
    """The camera of these settings."""
    camera = StreamCamera(
        lambda: ChildStream(command(settings), timeout_s=settings.timeout_s),
        timeout_s=settings.timeout_s,
        idle_s=settings.idle_s,
    )
    return oriented(camera, settings)
