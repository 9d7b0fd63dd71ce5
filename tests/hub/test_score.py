"""Evidence over time: what a certainty may depend on, and how it may move."""

import math
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub import score
from hub.policy import PrinterSettings
from hub.score import Evidence, ScoreSettings, certainty, combined, fresh, reset, update

SETTINGS = ScoreSettings()
NOTHING = Evidence()
NAN = float("nan")
SURE = PrinterSettings().act_at

failing = st.floats(0.55, 1.0)
any_score = st.none() | st.just(NAN) | st.floats(0, 1)
gaps = st.floats(0.05, 200.0)
frames = st.lists(st.tuples(gaps, any_score), max_size=40)


@dataclass(frozen=True)
class Box:
    x: float
    y: float
    w: float
    h: float


def after(timed, *, baseline=0.5, start=NOTHING):
    """The evidence after frames given as (time, score)."""
    evidence = start
    for t, value in timed:
        evidence = update(evidence, value, t, SETTINGS, baseline)
    return evidence


def having(nats, t):
    """Evidence that has gathered so much."""
    return Evidence(np.array([nats]), t)


def nats(evidence):
    return float(evidence.sums.max())


def at_times(spaced):
    """(gap, score) pairs as (time, score) pairs."""
    timed, now = [], 1000.0
    for gap, value in spaced:
        now += gap
        timed.append((now, value))
    return timed


def sure(timed, **options):
    return certainty(after(timed, **options), SETTINGS)


def steady(value, seconds, every):
    return [(1000.0 + number * every, value) for number in range(int(seconds / every) + 1)]


GREATEST = sure(steady(1.0, 600, 2.0))


# No evidence


def test_before_the_first_frame_nothing_is_certain():
    assert certainty(NOTHING, SETTINGS) == pytest.approx(SETTINGS.prior)
    assert combined({}, SETTINGS, 0.0) is None
    assert combined({"main": NOTHING}, SETTINGS, 0.0) is None


@given(st.lists(st.tuples(gaps, st.none() | st.just(NAN)), max_size=40))
def test_hidden_frames_are_no_evidence(spaced):
    assert after(at_times(spaced)) == NOTHING


@given(st.lists(st.tuples(gaps, st.none() | st.floats(0, 0.5)), max_size=60))
def test_scores_up_to_one_half_never_count(spaced):
    assert sure(at_times(spaced)) == pytest.approx(SETTINGS.prior)


@given(st.floats(0.5, 0.999), st.lists(st.tuples(gaps, st.floats(0, 1)), max_size=60))
def test_scores_up_to_the_baseline_never_count(baseline, spaced):
    """A camera that sees something like spaghetti in good prints must see more than that."""
    below = [(t, min(value, baseline)) for t, value in at_times(spaced)]
    assert sure(below, baseline=baseline) == pytest.approx(SETTINGS.prior)


@given(frames, st.floats(0.0, 0.5))
def test_a_baseline_below_one_half_lowers_no_bar(spaced, baseline):
    timed = at_times(spaced)
    assert after(timed, baseline=baseline) == after(timed)
    assert after(timed, baseline=NAN) == after(timed)


@given(frames, frames)
def test_hidden_frames_in_between_change_nothing(spaced, hidden):
    timed = at_times(spaced)
    blind = [(t, None) for t, _ in at_times(hidden)]
    assert after(sorted(timed + blind, key=lambda frame: frame[0])) == after(timed)


# More of the same


@given(failing, st.lists(gaps, min_size=1, max_size=40), st.floats(0.01, 0.99), st.integers(0, 39))
def test_more_frames_of_the_same_evidence_are_never_less_certain(value, spaces, share, place):
    """One more picture of the same failure, anywhere among the others, never speaks for the print."""
    timed = at_times([(gap, value) for gap in spaces])
    place %= len(timed)
    before = timed[place - 1][0] if place else timed[0][0] - 60.0
    extra = before + share * (timed[place][0] - before)
    more = sorted([*timed, (extra, value)], key=lambda frame: frame[0])
    assert sure(more) >= sure(timed) - 1e-12


@given(failing, st.lists(st.floats(0.05, SETTINGS.stale_s), min_size=1, max_size=60))
def test_certainty_rises_while_the_failure_is_seen(value, spaces):
    evidence = NOTHING
    for t, _ in at_times([(gap, value) for gap in spaces]):
        before, evidence = evidence, update(evidence, value, t, SETTINGS)
        assert certainty(evidence, SETTINGS) >= certainty(before, SETTINGS)


