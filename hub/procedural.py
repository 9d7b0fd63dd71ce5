"""Cheap pictures, no two alike, for load tests: a bed, a gantry, a part, and noise. They show nothing failing."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np


def pictures(
    count: int, *, width: int = 640, height: int = 480, seed: int = 1, quality: int = 80
) -> Iterator[bytes]:
    """`count` JPEGs of about 30 kB at 640 x 480, the same for the same seed."""
    rng = np.random.default_rng(seed)
    colour = tuple(int(each) for each in rng.integers(40, 230, 3))
    for number in range(count):
        picture = np.full((height, width, 3), 70, np.uint8)
        cv2.rectangle(picture, (0, height * 2 // 3), (width, height), (45, 45, 50), -1)
        x = int((0.5 + 0.4 * np.sin(number * 0.7)) * width)
        top = height * 2 // 3 - (number * 3) % (height // 2)
        cv2.rectangle(picture, (width // 3, top), (width * 2 // 3, height * 4 // 5), colour, -1)
        cv2.rectangle(picture, (x - 40, top - 70), (x + 40, top - 5), (30, 30, 30), -1)
        grain = rng.integers(0, 22, (height // 2, width // 2, 1), np.uint8)
        noisy = cv2.add(picture, cv2.resize(np.repeat(grain, 3, axis=2), (width, height)))
        _, jpeg = cv2.imencode(".jpg", noisy, [cv2.IMWRITE_JPEG_QUALITY, quality])
        yield jpeg.tobytes()
