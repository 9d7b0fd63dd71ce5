"""What a camera habitually shows, and zones that do not count."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub import habits
from hub.policy import PrinterSettings

GRID = (8, 8)


def heat(*hot, level=0.97, rest=0.02):
    cells = np.full(GRID, rest, np.float32)
    for row, column in hot:
        cells[row, column] = level
    return cells


BLOCK = [(r, c) for r in (2, 3) for c in (2, 3)]
ELSEWHERE = [(r, c) for r in (6, 7) for c in (6, 7)]


def test_what_good_prints_always_show_is_no_evidence():
    habit = habits.habit_of([heat(*BLOCK)] * 40)
    assert habits.evidence(0.97, heat(*BLOCK), habit, None) == 0.5
    assert habits.evidence(0.97, heat(*ELSEWHERE), habit, None) == pytest.approx(0.97, abs=1e-3)
    assert habits.evidence(0.97, heat(*BLOCK, *ELSEWHERE), habit, None) == pytest.approx(0.97, abs=0.01)


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
    looked_at = habits.raised(None, habits.accepted([heat(*BLOCK)] * 3, None))
    moved = [(row + 1, column) for row, column in BLOCK]
    assert habits.evidence(0.97, heat(*BLOCK), looked_at, None) == 0.5
    assert habits.evidence(0.97, heat(*moved), looked_at, None) == 0.5
    assert habits.evidence(0.97, heat(*BLOCK, *ELSEWHERE), looked_at, None) == pytest.approx(0.97, abs=0.01)
    twice = habits.accepted([heat(*ELSEWHERE)], looked_at.cells)
    assert habits.evidence(0.97, heat(*BLOCK, *ELSEWHERE), habits.raised(None, twice), None) == 0.5


def test_an_ignored_zone_is_blind_and_the_rest_is_not():
    ignored = habits.zone_cells([((0.2, 0.2), (0.5, 0.5))], *GRID)
    assert {(int(r), int(c)) for r, c in np.argwhere(ignored)} == {(r, c) for r in (2, 3) for c in (2, 3)}
    assert habits.evidence(0.97, heat(*BLOCK), None, ignored) == 0.5
    assert habits.evidence(0.97, heat(*ELSEWHERE), None, ignored) == pytest.approx(0.97, abs=1e-6)
    assert habits.evidence(0.05, heat(*BLOCK, level=0.1), None, ignored) < 0.05


def test_a_polygon_is_a_zone_too():
    triangle = habits.zone_cells([((0.0, 0.0), (1.0, 0.0), (0.0, 1.0))], *GRID)
    assert triangle[0, 0]
    assert not triangle[7, 7]
    assert abs(int(triangle.sum()) - 32) <= 8


def test_without_heat_the_score_stands():
    assert habits.evidence(0.7, None, habits.Habit(heat(), 1), None) == 0.7


@given(
    score=st.floats(0, 1),
    cells=st.lists(st.floats(0, 1), min_size=64, max_size=64),
    usual=st.lists(st.floats(0, 1), min_size=64, max_size=64),
    ignored=st.lists(st.booleans(), min_size=64, max_size=64),
)
def test_habits_and_zones_never_raise_a_score(score, cells, usual, ignored):
    seen = np.array(cells, np.float32).reshape(GRID)
    habit = habits.Habit(np.array(usual, np.float32).reshape(GRID), 1)
    value = habits.evidence(score, seen, habit, np.array(ignored).reshape(GRID))
    assert value <= max(score, 1e-5) + 1e-9


@pytest.mark.parametrize(
    "zones",
    [{"main": [[[0.1, 0.1]]]}, {"main": [[[0.1, 0.1], [2.0, 0.5]]]}, {"main": [[[0.1], [0.2]]]}, {"main": 3}],
)
def test_bad_zones_are_refused_by_name(zones):
    with pytest.raises(ValueError, match=r"zones\.main"):
        PrinterSettings(zones=zones)
