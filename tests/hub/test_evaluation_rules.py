"""The reference rules against what is known of them, the films, and the report's arithmetic."""

import json
import math
from pathlib import Path

import cv2
import numpy as np
import pytest

from hub import evaluation_detection as report
from hub.evaluation_films import backs, failing_films, good_films
from hub.evaluation_growth import Back, Cutout, Film, cutouts
from hub.evaluation_looks import Looks
from hub.evaluation_rules import Obico, Ours, PrintGuard
from hub.evaluation_tables import BEGIN, END, write_tables
from hub.vision import Detection, Detector, read_model
from tests.support.models import brightness_model
from tests.support.pictures import picture

REAL = Path(__file__).parents[3] / "shared" / "data"


def found(score):
    return Detection(score, np.full((4, 4), score, np.float32), 0, 0, 100.0)


def obico(p, *, background=0.02, calm=360, known=True, sensitivity=1.0, most=200):
    """After how many failing pictures it warns and pauses."""
    rule, first = Obico(sensitivity), {}
    rule.begin([found(background)] if known else [])
    for n in range(calm):
        assert rule.see(n * 10.0, found(background))[0] == "none"
    for n in range(1, most):
        kind, wait = rule.see((calm + n) * 10.0, found(p))
        assert wait == 10.0
        if kind == "pause":
            first.setdefault("warn", n)
        first.setdefault(kind, n)
    return first.get("warn"), first.get("pause")


@pytest.mark.parametrize(
    ("p", "expected"),
    [(0.5, (10, None)), (0.6, (7, None)), (0.7, (5, 24)), (0.8, (5, 12)), (1.0, (3, 7)), (1.5, (2, 4))],
)
def test_obicos_rule_takes_as_long_as_is_known(p, expected):
    assert obico(p) == expected


@pytest.mark.parametrize("p", [0.5, 1.0, 2.0])
def test_obicos_rule_is_blind_to_a_failure_from_the_first_picture_on_a_new_printer(p):
    assert obico(p, calm=0, known=False) == (None, None)


def test_obicos_rule_pauses_a_print_once():
    rule = Obico()
    rule.begin([found(0.02)])
    kinds = [rule.see(n * 10.0, found(0.02 if n < 360 else 1.0))[0] for n in range(500)]
    assert kinds.count("pause") == 1


def test_printguards_rule_is_three_in_a_row():
    rule = PrintGuard()
    rule.begin([])
    kinds = [rule.see(float(t), found(p))[0] for t, p in enumerate((0.9, 0.9, 0.1, 0.5, 0.6, 0.7, 0.9))]
    assert kinds == ["none"] * 5 + ["pause", "none"]
    assert rule.see(100.0, found(0.9))[0] == "pause"


def test_our_rule_is_the_live_one():
    rule, t, kinds = Ours(0.5), 0.0, []
    rule.begin([])
    while t < 300:
        kind, wait = rule.see(t, found(0.97 if t >= 100 else 0.01))
        kinds.append((kind, t))
        t += wait
    decided = [(kind, t) for kind, t in kinds if kind != "none"]
    assert [kind for kind, _ in decided] == ["warn", "pause"]
    assert 100 <= decided[1][1] <= 130
    rule.resumed(t)
    after = [rule.see(t + n, found(0.97))[0] for n in range(1, 60)]
    assert set(after) == {"none"}


@pytest.fixture
def back():
    return Back("calm", "clips", tuple(picture(60, n, 120) for n in range(60)))


@pytest.fixture
def tangle():
    image = np.full((40, 40, 3), 230, np.uint8)
    return Cutout("made", image, np.ones((40, 40), np.float32))


def shown(film, t, cut):
    return cv2.imdecode(np.frombuffer(film.picture(t, [cut]), np.uint8), cv2.IMREAD_COLOR)


def test_a_tangle_grows_from_its_onset(back, tangle):
    film = Film(back, "growing", onset=200.0)
    bright = [(shown(film, t, tangle) > 100).mean() for t in (190.0, 210.0, 300.0, 500.0)]
    assert bright[0] == 0
    assert bright[0] < bright[1] < bright[2] < bright[3]


def test_the_same_moment_of_a_film_is_always_the_same(back, tangle):
    film = Film(back, "growing", onset=0.0, hidden=0.5)
    assert film.picture(33.5, [tangle]) == film.picture(33.5, [tangle])
    assert film.key(33.5) == Film(back, "growing", onset=0.0, hidden=0.5).key(33.5)
    covered = sum(not film.shows(t / 2) for t in range(400))
    assert 120 < covered < 280


