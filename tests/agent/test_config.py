"""The agent's settings file: what is right is understood, what is wrong is named."""

from __future__ import annotations

import pytest

from agent.camera.base import KINDS as CAMERA_KINDS
from agent.camera.base import camera_module
from agent.camera.clip import Player
from agent.config import CameraConfig, PrinterConfig, load, make_camera, make_printer
from agent.printers.base import KINDS as PRINTER_KINDS
from agent.printers.base import printer_module
from agent.printers.simulated import SimulatedPrinter
from agent.settings import SettingsError

TWO = """
[[printer]]
credential = "a.json"
kind = "simulated"
options = {job_s = 60}
[[printer.camera]]
name = "main"
kind = "clip"
options = {path = "clip.mjpeg", fps = 2}
[[printer.camera]]
name = "side-2"
kind = "folder"
options = {path = "/tmp"}

[[printer]]
credential = "/elsewhere/b.json"
kind = "simulated"
"""


def written(tmp_path, text):
    path = tmp_path / "agent.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_several_printers_with_their_cameras(tmp_path):
    first, second = load(written(tmp_path, TWO)).printer
    assert [each.name for each in first.camera] == ["main", "side-2"]
    assert first.options == {"job_s": 60}
    assert second.camera == ()


def test_a_fallback_belongs_to_its_printer(tmp_path):
    text = TWO + '[printer.fallback]\naction = "run"\nrun = {command = ["true"]}\n'
    first, second = load(written(tmp_path, text)).printer
    assert (first.fallback.action, second.fallback.action) == ("none", "run")
    assert second.fallback.run.command == ("true",)
    with pytest.raises(SettingsError, match=r"printer\[1\].fallback: after_s: must be at least 120"):
        load(written(tmp_path, text.replace('"run"', '"pause"\nafter_s = 5')))


def test_a_credential_is_relative_to_the_settings_file(tmp_path):
    first, second = load(written(tmp_path, TWO)).printer
    assert first.credential == tmp_path / "a.json"
    assert str(second.credential) == "/elsewhere/b.json"


def test_drivers_are_made_from_their_options(tmp_path):
    first, _ = load(written(tmp_path, TWO)).printer
    assert isinstance(make_printer(first), SimulatedPrinter)
    assert isinstance(make_camera(first.camera[0]), Player)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", r"agent\.toml: there is no \[\[printer\]\] table"),
        ("printer = []", r"there is no \[\[printer\]\] table"),
        ("[[printer]]\nkind = 'simulated'", "credential is missing"),
        ("[[printer]]\ncredential = 'a'\nkind = 'octo'", "kind: 'octo' is none of "),
        (TWO.replace('"side-2"', '"main"'), "two cameras have the same name"),
        (TWO.replace('"side-2"', '"Side 2"'), "name: 'Side 2': use 1 to 32 of a-z"),
        (TWO.replace('"folder"', '"webcam"'), "kind: 'webcam' is none of "),
        (TWO.replace("name =", "nam ="), "unknown key 'nam', did you mean 'name'"),
        ("[[printer]]\nkind = 'simulated'\ncredential = 'a'\n" * 2, "two printers use .*a: enrol each"),
        ("[[printers]]", "unknown key 'printers', did you mean 'printer'"),
    ],
)
def test_what_is_wrong_is_named(tmp_path, text, told):
    with pytest.raises(SettingsError, match=told):
        load(written(tmp_path, text))


def test_a_wrong_option_names_the_driver(tmp_path):
    with pytest.raises(SettingsError, match=r"printer\.options \(simulated\): unknown key 'jobs'"):
        make_printer(PrinterConfig(tmp_path, "simulated", {"jobs": 1}))
    with pytest.raises(SettingsError, match=r"camera main \(clip\): path is missing"):
        make_camera(CameraConfig("main", "clip"))


@pytest.mark.parametrize("kind", PRINTER_KINDS)
def test_every_kind_of_printer_has_settings_and_a_maker(kind):
    module = printer_module(kind)
    assert callable(module.Settings)
    assert callable(module.create)


@pytest.mark.parametrize("kind", CAMERA_KINDS)
def test_every_kind_of_camera_has_settings_and_a_maker(kind):
    module = camera_module(kind)
    assert callable(module.Settings)
    assert callable(module.create)


def test_an_unknown_kind_has_no_module():
    with pytest.raises(KeyError):
        printer_module("toaster")
    with pytest.raises(KeyError):
        camera_module("eye")
