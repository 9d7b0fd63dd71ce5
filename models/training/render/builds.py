"""Printers: the frame, bed, gantry and head of four builds, placed for one position of the nozzle. Pure."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.training.render import shapes as s
from models.training.render.head import print_head
from models.training.render.shapes import Rgb, Shape

Array = NDArray[np.float64]
KINDS = ("bedslinger", "corexy", "delta", "enclosed")
Pieces = dict[str, Shape]


@dataclass(frozen=True)
class Build:
    """One printer in one room: its kind, colours and paints, fixed for a whole sequence."""

    kind: str
    frame: Rgb
    head: Rgb
    accent: Rgb
    bed: Shape
    wall: Shape
    desk: Shape
    glossy_bed: float = 0.3
    screen: bool = True
    spool: bool = True
    clutter: int = 0

    def bed_offset(self, nozzle: Array) -> Array:
        """How far the bed stands from the world's origin while the nozzle is at this place above the bed."""
        if self.kind == "bedslinger":
            return np.array([0.0, -nozzle[1], 0.0])
        if self.kind in ("corexy", "enclosed"):
            return np.array([0.0, 0.0, -nozzle[2]])
        return np.zeros(3)

    def pieces(self, nozzle: Array) -> Pieces:
        """Everything but the print itself, in world coordinates."""
        offset = self.bed_offset(nozzle)
        tip = nozzle + offset
        frame = {"bedslinger": _bedslinger, "corexy": _corexy, "delta": _delta, "enclosed": _enclosed}[
            self.kind
        ]
        return {**_bed(self, offset), **frame(self, tip), **print_head(tip, self.head, self.accent)}


def _bed(build: Build, offset: Array) -> Pieces:
    paint = s.plastic(build.bed, build.glossy_bed)
    if build.kind == "delta":
        return {
            "bed": s.disc(offset, [0, 0, 1], 1.2, paint),
            "plate": s.rod(offset - [0, 0, 0.001], offset - [0, 0, 0.08], 1.2, s.metal((0.5, 0.5, 0.5))),
        }
    pieces = {
        "bed": s.sheet(offset, (2.3, 2.3), np.eye(4), paint),
        "plate": s.box(offset - [0, 0, 0.022], [2.3, 2.3, 0.04], s.metal((0.35, 0.35, 0.36), 0.3)),
        "carrier": s.box(offset - [0, 0, 0.16], [2.1, 2.1, 0.05], s.matt((0.04, 0.04, 0.045))),
    }
    for index, (x, y) in enumerate([(-1.12, -0.7), (1.12, -0.7), (-1.12, 0.8), (1.12, 0.8)]):
        pieces[f"clip{index}"] = s.box(
            s.at(offset, x, y, 0.0), [0.1, 0.2, 0.05], s.metal((0.25, 0.25, 0.26), 0.2)
        )
        pieces[f"knob{index}"] = s.rod(
            s.at(offset, x * 0.85, y * 1.3, -0.34),
            s.at(offset, x * 0.85, y * 1.3, -0.26),
            0.12,
            s.plastic(build.accent),
        )
    return pieces


def _room(build: Build, back: float, desk: float) -> Pieces:
    upright = s.rotate(0, np.pi / 2)
    pieces = {
        "wall": s.sheet([0, back, 1.5], (11, 7), upright, s.matt(build.wall)),
        "desk": s.sheet([0, 0, desk], (11, 8), np.eye(4), s.plastic(build.desk, 0.35)),
    }
    rng = np.random.default_rng(build.clutter)
    for index in range(build.clutter % 5):
        size = rng.uniform(0.2, 0.9, 3)
        place = [rng.uniform(-2.6, 2.6), back - rng.uniform(0.3, 0.6), desk + size[2] / 2]
        pieces[f"clutter{index}"] = s.box(
            place, size, s.plastic(tuple(rng.uniform(0.03, 0.6, 3))), rng.uniform(0, 1)
        )
    return pieces


def _profile(low: list[float], high: list[float], rgb: Rgb, width: float = 0.2) -> list[Shape]:
    """An aluminium extrusion between two points along an axis, with the dark slot in the middle of its faces."""
    first, last = np.array(low), np.array(high)
    size, slot = np.full(3, width), np.full(3, width * 0.22)
    axis = int(np.argmax(np.abs(last - first)))
    size[axis] = slot[axis] = abs(last[axis] - first[axis])
    pieces = [s.box((first + last) / 2, size, s.plastic(rgb, 0.25))]
    for across in {0, 1, 2} - {axis}:
        groove = slot.copy()
        groove[across] = width * 1.01
        pieces.append(s.box((first + last) / 2, groove, s.matt((0.01, 0.01, 0.01))))
    return pieces


