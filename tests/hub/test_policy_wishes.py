"""What follows from an owner's settings alone: quiet hours, unwatched prints, the second signal, words and versions."""

from __future__ import annotations

from dataclasses import asdict, replace

import pytest

from hub.policy import (
    CUSTOM,
    SENSITIVITY,
    Memory,
    PrinterSettings,
    about_parts,
    by_night,
    changed,
    decide_parts,
    quiet,
    sensitivity,
    unwatched_due,
    version,
)

DEFAULT = PrinterSettings()
NIGHT = PrinterSettings(quiet_from="22:00", quiet_to="07:30", quiet_action="pause", action="alert")


@pytest.mark.parametrize(
    ("minute", "is_quiet"),
    [
        (22 * 60 - 1, False),
        (22 * 60, True),
        (0, True),
        (7 * 60 + 29, True),
        (7 * 60 + 30, False),
        (None, False),
    ],
)
def test_quiet_hours_over_midnight(minute, is_quiet):
    assert quiet(NIGHT, minute) is is_quiet
    assert quiet(DEFAULT, minute) is False


@pytest.mark.parametrize(
    ("minute", "is_quiet"), [(9 * 60 - 1, False), (9 * 60, True), (17 * 60 - 1, True), (17 * 60, False)]
)
def test_quiet_hours_within_a_day(minute, is_quiet):
    assert quiet(PrinterSettings(quiet_from="09:00", quiet_to="17:00"), minute) is is_quiet


def test_the_action_of_the_night():
    assert by_night(NIGHT) == replace(NIGHT, action="pause")
    assert by_night(DEFAULT) is DEFAULT


def test_an_unwatched_print_is_paused_where_that_is_wished_and_after_its_time():
    wished = PrinterSettings(when_unwatched="pause", unwatched_s=600.0)
    assert unwatched_due(wished, 100.0, 700.0)
    assert not unwatched_due(wished, 100.0, 699.9)
    assert not unwatched_due(wished, None, 1e9)
    assert not unwatched_due(replace(wished, watch=False), 100.0, 1e9)
    assert not unwatched_due(DEFAULT, 100.0, 1e9)


@pytest.mark.parametrize("moved", ["alert", "pause", "cancel"])
def test_a_part_that_moved_is_acted_upon_as_wished_and_at_its_own_limit(moved):
    chosen = PrinterSettings(moved=moved, moved_at=0.9, act_hold_s=7.0, action="alert")
    assert about_parts(chosen) == replace(
        chosen, watch=True, action=moved, warn_at=0.9, act_at=0.9, warn_hold_s=7.0
    )


def test_a_part_that_moved_is_nothing_where_it_is_switched_off():
    assert not about_parts(DEFAULT).watch
    assert not about_parts(PrinterSettings(moved="pause", watch=False)).watch
    assert about_parts(DEFAULT).action == DEFAULT.action


def test_a_part_that_moved_is_never_warned_about():
    chosen, memory, kinds = PrinterSettings(moved="alert", act_hold_s=0.0), Memory(), []
    for t, certainty in enumerate((0.95, 0.3, 0.95, 0.3, 0.95)):
        decision, memory = decide_parts(
            chosen, memory, phase="printing", job="j", certainty=certainty, t=float(t)
        )
        kinds.append(decision.kind)
    assert kinds == ["alert", "none", "none", "none", "none"]


def test_settings_with_changes():
    assert changed(asdict(NIGHT), {"act_hold_s": 9.0}) == replace(NIGHT, act_hold_s=9.0)
    assert changed({}, {}) == DEFAULT
    with pytest.raises(ValueError, match="unknown setting 'acts_at'"):
        changed({}, {"warn_at": 0.5, "acts_at": 0.5})
    with pytest.raises(ValueError, match="act_hold_s"):
        changed({}, {"act_hold_s": -0.005})


@pytest.mark.parametrize("word", SENSITIVITY)
def test_thresholds_in_a_word(word):
    assert sensitivity(PrinterSettings(**SENSITIVITY[word])) == word
    assert sensitivity(PrinterSettings(**SENSITIVITY[word] | {"warn_at": 0.51})) == CUSTOM


def test_equal_settings_share_a_version_of_twelve_characters():
    assert version(PrinterSettings()) == version(DEFAULT)
    assert version(NIGHT) != version(DEFAULT)
    assert len(version(NIGHT)) == 12
