"""Networks that teach another one: what they think of the same picture, in the mean, and how far the pupil is from it."""

from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from models.training import measure

MOST_SCORE, MOST_CELL = -1.0, 0.0
"""What a teacher may say at most of a good picture: its mistakes are not to be learnt."""


class Teachers:
    """Several networks with the trunk of the pupil."""

    def __init__(self, checkpoints: list[Path], device: str) -> None:
        self._models = [measure.load_model(path).requires_grad_(False).to(device) for path in checkpoints]

    def miss(self, trunk: Tensor, heat: Tensor, score: Tensor, label: Tensor) -> Tensor:
        """How far a pupil's logits lie from the teachers' mean, for cells and for the picture (label 1 is failing)."""
        with torch.no_grad():
            told = [model.read(trunk.float()) for model in self._models]
        heats, scores = (torch.stack(part).mean(dim=0) for part in zip(*told, strict=True))
        good = label == 0
        heats = torch.where(good[:, None, None], heats.clamp(max=MOST_CELL), heats)
        scores = torch.where(good, scores.clamp(max=MOST_SCORE), scores)
        return functional.smooth_l1_loss(heat, heats) + functional.smooth_l1_loss(score, scores)
