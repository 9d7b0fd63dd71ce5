"""Printed parts: star-shaped solids made of layers, cut at any height, with the infill that shows on top. Pure."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
ANGLES = 96
WIDEST = 1.3
"""No outline reaches farther than this, relative to the size of its solid."""


@dataclass(frozen=True)
class Mesh:
    """Triangles: vertices (n, 3) and indices (m, 3)."""

    vertices: Array
    faces: NDArray[np.int32]


@dataclass(frozen=True)
class Solid:
    """One star-shaped body: outline, size, twist and profile over its height."""

    centre: tuple[float, float]
    size: tuple[float, float]
    base: float
    height: float
    outline: str = "round"
    lobes: int = 5
    twist: float = 0.0
    profile: str = "straight"
    hollow: bool = False
    layer: float = 0.011
    phase: float = 0.0

    def radius(self, angle: Array, share: float) -> Array:
        """Outline radius relative to `size` at these angles, at this share of the height."""
        angle = angle + self.phase + self.twist * share
        if self.outline == "lobed":
            shape = 0.85 + 0.15 * np.cos(self.lobes * angle)
        elif self.outline == "polygon":
            half = math.pi / self.lobes
            shape = math.cos(half) / np.cos((angle % (2 * half)) - half)
        elif self.outline == "gear":
            shape = 0.88 + 0.12 * np.clip(3 * np.cos(self.lobes * 2 * angle), -1, 1)
        elif self.outline == "square":
            shape = (np.abs(np.cos(angle)) ** 8 + np.abs(np.sin(angle)) ** 8) ** (-1 / 8)
        else:
            shape = np.ones_like(angle)
        return shape * _profile(self.profile, share)

    def rim(self, z: float, inset: float = 0.0, count: int = ANGLES) -> Array:
        """The outline at height `z` as points (count, 3)."""
        angle = np.linspace(0, 2 * math.pi, count, endpoint=False)
        share = (z - self.base) / self.height
        radius = self.radius(angle, share) * (1 - inset)
        x = self.centre[0] + self.size[0] * radius * np.cos(angle)
        y = self.centre[1] + self.size[1] * radius * np.sin(angle)
        return np.stack([x, y, np.full(count, z)], axis=1)

    def contains(self, x: float, y: float, z: float) -> bool:
        """Whether (x, y) lies inside the outline at height `z`."""
        dx, dy = (x - self.centre[0]) / self.size[0], (y - self.centre[1]) / self.size[1]
        if math.hypot(dx, dy) > WIDEST:
            return False
        share = min(max((z - self.base) / self.height, 0.0), 1.0)
        angle = np.array([math.atan2(dy, dx)])
        return math.hypot(dx, dy) <= float(self.radius(angle, share)[0])


def _profile(name: str, share: float) -> float:
    if name == "vase":
        return 0.72 + 0.28 * math.sin(0.5 + 4.2 * share)
    if name == "taper":
        return 1.0 - 0.45 * share
    if name == "dome":
        return math.sqrt(max(1.0 - 0.9 * share**2, 0.02))
    if name == "waist":
        return 0.75 + 0.25 * math.cos(2 * math.pi * share)
    return 1.0


def mesh_until(solid: Solid, z: float) -> Mesh | None:
    """The part of the solid below `z` as a closed, visibly layered mesh; None while nothing is printed."""
    top = min(z, solid.base + solid.height)
    layers = int((top - solid.base) / solid.layer)
    if layers < 1:
        return None
    rings = []
    for index in range(layers):
        low = solid.base + index * solid.layer
        rings += [
            solid.rim(low, 0.022),
            solid.rim(low + 0.3 * solid.layer),
            solid.rim(low + 0.7 * solid.layer),
        ]
    top = solid.base + layers * solid.layer
    rings.append(solid.rim(top, 0.022))
    if solid.hollow:
        rings += [solid.rim(top, 0.1), solid.rim(solid.base + solid.layer, 0.1)]
    centre = rings[-1].mean(axis=0)
    return _close(rings, centre)


def _close(rings: list[Array], centre: Array) -> Mesh:
    count = len(rings[0])
    vertices = np.vstack([*rings, centre])
    ring = np.arange(count)
    following = (ring + 1) % count
    faces = []
    for index in range(len(rings) - 1):
        low, high = index * count, (index + 1) * count
        faces.append(np.stack([low + ring, low + following, high + following], axis=1))
        faces.append(np.stack([low + ring, high + following, high + ring], axis=1))
    last = (len(rings) - 1) * count
    faces.append(np.stack([last + ring, last + following, np.full(count, len(vertices) - 1)], axis=1))
    return Mesh(vertices, np.vstack(faces).astype(np.int32))


def top_lines(solid: Solid, z: float, spacing: float, angle: float) -> list[Array]:
    """Walls and infill of the topmost layer as polylines, for a part that is still printing."""
    layers = int((min(z, solid.base + solid.height) - solid.base) / solid.layer)
    if layers < 1 or z > solid.base + solid.height or solid.hollow:
        return []
    top = solid.base + layers * solid.layer + 0.002
    share = (top - solid.base) / solid.height
    lines = [
        np.vstack([rim := solid.rim(min(top, solid.base + solid.height), inset), rim[:3]])
        for inset in (0.03, 0.1)
    ]
    reach = 1.3 * max(solid.size)
    along = np.linspace(-reach, reach, 160)
    for offset in np.arange(-reach, reach, spacing):
        x = along * math.cos(angle) - offset * math.sin(angle)
        y = along * math.sin(angle) + offset * math.cos(angle)
        dx, dy = x / solid.size[0], y / solid.size[1]
        inside = np.hypot(dx, dy) < 0.88 * solid.radius(np.arctan2(dy, dx), share)
        if inside.sum() >= 6:
            keep = np.flatnonzero(inside)[::4]
            lines.append(
                np.stack([solid.centre[0] + x[keep], solid.centre[1] + y[keep], np.full(len(keep), top)], 1)
            )
    return [line for line in lines if len(line) >= 4]


def height_at(solids: tuple[Solid, ...], z: float, x: float, y: float) -> float:
    """Top of the parts printed up to `z` under (x, y); 0 on the bare bed."""
    best = 0.0
    for solid in solids:
        top = min(z, solid.base + solid.height)
        if top > max(best, solid.base) and solid.contains(x, y, top):
            best = top
    return best


def make_part(rng: np.random.Generator) -> tuple[Solid, ...]:
    """One to three bodies that make a plausible part near the middle of the bed."""
    centre = tuple(float(v) for v in rng.uniform(-0.3, 0.3, 2))
    size = float(rng.uniform(0.16, 0.42))
    aspect = float(rng.uniform(0.6, 1.0))
    body = Solid(
        (centre[0], centre[1]),
        (size, size * aspect),
        0.0,
        float(rng.uniform(0.25, 0.95)),
        outline=str(rng.choice(["round", "lobed", "polygon", "gear", "square"])),
        lobes=int(rng.integers(3, 9)),
        twist=float(rng.choice([0.0, 0.0, rng.uniform(-1.5, 1.5)])),
        profile=str(rng.choice(["straight", "straight", "vase", "taper", "dome", "waist"])),
        hollow=bool(rng.random() < 0.3),
        layer=float(rng.uniform(0.008, 0.014)),
        phase=float(rng.uniform(0, 6)),
    )
    solids = [body]
    if rng.random() < 0.4:
        plate = Solid(
            body.centre, (size * 1.3, size * 1.2 * aspect), 0.0, 0.06, outline="square", phase=body.phase
        )
        solids.append(plate)
    if rng.random() < 0.3:
        side = float(rng.uniform(0, 2 * math.pi))
        spot = (centre[0] + 1.7 * size * math.cos(side), centre[1] + 1.7 * size * math.sin(side))
        solids.append(Solid(spot, (size * 0.4, size * 0.4), 0.0, body.height * 0.9, profile="taper"))
    return tuple(solids)
