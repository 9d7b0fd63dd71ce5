"""What a batch is made of: pictures, frames, composites, drawn strands, harmless pastes and rendered pictures."""

import csv
import os
import pickle
from collections import defaultdict
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from models.training import augment, composite, lattice
from models.training.augment import Image, Rng
from models.training.data import FAILURE, GOOD, LARGE, SIDE, Picture, PictureStore, box_mask

UNKNOWN = -1.0
"""A cell whose truth is not known and that no loss looks at."""

SHARES = {
    "web_fail": 3.5,
    "web_good": 3.0,
    "cam_good": 1.5,
    "frame_fail": 2.0,
    "frame_good": 2.0,
    "composite": 2.0,
    "drawn": 1.5,
    "harmless": 0.8,
    "lattice": 1.2,
    "rendered": 2.0,
}
"""How many pictures of a batch of 16 come from each ingredient, before ingredients without pictures drop out."""

DOUBLE = 0.12
"""How many of the good frames are two in one: recorders blend neighbouring pictures, and heads move in dim light."""

CLOSE_UP = 0.4
"""How many of the photographs are seen from near: good prints too fill the whole view then."""


class Groups:
    """Pictures drawn evenly by group, so that a print with many pictures counts once."""

    def __init__(self, pictures: list[Picture]) -> None:
        by: dict[str, list[Picture]] = defaultdict(list)
        for picture in pictures:
            by[picture.group].append(picture)
        self._groups = list(by.values())

    def __bool__(self) -> bool:
        return bool(self._groups)

    def draw(self, rng: Rng) -> Picture:
        """One picture: every group is as likely as every other."""
        group = self._group(rng)
        return group[int(rng.integers(len(group)))]

    def pair(self, rng: Rng) -> tuple[Picture, Picture]:
        """Two pictures of one group, the same one twice where there is no other."""
        group = self._group(rng)
        first, second = rng.integers(len(group), size=2)
        return group[int(first)], group[int(second)]

    def _group(self, rng: Rng) -> list[Picture]:
        return self._groups[int(rng.integers(len(self._groups)))]


def load_cutouts(
    data: Path, cache: Path, pictures: list[Picture], mattes: tuple[str, ...] = tuple(composite.MATTES)
) -> list[list[composite.Cutout]]:
    """Every tangle of the boxed pictures by each of the mattes, cut once and kept in the cache, by group."""
    path = cache / "cutouts-3.pickle"
    if path.exists():
        kept: dict[tuple[str, str], composite.Cutout | None] = pickle.loads(path.read_bytes())
    else:
        kept = {}
    wanted = [(picture, matte) for picture in pictures for matte in mattes]
    missing = [(picture, matte) for picture, matte in wanted if (picture.file, matte) not in kept]
    for picture, matte in missing:
        kept[picture.file, matte] = composite.cut(cv2.imread(str(data / picture.file)), picture, matte)
    if missing:
        part = path.with_suffix(f".{os.getpid()}.part")
        part.write_bytes(pickle.dumps(kept))
        part.rename(path)
    groups: dict[str, list[composite.Cutout]] = defaultdict(list)
    for picture, matte in wanted:
        cutout = kept[picture.file, matte]
        if cutout is not None:
            groups[picture.group].append(cutout)
    return list(groups.values())


def load_rendered(folder: Path) -> list[tuple[Path, Path | None, str]]:
    """(picture, mask or nothing, label) of the rendered pictures whose label is not ambiguous."""
    manifest = folder / "manifest.csv"
    if not manifest.exists():
        return []
    rows = []
    with manifest.open(newline="") as file:
        for row in csv.DictReader(file):
            mask = folder / row["mask"] if row.get("mask") else None
            if row["label"] in (GOOD, FAILURE) and (folder / row["file"]).exists():
                rows.append((folder / row["file"], mask, row["label"]))
    return rows


