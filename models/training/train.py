"""Train the network: resumable, deterministic by seed, every step's batch made from (seed, step) alone."""

import argparse
import json
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from models.training import augment, data, mixture, network
from models.training.folds import FOLDS, holds_out
from models.training.teachers import Teachers

LABELS = 0.25
"""What the labels weigh beside teachers."""


def losses(heat: Tensor, score: Tensor, label: Tensor, cells: Tensor) -> Tensor:
    """Picture loss plus cell loss inside and outside the known region, balanced per picture."""
    picture = functional.binary_cross_entropy_with_logits(score, label * 0.995 + 0.002)
    each = functional.binary_cross_entropy_with_logits(heat, cells.clamp(0, 1), reduction="none")
    inside, outside = (cells == 1).float(), (cells == 0).float()
    total = torch.zeros((), device=heat.device)
    for part, weight in ((inside, 0.3), (outside, 0.7)):
        count = part.sum(dim=(1, 2))
        mean = (each * part).sum(dim=(1, 2)) / count.clamp(min=1)
        total = total + weight * mean.sum() / max(int((count > 0).sum()), 1)
    return picture + total


class Run:
    """One training run with its files in `folder`, taught by labels and, when there are some, by teachers."""

    def __init__(
        self,
        folder: Path,
        options: argparse.Namespace,
        mix: mixture.Mixture,
        teachers: Teachers | None = None,
    ) -> None:
        self._folder, self._options, self._mix, self._teachers = folder, options, mix, teachers
        # Every run begins with the same head, or the mean of two runs would mean nothing.
        torch.manual_seed(0)
        begun = (
            torch.load(options.start, "cpu", weights_only=True) if options.start else {"size": options.size}
        )
        self.model = network.Detector(begun["size"], begun.get("spared", 0))
        self.model.to(options.device, memory_format=torch.channels_last)
        torch.manual_seed(options.seed)
        if options.start:
            self.model.load_state_dict(begun["average"])
        head_rate = options.rate * (10 if not options.start else 2)
        self._optimiser = torch.optim.AdamW(
            [
                {"params": self.model.body(), "lr": options.rate},
                {"params": self.model.head(), "lr": head_rate},
            ],
            weight_decay=0.02,
        )
        self._base_rates = [options.rate, head_rate]
        self._average = {k: v.clone() for k, v in self.model.state_dict().items()}
        self._step = 0

    def resume(self) -> None:
        """Continue from the newest checkpoint, if there is one."""
        path = self._folder / "checkpoint.pt"
        if path.exists():
            kept = torch.load(path, self._options.device, weights_only=True)
            self.model.load_state_dict(kept["model"])
            self._optimiser.load_state_dict(kept["optimiser"])
            self._average, self._step = kept["average"], kept["step"]

    def save(self) -> None:
        """Write the checkpoint in one rename."""
        part = self._folder / "checkpoint.part"
        state = {
            "model": self.model.state_dict(),
            "optimiser": self._optimiser.state_dict(),
            "average": self._average,
            "step": self._step,
            "size": self.model.size,
            "spared": self.model.spared,
        }
        torch.save(state, part)
        part.rename(self._folder / "checkpoint.pt")

    def _batch(self, step: int):
        return self._mix.batch(np.random.default_rng((self._options.seed, step)), self._options.batch)

    def _rate(self, step: int) -> float:
        warm = min(1.0, (step + 1) / 30)
        return float(
            warm
            * (
                0.02
                + 0.98 * 0.5 * (1 + np.cos(np.pi * step / (self._options.schedule or self._options.steps)))
            )
        )

    def _loss(self, images: Tensor, label: Tensor, cells: Tensor) -> tuple[Tensor, Tensor]:
        """The scores of a batch and how wrong they are."""
        trunk = self.model.trunk(network.normalised(images))
        heat, score = self.model.read(trunk)
        wrong = losses(heat, score, label, cells)
        if self._teachers is None:
            return score, wrong
        return score, LABELS * wrong + self._teachers.miss(trunk, heat, score, label)

    def train(self) -> None:
        """Run the remaining steps; batches are made on a second thread."""
        steps, device, began, shown = self._options.steps, self._options.device, time.monotonic(), self._step
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(self._batch, self._step)
            while self._step < steps:
                images, label, cells = waiting.result()
                waiting = pool.submit(self._batch, self._step + 1)
                for group, base in zip(self._optimiser.param_groups, self._base_rates, strict=True):
                    group["lr"] = base * self._rate(self._step)
                score, loss = self._loss(
                    *(torch.from_numpy(part).to(device) for part in (images, label, cells))
                )
                self._optimiser.zero_grad(set_to_none=True)
                loss.backward()
                torch.nn.utils.clip_grad_norm_(self.model.parameters(), 5.0)
                self._optimiser.step()
                self._step += 1
                decay = min(0.998, (1 + self._step) / (10 + self._step))
                for key, value in self.model.state_dict().items():
                    self._average[key].lerp_(value, 1 - decay)
                if self._step % 20 == 0:
                    pace = (time.monotonic() - began) / (self._step - shown)
                    right = float(((score.cpu() > 0) == (torch.from_numpy(label) > 0.5)).float().mean())
                    print(
                        f"step {self._step}/{steps} loss {float(loss.detach()):.3f} right {right:.2f} {pace:.2f} s/step",
                        flush=True,
                    )
                if self._step % 100 == 0:
                    self.save()
        self.save()


