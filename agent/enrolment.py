"""The agent's side of enrolment: one pasteable line in, one credential file out."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import re
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from agent.endpoint import Endpoint
from agent.private_file import write_private
from agent.seal import derive, seal_json
from agent.trouble import told

SCHEME = "printwarden://"
CODE_DIGITS = 6
POLL_S = 3.0
_TIMEOUT_S = 15
_MAX_ANSWER = 64 * 1024
_TICKET = re.compile(
    r"printwarden://(?P<host>\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+):(?P<port>[0-9]{1,5})"
    r"/(?P<identity>[0-9a-f]{16})/(?P<secret>[A-Za-z0-9_-]{32})/(?P<fingerprint>[0-9a-f]{64})"
)


class EnrolmentError(Exception):
    """The line is wrong, the hub is not the right one, or it refused; the text says which."""


class _Silent(EnrolmentError):
    """There was no answer."""


@dataclass(frozen=True)
class Ticket:
    """What the pasteable line carries. `fingerprint` is the SHA-256 of the hub's certificate."""

    host: str
    port: int
    identity: str
    secret: str
    fingerprint: str

    def __str__(self) -> str:
        return f"{SCHEME}{self.host}:{self.port}/{self.identity}/{self.secret}/{self.fingerprint}"


@dataclass(frozen=True)
class Credential:
    """What an agent keeps about one printer.

    `host`, `port` and `ca` (PEM of the authority) are the broker's; the same with `enrolment_` are those of the hub's
    own listener, where the credential is rotated. `key` is hexadecimal.
    """

    printer: str
    name: str
    host: str
    port: int
    enrolment_port: int
    token: str
    key: str
    ca: str
    enrolment_host: str
    enrolment_ca: str


def parse(line: str) -> Ticket:
    """The ticket in a pasted line; raises EnrolmentError."""
    found = _TICKET.fullmatch(line.strip())
    if not found or not 0 < int(found["port"]) < 65_536:
        raise EnrolmentError(
            "this is not an enrolment line; it begins with printwarden:// and is pasted whole"
        )
    return Ticket(**{**found.groupdict(), "port": int(found["port"])})  # type: ignore[arg-type]


def redeem(ticket: Ticket, show: Callable[[str, int], None] = lambda _code, _seconds: None) -> Credential:
    """Exchange a ticket for a credential, over TLS to exactly the certificate it names; raises EnrolmentError.

    Where the owner asked for a code, `show` is given it with the seconds it is good for, and this returns once the
    owner has confirmed it.
    """
    body = {"id": ticket.identity, "secret": ticket.secret}
    with _pinned(ticket) as connection:
        answer = _post(connection, "/enrol", body)
        credential = _received(answer, connection)
    confirm_s = answer.get("confirm_s", 0)
    if type(confirm_s) is not int or not 0 <= confirm_s <= 86_400:
        raise EnrolmentError("the hub's answer makes no sense")
    if confirm_s:
        show(code(bytes.fromhex(credential.key), ticket.identity), confirm_s)
        _await_confirmation(ticket, body, time.monotonic() + confirm_s)
    return credential


def code(key: bytes, identity: str) -> str:
    """What the agent shows and its owner confirms: made of the printer's new key, so that it travels nowhere else."""
    made = hashlib.blake2b(identity.encode(), key=derive(key, "enrol"), digest_size=8).digest()
    return f"{int.from_bytes(made, 'big') % 10**CODE_DIGITS:0{CODE_DIGITS}}"


def _await_confirmation(ticket: Ticket, body: dict[str, str], deadline: float) -> None:
    """Ask until the owner has confirmed; a hub that is silent for a while is asked again."""
    while time.monotonic() < deadline:
        time.sleep(POLL_S)
        try:
            with _pinned(ticket) as connection:
                if _post(connection, "/confirmed", body).get("confirmed") is True:
                    return
        except _Silent:
            continue
    raise EnrolmentError("nobody confirmed the code in time; ask for a new enrolment line")


