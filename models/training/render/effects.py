"""What a cheap camera does to a picture: exposure, lens, infrared, noise, sharpening, JPEG. Deterministic by seed."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from models.training.render.views import View

Float = NDArray[np.float32]
Picture = NDArray[np.uint8]


@dataclass(frozen=True)
class Sensor:
    """How one camera sees: all amounts are in parts of the full range unless said otherwise."""

    exposure: float = 1.0
    tint: tuple[float, float, float] = (1.0, 1.0, 1.0)
    grain: float = 0.015
    denoise: float = 4.0
    blur: float = 0.0
    sharpen: float = 0.3
    vignette: float = 0.25
    glare: float = 0.05
    grey: bool = False
    contrast: float = 1.0
    bands: float = 0.0
    quality: int = 80


def exposure_for(linear: Float, level: float) -> float:
    """The gain that brings a picture's bright middle to `level`, robust against lamps in the picture."""
    luminance = linear.mean(axis=2)
    return level / max(float(np.percentile(luminance, 70)), 1e-4)


def despeckle(linear: Float, ratio: float = 1.6) -> Float:
    """The picture without the lone glaring or black pixels that few light paths leave behind.

    A pixel of a thin strand has two neighbours like itself along the strand and stays; a speck has one at most.
    """
    level = np.pad(linear.sum(axis=2) + 0.01, 1, mode="edge")
    high, wide = linear.shape[:2]
    around = [level[y : y + high, x : x + wide] for y in range(3) for x in range(3) if (y, x) != (1, 1)]
    ranked = np.partition(np.stack(around), (1, 6), axis=0)
    centre = level[1:-1, 1:-1]
    wild = (centre > ratio * ranked[6]) | (centre * ratio < ranked[1])
    calm = np.stack(
        [cv2.medianBlur(np.ascontiguousarray(channel), 3) for channel in np.moveaxis(linear, 2, 0)], 2
    )
    return np.where(wild[:, :, None], calm, linear)


def develop(linear: Float, view: View, sensor: Sensor, seed: int) -> Picture:
    """The 8-bit BGR picture that the camera would hand out."""
    rng = np.random.default_rng(seed)
    picture = np.minimum(linear * sensor.exposure, 6.0) * np.array(sensor.tint, np.float32)
    if view.wide:
        picture = cv2.remap(picture, *view.bend_map(), cv2.INTER_LINEAR)
    if sensor.glare > 0:
        bright = np.maximum(picture - 0.9, 0)
        picture = picture + sensor.glare * cv2.GaussianBlur(bright, (0, 0), view.width / 40)
    picture = _vignette(picture, sensor.vignette)
    if sensor.grey:
        picture = np.repeat(picture.mean(axis=2, keepdims=True), 3, axis=2)
    picture = _tone(picture, sensor.contrast)[:, :, ::-1]
    eight = np.clip(picture * 255, 0, 255).astype(np.uint8)
    if sensor.denoise > 0:
        eight[:] = cv2.fastNlMeansDenoisingColored(eight, None, sensor.denoise, sensor.denoise, 3, 9)
    picture = _optics(np.divide(eight, 255, dtype=np.float32), sensor)
    picture = picture + _grain(rng, picture, sensor)
    return np.asarray(np.clip(picture * 255 + 0.5, 0, 255), dtype=np.uint8)


def encode(picture: Picture, quality: int) -> bytes:
    """The picture as a baseline JPEG."""
    done, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        raise ValueError("the picture could not be encoded as JPEG")
    return data.tobytes()


def _vignette(picture: Float, amount: float) -> Float:
    high, wide = picture.shape[:2]
    y, x = np.mgrid[-1 : 1 : high * 1j, -1 : 1 : wide * 1j]
    return np.asarray(picture * (1 - amount * (x**2 + y**2) / 2)[:, :, None], dtype=np.float32)


def _tone(picture: Float, contrast: float) -> Float:
    """Filmic shoulder and gamma, then contrast about the middle."""
    curve = picture * (2.51 * picture + 0.03) / (picture * (2.43 * picture + 0.59) + 0.14)
    return np.asarray(
        np.clip((np.clip(curve, 0, 1) ** (1 / 2.2) - 0.5) * contrast + 0.5, 0, 1), dtype=np.float32
    )


def _optics(picture: Float, sensor: Sensor) -> Float:
    if sensor.blur > 0:
        picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), sensor.blur), np.float32)
    if sensor.sharpen > 0:
        picture = picture + sensor.sharpen * (picture - cv2.GaussianBlur(picture, (0, 0), 1.2))
    return np.asarray(picture, dtype=np.float32)


def _grain(rng: np.random.Generator, picture: Float, sensor: Sensor) -> Float:
    """Sensor noise: stronger in the dark, partly coarse, partly coloured, and slow bands of a flickering lamp."""
    high, wide = picture.shape[:2]
    fine = rng.normal(0, 1, (high, wide, 1)) + 0.4 * rng.normal(0, 1, (high, wide, 3))
    coarse = cv2.resize(rng.normal(0, 1, (high // 2, wide // 2, 3)), (wide, high))
    shade = 1.3 - 0.8 * picture.mean(axis=2, keepdims=True)
    noise = sensor.grain * shade * (0.8 * fine + 0.6 * coarse)
    if sensor.grey:
        noise = np.repeat(noise.mean(axis=2, keepdims=True), 3, axis=2)
    rows = np.sin(np.arange(high) / high * 18 + rng.uniform(0, 6))[:, None, None]
    return np.asarray(noise + sensor.bands * rows * picture, dtype=np.float32)
