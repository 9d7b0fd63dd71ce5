"""What every kind of camera offers the agent, and how a kind is found by its name."""

from __future__ import annotations

import importlib
from typing import Any, Protocol

#: Kind to module. Each module has a `Settings` dataclass and `create(settings) -> Camera`.
KINDS = {
    "bambu": "agent.camera.bambu",
    "clip": "agent.camera.clip",
    "folder": "agent.camera.folder",
    "mjpeg": "agent.camera.mjpeg",
    "rtsp": "agent.camera.rtsp",
    "snapshot": "agent.camera.snapshot",
    "v4l2": "agent.camera.v4l2",
}


class CameraError(Exception):
    """No usable picture; `fault` is one of `protocol.CAMERA_FAULTS`, the text says why."""

    def __init__(self, fault: str, detail: str) -> None:
        super().__init__(detail)
        self.fault = fault


class Camera(Protocol):
    """One camera. `grab` may block for a bounded time."""

    def start(self) -> None:
        """Open the source; must not fail because the camera is off."""
        ...

    def stop(self) -> None:
        """Close the source; may be called twice, and ends a `grab` that waits."""
        ...

    def grab(self) -> bytes:
        """The newest JPEG, undecoded; raises CameraError."""
        ...


def camera_module(kind: str) -> Any:
    """The module of a kind; raises KeyError for an unknown one."""
    return importlib.import_module(KINDS[kind])
