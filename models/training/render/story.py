"""What happens to one print, frame by frame: the part, the nozzle, and what goes wrong from a known onset. Pure."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.training.render import parts
from models.training.render import shapes as s
from models.training.render.parts import Solid
from models.training.render.shapes import Rgb, Shape
from models.training.render.strands import Nest, Points, Tangle, bridge, grow

Array = NDArray[np.float64]
FAILING = ("spaghetti", "air", "detached", "blob")
HARMLESS = ("plain", "supports", "warping", "empty")
KINDS = (*FAILING, "stringing", *HARMLESS)


@dataclass(frozen=True)
class Story:
    """One print from its first to its last frame; every method is a pure function of the frame's number."""

    kind: str
    frames: int
    onset: int | None
    solids: tuple[Solid, ...]
    span: tuple[float, float]
    filament: Rgb
    tangle: Tangle
    radius: float = 0.005
    roughness: float = 0.2
    pace: float = 1.3
    turn: float = 2.4
    push: tuple[float, float, float] = (0.0, 0.0, 0.0)
    lift: float = 0.0

    def height(self, frame: int) -> float:
        """How high the nozzle prints in this frame, above the bed."""
        low, high = self.span
        return low + (high - low) * frame / max(self.frames - 1, 1)

    def part_height(self, frame: int) -> float:
        """How high the part stands: it stops growing at the onset of a failure."""
        if self.kind in ("empty", "air"):
            return 0.0 if self.kind == "empty" else self.height(min(frame, (self.onset or 0) - 1))
        failed = self.onset is not None and self.kind in FAILING and frame >= self.onset
        return self.height(self.onset or 0) if failed else self.height(frame)

    def progress(self, frame: int) -> float:
        """Share of the tangle that is laid: 0 before the onset, 1 in the last frame."""
        if self.onset is None or frame < self.onset:
            return 0.0
        return float(((frame - self.onset + 1) / (self.frames - self.onset)) ** self.pace)

    def nozzle(self, frame: int) -> Array:
        """Nozzle tip above the bed."""
        body = self.solids[0]
        z = self.height(frame)
        if self.kind == "empty":
            return np.array([body.centre[0], body.centre[1], z + 0.15])
        rim = body.rim(min(max(z, body.base), body.base + body.height), 0.12)
        angle = self.turn * frame
        spot = rim[round(angle / (2 * math.pi) * len(rim)) % len(rim)]
        return np.array([spot[0], spot[1], z + 0.004])

    def strands(self, frame: int) -> list[Points]:
        """The loose filament of this frame, above the bed."""
        laid = self.tangle.at(self.progress(frame))
        if self.kind == "blob":
            return [strand + self.nozzle(frame) for strand in laid]
        return laid

    def moved(self, frame: int, points: Array) -> Array:
        """Points of the part after it came loose (or bent) as far as it has by this frame."""
        if self.kind == "detached" and self.onset is not None and frame >= self.onset:
            share = min(1.0, (frame - self.onset + 1) / 3)
            tilt = s.rotate(2, self.push[2] * share) @ s.rotate(0, 0.35 * self.push[2] * share)
            centre = np.array([*self.solids[0].centre, 0.0])
            turned = s.apply(tilt, points - centre) + centre + [*(np.array(self.push[:2]) * share), 0.0]
            turned[:, 2] -= min(0.0, float(turned[:, 2].min())) if len(turned) > 8 else 0.0
            return np.asarray(turned)
        if self.kind == "warping":
            body = self.solids[0]
            out = np.hypot(*(points[:, :2] - body.centre).T) / max(body.size)
            lifted = points.copy()
            lifted[:, 2] += self.lift * np.clip(out - 0.5, 0, 1) ** 2
            return np.asarray(lifted)
        return points

    def pieces(self, frame: int, offset: Array) -> dict[str, Shape]:
        """Part, supports and loose filament as scene pieces, moved by the bed's offset."""
        paint = s.plastic(self.filament, self.roughness)
        z = self.part_height(frame)
        pieces: dict[str, Shape] = {}
        for index, solid in enumerate(self.solids):
            if (body := parts.mesh_until(solid, z)) is not None:
                pieces[f"part{index}"] = s.mesh(self.moved(frame, body.vertices) + offset, body.faces, paint)
                lines = parts.top_lines(solid, z, 0.035, 0.8 + 1.57 * (frame % 2))
                if lines:
                    lines = [self.moved(frame, line) + offset for line in lines]
                    pieces[f"infill{index}"] = s.tubes(lines, 0.005, paint)
        if self.kind == "supports":
            pieces |= self._supports(z, offset, paint)
        return pieces | self._loose(frame, offset, paint)

    def _supports(self, z: float, offset: Array, paint: Shape) -> dict[str, Shape]:
        body, walls = self.solids[0], {}
        top = min(z, body.height * 0.8)
        for index in range(-4, 5):
            x = body.centre[0] + body.size[0] * 1.6
            centre = np.array([x, body.centre[1] + 0.06 * index, top / 2]) + offset
            walls[f"support{index}"] = s.box(centre, [body.size[0] * 0.9, 0.008, max(top, 0.01)], paint)
        return walls

    def _loose(self, frame: int, offset: Array, paint: Shape) -> dict[str, Shape]:
        strands = self.strands(frame)
        pieces: dict[str, Shape] = {}
        if not strands:
            return pieces
        pieces["strands"] = s.tubes([strand + offset for strand in strands], self.radius, paint)
        tip = self.nozzle(frame)
        if self.kind == "blob":
            size = 0.025 + 0.05 * self.progress(frame)
            for index, shift in enumerate(np.random.default_rng(7).normal(0, 0.6, (7, 3))):
                pieces[f"blob{index}"] = s.ball(tip + offset + shift * size + [0, 0, 0.03], size, paint)
        elif self.kind != "stringing":
            rng = np.random.default_rng(frame)
            line = bridge(rng, tip, strands[-1][-1], 0.02)
            pieces["tether"] = s.tubes([line + offset], self.radius * 0.8, paint)
        return pieces


