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
from onnx import numpy_helper
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_static,
)
from onnxruntime.quantization.shape_inference import quant_pre_process

from hub import evaluation_metrics as metrics
from models.training import data, measure, network
from models.training.prepare import prepare

FOLDER = Path("models")
NAME = "tangle"


def calibrate(logits: NDArray, failing: NDArray, rate: float) -> tuple[float, float]:
    """(temperature, bias) of the best Platt scaling when failures are `rate` of what is seen."""
    weight = np.where(failing, rate / failing.mean(), (1 - rate) / (1 - failing.mean()))
    x, y, w = (torch.tensor(np.asarray(v, np.float64)) for v in (logits, failing, weight))
    scale = torch.zeros((), dtype=torch.float64, requires_grad=True)
    bias = torch.zeros((), dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.LBFGS([scale, bias], max_iter=200)

    def loss():
        optimiser.zero_grad()
        z = x * torch.exp(scale) + bias
        value = (w * torch.nn.functional.binary_cross_entropy_with_logits(z, y, reduction="none")).mean()
        value = value + 0.002 * (scale**2 + bias**2)
        value.backward()
        return value

    optimiser.step(loss)
    return float(torch.exp(-scale)), float(bias)


def export_float(model: network.Detector, path: Path, side: int, temperature: float, bias: float) -> None:
    """The float file: uint8 BGR [1,side,side,3] in, probabilities out."""
    shipped = network.Shipped(model.to(memory_format=torch.contiguous_format), temperature, bias).eval()
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
        self._waiting = iter([{"image": prepare(f.read_bytes(), side)[None]} for f in files])

    def get_next(self):
        """The next input, or nothing at the end."""
        return next(self._waiting, None)


def export_int8(source: Path, path: Path, files: list[Path], side: int, cache: Path) -> None:
    """The int8 file: static QDQ, per channel; the last layer and all that follows it stay float."""
    ready = cache / "ready.onnx"
    quant_pre_process(str(source), str(ready), skip_symbolic_shape=True)
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
    read_bytes_directly(path)


def read_bytes_directly(path: Path) -> None:
    """Replace cast, subtract, scale and quantise by one dequantise of the picture's own bytes, which is the same."""
    model = onnx.load(str(path))
    graph = model.graph
    maker = {output: node for node in graph.node for output in node.output}
    turn = next(n for n in graph.node if n.op_type == "Transpose" and n.input[0] == "image")
    first = next(n for n in graph.node if n.op_type == "Conv")
    end = maker[first.input[0]]
    assert end.op_type == "DequantizeLinear"
    chain, at = [], end
    while at is not turn:
        chain.append(at)
        at = maker[at.input[0]]
    graph.initializer.append(numpy_helper.from_array(np.array(1 / network.SCALE, np.float32), "image_scale"))
    graph.initializer.append(numpy_helper.from_array(np.array(network.MEAN, np.uint8), "image_zero"))
    direct = onnx.helper.make_node(
        "DequantizeLinear", [turn.output[0], "image_scale", "image_zero"], [first.input[0]], "image_bytes"
    )
    place = list(graph.node).index(turn) + 1
    for node in chain:
        graph.node.remove(node)
    graph.node.insert(place, direct)
    used = {name for node in graph.node for name in node.input}
    for left in [i for i in graph.initializer if i.name not in used]:
        graph.initializer.remove(left)
    onnx.checker.check_model(model)
    onnx.save(model, str(path))


def scores_of(file: Path, folder: Path, pictures: list[data.Picture], side: int) -> NDArray:
    """Picture probabilities by an exported file."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    found = [
        float(session.run(["score"], {"image": prepare((folder / p.file).read_bytes(), side)[None]})[0][0])
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


def main() -> None:
    """Export one run into models/."""
    parser = argparse.ArgumentParser(description=__doc__)
    data.add_options(parser)
    parser.add_argument("run")
    parser.add_argument("--version", default="0.1")
    parser.add_argument("--side", type=int, default=256)
    parser.add_argument("--warn", type=float, help="threshold; the val figure when missing")
    parser.add_argument("--act", type=float, help="threshold; the val figure when missing")
    parser.add_argument("--folder", type=Path, default=FOLDER)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    cv2.setNumThreads(1)
    run = options.cache / "runs" / options.run
    model = measure.load_model(run / "checkpoint.pt")
    singles = data.load_singles(options.data)
    val = [p for p in singles if p.split == "val" and p.label != data.AMBIGUOUS]
    failing = np.array([p.label == data.FAILURE for p in val])
    logits, _ = measure.predict(model, options.data, [p.file for p in val], options.side)
    temperature, bias = calibrate(logits, failing, 0.5)
    options.folder.mkdir(parents=True, exist_ok=True)
    float_file, int_file = options.folder / f"{NAME}-fp32.onnx", options.folder / f"{NAME}-int8.onnx"
    export_float(model, float_file, options.side, temperature, bias)
    rng = np.random.default_rng(options.seed)
    pool = data.trainable(singles) + [f for f in data.load_frames(options.data) if f.split == "train"]
    chosen = [options.data / pool[int(i)].file for i in rng.permutation(len(pool))[:160]]
    export_int8(float_file, int_file, chosen, options.side, options.cache)
    report = {}
    for file, precision in ((float_file, "fp32"), (int_file, "int8")):
        scores = scores_of(file, options.data, val, options.side)
        report[f"val_{precision}"] = measure.table(val, scores)
        measure.show(f"val {precision}", report[f"val_{precision}"])
        if precision == "fp32":
            warn, act = (metrics.threshold_at(scores, failing, r) or 0.5 for r in (0.03, 0.01))
    grid = options.side // 16
    document = {
        "name": NAME,
        "version": options.version,
        "input": {"width": options.side, "height": options.side, "channels": "BGR", "resize": "stretch"},
        "heat": {"width": grid, "height": grid},
        "files": [facts(float_file, "fp32"), facts(int_file, "int8")],
        "thresholds": {"warn": round(options.warn or warn, 3), "act": round(options.act or act, 3)},
        "calibration": {"temperature": round(temperature, 4), "bias": round(bias, 4)},
        "metrics": report,
    }
    (options.folder / "model.json").write_text(json.dumps(document, indent=2) + "\n")
    print(json.dumps(document["thresholds"]))


if __name__ == "__main__":
    main()
