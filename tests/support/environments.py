"""Third-party software for tests, each in its own virtual environment outside the tree, installed when first needed."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

_LIMIT_S = 1200


def cache() -> Path:
    """Where environments are kept; `PRINTWARDEN_CACHE` overrides it."""
    base = os.environ.get("PRINTWARDEN_CACHE") or Path.home() / ".cache" / "printwarden"
    return Path(base) / "counterparts"


def environment(name: str, *requirements: str) -> Path:
    """The `bin` folder of an environment holding the requirements; skips the test when they cannot be installed.

    `name` carries the version: another version is another folder.
    """
    folder = cache() / f"{name}-py{sys.version_info[0]}{sys.version_info[1]}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    marker = folder / "installed"
    wanted = "\n".join(requirements)
    with folder.with_name(f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not marker.is_file() or marker.read_text() != wanted:
            _install(folder, requirements)
            marker.write_text(wanted)
    return folder / "bin"


def _install(folder: Path, requirements: tuple[str, ...]) -> None:
    print(f"installing {' '.join(requirements)} into {folder}")
    pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "-q", "--disable-pip-version-check"]
    for command in ([sys.executable, "-m", "venv", "--clear", str(folder)], [*pip, *requirements]):
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_LIMIT_S)
        except subprocess.TimeoutExpired:
            pytest.skip(f"{folder.name} is not installed after {_LIMIT_S} s")
        if done.returncode:
            pytest.skip(f"{folder.name} cannot be installed: {done.stderr.strip()[-300:]}")