def _named(name: str, groups: list[list[Shape]]) -> Pieces:
    return {
        f"{name}{index}_{part}": piece
        for index, group in enumerate(groups)
        for part, piece in enumerate(group)
    }


def _bedslinger(build: Build, tip: Array) -> Pieces:
    high = tip[2] + 0.42
    steel = s.metal((0.75, 0.75, 0.76), 0.15)
    pieces = _room(build, 2.2, -0.62)
    pieces |= _named(
        "frame",
        [
            _profile([-1.5, 0.32, -0.6], [-1.5, 0.32, 2.7], build.frame),
            _profile([1.5, 0.32, -0.6], [1.5, 0.32, 2.7], build.frame),
            _profile([-1.6, 0.32, 2.8], [1.6, 0.32, 2.8], build.frame),
            _profile([-1.5, 0.2, high], [1.5, 0.2, high], build.frame),
            _profile([0, -1.8, -0.42], [0, 1.6, -0.42], build.frame, 0.36),
            _profile([-1.5, 0.32, -0.5], [1.5, 0.32, -0.5], build.frame),
        ],
    )
    for side in (-1, 1):
        pieces[f"screw{side}"] = s.rod([1.3 * side, 0.3, -0.5], [1.3 * side, 0.3, 2.7], 0.035, steel)
        pieces[f"carriage{side}"] = s.box(
            [1.48 * side, 0.14, high], [0.3, 0.1, 0.42], s.plastic(build.accent)
        )
        pieces[f"motor{side}"] = s.box(
            [1.3 * side, 0.3, -0.42], [0.36, 0.36, 0.36], s.matt((0.03, 0.03, 0.03))
        )
    pieces["belt"] = s.box([0, 0.085, high], [2.9, 0.012, 0.05], s.matt((0.015, 0.015, 0.015)))
    pieces["extruder"] = s.box([-1.52, 0.14, high + 0.24], [0.34, 0.3, 0.1], s.plastic(build.accent))
    pieces |= _bowden(tip, np.array([-1.5, 0.1, high + 0.3]))
    if build.screen:
        pieces["panel"] = s.box([1.42, -1.35, -0.3], [0.75, 0.3, 0.5], s.plastic((0.02, 0.02, 0.02)))
        pieces["lcd"] = {**s.lamp([1.42, -1.505, -0.27], [1.42, -3, -0.1], (0.5, 0.28), (0.15, 0.5, 1.0))}
    if build.spool:
        pieces["spool0"] = s.disc([0.6, 0.1, 3.2], [0, -1, 0], 0.75, s.plastic((0.03, 0.03, 0.03)))
        pieces["spool1"] = s.disc([0.6, 0.09, 3.2], [0, -1, 0], 0.6, s.plastic(build.accent, 0.15))
    return pieces


def _bowden(tip: Array, far: Array) -> Pieces:
    near = s.at(tip, 0.0, 0.0, 0.62)
    share = np.linspace(0, 1, 14)[:, None]
    line = near * (1 - share) + far * share
    line[:, 2] += 0.85 * np.sin(share[:, 0] * np.pi) ** 0.8
    line[:, 1] -= 0.2 * np.sin(share[:, 0] * np.pi)
    white = s.plastic((0.75, 0.77, 0.8), 0.1)
    dark = s.matt((0.02, 0.02, 0.02))
    loom = line + [0.07, 0.1, -0.12] * np.sin(share * np.pi)
    ends = [np.vstack([near, near, path, far, far]) for path in (line, loom)]
    return {"bowden": s.tubes([ends[0]], 0.02, white), "loom": s.tubes([ends[1]], 0.045, dark)}


