"""Labels of frames: as the prints are labelled, and as a look at every good frame found them."""

import csv
from pathlib import Path

from models.training import data
from models.training.data import AMBIGUOUS, FAILURE, GOOD, Picture

LABELS = Path(data.__file__).parent / "frame_labels.csv"


def good_frame(file):
    return Picture(file, "train", GOOD, "frame", "print", rig="rig", fixed=True)


def rows():
    with LABELS.open(newline="") as file:
        return list(csv.DictReader(file))


def test_every_mended_label_says_what_was_seen_and_where():
    boxes = data.load_frame_boxes()
    assert {row["label"] for row in rows()} == {FAILURE, AMBIGUOUS}
    assert all((row["file"] in boxes) == (row["label"] == FAILURE) for row in rows())


def test_a_mended_frame_fails_where_its_boxes_are():
    row = next(row for row in rows() if row["label"] == FAILURE)
    (mended,) = data.mended([good_frame(row["file"])])
    assert mended.label == FAILURE
    assert mended.boxes == data.load_frame_boxes()[row["file"]]


def test_other_frames_keep_their_labels():
    frame = good_frame("sequences/other/000.jpg")
    assert data.mended([frame]) == [frame]


def test_frames_are_loaded_as_labelled(tmp_path):
    files = {row["file"] for row in rows()}
    header = "file,use,label,print_id,rig,fixed_camera,frame_index\n"
    body = "".join(f"{file},train,good,print,rig,1,0\n" for file in sorted(files))
    (tmp_path / "sequences.csv").write_text(header + body)
    frames = data.load_frames(tmp_path)
    assert {(f.label, f.boxes) for f in frames} == {(GOOD, ())}
    assert {f.file for f in frames} == files
