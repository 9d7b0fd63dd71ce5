"""What the network sees on each picture, computed once and kept in a file outside the tree."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable
from pathlib import Path

import numpy as np

from hub.vision import Detection, Detector

_HEAD = 5


class Looks:
    """Detections by the name of the picture, for one model file and its second look. `close` writes what is new."""

    def __init__(self, folder: Path, detector: Detector) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._detector = detector
        self.sha256 = detector.facts()["sha256"]
        twice = detector.model.networks[detector.precision].second_look
        network = hashlib.sha256(f"{self.sha256} {twice}".encode()).hexdigest()
        self._db = sqlite3.connect(folder / f"looks3-{network[:16]}.db")
        self._db.execute("CREATE TABLE IF NOT EXISTS looks (name TEXT PRIMARY KEY, found BLOB NOT NULL)")
        self.computed = 0

    def look(self, name: str, picture: Callable[[], bytes]) -> Detection:
        """The detection of the picture with this name; the picture is made only if it was never seen."""
        key = hashlib.sha256(name.encode()).hexdigest()
        row = self._db.execute("SELECT found FROM looks WHERE name = ?", (key,)).fetchone()
        if row is not None:
            return _unpacked(row[0])
        found = self._detector.detect(picture())
        self._db.execute("INSERT INTO looks VALUES (?, ?)", (key, _packed(found)))
        self.computed += 1
        if self.computed % 500 == 0:
            self._db.commit()
        return found

    def close(self) -> None:
        """Write and close."""
        self._db.commit()
        self._db.close()


def _packed(found: Detection) -> bytes:
    head = np.array([found.score, found.brightness, found.detail or 0.0, *found.heat.shape], np.float32)
    return head.tobytes() + found.heat.astype(np.float16).tobytes()


def _unpacked(blob: bytes) -> Detection:
    head = np.frombuffer(blob, np.float32, _HEAD)
    heat = np.frombuffer(blob, np.float16, offset=_HEAD * 4).reshape(int(head[3]), int(head[4]))
    return Detection(float(head[0]), heat.astype(np.float32), 0, 0, float(head[1]), float(head[2]))
