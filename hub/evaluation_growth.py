"""Films of prints that start to fail: real tangles that grow over real prints which went well. For the evaluation.

A film is asked for a picture at any time. Between two recorded pictures of the print it shows one of the pictures
recorded around that time, since a camera at any moment sees the head anywhere.
"""

from __future__ import annotations

import csv
import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from hub.evaluation_data import FAILURE, read_boxes

Picture = NDArray[np.uint8]

SPACING_S = 10.0
#: Seconds until a tangle has its full size, which is this share of the picture's width.
GROWTH_S, FULL = 300.0, 0.36
#: It grows on beyond that by this factor in area, in steps of this share of its full size.
LARGEST, STEP = 1.6, 0.025
SMALL_SIDE = 480


@dataclass(frozen=True)
class Cutout:
    """A tangle cut from a photograph, with how solid each pixel is."""

    name: str
    image: Picture
    alpha: NDArray[np.float32]


@dataclass(frozen=True)
class Back:
    """A print that went well: its pictures `SPACING_S` apart, and where on them the part stands."""

    name: str
    rig: str
    frames: tuple[bytes, ...]
    spot: tuple[float, float] = (0.5, 0.62)

    @property
    def end(self) -> float:
        """The length in seconds."""
        return len(self.frames) * SPACING_S


@dataclass(frozen=True)
class Film:
    """One sequence. Without an `onset` nothing fails.

    `hidden` is the share of pictures in which the head covers the tangle, `light` names a change of light. Growth
    ends `pause_growth` seconds after the onset and goes on at the time `again`. A `length` repeats a short print.
    """

    back: Back
    sort: str
    onset: float | None = None
    tangle: int = 0
    seed: int = 0
    hidden: float = 0.0
    light: str = ""
    pause_growth: float = float("inf")
    again: float = float("inf")
    length: float | None = None

    @property
    def end(self) -> float:
        """When it ends, in seconds."""
        return self.back.end if self.length is None else self.length

    @property
    def name(self) -> str:
        """What tells it from all others."""
        if self.onset is None:
            return f"{self.back.name}/{self.light}"
        parts = (self.back.name, self.onset, self.tangle, self.seed, self.hidden, self.light)
        return "/".join(map(str, (*parts, self.pause_growth, self.again)))

    def frame(self, t: float) -> int:
        """The number of the recorded picture that is seen at `t`."""
        at = int(t // SPACING_S)
        if t % SPACING_S:
            at += int(_draw(self.back.name, t) * 5) - 2
        if self.length is not None:
            return at % len(self.back.frames)
        return min(max(at, 0), len(self.back.frames) - 1)

    def size(self, t: float) -> float:
        """The tangle's size at `t` as a share of its full size."""
        if self.onset is None or t < self.onset:
            return 0.0
        age = min(t, self.onset + self.pause_growth) - self.onset + max(0.0, t - self.again)
        return math.ceil(math.sqrt(min(LARGEST, (age + 1.0) / GROWTH_S)) / STEP) * STEP

    def shows(self, t: float) -> bool:
        """Whether the tangle can be seen at `t`."""
        return self.size(t) > 0 and _draw(self.name, t) >= self.hidden

    def key(self, t: float) -> str:
        """The same for pictures that are the same."""
        light = self.light if self.light and _lit(self.light, t) else ""
        where = f"{self.back.name}#{self.frame(t)}~{light}"
        return f"{where}|{self.tangle}/{self.seed}@{self.size(t):.3f}" if self.shows(t) else where

    def picture(self, t: float, cutouts: Sequence[Cutout]) -> bytes:
        """What the camera sees at `t`, as JPEG."""
        image = _decoded(self.back.frames[self.frame(t)])
        if self.shows(t):
            image = self._grown(image, cutouts[self.tangle % len(cutouts)], self.size(t))
        if self.light and _lit(self.light, t):
            image = _relit(image, self.light)
        return cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 88])[1].tobytes()

    def _grown(self, image: Picture, cutout: Cutout, size: float) -> Picture:
        rng = np.random.default_rng((self.seed, self.tangle))
        height, width = image.shape[:2]
        x, y = np.array(self.back.spot) + rng.normal(0, 0.04, 2)
        scale = FULL * size * width / cutout.image.shape[1]
        return _pasted(image, cutout, scale, (x * width, y * height))


def cutouts(data: Path, split: str, limit: int) -> list[Cutout]:
    """Up to `limit` clean tangles of a split's failing pictures, one of each print, the same ones every time."""
    found: list[Cutout] = []
    groups: set[str] = set()
    with (data / "manifest.csv").open(newline="", encoding="utf-8") as file:
        rows = [r for r in csv.DictReader(file) if r["split"] == split and r["label"] == FAILURE]
    for row in sorted(rows, key=lambda r: hashlib.sha256(r["file"].encode()).digest()):
        if len(found) == limit:
            break
        boxes = read_boxes(data / row["file"].replace("/images/", "/labels/").replace(".jpg", ".txt"))
        image = cv2.imread(str(data / row["file"]))
        if not boxes or row["group"] in groups or image is None:
            continue
        cut = _cut(f"{split}/{Path(row['file']).stem}", np.asarray(image, np.uint8), boxes)
        if cut is not None:
            groups.add(row["group"])
            found.append(cut)
    return found


