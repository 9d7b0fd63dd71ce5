"""Limits proposed from labelled prints: what they cost is what the policy would have done, and guesses are not made."""

from dataclasses import replace
from random import Random
from types import SimpleNamespace

import pytest

from hub import tuning, tuning_cli
from hub.policy import PrinterSettings
from hub.settings import HubSection, HubSettings
from hub.store.database import Database
from hub.store.history import History, ScoreRow
from hub.store.people import People
from hub.store.printers import Printers
from hub.store.prints import MISSED, Prints
from hub.tuning import Course, act_costs, as_text, condensed, cost, lacking, proposed, tuned
from tests.support.models import brightness_model
from tests.support.pictures import failing, fine

NOW = PrinterSettings()
T0 = 1_800_000_000.0


def course(*certainties, onset=None, every=10.0, name="p"):
    return Course(name, tuple((n * every, c) for n, c in enumerate(certainties)), onset)


GOOD = course(*[0.01] * 100, *[0.97] * 3, *[0.01] * 200)
BAD = course(*[0.01] * 10, *[0.97] * 3, *[0.995] * 20, onset=100.0)


def test_what_limits_cost_is_what_the_policy_would_have_done():
    found = cost([GOOD, BAD], NOW)
    assert (found.failing, found.acted, found.warned) == (1, 1, 1)
    assert found.seconds == 40.0, "30 s below the limit, and one picture for the hold"
    assert (found.false_actions, found.false_warnings) == (0, 1)
    assert found.hours == pytest.approx((3020 + 100) / 3600)
    hasty = cost([GOOD, BAD], replace(NOW, act_at=0.9, act_hold_s=0.0))
    assert (hasty.seconds, hasty.false_actions) == (0.0, 1)


def test_what_comes_before_the_onset_is_false():
    early = course(*[0.995] * 5, *[0.01] * 5, *[0.995] * 5, onset=100.0)
    found = cost([early], NOW)
    assert (found.acted, found.false_actions, found.seconds) == (1, 1, 10.0)


def test_a_failure_that_is_never_sure_is_missed():
    found = cost([course(*[0.5] * 50, onset=0.0)], NOW)
    assert (found.acted, found.warned, found.seconds) == (0, 0, None)


def test_only_limits_that_nothing_beats_are_shown_after_the_present_ones():
    shown = act_costs([GOOD, BAD], NOW)
    assert shown[0].settings == NOW
    rest = [(each.acted, each.seconds, each.false_actions) for each in shown[1:]]
    assert len(set(rest)) == len(rest)
    assert not any(tuning._beats(a, b) for a in shown[1:] for b in shown[1:])


def test_the_soonest_limits_within_what_is_accepted_are_proposed():
    costs = act_costs([GOOD, BAD], NOW)
    assert proposed(costs, 1.0).false_actions == 0
    assert proposed(costs, 1000.0).seconds == 0.0


def many():
    good = [course(*[0.01] * 1000, *[0.97] * 3, name=f"g{n}") for n in range(10)]
    bad = [course(*[0.01] * 10, *[0.97] * 3, *[0.995] * 20, onset=100.0, name=f"b{n}") for n in range(5)]
    return good, bad


def test_with_enough_prints_a_proposal_is_made_in_the_words_of_the_settings():
    good, bad = many()
    assert lacking([*good, *bad]) == ""
    text = as_text(tuned([*good, *bad], NOW, 1.0))
    assert "act_at = 0.995\nact_hold_s = 0" in text
    text = as_text(tuned([*good, *bad], NOW, 100.0))
    assert "act_at = 0.95\nact_hold_s = 0" in text


def test_too_little_data_is_said_and_nothing_proposed():
    text = as_text(tuned([GOOD, BAD], NOW, 1.0))
    assert "Too little data" in text
    assert "0.9 of at least 20 hours" in text
    assert "1 of at least 5 failing prints" in text
    assert "act_at =" not in text
    assert "unknown" in as_text(tuned([replace(BAD, onset=0.0)], NOW, 1.0))


