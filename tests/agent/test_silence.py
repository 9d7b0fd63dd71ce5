"""The hub's silence counts only while this agent was awake to hear it."""

from __future__ import annotations

from agent.silence import LONGEST_STEP_S, Silence


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


def test_silence_grows_from_the_start_and_a_sign_of_life_ends_it():
    clock = Clock()
    silence = Silence(clock)
    clock.now += 10
    assert silence.look() == 10
    clock.now += 10
    assert silence.look() == 20
    silence.heard()
    clock.now += 10
    assert silence.look() == 0
    clock.now += 10
    assert silence.look() == 10


def test_an_agent_that_was_suspended_does_not_take_its_own_sleep_for_silence():
    clock = Clock()
    silence = Silence(clock)
    clock.now += 3600
    assert silence.look() == LONGEST_STEP_S
