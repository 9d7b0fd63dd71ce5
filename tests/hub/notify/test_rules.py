"""Who is told of what, and when."""

import pytest

from hub.notify import rules
from hub.notify.rules import Choices, due, due_overall, held, retry, subject, wanted
from hub.outcomes import MOVED
from hub.policy import ALERT, CANCEL, PAUSE
from hub.prints import ENDS


def told(kind, level, *, least="warning", printer="", choices=None, troubled=False):
    return wanted(kind, level, least=least, printer=printer, choices=choices or Choices(), troubled=troubled)


@pytest.mark.parametrize(
    ("least", "levels"),
    [("info", "info warning alarm"), ("warning", "warning alarm"), ("alarm", "alarm")],
)
def test_a_target_is_told_from_its_level_on(least, levels):
    assert [each for each in rules.LEVELS if told("suspected", each, least=least)] == levels.split()


def test_a_choice_for_a_printer_goes_before_the_targets_level():
    assert told("paused", "info", printer="info")
    assert not told("suspected", "warning", printer="alarm")
    assert not told("failing", "alarm", printer="off")


def test_how_a_trouble_that_was_told_goes_on_is_told_too():
    assert not told("watched", "info")
    assert told("watched", "info", troubled=True)
    assert not told("watched", "info", troubled=True, printer="off")


def test_a_subject_that_is_not_wanted_is_not_told_and_one_without_a_name_is():
    only = Choices(frozenset({"watch"}))
    assert not told("failing", "alarm", choices=only)
    assert told("not_watched", "alarm", choices=only)
    assert told("storage", "alarm", choices=only)


def test_whoever_wants_prints_hears_of_each_at_any_level():
    prints = Choices(frozenset({"prints"}))
    assert told("print_finished", "info", least="alarm", choices=prints)
    assert not told("print_finished", "info", choices=prints, printer="alarm")
    assert not told("print_finished", "info", least="info")


def test_kinds_that_the_hub_uses_have_a_subject():
    assert {subject(f"print_{each}") for each in {*ENDS.values(), "started"}} == {"prints"}
    assert {subject(f"{each}_failed") for each in (PAUSE, CANCEL)} == {"failures"}
    assert {subject(each) for each in ("suspected", "failing", MOVED)} == {"failures"}
    assert subject(ALERT) == "other"


@pytest.mark.parametrize(
    ("quiet", "minute", "expected"),
    [
        ((60, 120), 59, False),
        ((60, 120), 60, True),
        ((60, 120), 120, False),
        ((1320, 420), 1400, True),
        ((1320, 420), 10, True),
        ((1320, 420), 700, False),
        (None, 10, False),
    ],
)
def test_quiet_hours_also_over_midnight(quiet, minute, expected):
    assert held("warning", Choices(quiet=quiet), minute) is expected


def test_alarms_pass_only_if_the_person_says_so():
    assert not held("alarm", Choices(quiet=(0, 60)), 30)
    assert held("alarm", Choices(quiet=(0, 60), alarms_pass=False), 30)


@pytest.mark.parametrize("wrong", [{"quiet": (0, 1440)}, {"subjects": frozenset({"weather"})}])
def test_choices_that_make_no_sense_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Choices(**wrong)


def flood(limit_s):
    """Times at which one subject of one printer is told of when something happens every second."""
    times = []
    for second in range(limit_s):
        if second >= due(times):
            times.append(float(second))
    return times


def test_a_flood_of_one_printer_becomes_few_messages():
    times = flood(24 * 3600)
    assert times[:6] == [0, 1, 2, 62, 182, 422]
    assert len(times) < 60


def test_a_calm_time_ends_a_burst():
    assert due([0, 1, 2]) == 62
    assert due([0, 1, 2, 2 + rules.CALM_S + 1]) == 2 + rules.CALM_S + 1


def test_many_printers_at_once_are_few_messages():
    times = []
    for second in range(3600):
        if second >= due_overall(times):
            times.append(float(second))
    assert len(times) == 5 + 59
    assert due_overall([]) == rules.NEVER


def test_tries_wait_longer_each_time_up_to_a_limit():
    assert [retry(tries) for tries in (1, 2, 3, 9, 500)] == [10, 20, 40, 1800, 1800]
