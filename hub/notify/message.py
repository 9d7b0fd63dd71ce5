"""What is sent: one event, or several that came together, with picture, link and buttons. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from hub.notify.rules import rank

MOST_LINES, LONGEST_LINE = 30, 300
#: What may be done about an event, best first.
ACTIONS = {
    "suspected": ("pause", "dismiss"),
    "failing": ("pause", "dismiss"),
    "moved": ("pause", "dismiss"),
    "pause_failed": ("pause",),
    "paused": ("resume", "dismiss"),
}
LABELS = {"pause": "Pause", "resume": "Resume", "dismiss": "False alarm"}


class DeliveryError(Exception):
    """A message did not get through. The text is for whoever entered the target and holds no secret of it.

    `wait_s`: the receiver asked not to be tried again before that.
    """

    def __init__(self, text: str, wait_s: float = 0.0) -> None:
        super().__init__(text)
        self.wait_s = wait_s


@dataclass(frozen=True)
class Item:
    """One event as it is told. `printer` is empty for what is about no printer."""

    id: int
    t: float
    printer: str
    name: str
    kind: str
    level: str
    text: str


@dataclass(frozen=True)
class Button:
    """Something that can be done about it, and where that is confirmed."""

    action: str
    label: str
    url: str


@dataclass(frozen=True)
class Message:
    """One message. When it is sent again, perhaps with more items, those it had keep their `id`."""

    id: str
    title: str
    text: str
    level: str
    items: tuple[Item, ...]
    picture: bytes | None = None
    buttons: tuple[Button, ...] = ()
    link: str = ""


def newest(items: Sequence[Item]) -> Item:
    """The item that matters most: of the highest level, the newest."""
    return max(items, key=lambda each: (rank(each.level), each.id))


def compose(
    identity: str,
    items: Sequence[Item],
    *,
    public_url: str = "",
    picture: bytes | None = None,
    links: Mapping[str, str] | None = None,
) -> Message:
    """One message of one or several items, oldest first; `links` holds the address of each action."""
    first = newest(items)
    printers = {each.printer for each in items}
    names = list(dict.fromkeys(each.name for each in items))
    if len(items) == 1:
        title, text = first.name, _sentence(first.text)
    else:
        shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
        title, text = f"{shown}: {len(items)} messages", _lines(items, named=len(names) > 1)
    page = f"/p/{first.printer}" if first.printer and len(printers) == 1 else "/"
    return Message(
        id=identity,
        title=title,
        text=text,
        level=first.level,
        items=tuple(items),
        picture=picture,
        buttons=tuple(Button(action, LABELS[action], url) for action, url in (links or {}).items()),
        link=f"{public_url}{page}" if public_url else "",
    )


def _lines(items: Sequence[Item], *, named: bool) -> str:
    """One line an item; of too many the most important ones, and how many there are besides."""
    kept = sorted(items, key=lambda each: (-rank(each.level), -each.id))[:MOST_LINES]
    lines = [_line(each, named=named) for each in sorted(kept, key=lambda each: (each.t, each.id))]
    if len(items) > len(kept):
        lines.append(f"and {len(items) - len(kept)} more")
    return "\n".join(lines)


def _line(item: Item, *, named: bool) -> str:
    clock = f"{datetime.fromtimestamp(item.t).astimezone():%H:%M}"
    text = f"{item.name}: {item.text}" if named else _sentence(item.text)
    return f"{clock} {text}"[:LONGEST_LINE]


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}"[:1000]
