"""The agent's side of enrolment: the pasted line, the one right hub, the file that only its owner reads."""

import hashlib
import json
import os
import socket
import ssl
import threading
from dataclasses import asdict, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent import enrolment
from agent.enrolment import Credential, EnrolmentError, Ticket, code, load, parse, redeem, rotate, save
from agent.seal import derive, open_json
from tests.support.certificates import listener_tls

CREDENTIAL = Credential(
    printer="0" * 32,
    name="Prusa",
    host="hub.lan",
    port=8883,
    enrolment_port=8884,
    token="t" * 43,
    key="ab" * 32,
    ca="PEM",
    enrolment_host="hub.lan",
    enrolment_ca="PEM",
)
TICKET = Ticket("hub.lan", 8884, "0123456789abcdef", "S" * 32, "ab" * 32)

hosts = st.one_of(
    st.sampled_from(["[::1]", "[fe80::1]", "192.168.0.7", "hub.lan", "a_b-c"]),
    st.from_regex(r"[A-Za-z0-9._-]{1,20}", fullmatch=True),
)
tickets = st.builds(
    Ticket,
    host=hosts,
    port=st.integers(1, 65_535),
    identity=st.from_regex(r"[0-9a-f]{16}", fullmatch=True),
    secret=st.from_regex(r"[A-Za-z0-9_-]{32}", fullmatch=True),
    fingerprint=st.from_regex(r"[0-9a-f]{64}", fullmatch=True),
)


def problem(action, *arguments):
    with pytest.raises(EnrolmentError) as caught:
        action(*arguments)
    return str(caught.value)


# The line


@given(tickets, st.sampled_from(["", " ", "\n", "\t\r\n "]))
def test_the_line_round_trip(ticket, around):
    assert parse(f"{around}{ticket}{around}") == ticket


@pytest.mark.parametrize(
    "line",
    [
        "",
        "printwarden://",
        str(TICKET)[:-1],
        str(TICKET) + "0",
        str(TICKET) + "/",
        str(TICKET).replace("printwarden", "https"),
        str(TICKET).replace("hub.lan", "hub lan"),
        str(TICKET).replace("hub.lan", "user@hub.lan"),
        str(TICKET).replace("hub.lan", ""),
        str(TICKET).replace("8884", "0"),
        str(TICKET).replace("8884", "65536"),
        str(TICKET).replace("8884", "99999"),
        str(TICKET).replace("8884", "-1"),
        str(TICKET).replace("8884", "٨٨٨٤"),
        str(TICKET).replace("S" * 32, "S" * 31 + "+"),
        str(TICKET).replace("ab" * 32, "AB" * 32),
    ],
)
def test_a_damaged_line_is_told_before_anything_is_sent(line):
    assert "not an enrolment line" in problem(parse, line)


@given(st.text(max_size=200))
def test_any_text_is_no_line(text):
    assert "not an enrolment line" in problem(parse, text)


# The credential file


@pytest.mark.skipif(os.name != "posix", reason="file modes are POSIX")
def test_the_file_is_the_owners_alone(tmp_path):
    path = tmp_path / "c.json"
    save(CREDENTIAL, path)
    assert load(path) == CREDENTIAL
    assert path.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["c.json"]


def test_a_leftover_link_is_not_followed(tmp_path):
    """Whoever can write beside the credential file must not choose where the secret goes."""
    trap = tmp_path / "trap"
    trap.touch()
    (tmp_path / "c.json.part").symlink_to(trap)
    save(CREDENTIAL, tmp_path / "c.json")
    assert trap.read_bytes() == b""


def test_saving_again_replaces_the_old_one(tmp_path):
    save(CREDENTIAL, tmp_path / "c.json")
    newer = replace(CREDENTIAL, token="new", name="Büro")
    save(newer, tmp_path / "c.json")
    assert load(tmp_path / "c.json") == newer


def test_a_missing_file_says_how_to_enrol(tmp_path):
    assert "printwarden-agent enrol" in problem(load, tmp_path / "c.json")


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b'"x"', b"null", b"3", b"{}", b"\xff", json.dumps([asdict(CREDENTIAL)]).encode()],
)
def test_a_damaged_file_is_named(tmp_path, content):
    path = tmp_path / "c.json"
    path.write_bytes(content)
    assert problem(load, path).startswith(f"{path}: not a credential file")


@pytest.mark.parametrize("name", list(asdict(CREDENTIAL)))
@pytest.mark.parametrize("value", [None, True, 1.5, [], {}])
def test_wrong_types_in_the_file_are_named(tmp_path, name, value):
    path = tmp_path / "c.json"
    path.write_text(json.dumps({**asdict(CREDENTIAL), name: value}))
    assert name in problem(load, path)


