"""docs/home-assistant.md and the code say the same: every entity, every sensitivity, every file it names."""

import re
from pathlib import Path

import pytest

from hub import entities
from hub.access import Right
from hub.discovery import Announced, components
from hub.intents import payloads
from hub.policy import SENSITIVITY

PAGE = Path(__file__).parents[2] / "docs" / "home-assistant.md"
TEXT = PAGE.read_text(encoding="utf-8")


def test_every_entity_is_explained():
    each = Announced("c", "ab" * 16, "Ender", ("main",), payloads(bytes(32), "c", Right.OWN))
    for found in (components(each), entities.of_hub("c")):
        for component in found.values():
            assert f"*{component['name']}*" in TEXT


def test_nothing_is_explained_that_is_not_there():
    each = Announced("c", "ab" * 16, "Ender", ("main",), payloads(bytes(32), "c", Right.OWN))
    names = {component["name"] for component in components(each).values()}
    rows = re.findall(
        r"^\| (?:binary )?(?:sensor|camera|image|event|button|switch|select|number|update)\S* (.*?) \|",
        TEXT,
        re.MULTILINE,
    )
    explained = {name for row in rows for name in re.findall(r"\*(.+?)\*", row)}
    assert explained == names


@pytest.mark.parametrize("word", SENSITIVITY)
def test_each_sensitivity_is_told_as_it_is(word):
    warn, act = (SENSITIVITY[word][name] * 100 for name in ("warn_at", "act_at"))
    assert f"| {word} | {warn:.4g} % | {act:.4g} % |" in TEXT


def test_every_blueprint_is_told_of():
    for path in (PAGE.parents[1] / "packaging" / "homeassistant" / "blueprints").iterdir():
        assert path.name in TEXT
