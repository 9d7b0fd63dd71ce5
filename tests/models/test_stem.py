"""Filters on groups of pixels give the sums of the filters they were made from."""

import numpy as np
from numpy.typing import NDArray

from models.training.stem import GROUP, grouped_filters

Array = NDArray[np.float32]


def convolved(picture: Array, filters: Array, stride: tuple[int, int], places: int) -> Array:
    """A plain convolution of [rows, columns, channels] with one row of zeros above and one column on the left."""
    padded = np.pad(picture, ((1, 0), (1, 0), (0, 0)))
    high, wide = filters.shape[2:]
    rows = range(0, padded.shape[0] - high + 1, stride[0])
    columns = [place * stride[1] for place in range(places)]
    windows = np.array([[padded[y : y + high, x : x + wide] for x in columns] for y in rows])
    return np.einsum("yxhwc,ochw->yxo", windows, filters)


def test_groups_give_the_same_sums():
    rng = np.random.default_rng(3)
    picture = rng.normal(size=(8, 16, 3)).astype(np.float32)
    filters = rng.normal(size=(5, 3, 3, 3)).astype(np.float32)
    plain = convolved(picture, filters, (2, 2), 8)

    groups = picture.reshape(8, 16 // GROUP, GROUP * 3)
    grouped = convolved(groups, grouped_filters(filters), (2, 1), 16 // GROUP)

    assert np.allclose(grouped.reshape(plain.shape), plain, atol=1e-5)
