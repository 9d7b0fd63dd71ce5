"""Early tangles: unseen real cut-outs and drawn strands, 2 to 10 % of the picture, grown on unseen cameras' good frames."""

import argparse
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from hub import evaluation_metrics as metrics
from models.training import composite, data, measure, mixture, network
from models.training.folds import FOLDS

SMALLEST, LARGEST = 0.02, 0.10


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


def scored(model: network.Detector, images: list[NDArray[np.uint8]], side: int) -> NDArray[np.float64]:
    """Picture logits of pictures in memory."""
    found = []
    with torch.no_grad():
        for at in range(0, len(images), 16):
            batch = [cv2.resize(i, (side, side), interpolation=cv2.INTER_AREA) for i in images[at : at + 16]]
            found.append(model(network.normalised(torch.from_numpy(np.stack(batch))))[1].numpy())
    return np.concatenate(found).astype(np.float64)


def main() -> None:
    """Print AUROC of grown frames against the same frames without, per sort of tangle, all folds together."""
    parser = argparse.ArgumentParser(description=__doc__)
    data.add_options(parser)
    parser.add_argument("--side", type=int, default=224)
    parser.add_argument("--prefix", default="fold-")
    parser.add_argument("--per-fold", type=int, default=60, help="good frames of each fold's cameras")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    cv2.setNumThreads(1)
    singles, frames = data.load_singles(options.data), data.load_frames(options.data)
    store = data.PictureStore(options.data, options.cache, singles + frames, "pictures")
    store.open()
    unseen = [p for p in singles if p.split == "val" and p.boxes]
    cutouts = mixture.load_cutouts(options.data, options.cache, unseen)
    print(f"{len(cutouts)} cut-outs of {len(unseen)} unseen failures")
    totals: dict[str, tuple[list[float], list[bool]]] = {"real": ([], []), "drawn": ([], [])}
    for fold, rigs in FOLDS.items():
        model = measure.load_model(Path(options.cache / "runs" / f"{options.prefix}{fold}" / "checkpoint.pt"))
        good = [f for f in frames if f.rig in rigs and f.fixed and f.label == data.GOOD]
        for sort, kept in totals.items():
            rng = np.random.default_rng((options.seed, ord(fold)))
            pairs = []
            for i in rng.permutation(len(good))[: options.per_fold]:
                back = store.get(good[int(i)])
                made = grown(rng, back, cutouts, sort == "drawn")
                if made is not None:
                    pairs += [(back, False), (made, True)]
            logits = scored(model, [image for image, _ in pairs], options.side)
            kept[0].extend(logits.tolist())
            kept[1].extend(label for _, label in pairs)
    for sort, (scores, labels) in totals.items():
        s, f = np.array(scores), np.array(labels)
        print(
            f"{sort}: n {len(s)} AUROC {metrics.auroc(s, f):.3f} recall at 5 % {metrics.recall_at(s, f, 0.05):.3f}"
        )


if __name__ == "__main__":
    main()
