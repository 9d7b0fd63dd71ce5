"""A camera that speaks RTSP (H.264, H.265): an ffmpeg child makes JPEGs of it.

The address, with its password, stands on ffmpeg's command line and so in that machine's process list.
"""

from __future__ import annotations

import urllib.parse
from dataclasses import dataclass

from agent.camera.base import Camera
from agent.camera.child import ChildStream
from agent.camera.orient import Orientation, oriented
from agent.camera.stream import StreamCamera


@dataclass(frozen=True)
class Settings(Orientation):
    """`keyframes` decodes key frames only, which is the least work; `fps` is the most pictures a second.

    `width` is the greatest width, 0 keeps the camera's.
    """

    url: str = ""
    user: str = ""
    password: str = ""
    keyframes: bool = True
    fps: float = 1.0
    width: int = 0
    transport: str = "tcp"
    idle_s: float = 0.0
    timeout_s: float = 20.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if urllib.parse.urlsplit(self.url).scheme not in ("rtsp", "rtsps"):
            raise ValueError(f"{self.url!r} is not an rtsp:// or rtsps:// address")
        if self.transport not in ("tcp", "udp"):
            raise ValueError("transport must be tcp or udp")
        if not 0.05 <= self.fps <= 30:
            raise ValueError("fps must lie from 0.05 to 30")
        if self.width < 0 or self.timeout_s <= 0:
            raise ValueError("width must not be negative and timeout_s must be more than 0")


def command(settings: Settings) -> list[str]:
    """Ffmpeg and its arguments."""
    filters = [f"fps={settings.fps:g}"]
    if settings.width:
        filters.append(f"scale='min({settings.width},iw)':-2")
    skip = ["-skip_frame", "nokey"] if settings.keyframes else []
    source = ["-rtsp_transport", settings.transport, *skip, "-i", _address(settings)]
    sink = ["-an", "-vf", ",".join(filters), "-f", "image2pipe", "-c:v", "mjpeg", "-q:v", "4", "-"]
    return ["ffmpeg", "-nostdin", "-hide_banner", "-loglevel", "error", *source, *sink]


def create(settings: Settings) -> Camera:
    """The camera of these settings."""
    secret = settings.password or urllib.parse.urlsplit(settings.url).password or ""
    camera = StreamCamera(
        lambda: ChildStream(command(settings), timeout_s=settings.timeout_s, secret=secret),
        timeout_s=settings.timeout_s,
        idle_s=settings.idle_s,
    )
    return oriented(camera, settings)


def _address(settings: Settings) -> str:
    if not settings.user:
        return settings.url
    parts = urllib.parse.urlsplit(settings.url)
    quoted = [urllib.parse.quote(each, safe="") for each in (settings.user, settings.password)]
    host = parts.netloc.rpartition("@")[2]
    return urllib.parse.urlunsplit(parts._replace(netloc=f"{quoted[0]}:{quoted[1]}@{host}"))
