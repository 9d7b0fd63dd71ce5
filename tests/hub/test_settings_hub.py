"""The hub's settings file: safe defaults, strict keys, the environment over it, secrets from files."""

from __future__ import annotations

from pathlib import Path

import pytest

from hub.settings import HubSettings, SettingsError, load


def written(tmp_path, text):
    path = tmp_path / "printwarden.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_without_a_file_everything_has_a_safe_default():
    settings = load(None, {})
    assert settings == HubSettings()
    assert settings.web.host == "127.0.0.1", "the viewer has no TLS of its own"
    assert settings.hub.names[0] == "127.0.0.1"


def test_a_file_changes_what_it_names_and_nothing_else(tmp_path):
    text = '[hub]\nnames = ["hub.lan"]\n[retention]\ndays = 7\n[pace]\nquiet_s = 5.0\n'
    settings = load(written(tmp_path, text), {})
    assert settings.hub.names == ("hub.lan",)
    assert (settings.retention.days, settings.retention.gigabytes) == (7.0, 2.0)
    assert settings.pace.quiet_s == 5.0
    assert settings.web == HubSettings().web


def test_a_relative_data_folder_is_relative_to_the_file(tmp_path):
    assert load(written(tmp_path, ""), {}).hub.data == tmp_path / "data"
    assert load(written(tmp_path, '[hub]\ndata = "d"'), {}).hub.data == tmp_path / "d"
    assert load(written(tmp_path, '[hub]\ndata = "/var/lib/pw"'), {}).hub.data == Path("/var/lib/pw")
    assert load(None, {}).hub.data == Path("data")


def test_the_environment_overrides_the_file(tmp_path):
    environment = {
        "PRINTWARDEN_WEB_PORT": "9000",
        "PRINTWARDEN_WEB_SECURE_COOKIES": "true",
        "PRINTWARDEN_HUB_DATA": "/data",
        "PRINTWARDEN_RETENTION_DAYS": "1.5",
        "PRINTWARDEN_CONFIG": "not a setting",
        "HOME": "/root",
    }
    settings = load(written(tmp_path, "[web]\nport = 8000\n"), environment)
    assert (settings.web.port, settings.web.secure_cookies) == (9000, True)
    assert settings.hub.data == Path("/data")
    assert settings.retention.days == 1.5


def test_a_secret_comes_from_a_file(tmp_path):
    (tmp_path / "token").write_text("s3cret\n")
    text = f'[broker]\nkind = "mosquitto"\ntoken_file = "{tmp_path / "token"}"\n'
    assert load(written(tmp_path, text), {}).broker.token == "s3cret"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[hub]\nnames = []", "names: at least one"),
        ("[hub]\nname = ['x']", "unknown key 'name', did you mean 'names'"),
        ("[webb]\nport = 1", "unknown key 'webb', did you mean 'web'"),
        ("[web]\nport = '80'", r"web\.port: must be a whole number, not '80'"),
        ("[web]\nsecure_cookies = 1", r"web\.secure_cookies: must be true or false"),
        ("[detection]\nprecision = 'fp16'", "precision: 'fp16' is none of auto, fp32, int8, light"),
        ("[detection]\nworkers = 65", "workers: must lie from 0 to 64"),
        ("[detection]\nworkers = -1", "workers: must lie from 0 to 64"),
        ("[pace]\nquiet_s = 0.01", "quiet_s: must lie from 0.1 to 3600"),
        ("[broker]\nkind = 'rabbit'", "kind: 'rabbit' is neither embedded nor mosquitto"),
        ("[broker]\nkind = 'mosquitto'", "token: Mosquitto's administrator needs one"),
        ("[web]\npublic_url = 'ftp://x'", "public_url: like https"),
        ("[web]\npublic_url = 'https://x/'", "public_url: like https"),
        ("[web]\nmetrics_token = 'short'", "metrics_token: at least 20"),
        ("[notify]\nallow_private = ['192.168.1.20/24']", "allow_private: .* has host bits set"),
        ("[log]\nformat = 'xml'", "format: 'xml' is none of text, json"),
        ("[log]\nlevel = 'loud'", "level: 'loud' is none of"),
        ("web = 1", r"web: must be a table"),
        ("[web", "not valid TOML"),
    ],
)
def test_what_is_wrong_is_named_with_its_file(tmp_path, text, told):
    path = written(tmp_path, text)
    with pytest.raises(SettingsError, match=told) as caught:
        load(path, {})
    assert str(path) in str(caught.value)


def test_a_wrong_variable_is_named():
    with pytest.raises(SettingsError, match=r"PRINTWARDEN_WEB_PORT: 'many' is not a whole number"):
        load(None, {"PRINTWARDEN_WEB_PORT": "many"})


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(SettingsError, match=r"none\.toml: cannot be read"):
        load(tmp_path / "none.toml", {})