def _corexy(build: Build, tip: Array) -> Pieces:
    pieces = _room(build, 2.6, -3.0)
    edge = 1.65
    posts = [_profile([x, y, -3], [x, y, 0.7], build.frame) for x in (-edge, edge) for y in (-edge, edge)]
    bars = [
        _profile([-edge, y, z], [edge, y, z], build.frame)
        for y, z in ((-edge, 0.7), (edge, 0.7), (edge, -1.6))
    ]
    sides = [_profile([x, -edge, 0.6], [x, edge, 0.6], build.frame) for x in (-edge, edge)]
    pieces |= _named("frame", posts + bars + sides)
    pieces["beam"] = s.box([0, tip[1] + 0.2, 0.45], [3.2, 0.16, 0.16], s.plastic((0.06, 0.06, 0.07), 0.2))
    pieces["rail"] = s.box([0, tip[1] + 0.11, 0.45], [3.1, 0.02, 0.1], s.metal((0.8, 0.8, 0.8), 0.15))
    for side in (-1, 1):
        pieces[f"screw{side}"] = s.rod([1.35 * side, 0.9, -3], [1.35 * side, 0.9, 0.5], 0.04, s.metal())
        pieces[f"joint{side}"] = s.box(
            [1.55 * side, tip[1] + 0.15, 0.45], [0.25, 0.35, 0.2], s.plastic(build.accent)
        )
    pieces |= _bowden(tip, np.array([0.8, 1.6, 0.9]))
    return pieces


def _delta(build: Build, tip: Array) -> Pieces:
    pieces = _room(build, 2.9, -0.5)
    corners = [np.array([1.75 * np.cos(a), 1.75 * np.sin(a), 0.0]) for a in np.radians([90, 210, 330])]
    pieces |= _named("frame", [_profile([*c[:2], -0.5], [*c[:2], 4.5], build.frame) for c in corners])
    pieces["base"] = s.rod([0, 0, -0.5], [0, 0, -0.1], 1.7, s.plastic(build.frame))
    hub = s.at(tip, 0, 0, 0.3)
    pieces["effector"] = s.box(hub, [0.5, 0.5, 0.06], s.plastic(build.accent), 0.5)
    carbon = s.plastic((0.03, 0.03, 0.03), 0.1)
    for index, corner in enumerate(corners):
        inward = -corner / np.linalg.norm(corner)
        across = np.array([-inward[1], inward[0], 0.0])
        for side in (-1, 1):
            low = hub - inward * 0.25 + across * 0.12 * side
            high = corner + inward * 0.22 + across * 0.12 * side + [0, 0, tip[2] + 2.4]
            pieces[f"arm{index}{side}"] = s.rod(low, high, 0.03, carbon)
    pieces |= _bowden(tip, np.array([0.6, 1.2, tip[2] + 2.4]))
    return pieces


def _enclosed(build: Build, tip: Array) -> Pieces:
    edge, low, high = 1.5, -2.8, 0.9
    paint = s.plastic(build.frame, 0.35)
    upright = s.rotate(0, np.pi / 2)
    pieces = {
        "wall": s.sheet([0, edge, -1], (3.2, 4), upright, s.matt(build.wall)),
        "floor": s.sheet([0, 0, low], (3.2, 3.2), np.eye(4), paint),
        "lid": s.sheet([0, 0, high], (3.2, 3.2), np.eye(4), paint),
    }
    for side in (-1, 1):
        pieces[f"side{side}"] = s.sheet([edge * side, 0, -1], (4, 3.2), s.rotate(1, np.pi / 2), paint)
        pieces[f"railing{side}"] = s.rod([1.35 * side, -1.5, 0.45], [1.35 * side, 1.5, 0.45], 0.05, s.metal())
        pieces[f"screw{side}"] = s.rod([1.3 * side, 0.6, low], [1.3 * side, 0.6, 0.4], 0.04, s.metal())
    pieces["beam0"] = s.rod(
        [-1.4, tip[1] + 0.16, 0.5], [1.4, tip[1] + 0.16, 0.5], 0.04, s.metal((0.8, 0.8, 0.8), 0.1)
    )
    pieces["beam1"] = s.rod(
        [-1.4, tip[1] + 0.16, 0.3], [1.4, tip[1] + 0.16, 0.3], 0.04, s.metal((0.8, 0.8, 0.8), 0.1)
    )
    pieces["vent"] = s.box([0.7, edge - 0.03, -0.4], [0.9, 0.04, 0.5], s.matt((0.02, 0.02, 0.02)))
    pieces["chute"] = s.box([-0.9, edge - 0.1, -0.1], [0.35, 0.2, 0.2], s.plastic(build.accent))
    pieces |= _bowden(tip, np.array([-0.5, 1.4, 0.8]))
    return pieces
