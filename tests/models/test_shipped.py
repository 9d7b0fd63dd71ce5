"""The shipped network is what model.json says, and all of its files see the same."""

import hashlib
import json
from pathlib import Path

import cv2
import numpy as np
import onnxruntime
import pytest

ROOT = Path(__file__).parents[2]
MODELS = ROOT / "models"
DATA = ROOT.parent / "shared" / "data"
DESCRIBED = json.loads((MODELS / "model.json").read_text())
SIZES = {entry["precision"]: (entry["width"], entry["height"]) for entry in DESCRIBED["files"]}


@pytest.fixture(scope="module")
def sessions():
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return {
        entry["precision"]: onnxruntime.InferenceSession(
            str(MODELS / entry["file"]), options, providers=["CPUExecutionProvider"]
        )
        for entry in DESCRIBED["files"]
    }


def run(session, picture):
    _, height, width, _ = session.get_inputs()[0].shape
    heat, score = session.run(["heat", "score"], {"image": cv2.resize(picture, (width, height))[None]})
    return heat[0], float(score[0])


@pytest.mark.parametrize("entry", DESCRIBED["files"], ids=lambda entry: entry["precision"])
def test_a_file_is_the_one_described(entry):
    raw = (MODELS / entry["file"]).read_bytes()
    assert len(raw) == entry["bytes"]
    assert hashlib.sha256(raw).hexdigest() == entry["sha256"]


def test_inputs_and_outputs_are_those_of_the_contract(sessions):
    assert sorted(sessions) == ["fp32", "int8", "light"]
    for precision, session in sessions.items():
        width, height = SIZES[precision]
        (image,) = session.get_inputs()
        assert (image.name, image.type, image.shape) == ("image", "tensor(uint8)", [1, height, width, 3])
        assert [output.name for output in session.get_outputs()] == ["heat", "score"]


def test_answers_are_probabilities_on_a_grid_of_the_told_size(sessions):
    picture = np.random.default_rng(1).integers(0, 256, (480, 640, 3), np.uint8)
    for precision, session in sessions.items():
        heat, score = run(session, picture)
        assert heat.shape == tuple(side // 16 for side in reversed(SIZES[precision]))
        assert heat.dtype == np.float32
        assert 0 <= heat.min() <= heat.max() <= 1
        assert 0 <= score <= 1


def test_nothing_to_see_is_no_failure(sessions):
    """A black, a grey and a smoothly shaded picture stay far below the warning threshold."""
    shaded = np.tile(np.linspace(20, 230, 320, dtype=np.uint8)[None, :, None], (240, 1, 3))
    for session in sessions.values():
        for picture in (np.zeros((240, 320, 3), np.uint8), np.full((240, 320, 3), 120, np.uint8), shaded):
            assert run(session, picture)[1] < DESCRIBED["thresholds"]["warn"] / 2


def test_thresholds_are_in_order():
    assert 0 < DESCRIBED["thresholds"]["warn"] <= DESCRIBED["thresholds"]["act"] < 1


def test_the_notice_names_every_licence_of_the_training_data():
    notice = (MODELS / "NOTICE").read_text()
    for licence in ("Apache License 2.0", "CC BY 4.0", "CC BY-SA 4.0", "CERN-OHL-S v2", "Public domain"):
        assert licence in notice


@pytest.mark.skipif(
    not (DATA / "manifest.csv").is_file(), reason="the labelled pictures are not beside the repository"
)
def test_it_tells_failures_from_good_prints(sessions):
    """On the validation split, the easy part of the exam: nearly every pair is ranked rightly, by every file."""
    from hub import evaluation

    class Eye:
        def __init__(self, session):
            self._session = session

        def detect(self, jpeg):
            heat, score = run(self._session, cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR))
            return type("Found", (), {"heat": heat, "score": score})()

    found = {name: evaluation.evaluate(DATA, "val", Eye(session)) for name, session in sessions.items()}
    assert all(result["auroc"] > 0.98 for result in found.values())
    assert abs(found["fp32"]["auroc"] - found["int8"]["auroc"]) < 0.01
