"""From JPEG bytes to the network's input, exactly as the hub does it."""

import cv2
import numpy as np
from numpy.typing import NDArray

LEAST = 224
"""Neither side of the reduced decode may be shorter than this."""

_REDUCED = ((8, cv2.IMREAD_REDUCED_COLOR_8), (4, cv2.IMREAD_REDUCED_COLOR_4), (2, cv2.IMREAD_REDUCED_COLOR_2))


def jpeg_size(data: bytes) -> tuple[int, int]:
    """(width, height) from the JPEG's frame header, (0, 0) when there is none."""
    at = 2
    while at + 9 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            return int.from_bytes(data[at + 7 : at + 9]), int.from_bytes(data[at + 5 : at + 7])
        at += 2 + int.from_bytes(data[at + 2 : at + 4])
    return 0, 0


def prepare(data: bytes, side: int) -> NDArray[np.uint8]:
    """Decode at the smallest scale that keeps both sides >= LEAST, then stretch to side x side (INTER_AREA)."""
    shorter = min(jpeg_size(data))
    flag = next((f for k, f in _REDUCED if shorter // k >= LEAST), cv2.IMREAD_COLOR)
    image = cv2.imdecode(np.frombuffer(data, np.uint8), flag)
    return cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA)
