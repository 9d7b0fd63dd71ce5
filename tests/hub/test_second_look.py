"""A second look: which part, when, and what the two looks come to."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.second_look import WHOLE, SecondLook, agreed, look, window

TWICE = SecondLook(above=0.2, share=0.5)
PICTURE = np.zeros((8, 8, 3), np.uint8)

probabilities = st.floats(0, 1)


def heat_with_peak(row, column, side=14):
    heat = np.full((side, side), 0.1, np.float32)
    heat[row, column] = 0.9
    return heat


class Network:
    """Says one thing of the whole picture and another of its part, and keeps what it was shown."""

    def __init__(self, first, second, heat=None):
        self._answers = [(heat_with_peak(7, 7) if heat is None else heat, first), (None, second)]
        self.shown = []

    def __call__(self, picture):
        self.shown.append(picture)
        return self._answers[len(self.shown) - 1]


def looked(network, twice=TWICE):
    parts = []

    def part(of):
        parts.append(of)
        return PICTURE

    return *look(network, PICTURE, part, twice), parts


@given(st.integers(0, 13), st.integers(0, 13), st.floats(0.1, 1))
def test_the_part_is_inside_the_picture_as_large_as_asked_and_holds_the_peak(row, column, share):
    left, top, right, bottom = window(heat_with_peak(row, column), share)
    assert 0 <= left <= (column + 0.5) / 14 <= right <= 1 + 1e-9
    assert 0 <= top <= (row + 0.5) / 14 <= bottom <= 1 + 1e-9
    assert (right - left, bottom - top) == pytest.approx((share, share))


def test_the_part_is_centred_on_the_peak_where_there_is_room():
    left, top, right, bottom = window(heat_with_peak(6, 8), 0.5)
    assert ((left + right) / 2, (top + bottom) / 2) == pytest.approx((8.5 / 14, 6.5 / 14))


def test_the_whole_is_a_part():
    assert window(heat_with_peak(0, 13), 1.0) == WHOLE


@pytest.mark.parametrize(("above", "share"), [(-0.1, 0.5), (1.1, 0.5), (0.2, 0.0), (0.2, 1.5)])
def test_an_impossible_second_look_is_refused(above, share):
    with pytest.raises(ValueError, match="no second look"):
        SecondLook(above, share)


def test_a_picture_without_suspicion_is_looked_at_once():
    network = Network(0.19, 0.99)
    heat, score, parts = looked(network)
    assert (score, parts, len(network.shown)) == (0.19, [], 1)
    assert heat.max() == pytest.approx(0.9)


def test_a_model_that_asks_for_no_second_look_gets_none():
    network = Network(0.99, 0.01)
    _, score, parts = looked(network, None)
    assert (score, parts) == (0.99, [])


def test_a_suspicious_picture_is_looked_at_where_it_is_hottest():
    network = Network(0.5, 0.5, heat_with_peak(2, 11))
    _, _, parts = looked(network)
    assert parts == [window(heat_with_peak(2, 11), 0.5)]


@pytest.mark.parametrize("second", [0.02, 0.98])
def test_the_heat_map_moves_with_the_score(second):
    heat, score, _ = looked(Network(0.9, second))
    assert heat.max() == pytest.approx(score, abs=1e-5), "its hottest cell was as sure as the first look"
    assert heat.argmax() == heat_with_peak(7, 7).argmax()
    assert (heat.min() < 0.1) == (second < 0.5)


@given(probabilities, probabilities)
def test_two_looks_agree_between_them_whichever_comes_first(first, second):
    together = agreed(first, second)
    assert min(first, second) - 1e-5 <= together <= max(first, second) + 1e-5
    assert together == pytest.approx(agreed(second, first))


def test_certainties_that_contradict_each_other_are_a_doubt():
    assert agreed(0.0, 1.0) == pytest.approx(0.5)


@given(probabilities)
def test_two_equal_looks_change_nothing(score):
    assert agreed(score, score) == pytest.approx(score, abs=1e-5)
