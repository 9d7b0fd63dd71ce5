"""The listener where agents redeem: a few small requests over TLS, and nothing a stranger does stalls others."""

from __future__ import annotations

import http.client
import json
import socket

import pytest

from agent.endpoint import Endpoint
from hub import enrolment_server
from hub.enrolment import EnrolmentError
from hub.enrolment_server import MAX_BODY, EnrolmentServer
from tests.support.certificates import listener_tls
from tests.support.waiting import until

GOOD = {"id": "a" * 16, "secret": "s" * 32}


@pytest.fixture(scope="module")
def tls(tmp_path_factory):
    return listener_tls(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def calls():
    return []


@pytest.fixture
def asked(calls):
    """What was redeemed in this test."""
    calls.clear()
    return calls


@pytest.fixture(scope="module")
def server(tls, calls):
    def redeem(identity, secret, now):
        calls.append((identity, secret))
        assert now > 0
        if secret == "full disk":
            raise OSError(28, "No space left on device")
        if secret == "wrong":
            raise EnrolmentError("unknown, expired or used")
        return {"printer": identity}

    routes = {"/enrol": (("id", "secret"), redeem)}
    made = EnrolmentServer("127.0.0.1", 0, tls.context, routes)
    made.start()
    yield made
    made.stop()
    made.stop()


def send(server, tls, body, *, path="/enrol", method="POST", headers=None):
    context = Endpoint("127.0.0.1", server.port, tls.authority).tls()
    connection = http.client.HTTPSConnection("127.0.0.1", server.port, timeout=30, context=context)
    try:
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def test_an_enrolment_is_redeemed(server, tls, asked):
    status, body = send(server, tls, json.dumps(GOOD))
    assert (status, json.loads(body)) == (200, {"printer": GOOD["id"]})
    assert asked == [(GOOD["id"], GOOD["secret"])]


def test_a_refusal_says_why(server, tls):
    status, body = send(server, tls, json.dumps({**GOOD, "secret": "wrong"}))
    assert (status, json.loads(body)) == (403, {"error": "unknown, expired or used"})


def test_a_problem_of_the_hub_is_told_and_logged(server, tls, caplog):
    status, body = send(server, tls, json.dumps({**GOOD, "secret": "full disk"}))
    assert status == 500
    assert "its log tells more" in json.loads(body)["error"]
    assert "/enrol could not be answered" in caplog.text
    assert send(server, tls, json.dumps(GOOD))[0] == 200


@pytest.mark.parametrize(
    "body",
    [
        "",
        "{",
        "[]",
        "null",
        '"id"',
        "{}",
        '{"id": "a"}',
        '{"id": 1, "secret": "s"}',
        '{"id": "a", "secret": null}',
        '{"id": "\\u00e9", "secret": "s"}',
        "[" * 1000,
        b"\xff\xfe",
    ],
)
def test_rubbish_is_refused_before_anything_is_asked(server, tls, asked, body):
    status, answer = send(server, tls, body)
    assert status == 400
    assert "id and secret" in json.loads(answer)["error"]
    assert asked == []


@pytest.mark.parametrize("length", ["", "x", "-1", "0", str(MAX_BODY + 1), str(10**12)])
def test_a_body_of_no_sensible_length_is_not_read(server, tls, asked, length):
    status, _ = send(server, tls, None, headers={"Content-Length": length})
    assert status == 400
    assert asked == []


@pytest.mark.parametrize("path", ["/", "/enrol/", "/enrol?x", "/../enrol", "/printers"])
def test_there_is_no_other_page(server, tls, path):
    status, body = send(server, tls, None, path=path)
    assert (status, json.loads(body)) == (404, {"error": "no such page"})


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "OPTIONS"])
def test_nothing_but_post(server, tls, asked, method):
    status, _ = send(server, tls, None, method=method)
    assert status == 501
    assert asked == []


def test_its_answer_names_no_software(server, tls):
    context = Endpoint("127.0.0.1", server.port, tls.authority).tls()
    connection = http.client.HTTPSConnection("127.0.0.1", server.port, timeout=30, context=context)
    connection.request("POST", "/enrol", json.dumps(GOOD))
    answer = connection.getresponse()
    assert answer.getheader("Server").strip() == "Printwarden"
    connection.close()


def test_plain_http_and_silence_stall_nobody(server, tls):
    """Peers that never shake hands, while another one is served."""
    with (
        socket.create_connection(("127.0.0.1", server.port)) as silent,
        socket.create_connection(("127.0.0.1", server.port)) as plain,
    ):
        plain.sendall(b"POST /enrol HTTP/1.1\r\n\r\n")
        assert send(server, tls, json.dumps(GOOD))[0] == 200
        assert silent.fileno() >= 0


def test_too_many_at_once_are_turned_away_until_there_is_room_again(tls, monkeypatch):
    monkeypatch.setattr(enrolment_server, "MAX_AT_ONCE", 2)
    server = EnrolmentServer("127.0.0.1", 0, tls.context, {"/enrol": (("id", "secret"), lambda *_: {})})
    server.start()
    held = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(2)]
    try:
        until(lambda: server._server._free._value == 0)
        with pytest.raises((OSError, http.client.HTTPException)):
            send(server, tls, json.dumps(GOOD))
        for each in held:
            each.close()
        until(lambda: server._server._free._value == 2)
        assert send(server, tls, json.dumps(GOOD))[0] == 200
    finally:
        server.stop()


def test_a_taken_port_is_named(server, tls):
    second = EnrolmentServer("127.0.0.1", server.port, tls.context, {})
    with pytest.raises(OSError, match=f"enrolment listener 127.0.0.1:{server.port}: "):
        second.start()
    second.stop()
