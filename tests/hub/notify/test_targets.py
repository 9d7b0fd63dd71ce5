"""Messages to an ntfy-compatible server and to webhooks, as they arrive there."""

import contextlib
import json
import socket
import ssl
import threading

import pytest

from hub.notify import post as post_module
from hub.notify.message import Button, DeliveryError, Item, compose
from hub.notify.post import Refused, checked_url, post
from hub.notify.targets import Sender, entered, masked
from hub.notify.webhook import SIGNATURE, TIMESTAMP, signature
from hub.store.notify import TargetRow
from tests.support.certificates import Authority
from tests.support.receivers import LOOPBACK, as_ntfy, receiver

PICTURE = b"\xff\xd8\xff\xfe a picture \xff\xd9"
SECRET = "s3cret-of-the-target"


def row(kind, address, secret=SECRET):
    return TargetRow("t1", "olivia", kind, "phone", address, secret, "warning", True, True, False, 1.0)


def message(*texts, picture=None, links=None):
    items = [
        Item(n, 1_700_000_000.0 + n, "p1", "Würfel", "failing", "alarm", text)
        for n, text in enumerate(texts or ("failing: 99 % sure",), 1)
    ]
    return compose("t1-1-1", items, public_url="https://hub.example", picture=picture, links=links)


@pytest.fixture(scope="module")
def shared():
    with receiver() as running:
        yield running


@pytest.fixture
def server(shared):
    shared.got.clear()
    shared.answers.clear()
    shared.reply.clear()
    return shared


@pytest.fixture
def sender():
    return Sender(LOOPBACK)


# ntfy


def test_ntfy_gets_title_text_priority_and_link(server, sender):
    sender.send(row("ntfy", server.url("my-topic")), message())
    got = as_ntfy(server.got[0])
    assert (got.topic, got.title, got.message) == ("my-topic", "Würfel", "Failing: 99 % sure")
    assert (got.priority, got.tags) == (5, ["rotating_light"])
    assert got.click == "https://hub.example/p/p1"
    assert got.token == f"Bearer {SECRET}"
    assert got.attachment is None


def test_ntfy_gets_the_picture_with_a_text_of_several_lines(server, sender):
    sender.send(row("ntfy", server.url("t")), message("first ä", "second", picture=PICTURE))
    got = as_ntfy(server.got[0])
    assert got.attachment == PICTURE
    assert [line[6:] for line in got.message.splitlines()] == ["First ä", "Second"]


def test_ntfy_gets_buttons_that_open_a_page(server, sender):
    links = {"pause": "https://hub.example/a/1", "dismiss": "https://hub.example/a/2"}
    sender.send(row("ntfy", server.url("t")), message(links=links))
    assert as_ntfy(server.got[0]).actions == [
        {"action": "view", "label": "Pause", "url": links["pause"], "clear": True},
        {"action": "view", "label": "False alarm", "url": links["dismiss"], "clear": True},
    ]


@pytest.mark.parametrize("status", [400, 413])
def test_an_ntfy_server_without_attachments_gets_the_message_all_the_same(server, sender, status):
    server.answers[:] = [status]
    sender.send(row("ntfy", server.url("t")), message(picture=PICTURE))
    assert [as_ntfy(each).attachment for each in server.got] == [PICTURE, None]
    assert as_ntfy(server.got[1]).message == "Failing: 99 % sure"


def test_a_header_cannot_be_smuggled_in(server, sender):
    items = [Item(1, 1.0, "p", "x\r\nAuthorization: none", "failing", "alarm", "bad")]
    sender.send(row("ntfy", server.url("t")), compose("i", items))
    assert as_ntfy(server.got[0]).title == "x\r\nAuthorization: none"
    assert server.got[0].headers["authorization"] == f"Bearer {SECRET}"


# Webhook


def test_a_webhook_gets_signed_json(server, sender):
    links = {"pause": "https://hub.example/a/1"}
    sender.send(row("webhook", server.url("hook?x=1")), message(picture=PICTURE, links=links))
    (got,) = server.got
    body = json.loads(got.body)
    assert got.path == "/hook?x=1"
    assert got.headers["content-type"] == "application/json"
    stamp = got.headers[TIMESTAMP.lower()]
    assert got.headers[SIGNATURE.lower()] == f"sha256={signature(SECRET, stamp, got.body)}"
    assert body["events"] == [
        {
            "id": 1,
            "t": 1_700_000_001.0,
            "printer": {"id": "p1", "name": "Würfel"},
            "kind": "failing",
            "level": "alarm",
            "text": "failing: 99 % sure",
        }
    ]
    assert body["actions"] == [{"action": "pause", "label": "Pause", "url": links["pause"]}]
    assert body["picture"]["type"] == "image/jpeg"
    assert (body["version"], body["level"], body["id"]) == (1, "alarm", "t1-1-1")


def test_a_signature_fits_neither_another_body_nor_another_time():
    right = signature(SECRET, "100", b"{}")
    assert right != signature(SECRET, "101", b"{}")
    assert right != signature(SECRET, "100", b"{ }")
    assert right != signature("other", "100", b"{}")


