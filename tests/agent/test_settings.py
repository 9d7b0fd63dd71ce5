"""Settings: strict keys, strict types, and errors that say what would be right."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.settings import SettingsError, build, overridden, read_toml


@dataclass(frozen=True)
class Hub:
    host: str
    port: int = 8883
    tls: bool = True
    wait_s: float = 1.5
    token: str = ""
    data: Path = Path("data")

    def __post_init__(self) -> None:
        if not 0 < self.port < 65_536:
            raise ValueError(f"port: {self.port} is no port")


@dataclass(frozen=True)
class Camera:
    name: str
    sizes: tuple[int, ...] = ()
    labels: dict[str, str] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)
    free: Any = None


@dataclass(frozen=True)
class All:
    hub: Hub
    camera: tuple[Camera, ...] = ()


def problem(action, *arguments):
    with pytest.raises(SettingsError) as caught:
        action(*arguments)
    return str(caught.value)


def test_tables_become_dataclasses():
    data = {
        "hub": {"host": "h", "wait_s": 2, "data": "~/x"},
        "camera": [{"name": "c", "sizes": [1, 2], "labels": {"a": "b"}, "options": {"x": [1]}, "free": 1}],
    }
    built = build(All, data, "all.toml")
    assert built.hub == Hub("h", wait_s=2.0, data=Path("~/x").expanduser())
    assert isinstance(built.hub.wait_s, float)
    assert built.camera == (Camera("c", (1, 2), {"a": "b"}, {"x": [1]}, 1),)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({}, "all: hub is missing"),
        ({"hub": {}}, "all.hub: host is missing"),
        ({"hub": {"host": "h", "prot": 1}}, "all.hub: unknown key 'prot', did you mean 'port'?"),
        ({"hub": {"host": "h", "zzz": 1}}, "all.hub: unknown key 'zzz'; known are host, port, tls"),
        ({"hub": {"host": 3}}, "all.hub.host: must be text, not 3"),
        ({"hub": {"host": "h", "port": "1"}}, "all.hub.port: must be a whole number, not '1'"),
        ({"hub": {"host": "h", "port": True}}, "all.hub.port: must be a whole number, not True"),
        ({"hub": {"host": "h", "port": 1.0}}, "all.hub.port: must be a whole number, not 1.0"),
        ({"hub": {"host": "h", "tls": 1}}, "all.hub.tls: must be true or false, not 1"),
        ({"hub": {"host": "h", "wait_s": True}}, "all.hub.wait_s: must be a number, not True"),
        ({"hub": {"host": "h", "wait_s": 10**400}}, "all.hub"),
        ({"hub": {"host": "h", "data": 1}}, "all.hub.data: must be a path, not 1"),
        ({"hub": {"host": "h", "port": 0}}, "all.hub: port: 0 is no port"),
        ({"hub": 3}, "all.hub: must be a table"),
        ({"hub": {"host": "h"}, "camera": {}}, "all.camera: must be a list"),
        ({"hub": {"host": "h"}, "camera": [3]}, "all.camera[0]: must be a table"),
        (
            {"hub": {"host": "h"}, "camera": [{"name": "c"}, {"name": "d", "sizes": ["1"]}]},
            "all.camera[1].sizes[0]: must be a whole number",
        ),
        ({"hub": {"host": "h"}, "camera": [{"name": "c", "labels": 1}]}, "labels: must be a table"),
        ({"hub": {"host": "h"}, "camera": [{"name": "c", "labels": {"a": 1}}]}, "labels.a: must be text"),
    ],
)
def test_errors_name_the_place_and_what_would_be_right(data, said):
    assert said in problem(build, All, data, "all")


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=5,
)


@given(
    st.dictionaries(
        st.sampled_from(["hub", "camera", "x"]),
        values
        | st.dictionaries(st.sampled_from(["host", "port", "data", "token_file", "wait_s"]), values)
        | st.lists(st.dictionaries(st.sampled_from(["name", "sizes", "labels"]), values), max_size=2),
    )
)
def test_anything_builds_or_is_a_settings_error(data):
    try:
        built = build(All, data, "all")
    except SettingsError:
        built = None
    assert built is None or isinstance(built, All)


# Files


def test_reading_a_file(tmp_path):
    path = tmp_path / "a.toml"
    path.write_text("[hub]\nhost = 'hübsch'\n", encoding="utf-8")
    assert read_toml(path) == {"hub": {"host": "hübsch"}}


@pytest.mark.parametrize("content", [b"[hub", b"a = 1\na = 2\n", b"\xff\xfe"])
def test_a_broken_file_is_named(tmp_path, content):
    path = tmp_path / "a.toml"
    path.write_bytes(content)
    assert problem(read_toml, path).startswith(f"{path}: not valid TOML")


def test_a_missing_file_is_named(tmp_path):
    assert (
        problem(read_toml, tmp_path / "a.toml")
        == f"{tmp_path}/a.toml: cannot be read: No such file or directory"
    )


# Secrets in files


def test_a_secret_comes_from_its_file(tmp_path):
    (tmp_path / "token").write_text("  s3cret\n")
    assert build(Hub, {"host": "h", "token_file": str(tmp_path / "token")}, "hub").token == "s3cret"


def test_a_secret_cannot_be_given_twice(tmp_path):
    assert "give token or token_file, not both" in problem(
        build, Hub, {"host": "h", "token": "a", "token_file": "b"}, "hub"
    )


@pytest.mark.parametrize("value", ["/does/not/exist", 3, None, "a\0b", ["x"]])
def test_a_secret_file_that_cannot_be_read_is_named(value):
    assert "hub.token_file" in problem(build, Hub, {"host": "h", "token_file": value}, "hub")


def test_a_secret_file_that_is_no_text_is_named(tmp_path):
    (tmp_path / "token").write_bytes(b"\xff\xfe\x00")
    said = problem(build, Hub, {"host": "h", "token_file": str(tmp_path / "token")}, "hub")
    assert "hub.token_file" in said


def test_a_file_of_an_unknown_key_is_unknown():
    assert "unknown key 'tokn_file'" in problem(build, Hub, {"host": "h", "tokn_file": "x"}, "hub")


@dataclass(frozen=True)
class Recording:
    log_file: str
    log: str = ""


def test_a_key_that_is_really_called_file_is_no_secret():
    assert build(Recording, {"log_file": "x"}, "r") == Recording("x")


@dataclass(frozen=True)
class Recorder:
    rec: Recording


def test_such_a_key_can_be_overridden_too():
    data = {"rec": {"log_file": "a", "log": "b"}}
    assert overridden(data, {"PRINTWARDEN_REC_LOG_FILE": "c"}, Recorder) == {
        "rec": {"log_file": "c", "log": "b"}
    }


# The environment


def test_the_environment_wins():
    data = {"hub": {"host": "h", "port": 1}}
    environment = {
        "PRINTWARDEN_HUB_PORT": "2",
        "PRINTWARDEN_HUB_TLS": "false",
        "PRINTWARDEN_HUB_WAIT_S": "3",
        "PRINTWARDEN_HUB_TOKEN": "4",
        "PRINTWARDEN_HUB_DATA": "/d",
        "PRINTWARDEN_CACHE": "/c",
        "PRINTWARDEN_CAMERA_NAME": "c",
        "PRINTWARDEN_HUB_UNKNOWN": "x",
        "OTHER_HUB_PORT": "9",
    }
    built = build(All, overridden(data, environment, All), "all")
    assert built.hub == Hub("h", port=2, tls=False, wait_s=3.0, token="4", data=Path("/d"))
    assert data == {"hub": {"host": "h", "port": 1}}, "the tables given are left alone"


def test_the_environment_can_give_a_table_that_is_not_written():
    environment = {"PRINTWARDEN_HUB_HOST": "h", "PRINTWARDEN_HUB_UNKNOWN": "x"}
    assert overridden({}, environment, All) == {"hub": {"host": "h"}}
    assert overridden({}, {"PRINTWARDEN_HUB_UNKNOWN": "x"}, All) == {}


@pytest.mark.parametrize("text", ["x", "", "1 2", "'", "1\nvalue = 2"])
def test_a_number_in_the_environment_must_be_one(text):
    assert "PRINTWARDEN_HUB_PORT" in problem(overridden, {}, {"PRINTWARDEN_HUB_PORT": text}, All)


def test_a_wrong_type_in_the_environment_is_told_when_it_is_built():
    data = overridden({"hub": {"host": "h"}}, {"PRINTWARDEN_HUB_PORT": "true"}, All)
    assert "hub.port: must be a whole number" in problem(build, All, data, "all")


def test_a_secret_file_in_the_environment(tmp_path):
    (tmp_path / "token").write_text("s")
    environment = {"PRINTWARDEN_HUB_TOKEN_FILE": str(tmp_path / "token")}
    assert build(All, overridden({"hub": {"host": "h"}}, environment, All), "all").hub.token == "s"


@pytest.mark.parametrize(
    ("written", "environment"),
    [
        ({"token_file": "/gone"}, {"PRINTWARDEN_HUB_TOKEN": "new"}),
        ({"token": "old"}, {"PRINTWARDEN_HUB_TOKEN_FILE": "FILE"}),
    ],
)
def test_the_environment_replaces_a_secret_however_it_was_written(tmp_path, written, environment):
    (tmp_path / "new").write_text("new")
    environment = {name: text.replace("FILE", str(tmp_path / "new")) for name, text in environment.items()}
    data = overridden({"hub": {"host": "h", **written}}, environment, All)
    assert build(All, data, "all").hub.token == "new"


def test_a_table_that_is_none_is_told_and_no_crash():
    data = overridden({"hub": 3}, {"PRINTWARDEN_HUB_PORT": "1"}, All)
    assert "all.hub: must be a table" in problem(build, All, data, "all")
