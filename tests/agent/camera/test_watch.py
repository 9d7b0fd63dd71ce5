"""Frozen and empty pictures."""

import numpy as np
import pytest

from agent.camera.watch import FrozenWatch, Watch, empty
from tests.agent.camera.pictures import encode, noise


def test_frozen_needs_both_count_and_time():
    watch = FrozenWatch(pictures=3, seconds=10)
    assert [watch.seen(b"a", now) for now in (0, 1, 2, 3)] == [False] * 4
    assert watch.seen(b"a", 10)
    slow = FrozenWatch(pictures=3, seconds=10)
    assert [slow.seen(b"a", now) for now in (0, 30, 60)] == [False, False, True]


def test_one_other_picture_begins_anew():
    watch = FrozenWatch(pictures=2, seconds=1)
    assert [watch.seen(each, now) for now, each in enumerate([b"a", b"a", b"b", b"a", b"a"])] == [
        False,
        True,
        False,
        False,
        True,
    ]


@pytest.mark.parametrize("level", [0, 4, 128, 255])
@pytest.mark.parametrize("quality", [50, 80, 95])
def test_even_pictures_are_empty(level, quality):
    assert empty(encode(np.full((720, 1280, 3), level, np.uint8), quality))


def scene(gain):
    """A soft room with an edge and a sensor's noise."""
    rows, columns = np.mgrid[0:720, 0:1280]
    room = 90 + 60 * np.sin(columns / 300) + 30 * (rows > 400) + 20 * ((columns // 80 + rows // 80) % 2)
    grain = np.random.default_rng(1).normal(0, 3, (720, 1280))
    return np.clip((room + grain) * gain, 0, 255).astype(np.uint8)[..., None].repeat(3, 2)


@pytest.mark.parametrize("quality", [50, 80, 95])
def test_a_scene_is_not_empty(quality):
    assert not empty(encode(scene(1.0), quality))


def test_a_picture_without_a_size_is_not_called_empty():
    assert not empty(b"\xff\xd8")


def test_watch_tells_dark_only_when_it_stays_dark():
    black = encode(np.zeros((720, 1280, 3), np.uint8))
    watch = Watch()
    assert [watch.fault(black, now) for now in range(3)] == ["", "", "dark"]
    assert watch.fault(noise(1), 3) == ""
    assert [watch.fault(black, now) for now in range(4, 15)][-1] == "frozen"
