"""Small versions of stored pictures for pages that show many. Pure."""

from __future__ import annotations

import cv2
import numpy as np

WIDTH, QUALITY = 320, 75


def thumbnail(jpeg: bytes) -> bytes:
    """The picture about `WIDTH` pixels wide; as it is when it cannot be read or is no larger than that."""
    try:
        picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_REDUCED_COLOR_2)
    except cv2.error:
        return jpeg
    if picture is None or picture.shape[1] <= WIDTH // 2:
        return jpeg
    scale = min(1.0, WIDTH / picture.shape[1])
    small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    done, packed = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    return packed.tobytes() if done else jpeg
