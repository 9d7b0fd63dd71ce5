"""Export a run: calibrate it, write the float file, the int8 file and the light one, and model.json."""

import argparse
import hashlib
import json
from dataclasses import asdict
from functools import partial
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

from hub.second_look import SecondLook, look
from models.training import data, graph, measure, network
from models.training.calibration import Calibration, fit

FOLDER = Path("models")
NAME = "tangle"


def export_float(model: network.Detector, path: Path, side: int, found: Calibration) -> None:
    """The float file: uint8 BGR [1,side,side,3] in, probabilities out."""
    plain = model.to(memory_format=torch.contiguous_format)
    shipped = network.Shipped(plain, found.temperature, found.bias, found.lift).eval()
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
        self._waiting = iter([{"image": measure.prepared(f, side)[None]} for f in files])

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


def scores_of(
    file: Path, folder: Path, pictures: list[data.Picture], side: int, twice: SecondLook
) -> NDArray:
    """Picture probabilities by an exported file, looked at as the hub does."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])

    def run(image: NDArray[np.uint8]) -> tuple[NDArray[np.float32], float]:
        heat, score = session.run(["heat", "score"], {"image": image[None]})
        return heat[0], float(score[0])

    views = [partial(measure.prepared, folder / p.file, side) for p in pictures]
    return np.array([look(run, view(), view, twice)[1] for view in views])


def ranges(options: argparse.Namespace) -> list[Path]:
    """Training pictures that set the ranges of the int8 files."""
    pool = data.trainable(data.load_singles(options.data))
    pool += [f for f in data.load_frames(options.data) if f.split == "train"]
    order = np.random.default_rng(options.seed).permutation(len(pool))
    return [options.data / pool[int(i)].file for i in order[: options.ranges]]


def entry(options: argparse.Namespace, file: Path, precision: str, side: int, found: Calibration) -> dict:
    """What model.json says about one file, its figures on val with it."""
    val = data.validation(data.load_singles(options.data))
    twice = found.second_look()
    table = measure.table(val, scores_of(file, options.data, val, side, twice))
    measure.show(f"val {precision}", table)
    raw = file.read_bytes()
    return {
        "file": file.name,
        "precision": precision,
        "width": side,
        "height": side,
        "sha256": hashlib.sha256(raw).hexdigest(),
        "bytes": len(raw),
        "second_look": {"above": round(twice.above, 4), "share": twice.share},
        "calibration": {name: round(value, 4) for name, value in asdict(found).items()},
        "val": {k: round(v, 3) if isinstance(v, float) else v for k, v in table.items()},
    }


def main() -> None:
    """Export one run: fp32 and int8 at --side, and int8 at --light-side for small machines."""
    parser = argparse.ArgumentParser(description=__doc__)
    data.add_options(parser)
    parser.add_argument("run")
    parser.add_argument("--version", default="0.1")
    parser.add_argument("--side", type=int, default=224)
    parser.add_argument("--light-side", type=int, default=160)
    parser.add_argument("--ranges", type=int, default=200, help="training pictures for the int8 ranges")
    parser.add_argument(
        "--share", type=float, default=0.25, help="share of failing pictures the scores hold for"
    )
    parser.add_argument("--exam", type=Path, help="held-out scores to calibrate on beside val")
    parser.add_argument("--light-exam", type=Path, help="the same at --light-side")
    parser.add_argument("--folder", type=Path, default=FOLDER)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    cv2.setNumThreads(1)
    model = measure.load_model(options.cache / "runs" / options.run / "checkpoint.pt")
    options.folder.mkdir(parents=True, exist_ok=True)
    files = {
        precision: options.folder / f"{NAME}-{precision}.onnx" for precision in ("fp32", "int8", "light")
    }
    full, light = (
        fit(options, model, side, exam)
        for side, exam in ((options.side, options.exam), (options.light_side, options.light_exam))
    )
    light_float, chosen = options.cache / "light-fp32.onnx", ranges(options)
    export_float(model, files["fp32"], options.side, full)
    export_int8(files["fp32"], files["int8"], chosen, options.side, options.cache)
    export_float(model, light_float, options.light_side, light)
    export_int8(light_float, files["light"], chosen, options.light_side, options.cache)
    document = {
        "name": NAME,
        "version": options.version,
        "input": {"channels": "BGR", "resize": "stretch"},
        "files": [
            entry(options, files["fp32"], "fp32", options.side, full),
            entry(options, files["int8"], "int8", options.side, full),
            entry(options, files["light"], "light", options.light_side, light),
        ],
        "thresholds": {"warn": full.warn, "act": full.act},
    }
    (options.folder / "model.json").write_text(json.dumps(document, indent=2) + "\n")
    print(json.dumps(document["thresholds"]))


if __name__ == "__main__":
    main()
