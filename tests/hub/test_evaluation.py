"""The evaluation library, with a made-up detector whose score is the picture's brightness."""

import csv
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest

from hub import evaluation, evaluation_metrics, evaluation_time
from hub.evaluation_data import EvaluationError
from hub.vision import Detector as NetworkDetector
from hub.vision import read_model, shipped_model

REAL = Path(__file__).parents[3] / "shared" / "data"


@dataclass
class Detection:
    score: float
    heat: np.ndarray


class Brightness:
    """Brighter is more failing; the hottest cell is the brightest one of a 4 x 4 grid."""

    def detect(self, jpeg):
        picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_GRAYSCALE)
        if picture is None:
            raise ValueError("not a picture")
        heat = cv2.resize(picture, (4, 4), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
        return Detection(float(heat.max()), heat)


def picture(path, brightness, spot=(0, 0)):
    """A dark JPEG with one quarter of a quarter lit."""
    array = np.full((64, 64, 3), 8, np.uint8)
    x, y = spot[0] * 16, spot[1] * 16
    array[y : y + 16, x : x + 16] = brightness
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), array)


def table(path, rows):
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)


@pytest.fixture
def data(tmp_path):
    """Four good, three failing and one ambiguous picture; one failing one is darker than one good one."""
    rows = []
    made = [("good", b) for b in (20, 40, 60, 140)] + [("failure", b) for b in (120, 200, 240)]
    for number, (label, brightness) in enumerate([*made, ("ambiguous", 250)]):
        file = f"test/images/{number}.jpg"
        picture(tmp_path / file, brightness, spot=(number % 4, 1))
        rows.append(
            {"file": file, "split": "test", "label": label, "kind": f"{label}-web", "group": f"g{number}"}
        )
        if label == "failure":
            labels = tmp_path / f"test/labels/{number}.txt"
            labels.parent.mkdir(exist_ok=True)
            left = number % 4 / 4 if number != 6 else 0.75
            labels.write_text(f"0 {left + 0.125} 0.375 0.25 0.25\n")
    table(tmp_path / "manifest.csv", rows)
    return tmp_path


@pytest.fixture
def prints(tmp_path):
    """A print that fails half way, a good one, and a hand-held clip that the totals leave out."""
    rows = []
    for name, fixed, frames in (
        ("fails", "1", [("good", 30)] * 5 + [("failure", 220)] * 5),
        ("fine", "1", [("good", 40)] * 6 + [("good", 240)]),
        ("held", "0", [("failure", 250)] * 3),
    ):
        for index, (label, brightness) in enumerate(frames):
            file = f"sequences/{name}/{index}.jpg"
            picture(tmp_path / file, brightness)
            rows.append(
                {
                    "file": file,
                    "use": "train" if name == "held" else "measure",
                    "print_id": name,
                    "rig": f"rig-{name}",
                    "fixed_camera": fixed,
                    "frame_index": index,
                    "label": label,
                }
            )
    table(tmp_path / "sequences.csv", rows)
    return tmp_path


def test_the_promised_fields_are_there_and_json_ready(data):
    result = evaluation.evaluate(data, "test", Brightness())
    assert json.loads(json.dumps(result)) is not None
    assert {"auroc", "recall_at_fpr", "pointing", "per_kind", "n", "model", "sha256"} <= set(result)
    assert set(result["recall_at_fpr"]) == {"0.01", "0.05"}


def test_figures_are_those_counted_by_hand(data):
    """Of 12 pairs one is the wrong way round; without a false alarm two of three failures are found."""
    result = evaluation.evaluate(data, "test", Brightness())
    assert result["n"] == 7
    assert result["failing"] == 3
    assert result["auroc"] == pytest.approx(11 / 12)
    assert result["recall_at_fpr"]["0.01"] == pytest.approx(2 / 3)
    assert result["pointing"] == pytest.approx(2 / 3)
    assert result["false_at_warn"] == pytest.approx(1 / 4)


def test_tables_are_per_kind_and_without_ambiguous(data):
    result = evaluation.evaluate(data, "test", Brightness())
    assert set(result["per_kind"]) == {"good-web", "failure-web"}
    assert result["per_kind"]["failure-web"]["failing"] == 3
    assert result["per_kind"]["good-web"]["false_at_warn"] == pytest.approx(1 / 4)


def test_prints_are_judged_as_a_whole(prints):
    """One bright frame in a good print is no alarm; hand-held clips count in no total."""
    result = evaluation.evaluate(prints, "sequences", Brightness())
    assert result["per_print"]["fails"]["failure"]["acted"] is True
    assert result["per_print"]["fine"]["good"]["warned"] is False
    totals = result["prints"]
    assert (totals["failing"], totals["caught_at_act"], totals["good"], totals["false_at_act"]) == (
        1,
        1,
        2,
        0,
    )
    assert result["n"] == 17
    assert set(result["per_use"]) == {"never in training"}


def test_the_report_is_one_page_that_loads_nothing(data, tmp_path):
    result = evaluation.evaluate(data, "test", Brightness())
    page = evaluation.write_report(result, tmp_path / "out").read_text()
    assert "Recall against false alarms" in page
    assert page.count("data:image/jpeg;base64,") == 7
    assert "http" not in page


def test_the_report_of_prints_shows_totals(prints, tmp_path):
    result = evaluation.evaluate(prints, "sequences", Brightness())
    page = evaluation.write_report(result, tmp_path / "out").read_text()
    assert "1 of 1 failing prints" in page


def test_hostile_names_stay_text(data, tmp_path):
    result = evaluation.evaluate(data, "test", Brightness())
    result["model"] = "<script>"
    assert "<script>" not in evaluation.write_report(result, tmp_path / "out").read_text()