@pytest.mark.parametrize("key", ["", "ab" * 31, "ab" * 33, "xy" * 32])
def test_a_damaged_key_is_told(tmp_path, key):
    path = tmp_path / "c.json"
    path.write_text(json.dumps({**asdict(CREDENTIAL), "key": key}))
    assert "not a credential file" in problem(load, path)


def test_a_folder_is_no_credential_file(tmp_path):
    assert "not a credential file" in problem(load, tmp_path)


# Redeeming


@pytest.fixture(scope="module")
def ours(tmp_path_factory):
    return listener_tls(tmp_path_factory.mktemp("ours"))


@pytest.fixture(scope="module")
def others(tmp_path_factory):
    return listener_tls(tmp_path_factory.mktemp("others"))


class Listener:
    """A TLS server for a connection an answer, which keeps what it was sent last and answers with fixed bytes."""

    def __init__(self, context, *answers):
        self.received = b""
        self._context, self._answers = context, answers
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._socket.settimeout(20)
        self.port = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._thread.join()
        self._socket.close()

    def _serve(self):
        for answer in self._answers:
            self._serve_one(answer)

    def _serve_one(self, answer):
        plain, _ = self._socket.accept()
        plain.settimeout(20)
        self.received = b""
        try:
            with self._context.wrap_socket(plain, server_side=True) as secured:
                while b"}" not in self.received:
                    more = secured.recv(4096)
                    if not more:
                        return
                    self.received += more
                secured.sendall(answer)
        except OSError:
            return
        finally:
            plain.close()


def answered(status, body):
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return (
        f"HTTP/1.1 {status} X\r\nContent-Length: {len(content)}\r\nConnection: close\r\n\r\n".encode()
        + content
    )


def ticket(listener, chain):
    return replace(TICKET, host="127.0.0.1", port=listener.port, fingerprint=chain.fingerprint)


def test_a_ticket_is_exchanged_for_a_credential(ours):
    with Listener(ours.context, answered(200, asdict(CREDENTIAL))) as listener:
        assert redeem(ticket(listener, ours)) == CREDENTIAL
    head, _, body = listener.received.partition(b"\r\n\r\n")
    assert head.startswith(b"POST /enrol HTTP/1.1\r\n")
    assert json.loads(body) == {"id": TICKET.identity, "secret": TICKET.secret}


def test_without_a_host_of_its_own_the_broker_is_where_the_hub_is(ours):
    answer = answered(200, {**asdict(CREDENTIAL), "host": "", "more": 1})
    with Listener(ours.context, answer) as listener:
        assert redeem(ticket(listener, ours)) == replace(CREDENTIAL, host="127.0.0.1")


def test_another_hub_gets_nothing(ours, others):
    """The fingerprint is checked before a single byte of the secret is sent."""
    with Listener(others.context, answered(200, asdict(CREDENTIAL))) as listener:
        assert "not the hub" in problem(redeem, ticket(listener, ours))
    assert listener.received == b""


def test_a_certificate_of_the_same_authority_is_not_enough(ours):
    """The ticket names one certificate, not an authority."""
    fingerprint = hashlib.sha256(ssl.PEM_cert_to_DER_cert(ours.authority)).hexdigest()
    with Listener(ours.context, b"") as listener:
        assert "not the hub" in problem(redeem, replace(ticket(listener, ours), fingerprint=fingerprint))
    assert listener.received == b""


def test_a_refusal_is_told_in_the_hubs_words(ours):
    with Listener(ours.context, answered(403, {"error": "already used"})) as listener:
        assert problem(redeem, ticket(listener, ours)) == "the hub refused: already used"


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (403, {}),
        (500, b"<html>"),
        (200, b""),
        (200, b"\xff{}"),
        (200, []),
        (200, None),
        (200, {}),
        (200, {**asdict(CREDENTIAL), "key": "ab"}),
        (200, {**asdict(CREDENTIAL), "key": 5}),
        (200, {**asdict(CREDENTIAL), "port": "8883"}),
        (200, {**asdict(CREDENTIAL), "token": None}),
        (200, {**asdict(CREDENTIAL), "host": 3}),
    ],
)
def test_an_answer_that_makes_no_sense(ours, status, body):
    with Listener(ours.context, answered(status, body)) as listener:
        assert "makes no sense" in problem(redeem, ticket(listener, ours))


@pytest.mark.parametrize("answer", [b"", b"nonsense\r\n\r\n", answered(200, {"a": 1})[:-3]])
def test_a_connection_that_breaks_is_no_answer(ours, answer):
    with Listener(ours.context, answer) as listener:
        said = problem(redeem, ticket(listener, ours))
    assert "127.0.0.1" in said or "makes no sense" in said


