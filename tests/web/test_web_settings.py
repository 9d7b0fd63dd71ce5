"""The settings form: from words to values and back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.policy import PrinterSettings
from web import forms

FORM = forms.shown(PrinterSettings())


def test_the_defaults_survive_the_form():
    changes, errors = forms.read(FORM)
    assert errors == {}
    assert PrinterSettings(**changes) == PrinterSettings()


def test_every_setting_has_a_field_or_is_no_matter_of_this_form():
    names = {field.name.partition(".")[0] for field in forms.FIELDS}
    assert names == set(PrinterSettings.__dataclass_fields__) - {"zones"}


@given(
    warn=st.floats(5, 99).map(lambda value: round(value, 2)),
    hold=st.floats(0, 3600).map(lambda value: round(value, 1)),
    minutes=st.none() | st.integers(0, 1440),
    action=st.sampled_from(["alert", "pause", "cancel"]),
    dry=st.booleans(),
)
def test_what_is_shown_is_what_was_saved(warn, hold, minutes, action, dry):
    sent = {**FORM, "warn_at": f"{warn}", "act_hold_s": f"{hold}", "action": action}
    sent["after.bed_off_s"] = "" if minutes is None else str(minutes)
    sent["dry_run"] = "on" if dry else ""
    changes, errors = forms.read(sent)
    assert errors == {}
    settings = PrinterSettings(**changes)
    assert settings.warn_at == pytest.approx(warn / 100)
    assert settings.after.get("bed_off_s") == (None if minutes is None else minutes * 60)
    again, errors = forms.read(forms.shown(settings))
    assert errors == {}
    assert PrinterSettings(**again) == settings


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("warn_at", ""),
        ("warn_at", "a lot"),
        ("warn_at", "nan"),
        ("warn_at", "inf"),
        ("warn_at", "1"),
        ("act_at", "100"),
        ("act_at", "50"),
        ("act_hold_s", "-1"),
        ("grace_s", "3601"),
        ("action", "explode"),
        ("action", ""),
        ("vote", "none"),
        ("after.retract_mm", "21"),
        ("after.bed_off_s", "1441"),
    ],
)
def test_a_bad_value_is_told_at_its_field(name, value):
    _, errors = forms.read({**FORM, name: value})
    assert set(errors) == {name}
    assert errors[name].endswith(".")


def test_a_comma_is_a_decimal_point():
    changes, _ = forms.read({**FORM, "act_at": "99,5"})
    assert changes["act_at"] == pytest.approx(0.995)


@given(st.dictionaries(st.sampled_from([field.name for field in forms.FIELDS]) | st.text(), st.text()))
def test_whatever_is_sent_is_answered(sent):
    changes, errors = forms.read(sent)
    assert errors or PrinterSettings(**changes)


def test_the_page_saves_and_tells(world, olivia):
    printer = world.printer("Bench", "olivia")
    sent = {**FORM, "action": "alert", "after.retract_mm": "2", "id": "x", "owner": "mallory", "quota": "99"}
    assert olivia.post(f"/p/{printer}/settings", sent).status_code == 303
    assert world.settings(printer).action == "alert"
    assert world.settings(printer).after == {"retract_mm": 2.0}
    assert world.registrar.changed == [printer]
    assert world.printers.get(printer).owner == "olivia"
    assert "Saved" in olivia.get(f"/p/{printer}/settings").text


def test_a_mistake_keeps_what_was_typed_and_saves_nothing(world, olivia):
    printer = world.printer("Bench", "olivia")
    answer = olivia.post(f"/p/{printer}/settings", {**FORM, "warn_at": "many", "act_hold_s": "7"})
    assert answer.status_code == 422
    assert 'value="many"' in answer.text
    assert 'value="7"' in answer.text
    assert 'id="warn_at-error"' in answer.text
    assert world.settings(printer) == PrinterSettings()


def test_places_that_do_not_count_outlive_the_form(world, olivia):
    printer = world.printer("Bench", "olivia")
    zones = {"nozzle": [[[0.0, 0.0], [0.2, 0.2]]]}
    world.printers.save_settings(printer, {"zones": zones})
    olivia.post(f"/p/{printer}/settings", FORM)
    assert "nozzle" in world.settings(printer).zones
