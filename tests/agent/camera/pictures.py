"""Test pictures."""

import cv2
import numpy as np


def noise(seed, width=64, height=48):
    """A JPEG that no other seed gives."""
    return encode(np.random.default_rng(seed).integers(0, 255, (height, width, 3), dtype=np.uint8))


def encode(array, quality=80):
    return cv2.imencode(".jpg", array, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()