class Mixture:
    """Draws training examples: (picture, label, cells); cells are 0..1 or UNKNOWN."""

    def __init__(
        self,
        store: PictureStore,
        large: PictureStore,
        singles: list[Picture],
        frames: list[Picture],
        cutouts: list[list[composite.Cutout]],
        rendered: list[tuple[Path, Path | None, str]],
        side: int,
        without: tuple[str, ...] = (),
        effects: float = augment.EFFECTS,
        ghosts: float = augment.GHOSTS,
    ) -> None:
        self._store, self._large, self._cutouts, self._side = store, large, cutouts, side
        self._web_fail = Groups([p for p in singles if p.label == FAILURE])
        self._web_good = Groups([p for p in singles if p.label == GOOD and p.kind != "neg_cam"])
        self._cam_good = Groups([p for p in singles if p.kind == "neg_cam"])
        self._frame_fail = Groups([p for p in frames if p.label == FAILURE and p.fixed])
        self._hand_fail = Groups([p for p in frames if p.label == FAILURE and not p.fixed])
        self._frame_good = Groups([p for p in frames if p.label == GOOD])
        self._rendered, self._effects, self._ghosts = rendered, effects, ghosts
        usable = {
            "web_fail": bool(self._web_fail),
            "web_good": bool(self._web_good),
            "cam_good": bool(self._cam_good),
            "frame_fail": bool(self._frame_fail),
            "frame_good": bool(self._frame_good),
            "composite": bool(cutouts),
            "drawn": True,
            "harmless": True,
            "lattice": True,
            "rendered": bool(rendered),
        }
        self._names = [n for n in SHARES if usable[n] and n not in without]
        shares = np.array([SHARES[n] for n in self._names])
        self._shares = shares / shares.sum()

    def batch(
        self, rng: Rng, count: int
    ) -> tuple[NDArray[np.uint8], NDArray[np.float32], NDArray[np.float32]]:
        """`count` examples with stratified ingredients."""
        spots = (np.arange(count) + rng.random(count)) / count
        names = np.searchsorted(np.cumsum(self._shares), spots)
        parts = [self.example(rng, self._names[min(int(i), len(self._names) - 1)]) for i in names]
        images, labels, cells = zip(*parts, strict=True)
        return np.stack(images), np.array(labels, np.float32), np.stack(cells)

    def example(self, rng: Rng, name: str) -> tuple[Image, float, NDArray[np.float32]]:
        """One example of one ingredient."""
        made = getattr(self, f"_make_{name}")(rng)
        image, mask, label, zoom = made
        view, seen = augment.geometry(rng, image, mask, self._side, zoom)
        if label == 1.0 and mask.any() and (seen > 100).mean() < 0.0025:
            view = cv2.resize(image, (self._side, self._side), interpolation=cv2.INTER_AREA)
            seen = cv2.resize(mask, (self._side, self._side), interpolation=cv2.INTER_AREA)
        view = augment.camera(rng, view, self._effects, self._ghosts)
        return view, label, self._cells(seen, label, name)

    def _cells(self, seen: Image, label: float, name: str) -> NDArray[np.float32]:
        grid = self._side // 16
        share = cv2.resize(seen, (grid, grid), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
        if label == 0.0:
            return np.zeros((grid, grid), np.float32)
        if not seen.any():
            return np.full((grid, grid), UNKNOWN, np.float32)
        low, high = (0.03, 0.5) if name in ("web_fail", "frame_fail") else (0.004, 0.08)
        cells = np.full((grid, grid), UNKNOWN, np.float32)
        cells[share >= high] = 1
        cells[share <= low] = 0
        return cells

    def _background(self, rng: Rng) -> Image:
        pools = [self._cam_good, self._frame_good, self._web_good]
        odds = np.array([0.4, 0.45, 0.15]) * [bool(p) for p in pools]
        pool = pools[int(rng.choice(3, p=odds / odds.sum()))]
        image = self._seen(rng, pool)
        return image if rng.random() < 0.5 else np.ascontiguousarray(image[:, ::-1])

    def _seen(self, rng: Rng, pool: Groups) -> Image:
        """A picture of the pool, now and then with another of its group shining through."""
        first, second = pool.pair(rng)
        if rng.random() >= DOUBLE:
            return self._store.get(first)
        share = float(rng.uniform(0.3, 0.7))
        return cv2.addWeighted(self._store.get(first), share, self._store.get(second), 1 - share, 0)

    def _make_web_fail(self, rng):
        picture = self._web_fail.draw(rng)
        if picture.boxes and rng.random() < CLOSE_UP:
            cx, cy, w, h = picture.boxes[int(rng.integers(len(picture.boxes)))]
            spot = np.array([cx, cy]) + rng.uniform(-0.3, 0.3, 2) * [w, h]
            share = float(np.clip(max(w, h) * rng.uniform(0.6, 1.3), 0.3, 0.9))
            return *self._close_up(picture, spot, share), 1.0, (0.7, 1.3)
        return self._store.get(picture), box_mask(picture), 1.0, (0.4, 1.35)

    def _close_up(self, picture: Picture, spot: NDArray[np.float64], share: float) -> tuple[Image, Image]:
        """The part of a photograph around a spot, `share` of its side wide, and its mask, as large as a whole one."""
        image, part = self._large.get(picture), int(share * LARGE)
        x, y = (int(v) for v in np.clip(spot * LARGE - part / 2, 0, LARGE - part))
        window = (slice(y, y + part), slice(x, x + part))
        mask = box_mask(picture, LARGE)[window]
        seen = cv2.resize(image[window], (SIDE, SIDE), interpolation=cv2.INTER_LINEAR)
        return seen, cv2.resize(mask, (SIDE, SIDE), interpolation=cv2.INTER_LINEAR)

    def _make_web_good(self, rng):
        picture = self._web_good.draw(rng)
        if rng.random() < CLOSE_UP:
            share = float(np.exp(rng.uniform(np.log(0.25), np.log(0.8))))
            return *self._close_up(picture, rng.random(2), share), 0.0, (0.7, 1.3)
        return self._store.get(picture), np.zeros((SIDE, SIDE), np.uint8), 0.0, (0.4, 1.6)

    def _make_cam_good(self, rng):
        return self._store.get(self._cam_good.draw(rng)), np.zeros((SIDE, SIDE), np.uint8), 0.0, (0.6, 1.8)

    def _make_frame_fail(self, rng):
        pool = self._hand_fail if self._hand_fail and rng.random() < 0.3 else self._frame_fail
        picture = pool.draw(rng)
        return self._store.get(picture), box_mask(picture), 1.0, (0.5, 1.3)

    def _make_frame_good(self, rng):
        return self._seen(rng, self._frame_good), np.zeros((SIDE, SIDE), np.uint8), 0.0, (0.6, 1.8)

    def _make_composite(self, rng):
        back = self._background(rng)
        for _ in range(4):
            group = self._cutouts[int(rng.integers(len(self._cutouts)))]
            cutout = group[int(rng.integers(len(group)))]
            size = float(np.exp(rng.uniform(np.log(0.14), np.log(0.75))))
            picture, alpha = composite.place(rng, cutout, size, back)
            image = composite.blend(rng, back, picture, alpha)
            if composite.visible(back, image, alpha):
                return image, (alpha * 255).astype(np.uint8), 1.0, (0.7, 1.35)
        return back, np.zeros((SIDE, SIDE), np.uint8), 0.0, (0.7, 1.35)

    def _make_drawn(self, rng):
        back = self._background(rng)
        for _ in range(4):
            size = float(np.exp(rng.uniform(np.log(0.12), np.log(0.6))))
            amount = int(np.exp(rng.uniform(np.log(3), np.log(130))))
            picture, alpha = composite.strands(rng, SIDE, amount, size)
            image = composite.blend(rng, back, picture, alpha)
            if composite.visible(back, image, alpha):
                return image, (alpha * 255).astype(np.uint8), 1.0, (0.7, 1.35)
        return back, np.zeros((SIDE, SIDE), np.uint8), 0.0, (0.7, 1.35)

    def _make_harmless(self, rng):
        back = self._background(rng)
        for _ in range(int(rng.integers(1, 3))):
            pool = self._web_good if rng.random() < 0.7 else self._cam_good
            patch = composite.harmless(rng, self._store.get(pool.draw(rng)))
            picture, alpha = composite.place(rng, patch, float(rng.uniform(0.15, 0.6)), back)
            back = composite.blend(rng, back, picture, alpha)
        return back, np.zeros((SIDE, SIDE), np.uint8), 0.0, (0.7, 1.35)

    def _make_lattice(self, rng):
        back = self._background(rng)
        for _ in range(int(rng.integers(1, 3))):
            size = float(np.exp(rng.uniform(np.log(0.15), np.log(0.8))))
            picture, alpha = lattice.lattice(rng, SIDE, size)
            back = composite.blend(rng, back, picture, alpha)
        return back, np.zeros((SIDE, SIDE), np.uint8), 0.0, (0.7, 1.35)

    def _make_rendered(self, rng):
        path, mask_path, label = self._rendered[int(rng.integers(len(self._rendered)))]
        image = cv2.resize(cv2.imread(str(path)), (SIDE, SIDE), interpolation=cv2.INTER_AREA)
        mask = np.zeros((SIDE, SIDE), np.uint8)
        if mask_path is not None and label == FAILURE:
            found = cv2.imread(str(mask_path), cv2.IMREAD_GRAYSCALE)
            if found is not None:
                mask = cv2.resize(found, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
        return image, mask, 1.0 if label == FAILURE else 0.0, (0.7, 1.3)
