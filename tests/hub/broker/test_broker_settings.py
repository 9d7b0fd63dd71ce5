"""`broker.conf` says what the code does, and a mistake in it is told by name."""

from __future__ import annotations

import re
import tomllib
from dataclasses import asdict
from pathlib import Path

import pytest

from agent.settings import SettingsError
from hub.broker.settings import BrokerSettings, Limits, ListenerSettings, PlainListener, TlsListener, load

SHIPPED = Path(__file__).parents[3] / "broker.conf"


def test_the_shipped_file_holds_every_key_with_its_default():
    assert load(SHIPPED) == BrokerSettings()
    assert tomllib.loads(SHIPPED.read_text()) == asdict(BrokerSettings())


def test_every_key_of_the_shipped_file_is_commented():
    above = ""
    for line in SHIPPED.read_text().splitlines():
        if re.match(r"\w+ = ", line):
            assert above.startswith("#") or re.match(r"\w+ = ", above), line
        above = line if line and not line.startswith("[") else above


def test_an_empty_file_means_the_defaults(tmp_path):
    (tmp_path / "broker.conf").write_text("")
    assert load(tmp_path / "broker.conf") == BrokerSettings()


@pytest.mark.parametrize(
    ("written", "named"),
    [
        ("[plian]\nport = 1", "did you mean 'plain'"),
        ("[limits]\nkeepalvie = 5", "did you mean 'keepalive'"),
        ("[plain]\nport = 70000", "port must lie from 0 to 65535"),
        ("[plain]\nport = '1883'", "plain.port: must be a whole number"),
        ("[plain]\nhost = ''", "host must not be empty"),
        ("[plain]\nhost = '0.0.0.0'", "allow_plain_beyond_loopback = true"),
        ("[plain]\nhost = 'printer.lan'", "no TLS"),
        ("[limits]\nconnect_timeout = 0", "connect_timeout must be greater than 0"),
        ("[limits]\nhalf_open = -1", "half_open must be greater than 0"),
        ("[limits]\nconnect_timeout = nan", "connect_timeout must be greater than 0"),
        ("[limits]\npacket_bytes = 100", "packet_bytes must not be smaller"),
        ("[limits]\nkeepalive = true", "limits.keepalive"),
        ("plain = 5", "plain: must be a table"),
        ("not toml", "not valid TOML"),
    ],
)
def test_a_mistake_is_named(written, named, tmp_path):
    path = tmp_path / "broker.conf"
    path.write_text(written)
    with pytest.raises(SettingsError, match=re.escape(named)) as error:
        load(path)
    assert str(path) in str(error.value)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
def test_loopback_needs_no_permission(host):
    assert PlainListener(host=host).host == host


def test_beyond_loopback_with_permission_or_when_it_is_off():
    assert PlainListener(host="0.0.0.0", allow_plain_beyond_loopback=True).enabled
    assert not PlainListener(host="0.0.0.0", enabled=False).enabled
    assert TlsListener() == TlsListener(host="0.0.0.0", port=8883)


def test_limits_and_listeners_refuse_nonsense():
    with pytest.raises(ValueError, match="retained"):
        Limits(retained=0)
    with pytest.raises(ValueError, match="port"):
        ListenerSettings(port=-1)
