"""What Home Assistant is announced, for each right and in each form."""

import json

import pytest

from hub.access import Right
from hub.discovery import Announced, components, hub_messages, messages
from hub.intents import INTENTS, payloads
from hub.knobs import KNOBS

KEY, PRINTER = bytes(32), "ab" * 16


def announced(right=Right.OWN, name="Ender", cameras=("main", "side")):
    return Announced("cred", PRINTER, name, cameras, payloads(KEY, "cred", right))


@pytest.mark.parametrize(
    "made", [lambda form: messages(announced(), form=form), lambda form: hub_messages("c", form=form)]
)
def test_both_forms_announce_the_same_entities(made):
    """One message for the device, or one an entity."""
    [device], entities = made("device"), made("entity")
    body = json.loads(device.payload)
    assert {each.topic.split("/")[3] for each in entities} == set(body["cmps"])
    for each in entities:
        _prefix, platform, _node, key, _config = each.topic.split("/")
        assert {"p": platform, **json.loads(each.payload)} == {
            **body["cmps"][key],
            "dev": body["dev"],
            "o": body["o"],
        }
    assert all(each.retain for each in [device, *entities])


def test_ids_stay_when_a_printer_is_renamed():
    ids = {key: each["unique_id"] for key, each in components(announced()).items()}
    renamed = {key: each["unique_id"] for key, each in components(announced(name="Prusa")).items()}
    assert ids == renamed
    assert len(set(ids.values())) == len(ids)


def test_each_right_is_announced_what_it_may_use():
    commanding = {
        right: {key for key, each in components(announced(right)).items() if "command_topic" in each}
        for right in Right
    }
    assert commanding[Right.VIEW] == set()
    assert commanding[Right.CONTROL] == set(INTENTS)
    assert commanding[Right.OWN] == {*INTENTS, *(f"set_{knob}" for knob in KNOBS)}


def test_whoever_may_only_look_is_told_no_capability():
    [device] = messages(announced(Right.VIEW), form="device")
    for text in payloads(KEY, "cred", Right.OWN).values():
        assert text.split()[1].encode() not in device.payload


def test_settings_can_be_changed_while_the_agent_is_away():
    """What concerns the hub alone does not depend on the agent; everything else does."""
    alone = {key for key, each in components(announced()).items() if len(each["availability"]) == 1}
    assert alone == {"watch", "agent", "event", *(f"set_{knob}" for knob in KNOBS)}


def test_the_hub_is_announced_to_each_integration_apart():
    [one], [other] = hub_messages("one", form="device"), hub_messages("other", form="device")
    assert one.topic != other.topic
    assert b"/hub/other" not in one.payload