def test_growth_rests_and_goes_on_in_a_resumed_print(back):
    film = Film(back, "resumed", onset=0.0, pause_growth=100.0, again=300.0)
    assert film.size(100.0) == film.size(299.0) < film.size(400.0)


def test_light_changes_with_the_lamp_or_for_good(back, tangle):
    lamp, dusk = (Film(back, "good", light=light) for light in ("lamp", "dusk"))
    assert shown(lamp, 70.0, tangle).mean() < 0.7 * shown(lamp, 10.0, tangle).mean()
    assert shown(dusk, 10.0, tangle).mean() < 0.8 * shown(lamp, 10.0, tangle).mean()


def looks(film, t):
    return found(0.97 if film.shows(t) and film.size(t) > 0.3 else 0.01)


def test_a_film_is_played_until_the_failure_is_paused(back):
    film = Film(back, "growing", onset=200.0)
    run = report.play(Ours(0.5), film, looks, [])
    assert run.false(run.pauses) == 0
    assert 0 < run.caught(run.warnings) <= run.caught(run.pauses) < 120


def test_a_false_pause_is_counted_and_the_print_goes_on(back):
    film = Film(back, "good")
    run = report.play(PrintGuard(), film, lambda _f, t: found(0.9 if 100 <= t < 110 else 0.0), [])
    assert len(run.pauses) == 1
    figures = report.quiet([PrintGuard()], [film], lambda _f, t: found(0.9), lambda _f: [])
    assert figures["PrintGuard's rule"]["prints_paused"] == 1
    assert figures["PrintGuard's rule"]["pauses"] > 3


def test_the_report_fills_the_place_in_the_document(back, tmp_path, capsys):
    films = [Film(back, "growing", onset=onset) for onset in (0.0, 200.0)]
    films.append(Film(back, "resumed", onset=0.0, pause_growth=120.0, again=400.0))
    rules = [Ours(0.5), Obico(), PrintGuard()]
    part = {
        "growth": report.growth(rules, films, looks, lambda _f: []),
        "good": report.quiet(rules, [Film(back, "good")], looks, lambda _f: []),
    }
    assert part["growth"]["printwarden"]["all"]["from_first_frame_paused"] == 1
    assert part["growth"]["printwarden"]["resumed"]["pauses_while_unchanged"] == 0
    result = {"model": "m", "sha256": "0" * 64, "films": 3, "tangles": ["a"], "good_hours": 0.2}
    result |= {"first print": part, "after one good print": part, "real prints": {}}
    assert json.loads(json.dumps(result))
    document = tmp_path / "d.md"
    document.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    write_tables(result, document)
    text = document.read_text()
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert "old" not in text
    assert "| printwarden | 2/2 (100%) |" in text
    document.write_text("no place")
    with pytest.raises(ValueError, match="measured"):
        write_tables(result, document)
    assert "printwarden" in capsys.readouterr().out


def test_looks_are_computed_once(tmp_path):
    detector = Detector(read_model(brightness_model(tmp_path / "model")))
    detector.start()
    for expected in (1, 0):
        kept = Looks(tmp_path / "cache", detector)
        first = kept.look("a", lambda: picture(120))
        assert kept.computed == expected
        kept.close()
    assert first.score == pytest.approx(detector.detect(picture(120)).score)
    assert first.heat.shape == (4, 4)


def test_another_second_look_of_the_same_file_is_computed_anew(tmp_path):
    for twice in (None, {"above": 0.1, "share": 0.5}):
        detector = Detector(read_model(brightness_model(tmp_path / "model", second_look=twice)))
        detector.start()
        kept = Looks(tmp_path / "cache", detector)
        kept.look("a", lambda: picture(120))
        assert kept.computed == 1
        kept.close()


@pytest.mark.skipif(not REAL.is_dir(), reason="the labelled data is not here")
def test_films_are_made_from_the_labelled_data():
    good = backs(REAL)
    films = failing_films(good, 8)
    assert {film.sort for film in films} == {
        "growing",
        "head in front",
        "changing light",
        "resumed",
        "other cameras",
    }
    assert sum(film.onset == 0.0 for film in films) > 10
    assert all(math.isfinite(film.end) for film in [*films, *good_films(good)])
    cuts = cutouts(REAL, "val", 2)
    assert len(cuts) == 2
    assert films[0].picture(400.0, cuts)[:2] == b"\xff\xd8"
