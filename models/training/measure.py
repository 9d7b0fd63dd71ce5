"""Score a run's network on the validation pictures and the prints; keep every score for later tables."""

import argparse
import json
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from hub import evaluation_metrics as metrics
from hub.regions import peak
from hub.second_look import WHOLE, Window, window
from hub.vision import prepare
from models.training import data, network

LOOK_AGAIN = -0.5
"""The logit from which a picture is looked at again: two in ten of the good frames of cameras never seen."""

SHARE = 0.5
"""How much of each side the second look sees."""

View = Callable[[int, Window], NDArray[np.uint8]]
"""A part of the picture of a number, as the network sees it."""


def load_model(checkpoint: Path) -> network.Detector:
    """The averaged network of a checkpoint, ready to score."""
    kept = torch.load(checkpoint, "cpu", weights_only=True)
    model = network.Detector(kept["size"], kept.get("spared", 0)).to(memory_format=torch.channels_last)
    model.load_state_dict(kept["average"])
    return model.eval()


def save_model(folder: Path, average: dict[str, torch.Tensor], size: int, spared: int) -> None:
    """Keep a network that no training goes on with as the checkpoint of a run."""
    folder.mkdir(parents=True, exist_ok=True)
    torch.save({"average": average, "size": size, "spared": spared}, folder / "checkpoint.pt")


def prepared(file: Path, side: int, part: Window = WHOLE) -> NDArray[np.uint8]:
    """A picture file, or a part of it, as the hub prepares it."""
    return prepare(file.read_bytes(), side, side, part)[0]


def predict(model: network.Detector, folder: Path, files: list[str], side: int) -> tuple[NDArray, NDArray]:
    """(picture logits, cell logits) of picture files, prepared and looked at as the hub does."""
    return judged(model, len(files), lambda i, part: prepared(folder / files[i], side, part))


def judged(model: network.Detector, count: int, view: View) -> tuple[NDArray, NDArray]:
    """(picture logits, cell logits of the whole) of so many pictures: the suspicious ones are looked at twice."""
    scores, heats = _seen(model, [(i, WHOLE) for i in range(count)], view)
    again = np.flatnonzero(scores >= LOOK_AGAIN)
    if len(again):
        nearer, _ = _seen(model, [(int(i), window(heats[i], SHARE)) for i in again], view)
        scores[again] = (scores[again] + nearer) / 2
    return scores, heats


def _seen(model: network.Detector, parts: list[tuple[int, Window]], view: View) -> tuple[NDArray, NDArray]:
    scores, heats = [], []
    with torch.no_grad():
        for at in range(0, len(parts), 16):
            images = np.stack([view(i, part) for i, part in parts[at : at + 16]])
            heat, score = model(network.normalised(torch.from_numpy(images)))
            scores.append(score.numpy())
            heats.append(heat.numpy())
    return np.concatenate(scores).astype(np.float64), np.concatenate(heats)


def inside(picture: data.Picture, heat: NDArray) -> bool:
    """Whether the hottest cell lies in one of the picture's boxes."""
    x, y = peak(heat)
    return any(abs(x - cx) <= w / 2 and abs(y - cy) <= h / 2 for cx, cy, w, h in picture.boxes)


def table(pictures: list[data.Picture], scores: NDArray) -> dict[str, float | int | None]:
    """The headline figures of good against failing pictures."""
    keep = np.array([p.label != data.AMBIGUOUS for p in pictures])
    failing = np.array([p.label == data.FAILURE for p in pictures])[keep]
    chosen = scores[keep]
    return {
        "n": len(chosen),
        "failing": int(failing.sum()),
        "auroc": metrics.auroc(chosen, failing),
        "recall_1": metrics.recall_at(chosen, failing, 0.01),
        "recall_5": metrics.recall_at(chosen, failing, 0.05),
    }


def show(name: str, row: dict[str, float | int | None]) -> None:
    """One line of figures."""
    print(
        name.ljust(26),
        " ".join(f"{k}={v:.3f}" if isinstance(v, float) else f"{k}={v}" for k, v in row.items()),
        flush=True,
    )


def measure(model: network.Detector, options: argparse.Namespace, rigs: set[str]) -> dict:
    """Figures on the chosen single-picture split and on fixed-camera frames of the given rigs (all when empty)."""
    report: dict = {"scores": {}}
    singles = [p for p in data.load_singles(options.data) if p.split in options.splits.split(",")]
    frames = [f for f in data.load_frames(options.data) if f.fixed and (not rigs or f.rig in rigs)]
    if options.measuring:
        frames = [f for f in frames if f.split == "measure"]
    for split in options.splits.split(","):
        pictures = [p for p in singles if p.split == split]
        if not pictures:
            continue
        scores, heats = predict(model, options.data, [p.file for p in pictures], options.side)
        report[split] = table(pictures, scores)
        boxed = [inside(p, h) for p, h in zip(pictures, heats, strict=True) if p.boxes]
        report[split]["pointing"] = float(np.mean(boxed))
        show(split, report[split])
        report["scores"] |= {p.file: float(s) for p, s in zip(pictures, scores, strict=True)}
    if frames:
        scores, _ = predict(model, options.data, [f.file for f in frames], options.side)
        report["frames"] = table(frames, scores)
        show("fixed cameras", report["frames"])
        report["scores"] |= {f.file: float(s) for f, s in zip(frames, scores, strict=True)}
        by: dict[str, list[int]] = defaultdict(list)
        for i, frame in enumerate(frames):
            by[frame.group].append(i)
        if options.prints:
            for group, rows in sorted(by.items()):
                show_print(group, [frames[i] for i in rows], scores[rows])
    return report


def show_print(group: str, frames: list[data.Picture], scores: NDArray) -> None:
    """Median logits of one print by label."""
    parts = []
    for label in (data.GOOD, data.AMBIGUOUS, data.FAILURE):
        chosen = scores[[f.label == label for f in frames]]
        if len(chosen):
            parts.append(
                f"{label} {len(chosen)}: {np.min(chosen):.1f} {np.median(chosen):.1f} {np.max(chosen):.1f}"
            )
    print("  ", group.ljust(30), " | ".join(parts))


def main() -> None:
    """Measure one run and keep the report beside its checkpoint."""
    parser = argparse.ArgumentParser(description=__doc__)
    data.add_options(parser)
    parser.add_argument("name")
    parser.add_argument("--side", type=int, default=224)
    parser.add_argument("--splits", default="val")
    parser.add_argument("--rigs", default="", help="fixed-camera rigs to score, by comma; all when empty")
    parser.add_argument("--measuring", action="store_true", help="only the frames that no training uses")
    parser.add_argument("--prints", action="store_true", help="one line per print")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    cv2.setNumThreads(1)
    folder = options.cache / "runs" / options.name
    report = measure(
        load_model(folder / "checkpoint.pt"), options, set(filter(None, options.rigs.split(",")))
    )
    (folder / "measured.json").write_text(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
