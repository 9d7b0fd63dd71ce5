"""A message to a webhook: JSON as docs/notifications.md describes it, signed with the target's own secret."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from hub.notify.message import Item, Message

VERSION = 1
SIGNATURE, TIMESTAMP = "X-Printwarden-Signature", "X-Printwarden-Timestamp"


def send(
    post: Callable[[str, bytes, Mapping[str, str]], None], url: str, secret: str, message: Message, now: float
) -> None:
    """Post a message; raises DeliveryError."""
    body, stamp = json.dumps(document(message, now)).encode(), str(int(now))
    headers = {
        "Content-Type": "application/json",
        TIMESTAMP: stamp,
        SIGNATURE: f"sha256={signature(secret, stamp, body)}",
    }
    post(url, body, headers)


def signature(secret: str, stamp: str, body: bytes) -> str:
    """What proves that a body was sent at a time by a hub that knows the secret."""
    return hmac.new(secret.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()


def document(message: Message, now: float) -> dict[str, Any]:
    """The message as JSON."""
    picture = None
    if message.picture is not None:
        picture = {"type": "image/jpeg", "base64": base64.b64encode(message.picture).decode()}
    return {
        "version": VERSION,
        "id": message.id,
        "sent": now,
        "level": message.level,
        "title": message.title,
        "text": message.text,
        "link": message.link or None,
        "events": [_event(each) for each in message.items],
        "actions": [asdict(each) for each in message.buttons],
        "picture": picture,
    }


def _event(item: Item) -> dict[str, Any]:
    printer = {"id": item.printer, "name": item.name} if item.printer else None
    return {
        "id": item.id,
        "t": item.t,
        "printer": printer,
        "kind": item.kind,
        "level": item.level,
        "text": item.text,
    }
