"""The rendered training set: pictures, masks and a manifest that grows while it is made."""

import csv
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from models.training.render import builds, rooms, sketch, views
from models.training.render.builds import Build
from models.training.render.effects import Sensor, despeckle, develop, encode, exposure_for
from models.training.render.story import FAILING, Story, make_story
from models.training.render.views import View

Array = NDArray[np.float64]
COLUMNS = (
    "file",
    "mask",
    "label",
    "kind",
    "sequence",
    "frame",
    "onset",
    "camera",
    "build",
    "lamp",
    "x",
    "y",
    "w",
    "h",
    "coverage",
    "seed",
)
BLOCK = (
    "spaghetti",
    "plain",
    "spaghetti",
    "supports",
    "air",
    "plain",
    "spaghetti",
    "stringing",
    "detached",
    "plain",
    "spaghetti",
    "warping",
    "blob",
    "plain",
    "spaghetti",
    "empty",
)
FRAMES, GOOD_FRAMES = 4, 3
EARLY_COVERAGE, EARLY_AREA = 0.004, 0.012


@dataclass(frozen=True)
class Job:
    """One picture of the set."""

    sequence: int
    frame: int
    kind: str

    @property
    def name(self) -> str:
        """File name without its ending."""
        return f"r{self.sequence:05d}_{self.frame}"


def jobs(count: int) -> list[Job]:
    """The first `count` pictures; any prefix holds the kinds in nearly the same shares."""
    listed: list[Job] = []
    block = 0
    while len(listed) < count:
        for frame in range(FRAMES):
            for place, kind in enumerate(BLOCK):
                if frame < (FRAMES if kind in FAILING else GOOD_FRAMES - (kind == "stringing")):
                    listed.append(Job(block * len(BLOCK) + place, frame, kind))
        block += 1
    return listed[:count]


