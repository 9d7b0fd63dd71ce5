"""What cameras do to training pictures."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from models.training import augment

SIDE = 64


@pytest.fixture
def picture() -> NDArray[np.uint8]:
    noise = np.random.default_rng(1).integers(0, 256, (SIDE, SIDE, 3), np.uint8)
    return np.asarray(cv2.GaussianBlur(noise, (0, 0), 1.5), np.uint8)


def test_the_effects_depend_on_the_seed_only(picture: NDArray[np.uint8]) -> None:
    first, again = (
        [augment.camera(np.random.default_rng(n), picture.copy()) for n in range(12)] for _ in "12"
    )
    assert all(np.array_equal(one, other) for one, other in zip(first, again, strict=True))
    assert len({one.tobytes() for one in first}) > 3


def test_part_of_the_pictures_are_left_as_they_are(picture: NDArray[np.uint8]) -> None:
    left = [
        np.array_equal(augment.camera(np.random.default_rng(n), picture.copy()), picture) for n in range(60)
    ]
    assert 10 < sum(left) < 50


def test_geometry_moves_picture_and_mask_alike() -> None:
    spot = np.zeros((SIDE, SIDE), np.uint8)
    spot[20:40, 25:45] = 255
    for seed in range(20):
        view, seen = augment.geometry(
            np.random.default_rng(seed), cv2.merge([spot] * 3), spot, SIDE, (0.9, 1.1)
        )
        assert view.shape == (SIDE, SIDE, 3)
        both = (view[..., 0] > 128) & (seen > 128)
        assert both.sum() > 0.9 * (seen > 128).sum()


def test_ghosts_show_part_of_the_picture_again_and_leave_the_rest(picture: NDArray[np.uint8]) -> None:
    changed = []
    for seed in range(40):
        ghosted = augment.ghosts(np.random.default_rng(seed), picture, 1.0)
        assert ghosted.dtype == np.uint8
        assert ghosted.shape == picture.shape
        changed.append((np.abs(ghosted.astype(int) - picture) > 2).any(axis=2).mean())
    assert min(changed) > 0
    assert sum(share < 0.9 for share in changed) > 20


def test_without_ghosts_the_picture_is_left_as_it_is(picture: NDArray[np.uint8]) -> None:
    assert augment.ghosts(np.random.default_rng(0), picture, 0.0) is picture


def test_with_all_effects_no_picture_is_left_as_it_is(picture: NDArray[np.uint8]) -> None:
    for seed in range(20):
        changed = augment.camera(np.random.default_rng(seed), picture.copy(), effects=1.0, ghosted=0.0)
        assert not np.array_equal(changed, picture)
