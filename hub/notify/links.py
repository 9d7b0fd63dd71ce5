"""Signed links for the buttons of a message: one action, one person, one printer, one event, once, for a while. Pure."""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass
from hashlib import blake2b

from hub.notify.message import LABELS

LIFETIME_S = 12 * 3600.0
_TOKEN = re.compile(r"([0-9]{1,18})-([a-z]{1,10})-([0-9]{1,12})-([0-9a-f]{32})")


@dataclass(frozen=True)
class Link:
    """What a link is good for. `note` is the row of the outbox it was sent with."""

    note: int
    action: str
    expires: int

    @property
    def name(self) -> str:
        """What tells this link from all others."""
        return f"{self.note}-{self.action}"


def sign(key: bytes, link: Link, *, person: str, printer: str, event: int) -> str:
    """The token of a link. Whoever changes any part of what it stands for has no valid one."""
    return f"{link.note}-{link.action}-{link.expires}-{_mac(key, link, person, printer, event)}"


def parse(token: str) -> tuple[Link, str] | None:
    """The link that a token claims to be and its signature, which is still to be verified."""
    found = _TOKEN.fullmatch(token)
    if found is None or found[2] not in LABELS:
        return None
    return Link(int(found[1]), found[2], int(found[3])), found[4]


def verified(key: bytes, link: Link, signature: str, *, person: str, printer: str, event: int) -> bool:
    """Whether a signature is ours, for this person, printer and event."""
    return hmac.compare_digest(signature, _mac(key, link, person, printer, event))


def _mac(key: bytes, link: Link, person: str, printer: str, event: int) -> str:
    text = f"{link.note}\0{link.action}\0{link.expires}\0{person}\0{printer}\0{event}"
    return blake2b(text.encode(), key=key, digest_size=16, person=b"notify-link").hexdigest()
