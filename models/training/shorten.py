"""Leave the last blocks of a trained network out: a start for a quicker one that is then taught by the whole one."""

import argparse

import cv2
import numpy as np
import torch
from torch import Tensor

from models.training import data, measure, network

PICTURES = 96


def least_squares(seen: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor]:
    """Weights and bias with which features [n, c, h, w] come nearest to the wanted ones [n, d, h, w]."""
    x, y = (part.permute(0, 2, 3, 1).flatten(0, 2).double() for part in (seen, wanted))
    x = torch.cat([x, torch.ones(len(x), 1, dtype=x.dtype)], dim=1)
    ridge = torch.eye(x.shape[1], dtype=x.dtype) * 1e-3 * float((x * x).mean()) * len(x)
    found = torch.linalg.solve(x.T @ x + ridge, x.T @ y).float()
    return found[:-1].T[:, :, None, None].contiguous(), found[-1].contiguous()


def shortened(whole: network.Detector, spared: int, images: Tensor) -> network.Detector:
    """The network without its last blocks; what read them reads the block before, as much alike as can be."""
    short = network.Detector(whole.size, spared).to(memory_format=torch.channels_last).eval()
    mine = short.state_dict()
    short.load_state_dict(
        mine | {k: v for k, v in whole.state_dict().items() if k in mine and v.shape == mine[k].shape}
    )
    with torch.no_grad():
        near = whole.near(whole.trunk(images))
        weight, bias = least_squares(short.far(near), whole.read_far(whole.far(near)))
        short.read_far.weight.copy_(weight)
        short.read_far.bias.copy_(bias)
    return short


def main() -> None:
    """Write the shortened run as CACHE/runs/NAME/checkpoint.pt."""
    parser = argparse.ArgumentParser(description=__doc__)
    data.add_options(parser)
    parser.add_argument("name")
    parser.add_argument("source", help="run to shorten")
    parser.add_argument("--spared", type=int, default=2, help="blocks to leave out")
    parser.add_argument("--side", type=int, default=224)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    cv2.setNumThreads(1)
    runs = options.cache / "runs"
    whole = measure.load_model(runs / options.source / "checkpoint.pt")
    pictures = [p for p in data.load_singles(options.data) if p.split == "train"]
    order = np.random.default_rng(options.seed).permutation(len(pictures))[:PICTURES]
    images = np.stack([measure.prepared(options.data / pictures[int(i)].file, options.side) for i in order])
    short = shortened(whole, options.spared, network.normalised(torch.from_numpy(images)))
    measure.save_model(runs / options.name, short.state_dict(), short.size, short.spared)
    print(f"{options.name}: {options.source} without its last {options.spared} blocks")


if __name__ == "__main__":
    main()