def test_nobody_there():
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    assert f"127.0.0.1:{port} refuses connections" in problem(
        redeem, replace(TICKET, host="127.0.0.1", port=port)
    )


def test_a_plain_server_is_no_answer():
    def serve(listening):
        connection, _ = listening.accept()
        with connection:
            connection.recv(100)
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(20)
        thread = threading.Thread(target=serve, args=(listening,))
        thread.start()
        port = listening.getsockname()[1]
        assert "does not speak TLS" in problem(redeem, replace(TICKET, host="127.0.0.1", port=port))
        thread.join()


# The code that the owner confirms

WAITS = {**asdict(CREDENTIAL), "confirm_s": 900}


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(enrolment, "POLL_S", 0.0)


def test_an_agent_shows_its_code_and_waits_until_it_is_confirmed(ours, impatient):
    shown = []
    answers = (WAITS, {"confirmed": False}, {"confirmed": True})
    with Listener(ours.context, *(answered(200, each) for each in answers)) as listener:
        assert redeem(ticket(listener, ours), lambda *told: shown.append(told)) == CREDENTIAL
    assert shown == [(code(bytes.fromhex(CREDENTIAL.key), TICKET.identity), 900)]
    head, _, body = listener.received.partition(b"\r\n\r\n")
    assert head.startswith(b"POST /confirmed HTTP/1.1\r\n")
    assert json.loads(body) == {"id": TICKET.identity, "secret": TICKET.secret}


def test_a_hub_that_is_silent_for_a_while_is_asked_again(ours, impatient):
    answers = (answered(200, WAITS), b"", answered(200, {"confirmed": True}))
    with Listener(ours.context, *answers) as listener:
        assert redeem(ticket(listener, ours)) == CREDENTIAL


def test_a_code_that_is_refused_ends_the_wait(ours, impatient):
    answers = (answered(200, WAITS), answered(403, {"error": "it is over"}))
    with Listener(ours.context, *answers) as listener:
        assert problem(redeem, ticket(listener, ours)) == "the hub refused: it is over"


def test_a_code_that_nobody_confirms_in_time(ours, impatient, monkeypatch):
    times = iter((0.0, 899.0, 901.0))
    monkeypatch.setattr(enrolment.time, "monotonic", lambda: next(times))
    answers = (answered(200, WAITS), answered(200, {"confirmed": False}))
    with Listener(ours.context, *answers) as listener:
        assert "nobody confirmed" in problem(redeem, ticket(listener, ours))


@pytest.mark.parametrize("seconds", [-1, 1.5, True, "900", None, 10**9])
def test_a_senseless_time_to_wait(ours, seconds):
    with Listener(ours.context, answered(200, {**WAITS, "confirm_s": seconds})) as listener:
        assert "makes no sense" in problem(redeem, ticket(listener, ours))


# Rotating


def enrolled(listener, chain):
    return replace(
        CREDENTIAL,
        host="broker.lan",
        enrolment_host="127.0.0.1",
        enrolment_port=listener.port,
        enrolment_ca=chain.authority,
    )


def test_a_credential_is_exchanged_for_a_fresh_one(ours):
    fresh = replace(CREDENTIAL, host="hub.lan", token="new", key="cd" * 32)
    with Listener(ours.context, answered(200, asdict(fresh))) as listener:
        assert rotate(enrolled(listener, ours), 1_700_000_000.9) == fresh
    head, _, body = listener.received.partition(b"\r\n\r\n")
    assert head.startswith(b"POST /rotate HTTP/1.1\r\n")
    sent = json.loads(body)
    key = derive(bytes.fromhex(CREDENTIAL.key), "rotate")
    opened = open_json(key, f"rotate/{CREDENTIAL.printer}", sent["sealed"].encode())
    assert opened == {"v": 1, "time": 1_700_000_000}
    assert sent["printer"] == CREDENTIAL.printer


def test_rotating_needs_a_hub_of_the_same_authority(ours, others):
    """Here the chain is the check: the hub's certificate may have been renewed since the enrolment."""
    with Listener(others.context, answered(200, asdict(CREDENTIAL))) as listener:
        assert "its certificate is not trusted" in problem(rotate, enrolled(listener, ours), 1.0)
    assert listener.received == b""


def test_a_refused_rotation_is_told_in_the_hubs_words(ours):
    with Listener(ours.context, answered(403, {"error": "its clock is wrong"})) as listener:
        assert problem(rotate, enrolled(listener, ours), 1.0) == "the hub refused: its clock is wrong"


def test_what_is_no_tls_has_no_fingerprint():
    with socket.socket() as plain, pytest.raises(EnrolmentError, match="not the hub"):
        enrolment._check_fingerprint(plain, TICKET.fingerprint)
