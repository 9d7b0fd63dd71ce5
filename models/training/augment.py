"""What cameras do to pictures: geometry, colour, light, blur, noise, compression, captions."""

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
Rng = np.random.Generator

EFFECTS = 0.5
"""How many pictures pass through other lamps, other lenses and other compression."""

GHOSTS = 0.25
"""How many pictures show part of the view several times."""


def geometry(
    rng: Rng, image: Image, mask: Image, side: int, zoom: tuple[float, float]
) -> tuple[Image, Image]:
    """The same random affine view of a picture and its mask, `side` pixels wide."""
    h, w = image.shape[:2]
    scale = float(np.exp(rng.uniform(np.log(zoom[0]), np.log(zoom[1])))) * side / w
    aspect = float(np.exp(rng.uniform(-0.25, 0.25)))
    angle = rng.uniform(-180, 180) if rng.random() < 0.12 else rng.normal(0, 7)
    a = np.deg2rad(angle)
    linear = np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]]) @ np.diag(
        [scale * aspect, scale / aspect]
    )
    linear[0, 1] += rng.normal(0, 0.05) * scale
    if rng.random() < 0.5:
        linear[:, 0] *= -1
    slack = np.maximum(np.abs(linear) @ np.array([w, h]) - side, 0) / 2
    spare = np.maximum(side - np.abs(linear) @ np.array([w, h]), 0) / 2
    target = np.array([side, side]) / 2 + rng.uniform(-1, 1, 2) * (slack * 0.7 + spare)
    shift = target - linear @ np.array([w, h]) / 2
    matrix = np.column_stack([linear, shift])
    border = int(rng.choice([cv2.BORDER_REFLECT_101, cv2.BORDER_CONSTANT], p=[0.75, 0.25]))
    fill = tuple(float(v) for v in (rng.integers(0, 256, 3) if rng.random() < 0.3 else np.zeros(3)))
    flags = cv2.INTER_LINEAR
    if scale < 0.7:
        image = cv2.GaussianBlur(image, (0, 0), 0.35 / scale)
    view = cv2.warpAffine(image, matrix, (side, side), flags=flags, borderMode=border, borderValue=fill)
    seen = cv2.warpAffine(mask, matrix, (side, side), flags=flags, borderMode=border, borderValue=0)
    return view, seen


def shift_hue(rng: Rng, image: Image, amount: float = 1.0) -> Image:
    """Hue rotated at random, saturation scaled."""
    hsv = cv2.cvtColor(image, cv2.COLOR_BGR2HSV)
    turn = int(rng.integers(0, 180) * amount)
    hsv[..., 0] = (hsv[..., 0].astype(np.int16) + turn) % 180
    hsv[..., 1] = cv2.multiply(hsv[..., 1], float(rng.uniform(0.3, 1.4)))
    return cv2.cvtColor(hsv, cv2.COLOR_HSV2BGR)


def colour(rng: Rng, image: Image) -> Image:
    """Other filaments, other lamps: hue, tint, grey."""
    if rng.random() < 0.5:
        image = shift_hue(rng, image)
    if rng.random() < 0.25:
        tint = rng.uniform(0.35, 1.3, 3)
        image = np.clip(image * tint, 0, 255).astype(np.uint8)
    if rng.random() < 0.15:
        grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
        image = cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR)
    return image


def light(rng: Rng, image: Image) -> Image:
    """Exposure, gamma, contrast, vignette, a bright lamp, rolling bands."""
    table = np.arange(256) / 255.0
    gamma = float(np.exp(rng.normal(0, 0.35)))
    gain = float(np.exp(rng.normal(0, 0.25))) * (rng.uniform(0.2, 0.6) if rng.random() < 0.12 else 1.0)
    table = (
        np.clip((table**gamma - 0.5) * float(np.exp(rng.normal(0, 0.2))) + 0.5 + rng.normal(0, 0.05), 0, 1)
        * gain
    )
    image = cv2.LUT(image, np.clip(table * 255, 0, 255).astype(np.uint8))
    side = image.shape[0]
    if rng.random() < 0.2:
        y, x = np.mgrid[0:side, 0:side].astype(np.float32) / side
        cx, cy = rng.uniform(-0.2, 1.2, 2)
        fall = np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / rng.uniform(0.05, 0.8))[..., None]
        if rng.random() < 0.5:
            image = np.clip(image * (0.35 + 0.65 * fall), 0, 255).astype(np.uint8)
        else:
            image = np.clip(image + fall * rng.uniform(60, 200), 0, 255).astype(np.uint8)
    if rng.random() < 0.05:
        bands = 1 + 0.15 * np.sin(np.arange(side) / rng.uniform(4, 30) + rng.uniform(0, 6))
        image = np.clip(image * bands[:, None, None], 0, 255).astype(np.uint8)
    return image


