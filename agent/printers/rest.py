"""What drivers of printers with an HTTP interface share: calls that raise PrinterError, and careful reading of JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from agent.http_client import Client, HttpError, Reply
from agent.http_login import Login
from agent.printers.base import PrinterError


class Rest:
    """One printer's server; `name` is what errors call it."""

    def __init__(
        self,
        name: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        login: Login | None = None,
        timeout_s: float = 10.0,
        ca: str = "",
    ) -> None:
        self.name, self.url = name, url.rstrip("/") + "/"
        self._client = Client(url, headers=headers, login=login, timeout_s=timeout_s, ca=ca)
        self._prefix = self._client.path.rstrip("/")

    def close(self) -> None:
        """Close the kept connection."""
        self._client.close()

    def call(
        self,
        method: str,
        path: str,
        data: Any = None,
        *,
        timeout_s: float = 0,
        repeatable: bool | None = None,
    ) -> Reply:
        """A reply of any status; `path` is relative to the printer's address.

        What is `repeatable`, by default a GET, may be sent a second time when a kept connection turns out dead.
        """
        path = f"{self._prefix}/{path}"
        try:
            if method == "POST":
                return self._client.post(path, data, timeout_s=timeout_s, repeatable=bool(repeatable))
            again = method == "GET" if repeatable is None else repeatable
            return self._client.call(method, path, timeout_s=timeout_s, repeatable=again)
        except HttpError as error:
            raise PrinterError(f"{self.name}: {error}") from error

    def get(self, path: str) -> dict[str, Any]:
        """The JSON object at a path."""
        return self.parsed(self.checked(self.call("GET", path), f"tell {path}"))

    def checked(self, reply: Reply, what: str) -> Reply:
        """The reply if it tells of success."""
        if reply.status in (401, 403):
            raise PrinterError(
                f"{self.name} refuses to {what}: the key or password is wrong or lacks the right"
            )
        if reply.status == 409:
            raise PrinterError(f"{self.name} cannot {what} in its present state")
        if not 200 <= reply.status < 300:
            raise PrinterError(f"{self.name} cannot {what}: HTTP status {reply.status}")
        return reply

    def content(self, reply: Reply) -> Any:
        """The JSON in a reply."""
        try:
            return reply.json()
        except HttpError as error:
            raise PrinterError(f"{self.name}: {error}") from error

    def parsed(self, reply: Reply) -> dict[str, Any]:
        """The JSON object in a reply."""
        content = self.content(reply)
        if not isinstance(content, dict):
            raise PrinterError(f"{self.name}: the reply is not a JSON object")
        return content


def table(data: Any, *path: str) -> dict[str, Any]:
    """The object at a path inside JSON, {} where there is none."""
    for name in path:
        data = data.get(name) if isinstance(data, dict) else None
    return data if isinstance(data, dict) else {}


def rows(data: Any) -> list[dict[str, Any]]:
    """The objects in a JSON list, [] if it is none."""
    return [each for each in data if isinstance(each, dict)] if isinstance(data, list) else []


def text(value: Any, longest: int = 200) -> str:
    """A JSON string or number as text, "" for everything else."""
    plain = isinstance(value, (str, int, float)) and not isinstance(value, bool)
    return str(value)[:longest] if plain else ""


def number(value: Any, least: float = -1e9, greatest: float = 1e9) -> float | None:
    """A JSON number within bounds, None for everything else; text that is a number counts."""
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        return None
    return min(max(float(value), least), greatest)


def whole(value: Any) -> int | None:
    """A JSON number of at least 0 as a whole one."""
    found = number(value)
    return None if found is None or found < 0 else int(found)


def one_line(message: str, longest: int = 60) -> str:
    """Text that can stand in a line of G-code."""
    return " ".join(message.split()).replace(";", ",").replace('"', "'")[:longest]
