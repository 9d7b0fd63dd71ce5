"""What cameras reached over HTTP share: their settings and what a reply says about the picture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from agent.camera.base import CameraError
from agent.camera.orient import Orientation
from agent.http_client import Client
from agent.http_login import SCHEMES, Login


@dataclass(frozen=True)
class HttpSettings(Orientation):
    """`auth` is auto, basic, digest or bearer; auto does what the camera asks for, bearer when there is a token."""

    url: str = ""
    user: str = ""
    password: str = ""
    token: str = ""
    auth: str = "auto"
    ca: str = ""
    timeout_s: float = 10.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.auth not in SCHEMES:
            raise ValueError(f"auth must be one of {', '.join(SCHEMES)}")
        if self.auth == "bearer" and not self.token:
            raise ValueError("auth = 'bearer' needs a token")
        if self.timeout_s <= 0:
            raise ValueError("timeout_s must be more than 0")
        self.client()

    def client(self) -> Client:
        """A client for the camera's address; raises ValueError for what is none."""
        login = Login(self.user, self.password, self.token, self.auth)
        return Client(self.url, login=login, timeout_s=self.timeout_s, ca=self.ca)


def check_status(status: int, where: str) -> None:
    """Raise CameraError for every status but 200."""
    if status == 401:
        raise CameraError("offline", f"{where} refuses the login: check user, password or token")
    if status == 403:
        raise CameraError("offline", f"{where} forbids it: the login lacks a right")
    if status != 200:
        raise CameraError("offline", f"{where} answers with HTTP status {status}")


def check_signal(headers: Mapping[str, str]) -> None:
    """Raise CameraError when ustreamer says that its picture is only a sign saying NO SIGNAL."""
    if headers.get("x-ustreamer-online", "").strip().lower() == "false":
        raise CameraError("no_signal", "ustreamer runs, but its camera gives no picture")
