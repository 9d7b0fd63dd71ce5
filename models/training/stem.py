"""The first convolution on groups of neighbouring pixels: the same sums, in filters that processors like better.

Three channels are too few for the int8 kernels of onnxruntime, which gather every window into a copy first. A row of
pixels is a row of groups without moving a byte, and a group has channels enough.
"""

import numpy as np
from numpy.typing import NDArray

GROUP = 4
"""Pixels side by side that are read as one."""


def grouped_filters(filters: NDArray[np.float32]) -> NDArray[np.float32]:
    """Filters [outputs, channels, 3, 3] of stride 2 as filters [outputs * 2, channels * 4, 3, 2] of stride (2, 1).

    They read the group of a pixel and the one left of it, and give the outputs of two places after each other. Padding
    is one row above and one group on the left.
    """
    outputs, channels = filters.shape[:2]
    places = GROUP // 2
    found = np.zeros((places * outputs, GROUP * channels, 3, 2), np.float32)
    for place in range(places):
        for column in range(3):
            group, pixel = divmod(GROUP + 2 * place + column - 1, GROUP)
            rows = slice(place * outputs, (place + 1) * outputs)
            found[rows, pixel * channels : (pixel + 1) * channels, :, group] = filters[..., column]
    return found
