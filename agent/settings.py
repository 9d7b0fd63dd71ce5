"""Settings: TOML into frozen dataclasses, strictly. An unknown key is an error that suggests the right one.

`PRINTWARDEN_<SECTION>_<KEY>` in the environment overrides a key, and `<key>_file = "PATH"` reads a secret from a
file instead of writing it into the settings. The hub uses this loader too.
"""

from __future__ import annotations

import difflib
import sys
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

T = TypeVar("T")
ENVIRONMENT = "PRINTWARDEN_"


class SettingsError(ValueError):
    """A setting is wrong; the text names the file, the key and what would be right."""


def read_toml(path: Path) -> dict[str, Any]:
    """The tables of a TOML file; raises SettingsError naming the file when it cannot be read or parsed."""
    try:
        return parse_toml(path.read_text(encoding="utf-8"), str(path))
    except OSError as error:
        raise SettingsError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path}: not valid TOML: {error}") from error


def parse_toml(text: str, where: str) -> dict[str, Any]:
    """The tables in a text; raises SettingsError naming `where` it stands."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{where}: not valid TOML: {error}") from error


def build(kind: type[T], data: Mapping[str, Any], where: str) -> T:
    """An instance of dataclass `kind` from a table; `where` names the table in errors.

    Understands bool, int, float, str, Path, nested dataclasses, `tuple[X, ...]` and `dict[str, X]`. Raises
    SettingsError for an unknown key, a missing one and a wrong type; a dataclass checks values in `__post_init__`
    by raising ValueError.
    """
    hints = get_type_hints(kind)
    names = [each.name for each in fields(kind)]  # type: ignore[arg-type]
    data = _with_files(names, data, where)
    for key in data:
        if key not in names:
            raise SettingsError(f"{where}: unknown key {key!r}{_suggestion(key, names)}")
    for each in fields(kind):  # type: ignore[arg-type]
        if each.default is MISSING and each.default_factory is MISSING and each.name not in data:
            raise SettingsError(f"{where}: {each.name} is missing")
    try:
        return kind(**{key: _convert(hints[key], value, f"{where}.{key}") for key, value in data.items()})
    except SettingsError:
        raise
    except (ValueError, OverflowError) as error:
        raise SettingsError(f"{where}: {error}") from error


def overridden(data: Mapping[str, Any], environment: Mapping[str, str], kind: type) -> dict[str, Any]:
    """The tables with `PRINTWARDEN_<TABLE>_<KEY>` of the environment put over them, typed as `kind` wants."""
    merged = {key: dict(value) if isinstance(value, Mapping) else value for key, value in data.items()}
    hints = get_type_hints(kind)
    for name, text in environment.items():
        if not name.startswith(ENVIRONMENT):
            continue
        table, _, key = name[len(ENVIRONMENT) :].lower().partition("_")
        inner = hints.get(table)
        given = merged.get(table, {})
        if not (is_dataclass(inner) and isinstance(inner, type) and isinstance(given, dict)):
            continue
        wanted = get_type_hints(inner)
        bare = key if key in wanted else key.removesuffix("_file")
        if bare in wanted:
            given.pop(bare, None)
            given.pop(f"{bare}_file", None)
            given[key] = _from_text(wanted[key] if key == bare else str, text, name)
            merged[table] = given
    return merged


def _with_files(names: list[str], data: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Replace `<key>_file` by the file's stripped content."""
    result = {}
    for key, value in data.items():
        bare = key[: -len("_file")]
        if not key.endswith("_file") or key in names or bare not in names:
            result[key] = value
            continue
        if bare in data:
            raise SettingsError(f"{where}: give {bare} or {key}, not both")
        try:
            result[bare] = Path(value).read_text(encoding="utf-8").strip()
        except (OSError, TypeError, ValueError) as error:
            raise SettingsError(f"{where}.{key}: {value!r} cannot be read: {error}") from error
    return result


def _convert(wanted: Any, value: Any, where: str) -> Any:
    origin = get_origin(wanted)
    if origin is tuple:
        if not isinstance(value, list):
            raise SettingsError(f"{where}: must be a list")
        inner = get_args(wanted)[0]
        return tuple(_convert(inner, each, f"{where}[{place}]") for place, each in enumerate(value))
    if origin is dict:
        if not isinstance(value, Mapping):
            raise SettingsError(f"{where}: must be a table")
        return {key: _convert(get_args(wanted)[1], each, f"{where}.{key}") for key, each in value.items()}
    if is_dataclass(wanted) and isinstance(wanted, type):
        if not isinstance(value, Mapping):
            raise SettingsError(f"{where}: must be a table")
        return build(wanted, value, where)
    if wanted is Any:
        return value
    return _scalar(wanted, value, where)


def _scalar(wanted: Any, value: Any, where: str) -> Any:
    if wanted is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if wanted is Path and isinstance(value, str):
        return Path(value).expanduser()
    if not isinstance(value, wanted) or (isinstance(value, bool) and wanted is not bool):
        raise SettingsError(f"{where}: must be {_spoken(wanted)}, not {value!r}")
    return value


def _from_text(wanted: Any, text: str, name: str) -> Any:
    """An environment variable is text: numbers and booleans are read as TOML, everything else stays text."""
    if wanted in (str, Path):
        return text
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{name}: {text!r} is not {_spoken(wanted)}") from error


def _spoken(wanted: Any) -> str:
    words = {bool: "true or false", int: "a whole number", float: "a number", str: "text", Path: "a path"}
    return words.get(wanted, "a list or table")


def _suggestion(key: str, names: list[str]) -> str:
    near = difflib.get_close_matches(key, names, n=1, cutoff=0.5)
    return f", did you mean {near[0]!r}?" if near else f"; known are {', '.join(names)}"
