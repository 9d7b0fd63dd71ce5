"""Export a run: calibrate on val, write the float and the int8 file and model.json."""

import argparse
import hashlib
import json
from pathlib import Path

import cv2
import numpy as np
import onnx
import onnxruntime
import torch
from numpy.typing import NDArray
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_static,
)
from onnxruntime.quantization.shape_inference import quant_pre_process

from hub import evaluation_metrics as metrics
from hub.vision import prepare
from models.training import data, graph, measure, network

FOLDER = Path("models")
NAME = "tangle"


def export_float(
    model: network.Detector, path: Path, side: int, temperature: float, bias: float, lift: float
) -> None:
    """The float file: uint8 BGR [1,side,side,3] in, probabilities out."""
    plain = model.to(memory_format=torch.contiguous_format)
    shipped = network.Shipped(plain, temperature, bias, lift).eval()
    example = torch.zeros((1, side, side, 3), dtype=torch.uint8)
    torch.onnx.export(
        shipped,
        (example,),
        str(path),
        input_names=["image"],
        output_names=["heat", "score"],
        opset_version=17,
        dynamo=False,
    )
    onnx.checker.check_model(str(path))


class Pictures(CalibrationDataReader):
    """Training pictures for the ranges of the int8 file."""

    def __init__(self, files: list[Path], side: int) -> None:
        self._waiting = iter([{"image": prepare(f.read_bytes(), side, side)[0][None]} for f in files])

    def get_next(self):
        """The next input, or nothing at the end."""
        return next(self._waiting, None)


def export_int8(source: Path, path: Path, files: list[Path], side: int, cache: Path) -> None:
    """The int8 file: static QDQ, per channel; the last layer and all that follows it stay float."""
    ready = cache / "ready.onnx"
    quant_pre_process(str(source), str(ready), skip_symbolic_shape=True)
    graph.group_first_convolution(ready)
    nodes = onnx.load(str(ready)).graph.node
    last = max(i for i, node in enumerate(nodes) if node.op_type == "Conv")
    quantize_static(
        str(ready),
        str(path),
        Pictures(files, side),
        quant_format=QuantFormat.QDQ,
        per_channel=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        calibrate_method=CalibrationMethod.MinMax,
        op_types_to_quantize=["Conv", "Add", "Clip"],
        nodes_to_exclude=[node.name for node in nodes[last:]],
    )
    graph.read_bytes_directly(path)


def scores_of(file: Path, folder: Path, pictures: list[data.Picture], side: int) -> NDArray:
    """Picture probabilities by an exported file."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    found = [
        float(
            session.run(["score"], {"image": prepare((folder / p.file).read_bytes(), side, side)[0][None]})[
                0
            ][0]
        )
        for p in pictures
    ]
    return np.array(found)


def facts(file: Path, precision: str) -> dict:
    """What model.json says about one file."""
    raw = file.read_bytes()
    return {
        "file": file.name,
        "precision": precision,
        "sha256": hashlib.sha256(raw).hexdigest(),
        "bytes": len(raw),
    }


def lift_of(pictures: list[data.Picture], logits: NDArray, heats: NDArray) -> float:
    """How far the eight hottest cells of failing pictures lie above the picture's logit, in the median."""
    failing = np.array([p.label == data.FAILURE for p in pictures])
    hottest = np.sort(heats.reshape(len(heats), -1), axis=1)[:, -8:].mean(axis=1)
    return float(np.median((hottest - logits)[failing]))


def fitting(
    options: argparse.Namespace, model: network.Detector
) -> tuple[list[data.Picture], NDArray, NDArray, float]:
    """Val pictures, and when there is an exam its held-out frames: their pictures, logits and weights; and the lift.

    Photographs and cameras weigh the same in total; within each, failing pictures weigh `--share` of the whole.
    """
    val = [p for p in data.load_singles(options.data) if p.split == "val" and p.label != data.AMBIGUOUS]
    logits, heats = measure.predict(model, options.data, [p.file for p in val], options.side)
    lift = lift_of(val, logits, heats)
    if not options.exam:
        return val, logits, weighed(val, options.share), lift
    kept: dict[str, float] = json.loads(options.exam.read_text())
    frames = [f for f in data.load_frames(options.data) if f.file in kept and f.label != data.AMBIGUOUS]
    told = np.array([kept[f.file] for f in frames])
    return (
        val + frames,
        np.concatenate([logits, told]),
        np.concatenate([weighed(val, options.share), weighed(frames, options.share)]),
        lift,
    )