def build_mixture(options: argparse.Namespace) -> mixture.Mixture:
    """The training material without what the fold holds out and the ingredients named in --without."""
    held_out = FOLDS.get(options.fold, ())
    without = tuple(options.without.split(",")) if options.without else ()
    singles, frames = data.load_singles(options.data), data.load_frames(options.data)
    own = data.load_own(options.add) if options.add else []
    name = f"pictures-own-{len(own)}" if own else "pictures"
    store = data.PictureStore(options.data, options.cache, singles + frames + own, name)
    store.open()
    train = [p for p in singles if p.split == "train"]
    large = data.PictureStore(options.data, options.cache, train, "train", data.LARGE)
    large.open()
    chosen = [p for p in data.trainable(singles) if not holds_out(options.fold, p.group)]
    usable = [
        f for f in frames if f.split == "train" and f.rig not in held_out and f.group not in data.DOUBTFUL
    ]
    usable = own if options.no_frames else usable + own
    cutouts = mixture.load_cutouts(options.data, options.cache, [p for p in chosen + usable if p.boxes])
    rendered = mixture.load_rendered(options.rendered or options.cache / "render" / "dataset")
    print(
        f"{len(chosen)} pictures, {len(usable)} frames, {len(cutouts)} cut-outs, {len(rendered)} rendered",
        flush=True,
    )
    return mixture.Mixture(
        store,
        large,
        chosen,
        usable,
        cutouts,
        rendered,
        options.side,
        without,
        options.effects,
        options.ghosts,
    )


def main() -> None:
    """Read the options, train, leave checkpoint.pt and run.json in the run's folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    data.add_options(parser)
    parser.add_argument("name", help="name of the run; its folder is CACHE/runs/NAME")
    parser.add_argument("--steps", type=int, default=1200)
    parser.add_argument("--schedule", type=int, help="steps of the whole cosine when not all are run")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--side", type=int, default=224)
    parser.add_argument(
        "--size", type=int, default=0, help="which EfficientNet-Lite, 0, 1 or 2, without --start"
    )
    parser.add_argument(
        "--spared", type=int, default=0, help="blocks of the backbone to leave out at its end"
    )
    parser.add_argument(
        "--teachers", nargs="+", default=[], help="runs whose mean answer is to be learnt too"
    )
    parser.add_argument("--rate", type=float, default=2e-4)
    parser.add_argument("--start", type=Path, help="checkpoint to start from")
    parser.add_argument("--without", default="", help="ingredients to leave out, by comma")
    parser.add_argument(
        "--effects", type=float, default=augment.EFFECTS, help="share of pictures with other lamps and lenses"
    )
    parser.add_argument(
        "--ghosts", type=float, default=augment.GHOSTS, help="share of pictures with moving things"
    )
    parser.add_argument("--add", type=Path, help="folder with good/ and failing/ frames of one's own")
    parser.add_argument(
        "--rendered", type=Path, help="folder of rendered pictures; CACHE/render/dataset by default"
    )
    parser.add_argument("--no-frames", action="store_true", help="leave every print's frames out")
    parser.add_argument(
        "--device", default="cuda" if torch.cuda.is_available() else "cpu", help="a GPU if there is one"
    )
    parser.add_argument("--fold", choices=sorted(FOLDS), help="leave the rigs of this fold out")
    options = parser.parse_args()
    unknown = set(filter(None, options.without.split(","))) - set(mixture.SHARES)
    if unknown:
        parser.error(f"--without: no such ingredient: {', '.join(sorted(unknown))}")
    torch.set_num_threads(options.threads)
    torch.set_flush_denormal(True)
    cv2.setNumThreads(1)
    folder = options.cache / "runs" / options.name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "run.json").write_text(json.dumps({k: str(v) for k, v in vars(options).items()}, indent=1))
    named = [options.cache / "runs" / name / "checkpoint.pt" for name in options.teachers]
    run = Run(folder, options, build_mixture(options), Teachers(named, options.device) if named else None)
    run.resume()
    run.train()


if __name__ == "__main__":
    main()
