"""The first stage that sees cameras best goes on: seeds of one recipe differ more than recipes do."""

import argparse

import cv2
import torch

from models.training import data, measure


def main() -> None:
    """Copy the run with the highest AUROC on the training cameras to CACHE/runs/NAME; none may have seen their frames."""
    parser = argparse.ArgumentParser(description=__doc__)
    data.add_options(parser)
    parser.add_argument("name")
    parser.add_argument("runs", nargs="+", help="runs of `train --no-frames`")
    parser.add_argument("--side", type=int, default=224)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    cv2.setNumThreads(1)
    runs = options.cache / "runs"
    frames = [f for f in data.mended(data.load_frames(options.data)) if f.fixed and f.split == "train"]
    best, most = "", -1.0
    for run in options.runs:
        model = measure.load_model(runs / run / "checkpoint.pt")
        scores, _ = measure.predict(model, options.data, [f.file for f in frames], options.side)
        row = measure.table(frames, scores)
        measure.show(run, row)
        if row["auroc"] > most:
            best, most, chosen = run, row["auroc"], model
    measure.save_model(runs / options.name, chosen.state_dict(), chosen.size, chosen.spared)
    print(f"{options.name}: {best}")


if __name__ == "__main__":
    main()
