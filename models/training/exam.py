"""The exam: every fixed camera and photograph scored by networks that never saw it; figures over all together."""

import argparse
import json
from collections import defaultdict

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from hub import evaluation_metrics as metrics
from models.training import data, measure, network
from models.training.folds import FOLDS, holds_out

K, N = 3, 5


def held_out_scores(
    options: argparse.Namespace, models: dict[str, network.Detector], frames: list[data.Picture]
) -> NDArray[np.float64]:
    """One logit a frame: by the fold that left its rig out, or the mean of all folds for the measuring rigs."""
    total, count = np.zeros(len(frames)), np.zeros(len(frames))
    pointed: list[bool] = []
    for fold, rigs in FOLDS.items():
        mine = [i for i, f in enumerate(frames) if f.rig in rigs or f.split == "measure"]
        logits, heats = measure.predict(
            models[fold], options.data, [frames[i].file for i in mine], options.side
        )
        pointed += [measure.inside(frames[i], h) for i, h in zip(mine, heats, strict=True) if frames[i].boxes]
        total[mine] += logits
        count[mine] += 1
        measure.show(f"fold {fold}", measure.table([frames[i] for i in mine], logits))
    assert count.all(), "a rig is in no fold"
    print(f"hottest cell inside the tangle's boxes: {np.mean(pointed):.3f} of {len(pointed)}")
    return total / count


def held_out_photographs(
    options: argparse.Namespace, models: dict[str, network.Detector]
) -> dict[str, float]:
    """The figures of the training photographs, each scored by the fold that left its group out; and every logit."""
    pictures = data.trainable(data.load_singles(options.data))
    scores = np.zeros(len(pictures))
    for fold, model in models.items():
        mine = [i for i, p in enumerate(pictures) if holds_out(fold, p.group)]
        scores[mine], _ = measure.predict(model, options.data, [pictures[i].file for i in mine], options.side)
    measure.show("held-out photographs", measure.table(pictures, scores))
    for kind in sorted({p.kind for p in pictures if p.label == data.GOOD}):
        rows = [i for i, p in enumerate(pictures) if p.label == data.FAILURE or p.kind == kind]
        measure.show(f"  failures against {kind}", measure.table([pictures[i] for i in rows], scores[rows]))
    return {p.file: float(s) for p, s in zip(pictures, scores, strict=True)}


def part_of(frame: data.Picture) -> str:
    """The fold that holds a frame's rig out; the measuring rigs are a part of their own."""
    return next((fold for fold, rigs in FOLDS.items() if frame.rig in rigs), "measure")


def prints(frames: list[data.Picture], scores: NDArray[np.float64], rate: float) -> dict[str, int | float]:
    """Failing prints caught and good prints that alarm by K of N, each part judged at the others' threshold."""
    failing = np.array([f.label == data.FAILURE for f in frames])
    good = np.array([f.label == data.GOOD for f in frames])
    part = np.array([part_of(f) for f in frames])
    hot = np.zeros(len(frames), bool)
    for name in sorted(set(part.tolist())):
        other = (part != name) & (failing | good)
        threshold = metrics.threshold_at(scores[other], failing[other], rate)
        assert threshold is not None
        hot[part == name] = scores[part == name] >= threshold
    rows: dict[tuple[str, str], list[int]] = defaultdict(list)
    for i in sorted(range(len(frames)), key=lambda i: frames[i].index):
        rows[(frames[i].group, frames[i].label)].append(i)
    counts: dict[str, int | float] = {"rate": rate, "failing": 0, "caught": 0, "good": 0, "alarms": 0}
    for (_, label), chosen in rows.items():
        alarm = metrics.k_of_n([bool(hot[i]) for i in chosen], min(K, len(chosen)), N) is not None
        if label == data.FAILURE:
            counts["failing"] += 1
            counts["caught"] += alarm
        elif label == data.GOOD:
            counts["good"] += 1
            counts["alarms"] += alarm
    return counts


def show(name: str, frames: list[data.Picture], scores: NDArray[np.float64]) -> None:
    """The figures of all held-out cameras together under the labels that the frames carry."""
    measure.show(f"all held-out cameras, {name}", measure.table(frames, scores))
    keep = np.array([f.label != data.AMBIGUOUS for f in frames])
    failing = np.array([f.label == data.FAILURE for f in frames])[keep]
    groups = [f.group for f in frames if f.label != data.AMBIGUOUS]
    for title, figure in (
        ("AUROC", metrics.auroc),
        ("recall at 1 %", lambda s, f: metrics.recall_at(s, f, 0.01)),
        ("recall at 5 %", lambda s, f: metrics.recall_at(s, f, 0.05)),
    ):
        print(title, "95 % by print:", metrics.interval(figure, scores[keep], failing, groups, rounds=300))
    for rate in (0.005, 0.01, 0.02, 0.05):
        print("prints:", prints(frames, scores, rate))


def main() -> None:
    """Print the exam's figures and keep every score for calibration."""
    parser = argparse.ArgumentParser(description=__doc__)
    data.add_options(parser)
    parser.add_argument("--side", type=int, default=224)
    parser.add_argument("--prefix", default="fold-", help="the runs are PREFIXa, PREFIXb, ...")
    parser.add_argument(
        "--frames-only", action="store_true", help="for runs or teachers that saw every photograph"
    )
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    cv2.setNumThreads(1)
    frames = [f for f in data.load_frames(options.data) if f.fixed]
    models = {
        fold: measure.load_model(options.cache / "runs" / f"{options.prefix}{fold}" / "checkpoint.pt")
        for fold in FOLDS
    }
    scores = held_out_scores(options, models, frames)
    show("as labelled", frames, scores)
    right = data.mended(frames)
    show("labels mended", right, scores)
    for group in sorted({f.group for f in frames}):
        rows = [i for i, f in enumerate(frames) if f.group == group]
        measure.show_print(group, [right[i] for i in rows], scores[rows])
    kept = {} if options.frames_only else held_out_photographs(options, models)
    kept |= {f.file: float(s) for f, s in zip(frames, scores, strict=True)}
    (options.cache / f"exam-{options.prefix}{options.side}.json").write_text(json.dumps(kept, indent=1))


if __name__ == "__main__":
    main()
