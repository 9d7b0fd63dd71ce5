"""The embedded broker's listeners and limits, as read from `broker.conf`."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field, fields
from pathlib import Path

from agent.settings import build, read_toml


@dataclass(frozen=True)
class ListenerSettings:
    """One listening socket. Port 0 takes any free port."""

    enabled: bool = True
    host: str = "127.0.0.1"
    port: int = 1883

    def __post_init__(self) -> None:
        if not self.host:
            raise ValueError("host must not be empty")
        if not 0 <= self.port <= 65535:
            raise ValueError("port must lie from 0 to 65535")


@dataclass(frozen=True)
class PlainListener(ListenerSettings):
    """MQTT without TLS: passwords and pictures are readable on the way, so it stays on this machine by default."""

    allow_plain_beyond_loopback: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.enabled and not self.allow_plain_beyond_loopback and not _is_loopback(self.host):
            raise ValueError(
                f"{self.host} is reachable by others and this listener has no TLS; "
                "set allow_plain_beyond_loopback = true if that is meant"
            )


@dataclass(frozen=True)
class TlsListener(ListenerSettings):
    """MQTT with TLS; it opens only when the hub has a certificate."""

    host: str = "0.0.0.0"  # noqa: S104 - agents on other machines are its purpose
    port: int = 8883


@dataclass(frozen=True)
class Limits:
    """What one client may cost. Sizes in bytes, times in seconds; every limit must be positive."""

    connect_timeout: float = 5.0
    connect_bytes: int = 4096
    half_open: int = 1024
    connections: int = 4096
    connections_per_user: int = 8
    packet_bytes: int = 1_048_576
    topic_bytes: int = 512
    filters_per_packet: int = 256
    subscriptions: int = 2000
    keepalive: int = 300
    queue_bytes: int = 4_194_304
    hub_queue_bytes: int = 33_554_432
    inflight: int = 16_384
    retained: int = 32
    retained_bytes: int = 1_048_576
    packets_per_second: float = 200.0
    bytes_per_second: float = 8_388_608.0

    def __post_init__(self) -> None:
        for each in fields(self):
            if not getattr(self, each.name) > 0:
                raise ValueError(f"{each.name} must be greater than 0")
        if self.packet_bytes < self.connect_bytes:
            raise ValueError("packet_bytes must not be smaller than connect_bytes")


@dataclass(frozen=True)
class BrokerSettings:
    """Everything `broker.conf` can say."""

    plain: PlainListener = field(default_factory=PlainListener)
    tls: TlsListener = field(default_factory=TlsListener)
    limits: Limits = field(default_factory=Limits)


def load(path: Path) -> BrokerSettings:
    """The settings in a TOML file; raises SettingsError that names the file and the key."""
    return build(BrokerSettings, read_toml(path), str(path))


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