@given(frames, st.floats(0, 1), st.floats(0, 1), st.floats(0.05, 200))
def test_a_surer_picture_is_never_less_certain(spaced, low, high, gap):
    timed = at_times(spaced)
    low, high = sorted((low, high))
    t = 1000.0 + sum(space for space, _ in spaced) + gap
    assert sure([*timed, (t, high)]) >= sure([*timed, (t, low)])


@given(frames, st.floats(0, 0.5), gaps)
def test_a_good_picture_never_speaks_against_the_print(spaced, value, gap):
    timed = at_times(spaced)
    t = 1000.0 + sum(space for space, _ in spaced) + gap
    assert sure([*timed, (t, value)]) <= sure(timed)


@given(frames, st.floats(0.1, 20), failing)
def test_an_hour_of_good_pictures_does_not_have_to_be_outweighed(spaced, gap, value):
    """What came before a failure never makes it slower to be seen."""
    spaced = [(space, each) for space, each in spaced if each is not None and not math.isnan(each)]
    good = [(t, 0.01) for t, _ in at_times(spaced)]
    start = (good[-1][0] if good else 1000.0) + gap
    failure = [(start + number * gap, value) for number in range(1, 30)]
    assert after(good + failure) == after(failure, start=reset(after(good)))


# Times, duplicates, order


@given(frames, st.data())
def test_duplicates_and_older_frames_change_nothing(spaced, data):
    timed = at_times(spaced)
    evidence = after(timed)
    if evidence.t is None:
        return
    late = data.draw(st.lists(st.tuples(st.floats(0, evidence.t), any_score), max_size=5))
    assert after(late, start=evidence) == evidence
    assert after([(evidence.t, 1.0)], start=evidence) == evidence


@given(frames, st.floats(-1e6, 1e6))
def test_only_differences_of_times_count(spaced, shift):
    timed = at_times(spaced)
    moved = [(t + shift, value) for t, value in timed]
    assert nats(after(moved)) == pytest.approx(nats(after(timed)), abs=1e-6)


def test_ten_pictures_of_one_second_are_hardly_more_than_one():
    """Two pictures of the same second are almost the same evidence: frame rate buys no certainty."""
    fast = steady(0.95, 20, 0.1)
    slow = steady(0.95, 20, SETTINGS.settle_s)
    assert nats(after(fast)) == pytest.approx(nats(after(slow)), rel=0.02)


# Bounds, gaps, NaN


@given(
    st.lists(st.tuples(st.floats(allow_nan=True), st.none() | st.floats(allow_nan=True)), max_size=30),
    st.floats(allow_nan=True),
)
def test_whatever_comes_certainty_is_a_probability(timed, baseline):
    evidence = after(timed, baseline=baseline)
    assert 0.0 <= nats(evidence) < math.inf
    assert 0.0 <= certainty(evidence, SETTINGS) <= 1.0
    assert evidence.t is None or math.isfinite(evidence.t)


@pytest.mark.parametrize("t", [NAN, math.inf, -math.inf])
def test_a_frame_without_a_time_is_no_evidence(t):
    """Neither does it count, nor does it make the camera deaf to every later frame."""
    assert update(NOTHING, 1.0, t, SETTINGS) == NOTHING
    seen = having(3.0, 10.0)
    assert update(seen, 1.0, t, SETTINGS) == seen


@given(frames)
def test_certainty_never_passes_its_ceiling(spaced):
    timed = [(t, None if value is None else 1.0) for t, value in at_times(spaced)]
    most = certainty(having(1e9, 0.0), SETTINGS)
    assert most == 1.0
    assert sure(timed) <= GREATEST < 1.0


def test_every_threshold_that_can_be_set_can_be_reached():
    settings = PrinterSettings(act_at=0.9999)
    assert settings.act_at < GREATEST


def test_a_cleared_failure_is_forgotten_within_minutes():
    """More of the same beyond the ceiling adds nothing that good pictures would have to take away again."""
    hour = steady(1.0, 3600, 2.0)
    end = hour[-1][0]
    good = [(end + 2.0 * number, 0.02) for number in range(1, 61)]
    assert sure(hour) > SURE
    assert sure(hour + good) < PrinterSettings().warn_at


