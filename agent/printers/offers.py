"""Cameras that a print server lists, turned into tables of the agent's settings."""

from __future__ import annotations

import ipaddress
import re
import urllib.parse
from typing import Any

from agent.printers.base import CameraOffer


def offer(
    name: str,
    snapshot: str,
    stream: str,
    server: str,
    *,
    flip_h: bool = False,
    flip_v: bool = False,
    rotate: int = 0,
) -> CameraOffer | None:
    """A snapshot camera if it can be reached from here, else the stream; None if neither is plain HTTP.

    `server` is the print server's address: relative addresses are relative to it, and a snapshot address on its
    loopback is of no use on another machine.
    """
    turned = {"flip_h": flip_h, "flip_v": flip_v, "rotate": rotate}
    for kind, address in (("snapshot", snapshot), ("mjpeg", stream)):
        url = urllib.parse.urljoin(server, address.strip()) if address else ""
        if url.startswith(("http://", "https://")) and (_local(server) or not _local(url)):
            options: dict[str, Any] = {"url": url, **{key: value for key, value in turned.items() if value}}
            return CameraOffer(camera_name(name), {"kind": kind, "options": options})
    return None


def camera_name(name: str) -> str:
    """A valid camera name that still resembles the given one."""
    return re.sub(r"[^a-z0-9_-]+", "-", name.lower()).strip("-_")[:32].strip("-_") or "camera"


def _local(url: str) -> bool:
    host = urllib.parse.urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
