"""What a camera habitually shows, and zones that do not count."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub import habits
from hub.policy import PrinterSettings
from hub.score import log_odds

GRID = (8, 8)


def seen(score, cells, *, habit=None, looked_at=None, ignored=None):
    """What a picture says over what is usual: its surest places, as a probability."""
    usual = habits.usual(habit, looked_at, GRID)
    places = log_odds(habits.places(score, cells, ignored))
    places = places - np.fmax(0.0, log_odds(0.5 if usual is None else usual))
    return 1 / (1 + np.exp(-places.max()))


def heat(*hot, level=0.97, rest=0.02):
    cells = np.full(GRID, rest, np.float32)
    for row, column in hot:
        cells[row, column] = level
    return cells


BLOCK = [(r, c) for r in (2, 3) for c in (2, 3)]
ELSEWHERE = [(r, c) for r in (6, 7) for c in (6, 7)]


def test_what_good_prints_always_show_is_no_evidence():
    habit = habits.habit_of([heat(*BLOCK)] * 40)
    assert seen(0.97, heat(*BLOCK), habit=habit) <= 0.5 + 1e-6
    assert seen(0.97, heat(*ELSEWHERE), habit=habit) == pytest.approx(0.97, abs=1e-3)
    assert seen(0.97, heat(*BLOCK, *ELSEWHERE), habit=habit) == pytest.approx(0.97, abs=0.01)


def test_a_habit_needs_a_print_of_some_length():
    assert habits.habit_of([heat()] * 29) is None
    assert habits.habit_of([]) is None
    assert habits.habit_of([heat()] * 30 + [np.zeros((4, 4), np.float32)]) is None


def test_a_habit_moves_with_each_good_print_and_forgets_old_ones():
    known = habits.habit_of([heat(*BLOCK)] * 30)
    for _ in range(20):
        known = habits.combined(known, habits.habit_of([heat()] * 30))
    assert known.prints == 21
    assert float(known.cells.max()) < 0.1
    other = habits.Habit(np.zeros((4, 4), np.float32), 1)
    assert habits.combined(known, other) is other


def test_what_a_person_let_go_on_must_grow_out_of_its_place():
    looked_at = habits.accepted([heat(*BLOCK)] * 3, None)
    moved = [(row + 1, column) for row, column in BLOCK]
    for places in (BLOCK, moved):
        assert seen(0.97, heat(*places), looked_at=looked_at) <= 0.5 + 1e-6
    assert seen(0.97, heat(*BLOCK, *ELSEWHERE), looked_at=looked_at) == pytest.approx(0.97, abs=0.01)
    twice = habits.accepted([heat(*ELSEWHERE)], looked_at)
    assert seen(0.97, heat(*BLOCK, *ELSEWHERE), looked_at=twice) <= 0.5 + 1e-6


def test_an_ignored_zone_is_blind_and_the_rest_is_not():
    ignored = habits.zone_cells([((0.2, 0.2), (0.5, 0.5))], *GRID)
    assert {(int(r), int(c)) for r, c in np.argwhere(ignored)} == {(r, c) for r in (2, 3) for c in (2, 3)}
    assert seen(0.97, heat(*BLOCK), ignored=ignored) < 0.5
    assert seen(0.97, heat(*ELSEWHERE), ignored=ignored) == pytest.approx(0.97, abs=1e-6)
    assert seen(0.05, heat(*BLOCK, level=0.1), ignored=ignored) < 0.05


def test_a_polygon_is_a_zone_too():
    triangle = habits.zone_cells([((0.0, 0.0), (1.0, 0.0), (0.0, 1.0))], *GRID)
    assert triangle[0, 0]
    assert not triangle[7, 7]
    assert abs(int(triangle.sum()) - 32) <= 8


def test_a_habit_of_another_network_is_none():
    other = habits.Habit(np.zeros((4, 4), np.float32), 1)
    assert habits.usual(other, None, GRID) is None
    assert habits.usual(other, heat(*BLOCK), GRID).max() == np.float32(0.97)


@given(st.floats(0.01, 0.99), st.lists(st.floats(0, 1), min_size=64, max_size=64))
def test_the_hottest_place_says_what_the_picture_does(score, cells):
    places = habits.places(score, np.array(cells, np.float32).reshape(GRID), None)
    assert places.max() == pytest.approx(score, abs=1e-6)


@given(
    score=st.floats(0, 1),
    cells=st.lists(st.floats(0, 1), min_size=64, max_size=64),
    usual=st.lists(st.floats(0, 1), min_size=64, max_size=64),
    ignored=st.lists(st.booleans(), min_size=64, max_size=64),
)
def test_habits_and_zones_never_raise_a_score(score, cells, usual, ignored):
    shown, habit = (np.array(each, np.float32).reshape(GRID) for each in (cells, usual))
    value = seen(score, shown, habit=habits.Habit(habit, 1), ignored=np.array(ignored).reshape(GRID))
    assert value <= max(score, 1e-5) + 1e-5


@pytest.mark.parametrize(
    "zones",
    [{"main": [[[0.1, 0.1]]]}, {"main": [[[0.1, 0.1], [2.0, 0.5]]]}, {"main": [[[0.1], [0.2]]]}, {"main": 3}],
)
def test_bad_zones_are_refused_by_name(zones):
    with pytest.raises(ValueError, match=r"zones\.main"):
        PrinterSettings(zones=zones)
