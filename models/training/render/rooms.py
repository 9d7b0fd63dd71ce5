"""Chance choices around a print: the printer's paints, the lamps of the room and the sensor that looks. Pure."""

import colorsys

import numpy as np
from numpy.typing import NDArray

from models.training.render import shapes as s
from models.training.render.builds import Build
from models.training.render.shapes import Rgb, Shape

Array = NDArray[np.float64]
LAMPS = ("daylight", "bar", "desk", "night", "coloured")


def make_build(kind: str, rng: np.random.Generator) -> Build:
    """A printer of this kind with its own colours, bed surface and room."""
    dark = float(rng.uniform(0.01, 0.06))
    frame: Rgb = (dark, dark, dark * 1.05) if rng.random() < 0.75 else (0.6, 0.6, 0.62)
    head = _vivid(rng, 0.5) if rng.random() < 0.3 else (dark, dark, dark)
    return Build(
        kind,
        frame,
        head,
        _vivid(rng, 0.6),
        bed_paint(rng, str(rng.choice(["pei", "grid", "glass", "gold"]))),
        wall_paint(rng, _muted(rng)),
        desk_paint(rng, _muted(rng)),
        float(rng.uniform(0.08, 0.4)),
        bool(rng.random() < 0.6),
        bool(rng.random() < 0.5),
        int(rng.integers(0, 1000)),
    )


def filament(rng: np.random.Generator) -> Rgb:
    """A colour that filament is sold in."""
    if rng.random() < 0.4:
        grey = float(rng.choice([0.02, 0.08, 0.25, 0.45, 0.75]))
        return (grey, grey, grey)
    return _vivid(rng, 0.8)


def _vivid(rng: np.random.Generator, value: float) -> Rgb:
    return colorsys.hsv_to_rgb(
        float(rng.random()), float(rng.uniform(0.6, 0.98)), value * float(rng.uniform(0.5, 1))
    )


def _muted(rng: np.random.Generator) -> Rgb:
    return colorsys.hsv_to_rgb(
        float(rng.random()), float(rng.uniform(0.0, 0.45)), float(rng.uniform(0.08, 0.7))
    )


def bed_paint(rng: np.random.Generator, name: str, size: int = 256) -> Shape:
    """The surface of a print bed: textured PEI, a printed grid, dark glass or gold PEI."""
    base = {
        "pei": (0.035, 0.035, 0.04),
        "grid": (0.03, 0.03, 0.033),
        "glass": (0.02, 0.022, 0.025),
        "gold": (0.32, 0.2, 0.06),
    }[name]
    grain = 0.75 + 0.5 * rng.random((size, size, 1)) * (0.3 if name == "glass" else 1.0)
    picture = np.array(base) * grain * (0.8 + 0.4 * s.noise(rng, size, size)[:, :, None])
    if name in ("grid", "glass"):
        for cell in np.linspace(0, size - 1, 12).astype(int):
            picture[cell : cell + size // 256, :] = picture[:, cell : cell + size // 256] = 0.14
    marks = s.noise(rng, size, size, 6) > 0.83
    picture[marks] *= 1.35
    return s.texture(np.clip(picture, 0, 1))


def wall_paint(rng: np.random.Generator, rgb: Rgb, size: int = 256) -> Shape:
    """A plastered or papered wall."""
    relief = s.noise(rng, size, size, 7)
    speck = rng.normal(0, 0.03, (size, size))
    return s.texture(np.clip(np.array(rgb) * (0.75 + 0.4 * relief + speck)[:, :, None], 0, 1))


def desk_paint(rng: np.random.Generator, rgb: Rgb, size: int = 256) -> Shape:
    """A desk top with grain along it."""
    grain = s.noise(rng, size, size, 6, stretch=14)
    rings = 0.5 + 0.5 * np.sin(grain * 40)
    return s.texture(np.clip(np.array(rgb) * (0.55 + 0.45 * grain + 0.12 * rings)[:, :, None], 0, 1))


def lamps(name: str, rng: np.random.Generator, eye: Array, enclosed: bool) -> dict[str, Shape]:
    """Light sources and the faint light from all around."""
    side = float(rng.choice([-1.0, 1.0]))
    target = [0.0, 0.0, 0.1]
    high = 0.85 if enclosed else 2.6
    if name == "night":
        spot = s.at(eye, 0.12 * side, 0.0, 0.1)
        return {"key": s.lamp(spot, target, (0.08, 0.08), (40.0, 40.0, 40.0)), "sky": _sky(0.02)}
    if name == "bar":
        bar = [0.0, -0.9, high]
        return {"key": s.lamp(bar, [0.0, -0.2, -1.0], (2.2, 0.12), (14.0, 15.0, 16.0)), "sky": _sky(0.15)}
    if name == "coloured":
        glow = _vivid(rng, 12.0)
        return {
            "key": s.lamp([side * 1.2, -1.2, high], target, (0.7, 0.3), glow),
            "fill": s.lamp([-side * 1.3, -0.6, high], target, (0.4, 0.4), (2.5, 2.5, 2.8)),
            "sky": _sky(0.08),
        }
    if name == "desk":
        place = [side * rng.uniform(0.8, 1.4), rng.uniform(-1.6, -0.6), high]
        return {"key": s.lamp(place, target, (0.35, 0.35), (22.0, 17.0, 11.0)), "sky": _sky(0.12)}
    if enclosed:
        return {
            "key": s.lamp([side * 0.5, -1.3, 0.85], target, (1.4, 0.3), (8.0, 9.0, 10.0)),
            "sky": _sky(0.5),
        }
    window = [side * 3.6, -1.0, 2.0]
    return {"key": s.lamp(window, target, (2.2, 2.6), (7.0, 7.8, 9.0)), "sky": _sky(0.35)}


def _sky(level: float) -> Shape:
    return {"type": "constant", "radiance": s.colour((level, level, level * 1.05))}