def rotate(credential: Credential, now: float) -> Credential:
    """A fresh token and key for an enrolled agent; the old ones work until the new ones are used. Raises EnrolmentError."""
    endpoint = Endpoint(credential.enrolment_host, credential.enrolment_port, credential.enrolment_ca)
    key = derive(bytes.fromhex(credential.key), "rotate")
    sealed = seal_json(key, f"rotate/{credential.printer}", {"v": 1, "time": int(now)})
    connection = http.client.HTTPSConnection(
        endpoint.host, endpoint.port, timeout=_TIMEOUT_S, context=endpoint.tls()
    )
    with _closing(connection):
        answer = _post(connection, "/rotate", {"printer": credential.printer, "sealed": sealed.decode()})
        return _received(answer, connection)


def save(credential: Credential, path: Path) -> None:
    """Write a credential file that only its owner can read; raises OSError."""
    write_private(path, json.dumps(asdict(credential), indent=2))


def load(path: Path) -> Credential:
    """Read a credential file; raises EnrolmentError naming the file."""
    try:
        return _checked(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError as error:
        raise EnrolmentError(
            f"{path}: no such file; enrol first with: printwarden-agent enrol LINE"
        ) from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise EnrolmentError(f"{path}: not a credential file: {error}") from error


def _checked(data: Any) -> Credential:
    """The credential in a table; raises ValueError, KeyError or TypeError naming what is wrong."""
    data = {"enrolment_host": data["host"], "enrolment_ca": data["ca"], **data}  # older hubs had one for both
    for each in fields(Credential):
        wanted = int if each.name in ("port", "enrolment_port") else str
        if type(data[each.name]) is not wanted:
            raise TypeError(f"{each.name} must be {wanted.__name__}")
    if len(bytes.fromhex(data["key"])) != 32:
        raise ValueError("the key is damaged")
    return Credential(**{each.name: data[each.name] for each in fields(Credential)})


def _check_fingerprint(connection: Any, expected: str) -> None:
    assert isinstance(connection, (ssl.SSLSocket, socket.socket))
    certificate = connection.getpeercert(binary_form=True) if isinstance(connection, ssl.SSLSocket) else None
    found = hashlib.sha256(certificate or b"").hexdigest()
    if not hmac.compare_digest(found, expected):
        raise EnrolmentError(
            "this is not the hub that made the enrolment line: its certificate is another one"
        )


@contextmanager
def _pinned(ticket: Ticket) -> Iterator[http.client.HTTPSConnection]:
    """A connection to exactly the hub that made a ticket."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = False
    # The fingerprint in the ticket is the check, done before a byte is sent.
    context.verify_mode = ssl.CERT_NONE
    host = ticket.host.strip("[]")
    connection = http.client.HTTPSConnection(host, ticket.port, timeout=_TIMEOUT_S, context=context)
    with _closing(connection):
        connection.connect()
        _check_fingerprint(connection.sock, ticket.fingerprint)
        yield connection


@contextmanager
def _closing(connection: http.client.HTTPSConnection) -> Iterator[None]:
    """Closes a connection; one that fails is told with its address."""
    try:
        yield
    except (OSError, http.client.HTTPException) as error:
        raise _Silent(told(f"{connection.host}:{connection.port}", error)) from error
    finally:
        connection.close()


def _post(connection: http.client.HTTPSConnection, path: str, body: dict[str, str]) -> dict[str, Any]:
    """Post a request; the members of the answer, or EnrolmentError in the hub's words."""
    connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
    with connection.getresponse() as answer:
        status, text = answer.status, answer.read(_MAX_ANSWER)
    try:
        data = {**json.loads(text)}
        refused = "" if status == 200 else f"the hub refused: {data['error']}"
    except (ValueError, KeyError, TypeError) as error:
        raise EnrolmentError(f"the hub's answer (status {status}) makes no sense") from error
    if refused:
        raise EnrolmentError(refused)
    return data


def _received(data: dict[str, Any], connection: http.client.HTTPSConnection) -> Credential:
    try:
        return _checked({**data, "host": data["host"] or connection.host})
    except (ValueError, KeyError, TypeError) as error:
        raise EnrolmentError("the hub's answer makes no sense") from error