def optics(rng: Rng, image: Image) -> Image:
    """Blur, low resolution, noise, JPEG."""
    side = image.shape[0]
    if rng.random() < 0.25:
        image = cv2.GaussianBlur(image, (0, 0), float(rng.uniform(0.4, 1.6)))
    if rng.random() < 0.07:
        length = int(rng.integers(3, 8))
        kernel = np.zeros((length, length), np.float32)
        kernel[length // 2] = 1.0 / length
        if rng.random() < 0.5:
            kernel = kernel.T
        image = cv2.filter2D(image, -1, kernel)
    if rng.random() < 0.15:
        small = int(side * rng.uniform(0.5, 0.9))
        image = cv2.resize(cv2.resize(image, (small, small)), (side, side))
    if rng.random() < 0.35:
        noise = np.empty(image.shape, np.int16)
        cv2.setRNGSeed(int(rng.integers(0, 2**31 - 1)))
        cv2.randn(noise, (0, 0, 0), (float(rng.exponential(7)) + 1,) * 3)
        image = cv2.add(image, noise, dtype=cv2.CV_8U)
    if rng.random() < 0.5:
        quality = int(rng.integers(25, 92))
        _, data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])
        image = cv2.imdecode(data, cv2.IMREAD_COLOR)
    return image


def clutter(rng: Rng, image: Image) -> Image:
    """Captions, boxes and cables: things on both sides of the label."""
    side = image.shape[0]
    if rng.random() < 0.12:
        text = "".join(chr(int(c)) for c in rng.integers(48, 91, int(rng.integers(3, 14))))
        where = (int(rng.uniform(0, 0.6) * side), int(rng.uniform(0.05, 1) * side))
        shade = tuple(int(c) for c in rng.integers(0, 256, 3))
        cv2.putText(
            image,
            text,
            where,
            int(rng.integers(0, 8)),
            float(rng.uniform(0.3, 1.1)),
            shade,
            1 + int(rng.random() < 0.4),
            cv2.LINE_AA,
        )
    if rng.random() < 0.08:
        x, y, w, h = (rng.random(4) * side * np.array([1, 1, 0.35, 0.35])).astype(int)
        shade = tuple(int(c) for c in rng.integers(0, 256, 3))
        cv2.rectangle(image, (int(x), int(y)), (int(x + w), int(y + h)), shade, -1)
    if rng.random() < 0.15:
        for _ in range(int(rng.integers(1, 3))):
            points = np.cumsum(np.vstack([rng.random(2) * side, rng.normal(0, side * 0.25, (3, 2))]), axis=0)
            t = np.linspace(0, 1, 24)[:, None]
            bend = sum(
                c * (1 - t) ** (3 - k) * t**k * p
                for k, (c, p) in enumerate(zip((1, 3, 3, 1), points, strict=True))
            )
            shade = tuple(int(c) for c in rng.integers(0, 256, 3))
            cv2.polylines(image, [np.int32(bend)], False, shade, int(rng.integers(2, 7)), cv2.LINE_AA)
    return image


def ghosts(rng: Rng, image: Image, share: float) -> Image:
    """Part of the view several times, a little aside, in a `share` of pictures: a moving head in dim light, or frames blended."""
    if rng.random() >= share:
        return image
    side = image.shape[0]
    step = rng.normal(0, 0.04, 2) * side * [1.0, 0.3]
    total = image.astype(np.float32)
    copies = int(rng.integers(1, 4))
    for number in range(1, copies + 1):
        moved = np.float32([[1, 0, step[0] * number], [0, 1, step[1] * number]])
        total += cv2.warpAffine(image, moved, (side, side), borderMode=cv2.BORDER_REFLECT_101)
    centre, reach = rng.uniform(0.2, 0.8, 2) * side, rng.uniform(0.15, 0.7, 2) * side
    y, x = np.mgrid[0:side, 0:side].astype(np.float32)
    away = ((x - centre[0]) / reach[0]) ** 2 + ((y - centre[1]) / reach[1]) ** 2
    there = np.clip(2 - 2 * away, 0, 1)[..., None]
    return (image + (total / (copies + 1) - image) * there).astype(np.uint8)


def camera(rng: Rng, image: Image, effects: float = EFFECTS, ghosted: float = GHOSTS) -> Image:
    """Everything that keeps the geometry: effects over a share of the pictures, ghosts over another."""
    image = ghosts(rng, image, ghosted)
    return optics(rng, light(rng, colour(rng, clutter(rng, image)))) if rng.random() < effects else image
