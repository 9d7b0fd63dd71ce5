"""Real tangles cut from photographs, drawn strands and harmless patches, put into real frames with light and shadow."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from models.training.augment import Image, Rng, shift_hue
from models.training.data import Picture

Matte = NDArray[np.float32]


@dataclass(frozen=True)
class Cutout:
    """A picture part and how solid each of its pixels is."""

    image: Image
    alpha: Matte


def clean_matte(crop: Image, ring: NDArray[np.bool_]) -> Matte:
    """How much nearer each pixel's colour is to the colours inside than to those of the ring around the box."""
    lab = cv2.cvtColor(cv2.bilateralFilter(crop, 5, 20, 3), cv2.COLOR_BGR2LAB).astype(np.float32)
    lab *= np.array([0.7, 1.2, 1.2], np.float32)
    far = _distance(lab, lab[ring], 5, 0.06)
    inner = far[~ring]
    odd = lab[~ring][inner > np.clip(np.percentile(inner, 60), 14, 40)]
    near = _distance(lab, odd[:: max(len(odd) // 6000, 1)], 4, 0.0)
    grey = cv2.cvtColor(crop, cv2.COLOR_BGR2GRAY).astype(np.float32)
    busy = cv2.GaussianBlur(np.abs(cv2.Laplacian(grey, cv2.CV_32F)), (0, 0), 7)
    solid = np.clip((far / (far + near + 4) - 0.42) / 0.2, 0, 1)
    solid *= np.clip((far - 8) / 12, 0, 1) * np.clip((busy - 3) / 6, 0, 1)
    return cv2.GaussianBlur(solid.astype(np.float32), (0, 0), 0.7)


def soft_matte(crop: Image, ring: NDArray[np.bool_]) -> Matte:
    """How far each pixel's colour is from those of the ring around the box, more solid where there is more texture."""
    lab = cv2.cvtColor(crop, cv2.COLOR_BGR2LAB).astype(np.float32) * np.array([0.7, 1.2, 1.2], np.float32)
    grey = cv2.cvtColor(crop, cv2.COLOR_BGR2GRAY).astype(np.float32)
    busy = cv2.GaussianBlur(np.abs(cv2.Laplacian(grey, cv2.CV_32F)), (0, 0), 4)
    far = _distance(lab, lab[ring], 4, 0.08)
    solid = np.clip((far - 14) / 22, 0, 1) * np.clip((busy - 4) / 14, 0, 1)
    return cv2.GaussianBlur(solid.astype(np.float32), (0, 0), 0.7)


MATTES = {"clean": clean_matte, "soft": soft_matte}


def _distance(lab: NDArray[np.float32], colours: NDArray[np.float32], count: int, least: float) -> Matte:
    """Each pixel's distance to the nearest of the main colours; none is near when there are too few to tell."""
    if len(colours) < 30:
        return np.full(lab.shape[:2], 1e9, np.float32)
    cv2.setRNGSeed(7)
    criteria = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 12, 1.0)
    _, which, centres = cv2.kmeans(
        np.ascontiguousarray(colours), count, np.empty(0, np.int32), criteria, 2, cv2.KMEANS_PP_CENTERS
    )
    share = np.bincount(which.ravel(), minlength=count) / len(colours)
    chosen = centres[share >= least]
    return np.min([np.linalg.norm(lab - centre, axis=2) for centre in chosen], axis=0).astype(np.float32)


def cut(image: Image, picture: Picture, matte: str = "clean", limit: int = 200) -> Cutout | None:
    """The tangle inside the boxes of a picture, or nothing when no clean matte comes out."""
    h, w = image.shape[:2]
    boxes = pixel_boxes(picture, w, h)
    (x0, y0), (x1, y1) = boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)
    if x1 - x0 < 40 or y1 - y0 < 40:
        return None
    pad = max(6, (x1 - x0 + y1 - y0) // 20)
    left, top = max(x0 - pad, 0), max(y0 - pad, 0)
    crop = image[top : y1 + pad, left : x1 + pad]
    inside = np.zeros(crop.shape[:2], np.float32)
    for bx0, by0, bx1, by1 in boxes - [left, top, left, top]:
        inside[by0:by1, bx0:bx1] = 1
    alpha = MATTES[matte](crop, inside == 0) * cv2.GaussianBlur(inside, (0, 0), pad / 2)
    if not 0.12 < float(alpha.sum() / inside.sum()) < 0.9:
        return None
    scale = min(1.0, limit / max(crop.shape[:2]))
    size = (max(int(crop.shape[1] * scale), 8), max(int(crop.shape[0] * scale), 8))
    return Cutout(
        cv2.resize(crop, size, interpolation=cv2.INTER_AREA),
        cv2.resize(alpha, size, interpolation=cv2.INTER_AREA),
    )


def pixel_boxes(picture: Picture, width: int, height: int) -> NDArray[np.int64]:
    """The boxes of a picture as rows of x0, y0, x1, y1 in pixels."""
    middle, size = np.array(picture.boxes)[:, :2], np.array(picture.boxes)[:, 2:]
    edges = np.clip(np.hstack([middle - size / 2, middle + size / 2]), 0, 1)
    return (edges * [width, height, width, height]).astype(np.int64)


def place(rng: Rng, cutout: Cutout, size: float, target: Image) -> tuple[Image, Matte]:
    """A cut-out turned, recoloured, scaled to `size` (share of the frame's side), as full-frame picture and matte."""
    side = target.shape[0]
    image = shift_hue(rng, cutout.image) if rng.random() < 0.7 else cutout.image
    h, w = image.shape[:2]
    scale = size * side / max(h, w)
    a = np.deg2rad(rng.normal(0, 25) if rng.random() < 0.8 else rng.uniform(-180, 180))
    stretch = np.diag([scale * np.exp(rng.normal(0, 0.15)), scale * np.exp(rng.normal(0, 0.15))])
    linear = np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]]) @ stretch
    if rng.random() < 0.5:
        linear[:, 0] *= -1
    spot = np.array([rng.uniform(0.15, 0.85), np.clip(rng.normal(0.58, 0.18), 0.15, 0.9)]) * side
    matrix = np.column_stack([linear, spot - linear @ np.array([w, h]) / 2])
    if scale < 0.7:
        image = cv2.GaussianBlur(image, (0, 0), 0.3 / scale)
    picture = cv2.warpAffine(
        image, matrix, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    alpha = cv2.warpAffine(cutout.alpha, matrix, (side, side), flags=cv2.INTER_LINEAR)
    return picture, alpha


def blend(rng: Rng, target: Image, picture: Image, alpha: Matte) -> Image:
    """The placed picture in the target: light matched to the place, a soft shadow below, sharpness matched."""
    weight = float(alpha.sum())
    if weight < 1:
        return target
    small = cv2.GaussianBlur(cv2.resize(alpha, (80, 80), interpolation=cv2.INTER_AREA), (0, 0), 2) + 1e-6
    local = (cv2.resize(target, (80, 80), interpolation=cv2.INTER_AREA) * small[..., None]).sum(
        axis=(0, 1)
    ) / small.sum()
    here = float((picture.sum(axis=2, dtype=np.float32) * alpha).sum() / weight / 3)
    gain = np.clip((0.35 * float(local.mean()) + 45 + rng.normal(0, 30)) / max(here, 8), 0.3, 2.2)
    tone = np.ones(3)
    if rng.random() < 0.5:
        tone = 0.5 + 0.5 * local / max(float(local.mean()), 1)
    paste = np.minimum(picture * (gain * tone).astype(np.float32), 255)
    shadow = np.roll(
        cv2.GaussianBlur(alpha, (0, 0), float(rng.uniform(2, 5))), int(rng.integers(0, 6)), axis=0
    )
    base = target * (1 - shadow * np.float32(rng.uniform(0, 0.55)))[..., None]
    solid = np.clip(alpha * np.float32(rng.uniform(0.85, 1.15)), 0, 1)[..., None]
    return (base + (paste - base) * solid).astype(np.uint8)


def visible(before: Image, after: Image, alpha: Matte) -> bool:
    """Whether the pasted thing can be told from what was there."""
    solid = alpha > 0.4
    if solid.mean() < 0.0025:
        return False
    return float(cv2.absdiff(before, after).mean(axis=2)[solid].mean()) > 16


def strands(rng: Rng, side: int, amount: int, size: float) -> tuple[Image, Matte]:
    """A drawn tangle: `amount` bent threads of one filament around a spot, with a lit and a dark flank."""
    up = 2
    canvas = np.zeros((side * up, side * up, 3), np.uint8)
    alpha = np.zeros((side * up, side * up), np.uint8)
    base = np.array(
        cv2.cvtColor(
            np.uint8([[[rng.integers(0, 180), rng.integers(0, 256), rng.integers(60, 256)]]]),
            cv2.COLOR_HSV2BGR,
        )[0, 0],
        float,
    )
    spot = np.array([rng.uniform(0.2, 0.8), np.clip(rng.normal(0.6, 0.15), 0.2, 0.88)]) * side * up
    spread = size * side * up / 2
    thick = max(1, round(float(rng.uniform(0.6, 1.6)) * up * (0.6 + size)))
    flat = rng.uniform(0.3, 1.0)
    for _ in range(amount):
        points = int(rng.integers(12, 60))
        turn = np.cumsum(rng.normal(0, 0.22, points)) + rng.normal(0, 0.12)
        heading = rng.uniform(0, 2 * np.pi) + np.cumsum(turn * 0.55)
        step = spread * rng.uniform(0.05, 0.16)
        path = np.cumsum(np.column_stack([np.cos(heading), np.sin(heading) * flat]) * step, axis=0)
        path = (
            path - path.mean(axis=0) * rng.uniform(0.3, 1) + spot + rng.normal(0, spread * 0.3, 2) * [1, flat]
        )
        line = [np.int32(path * 8)]
        shade = np.clip(base * rng.uniform(0.45, 1.15), 0, 255)
        cv2.polylines(alpha, line, False, 255, thick, cv2.LINE_AA, 3)
        cv2.polylines(canvas, line, False, tuple(shade * 0.45), thick + up, cv2.LINE_AA, 3)
        cv2.polylines(canvas, line, False, tuple(shade), thick, cv2.LINE_AA, 3)
        if thick > 1:
            lit = [np.int32((path - [0, thick * 0.25]) * 8)]
            cv2.polylines(
                canvas,
                lit,
                False,
                tuple(np.clip(shade * 1.5 + 30, 0, 255)),
                max(thick // 2, 1),
                cv2.LINE_AA,
                3,
            )
    small = cv2.resize(canvas, (side, side), interpolation=cv2.INTER_AREA)
    solid = cv2.resize(alpha, (side, side), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    return small, solid


def harmless(rng: Rng, source: Image) -> Cutout:
    """A patch of a good picture with a matte like a tangle's, so that pasting itself is no cue."""
    side = source.shape[0]
    w, h = (rng.uniform(0.2, 0.6, 2) * side).astype(int)
    x, y = int(rng.uniform(0, side - w)), int(rng.uniform(0, side - h))
    crop = source[y : y + h, x : x + w]
    if rng.random() < 0.5:
        ring = np.ones(crop.shape[:2], bool)
        ring[h // 8 : -h // 8, w // 8 : -w // 8] = False
        alpha = clean_matte(crop, ring)
    else:
        alpha = np.zeros((h, w), np.float32)
        cv2.ellipse(alpha, (int(w // 2), int(h // 2)), (int(w * 0.45), int(h * 0.45)), 0, 0, 360, 1.0, -1)
        alpha = cv2.GaussianBlur(alpha, (0, 0), float(rng.uniform(1, 5)))
    return Cutout(crop, alpha)
