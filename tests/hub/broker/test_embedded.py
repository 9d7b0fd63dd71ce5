"""Starting, stopping and TLS."""

from __future__ import annotations

import socket
import ssl
from dataclasses import replace

import pytest

from agent import topics
from agent.endpoint import Endpoint
from hub.broker.door import Door
from hub.broker.embedded import COUNTERS, BrokerError, EmbeddedBroker
from hub.broker.packets import Refusal
from hub.broker.probe import Probe
from hub.broker.settings import BrokerSettings, PlainListener, TlsListener
from hub.isolation import attack
from tests.support.certificates import Authority
from tests.support.mqtt import AGENT, HUB, PATIENCE, PRINTER, People, enter, settings, token


@pytest.fixture(scope="module")
def authority():
    return Authority()


@pytest.fixture
def secure(authority, tmp_path):
    """A broker with both listeners."""
    configured = replace(settings(connect_timeout=1.0), tls=TlsListener(host="127.0.0.1", port=0))
    context = authority.server(tmp_path)
    broker = EmbeddedBroker(configured, People(HUB, AGENT), context)
    broker.context = context
    broker.start()
    yield broker
    broker.stop()


def test_an_address_in_use_is_named():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        broker = EmbeddedBroker(BrokerSettings(plain=PlainListener(port=port)), People())
        with pytest.raises(
            BrokerError, match=f"cannot listen on 127.0.0.1:{port} \\(plain\\): Address already in use"
        ):
            broker.start()
        broker.stop()
        assert broker.ports() == {}


def test_the_second_listener_in_use_closes_the_first(authority, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        configured = replace(settings(), tls=TlsListener(host="127.0.0.1", port=taken.getsockname()[1]))
        broker = EmbeddedBroker(configured, People(), authority.server(tmp_path))
        with pytest.raises(BrokerError, match="tls"):
            broker.start()
        assert broker.ports() == {}


def test_no_listener_at_all_is_said():
    broker = EmbeddedBroker(BrokerSettings(plain=PlainListener(enabled=False)), People())
    with pytest.raises(BrokerError, match="needs a certificate"):
        broker.start()


def test_what_fails_on_the_way_up_reaches_the_caller(monkeypatch):
    async def broken(_door):
        raise RuntimeError("no amqtt")

    monkeypatch.setattr(Door, "start", broken)
    broker = EmbeddedBroker(settings(), People())
    with pytest.raises(RuntimeError, match="no amqtt"):
        broker.start()
    broker.stop()
    assert broker.ports() == {}


def test_what_fails_later_is_logged(monkeypatch, caplog):
    async def broken(_door):
        raise RuntimeError("cannot stop")

    broker = EmbeddedBroker(settings(), People())
    broker.start()
    real = broker._door._broker
    monkeypatch.setattr(Door, "stop", broken)
    broker.stop()
    assert real is not None
    assert "the broker stopped unexpectedly" in caplog.text


def test_before_start_and_after_stop_nothing_is_open(caplog):
    broker = EmbeddedBroker(settings(), People(HUB))
    broker.kick("hub")
    assert broker.metrics()["connections"] == 0
    with pytest.raises(BrokerError, match="'plain' is not open; open are none"):
        broker.endpoint()
    broker.start()
    where = broker.endpoint()
    assert broker.ports() == {"plain": where.port}
    with pytest.raises(BrokerError, match="'tls' is not open; open are plain"):
        broker.endpoint("tls")
    with Probe(where, PATIENCE) as probe:
        assert probe.connect("hub", "wrong") == Refusal.NOT_AUTHORIZED
    broker.stop()
    broker.stop()
    broker.kick("hub")
    assert "login_refused: hub" in caplog.text
    with pytest.raises(OSError, match="refused"):
        Probe(where, 1.0)


def test_metrics_name_everything_from_the_start():
    broker = EmbeddedBroker(settings(), People())
    gauges = {"connections", "half_open", "subscriptions", "retained", "audit_suppressed"}
    assert set(broker.metrics()) == set(COUNTERS) | gauges
    assert not any(broker.metrics().values())


@pytest.mark.parametrize(("host", "reached"), [("0.0.0.0", "127.0.0.1"), ("127.0.0.2", "127.0.0.2")])
def test_the_endpoint_of_every_address_is_loopback(host, reached):
    plain = PlainListener(host=host, port=0, allow_plain_beyond_loopback=True)
    broker = EmbeddedBroker(BrokerSettings(plain=plain), People(HUB))
    broker.start()
    assert broker.endpoint().host == reached
    enter(broker.endpoint(), "hub").disconnect()
    broker.stop()


def test_tls_with_the_own_authority(secure, authority):
    endpoint = secure.endpoint("tls", authority.pem)
    with enter(endpoint, "hub") as hub, enter(endpoint, PRINTER) as agent:
        hub.subscribe(topics.frame(PRINTER, "main"))
        agent.publish(topics.frame(PRINTER, "main"), bytes(900_000))
        assert len(hub.message().payload) == 900_000


def test_a_certificate_of_another_authority_is_not_believed(secure):
    endpoint = secure.endpoint("tls", Authority().pem)
    with pytest.raises(ssl.SSLCertVerificationError):
        Probe(endpoint, PATIENCE)


def test_a_renewed_certificate_is_used_for_new_connections_and_old_ones_go_on(secure, authority, tmp_path):
    endpoint = secure.endpoint("tls", authority.pem)
    with enter(endpoint, "hub") as before:
        secure.context.load_cert_chain(*authority.issue(tmp_path, "renewed"))
        with enter(endpoint, PRINTER) as after:
            before.ping()
            after.ping()
            subject = after.socket.getpeercert(binary_form=True)
    assert b"renewed" in subject


def test_p19_a_certificate_is_nobodys_name(secure, authority, tmp_path):
    """Whoever brings a certificate of our own authority still needs a credential."""
    endpoint = secure.endpoint("tls", authority.pem)
    context = endpoint.tls()
    context.load_cert_chain(*authority.issue(tmp_path, "hub"))
    raw = socket.create_connection((endpoint.host, endpoint.port), PATIENCE)
    probe = Probe.__new__(Probe)
    probe.socket, probe._buffer, probe._inbox, probe._last_id = context.wrap_socket(raw), bytearray(), [], 0
    with probe:
        assert probe.connect("hub") == Refusal.NOT_AUTHORIZED


def test_plain_and_silent_peers_on_the_tls_port_are_closed(secure):
    where = Endpoint("127.0.0.1", secure.ports()["tls"])
    with Probe(where, PATIENCE) as plain, Probe(where, PATIENCE) as silent:
        plain.send(b"\x10\x00 this is not a handshake")
        plain.wait_gone()
        silent.wait_gone()
    with enter(secure.endpoint("plain"), "hub") as hub:
        hub.ping()
    assert secure.metrics()["half_open"] == 0


def test_the_self_attack_holds_over_tls(authority, tmp_path):
    people = People()
    configured = replace(
        settings(), plain=PlainListener(enabled=False), tls=TlsListener(host="127.0.0.1", port=0)
    )
    broker = EmbeddedBroker(configured, people, authority.server(tmp_path), audit=lambda *_: None)
    broker.start()

    class Provision:
        def add(self, principal):
            return people.add(principal)

        def remove(self, name):
            people.known.pop(name, None)
            broker.kick(name)

    report = attack(broker.endpoint("tls", authority.pem), Provision())
    broker.stop()
    assert report.held, str(report)
    assert token("x")
