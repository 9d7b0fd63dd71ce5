"""What a training batch is made of: places of tangles, cut-outs, and what each fold holds out."""

import csv

import cv2
import numpy as np
import pytest

from models.training import data, mixture
from models.training.composite import MATTES, cut
from models.training.data import FAILURE, GOOD, SIDE, Picture
from models.training.folds import FOLDS, holds_out

BOX = (0.5, 0.5, 0.4, 0.5)


class Store:
    """Grey pictures for all."""

    def get(self, picture):
        return np.full((SIDE, SIDE, 3), 90, np.uint8)


def frame(label=FAILURE, boxes=(BOX,)):
    return Picture("f.jpg", "train", label, "frame", "print", rig="rig", fixed=True, boxes=boxes)


def mixed(frames):
    return mixture.Mixture(Store(), Store(), [], frames, [], [], 224, effects=0.0, ghosts=0.0)


def strands(background, ink):
    """A picture with loops of `ink` inside BOX, and where they are."""
    image = np.full((320, 320, 3), background, np.uint8)
    drawn = np.zeros((320, 320), np.uint8)
    rng = np.random.default_rng(5)
    for centre in rng.integers([110, 95], [210, 225], (25, 2)):
        axes = [int(v) for v in rng.integers(6, 14, 2)]
        cv2.ellipse(drawn, [int(v) for v in centre], axes, 0, 0, 360, 255, 3)
    image[drawn > 0] = ink
    return image, drawn > 0


def test_every_frame_box_lies_in_its_picture():
    boxes = data.load_frame_boxes()
    assert len(boxes) > 300
    for of_frame in boxes.values():
        for cx, cy, w, h in of_frame:
            assert w > 0
            assert h > 0
            assert -1e-6 <= cx - w / 2 <= cx + w / 2 <= 1 + 1e-6
            assert -1e-6 <= cy - h / 2 <= cy + h / 2 <= 1 + 1e-6


def test_a_frame_box_says_where_the_tangle_is_and_where_it_is_not():
    rng = np.random.default_rng(1)
    for _ in range(20):
        _, label, cells = mixed([frame()]).example(rng, "frame_fail")
        assert label == 1.0
        assert {0.0, 1.0} <= set(np.unique(cells))


def test_without_a_box_no_cell_of_a_failing_frame_is_known():
    _, label, cells = mixed([frame(boxes=())]).example(np.random.default_rng(1), "frame_fail")
    assert label == 1.0
    assert (cells == mixture.UNKNOWN).all()


def test_good_frames_are_good_everywhere():
    _, label, cells = mixed([frame(GOOD, ())]).example(np.random.default_rng(1), "frame_good")
    assert label == 0.0
    assert not cells.any()


@pytest.mark.parametrize("matte", MATTES)
def test_a_cutout_is_the_tangle_without_what_is_behind(matte):
    image, drawn = strands((60, 70, 60), (40, 90, 230))
    found = cut(image, frame(), matte)
    assert found is not None
    margin = (128 + 160) // 20
    high, wide = found.alpha.shape
    assert (high, wide) == (160 + 2 * margin, 128 + 2 * margin)
    there = drawn[80 - margin :, 96 - margin :][:high, :wide]
    assert found.alpha[there].mean() > 0.7
    assert found.alpha[~there].mean() < 0.25


@pytest.mark.parametrize("matte", MATTES)
@pytest.mark.parametrize("ink", [(60, 70, 60), (62, 70, 61)])
def test_what_cannot_be_told_from_its_background_is_not_cut(ink, matte):
    assert cut(strands((60, 70, 60), ink)[0], frame(), matte) is None


def test_cutouts_come_by_group_and_are_kept(tmp_path):
    cv2.imwrite(str(tmp_path / "f.jpg"), strands((60, 70, 60), (40, 90, 230))[0])
    first = mixture.load_cutouts(tmp_path, tmp_path, [frame(), frame()])
    (tmp_path / "f.jpg").unlink()
    assert [len(group) for group in mixture.load_cutouts(tmp_path, tmp_path, [frame()])] == [2]
    assert [len(group) for group in first] == [4]


def test_each_group_of_photographs_is_held_out_once():
    for group in (f"group {number}" for number in range(100)):
        assert sum(holds_out(fold, group) for fold in FOLDS) == 1


def test_rendered_pictures_that_are_ambiguous_are_left_out(tmp_path):
    with (tmp_path / "manifest.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerows([["file", "mask", "label"], ["a.jpg", "", GOOD], ["b.jpg", "", "ambiguous"]])
    for name in "ab":
        (tmp_path / f"{name}.jpg").write_bytes(b"")
    assert [row[2] for row in mixture.load_rendered(tmp_path)] == [GOOD]