def make_dataset(out: Path, count: int, width: int, samples: int, seed: int) -> None:
    """Render what is missing of the first `count` pictures; each is in the manifest as soon as it is on disk."""
    (out / "pictures").mkdir(parents=True, exist_ok=True)
    manifest = out / "manifest.csv"
    done = _known(manifest)
    for index, job in enumerate(jobs(count)):
        file = f"pictures/{job.name}.jpg"
        if file in done:
            continue
        row = _render(job, out, file, (width, width * 3 // 4), samples, seed)
        fresh = not manifest.exists()
        with manifest.open("a", newline="") as stream:
            writer = csv.DictWriter(stream, COLUMNS)
            if fresh:
                writer.writeheader()
            writer.writerow(row)
        print(
            f"\rpicture {index + 1}/{count} {row['label']:9} {row['kind']:10}",
            end="",
            file=sys.stderr,
            flush=True,
        )
    print(file=sys.stderr)


def _known(manifest: Path) -> set[str]:
    """Files that the manifest lists, after cutting off a last row that was never finished."""
    if not manifest.exists():
        return set()
    written = manifest.read_bytes()
    if not written.endswith(b"\n"):
        manifest.write_bytes(written[: written.rfind(b"\n") + 1])
    with manifest.open(newline="") as stream:
        return {row["file"] for row in csv.DictReader(stream)}


@dataclass(frozen=True)
class Setting:
    """One print with all that stays the same over its pictures."""

    story: Story
    build: Build
    sensor: Sensor
    camera: str
    lamp: str


def _setting(job: Job, seed: int) -> Setting:
    """The setting of the job's sequence: builds, cameras and lamps take turns, the rest is chance."""
    rng = np.random.default_rng([seed, job.sequence])
    turn = job.sequence // len(BLOCK) + job.sequence
    lamp = rooms.LAMPS[(job.sequence * 2 + turn // 7) % len(rooms.LAMPS)]
    onset = int(rng.random() < 0.8)
    story = make_story(job.kind, rng, FRAMES, onset, rooms.filament(rng))
    build = rooms.make_build(builds.KINDS[turn % len(builds.KINDS)], rng)
    camera = views.NAMES[(job.sequence * 5 + turn // 3) % len(views.NAMES)]
    return Setting(story, build, make_sensor(rng, lamp), camera, lamp)


def _render(
    job: Job, out: Path, file: str, size: tuple[int, int], samples: int, seed: int
) -> dict[str, object]:
    """Write one picture and its mask; the answer is its row in the manifest."""
    setting = _setting(job, seed)
    linear, found, view = _shoot(job, setting, size, samples, seed)
    gain = exposure_for(linear, setting.sensor.exposure)
    picture = develop(
        despeckle(linear), view, replace(setting.sensor, exposure=gain), job.sequence * 10 + job.frame
    )
    (out / file).write_bytes(encode(picture, setting.sensor.quality))
    mask = ""
    if found.region:
        mask = f"pictures/{job.name}_mask.png"
        cv2.imwrite(str(out / mask), sketch.area(found.mask))
    label, kind = judge(job.kind, setting.story.progress(job.frame), found)
    onset = "" if setting.story.onset is None else setting.story.onset
    place = [f"{value:.4f}" for value in found.region] if found.region else [""] * 4
    values = [file, mask, label, kind, f"r{job.sequence:05d}", job.frame, onset, setting.camera]
    values += [setting.build.kind, setting.lamp, *place, f"{found.coverage:.5f}", seed]
    return dict(zip(COLUMNS, values, strict=True))


def _shoot(
    job: Job, setting: Setting, size: tuple[int, int], samples: int, seed: int
) -> tuple[NDArray[np.float32], sketch.Trace, View]:
    """The linear picture, what is seen of the loose filament in it, and the camera that took it."""
    from models.training.render import scene

    story, build = setting.story, setting.build
    nozzle = story.nozzle(job.frame)
    offset = build.bed_offset(nozzle)
    chance = [np.random.default_rng([seed, job.sequence, number]) for number in (1, 2)]
    view = views.make_view(setting.camera, chance[0], build.kind, nozzle + offset, size)
    light = rooms.lamps(setting.lamp, chance[1], view.eye, build.kind == "enclosed")
    pieces = {**build.pieces(nozzle), **story.pieces(job.frame, offset), **light}
    lines = [strand + offset for strand in story.strands(job.frame)]
    tested = sketch.sample(lines)
    points = np.vstack(
        [line[chosen] for line, chosen in zip(lines, tested, strict=True)] or [np.zeros((0, 3))]
    )
    pieces = {name: scene.simple(piece) for name, piece in pieces.items()}
    linear, seen = scene.render_with_sight(pieces, view, samples, 3, job.sequence * 10 + job.frame, points)
    return linear, sketch.trace(lines, sketch.spread(lines, tested, seen), story.radius, view), view


def judge(kind: str, progress: float, found: sketch.Trace) -> tuple[str, str]:
    """Label and kind of one picture: a failure counts as one only when enough of it can be seen."""
    if progress <= 0:
        return "good", "plain" if kind in FAILING or kind == "stringing" else kind
    if kind == "stringing":
        return "ambiguous", kind
    small = found.region is None or (
        found.coverage < EARLY_COVERAGE or found.region[2] * found.region[3] < EARLY_AREA
    )
    return ("ambiguous", "early") if small else ("failure", kind)


def make_sensor(rng: np.random.Generator, lamp: str) -> Sensor:
    """A camera between a fair webcam and a poor one; at night it sees grey."""
    night = lamp == "night" or rng.random() < 0.06
    return Sensor(
        exposure=float(rng.uniform(0.1, 0.42)),
        tint=tuple(rng.uniform(0.88, 1.12, 3)),
        grain=float(rng.uniform(0.008, 0.035)) * (1.3 if night else 1.0),
        denoise=float(rng.choice([0.0, 3.0, 5.0])),
        blur=float(rng.choice([0.0, 0.0, rng.uniform(0.3, 1.0)])),
        sharpen=float(rng.uniform(0, 1.0)),
        vignette=float(rng.uniform(0, 0.6)),
        glare=float(rng.uniform(0, 0.15)),
        grey=bool(night),
        contrast=float(rng.uniform(0.85, 1.2)),
        bands=float(rng.choice([0.0, 0.0, rng.uniform(0, 0.04)])),
        quality=int(rng.integers(45, 92)),
    )
