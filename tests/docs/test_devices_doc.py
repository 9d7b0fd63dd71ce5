"""docs/printers.md and docs/cameras.md are held to the drivers: every example loads, every option is shown."""

import re
import tomllib
from dataclasses import fields
from pathlib import Path

import pytest

from agent.camera.base import KINDS as CAMERAS
from agent.camera.base import camera_module
from agent.config import AgentConfig, make_camera, make_printer
from agent.printers.base import KINDS as PRINTERS
from agent.printers.base import printer_module
from agent.settings import build
from tests.counterparts.moonraker_rig import KALICO, MOONRAKER
from tests.counterparts.octoprint_rig import VERSION as OCTOPRINT

PAGES = {
    name: (Path(__file__).parents[2] / "docs" / name).read_text() for name in ("printers.md", "cameras.md")
}
BLOCKS = [
    (name, number, block)
    for name, page in PAGES.items()
    for number, block in enumerate(re.findall(r"```toml\n(.*?)```", page, re.DOTALL))
]


@pytest.mark.parametrize(
    ("page", "number", "block"), BLOCKS, ids=[f"{page}-{number}" for page, number, _ in BLOCKS]
)
def test_examples_load(page, number, block):
    config = build(AgentConfig, tomllib.loads(block), page)
    for printer in config.printer:
        make_printer(printer)
        for camera in printer.camera:
            make_camera(camera)


def shown(page, kind, key):
    """The keys of all example tables of a kind."""
    found = set()
    for name, _, block in BLOCKS:
        if name == page:
            for printer in tomllib.loads(block)["printer"]:
                for each in [printer] if key == "printer" else printer.get("camera", []):
                    if each["kind"] == kind:
                        found |= set(each.get("options", {}))
    return found


@pytest.mark.parametrize("kind", sorted(PRINTERS))
def test_every_option_of_a_printer_is_shown(kind):
    names = {each.name for each in fields(printer_module(kind).Settings)}
    assert shown("printers.md", kind, "printer") == names
    assert f"`{kind}`" in PAGES["printers.md"]


@pytest.mark.parametrize("kind", sorted(CAMERAS))
def test_every_kind_of_camera_is_told(kind):
    names = {each.name for each in fields(camera_module(kind).Settings)}
    assert f"`{kind}`" in PAGES["cameras.md"]
    if kind == "mjpeg":
        names &= {"url", "idle_s"}  # the rest is shown for snapshot
    if kind != "folder":
        assert shown("cameras.md", kind, "camera") >= names


def test_the_versions_in_the_table_are_those_of_the_tests():
    page = PAGES["printers.md"]
    for told in (f"OctoPrint {OCTOPRINT} ", f"Moonraker {MOONRAKER} ", f"Kalico {KALICO})"):
        assert told in page
    tests = Path(__file__).parents[1] / "counterparts"
    clients = [
        client
        for each in tests.glob("test_*.py")
        for client in re.findall(r'told_by\(\s*"([^"]+)==([^"]+)"', each.read_text(encoding="utf-8"))
    ]
    assert len(clients) >= 4
    for name, version in clients:
        assert f"`{name}` {version}" in page
