"""One HTTP POST to where a user said: address checked at connect time, no redirect followed, bounded in time and size."""

from __future__ import annotations

import contextlib
import http.client
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from urllib.parse import SplitResult, urlsplit

from agent import __version__
from hub.notify.addresses import Reach, Unreachable
from hub.notify.message import DeliveryError

CONNECT_S, WHOLE_S = 5.0, 20.0
MOST_READ = 2000
LONGEST_WAIT_S = 3600.0


class Refused(DeliveryError):
    """The receiver answered with another status than success."""

    def __init__(self, status: int, wait_s: float = 0.0) -> None:
        moved = ", and redirects are not followed" if 300 <= status < 400 else ""
        words = f"it answered {status} {http.client.responses.get(status, '')}".rstrip()
        super().__init__(f"{words}{moved}", wait_s)
        self.status = status


def checked_url(text: str) -> SplitResult:
    """An http or https URL with a host and nothing odd; raises ValueError in words."""
    parts = urlsplit(text.strip())
    try:
        port = parts.port
    except ValueError:
        raise ValueError("the port of the address is no number up to 65535") from None
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        raise ValueError("an address begins with https:// and names a host")
    if parts.username is not None or parts.password is not None:
        raise ValueError("give the password or token in its own field, not in the address")
    if not text.isascii() or not text.isprintable() or " " in text.strip() or parts.fragment:
        raise ValueError("an address holds no spaces, no # and only plain characters")
    return parts


def post(
    reach: Reach, url: str, body: bytes, headers: Mapping[str, str], context: ssl.SSLContext | None = None
) -> None:
    """Post; returns when the receiver said yes. Raises DeliveryError saying why not."""
    parts = checked_url(url)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        with _connected(reach, parts, context) as connection:
            connection.putrequest("POST", target, skip_accept_encoding=True)
            sent = {"User-Agent": f"printwarden/{__version__}", "Content-Length": str(len(body)), **headers}
            for name, value in sent.items():
                connection.putheader(name, value)
            connection.endheaders(body)
            answer = connection.getresponse()
            answer.read(MOST_READ)
    except Unreachable as error:
        raise DeliveryError(str(error)) from error
    except ssl.SSLCertVerificationError as error:
        raise DeliveryError(f"its certificate is not trusted ({error.verify_message})") from error
    except ssl.SSLError as error:
        raise DeliveryError("it does not speak TLS as expected") from error
    except TimeoutError as error:
        raise DeliveryError("it did not answer in time") from error
    except (OSError, http.client.HTTPException) as error:
        raise DeliveryError("the connection broke before it answered") from error
    if not 200 <= answer.status < 300:
        raise Refused(answer.status, _wait(answer.headers.get("Retry-After", "")))


@contextmanager
def _connected(
    reach: Reach, parts: SplitResult, context: ssl.SSLContext | None
) -> Iterator[http.client.HTTPConnection]:
    """An open connection that is cut after a while, however slowly the other side drips."""
    host, encrypted = parts.hostname or "", parts.scheme == "https"
    port = parts.port or (443 if encrypted else 80)
    opened = reach.connect(host, port, CONNECT_S, encrypted=encrypted)
    handle = opened.dup()  # stays with this connection when TLS takes the socket over
    cut = threading.Timer(WHOLE_S, _shut, (handle,))
    cut.daemon = True
    cut.start()
    try:
        if encrypted:
            opened = (context or ssl.create_default_context()).wrap_socket(opened, server_hostname=host)
        connection = http.client.HTTPConnection(host, port)
        connection.sock = opened
        yield connection
    finally:
        cut.cancel()
        handle.close()
        opened.close()


def _shut(opened: socket.socket) -> None:
    with contextlib.suppress(OSError):
        opened.shutdown(socket.SHUT_RDWR)


def _wait(text: str) -> float:
    return min(float(text), LONGEST_WAIT_S) if text.isascii() and text.isdigit() and len(text) < 10 else 0.0