@given(failing, st.floats(SETTINGS.stale_s, 1e7))
def test_a_gap_fades_evidence_and_breaks_nothing(value, gap):
    before = after(steady(value, 120, 2.0))
    end = before.t
    again = update(before, value, end + gap, SETTINGS)
    assert nats(again) <= nats(update(before, value, end + SETTINGS.stale_s, SETTINGS))
    assert nats(again) >= nats(update(NOTHING, value, end + gap, SETTINGS)) - 1e-9
    assert again.t == end + gap


def test_evidence_halves_every_half_life_after_it_is_stale():
    before, even = having(8.0, 0.0), 1 / (1 + math.exp(-SETTINGS.doubt))
    t = SETTINGS.stale_s + SETTINGS.half_life_s
    assert nats(update(before, even, t, SETTINGS)) == pytest.approx(4.0)
    assert nats(update(before, even, SETTINGS.stale_s, SETTINGS)) == pytest.approx(8.0)


# Deciding


@pytest.mark.parametrize("value", [0.85, 0.9, 0.99])
@pytest.mark.parametrize("every", [0.5, 1.0, 10.0])
def test_a_failure_from_the_first_frame_on_is_caught(value, every):
    """The baseline never comes from the print that is judged, so nothing is learned as normal."""
    assert sure(steady(value, 600, every)) > SURE


@pytest.mark.parametrize(("value", "seconds"), [(0.85, 145), (0.9, 63), (0.95, 34), (0.99, 18)])
def test_seconds_to_certainty_under_suspicion(value, seconds):
    """Frames come every second then; another rule takes 40 to 240 s."""
    assert sure(steady(value, seconds, 1.0)) > SURE


@given(frames.map(lambda spaced: [(gap, min(value, 0.5) if value else value) for gap, value in spaced]), gaps)
def test_a_single_frame_never_decides(spaced, gap):
    """Not after any number of good frames, and not at the lowest thresholds a printer can have."""
    timed = at_times(spaced)
    t = 1000.0 + sum(space for space, _ in spaced) + gap
    lowest = PrinterSettings(warn_at=0.05, act_at=0.05)
    assert sure([*timed, (t, 1.0)]) < lowest.warn_at


@given(st.lists(st.tuples(gaps, st.floats(0, 1)), max_size=40), gaps, failing)
def test_one_frame_is_limited_however_sure_it_is(spaced, gap, value):
    before = after(at_times(spaced))
    t = (before.t or 1000.0) + gap
    assert nats(update(before, value, t, SETTINGS)) <= nats(before) + SETTINGS.frame_limit
    assert nats(update(before, 0.0, t, SETTINGS)) <= nats(before)


def test_a_head_that_hides_every_second_frame_does_not_hide_the_failure():
    for seconds, hidden in ((90, None), (150, 0.02)):
        timed = steady(0.95, seconds, 1.0)
        flicker = [(t, 0.95 if number % 2 else hidden) for number, (t, _) in enumerate(timed)]
        assert sure(flicker) > SURE


def test_rare_single_mistakes_never_add_up():
    """One wrong picture every minute of an hour at one frame a second."""
    evidence, most = NOTHING, 0.0
    for number, (t, _) in enumerate(steady(0.05, 3600, 1.0)):
        evidence = update(evidence, 0.99 if number % 60 == 30 else 0.05, t, SETTINGS)
        most = max(most, certainty(evidence, SETTINGS))
    assert most < PrinterSettings().warn_at


# Reset


@given(frames)
def test_reset_holds_nothing_against_the_print_and_keeps_the_time(spaced):
    evidence = after(at_times(spaced))
    assert nats(reset(evidence)) == 0.0
    assert reset(evidence).t == evidence.t


# Places


def test_a_failure_must_stay_in_its_place():
    """What is seen here and there adds up nowhere, however often it is seen."""
    here, there = np.array([[0.99, 0.01]]), np.array([[0.01, 0.99]])
    staying = after([(1000.0 + 5.0 * n, here) for n in range(20)])
    wandering = after([(1000.0 + 5.0 * n, places) for n in range(5) for places in (here, there)])
    assert certainty(staying, SETTINGS) > SURE
    assert np.argmax(staying.sums) == 0
    assert certainty(wandering, SETTINGS) < certainty(staying, SETTINGS)


def test_a_place_without_a_value_is_no_evidence_either_way():
    before = after([(1000.0 + 5.0 * n, np.array([[0.99, 0.99]])) for n in range(3)])
    later = update(before, np.array([[NAN, 0.99]]), before.t + 5.0, SETTINGS)
    assert later.sums[0, 0] == before.sums[0, 0]
    assert later.sums[0, 1] > before.sums[0, 1]


