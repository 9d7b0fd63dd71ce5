"""The demo clips: one print that fails from a known frame on, one that goes well, as raw MJPEG."""

import json
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.training.render import rooms, scene
from models.training.render import shapes as s
from models.training.render.builds import Build
from models.training.render.effects import Sensor, despeckle, develop, encode, exposure_for
from models.training.render.parts import Solid, height_at
from models.training.render.shapes import Shape
from models.training.render.story import Story
from models.training.render.strands import Nest, Tangle, grow
from models.training.render.views import View

CLEAN = Sensor(grain=0.006, denoise=6.0, sharpen=0.25, vignette=0.35, glare=0.08, contrast=1.04)


@dataclass(frozen=True)
class Plan:
    """What one clip shows and how large it may become."""

    name: str
    seed: int
    frames: int
    onset: int | None
    fps: float
    limit: int
    width: int
    height: int
    samples: int


def plans(seed: int, width: int, samples: int) -> list[Plan]:
    """The two clips that ship."""
    size = (width, width * 3 // 4, samples)
    return [
        Plan("failing", seed, 72, 34, 4.0, 2_000_000, *size),
        Plan("good", seed, 36, None, 4.0, 1_000_000, *size),
    ]


def failing(plan: Plan) -> Story:
    """A twisted planter whose upper half turns into a nest that buries it."""
    rng = np.random.default_rng(plan.seed)
    body = Solid(
        (0.05, -0.05), (0.36, 0.34), 0.0, 1.0, "lobed", lobes=6, twist=1.1, profile="waist", layer=0.0105
    )
    base = Solid((0.05, -0.05), (0.44, 0.42), 0.0, 0.06, "round", layer=0.0105)
    draft = Story(
        "spaghetti",
        plan.frames,
        plan.onset,
        (base, body),
        (0.02, 0.74),
        (0.85, 0.2, 0.03),
        Tangle(()),
        0.0038,
        0.14,
        1.25,
        0.75,
    )
    top = draft.part_height(plan.onset or 0)
    nest = Nest(body.centre, 0.36, top, top + 0.26, 0.8, 0.2, draft.radius, cling=0.008)
    tangle = grow(rng, nest, 230, lambda x, y: height_at(draft.solids, top, x, y))
    return replace(draft, solids=(body, base), tangle=tangle)


def good(plan: Plan) -> Story:
    """A round vase that grows to its end without trouble."""
    body = Solid((0.0, 0.0), (0.36, 0.36), 0.0, 0.9, "round", profile="vase", hollow=True, layer=0.0105)
    return Story("plain", plan.frames, None, (body,), (0.03, 0.78), (0.02, 0.3, 0.42), Tangle(()), turn=0.75)


def workshop(seed: int) -> tuple[Build, dict[str, Shape]]:
    """The printer and the light that both clips share."""
    rng = np.random.default_rng(seed)
    build = Build(
        "bedslinger",
        (0.022, 0.022, 0.025),
        (0.03, 0.03, 0.034),
        (0.03, 0.16, 0.42),
        rooms.bed_paint(rng, "grid", 1024),
        rooms.wall_paint(rng, (0.42, 0.40, 0.37), 1024),
        rooms.desk_paint(rng, (0.42, 0.25, 0.12), 1024),
        0.22,
        clutter=23,
    )
    light = {
        "key": s.lamp([-1.6, -1.7, 2.7], [0, 0, 0.1], (0.55, 0.55), (19.0, 16.5, 13.5)),
        "window": s.lamp([3.8, -0.8, 2.0], [0, 0, 0.2], (1.6, 2.2), (1.6, 2.0, 2.7)),
        "sky": {"type": "constant", "radiance": s.colour((0.13, 0.135, 0.15))},
    }
    return build, light


def camera(plan: Plan) -> View:
    """A webcam on the desk, a little right of the middle, looking down on the bed."""
    return View(np.array([0.85, -2.75, 1.25]), np.array([0.06, 0.0, 0.42]), 52.0, plan.width, plan.height)


def make(plan: Plan, cache: Path, out: Path, passes: int) -> None:
    """Render the missing passes of every frame into the cache, then write the clip and, if it fails, its facts."""
    story = failing(plan) if plan.onset is not None else good(plan)
    build, light = workshop(plan.seed)
    view, folder = camera(plan), cache / f"{plan.name}-{plan.width}x{plan.height}-{plan.samples}"
    folder.mkdir(parents=True, exist_ok=True)
    for turn in range(passes):
        for frame in range(plan.frames):
            path = folder / f"{frame:03d}-{turn}.npy"
            print(
                f"\r{plan.name}: pass {turn + 1}/{passes}, frame {frame + 1}/{plan.frames}",
                end="",
                file=sys.stderr,
                flush=True,
            )
            if path.exists():
                continue
            nozzle = story.nozzle(frame)
            pieces = {**build.pieces(nozzle), **story.pieces(frame, build.bed_offset(nozzle)), **light}
            linear = scene.render(pieces, view, plan.samples, seed=turn * 10_000 + frame)
            part = path.with_suffix(".part.npy")
            np.save(part, linear.astype(np.float16))
            part.rename(path)
        print(file=sys.stderr)
        write(plan, view, folder, out, turn + 1)


def write(plan: Plan, view: View, folder: Path, out: Path, passes: int) -> None:
    """Develop the rendered frames and write them at the best JPEG quality that keeps the clip under its limit."""
    linear = [_mean(folder, frame, passes) for frame in range(plan.frames)]
    sensor = replace(CLEAN, exposure=exposure_for(linear[0], 0.34))
    pictures = [
        develop(picture, view, sensor, plan.seed * 1000 + frame) for frame, picture in enumerate(linear)
    ]
    for quality in range(90, 20, -3):
        jpegs = [encode(picture, quality) for picture in pictures]
        if sum(map(len, jpegs)) <= plan.limit:
            break
    out.mkdir(parents=True, exist_ok=True)
    (out / f"{plan.name}.mjpeg").write_bytes(b"".join(jpegs))
    if plan.onset is not None:
        facts = {
            "frames": plan.frames,
            "onset": plan.onset,
            "fps": plan.fps,
            "seed": plan.seed,
            "width": plan.width,
            "height": plan.height,
        }
        (out / "clip.json").write_text(json.dumps(facts, indent=2) + "\n")
    print(f"{plan.name}.mjpeg: {plan.frames} frames, {sum(map(len, jpegs))} bytes, JPEG quality {quality}")


def _mean(folder: Path, frame: int, passes: int) -> NDArray[np.float32]:
    """One frame averaged over its passes."""
    total = sum(
        despeckle(np.load(folder / f"{frame:03d}-{turn}.npy").astype(np.float32)) for turn in range(passes)
    )
    return np.asarray(total / passes, dtype=np.float32)
