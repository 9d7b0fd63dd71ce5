"""A small HTTP client for printers and cameras: keep-alive, bounded in time and size, with basic, digest and bearer.

Redirects are not followed: credentials go to the address in the settings and nowhere else.
"""

from __future__ import annotations

import http.client
import json
import socket
import ssl
import threading
import time
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from agent.http_login import Login
from agent.trouble import TIMEOUTS, told

MAX_BODY = 8 * 1024 * 1024
_PIECE = 64 * 1024
_TROUBLE = (OSError, http.client.HTTPException, ValueError)  # ValueError: a key that cannot stand in a header


class HttpError(Exception):
    """No usable reply; the text says from where and why."""


@dataclass(frozen=True)
class Reply:
    """A whole reply of any status."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)

    def json(self) -> Any:
        """The body as JSON; raises HttpError if it is none."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError) as error:
            raise HttpError(f"the reply is not JSON: {error}") from error


class Client:
    """One server. Calls from several threads are carried out one after the other."""

    def __init__(
        self,
        url: str,
        *,
        login: Login | None = None,
        headers: Mapping[str, str] | None = None,
        timeout_s: float = 10.0,
        ca: str = "",
    ) -> None:
        parts = urllib.parse.urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"{url!r} is not an http:// or https:// address")
        self._secure, self._host, self._port = parts.scheme == "https", parts.hostname, parts.port
        self.path = urllib.parse.urlunsplit(("", "", parts.path, parts.query, ""))
        self.where = f"{parts.hostname}:{parts.port}" if parts.port else parts.hostname
        user, password = (
            urllib.parse.unquote(parts.username or ""),
            urllib.parse.unquote(parts.password or ""),
        )
        self._login = login if login and login.given else Login(user=user, password=password)
        self._headers = dict(headers or {})
        self._timeout, self._ca = timeout_s, ca
        self._connection: http.client.HTTPConnection | None = None
        self._lock = threading.Lock()

    def get(self, path: str, *, timeout_s: float = 0) -> Reply:
        """GET a path of this server."""
        return self.call("GET", path, timeout_s=timeout_s, repeatable=True)

    def post(self, path: str, data: Any, *, timeout_s: float = 0, repeatable: bool = False) -> Reply:
        """POST an object as JSON."""
        return self.call("POST", path, json.dumps(data).encode(), timeout_s=timeout_s, repeatable=repeatable)

    def call(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        *,
        timeout_s: float = 0,
        repeatable: bool = False,
    ) -> Reply:
        """The reply, of whatever status; raises HttpError.

        What is not `repeatable` goes over a fresh connection and is sent once, so that a connection that died while
        unused never leaves it open whether an order was carried out.
        """
        limit = timeout_s or self._timeout
        with self._lock:
            if not repeatable:
                self._close()
            while True:
                fresh = self._connection is None
                try:
                    return self._exchange(method, path, body, limit)
                except HttpError:
                    self._close()
                    raise
                except _TROUBLE as error:
                    self._close()
                    if fresh or isinstance(error, TIMEOUTS):
                        raise HttpError(told(self.where, error)) from error

    def open(self, path: str, timeout_s: float = 0) -> tuple[http.client.HTTPResponse, socket.socket]:
        """An endless reply on its own connection, and the socket that ends it when shut down; raises HttpError.

        `timeout_s` bounds each single read.
        """
        connection = self._connected(timeout_s or self._timeout)
        sock = connection.sock
        try:
            response = self._send(connection, "GET", path, None)
            if response.status == 401 and self._login.challenged(
                response.msg.get_all("WWW-Authenticate", [])
            ):
                connection.close()
                connection = self._connected(timeout_s or self._timeout)
                sock = connection.sock
                response = self._send(connection, "GET", path, None)
        except _TROUBLE as error:
            connection.close()
            raise HttpError(told(self.where, error)) from error
        return response, sock

    def close(self) -> None:
        """Close the kept connection; the client may be used again."""
        with self._lock:
            self._close()

    def _exchange(self, method: str, path: str, body: bytes | None, limit: float) -> Reply:
        until = time.monotonic() + limit
        reply = self._one(method, path, body, until)
        challenges = reply.headers.get("www-authenticate", "")
        if reply.status == 401 and self._login.challenged(challenges.split("\n")):
            reply = self._one(method, path, body, until)
        if 300 <= reply.status < 400 and reply.status != 304:
            target = reply.headers.get("location", "somewhere else")
            raise HttpError(f"{self.where} redirects to {target:.200}: put that address into the settings")
        return reply

    def _one(self, method: str, path: str, body: bytes | None, until: float) -> Reply:
        left = max(0.05, until - time.monotonic())
        if self._connection is None:
            self._connection = self._connected(left)
        elif self._connection.sock is not None:
            self._connection.sock.settimeout(left)
        response = self._send(self._connection, method, path, body)
        try:
            content = self._read(response, until)
        finally:
            response.close()
        headers: dict[str, str] = {}
        for name, value in response.getheaders():
            key = name.lower()
            headers[key] = f"{headers[key]}\n{value}" if key in headers else value
        if response.will_close:
            self._close()
        return Reply(response.status, content, headers)

    def _send(
        self, connection: http.client.HTTPConnection, method: str, path: str, body: bytes | None
    ) -> http.client.HTTPResponse:
        headers = {**self._headers, **self._login.headers(method, path)}
        if body is not None:
            headers.setdefault("Content-Type", "application/json")
        connection.request(method, path, body=body, headers=headers)
        return connection.getresponse()

    def _read(self, response: http.client.HTTPResponse, until: float) -> bytes:
        """The body within the time and size allowed, however slowly it drips."""
        pieces, length = [], 0
        while True:
            piece = response.read1(_PIECE)
            if not piece:
                break
            pieces.append(piece)
            length += len(piece)
            if length > MAX_BODY:
                raise HttpError(f"{self.where} sends more than {MAX_BODY} bytes")
            if time.monotonic() > until:
                raise HttpError(f"{self.where} is too slow")
        if response.length:
            raise http.client.IncompleteRead(b"", response.length)
        return b"".join(pieces)

    def _connected(self, limit: float) -> http.client.HTTPConnection:
        try:
            if self._secure:
                context = ssl.create_default_context(cafile=self._ca or None)
                connection: http.client.HTTPConnection = http.client.HTTPSConnection(
                    self._host, self._port, timeout=limit, context=context
                )
            else:
                connection = http.client.HTTPConnection(self._host, self._port, timeout=limit)
            connection.connect()
        except _TROUBLE as error:
            raise HttpError(told(self.where, error)) from error
        return connection

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
