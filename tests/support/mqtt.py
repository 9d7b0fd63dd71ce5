"""What tests of brokers share: a directory in a dict, an audit hook that remembers, and logged-in probes."""

from __future__ import annotations

import threading
from dataclasses import replace

from agent.endpoint import Endpoint
from hub.access import Kind, Principal
from hub.broker.directory import username
from hub.broker.probe import Probe
from hub.broker.settings import BrokerSettings, Limits, PlainListener

PATIENCE = 25.0
PRINTER, OTHER = "a" * 32, "b" * 32


def token(name: str) -> str:
    """The password of a user name in tests."""
    return f"token-of-{name}"


class People:
    """A directory of principals that come and go."""

    def __init__(self, *principals: Principal) -> None:
        self.known = {username(each): each for each in principals}

    def add(self, principal: Principal) -> str:
        self.known[username(principal)] = principal
        return token(username(principal))

    def authenticate(self, name: str, password: bytes) -> Principal | None:
        return self.known.get(name) if password == token(name).encode() else None

    def principal(self, name: str) -> Principal | None:
        return self.known.get(name)


HUB = Principal(Kind.HUB, "hub")
AGENT = Principal(Kind.AGENT, PRINTER)
STRANGER = Principal(Kind.AGENT, OTHER)


class Journal:
    """An audit hook that remembers, and lets a test wait for an event."""

    def __init__(self) -> None:
        self.events: list[tuple[str, str, str]] = []
        self._changed = threading.Condition()

    def __call__(self, event: str, name: str, detail: str) -> None:
        with self._changed:
            self.events.append((event, name, detail))
            self._changed.notify_all()

    def wait_for(self, event: str, name: str) -> str:
        """The detail of the first such event."""
        with self._changed:
            found = self._changed.wait_for(lambda: self._find(event, name), PATIENCE)
        assert found, f"{event} of {name!r} was not told; told were {self.events}"
        return found

    def _find(self, event: str, name: str) -> str:
        return next((detail for e, n, detail in self.events if (e, n) == (event, name)), "")


def settings(**limits) -> BrokerSettings:
    """Settings for a test: any free port on loopback."""
    return BrokerSettings(plain=PlainListener(port=0), limits=replace(Limits(), **limits))


def enter(endpoint: Endpoint, name: str, client_id: str | None = None, **options) -> Probe:
    """A logged-in connection."""
    probe = Probe(endpoint, PATIENCE)
    code = probe.connect(name, token(name), name if client_id is None else client_id, **options)
    assert code == 0, f"login of {name} was answered with {code}"
    return probe


def refused(endpoint: Endpoint, name, password, client_id="", **options) -> bool:
    """Whether a login is refused, by an answer or by ending the connection."""
    with Probe(endpoint, PATIENCE) as probe:
        try:
            return probe.connect(name, password, client_id, **options) != 0
        except ConnectionError:
            return True
