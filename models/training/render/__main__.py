"""Command line of the renderer: `python -m models.training.render clip` or `dataset`."""

import argparse
from pathlib import Path

HOME = Path.home() / ".cache" / "printwarden" / "render"


def main() -> None:
    """Parse the command line and run one sub-command."""
    parser = argparse.ArgumentParser(prog="python -m models.training.render", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    clip = commands.add_parser("clip", help="render the demo clips")
    clip.add_argument("--only", choices=["failing", "good"], help="just one of the two")
    clip.add_argument("--out", type=Path, default=Path("agent/demo"), help="folder for the clips")
    clip.add_argument(
        "--width", type=int, default=640, help="picture width; the height is three quarters of it"
    )
    clip.add_argument("--samples", type=int, default=9, help="light paths per pixel and pass")
    clip.add_argument("--passes", type=int, default=1, help="passes over the whole clip, averaged")
    dataset = commands.add_parser("dataset", help="render training pictures with a manifest")
    dataset.add_argument(
        "--out", type=Path, default=HOME / "dataset", help="folder for pictures and manifest.csv"
    )
    dataset.add_argument("--count", type=int, default=1000, help="pictures to have in the end")
    dataset.add_argument(
        "--width", type=int, default=320, help="picture width; the height is three quarters of it"
    )
    dataset.add_argument("--samples", type=int, default=9, help="light paths per pixel")
    for command in (clip, dataset):
        command.add_argument("--cache", type=Path, default=HOME / "cache", help="folder for unfinished work")
        command.add_argument("--seed", type=int, default=11)
        command.add_argument("--threads", type=int, default=1)
    run(parser.parse_args())


def run(arguments: argparse.Namespace) -> None:
    """Run the chosen sub-command; Mitsuba is loaded only here, so that --help works without it."""
    from models.training.render import scene

    scene.limit_threads(arguments.threads)
    if arguments.command == "clip":
        from models.training.render.clip import make, plans

        for plan in plans(arguments.seed, arguments.width, arguments.samples):
            if arguments.only in (None, plan.name):
                make(plan, arguments.cache, arguments.out, arguments.passes)
    else:
        from models.training.render.dataset import make_dataset

        make_dataset(arguments.out, arguments.count, arguments.width, arguments.samples, arguments.seed)


if __name__ == "__main__":
    main()
