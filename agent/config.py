"""The agent's settings file: which printers, which cameras, which credential each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from agent import topics
from agent.camera.base import KINDS as CAMERA_KINDS
from agent.camera.base import Camera, camera_module
from agent.fallback import Settings as FallbackSettings
from agent.printers.base import KINDS as PRINTER_KINDS
from agent.printers.base import Printer, printer_module
from agent.settings import SettingsError, build, read_toml


@dataclass(frozen=True)
class CameraConfig:
    """One `[[printer.camera]]` table."""

    name: str
    kind: str
    options: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not topics.NAME.fullmatch(self.name):
            raise ValueError(f"name: {self.name!r}: use 1 to 32 of a-z, 0-9, dash and underscore")
        _known(self.kind, CAMERA_KINDS)


@dataclass(frozen=True)
class PrinterConfig:
    """One `[[printer]]` table; `credential` is relative to the settings file."""

    credential: Path
    kind: str
    options: dict[str, Any] = field(default_factory=dict)
    camera: tuple[CameraConfig, ...] = ()
    fallback: FallbackSettings = field(default_factory=FallbackSettings)

    def __post_init__(self) -> None:
        _known(self.kind, PRINTER_KINDS)
        names = [each.name for each in self.camera]
        if len(set(names)) != len(names):
            raise ValueError("camera: two cameras have the same name")


@dataclass(frozen=True)
class AgentConfig:
    """The whole settings file."""

    printer: tuple[PrinterConfig, ...] = ()


def load(path: Path) -> AgentConfig:
    """Read a settings file; raises SettingsError naming the file and the key."""
    config = build(AgentConfig, read_toml(path), str(path))
    if not config.printer:
        raise SettingsError(f"{path}: there is no [[printer]] table")
    credentials = [path.parent / each.credential for each in config.printer]
    twice = [each for each in credentials if credentials.count(each) > 1]
    if twice:
        raise SettingsError(f"{path}: two printers use {twice[0]}: enrol each of them")
    return AgentConfig(
        tuple(replace(each, credential=path) for each, path in zip(config.printer, credentials))
    )


def make_printer(config: PrinterConfig) -> Printer:
    """The driver of a printer; raises SettingsError."""
    module = printer_module(config.kind)
    printer: Printer = module.create(
        build(module.Settings, config.options, f"printer.options ({config.kind})")
    )
    return printer


def make_camera(config: CameraConfig) -> Camera:
    """The source of a camera; raises SettingsError."""
    module = camera_module(config.kind)
    camera: Camera = module.create(
        build(module.Settings, config.options, f"camera {config.name} ({config.kind})")
    )
    return camera


def _known(kind: str, kinds: Mapping[str, str]) -> None:
    if kind not in kinds:
        raise ValueError(f"kind: {kind!r} is none of {', '.join(sorted(kinds))}")
