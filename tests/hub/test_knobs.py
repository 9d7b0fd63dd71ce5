"""Settings as integrations turn them: strict texts in, the changes of `PrinterSettings` out."""

from dataclasses import replace

import pytest

from hub.knobs import KNOBS, told, turned
from hub.policy import SENSITIVITY, PrinterSettings, sensitivity

NOW = PrinterSettings()


@pytest.mark.parametrize(
    ("knob", "text", "before", "changes"),
    [
        ("watch", "off", NOW, {"watch": False}),
        ("act", "off", NOW, {"action": "alert"}),
        ("act", "on", NOW, {}),
        ("act", "on", replace(NOW, action="cancel"), {}),
        ("act", "on", replace(NOW, action="alert"), {"action": "pause"}),
        ("action", "cancel", NOW, {"action": "cancel"}),
        ("sensitivity", "high", NOW, {"warn_at": 0.4, "act_at": 0.95}),
        ("sensitivity", "custom", NOW, {}),
        ("act_at", "0.975", NOW, {"act_at": 0.975}),
        ("act_hold_s", "12", NOW, {"act_hold_s": 12.0}),
    ],
)
def test_turning_a_knob_changes_settings(knob, text, before, changes):
    assert turned(knob, text, before) == changes


@pytest.mark.parametrize("knob", KNOBS)
@pytest.mark.parametrize(
    "text", ["", "ON", "yes", "nan", "inf", "1e3", "-1", "+1", "0x1", "\uff11", "1 2", "1\n", "."]
)
def test_other_texts_are_refused_by_the_name_of_the_knob(knob, text):
    with pytest.raises(ValueError, match=f"^{knob}: "):
        turned(knob, text, NOW)


def test_every_sensitivity_is_a_valid_choice_and_is_told_by_its_word():
    for word, thresholds in SENSITIVITY.items():
        chosen = replace(NOW, **thresholds)
        assert sensitivity(chosen) == told(chosen)["sensitivity"] == word
    assert sensitivity(replace(NOW, act_at=0.98)) == "custom"
    assert sensitivity(NOW) == "normal"


def test_the_more_sensitive_the_lower_both_thresholds():
    low, normal, high = (SENSITIVITY[word] for word in ("low", "normal", "high"))
    assert low["warn_at"] > normal["warn_at"] > high["warn_at"]
    assert low["act_at"] > normal["act_at"] > high["act_at"]


def test_the_position_of_every_knob_is_told():
    assert set(told(NOW)) == set(KNOBS)
    assert told(replace(NOW, action="alert"))["act"] is False
