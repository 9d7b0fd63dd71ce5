"""The hub's settings file: `printwarden.toml`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit

from agent.settings import SettingsError, build, overridden, read_toml
from hub.logs import FORMATS, LEVELS
from hub.notify.addresses import Reach
from hub.pace import PaceSettings

SHORTEST_TOKEN = 20


@dataclass(frozen=True)
class HubSection:
    """`names`: host names and addresses under which agents reach this hub; the first is told to new agents.

    `certificate`, `key` and `authority` (PEM files): a certificate of one's own for the agents' listeners, and who
    signed it. Empty: one of the hub's private authority.
    """

    data: Path = Path("data")
    names: tuple[str, ...] = ("127.0.0.1", "localhost")
    enrolment_host: str = "0.0.0.0"  # noqa: S104 - agents on other machines enrol here, over TLS
    enrolment_port: int = 8884
    certificate: str = ""
    key: str = ""
    authority: str = ""

    def __post_init__(self) -> None:
        if not self.names:
            raise ValueError("names: at least one name or address of this machine is needed")
        if len({bool(each) for each in (self.certificate, self.key, self.authority)}) > 1:
            raise ValueError("certificate: certificate, key and authority belong together")


@dataclass(frozen=True)
class WebSection:
    """The viewer. `secure_cookies` once it is reached by HTTPS through a proxy, `ingress` inside Home Assistant.

    `public_url` is where people reach it from outside, for the links in notifications; no request's Host is believed.
    `metrics_token` opens all of `/metrics`; empty: only API tokens made for that do.
    """

    host: str = "127.0.0.1"
    port: int = 8080
    secure_cookies: bool = False
    ingress: bool = False
    public_url: str = ""
    metrics_token: str = ""

    def __post_init__(self) -> None:
        parts = urlsplit(self.public_url)
        plain = (
            parts.scheme in ("http", "https") and parts.hostname and not parts.query and not parts.fragment
        )
        if self.public_url and (not plain or self.public_url.endswith("/")):
            raise ValueError("public_url: like https://printers.example.org, without a slash at its end")
        if self.metrics_token and len(self.metrics_token) < SHORTEST_TOKEN:
            raise ValueError(f"metrics_token: at least {SHORTEST_TOKEN} characters")


@dataclass(frozen=True)
class BrokerSection:
    """Which broker. `embedded`: `config` is its `broker.conf`, empty takes the defaults. `mosquitto`: the rest.

    `ca` is the PEM file of the authority that signed Mosquitto's certificate (empty: plain MQTT), `admin` and `token`
    its dynamic-security administrator; `public_host` and `public_port` are told to agents where they differ.
    """

    kind: str = "embedded"
    config: str = ""
    host: str = "127.0.0.1"
    port: int = 8883
    ca: str = ""
    admin: str = "printwarden-admin"
    token: str = ""
    public_host: str = ""
    public_port: int = 0

    def __post_init__(self) -> None:
        if self.kind not in ("embedded", "mosquitto"):
            raise ValueError(f"kind: {self.kind!r} is neither embedded nor mosquitto")
        if self.kind == "mosquitto" and not self.token:
            raise ValueError("token: Mosquitto's administrator needs one (token_file is better)")


@dataclass(frozen=True)
class DetectionSection:
    """`model`: a folder with a `model.json`; empty takes the shipped one. `workers` 0 lets the hub choose."""

    model: str = ""
    precision: str = "auto"
    workers: int = 0

    def __post_init__(self) -> None:
        if self.precision not in ("auto", "fp32", "int8", "light"):
            raise ValueError(f"precision: {self.precision!r} is none of auto, fp32, int8, light")
        if not 0 <= self.workers <= 64:
            raise ValueError("workers: must lie from 0 to 64")


@dataclass(frozen=True)
class HomeAssistantSection:
    """`discovery`: device (Home Assistant 2024.11 and newer), entity (older ones and openHAB) or off."""

    discovery: str = "device"

    def __post_init__(self) -> None:
        if self.discovery not in ("device", "entity", "off"):
            raise ValueError(f"discovery: {self.discovery!r} is none of device, entity, off")


@dataclass(frozen=True)
class NotifySection:
    """`allow_private`: networks of private addresses that people's targets may lie in; none by default."""

    allow_private: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        try:
            Reach(self.allow_private)
        except ValueError as error:
            raise ValueError(f"allow_private: {error}") from error


@dataclass(frozen=True)
class LogSection:
    """`format`: text for people, json for programs, one line each. `level`: debug, info, warning or error."""

    format: str = "text"
    level: str = "info"

    def __post_init__(self) -> None:
        for name, choices in (("format", FORMATS), ("level", LEVELS)):
            if getattr(self, name) not in choices:
                raise ValueError(f"{name}: {getattr(self, name)!r} is none of {', '.join(choices)}")


@dataclass(frozen=True)
class RetentionSection:
    """How long events, scores and pictures are kept."""

    days: float = 30.0
    gigabytes: float = 2.0


@dataclass(frozen=True)
class TimelapseSection:
    """A picture of each running print every `interval_s` seconds, at most `pictures` of one print, and a video of them.

    The interval doubles whenever a print has that many pictures, and every second one is dropped.
    """

    enabled: bool = True
    interval_s: float = 10.0
    pictures: int = 240
    fps: float = 12.0

    def __post_init__(self) -> None:
        if not 1.0 <= self.interval_s <= 3600.0:
            raise ValueError("interval_s: must lie from 1 to 3600")
        if not 10 <= self.pictures <= 2000:
            raise ValueError("pictures: must lie from 10 to 2000")
        if not 1.0 <= self.fps <= 60.0:
            raise ValueError("fps: must lie from 1 to 60")


@dataclass(frozen=True)
class HubSettings:
    """The whole settings file."""

    hub: HubSection = field(default_factory=HubSection)
    web: WebSection = field(default_factory=WebSection)
    broker: BrokerSection = field(default_factory=BrokerSection)
    detection: DetectionSection = field(default_factory=DetectionSection)
    pace: PaceSettings = field(default_factory=PaceSettings)
    homeassistant: HomeAssistantSection = field(default_factory=HomeAssistantSection)
    notify: NotifySection = field(default_factory=NotifySection)
    log: LogSection = field(default_factory=LogSection)
    retention: RetentionSection = field(default_factory=RetentionSection)
    timelapse: TimelapseSection = field(default_factory=TimelapseSection)


def load(path: Path | None, environment: Mapping[str, str] = os.environ) -> HubSettings:
    """Settings from a file (None: only defaults) and the environment; raises SettingsError naming the key.

    A relative data folder or certificate is relative to the settings file.
    """
    tables = read_toml(path) if path else {}
    settings = build(HubSettings, overridden(tables, environment, HubSettings), str(path or "settings"))
    if path:
        settings = replace(settings, hub=_placed(settings.hub, path.parent))
    return settings


def _placed(hub: HubSection, folder: Path) -> HubSection:
    hub = replace(hub, data=folder / hub.data)
    if not hub.certificate:
        return hub
    certificate, key, authority = (str(folder / each) for each in (hub.certificate, hub.key, hub.authority))
    return replace(hub, certificate=certificate, key=key, authority=authority)


__all__ = ["HubSettings", "SettingsError", "load"]