def _cut(name: str, image: Picture, boxes: Sequence[tuple[float, float, float, float]]) -> Cutout | None:
    """The union of the boxes with a soft matte: solid where it differs from the colours around the boxes."""
    height, width = image.shape[:2]
    x0, y0 = (max(0.0, min(b[i] for b in boxes)) for i in (0, 1))
    x1, y1 = (min(1.0, max(b[i] + b[i + 2] for b in boxes)) for i in (0, 1))
    left, top, right, bottom = int(x0 * width), int(y0 * height), int(x1 * width), int(y1 * height)
    pad = max(6, (right - left) // 12)
    if min(right - left, bottom - top) < 60:
        return None
    outer = image[max(0, top - pad) : bottom + pad, max(0, left - pad) : right + pad]
    inside = np.zeros(outer.shape[:2], np.float32)
    oy, ox = top - max(0, top - pad), left - max(0, left - pad)
    inside[oy : oy + bottom - top, ox : ox + right - left] = 1.0
    lab = cv2.cvtColor(outer, cv2.COLOR_BGR2LAB).astype(np.float32)
    ring = lab[inside == 0]
    if len(ring) < 200:
        return None
    picks = ring[:: max(1, len(ring) // 48)]
    far = np.full(inside.shape, 1e9, np.float32)
    for colour in picks:
        far = np.minimum(far, np.asarray(np.linalg.norm(lab - colour, axis=2), np.float32))
    alpha = np.clip((far - 10) / 18, 0, 1) * cv2.GaussianBlur(inside, (0, 0), pad / 3)
    share = float(alpha.mean())
    if not 0.15 < share < 0.8:
        return None
    scale = min(1.0, 260 / max(outer.shape[:2]))
    size = (max(8, int(outer.shape[1] * scale)), max(8, int(outer.shape[0] * scale)))
    soft = cv2.GaussianBlur(np.asarray(alpha, np.float32), (0, 0), 0.8)
    return Cutout(
        name,
        np.asarray(cv2.resize(outer, size, interpolation=cv2.INTER_AREA), np.uint8),
        np.asarray(cv2.resize(soft, size, interpolation=cv2.INTER_AREA), np.float32),
    )


def _pasted(image: Picture, cutout: Cutout, scale: float, centre: tuple[float, float]) -> Picture:
    """The tangle over the picture, in the light of the place."""
    height, width = image.shape[:2]
    h, w = cutout.image.shape[:2]
    matrix = np.array([[scale, 0, centre[0] - scale * w / 2], [0, scale, centre[1] - scale * h / 2]])
    flags = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    small = cv2.resize(cutout.image, None, fx=scale, fy=scale, interpolation=flags) if scale < 1 else None
    if small is not None and min(small.shape[:2]) >= 2:
        soft = cv2.resize(cutout.alpha, (small.shape[1], small.shape[0]), interpolation=cv2.INTER_AREA)
        shift = np.array([[1.0, 0, matrix[0, 2]], [0, 1.0, matrix[1, 2]]])
        over, alpha = (cv2.warpAffine(each, shift, (width, height)) for each in (small, soft))
    else:
        over, alpha = (cv2.warpAffine(each, matrix, (width, height)) for each in (cutout.image, cutout.alpha))
    weight = alpha[..., None]
    solid = alpha > 0.3
    if solid.any():
        gain = float(image[solid].mean() + 40) / float(over[solid].mean() + 40)
        over = np.clip(over * np.clip(gain, 0.6, 1.3), 0, 255)
    return np.asarray(np.clip(image * (1 - weight) + over * weight, 0, 255), np.uint8)


def _lit(light: str, t: float) -> bool:
    """Whether a change of light is in force: `lamp` goes off and on every minute, `dusk` stays."""
    return light != "lamp" or int(t // 60) % 2 == 1


def _relit(image: Picture, light: str) -> Picture:
    tint = np.array([0.42, 0.45, 0.5] if light == "lamp" else [0.5, 0.62, 0.75], np.float32)
    return np.asarray(np.clip(image * tint, 0, 255), np.uint8)


def _draw(name: str, t: float) -> float:
    """A number from 0 to 1 that depends on its arguments alone."""
    digest = hashlib.blake2b(f"{name}@{t:.3f}".encode(), digest_size=4).digest()
    return int.from_bytes(digest, "big") / 2**32


@lru_cache(maxsize=200)
def _decoded(jpeg: bytes) -> Picture:
    image = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert image is not None
    scale = SMALL_SIDE / max(image.shape[:2])
    if scale < 1:
        image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return np.asarray(image, np.uint8)
