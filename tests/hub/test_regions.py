"""Regions of a heat map."""

import numpy as np
import pytest

from hub.regions import Region, peak, regions


def heat(rows, columns, **cells):
    """A cold map with some hot cells, named `r<row>c<column>`."""
    array = np.zeros((rows, columns), np.float32)
    for name, value in cells.items():
        row, column = name[1:].split("c")
        array[int(row), int(column)] = value
    return array


def test_a_cold_map_has_no_region():
    assert regions(np.zeros((4, 4), np.float32), 0.5) == []


def test_one_cell_is_its_own_rectangle():
    (region,) = regions(heat(4, 8, r1c2=0.75), 0.5)
    assert region == Region(x=0.25, y=0.25, w=0.125, h=0.25, score=0.75)


def test_the_threshold_itself_counts():
    assert len(regions(heat(2, 2, r0c0=0.5), 0.5)) == 1


def test_cells_that_touch_by_a_corner_are_one_region():
    (region,) = regions(heat(4, 4, r0c0=0.6, r1c1=0.9, r2c2=0.7), 0.5)
    assert (region.w, region.h) == (0.75, 0.75)
    assert region.score == pytest.approx(0.9)


def test_separate_regions_come_surest_first():
    found = regions(heat(4, 8, r0c0=0.6, r3c7=0.9), 0.5)
    assert [round(region.score, 2) for region in found] == [0.9, 0.6]
    assert (found[0].x, found[0].y) == (0.875, 0.75)


def test_a_bent_region_is_followed_to_its_end():
    array = np.zeros((5, 5), np.float32)
    array[0, :] = array[:, 4] = array[4, :] = 0.8
    (region,) = regions(array, 0.5)
    assert (region.x, region.y, region.w, region.h) == (0, 0, 1, 1)


def test_a_whole_hot_map_is_one_region():
    assert len(regions(np.ones((16, 16), np.float32), 0.5)) == 1


def test_the_peak_is_the_centre_of_the_hottest_cell():
    assert peak(heat(2, 4, r0c1=0.4, r1c3=0.9)) == (0.875, 0.75)
