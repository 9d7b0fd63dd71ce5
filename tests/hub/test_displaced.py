"""Parts that are no longer where they were: what is noticed, and what is none of it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra.numpy import arrays

from agent.protocol import Frame, State
from hub.displaced import KEPT, LOST, SIDE, Past, looks
from hub.judge import Judge, Scored
from hub.live import Live
from hub.policy import PrinterSettings

BED = np.random.default_rng(1).integers(60, 120, (SIDE, SIDE)).astype(np.uint8)
PART = np.random.default_rng(2).integers(0, 255, (24, 24)).astype(np.uint8)
HEAD = np.random.default_rng(3).integers(0, 255, (40, 40)).astype(np.uint8)
GROWN = 200.0


def scene(t, *, at=(64, 40), light=1.0, head=None):
    """The bed, and from GROWN seconds on a part on it."""
    shown = BED.copy()
    if t >= GROWN and at is not None:
        shown[at[0] : at[0] + 24, at[1] : at[1] + 24] = PART
    if head is not None:
        shown[head : head + 40, head : head + 40] = HEAD
    return np.clip(shown * light, 0, 255).astype(np.uint8)


def watched(until=1000.0, **changes):
    past = Past()
    for t in np.arange(0.0, until, 10.0):
        past.look(scene(t, **changes), t)
    return past, until


def said(past, start, seconds, **changes):
    return [past.look(scene(t, **changes), t) for t in np.arange(start, start + seconds, 10.0)]


def test_a_part_that_is_gone_or_elsewhere_is_noticed_within_a_minute():
    for at in (None, (64, 72), (30, 40)):
        past, now = watched()
        assert LOST in said(past, now, 60.0, at=at)


def test_a_part_that_stays_is_kept():
    past, now = watched()
    assert set(said(past, now, 600.0)) == {KEPT}


def test_a_change_of_light_is_no_loss():
    past, now = watched()
    assert LOST not in said(past, now, 120.0, light=0.6)


def test_what_covers_it_for_a_moment_is_no_loss():
    past, now = watched()
    for start in range(10):
        assert said(past, now + start * 40, 20.0, head=50)[-1] != LOST
        assert said(past, now + start * 40 + 20, 20.0)[-1] != LOST


def test_when_everything_changes_it_was_the_camera():
    past, now = watched()
    turned = [past.look(np.rot90(scene(t)).copy(), t) for t in np.arange(now, now + 60, 10.0)]
    assert LOST not in turned


def test_early_in_a_print_nothing_is_said():
    past, _ = watched(until=400.0)
    assert said(past, 400.0, 30.0, at=None) == [None] * 3


def test_pictures_of_the_same_moment_are_passed_over():
    past, now = watched()
    past.look(scene(now), now)
    assert past.look(scene(now, at=None), now + 0.5) is None


@settings(max_examples=20)
@given(arrays(np.uint8, (SIDE, SIDE)))
def test_no_picture_breaks_it(picture):
    assert np.isfinite(looks(picture)).all()
    past, now = watched(until=700.0)
    assert past.look(picture, now) in (None, KEPT, LOST)


# Through the judge


class Rig:
    def __init__(self, **chosen):
        self.live, self.kinds, self.t = Live(), [], 0.0
        self.judge = Judge(self.live, lambda _p: PrinterSettings(**chosen), lambda _j: None)
        self.say("printing")

    def say(self, phase, job="a"):
        self.live.printer("p").state = State(boot=1, seq=1, clock=0, time=0, phase=phase, job=job)

    def see(self, seconds, **changes):
        for _ in range(int(seconds / 10)):
            self.t += 10.0
            frame = Frame(camera="main", boot=1, seq=1, clock=0, time=0, job="a", jpeg=b"")
            made = Scored("p", frame, self.t, 0.01, (), None, None, scene(self.t, **changes))
            judgement = self.judge.frame(made)
            assert judgement.decision.kind == "none", "the two signals are kept apart"
            if judgement.moved.kind != "none":
                self.kinds.append(judgement.moved.kind)
        return self.kinds


@pytest.mark.parametrize("action", ["alert", "pause", "cancel"])
def test_a_lost_part_is_acted_upon_once_as_its_owner_wants(action):
    rig = Rig(moved=action)
    assert rig.see(1000) == []
    assert rig.see(120, at=None) == [action]


def test_it_is_not_looked_for_unless_wanted():
    rig = Rig()
    rig.see(1000)
    assert rig.see(120, at=None) == []


def test_what_a_person_has_looked_at_is_the_past_from_then_on():
    rig = Rig(moved="pause")
    rig.see(1000)
    rig.judge.dismiss("p")
    assert rig.see(120, at=(64, 72)) == []
    rig.see(1000, at=(64, 72))
    assert rig.see(120, at=None) == ["pause"]


def test_a_new_print_has_no_past():
    rig = Rig(moved="pause")
    rig.see(1000)
    rig.say("finished")
    rig.see(20, at=None)
    rig.say("printing")
    assert rig.see(120, at=None) == []
