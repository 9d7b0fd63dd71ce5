"""A user's URL does not reach the hub's own network."""

import socket

import pytest

from hub.notify import addresses
from hub.notify.addresses import Reach, Unreachable
from tests.support.receivers import receiver

PRIVATE = (
    "127.0.0.1",
    "127.9.9.9",
    "0.0.0.0",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.20",
    "169.254.169.254",
    "100.64.0.1",
    "198.18.0.1",
    "192.0.2.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "fe80::1",
    "fe80::1%eth0",
    "fc00::1",
    "fd12::1",
    "ff02::1",
    "2001:db8::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "2002:7f00:1::",
    "2002:c0a8:101::",
    "64:ff9b::7f00:1",
    "64:ff9b::c0a8:101",
    "64:ff9b:1::a00:1",
    "2001:0:7f00:1::1",
)


@pytest.mark.parametrize("address", PRIVATE)
def test_private_addresses_are_not_reached(address):
    assert not Reach().permits(address)


@pytest.mark.parametrize("address", ["1.1.1.1", "8.8.8.8", "2606:4700::1111", "::ffff:1.1.1.1"])
def test_public_addresses_are(address):
    assert Reach().permits(address)


def test_the_administrator_may_allow_one_address_and_no_other():
    reach = Reach(["192.168.1.20/32", "fd12::/64"])
    assert reach.permits("192.168.1.20")
    assert reach.permits("::ffff:192.168.1.20")
    assert reach.permits("fd12::5")
    assert not reach.permits("192.168.1.21")


def test_a_network_with_host_bits_is_refused():
    with pytest.raises(ValueError, match="host bits"):
        Reach(["192.168.1.20/24"])


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.1", "0x7f000001", "2130706433", "[::1]"])
def test_loopback_in_any_spelling_is_refused_without_a_connection(host, monkeypatch):
    monkeypatch.setattr(addresses, "_first", lambda *_: pytest.fail("connected"))
    with pytest.raises(Unreachable, match=r"private address|not known"):
        Reach().connect(host.strip("[]"), 80, 1.0)


def names(monkeypatch, *found):
    """Let every name mean these addresses."""
    rows = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, 443)) for each in found]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: rows)


def test_a_name_with_a_private_address_beside_a_public_one_reaches_the_public_one(monkeypatch):
    names(monkeypatch, "10.0.0.1", "1.1.1.1")
    taken = []
    monkeypatch.setattr(addresses, "_first", lambda rows, _: taken.extend(each[4][0] for each in rows))
    Reach().connect("rebound.example", 443, 1.0)
    assert taken == ["1.1.1.1"]


def test_the_refusal_tells_the_way_out_and_no_address(monkeypatch):
    names(monkeypatch, "10.1.2.3")
    with pytest.raises(Unreachable, match="allow_private") as caught:
        Reach().connect("printserver.internal", 443, 1.0)
    assert "10.1.2.3" not in str(caught.value)


def test_plain_http_reaches_only_what_the_administrator_allows(monkeypatch):
    names(monkeypatch, "1.1.1.1")
    with pytest.raises(Unreachable, match="only https"):
        Reach().connect("ntfy.example", 80, 1.0, encrypted=False)


def test_a_closed_port_is_told_in_words():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(Unreachable, match="refused"):
        Reach(["127.0.0.1/32"]).connect("127.0.0.1", port, 5.0)


def test_an_allowed_one_is_connected():
    with receiver() as server, Reach(["127.0.0.1/32"]).connect("127.0.0.1", server.port, 5.0) as opened:
        assert opened.getpeername()[1] == server.port
