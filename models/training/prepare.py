"""From JPEG bytes to the network's input, exactly as `hub.vision` does it."""

import cv2
import numpy as np
from numpy.typing import NDArray

from agent.camera.jpeg import size

_REDUCED = ((4, cv2.IMREAD_REDUCED_COLOR_4), (2, cv2.IMREAD_REDUCED_COLOR_2))


def prepare(data: bytes, side: int) -> NDArray[np.uint8]:
    """Decoded no larger than needed, then stretched to side x side (INTER_AREA)."""
    width, height = size(data)
    flag = next(
        (f for k, f in _REDUCED if width // k >= side and height // k >= side * 0.9), cv2.IMREAD_COLOR
    )
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), flag | cv2.IMREAD_IGNORE_ORIENTATION)
    return cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA)
