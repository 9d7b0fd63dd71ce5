"""What an evaluation reads: labelled pictures from `manifest.csv`, frames of prints from `sequences.csv`."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

GOOD, FAILURE, AMBIGUOUS = "good", "failure", "ambiguous"
SEQUENCES = "sequences"
SUFFIXES = (".jpg", ".jpeg")

Box = tuple[float, float, float, float]


class EvaluationError(Exception):
    """The data cannot be evaluated; the message says what to change."""


@dataclass(frozen=True)
class Sample:
    """One labelled picture; `group` is the print or photograph it belongs to, `source` the camera or origin."""

    file: str
    label: str
    kind: str
    group: str
    source: str
    fixed: bool
    index: int
    seen: bool
    boxes: tuple[Box, ...]


def load(data: Path, split: str) -> list[Sample]:
    """The samples of a split of single pictures, or every frame of every print for `sequences`."""
    if split == SEQUENCES:
        samples = [_frame(row) for row in _rows(data / "sequences.csv")]
    else:
        samples = [
            _single(data, row) for row in _rows(data / "manifest.csv") if row.get("split", split) == split
        ]
    if not samples:
        raise EvaluationError(f"{data} holds no picture of the split {split!r}")
    return samples


def read_boxes(path: Path) -> tuple[Box, ...]:
    """The YOLO boxes of a label file as (x, y, w, h) from the corner, in shares; none without a file."""
    if not path.is_file():
        return ()
    boxes = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if line.strip():
            try:
                cx, cy, w, h = (float(value) for value in line.split()[1:5])
            except ValueError:
                raise EvaluationError(f"{path}:{number} is not a YOLO box line: {line!r}") from None
            boxes.append((cx - w / 2, cy - h / 2, w, h))
    return tuple(boxes)


def pictures_in(paths: list[Path]) -> Iterator[Path]:
    """The JPEG files named, and those inside the folders named, each folder in order of name."""
    for path in paths:
        if path.is_dir():
            yield from sorted(p for p in path.rglob("*") if p.suffix.lower() in SUFFIXES)
        elif path.is_file():
            yield path
        else:
            raise EvaluationError(f"{path} does not exist")


def _rows(path: Path) -> list[dict[str, str]]:
    """The rows of a manifest that has at least file and label."""
    if not path.is_file():
        raise EvaluationError(f"{path} is missing; it lists file,label and optionally split,kind,group")
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    for number, row in enumerate(rows, 2):
        if row.get("label") not in (GOOD, FAILURE, AMBIGUOUS) or not row.get("file"):
            raise EvaluationError(f"{path}:{number} needs a file and a label of good, failure or ambiguous")
    return rows


def _single(data: Path, row: dict[str, str]) -> Sample:
    """A row of manifest.csv; only file and label must be there."""
    file = row["file"]
    labels = file.replace("/images/", "/labels/").rsplit(".", 1)[0] + ".txt"
    failing = row["label"] == FAILURE
    return Sample(
        file=file,
        label=row["label"],
        kind=row.get("kind") or row["label"],
        group=row.get("group") or file,
        source=row.get("source_repo") or "own",
        fixed=False,
        index=0,
        seen=row.get("split") == "train",
        boxes=read_boxes(data / labels) if failing and labels != file else (),
    )


def _frame(row: dict[str, str]) -> Sample:
    """A row of sequences.csv; only file, label and print_id must be there."""
    fixed = (row.get("fixed_camera") or "1") == "1"
    return Sample(
        file=row["file"],
        label=row["label"],
        kind="fixed camera" if fixed else "hand-held",
        group=row.get("print_id") or row["file"],
        source=row.get("rig") or "own",
        fixed=fixed,
        index=int(row.get("frame_index") or 0),
        seen=row.get("use") == "train",
        boxes=(),
    )