def test_scoring_takes_files_and_folders(data):
    rows = evaluation.score_paths([data / "test/images", data / "test/images/0.jpg"], Brightness())
    assert len(rows) == 9
    assert all(0 <= row["score"] <= 1 for row in rows)
    bright = next(row for row in rows if row["file"].endswith("5.jpg"))
    assert bright["regions"][0].keys() == {"x", "y", "w", "h", "score"}


def test_progress_reaches_the_end(data):
    seen = []
    evaluation.evaluate(data, "test", Brightness(), progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (8, 8)


def test_own_pictures_need_only_file_and_label(tmp_path):
    for name, brightness in (("a.jpg", 20), ("b.jpg", 230)):
        picture(tmp_path / name, brightness)
    table(
        tmp_path / "manifest.csv", [{"file": "a.jpg", "label": "good"}, {"file": "b.jpg", "label": "failure"}]
    )
    assert evaluation.evaluate(tmp_path, "test", Brightness())["auroc"] == 1.0


@pytest.mark.parametrize(
    "break_it", ["no manifest", "empty split", "bad label", "no picture", "not a jpeg", "bad box"]
)
def test_bad_data_is_one_clear_error(data, break_it):
    split = "test"
    if break_it == "no manifest":
        (data / "manifest.csv").unlink()
    elif break_it == "empty split":
        split = "val"
    elif break_it == "bad label":
        (data / "manifest.csv").write_text("file,label\nx.jpg,perhaps\n")
    elif break_it == "no picture":
        (data / "test/images/0.jpg").unlink()
    elif break_it == "not a jpeg":
        (data / "test/images/0.jpg").write_bytes(b"nothing")
    else:
        (data / "test/labels/4.txt").write_text("0 half\n")
    with pytest.raises(EvaluationError):
        evaluation.evaluate(data, split, Brightness())


def test_a_missing_path_is_told():
    with pytest.raises(EvaluationError, match="does not exist"):
        evaluation.score_paths([Path("no/such/file.jpg")], Brightness())


def test_facts_are_those_of_the_network_in_use():
    """The checksum is the one of the file really in use."""
    model = read_model(shipped_model())
    facts = evaluation.facts_of(NetworkDetector(model, "int8"))
    assert facts.model == f"{model.name} {model.version} int8"
    assert facts.sha256 == hashlib.sha256((model.folder / "tangle-int8.onnx").read_bytes()).hexdigest()
    assert facts.warn == model.warn < facts.act == model.act


@pytest.mark.parametrize(("rate", "expected"), [(0.0, 0.5), (0.25, 0.75), (1.0, 1.0)])
def test_recall_never_takes_more_false_alarms_than_allowed(rate, expected):
    scores = np.array([0.1, 0.2, 0.5, 0.8, 0.3, 0.6, 0.9, 0.95])
    failing = np.array([False] * 4 + [True] * 4)
    assert evaluation_metrics.recall_at(scores, failing, rate) == expected


def test_ties_count_half():
    assert evaluation_metrics.auroc(np.array([0.5, 0.5]), np.array([True, False])) == 0.5


def test_one_sided_data_has_no_figure():
    scores, failing = np.array([0.5, 0.6]), np.array([True, True])
    assert evaluation_metrics.auroc(scores, failing) is None
    assert evaluation_metrics.recall_at(scores, failing, 0.01) is None
    assert (
        evaluation_metrics.interval(evaluation_metrics.auroc, scores, failing, ["a", "b"], rounds=5) is None
    )


def test_the_interval_holds_the_figure_and_repeats():
    rng = np.random.default_rng(3)
    failing = np.arange(80) % 2 == 0
    scores = rng.random(80) + failing * 0.5
    groups = [str(i // 4) for i in range(80)]
    spans = [
        evaluation_metrics.interval(evaluation_metrics.auroc, scores, failing, groups, rounds=100)
        for _ in range(2)
    ]
    assert spans[0] == spans[1]
    assert spans[0][0] < evaluation_metrics.auroc(scores, failing) < spans[0][1]


def test_a_perfectly_calibrated_score_has_no_error():
    scores = np.repeat([0.25, 0.75], 8)
    failing = np.array([True, True, False, False, False, False, False, False] + [True] * 6 + [False] * 2)
    assert evaluation_metrics.calibration_error(scores, failing) == pytest.approx(0)


def test_k_of_n_forgets_what_is_older_than_n():
    assert evaluation_metrics.k_of_n([True, False, False, True, False, True], 2, 3) == 5
    assert evaluation_metrics.k_of_n([True, False, False, True], 2, 3) is None


@pytest.mark.skipif(
    not (REAL / "manifest.csv").is_file(), reason="the labelled pictures are not beside the repository"
)
def test_the_real_manifest_can_be_read():
    from hub.evaluation_data import load

    assert len([s for s in load(REAL, "val") if s.label == "failure"]) == 39
    assert len(load(REAL, "sequences")) == 871


def test_a_replay_warns_before_it_acts_and_stays_quiet_on_good_frames():
    verdict = evaluation_time.replay([0.02] * 5 + [0.99] * 30)
    assert verdict.warned is not None
    assert 5 <= verdict.warned <= verdict.acted
    assert evaluation_time.replay([0.02, 0.8] * 30) == evaluation_time.Verdict(None, None)


def test_over_time_counts_stretches_and_hours(prints):
    row = evaluation.evaluate(prints, "sequences", Brightness())["over_time"]
    assert (row["failing"], row["false_actions"]) == (1, 0)
    assert row["good_hours"] == pytest.approx(12 * 10 / 3600)
