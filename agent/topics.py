"""Topic names: the one place that builds and parses them."""

from __future__ import annotations

import re
from dataclasses import dataclass

ROOT = "printwarden/v1"

PRINTER_ID = re.compile(r"[0-9a-f]{32}")
NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")


@dataclass(frozen=True)
class Topic:
    """A parsed printer topic: `printwarden/v1/<printer>/<direction>/<kind>[/<name>]`."""

    printer: str
    direction: str
    kind: str
    name: str = ""

    def __str__(self) -> str:
        tail = f"/{self.name}" if self.name else ""
        return f"{ROOT}/{self.printer}/{self.direction}/{self.kind}{tail}"


def status(printer: str) -> str:
    """Retained birth and will of a printer's agent."""
    return f"{ROOT}/{printer}/up/status"


def state(printer: str) -> str:
    """Retained snapshot of a printer."""
    return f"{ROOT}/{printer}/up/state"


def frame(printer: str, camera: str) -> str:
    """Sealed JPEG frames of one camera."""
    return f"{ROOT}/{printer}/up/frame/{camera}"


def ack(printer: str) -> str:
    """What became of a command."""
    return f"{ROOT}/{printer}/up/ack"


def command(printer: str) -> str:
    """Signed commands; only the hub writes here."""
    return f"{ROOT}/{printer}/dn/cmd"


def want(printer: str) -> str:
    """Retained wish of the hub: how often, how large."""
    return f"{ROOT}/{printer}/dn/want"


def out(printer: str, name: str) -> str:
    """What the hub tells viewers and integrations about a printer."""
    return f"{ROOT}/{printer}/out/{name}"


def intent(printer: str, credential: str) -> str:
    """Where one integration credential asks the hub to act; nobody else may write there."""
    return f"{ROOT}/{printer}/intent/{credential}"


def hub(name: str) -> str:
    """What the hub tells about itself."""
    return f"{ROOT}/hub/{name}"


def parse(topic: str) -> Topic | None:
    """The parts of a printer topic, or None if it is not one."""
    prefix, _, rest = topic.partition(f"{ROOT}/")
    parts = rest.split("/")
    if prefix or len(parts) not in (3, 4) or not PRINTER_ID.fullmatch(parts[0]) or "" in parts:
        return None
    return Topic(*parts)
