"""Pictures painted in the test: dark grey ones for a print that goes well, bright ones for a failing print."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

FINE, FAILING = 60, 245


def picture(level: int, number: int = 0, side: int = 160) -> bytes:
    """A JPEG with noise around a grey level; another `number` is another picture."""
    noise = np.random.default_rng(number).integers(-10, 11, (side * 3 // 4, side, 3))
    done, jpeg = cv2.imencode(".jpg", np.clip(level + noise, 0, 255).astype(np.uint8))
    assert done
    return jpeg.tobytes()


def fine(count: int = 40) -> list[bytes]:
    """Pictures of a print that goes well, none like the other."""
    return [picture(FINE, number) for number in range(count)]


def failing(count: int = 40) -> list[bytes]:
    """Pictures of a failing print, none like the other."""
    return [picture(FAILING, number) for number in range(count)]


def clip(path: Path, pictures: Sequence[bytes]) -> Path:
    """A clip file of these pictures."""
    path.write_bytes(b"".join(pictures))
    return path
