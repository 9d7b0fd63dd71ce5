"""Small versions of stored pictures for pages that show many. Pure."""

from __future__ import annotations

import cv2
import numpy as np

from agent.camera.jpeg import JpegError, size

WIDTH, QUALITY = 320, 75
_REDUCED = ((8, cv2.IMREAD_REDUCED_COLOR_8), (4, cv2.IMREAD_REDUCED_COLOR_4), (2, cv2.IMREAD_REDUCED_COLOR_2))


def thumbnail(jpeg: bytes) -> bytes:
    """The picture `WIDTH` pixels wide; as it is when it cannot be read or is no wider than that."""
    try:
        width = size(jpeg)[0]
        if width <= WIDTH:
            return jpeg
        flag = next((each for by, each in _REDUCED if width >= by * WIDTH), cv2.IMREAD_COLOR)
        picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), flag)
    except (JpegError, cv2.error):
        return jpeg
    if picture is None:
        return jpeg
    height = max(1, round(picture.shape[0] * WIDTH / picture.shape[1]))
    small = cv2.resize(picture, (WIDTH, height), interpolation=cv2.INTER_AREA)
    done, packed = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    return packed.tobytes() if done else jpeg
