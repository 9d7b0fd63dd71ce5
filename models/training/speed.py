"""CPU milliseconds a picture, from JPEG bytes to detections on one thread, beside ShuffleNetV2-x1.0 at 224.

The rival's network has random weights (cost only) and gets a plain full decode, resize to 256, centre crop to 224 and
numpy normalisation. Rounds alternate, the median is told, and the machine's load with it.
"""

import argparse
import os
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import onnxruntime
import torch
from torch import Tensor, nn

from hub.second_look import WHOLE
from hub.vision import prepare
from models.training import data


def conv(inputs: int, outputs: int, size: int, stride: int, groups: int, active: bool) -> list[nn.Module]:
    """Convolution with its batch norm already folded, and ReLU when `active`."""
    layer = nn.Conv2d(inputs, outputs, size, stride, size // 2, groups=groups)
    return [layer, nn.ReLU()] if active else [layer]


class Unit(nn.Module):
    """One ShuffleNetV2 unit; stride 2 takes the whole input through both branches."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        half = outputs // 2
        own = inputs if stride == 2 else inputs // 2
        self.stride = stride
        self.main = nn.Sequential(
            *conv(own, half, 1, 1, 1, True),
            *conv(half, half, 3, stride, half, False),
            *conv(half, half, 1, 1, 1, True),
        )
        self.side = nn.Sequential(
            *conv(inputs, inputs, 3, 2, inputs, False), *conv(inputs, half, 1, 1, 1, True)
        )

    def forward(self, x: Tensor) -> Tensor:
        if self.stride == 2:
            y = torch.cat([self.side(x), self.main(x)], dim=1)
        else:
            kept, changed = x.chunk(2, dim=1)
            y = torch.cat([kept, self.main(changed)], dim=1)
        n, c, h, w = y.shape
        return y.view(n, 2, c // 2, h, w).transpose(1, 2).reshape(n, c, h, w)


def rival() -> nn.Module:
    """ShuffleNetV2-x1.0 without its classifier: 1024 features a picture."""
    layers: list[nn.Module] = [*conv(3, 24, 3, 2, 1, True), nn.MaxPool2d(3, 2, 1)]
    width = 24
    for outputs, repeats in ((116, 4), (232, 8), (464, 4)):
        layers += [Unit(width if i == 0 else outputs, outputs, 2 if i == 0 else 1) for i in range(repeats)]
        width = outputs
    layers += [*conv(464, 1024, 1, 1, 1, True), nn.AdaptiveAvgPool2d(1)]
    return nn.Sequential(*layers).eval()


def rival_input(jpeg: bytes) -> np.ndarray:
    """Full decode, shorter side to 256, centre crop, normalised floats."""
    picture = cv2.cvtColor(cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
    h, w = picture.shape[:2]
    scale = 256 / min(h, w)
    picture = cv2.resize(picture, (round(w * scale), round(h * scale)), interpolation=cv2.INTER_LINEAR)
    y, x = (picture.shape[0] - 224) // 2, (picture.shape[1] - 224) // 2
    crop = picture[y : y + 224, x : x + 224].astype(np.float32) / 255
    crop = (crop - np.array([0.485, 0.456, 0.406], np.float32)) / np.array([0.229, 0.224, 0.225], np.float32)
    return np.ascontiguousarray(crop.transpose(2, 0, 1)[None])


def session(file: Path) -> onnxruntime.InferenceSession:
    """One thread, no spinning."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])


def contestants(cache: Path) -> dict[str, Callable[[bytes], object]]:
    """Every way from bytes to an answer."""
    found: dict[str, Callable[[bytes], object]] = {}
    for file in sorted(Path("models").glob("*.onnx")):
        net = session(file)
        side = net.get_inputs()[0].shape[1]
        found[file.stem] = lambda jpeg, net=net, side=side: net.run(
            None, {"image": prepare(jpeg, side, side)[0][None]}
        )
        found[f"{file.stem}, two looks"] = lambda jpeg, net=net, side=side: [
            net.run(None, {"image": prepare(jpeg, side, side, part)[0][None]})
            for part in (WHOLE, (0.25, 0.25, 0.75, 0.75))
        ]
        found[f"decode and resize to {side}"] = lambda jpeg, side=side: prepare(jpeg, side, side)
    path = cache / "shufflenet.onnx"
    torch.onnx.export(rival(), (torch.zeros(1, 3, 224, 224),), str(path), opset_version=17, dynamo=False)
    other = session(path)
    name = other.get_inputs()[0].name
    found["ShuffleNetV2-x1.0 at 224"] = lambda jpeg: other.run(None, {name: rival_input(jpeg)})
    return found


def main() -> None:
    """Print the medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    data.add_options(parser)
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    jpegs = []
    for picture in data.load_singles(options.data):
        raw = (options.data / picture.file).read_bytes()
        if cv2.imdecode(np.frombuffer(raw, np.uint8), cv2.IMREAD_COLOR).shape[:2] == (480, 640):
            jpegs.append(raw)
        if len(jpegs) == 40:
            break
    ways = contestants(options.cache)
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(options.rounds):
        for name, way in ways.items():
            began = time.process_time()
            for jpeg in jpegs:
                way(jpeg)
            times[name].append((time.process_time() - began) / len(jpegs) * 1000)
    print(
        f"{len(jpegs)} pictures of 640x480, {np.mean([len(j) for j in jpegs]) / 1000:.0f} kB, load {os.getloadavg()[0]:.1f}"
    )
    for name, values in times.items():
        print(f"{name.ljust(28)} median {np.median(values):6.2f}  least {min(values):6.2f} CPU-ms")


if __name__ == "__main__":
    main()
