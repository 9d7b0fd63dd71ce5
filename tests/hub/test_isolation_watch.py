"""When the hub attacks itself, and what follows."""

import threading

import pytest

from hub import isolation_watch
from hub.isolation import Finding, Report
from hub.isolation_watch import IsolationError, IsolationWatch

GOOD = Report((Finding("publish", held=True, detail="refused"),))
BAD = Report((Finding("publish", held=False, detail="a message got through"),))


class Attacks:
    """Plays a list of reports; an exception in it is raised."""

    def __init__(self, *outcomes):
        self.outcomes, self.alarms = list(outcomes), []
        self.alarmed, self.done = threading.Event(), threading.Event()
        self.watch = IsolationWatch(self.attack, self.alarm)

    def attack(self):
        outcome = self.outcomes.pop(0)
        if not self.outcomes:
            self.done.set()
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def alarm(self, text):
        self.alarms.append(text)
        self.alarmed.set()


def test_it_does_not_start_when_something_gets_through():
    attacks = Attacks(BAD)
    with pytest.raises(IsolationError, match="a message got through"):
        attacks.watch.start()
    assert attacks.alarms == ["publish: a message got through"]
    assert not attacks.watch.held


@pytest.mark.parametrize("outcome", [BAD, OSError("no broker")])
def test_a_failure_after_a_change_raises_the_alarm(monkeypatch, outcome):
    """Also an attack that cannot be run: nothing was proved."""
    monkeypatch.setattr(isolation_watch, "AFTER_CHANGE_S", 0.01)
    attacks = Attacks(GOOD, outcome)
    attacks.watch.start()
    assert attacks.watch.held
    attacks.watch.soon()
    assert attacks.alarmed.wait(20)
    attacks.watch.stop()
    assert not attacks.watch.held


def test_it_recovers_when_the_attack_fails_again(monkeypatch):
    monkeypatch.setattr(isolation_watch, "AFTER_CHANGE_S", 0.01)
    attacks = Attacks(GOOD, BAD, GOOD)
    attacks.watch.start()
    attacks.watch.soon()
    assert attacks.alarmed.wait(20)
    attacks.watch.soon()
    assert attacks.done.wait(20)
    attacks.watch.stop()
    assert attacks.watch.held


def test_stopping_does_not_wait_for_the_timer():
    attacks = Attacks(GOOD)
    attacks.watch.start()
    attacks.watch.stop()
    assert attacks.outcomes == []
