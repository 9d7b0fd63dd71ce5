"""A network made in the test: its score is how bright the picture is, so a test paints what the hub is to think."""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Iterable
from pathlib import Path

SIDE = 64
_FLOAT, _UINT8, _INT64 = 1, 2, 7
_ATTRIBUTE_INT, _ATTRIBUTE_INTS = 2, 7


def brightness_model(
    folder: Path,
    *,
    scale: float = 1 / 255,
    name: str = "brightness",
    side: int = SIDE,
    second_look: dict[str, float] | None = None,
) -> Path:
    """A model folder; with `scale` 0 the network says 0 to every picture. All cells are alike, the first is the peak."""
    folder.mkdir(parents=True, exist_ok=True)
    network = _network(scale, side)
    (folder / "network.onnx").write_bytes(network)
    twice = {"second_look": second_look} if second_look else {}
    card = {
        "name": name,
        "version": "test",
        "input": {"width": side, "height": side, "channels": "BGR", "resize": "stretch"},
        "files": [
            {
                "file": "network.onnx",
                "precision": "fp32",
                "sha256": hashlib.sha256(network).hexdigest(),
                **twice,
            }
        ],
        "thresholds": {"warn": 0.5, "act": 0.8},
    }
    (folder / "model.json").write_text(json.dumps(card), encoding="utf-8")
    return folder


def _network(scale: float, side: int) -> bytes:
    """ONNX by hand: image -> mean of all its values * scale -> score, and the same in every cell -> heat."""
    nodes = (
        _node("Cast", ["image"], "real", _attribute("to", _ATTRIBUTE_INT, [_FLOAT])),
        _node(
            "ReduceMean",
            ["real"],
            "mean",
            _attribute("axes", _ATTRIBUTE_INTS, [1, 2, 3]),
            _attribute("keepdims", _ATTRIBUTE_INT, [0]),
        ),
        _node("Mul", ["mean", "scale"], "score"),
        _node("Expand", ["score", "cells"], "heat"),
    )
    graph = b"".join(_block(1, each) for each in nodes)
    graph += _block(2, b"test")
    cells = (1, side // 16, side // 16)
    graph += _block(5, _floats("scale", scale)) + _block(5, _integers("cells", cells))
    graph += _block(11, _value("image", _UINT8, (1, side, side, 3)))
    graph += _block(12, _value("heat", _FLOAT, cells)) + _block(12, _value("score", _FLOAT, (1,)))
    return _number(1, 8) + _block(7, graph) + _block(8, _block(1, b"") + _number(2, 13))


def _node(kind: str, inputs: Iterable[str], output: str, *attributes: bytes) -> bytes:
    return (
        b"".join(_block(1, each.encode()) for each in inputs)
        + _block(2, output.encode())
        + _block(4, kind.encode())
        + b"".join(_block(5, each) for each in attributes)
    )


def _attribute(name: str, kind: int, values: Iterable[int]) -> bytes:
    field = 3 if kind == _ATTRIBUTE_INT else 8
    return _block(1, name.encode()) + b"".join(_number(field, each) for each in values) + _number(20, kind)


def _floats(name: str, value: float) -> bytes:
    return _number(1, 1) + _number(2, _FLOAT) + _block(8, name.encode()) + _block(9, struct.pack("<f", value))


def _integers(name: str, values: tuple[int, ...]) -> bytes:
    raw = b"".join(each.to_bytes(8, "little") for each in values)
    return _number(1, len(values)) + _number(2, _INT64) + _block(8, name.encode()) + _block(9, raw)


def _value(name: str, kind: int, shape: Iterable[int]) -> bytes:
    dimensions = b"".join(_block(1, _number(1, each)) for each in shape)
    return _block(1, name.encode()) + _block(2, _block(1, _number(1, kind) + _block(2, dimensions)))


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _block(field: int, content: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)