def test_no_false_alarm_in_few_hours_is_not_called_none():
    ten_hours = [course(*[0.01] * 3601, name=f"g{n}") for n in range(1)]
    assert "0, that is below 30.0 per 100 h" in as_text(tuned(ten_hours, NOW, 1.0))


def test_leaving_quiet_points_out_changes_no_decision():
    random = Random(7)
    for _ in range(50):
        sure = [random.choice([None, 0.001, 0.01, 0.1, 0.31, 0.7, 0.97, 0.999]) for _ in range(12)]
        long = course(
            *[each for each in sure for _ in range(random.randint(1, 8))], onset=random.choice([None, 150.0])
        )
        short = condensed(long, 0.15)
        for settings in (NOW, replace(NOW, warn_at=0.3, act_hold_s=0.0), replace(NOW, grace_s=100.0)):
            assert cost([short], settings) == cost([long], settings)
    assert len(condensed(GOOD, 0.15).points) == 7


# Where prints come from


def test_recordings_are_replayed_from_their_folders(tmp_path, capsys):
    for name, pictures in {"good/a": fine(12), "failing/b@50": [*fine(5), *failing(30)]}.items():
        folder = tmp_path / name
        folder.mkdir(parents=True)
        for number, jpeg in enumerate(pictures):
            (folder / f"{number:03}.jpg").write_bytes(jpeg)
    config = tmp_path / "hub.toml"
    config.write_text(f'[detection]\nmodel = "{brightness_model(tmp_path / "model")}"\n')
    options = SimpleNamespace(
        config=config, what=[str(tmp_path)], interval=10.0, accept=1.0, settings=None, run=None
    )
    assert tuning_cli._tune(options) == 0
    text = capsys.readouterr().out
    assert "1 good and 1 failing prints" in text
    assert "1/1" in text
    with pytest.raises(ValueError, match="neither a folder good/ nor failing/"):
        list(tuning_cli.recorded(tmp_path / "model", options, NOW, HubSettings()))


@pytest.fixture
def hub(tmp_path):
    """A stored printer with a good print, one in which a failure was missed, a cancelled one after an alarm, an odd one."""
    settings = HubSettings(hub=HubSection(data=tmp_path))
    database = Database(tmp_path / "hub.db")
    database.start()
    People(database).add("olivia", None, role="user", now=T0)
    printer = Printers(database).add("One", "olivia", T0).id
    history, prints = History(database, tmp_path / "evidence"), Prints(database, tmp_path / "evidence")
    for number, (outcome, sure) in enumerate(
        [("finished", 0.01), ("finished", 0.4), ("cancelled", 0.995), ("cancelled", 0.01)]
    ):
        start = T0 + number * 10_000
        identity = prints.begin(printer, f"job{number}", "", start)
        for n in range(100):
            history.add_score(ScoreRow(printer, "main", start + n * 10, 0.5, sure if n >= 50 else 0.001))
        if number == 1:
            picture = history.add_evidence(printer, "main", start + 600, b"jpeg")
            prints.add_feedback(prints.evidence_row(printer, picture), "olivia", MISSED, start + 990, None)
        if number == 2:
            history.add_event(printer, start + 520, "failing", "alarm", "failing")
        history.flush()
        prints.end(identity, outcome, start + 1000)
    database.stop()
    return settings


def test_stored_prints_are_told_apart_by_how_they_ended_and_by_what_people_said(hub):
    settings, courses, unknown = tuning_cli.stored(hub, "One")
    assert settings == NOW
    assert unknown == 1
    assert sorted((each.onset is None, each.onset) for each in courses if each.onset is not None) == [
        (False, 500.0),
        (False, 600.0),
    ]
    assert [cost([each], NOW).acted for each in courses if each.onset == 500.0] == [1]
    [good] = [each for each in courses if each.onset is None]
    assert len(good.points) == 100
    assert good.points[49:51] == ((490.0, 0.001), (500.0, 0.01)), (
        "seconds of the print, and the certainty then"
    )
    with pytest.raises(ValueError, match="0 printers are called"):
        tuning_cli.stored(hub, "Two")
