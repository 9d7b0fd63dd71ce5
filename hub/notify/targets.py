"""Kinds of targets: what a person enters for each, how much of it is shown again, and how a message goes there."""

from __future__ import annotations

import re
import secrets
import ssl
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from urllib.parse import urlsplit

from hub.notify import ntfy, through_apprise, webhook
from hub.notify.addresses import Reach
from hub.notify.message import Message
from hub.notify.post import checked_url, post
from hub.store.notify import TargetRow

KINDS = {"ntfy": "ntfy", "webhook": "Webhook", "apprise": "Apprise (e-mail and others)"}
LONGEST = 1000
_TOPIC = re.compile(r"[A-Za-z0-9_-]{1,64}")


@dataclass(frozen=True)
class Entered:
    """A checked address and the secret that goes with it."""

    address: str
    secret: str


def entered(kind: str, address: str, secret: str) -> Entered:
    """What a person entered for a new target, checked; raises ValueError in words that show nothing of it.

    `secret` is ntfy's access token. A webhook gets a fresh secret to sign with.
    """
    address, secret = address.strip(), secret.strip()
    if kind not in KINDS:
        raise ValueError(f"kind: one of {', '.join(KINDS)}")
    if (
        not 1 <= len(address) <= LONGEST
        or len(secret) > LONGEST
        or not (secret.isascii() and secret.isprintable())
    ):
        raise ValueError("the address is empty or too long, or the token holds odd characters")
    if kind == "apprise":
        through_apprise.check(address)
        return Entered(address, "")
    parts = checked_url(address)
    if kind == "webhook":
        return Entered(address, secrets.token_urlsafe(32))
    if parts.query or not _TOPIC.fullmatch(parts.path.strip("/").rpartition("/")[2]):
        raise ValueError("an ntfy address ends with the topic: https://ntfy.sh/my-topic")
    return Entered(address, secret)


def masked(row: TargetRow) -> str:
    """As much of an address as may be shown again: whose it is, but not what lets others use it."""
    parts = urlsplit(row.address)
    if row.kind == "apprise":
        return f"{parts.scheme}://..."
    return f"{parts.scheme}://{parts.hostname}/..."


class Sender:
    """Sends messages to targets, as far as `allow` (networks that the administrator allows) lets it."""

    def __init__(self, allow: Sequence[str] = (), context: ssl.SSLContext | None = None) -> None:
        self._allow, self._reach, self._context = tuple(allow), Reach(allow), context

    def send(self, row: TargetRow, message: Message) -> None:
        """Send; raises DeliveryError, whose text holds no secret."""
        if row.kind == "apprise":
            through_apprise.send(row.address, message, self._allow)
            return
        to = partial(post, self._reach, context=self._context)
        if row.kind == "ntfy":
            ntfy.send(to, row.address, row.secret, message)
        else:
            webhook.send(to, row.address, row.secret, message, time.time())
