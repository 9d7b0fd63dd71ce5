"""The HTTP client: logins, keep-alive, bounds, and that orders are never sent twice."""

import base64
import socket
import threading

import pytest

from agent.http_client import Client, HttpError
from agent.http_login import Login
from tests.support.digest import digest_server
from tests.support.web import serve

REALM, USER, PASSWORD = "Printer API", "maker", 'p:ä"ss'


def guarded(algorithm="MD5", **options):
    """A server that answers "in" behind a digest login."""
    return digest_server(lambda request: request.reply(200, b"in"), USER, PASSWORD, algorithm, **options)


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
@pytest.mark.parametrize("qop", ["auth", ""])
def test_digest(algorithm, qop):
    with serve(guarded(algorithm, qop=qop)) as url:
        client = Client(url, login=Login(USER, PASSWORD))
        assert [client.get(f"/a?b={number}").body for number in range(3)] == [b"in"] * 3
        assert client.call("PUT", "/order").body == b"in"
        client.close()


def test_digest_goes_on_when_the_nonce_is_used_up():
    with serve(guarded(uses=2)) as url:
        client = Client(url, login=Login(USER, PASSWORD))
        assert [client.get("/").status for _ in range(7)] == [200] * 7
        client.close()


def test_a_wrong_password_is_tried_once():
    seen = []
    good = guarded()

    def answer(request):
        seen.append("Authorization" in request.headers)
        good(request)

    with serve(answer) as url:
        client = Client(url, login=Login(USER, "wrong"))
        assert client.get("/").status == 401
        assert seen == [False, True]
        client.close()


def basic_server(request):
    wanted = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    if request.headers.get("Authorization") == wanted:
        return request.reply(200, b"in")
    return request.reply(401, b"", {"WWW-Authenticate": f'Basic realm="{REALM}"'})


def test_basic_when_asked_and_at_once():
    with serve(basic_server) as url:
        for login in (Login(USER, PASSWORD), Login(USER, PASSWORD, scheme="basic")):
            client = Client(url, login=login)
            assert client.get("/").body == b"in"
            client.close()
        in_url = url.replace("//", f"//{USER}:p%3A%C3%A4%22ss@")
        client = Client(in_url)
        assert client.get("/").body == b"in"
        assert client.where not in PASSWORD
        client.close()


def test_digest_by_choice_never_sends_the_password():
    """Somebody in between who offers basic must not get the password."""
    with serve(basic_server) as url:
        client = Client(url, login=Login(USER, PASSWORD, scheme="digest"))
        assert client.get("/").status == 401
        client.close()


def test_digest_is_taken_from_several_offers():
    login = Login(USER, PASSWORD)
    assert login.challenged([f'Basic realm="a, Digest b", Digest realm="{REALM}", nonce="n", qop="auth"'])
    assert login.headers("GET", "/")["Authorization"].startswith("Digest ")
    assert not Login(USER, PASSWORD).challenged(['Digest realm="x", nonce="n", algorithm=MAGIC'])


def test_bearer():
    def answer(request):
        request.reply(200 if request.headers.get("Authorization") == "Bearer abc" else 401)

    with serve(answer) as url:
        client = Client(url, login=Login(token="abc"))
        assert client.get("/").status == 200
        client.close()


def test_redirects_are_told_and_not_followed():
    with serve(lambda request: request.reply(302, b"", {"Location": "http://elsewhere.invalid/x"})) as url:
        client = Client(url, login=Login(token="secret"))
        with pytest.raises(HttpError, match=r"redirects to http://elsewhere\.invalid/x"):
            client.get("/")
        client.close()


def dying_server(handle):
    """Accepts connections one after the other and lets `handle` treat each."""
    server = socket.create_server(("127.0.0.1", 0))

    def run():
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            with connection:
                handle(connection)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()

    def stop():
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        thread.join()

    return f"http://127.0.0.1:{server.getsockname()[1]}", stop


def test_a_kept_connection_that_died_is_opened_again_for_a_read_only():
    """The server forgets each connection after one answer without saying so; an order must arrive exactly once."""
    seen = []

    def handle(connection):
        seen.append(connection.recv(65536).split(b" ")[0])
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    url, stop = dying_server(handle)
    client = Client(url)
    assert [client.get("/").body for _ in range(3)] == [b"ok"] * 3
    assert client.post("/order", {}).body == b"ok"
    assert seen == [b"GET"] * 3 + [b"POST"]
    client.close()
    stop()


def test_an_order_whose_connection_breaks_is_not_repeated():
    seen = []
    url, stop = dying_server(lambda connection: seen.append(connection.recv(65536)))
    client = Client(url)
    with pytest.raises(HttpError, match="closed the connection"):
        client.post("/order", {})
    assert len(seen) == 1
    stop()


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        (b"Not found\n", "does not speak HTTP"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort", "IncompleteRead"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n", "more than"),
        (b"", "closed the connection"),
    ],
)
def test_broken_answers_are_one_error(sent, told):
    def handle(connection):
        connection.recv(65536)
        connection.sendall(sent)

    url, stop = dying_server(handle)
    with pytest.raises(HttpError, match=told):
        Client(url).get("/")
    stop()


def test_a_dripping_answer_ends_in_time():
    leave = threading.Event()

    def handle(connection):
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        try:
            while not leave.wait(0.05):
                connection.sendall(b"x")
        except OSError:
            pass

    url, stop = dying_server(handle)
    with pytest.raises(HttpError, match="too slow"):
        Client(url, timeout_s=0.4).get("/")
    leave.set()
    stop()


def test_silence_ends_in_time():
    leave = threading.Event()
    url, stop = dying_server(lambda connection: leave.wait(20))
    with pytest.raises(HttpError, match="does not answer in time"):
        Client(url, timeout_s=0.2).get("/")
    leave.set()
    stop()


def test_nobody_there():
    with serve(lambda request: None) as url:
        pass
    with pytest.raises(HttpError, match="refuses connections"):
        Client(url).get("/")


@pytest.mark.parametrize("key", ["two\nlines", "schlüssel\u20ac"])
def test_a_key_that_cannot_be_sent_is_one_error_too(key):
    with serve(lambda request: request.reply(200)) as url:
        client = Client(url, headers={"X-Api-Key": key})
        with pytest.raises(HttpError):
            client.get("/")
        with pytest.raises(HttpError):
            client.open("/")


def test_a_certificate_file_that_is_not_there():
    client = Client("https://127.0.0.1:1/", ca="/there/is/none.pem")
    for ask in (client.get, client.open):
        with pytest.raises(HttpError, match="No such file"):
            ask("/")


def test_an_address_must_be_http():
    for url in ("", "ftp://x/", "http://", "printer.local"):
        with pytest.raises(ValueError, match="is not an http"):
            Client(url)


def test_a_reply_that_is_no_json():
    with serve(lambda request: request.reply(200, b"<html>")) as url:
        client = Client(url)
        with pytest.raises(HttpError, match="not JSON"):
            client.get("/").json()
        client.close()
