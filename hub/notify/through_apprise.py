"""Everything that Apprise can reach, by a process that loads it only when it is used."""

from __future__ import annotations

import base64
import json
import re
import subprocess
import sys
import threading
from collections.abc import Sequence
from typing import Any
from urllib.parse import unquote, urlsplit

from hub.notify.apprise_child import LOCAL
from hub.notify.message import DeliveryError, Message

TIMEOUT_S = 45
#: Each such process takes some 65 MB while it runs.
MOST_AT_ONCE = 2
SEND_PATIENCE_S, CHECK_PATIENCE_S = 60.0, 5.0
TYPES = {"info": "info", "warning": "warning", "alarm": "failure"}
CHILD = (sys.executable, "-I", "-m", "hub.notify.apprise_child")
HIDDEN = "***"
_ROOM = threading.BoundedSemaphore(MOST_AT_ONCE)


def send(url: str, message: Message, allow: Sequence[str]) -> None:
    """Send a message; raises DeliveryError."""
    picture = base64.b64encode(message.picture).decode() if message.picture is not None else ""
    text = message.text
    for button in message.buttons:
        text += f"\n\n{button.label}: {button.url}"
    if message.link:
        text += f"\n\n{message.link}"
    job = {"title": message.title, "text": text, "type": TYPES[message.level], "picture": picture}
    error = _ask({"url": url, "allow": list(allow), **job}, SEND_PATIENCE_S)
    if error:
        raise DeliveryError(error)


def check(url: str) -> None:
    """Whether Apprise understands a URL; raises ValueError in words."""
    scheme, found, _rest = url.partition("://")
    if not found or not url.isprintable() or " " in url:
        raise ValueError("a URL of Apprise looks like mailtos://... or tgram://...")
    if scheme.lower() in LOCAL:
        raise ValueError(f"{scheme}:// means the hub's own machine, which is not offered")
    try:
        error = _ask({"url": url, "allow": [], "check": True}, CHECK_PATIENCE_S)
    except DeliveryError as failed:
        error = str(failed)
    if error:
        raise ValueError(error)


def redacted(text: str, url: str) -> str:
    """A text without anything that could be a secret of a URL: each part of it that is longer than three characters."""
    parts = {part for each in (url, unquote(url)) for part in re.split(r"[^\w.~+=-]+", each) if len(part) > 3}
    parts -= {urlsplit(url).scheme}
    for part in sorted(parts, key=len, reverse=True):
        text = text.replace(part, HIDDEN)
    return text


def _ask(job: dict[str, Any], patience_s: float) -> str:
    """What the child says went wrong, nothing when it went well; the URL never stands on a command line."""
    if not _ROOM.acquire(timeout=patience_s):
        raise DeliveryError("the hub sends much at this moment")
    try:
        done = subprocess.run(  # noqa: S603 - our own module; the URL goes in on stdin
            CHILD,
            input=json.dumps(job),
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            env={"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"},
            check=False,
        )
        answer = json.loads(done.stdout.splitlines()[-1])
    except subprocess.TimeoutExpired as error:
        raise DeliveryError("it did not answer in time") from error
    except (OSError, ValueError, IndexError) as error:
        raise DeliveryError("Apprise ended without an answer") from error
    finally:
        _ROOM.release()
    return redacted(str(answer.get("error", "")), job["url"])
