"""Changes to an exported graph after which it computes the same with less work."""

from pathlib import Path

import numpy as np
import onnx
from onnx import NodeProto, helper, numpy_helper

from models.training import network
from models.training.stem import GROUP, grouped_filters


def group_first_convolution(path: Path) -> None:
    """Let the first convolution of a float graph read groups of pixels, see `stem`."""
    model = onnx.load(str(path))
    graph = model.graph
    turn, conv, clip = (
        next(n for n in graph.node if n.op_type == kind) for kind in ("Transpose", "Conv", "Clip")
    )
    weights = {i.name: i for i in graph.initializer}
    filters, bias = (weights[name] for name in conv.input[1:3])
    side, outputs = graph.input[0].type.tensor_type.shape.dim[1].dim_value, filters.dims[0]
    filters.CopyFrom(numpy_helper.from_array(grouped_filters(numpy_helper.to_array(filters)), filters.name))
    bias.CopyFrom(numpy_helper.from_array(np.tile(numpy_helper.to_array(bias), GROUP // 2), bias.name))
    del conv.attribute[:]
    conv.attribute.extend(
        helper.make_attribute(name, value)
        for name, value in (("kernel_shape", [3, 2]), ("pads", [1, 1, 0, 0]), ("strides", [2, 1]))
    )
    for name, shape in (
        ("groups", [1, side, side // GROUP, 3 * GROUP]),
        ("places", [1, side // 2, side // 2, outputs]),
    ):
        graph.initializer.append(numpy_helper.from_array(np.array(shape, np.int64), name))
    after = clip.output[0]
    clip.output[0] = "grouped"
    apart = [
        helper.make_node("Transpose", ["grouped"], ["grouped_last"], "grouped_last", perm=[0, 2, 3, 1]),
        helper.make_node("Reshape", ["grouped_last", "places"], ["places_last"], "places_last"),
        helper.make_node("Transpose", ["places_last"], [after], "places_first", perm=[0, 3, 1, 2]),
    ]
    insert(graph, clip, apart)
    insert(
        graph,
        None,
        [helper.make_node("Reshape", [turn.input[0], "groups"], ["image_groups"], "image_groups")],
    )
    turn.input[0] = "image_groups"
    del graph.value_info[:]
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, str(path))


def read_bytes_directly(path: Path) -> None:
    """Replace cast, subtract, scale and quantise by one dequantise of the picture's own bytes, which is the same."""
    model = onnx.load(str(path))
    graph = model.graph
    maker = {output: node for node in graph.node for output in node.output}
    turn, first = (next(n for n in graph.node if n.op_type == kind) for kind in ("Transpose", "Conv"))
    end = maker[first.input[0]]
    assert end.op_type == "DequantizeLinear"
    chain, at = [], end
    while at is not turn:
        chain.append(at)
        at = maker[at.input[0]]
    graph.initializer.append(numpy_helper.from_array(np.array(1 / network.SCALE, np.float32), "image_scale"))
    graph.initializer.append(numpy_helper.from_array(np.array(network.MEAN, np.uint8), "image_zero"))
    direct = helper.make_node(
        "DequantizeLinear", [turn.output[0], "image_scale", "image_zero"], [first.input[0]], "image_bytes"
    )
    for node in chain:
        graph.node.remove(node)
    insert(graph, turn, [direct])
    used = {name for node in graph.node for name in node.input}
    for left in [i for i in graph.initializer if i.name not in used]:
        graph.initializer.remove(left)
    onnx.checker.check_model(model)
    onnx.save(model, str(path))


def insert(graph: onnx.GraphProto, after: NodeProto | None, nodes: list[NodeProto]) -> None:
    """Put nodes behind a node, or before all."""
    at = 0 if after is None else list(graph.node).index(after) + 1
    for offset, node in enumerate(nodes):
        graph.node.insert(at + offset, node)
