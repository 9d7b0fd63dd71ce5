"""Real Apprise in its shut-in process, to a real SMTP server and HTTP receivers on loopback."""

import os
import sys

import pytest

from hub.notify import through_apprise
from hub.notify.addresses import Reach
from hub.notify.apprise_child import Fence, Forbidden
from hub.notify.message import DeliveryError, Item, compose
from hub.notify.through_apprise import check, redacted, send
from tests.support.processes import free_port
from tests.support.receivers import as_ntfy, mailbox, receiver

HERE = ("127.0.0.1/32",)
PICTURE = b"\xff\xd8\xff\xe0 a picture \xff\xd9"
MESSAGE = compose(
    "id",
    [Item(1, 1_700_000_000.0, "p1", "Würfel", "failing", "alarm", "failing: 99 % sure")],
    public_url="https://hub.example",
    picture=PICTURE,
    links={"pause": "https://hub.example/a/1"},
)


def test_a_mail_with_picture_and_links():
    with mailbox(free_port()) as box:
        url = f"mailto://127.0.0.1:{box.port}?from=hub@example.org&to=olivia@example.org&smtp=127.0.0.1"
        send(url, MESSAGE, HERE)
    (mail,) = box.mails
    assert mail["Subject"] == "Würfel"
    assert mail["To"] == "olivia@example.org"
    text = mail.get_body(("plain",)).get_content()
    assert "Failing: 99 % sure" in text
    assert "Pause: https://hub.example/a/1" in text
    (attached,) = mail.iter_attachments()
    assert (attached.get_content_type(), attached.get_content()) == ("image/jpeg", PICTURE)


def test_the_receiver_of_these_tests_reads_ntfy_as_another_client_writes_it():
    """Apprise's own ntfy client is independent of ours and of the receiver that ours is tested with."""
    with receiver() as server:
        send(f"ntfy://127.0.0.1:{server.port}/my-topic?mode=private", MESSAGE, HERE)
        told = [as_ntfy(each) for each in server.got]
    assert {each.topic for each in told} == {"my-topic"}
    assert "Failing: 99 % sure" in told[0].message
    assert told[0].title == "Würfel"


def test_without_permission_nothing_on_the_own_network_is_reached():
    with receiver() as server:
        with pytest.raises(DeliveryError, match="allow_private"):
            send(f"json://127.0.0.1:{server.port}/x", MESSAGE, ())
        assert server.got == []


def test_a_redirect_to_what_is_not_permitted_is_not_followed():
    with receiver() as server:
        server.answers[:] = [302]
        server.reply["Location"] = f"http://127.0.0.2:{server.port}/inner"
        with pytest.raises(DeliveryError, match="allow_private"):
            send(f"json://127.0.0.1:{server.port}/x", MESSAGE, HERE)
        assert [each.path for each in server.got] == ["/x"]


def test_a_url_that_would_send_a_file_of_the_hub_away_is_refused():
    with pytest.raises(DeliveryError, match="read a file of the hub"):
        send("discord://123456789/abcdefghijkl?template=/etc/passwd", MESSAGE, ())


def test_no_part_of_a_url_stands_in_an_error():
    url = f"mailto://olivia:Pa55%20word@127.0.0.1:{free_port()}?to=olivia@example.org&from=hub@example.org"
    with pytest.raises(DeliveryError) as caught:
        send(url, MESSAGE, HERE)
    for secret in ("Pa55", "olivia", "example.org"):
        assert secret not in str(caught.value)
    text = "could not log in olivia with Pa55 word at smtp"
    assert redacted(text, url) == "could not log in *** with *** *** at smtp"


def test_what_apprise_does_not_understand_is_told_when_it_is_entered():
    with pytest.raises(ValueError, match="does not understand"):
        check("nonsense://x")


def test_without_apprise_the_error_says_what_to_install(monkeypatch):
    program = "import sys; sys.modules['apprise'] = None; from hub.notify.apprise_child import main; sys.exit(main())"
    monkeypatch.setattr(through_apprise, "CHILD", (sys.executable, "-I", "-c", program))
    with pytest.raises(ValueError, match=r"pip install 'printwarden\[notify\]'"):
        check("json://203.0.113.1/x")


def test_a_process_that_hangs_is_a_failed_delivery(monkeypatch):
    monkeypatch.setattr(through_apprise, "TIMEOUT_S", 0.5)
    monkeypatch.setattr(through_apprise, "CHILD", (sys.executable, "-I", "-c", "import time; time.sleep(60)"))
    with pytest.raises(DeliveryError, match="in time"):
        send("json://203.0.113.1/x", MESSAGE, ())


def test_a_process_that_breaks_is_a_failed_delivery(monkeypatch):
    monkeypatch.setattr(through_apprise, "CHILD", (sys.executable, "-I", "-c", "1/0"))
    with pytest.raises(DeliveryError, match="ended without an answer"):
        send("json://203.0.113.1/x", MESSAGE, ())


# The fence


@pytest.fixture
def fence(tmp_path):
    return Fence(Reach(HERE), tmp_path)


@pytest.mark.parametrize(
    ("event", "arguments"),
    [
        ("socket.connect", (None, ("10.0.0.1", 80))),
        ("socket.connect", (None, ("localhost", 80))),
        ("socket.connect", (None, ("::1", 80, 0, 0))),
        ("socket.connect", (None, "/run/dbus/system_bus_socket")),
        ("socket.connect", (None, b"\0abstract")),
        ("socket.sendto", (None, ("192.168.1.1", 514))),
        ("open", ("/etc/passwd", "r", os.O_RDONLY)),
        ("open", ("/etc/hosts/../passwd", "r", os.O_RDONLY)),
        ("open", ("/proc/self/environ", "r", os.O_RDONLY)),
        ("open", ("hub.db", None, os.O_RDONLY)),
        ("open", ("/usr/share/x", "w", os.O_WRONLY | os.O_CREAT)),
        ("open", ("/usr/share/x", None, os.O_RDWR)),
        ("os.rename", ("/data/hub.db", "x", -1, -1)),
        ("os.rename", ("x.jpg", "/data/hub.db", -1, -1)),
        ("os.symlink", ("/etc/passwd", "x", -1)),
        ("sqlite3.connect", ("/data/hub.db",)),
        ("os.remove", ("/data/hub.db", -1)),
        ("subprocess.Popen", ("sh", ["sh"], None, None)),
        ("os.system", ("sh",)),
        ("os.exec", ("sh", [], {})),
        ("os.posix_spawn", ("sh", [], {})),
    ],
)
def test_what_the_process_may_not_do(fence, event, arguments):
    with pytest.raises(Forbidden):
        fence(event, arguments)
    assert fence.refused


def test_what_it_may_do(fence, tmp_path):
    (tmp_path / "link").symlink_to("/etc/passwd")
    fence("socket.connect", (None, ("127.0.0.1", 25)))
    fence("socket.connect", (None, ("1.1.1.1", 443)))
    fence("socket.sendto", (None, None))
    fence("open", ("/etc/hosts", "r", os.O_RDONLY))
    fence("open", (os.__file__, "rb", os.O_RDONLY))
    fence("open", (tmp_path / "printer.jpg", "wb", os.O_WRONLY | os.O_CREAT))
    fence("open", (5, "rb", 0))
    fence("import", ("anything",))
    assert not fence.refused
    with pytest.raises(Forbidden):
        fence("open", (tmp_path / "link", "r", os.O_RDONLY))
