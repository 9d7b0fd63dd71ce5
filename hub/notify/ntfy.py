"""A message to an ntfy topic, in the form of https://docs.ntfy.sh/publish/: headers, and the picture as attachment."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping

from hub.notify.message import Message
from hub.notify.post import Refused

PRIORITIES = {"info": "3", "warning": "4", "alarm": "5"}
TAGS = {"info": "printer", "warning": "warning", "alarm": "rotating_light"}
MOST_ACTIONS = 3
LONGEST_TEXT = 3500
#: A server without attachments, or with a limit that the picture exceeds, gets the message without it.
_NO_PICTURE = (400, 413)

Post = Callable[[str, bytes, Mapping[str, str]], None]


def send(post: Post, url: str, token: str, message: Message) -> None:
    """Publish a message; raises DeliveryError."""
    text = _cut(message.text)
    headers = _headers(token, message)
    if message.picture is not None:
        named = {"Message": encoded(text), "Filename": "printer.jpg", "Content-Type": "image/jpeg"}
        try:
            post(url, message.picture, headers | named)
        except Refused as error:
            if error.status not in _NO_PICTURE:
                raise
        else:
            return
    post(url, text.encode(), headers)


def encoded(text: str) -> str:
    """Any text as the value of a header: as it is when it is plain, else as an encoded word of RFC 2047."""
    if text.isascii() and text.isprintable() and not text.startswith("=?"):
        return text
    return f"=?UTF-8?B?{base64.b64encode(text.encode()).decode()}?="


def _headers(token: str, message: Message) -> dict[str, str]:
    headers = {
        "Title": encoded(message.title),
        "Priority": PRIORITIES[message.level],
        "Tags": TAGS[message.level],
    }
    if token:
        headers["Authorization"] = f"Bearer {token}"
    if message.link:
        headers["Click"] = message.link
    if message.buttons:
        actions = [
            {"action": "view", "label": each.label, "url": each.url, "clear": True}
            for each in message.buttons[:MOST_ACTIONS]
        ]
        headers["Actions"] = json.dumps(actions)
    return headers


def _cut(text: str) -> str:
    raw = text.encode()
    return text if len(raw) <= LONGEST_TEXT else raw[:LONGEST_TEXT].decode(errors="ignore") + " ..."
