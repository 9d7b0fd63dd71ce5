"""Regular line patterns that are no failure: infill seen from above, lattices, rings, meshes."""

import cv2
import numpy as np
from numpy.typing import NDArray

from models.training.augment import Image, Rng

Lines = list[NDArray[np.float64]]


def _parallel(angle: float, step: float, wave: float) -> Lines:
    """Straight or wavy lines over the square from -1 to 1, turned by an angle."""
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    t = np.linspace(-1.5, 1.5, 90 if wave else 2)
    return [
        np.column_stack([t, offset + wave * np.sin(t * np.pi / step)]) @ turn.T
        for offset in np.arange(-1.5, 1.5, step)
    ]


def _rings(step: float) -> Lines:
    t = np.linspace(0, 2 * np.pi, 48)
    return [np.column_stack([np.cos(t), np.sin(t)]) * r for r in np.arange(step, 1.2, step)]


def _honeycomb(step: float) -> Lines:
    t = np.linspace(0, 2 * np.pi, 7) + np.pi / 6
    cell = np.column_stack([np.cos(t), np.sin(t)]) * step / np.sqrt(3)
    return [
        cell + np.array([(column + 0.5 * (row % 2)) * step, row * step * np.sqrt(3) / 2])
        for row in range(-int(1.4 / step), int(1.4 / step) + 1)
        for column in range(-int(1.3 / step), int(1.3 / step) + 1)
    ]


def _lines(rng: Rng) -> Lines:
    """One pattern in the square from -1 to 1."""
    kind = rng.choice(["grid", "triangles", "waves", "rings", "honeycomb", "lines"])
    step, angle = float(rng.uniform(0.09, 0.35)), float(rng.uniform(0, np.pi))
    if kind == "rings":
        return _rings(step * 0.7)
    if kind == "honeycomb":
        return _honeycomb(step)
    turns = {"grid": (0.0, 0.5), "triangles": (0.0, 1 / 3, 2 / 3), "waves": (0.0, 0.5), "lines": (0.0,)}[
        str(kind)
    ]
    wave = step * float(rng.uniform(0.2, 0.6)) if kind == "waves" else 0.0
    return [line for turn in turns for line in _parallel(angle + turn * np.pi, step, wave)]


def _outline(rng: Rng) -> NDArray[np.float64]:
    """The rim of a part: a rounded blob or a box, about 1 in radius."""
    t = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    if rng.random() < 0.4:
        power = float(rng.uniform(2, 9))
        radius = (np.abs(np.cos(t)) ** power + np.abs(np.sin(t)) ** power) ** (-1 / power)
    else:
        radius = 1 + sum(rng.normal(0, 0.16 / k) * np.cos(k * t + rng.uniform(0, 6)) for k in range(1, 5))
    return np.column_stack([np.cos(t), np.sin(t)]) * radius[:, None] * 0.9


def lattice(rng: Rng, side: int, size: float) -> tuple[Image, NDArray[np.float32]]:
    """A drawn part top with its infill as picture and matte; `size` is its share of the frame's side."""
    up = 2
    rim = _outline(rng)
    a = rng.uniform(0, 2 * np.pi)
    turn = np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]])
    squash = np.diag([1.0, rng.uniform(0.3, 1.0)]) * size * side * up / 2
    spot = np.array([rng.uniform(0.2, 0.8), np.clip(rng.normal(0.55, 0.17), 0.2, 0.85)]) * side * up

    def seen(points: NDArray[np.float64]) -> NDArray[np.int32]:
        return np.int32((points @ turn.T @ squash + spot) * 8)

    hue, saturation = int(rng.integers(0, 180)), int(rng.integers(0, 256))
    colour = cv2.cvtColor(np.uint8([[[hue, saturation, rng.integers(90, 256)]]]), cv2.COLOR_HSV2BGR)[
        0, 0
    ].astype(float)
    below = colour * rng.uniform(0.1, 0.8)
    canvas = np.zeros((side * up, side * up, 3), np.uint8)
    canvas[:] = below
    thick = max(1, round(float(rng.uniform(0.5, 1.6)) * up * (0.6 + size)))
    for line in _lines(rng):
        cv2.polylines(
            canvas, [seen(line)], False, tuple(colour * rng.uniform(0.75, 1.1)), thick, cv2.LINE_AA, 3
        )
    cv2.polylines(canvas, [seen(rim)], True, tuple(colour), thick * 2, cv2.LINE_AA, 3)
    alpha = np.zeros((side * up, side * up), np.uint8)
    cv2.fillPoly(alpha, [seen(rim)], 255, cv2.LINE_AA, 3)
    if rng.random() < 0.4:
        height = int(rng.uniform(0.1, 0.8) * size * side * up / 2)
        wall = np.zeros_like(alpha)
        for lift in range(0, height, max(thick * 2, 2)):
            shift = np.float32([[1, 0, 0], [0, 1, lift]])
            wall = cv2.max(wall, cv2.warpAffine(alpha, shift, (side * up, side * up)))
        stripes = 0.6 + 0.25 * np.sin(np.arange(side * up) * np.pi / max(thick, 2))
        front = (colour * stripes[:, None, None]).astype(np.uint8)
        canvas = np.where(alpha[..., None] > 0, canvas, front)
        alpha = wall
    picture = cv2.resize(canvas, (side, side), interpolation=cv2.INTER_AREA)
    return picture, cv2.resize(alpha, (side, side), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
