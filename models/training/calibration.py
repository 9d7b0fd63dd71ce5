"""From logits to probabilities: Platt scaling and thresholds from pictures that the scored networks never saw."""

import argparse
import json
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from hub import evaluation_metrics as metrics
from hub.second_look import SecondLook
from models.training import data, measure, network


@dataclass(frozen=True)
class Calibration:
    """What turns a logit into a probability, sigmoid(logit / temperature + bias), and where to warn and to act.

    `lift` is how far the eight hottest cells of failing pictures lie above the picture's logit, in the median.
    """

    temperature: float
    bias: float
    lift: float
    warn: float
    act: float

    def second_look(self) -> SecondLook:
        """Which pictures the hub looks at twice."""
        above = 1 / (1 + math.exp(-(measure.LOOK_AGAIN / self.temperature + self.bias)))
        return SecondLook(above, measure.SHARE)


def fit(options: argparse.Namespace, model: network.Detector, side: int, exam: Path | None) -> Calibration:
    """Calibrate on val and, when there is an exam, on all that it scored: photographs and frames of cameras.

    Photographs and cameras weigh the same in total; within each, failing pictures weigh `--share` of the whole.
    """
    singles = [p for p in data.load_singles(options.data) if p.label != data.AMBIGUOUS]
    val = data.validation(singles)
    logits, heats = measure.predict(model, options.data, [p.file for p in val], side)
    pictures, weights = val, weighed(val, options.share)
    if exam:
        kept: dict[str, float] = json.loads(exam.read_text())
        told = [p for p in singles if p.file in kept]
        frames = data.mended([f for f in data.load_frames(options.data) if f.file in kept])
        frames = [f for f in frames if f.label != data.AMBIGUOUS]
        pictures = val + told + frames
        logits = np.concatenate([logits, [kept[p.file] for p in told + frames]])
        weights = np.concatenate([weighed(val + told, options.share), weighed(frames, options.share)])
    failing = np.array([p.label == data.FAILURE for p in pictures])
    temperature, bias = scaled(logits, failing, weights)
    warn, act = thresholds(1 / (1 + np.exp(-(logits / temperature + bias))), failing)
    return Calibration(temperature, bias, lift_of(val, heats), warn, act)


def lift_of(pictures: list[data.Picture], heats: NDArray) -> float:
    """How far the eight hottest cells of failing pictures lie above the soft maximum of all, in the median."""
    failing = np.array([p.label == data.FAILURE for p in pictures])
    cells = heats.reshape(len(heats), -1).astype(np.float64)
    softest = np.log(np.exp(cells).mean(axis=1))
    hottest = np.sort(cells, axis=1)[:, -8:].mean(axis=1)
    return float(np.median((hottest - softest)[failing]))


def weighed(pictures: list[data.Picture], share: float) -> NDArray:
    """Weights under which failing pictures are `share` of the whole."""
    failing = np.array([p.label == data.FAILURE for p in pictures])
    return np.where(failing, share / failing.sum(), (1 - share) / (~failing).sum())


def scaled(logits: NDArray, failing: NDArray, weights: NDArray) -> tuple[float, float]:
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


def thresholds(probabilities: NDArray, failing: NDArray) -> tuple[float, float]:
    """(warn, act): what 3 % and 1 % of the good pictures used for fitting reach."""
    warn, act = (metrics.threshold_at(probabilities, failing, rate) or 0.5 for rate in (0.03, 0.01))
    return round(min(warn, 0.95), 3), round(min(act, 0.98), 3)