def make_story(kind: str, rng: np.random.Generator, frames: int, onset: int | None, filament: Rgb) -> Story:
    """A print of this kind with chance in its part, its tangle and its pace."""
    solids = parts.make_part(rng)
    body = solids[0]
    low = float(rng.uniform(0.03, 0.5)) * body.height
    high = float(min(body.height, low + rng.uniform(0.2, 0.6) * body.height))
    if kind == "stringing":
        solids = _towers(body)
    if kind == "warping":
        solids = (Solid(body.centre, (0.5, 0.4), 0.0, body.height, "square", profile="straight"),)
    if kind == "air":
        low, high = float(rng.uniform(0.03, 0.1)), float(rng.uniform(0.15, 0.5))
    onset = onset if kind in (*FAILING, "stringing") else None
    radius = float(rng.uniform(0.0028, 0.0065))
    draft = Story(kind, frames, onset, solids, (low, high), filament, Tangle(()), radius)
    push = (float(rng.normal(0, 0.25)), float(rng.normal(0, 0.2)), float(rng.normal(0, 0.6)))
    return Story(
        kind,
        frames,
        onset,
        solids,
        (low, high),
        filament,
        _tangle(draft, rng),
        radius,
        roughness=float(rng.uniform(0.06, 0.35)),
        pace=float(rng.uniform(0.8, 1.8)),
        push=push,
        lift=float(rng.uniform(0.05, 0.3)),
    )


def _towers(body: Solid) -> tuple[Solid, ...]:
    x, y = body.centre
    return tuple(
        Solid((x + dx, y + dy), (0.13, 0.13), 0.0, body.height, "round", profile="taper")
        for dx, dy in ((-0.3, 0.0), (0.3, 0.05), (0.02, 0.35))
    )


def _tangle(story: Story, rng: np.random.Generator) -> Tangle:
    """The loose filament that this kind of print will have in its last frame."""
    if story.onset is None:
        return Tangle(())
    if story.kind == "stringing":
        return _strings(story, rng)
    count = int(np.exp(rng.uniform(math.log(25), math.log(260))))
    body, top = story.solids[0], story.part_height(story.onset)
    if story.kind == "blob":
        nest = Nest((0.0, 0.0), 0.03, -0.02, 0.09, 0.1, 0.4, story.radius, 0.05)
        return grow(rng, nest, max(6, count // 8), lambda *_: -0.12)
    reach = float(rng.uniform(0.25, 0.75))
    nest = Nest(
        body.centre,
        max(body.size),
        top,
        top + 0.1,
        reach,
        float(rng.uniform(0.12, 0.3)),
        story.radius,
        cling=float(rng.uniform(0.0, 0.03)),
    )
    return grow(rng, nest, count, lambda x, y: parts.height_at(story.solids, top, x, y))


def _strings(story: Story, rng: np.random.Generator) -> Tangle:
    """Fine threads between the towers, each at the height that was printing when it was drawn."""
    lines = []
    for frame in range(story.onset or 0, story.frames):
        for _ in range(int(rng.integers(3, 9))):
            first, second = rng.choice(len(story.solids), 2, replace=False)
            z = float(rng.uniform(0.3, 1.0)) * story.part_height(frame)
            ends = [
                np.array([*story.solids[i].centre, z]) + rng.normal(0, 0.04, 3) * [1, 1, 0.2]
                for i in (first, second)
            ]
            lines.append(bridge(rng, ends[0], ends[1], float(rng.uniform(0, 0.08))))
    return Tangle(tuple(lines))