# What goes wrong


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_redirects_are_not_followed(server, sender, status):
    server.answers[:] = [status]
    server.reply["Location"] = server.url("elsewhere")
    with pytest.raises(DeliveryError, match="redirects are not followed"):
        sender.send(row("webhook", server.url("hook")), message())
    assert [each.path for each in server.got] == ["/hook"]


def test_a_refusal_tells_the_status_and_how_long_to_wait(server, sender):
    server.answers[:] = [429]
    server.reply["Retry-After"] = "120"
    with pytest.raises(Refused, match="429 Too Many Requests") as caught:
        sender.send(row("webhook", server.url("hook")), message())
    assert caught.value.wait_s == 120


def test_without_permission_nothing_is_sent(server):
    with pytest.raises(DeliveryError, match="allow_private"):
        Sender().send(row("webhook", server.url("hook")), message())
    assert server.got == []


def test_one_that_drips_is_cut(monkeypatch):
    """Each byte comes in time, the whole answer never does."""
    monkeypatch.setattr(post_module, "WHOLE_S", 0.3)
    stopping = threading.Event()

    def drip(listener):
        opened, _ = listener.accept()
        with opened:
            while not stopping.wait(0.02):
                try:
                    opened.sendall(b"H")
                except OSError:
                    return

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=drip, args=(listener,))
        thread.start()
        with pytest.raises(DeliveryError):
            post(Sender(LOOPBACK)._reach, f"http://127.0.0.1:{listener.getsockname()[1]}/", b"", {})
        stopping.set()
        thread.join()


def test_a_certificate_that_nobody_trusts_is_refused(server, tmp_path):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*Authority().issue(tmp_path))
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve():
            opened, _ = listener.accept()
            with opened, contextlib.suppress(OSError):
                context.wrap_socket(opened, server_side=True)

        thread = threading.Thread(target=serve)
        thread.start()
        url = f"https://127.0.0.1:{listener.getsockname()[1]}/"
        with pytest.raises(DeliveryError, match="not trusted"):
            Sender(LOOPBACK).send(row("webhook", url), message())
        thread.join()


# What people enter


@pytest.mark.parametrize(
    ("kind", "address"),
    [
        ("ntfy", "ftp://ntfy.sh/topic"),
        ("ntfy", "https:///topic"),
        ("ntfy", "https://ntfy.sh/"),
        ("ntfy", "https://ntfy.sh/to pic"),
        ("ntfy", "https://ntfy.sh/topic?auth=abc"),
        ("webhook", "https://user:password@example.org/"),
        ("webhook", "https://example.org:99999/"),
        ("webhook", "https://example.org:0/"),
        ("webhook", "https://example.org/\r\nX: y"),
        ("webhook", "https://example.org/#part"),
        ("webhook", "file:///etc/passwd"),
        ("webhook", ""),
        ("webhook", "https://example.org/" + "x" * 1000),
        ("gopher", "https://example.org/"),
        ("apprise", "syslog://"),
        ("apprise", "dbus://"),
        ("apprise", "not a url"),
    ],
)
def test_what_cannot_be_a_target_is_refused_without_showing_it(kind, address):
    with pytest.raises(ValueError, match=r".") as caught:
        entered(kind, address, "")
    assert "password" not in str(caught.value).replace("password or token", "")


def test_a_webhook_gets_its_own_secret_and_ntfy_keeps_its_token():
    assert len(entered("webhook", "https://example.org/", "mine").secret) > 40
    assert entered("ntfy", " https://ntfy.sh/topic ", "tk_1") == entered(
        "ntfy", "https://ntfy.sh/topic", "tk_1"
    )


@pytest.mark.parametrize(
    ("kind", "address", "shown"),
    [
        ("ntfy", "https://ntfy.sh/my-secret-topic", "https://ntfy.sh/..."),
        ("webhook", "https://hooks.example/services/T0/B0/xyz", "https://hooks.example/..."),
        ("apprise", "tgram://123456:abcdef/42", "tgram://..."),
        ("apprise", "mailtos://me:pw@example.org", "mailtos://..."),
    ],
)
def test_an_address_is_shown_without_its_secrets(kind, address, shown):
    assert masked(row(kind, address)) == shown


def test_an_address_with_a_host_is_taken_apart():
    assert checked_url("https://ntfy.sh:8443/t").port == 8443


# Many at once


def test_many_items_become_one_readable_message():
    items = [
        Item(n, n, f"p{n % 4}", f"Printer {n % 4}", "not_watched", "alarm", f"text {n}") for n in range(200)
    ]
    made = compose("id", items)
    assert made.title == "Printer 0, Printer 1, Printer 2 and 1 more: 200 messages"
    assert made.text.splitlines()[-1] == "and 170 more"
    assert len(made.items) == 200


def test_a_button_belongs_to_an_action():
    assert message(links={"pause": "u"}).buttons == (Button("pause", "Pause", "u"),)