def weighed(pictures: list[data.Picture], share: float) -> NDArray:
    """Weights under which failing pictures are `share` of the whole."""
    failing = np.array([p.label == data.FAILURE for p in pictures])
    return np.where(failing, share / failing.sum(), (1 - share) / (~failing).sum())


def calibrate(logits: NDArray, failing: NDArray, weights: NDArray) -> tuple[float, float]:
    """(temperature, bias) of the best Platt scaling under the weights."""
    x, y, w = (torch.tensor(np.asarray(v, np.float64)) for v in (logits, failing, weights / weights.sum()))
    scale = torch.zeros((), dtype=torch.float64, requires_grad=True)
    bias = torch.zeros((), dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.LBFGS([scale, bias], max_iter=200)

    def loss():
        optimiser.zero_grad()
        z = x * torch.exp(scale) + bias
        value = (w * torch.nn.functional.binary_cross_entropy_with_logits(z, y, reduction="none")).sum()
        value = value + 0.002 * (scale**2 + bias**2)
        value.backward()
        return value

    optimiser.step(loss)
    return float(torch.exp(-scale).detach()), float(bias.detach())


def thresholds(probabilities: NDArray, pictures: list[data.Picture]) -> tuple[float, float]:
    """(warn, act): what 5 % and 1 % of the good pictures used for fitting reach."""
    failing = np.array([p.label == data.FAILURE for p in pictures])
    warn, act = (metrics.threshold_at(probabilities, failing, rate) or 0.5 for rate in (0.05, 0.01))
    return round(min(warn, 0.95), 3), round(min(act, 0.98), 3)


def main() -> None:
    """Export one run into models/."""
    parser = argparse.ArgumentParser(description=__doc__)
    data.add_options(parser)
    parser.add_argument("run")
    parser.add_argument("--version", default="0.1")
    parser.add_argument("--side", type=int, default=224)
    parser.add_argument("--ranges", type=int, default=200, help="training pictures for the int8 ranges")
    parser.add_argument(
        "--share", type=float, default=0.25, help="share of failing pictures the scores hold for"
    )
    parser.add_argument("--exam", type=Path, help="held-out scores to calibrate on beside val")
    parser.add_argument("--folder", type=Path, default=FOLDER)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    cv2.setNumThreads(1)
    model = measure.load_model(options.cache / "runs" / options.run / "checkpoint.pt")
    pictures, logits, weights, lift = fitting(options, model)
    failing = np.array([p.label == data.FAILURE for p in pictures])
    temperature, bias = calibrate(logits, failing, weights)
    warn, act = thresholds(1 / (1 + np.exp(-(logits / temperature + bias))), pictures)
    options.folder.mkdir(parents=True, exist_ok=True)
    float_file, int_file = options.folder / f"{NAME}-fp32.onnx", options.folder / f"{NAME}-int8.onnx"
    export_float(model, float_file, options.side, temperature, bias, lift)
    rng = np.random.default_rng(options.seed)
    pool = data.trainable(data.load_singles(options.data))
    pool += [f for f in data.load_frames(options.data) if f.split == "train"]
    chosen = [options.data / pool[int(i)].file for i in rng.permutation(len(pool))[: options.ranges]]
    export_int8(float_file, int_file, chosen, options.side, options.cache)
    val = [p for p in pictures if p.split == "val"]
    report: dict[str, dict] = {}
    for file, precision in ((float_file, "fp32"), (int_file, "int8")):
        report[f"val_{precision}"] = rounded(
            measure.table(val, scores_of(file, options.data, val, options.side))
        )
        measure.show(f"val {precision}", report[f"val_{precision}"])
    if options.exam:
        chosen_frames = [i for i, p in enumerate(pictures) if p.rig]
        held = measure.table([pictures[i] for i in chosen_frames], logits[chosen_frames])
        report["held_out_cameras"] = rounded(held)
    grid = options.side // 16
    document = {
        "name": NAME,
        "version": options.version,
        "input": {"width": options.side, "height": options.side, "channels": "BGR", "resize": "stretch"},
        "heat": {"width": grid, "height": grid},
        "files": [facts(float_file, "fp32"), facts(int_file, "int8")],
        "thresholds": {"warn": warn, "act": act},
        "calibration": {"temperature": round(temperature, 4), "bias": round(bias, 4), "lift": round(lift, 4)},
        "metrics": report,
    }
    (options.folder / "model.json").write_text(json.dumps(document, indent=2) + "\n")
    print(json.dumps(document["thresholds"] | document["calibration"]))


def rounded(row: dict[str, float | int | None]) -> dict[str, float | int | None]:
    """Figures to three decimals."""
    return {k: round(v, 3) if isinstance(v, float) else v for k, v in row.items()}


if __name__ == "__main__":
    main()