def test_each_place_has_its_own_baseline():
    usual = np.array([[0.99, 0.5]])
    seen = after([(1000.0 + 5.0 * n, np.array([[0.99, 0.01]])) for n in range(20)], baseline=usual)
    assert certainty(seen, SETTINGS) == pytest.approx(SETTINGS.prior)


def test_another_grid_starts_afresh():
    before = after([(1000.0 + 5.0 * n, np.full((2, 2), 0.99)) for n in range(20)])
    assert update(before, np.full((3, 3), 0.01), before.t + 5.0, SETTINGS).sums.shape == (3, 3)
    assert certainty(update(before, np.full((3, 3), 0.01), before.t + 5.0, SETTINGS), SETTINGS) < 0.01


# Several cameras


def test_cameras_vote():
    cameras = {"a": having(9.0, 100.0), "b": having(1.0, 90.0)}
    high, low = (certainty(each, SETTINGS) for each in cameras.values())
    assert combined(cameras, SETTINGS, 100.0) == combined(cameras, SETTINGS, 100.0, vote="any") == high
    assert combined(cameras, SETTINGS, 100.0, vote="all") == low


def test_a_silent_camera_has_no_vote():
    cameras = {"a": having(9.0, 100.0), "b": having(1.0, 90.0), "c": NOTHING}
    just = 90.0 + SETTINGS.stale_s
    assert combined(cameras, SETTINGS, just, vote="all") == certainty(cameras["b"], SETTINGS)
    assert combined(cameras, SETTINGS, just + 0.1, vote="all") == certainty(cameras["a"], SETTINGS)
    assert combined(cameras, SETTINGS, 100.1 + SETTINGS.stale_s) is None


# Regions


WHOLE = Box(0.0, 0.0, 1.0, 1.0)
LEFT, RIGHT = Box(0.0, 0.0, 0.4, 0.4), Box(0.6, 0.0, 0.4, 0.4)


@pytest.mark.parametrize(
    ("seen", "acknowledged", "expected"),
    [
        ([], [], True),
        ([LEFT], [], True),
        ([], [LEFT], True),
        ([LEFT], [LEFT], False),
        ([LEFT], [WHOLE], False),
        ([RIGHT], [LEFT], True),
        ([LEFT, RIGHT], [LEFT], True),
        ([LEFT, RIGHT], [LEFT, RIGHT], False),
        ([Box(0.0, 0.0, 0.4, 0.55)], [LEFT], False),
        ([Box(0.0, 0.0, 0.4, 0.57)], [LEFT], True),
        ([Box(0.0, 0.0, 0.4, 0.81)], [Box(0.0, 0.0, 0.4, 0.4), Box(0.6, 0.6, 0.4, 0.4)], True),
        ([Box(0.19, 0.0, 0.4, 0.4)], [LEFT], False),
        ([Box(0.21, 0.0, 0.4, 0.4)], [LEFT], True),
        ([Box(0.0, 0.19, 0.4, 0.4)], [LEFT], False),
        ([Box(0.0, 0.21, 0.4, 0.4)], [LEFT], True),
        ([Box(0.4, 0.4, 0.2, 0.2)], [LEFT], True),
    ],
)
def test_what_was_acknowledged_must_grow(seen, acknowledged, expected):
    assert fresh(seen, acknowledged) is expected


def test_at_the_edge_nothing_has_grown():
    """Half outside of what was acknowledged, and exactly the growth that is allowed, are not more yet."""
    quarter = Box(0.0, 0.0, 0.5, 0.5)
    assert not fresh([Box(0.25, 0.0, 0.5, 0.5)], [quarter])
    assert fresh([Box(0.2500001, 0.0, 0.5, 0.5)], [quarter])
    assert not fresh([Box(0.0, 0.0, 0.5, 1.0)], [quarter], growth=2.0)
    assert fresh([Box(0.0, 0.0, 0.5, 1.0)], [quarter], growth=1.99)


boxes = st.builds(Box, *(st.floats(0.0, 1.0) for _ in range(2)), *(st.floats(0.01, 1.0) for _ in range(2)))


@given(st.lists(boxes, min_size=1, max_size=5))
def test_the_same_regions_again_are_never_fresh(seen):
    assert not fresh(seen, seen)


@given(st.lists(boxes, min_size=1, max_size=4), st.lists(boxes, min_size=1, max_size=4))
def test_a_box_never_covers_more_than_itself(seen, others):
    for each in seen:
        assert 0.0 <= score._overlap(each, others) <= each.w * each.h
