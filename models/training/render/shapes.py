"""Scene pieces as plain dictionaries with numpy transforms; `scene` turns them into what Mitsuba loads. Pure."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Shape = dict[str, Any]
Rgb = tuple[float, float, float]


def translate(offset: Array | list[float] | tuple[float, ...]) -> Array:
    """Homogeneous translation."""
    matrix = np.eye(4)
    matrix[:3, 3] = offset
    return matrix


def scale(factors: Array | list[float] | tuple[float, ...]) -> Array:
    """Homogeneous scaling along the axes."""
    return np.diag([*factors, 1.0])


def rotate(axis: int, angle: float) -> Array:
    """Homogeneous rotation about axis 0, 1 or 2 by `angle` radians."""
    matrix = np.eye(4)
    first, second = (axis + 1) % 3, (axis + 2) % 3
    matrix[first, first] = matrix[second, second] = math.cos(angle)
    matrix[first, second], matrix[second, first] = -math.sin(angle), math.sin(angle)
    return matrix


def look_at(origin: Array, target: Array, up: tuple[float, float, float] = (0.0, 0.0, 1.0)) -> Array:
    """Camera-to-world matrix in Mitsuba's convention: x left, y up, z forward."""
    forward = np.asarray(target, float) - np.asarray(origin, float)
    forward /= np.linalg.norm(forward)
    left = np.cross(np.asarray(up, float), forward)
    left /= np.linalg.norm(left)
    matrix = np.eye(4)
    matrix[:3, 0], matrix[:3, 1], matrix[:3, 2], matrix[:3, 3] = (
        left,
        np.cross(forward, left),
        forward,
        origin,
    )
    return matrix


def apply(matrix: Array, points: Array) -> Array:
    """Points (n, 3) moved by a homogeneous matrix."""
    return np.asarray(points @ matrix[:3, :3].T + matrix[:3, 3])


def at(place: Array, x: float, y: float, z: float) -> Array:
    """The point that lies this far from `place`."""
    return np.asarray(place + np.array([x, y, z]))


def colour(rgb: Rgb | Array) -> Shape:
    """A plain colour."""
    return {"type": "rgb", "value": [float(channel) for channel in rgb]}


def matt(rgb: Rgb | Shape) -> Shape:
    """A surface without gloss."""
    return {"type": "twosided", "inner": {"type": "diffuse", "reflectance": _paint(rgb)}}


def plastic(rgb: Rgb | Shape, roughness: float = 0.2) -> Shape:
    """Coloured plastic or lacquer."""
    return {
        "type": "twosided",
        "inner": {"type": "roughplastic", "alpha": roughness, "diffuse_reflectance": _paint(rgb)},
    }


def metal(rgb: Rgb = (0.7, 0.7, 0.7), roughness: float = 0.25) -> Shape:
    """Bare metal."""
    return {
        "type": "twosided",
        "inner": {"type": "roughconductor", "alpha": roughness, "specular_reflectance": colour(rgb)},
    }


def _paint(rgb: Rgb | Shape) -> Shape:
    return rgb if isinstance(rgb, dict) else colour(rgb)


def texture(picture: Array) -> Shape:
    """A picture (rows, columns, 3) of linear colours in 0 to 1 as paint."""
    return {"type": "bitmap", "array": picture.astype(np.float32), "raw": True}


def box(centre: Array | list[float], size: Array | list[float], material: Shape, turn: float = 0.0) -> Shape:
    """A box of full edge lengths `size`, turned about the vertical."""
    half = np.asarray(size, float) / 2
    return {"type": "cube", "to_world": translate(centre) @ rotate(2, turn) @ scale(half), "bsdf": material}


def rod(start: Array | list[float], end: Array | list[float], radius: float, material: Shape) -> Shape:
    """An open cylinder between two points."""
    return {
        "type": "cylinder",
        "p0": [float(v) for v in start],
        "p1": [float(v) for v in end],
        "radius": radius,
        "bsdf": material,
    }


def ball(centre: Array | list[float], radius: float, material: Shape) -> Shape:
    """A sphere."""
    return {"type": "sphere", "center": [float(v) for v in centre], "radius": radius, "bsdf": material}


def disc(centre: Array | list[float], normal: Array | list[float], radius: float, material: Shape) -> Shape:
    """A flat disc facing along `normal`."""
    up = (0.0, 0.0, 1.0) if abs(normal[2]) < 0.9 else (0.0, 1.0, 0.0)
    turn = look_at(np.zeros(3), np.asarray(normal, float), up)
    return {"type": "disk", "to_world": translate(centre) @ turn @ scale([radius] * 3), "bsdf": material}


def sheet(centre: Array | list[float], size: tuple[float, float], turn: Array, material: Shape) -> Shape:
    """A rectangle of the given size, lying flat before `turn` is applied."""
    return {
        "type": "rectangle",
        "to_world": translate(centre) @ turn @ scale([size[0] / 2, size[1] / 2, 1.0]),
        "bsdf": material,
    }


def tubes(lines: list[Array], radius: float, material: Shape) -> Shape:
    """Smooth tubes of constant radius along polylines of at least four points each."""
    return {"type": "bsplinecurve", "lines": lines, "radius": radius, "bsdf": material}


def mesh(vertices: Array, faces: NDArray[np.int32], material: Shape) -> Shape:
    """Triangles with flat faces."""
    return {"type": "ply", "vertices": vertices, "faces": faces, "face_normals": True, "bsdf": material}


def lamp(
    centre: Array | list[float], target: Array | list[float], size: tuple[float, float], light: Rgb
) -> Shape:
    """A glowing rectangle at `centre` that faces `target`."""
    turn = look_at(np.asarray(centre, float), np.asarray(target, float))
    return {
        "type": "rectangle",
        "to_world": turn @ scale([size[0] / 2, size[1] / 2, 1.0]),
        "emitter": {"type": "area", "radiance": colour(light)},
    }


def noise(rng: np.random.Generator, rows: int, columns: int, octaves: int = 5, stretch: float = 1.0) -> Array:
    """Fractal noise in 0 to 1; `stretch` above 1 draws it out along the columns, as wood grain is."""
    total, weight = np.zeros((rows, columns)), 1.0
    for octave in range(octaves):
        high, wide = 3 * 2**octave, max(2, round(3 * 2**octave / stretch))
        grid = rng.random((high + 1, wide + 1))
        y, x = np.linspace(0, high - 1e-6, rows), np.linspace(0, wide - 1e-6, columns)
        row, column = y.astype(int), x.astype(int)
        fy, fx = (y - row)[:, None], (x - column)[None, :]
        upper = grid[np.ix_(row, column)] * (1 - fx) + grid[np.ix_(row, column + 1)] * fx
        lower = grid[np.ix_(row + 1, column)] * (1 - fx) + grid[np.ix_(row + 1, column + 1)] * fx
        total += weight * (upper * (1 - fy) + lower * fy)
        weight *= 0.55
    total -= total.min()
    return np.asarray(total / total.max())
