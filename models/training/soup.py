"""The mean of several runs that started from the same weights: a better start than any of them."""

import argparse

import torch

from models.training import data, measure


def main() -> None:
    """Average the averaged weights of the runs named into CACHE/runs/NAME/checkpoint.pt."""
    parser = argparse.ArgumentParser(description=__doc__)
    data.add_options(parser)
    parser.add_argument("name")
    parser.add_argument("runs", nargs="+")
    options = parser.parse_args()
    runs = options.cache / "runs"
    kept = [torch.load(runs / run / "checkpoint.pt", "cpu", weights_only=True) for run in options.runs]
    parts = [each["average"] for each in kept]
    mean = {key: torch.stack([part[key] for part in parts]).mean(dim=0) for key in parts[0]}
    measure.save_model(runs / options.name, mean, kept[0]["size"], kept[0].get("spared", 0))
    print(f"{options.name}: the mean of {len(parts)} runs")


if __name__ == "__main__":
    main()
