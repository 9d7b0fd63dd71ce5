"""Refusals are told, and a flood of them stays a trickle."""

from __future__ import annotations

import threading

from hub.broker.audit import AuditRelay
from tests.support.mqtt import PATIENCE, Journal


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_the_same_event_of_the_same_user_is_told_once_in_a_while():
    clock, journal = Clock(), Journal()
    relay = AuditRelay(journal, clock, pause=10)
    relay.start()
    for _ in range(5):
        relay.tell("login_refused", "x", "why")
    relay.tell("login_refused", "y", "why")
    relay.tell("publish_denied", "x", "why")
    clock.now += 10
    relay.tell("login_refused", "x", "again")
    relay.stop()
    assert journal.events == [
        ("login_refused", "x", "why"),
        ("login_refused", "y", "why"),
        ("publish_denied", "x", "why"),
        ("login_refused", "x", "again (and 4 more like it)"),
    ]
    assert relay.suppressed == 4


def test_names_and_details_are_cut():
    journal = Journal()
    relay = AuditRelay(journal, Clock())
    relay.start()
    relay.tell("login_refused", "n" * 1000, "d" * 1000)
    relay.stop()
    assert journal.events == [("login_refused", "n" * 64, "d" * 200)]


def test_telling_never_waits_for_a_slow_hook_and_remembers_a_bounded_number():
    free, begun = threading.Event(), threading.Event()

    def stuck(*_):
        begun.set()
        assert free.wait(PATIENCE)

    relay = AuditRelay(stuck, Clock())
    relay.start()
    relay.tell("e", "first", "")
    assert begun.wait(PATIENCE)
    for place in range(3000):
        relay.tell("e", str(place), "")
    assert relay.suppressed == 3000 - 256
    assert len(relay._last) <= 1025
    free.set()
    relay.stop()


def test_a_hook_that_fails_does_not_end_the_telling(caplog):
    told = []

    def hook(event, name, detail):
        told.append(name)
        if name == "bad":
            raise RuntimeError("no")

    relay = AuditRelay(hook, Clock())
    relay.start()
    relay.tell("e", "bad", "")
    relay.tell("e", "good", "")
    relay.stop()
    assert told == ["bad", "good"]
    assert "audit hook failed" in caplog.text
