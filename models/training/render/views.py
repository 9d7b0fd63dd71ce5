"""Cameras: where they stand, what lens they have, and the exact projection of points into their picture. Pure."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.training.render.shapes import look_at

Array = NDArray[np.float64]
NAMES = ("front", "corner", "top", "nozzle", "wide", "low")


@dataclass(frozen=True)
class View:
    """A camera; a `wide` one is rendered straight and then bent to an equidistant fisheye picture."""

    eye: Array
    target: Array
    fov: float
    width: int = 640
    height: int = 480
    wide: bool = False

    @property
    def render_size(self) -> tuple[int, int]:
        """Size of the straight picture; larger where the bending will stretch the middle."""
        return (
            (round(self.width * 1.25), round(self.height * 1.25)) if self.wide else (self.width, self.height)
        )

    @property
    def render_fov(self) -> float:
        """Horizontal angle of the straight picture in degrees; it has to cover the bent picture's corners."""
        if not self.wide:
            return self.fov
        reach = math.tan(math.radians(self.fov / 2) * math.hypot(1, self.height / self.width))
        return math.degrees(2 * math.atan(reach / math.hypot(1, self.height / self.width)))

    def project(self, points: Array) -> tuple[Array, NDArray[np.bool_]]:
        """Relative picture coordinates (n, 2) with (0, 0) top left, and which points lie inside the picture."""
        matrix = np.linalg.inv(look_at(self.eye, self.target))
        local = points @ matrix[:3, :3].T + matrix[:3, 3]
        depth = np.maximum(local[:, 2], 1e-9)
        slope = np.stack([-local[:, 0] / depth, -local[:, 1] / depth], axis=1)
        half = math.radians(self.fov / 2)
        if self.wide:
            length = np.maximum(np.linalg.norm(slope, axis=1, keepdims=True), 1e-9)
            flat = slope / length * np.arctan(length) / half
        else:
            flat = slope / math.tan(half)
        relative = 0.5 + 0.5 * flat * np.array([1.0, self.width / self.height])
        inside: NDArray[np.bool_] = (local[:, 2] > 0) & np.all((relative >= 0) & (relative <= 1), axis=1)
        return relative, inside

    def bend_map(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """For every pixel of the bent picture the place in the straight picture, as cv2.remap takes it."""
        x = (np.arange(self.width) + 0.5) / self.width * 2 - 1
        y = ((np.arange(self.height) + 0.5) / self.height * 2 - 1) * self.height / self.width
        grid_x, grid_y = np.meshgrid(x, y)
        angle = np.maximum(np.hypot(grid_x, grid_y), 1e-9) * math.radians(self.fov / 2)
        ratio = np.tan(np.minimum(angle, 1.5)) / math.tan(math.radians(self.render_fov / 2))
        ratio = ratio / np.maximum(np.hypot(grid_x, grid_y), 1e-9)
        wide, high = self.render_size
        source_x = (grid_x * ratio * 0.5 + 0.5) * wide - 0.5
        source_y = (grid_y * ratio * wide / high * 0.5 + 0.5) * high - 0.5
        return source_x.astype(np.float32), source_y.astype(np.float32)


def make_view(name: str, rng: np.random.Generator, build: str, nozzle: Array, size: tuple[int, int]) -> View:
    """A camera of the named kind on this build, with a little chance in where it was screwed on."""
    width, height = size
    if name == "nozzle":
        eye = nozzle + np.array([rng.uniform(0.35, 0.7) * rng.choice([-1, 1]), -0.75, rng.uniform(0.35, 0.6)])
        return View(eye, nozzle + np.array([0, 0, -0.12]), float(rng.uniform(55, 70)), width, height)
    side = float(rng.choice([-1, 1]))
    spots = {
        "front": (
            (rng.uniform(-0.5, 0.5), rng.uniform(-2.9, -2.2), rng.uniform(0.5, 1.3)),
            rng.uniform(42, 58),
        ),
        "corner": (
            (side * rng.uniform(1.2, 1.8), rng.uniform(-2.2, -1.6), rng.uniform(0.6, 1.6)),
            rng.uniform(44, 62),
        ),
        "top": (
            (rng.uniform(-0.5, 0.5), rng.uniform(-1.4, -0.9), rng.uniform(1.7, 2.3)),
            rng.uniform(50, 66),
        ),
        "wide": (
            (side * rng.uniform(0.7, 1.15), rng.uniform(-1.5, -1.1), rng.uniform(0.7, 1.5)),
            rng.uniform(95, 115),
        ),
        "low": (
            (rng.uniform(-0.6, 0.6), rng.uniform(-2.0, -1.6), rng.uniform(0.15, 0.35)),
            rng.uniform(48, 62),
        ),
    }
    (x, y, z), fov = spots[name]
    target = np.array([rng.uniform(-0.1, 0.1), rng.uniform(-0.1, 0.1), rng.uniform(0.15, 0.35)])
    if build in ("corexy", "enclosed"):  # their bed sinks away from a head that stays at its height
        target[2] -= 0.35
        z = min(z, 0.5) if name != "top" else z
    if build == "enclosed":
        x, z = min(max(x, -1.3), 1.3), min(z, 0.7)
    return View(np.array([x, y, z]), target, float(fov), width, height, name == "wide")
