"""Early tangles, 2 to 10 % of the picture, on cameras' good frames that the networks never saw.

They are unseen real cut-outs and drawn strands; a rendered set made with another seed than the training's is a third sort.
"""

import argparse
import csv
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from hub import evaluation_metrics as metrics
from hub.second_look import Window
from models.training import composite, data, measure, mixture, network
from models.training.folds import FOLDS

SMALLEST, LARGEST = 0.02, 0.10

Maker = Callable[[np.random.Generator, NDArray[np.uint8]], NDArray[np.uint8] | None]
"""Puts a tangle into a picture, or gives nothing."""


def grown(
    rng: np.random.Generator, back: NDArray[np.uint8], cutouts: list[composite.Cutout], drawn: bool
) -> NDArray[np.uint8] | None:
    """The frame with a tangle of the wanted size in it, or nothing when no try was visible and of that size."""
    for _ in range(12):
        if drawn:
            picture, alpha = composite.strands(
                rng, back.shape[0], int(rng.integers(10, 90)), float(rng.uniform(0.2, 0.45))
            )
        else:
            cutout = cutouts[int(rng.integers(len(cutouts)))]
            picture, alpha = composite.place(rng, cutout, float(rng.uniform(0.15, 0.5)), back)
        extent = cv2.dilate((alpha > 0.3).astype(np.uint8), np.ones((9, 9), np.uint8)).mean()
        image = composite.blend(rng, back, picture, alpha)
        if SMALLEST <= extent <= LARGEST and composite.visible(back, image, alpha):
            return image
    return None


def rendered(folder: Path) -> list[tuple[NDArray[np.uint8], bool]]:
    """(picture, whether it shows a tangle) of a rendered set: early tangles and good pictures."""
    found = []
    with (folder / "manifest.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            size = float(row["w"]) * float(row["h"]) if row["w"] else 0.0
            if row["label"] == data.GOOD or SMALLEST <= size <= LARGEST:
                found.append((cv2.imread(str(folder / row["file"])), row["label"] != data.GOOD))
    return found


def judged(
    model: network.Detector, pictures: list[tuple[NDArray[np.uint8], bool]], side: int
) -> list[tuple[float, bool]]:
    """(picture logit, whether there is a tangle) of each picture in memory."""
    if not pictures:
        return []
    logits, _ = measure.judged(model, len(pictures), lambda i, part: cut(pictures[i][0], part, side))
    return list(zip(logits.tolist(), (failing for _, failing in pictures), strict=True))


def cut(image: NDArray[np.uint8], part: Window, side: int) -> NDArray[np.uint8]:
    """A part of a picture in memory, `side` pixels wide and high."""
    left, top, right, bottom = part
    rows, columns = image.shape[:2]
    seen = image[round(top * rows) : round(bottom * rows), round(left * columns) : round(right * columns)]
    return cv2.resize(seen, (side, side), interpolation=cv2.INTER_AREA)


def show(sort: str, rows: list[tuple[float, bool]]) -> None:
    """One line of figures."""
    scores, failing = np.array([row[0] for row in rows]), np.array([row[1] for row in rows])
    print(
        f"{sort}: n {len(scores)} AUROC {metrics.auroc(scores, failing):.3f} "
        f"recall at 5 % {metrics.recall_at(scores, failing, 0.05):.3f}"
    )


def grown_pairs(
    options: argparse.Namespace, store: data.PictureStore, good: list[data.Picture], make: Maker, fold: str
) -> list[tuple[NDArray[np.uint8], bool]]:
    """Good frames of a fold's cameras, each without a tangle and with one."""
    rng = np.random.default_rng((options.seed, ord(fold)))
    pairs = []
    for i in rng.permutation(len(good))[: options.per_fold]:
        back = store.get(good[int(i)])
        made = make(rng, back)
        if made is not None:
            pairs += [(back, False), (made, True)]
    return pairs


def main() -> None:
    """Print AUROC of grown frames against the same frames without, per sort of tangle, all folds together."""
    parser = argparse.ArgumentParser(description=__doc__)
    data.add_options(parser)
    parser.add_argument("--side", type=int, default=224)
    parser.add_argument("--prefix", default="fold-")
    parser.add_argument("--rendered", type=Path, help="rendered set with a seed of its own")
    parser.add_argument("--per-fold", type=int, default=60, help="good frames of each fold's cameras")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    cv2.setNumThreads(1)
    singles, frames = data.load_singles(options.data), data.mended(data.load_frames(options.data))
    store = data.PictureStore(options.data, options.cache, singles + frames, "pictures")
    store.open()
    unseen = [p for p in singles if p.split == "val" and p.boxes]
    cutouts = [
        c for group in mixture.load_cutouts(options.data, options.cache, unseen, ("clean",)) for c in group
    ]
    print(f"{len(cutouts)} cut-outs of {len(unseen)} unseen failures")
    makers: dict[str, Maker] = {
        "real": lambda rng, back: grown(rng, back, cutouts, drawn=False),
        "drawn": lambda rng, back: grown(rng, back, cutouts, drawn=True),
    }
    apart = rendered(options.rendered) if options.rendered else []
    found: dict[str, list[tuple[float, bool]]] = defaultdict(list)
    for fold, rigs in FOLDS.items():
        model = measure.load_model(options.cache / "runs" / f"{options.prefix}{fold}" / "checkpoint.pt")
        good = [f for f in frames if f.rig in rigs and f.fixed and f.label == data.GOOD]
        for sort, make in makers.items():
            found[sort] += judged(model, grown_pairs(options, store, good, make, fold), options.side)
        found["rendered"] += judged(model, apart, options.side)
    for sort, rows in found.items():
        if rows:
            show(sort, rows)


if __name__ == "__main__":
    main()
