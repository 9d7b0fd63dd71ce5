"""What receives notifications: any HTTP server on loopback, one that reads requests as ntfy does, and real SMTP."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.header import decode_header
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from aiosmtpd.controller import Controller

LOOPBACK = ("127.0.0.0/8",)


@dataclass(frozen=True)
class Received:
    """One request."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    """A server that keeps what it gets. `answers` are the next statuses, then 200; `reply` are headers of answers."""

    port: int = 0
    got: list[Received] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    reply: dict[str, str] = field(default_factory=dict)
    #: Set: requests wait for it before they are answered.
    gate: threading.Event | None = None

    def url(self, path: str = "") -> str:
        return f"http://127.0.0.1:{self.port}/{path}"


@contextmanager
def receiver() -> Iterator[Receiver]:
    """A running receiver."""
    kept = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            kept.got.append(Received(self.path, headers, body))
            if kept.gate is not None:
                kept.gate.wait(20)
            self.send_response(kept.answers.pop(0) if kept.answers else 200)
            for name, value in kept.reply.items():
                self.send_header(name, value)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        do_PUT = do_POST  # noqa: N815 - the name is the base class's

        def log_message(self, *_arguments: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        kept.port = server.server_port
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield kept
        finally:
            if kept.gate is not None:
                kept.gate.set()
            server.shutdown()
            thread.join()


@dataclass(frozen=True)
class Ntfy:
    """A message as an ntfy server makes it of a request; see https://docs.ntfy.sh/publish/."""

    topic: str
    title: str
    message: str
    priority: int
    tags: list[str]
    click: str
    actions: list[dict]
    attachment: bytes | None
    token: str


def as_ntfy(request: Received) -> Ntfy:
    """Read a request by ntfy's rules: JSON to the root, or headers or parameters with a text or a file as body."""
    if urlsplit(request.path).path == "/":
        body = json.loads(request.body)
        return Ntfy(
            body["topic"],
            body.get("title", ""),
            body.get("message", ""),
            body.get("priority", 3),
            body.get("tags", []),
            body.get("click", ""),
            body.get("actions", []),
            None,
            request.headers.get("authorization", ""),
        )

    asked = urlsplit(request.path)
    query = {name: values[0] for name, values in parse_qs(asked.query).items()}

    def header(*names: str) -> str:
        """A header by any of its names, or a parameter of the query."""
        given = request.headers | query
        return next((given[name] for name in names if name in given), "")

    message = _decoded(header("x-message", "message", "m").replace("\\n", "\n"))
    filename = header("x-filename", "filename", "file", "f")
    text = "" if filename else request.body.decode().strip()
    return Ntfy(
        topic=asked.path.strip("/"),
        title=_decoded(header("x-title", "title", "t")),
        message=text or message,
        priority=int(header("x-priority", "priority", "prio", "p") or 3),
        tags=header("x-tags", "tags", "tag", "ta").split(","),
        click=header("x-click", "click"),
        actions=json.loads(header("x-actions", "actions", "action") or "[]"),
        attachment=request.body if filename else None,
        token=header("authorization"),
    )


def _decoded(text: str) -> str:
    parts = decode_header(text)
    return "".join(part.decode(kind or "ascii") if isinstance(part, bytes) else part for part, kind in parts)


class Mailbox:
    """Keeps the mails a server gets."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.port = 0

    async def handle_DATA(self, _server, _session, envelope) -> str:  # noqa: N802 - the name is aiosmtpd's
        self.mails.append(BytesParser(policy=default).parsebytes(envelope.content))
        return "250 OK"


@contextmanager
def mailbox(port: int) -> Iterator[Mailbox]:
    """A real SMTP server on loopback."""
    kept = Mailbox()
    kept.port = port
    controller = Controller(kept, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        yield kept
    finally:
        controller.stop()
