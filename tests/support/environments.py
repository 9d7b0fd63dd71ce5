"""Third-party software for tests, each in its own virtual environment outside the tree, installed when first needed."""

from __future__ import annotations

import fcntl
import functools
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

_LIMIT_S = 1200


def cache() -> Path:
    """Where environments are kept; `PRINTWARDEN_CACHE` overrides it."""
    base = os.environ.get("PRINTWARDEN_CACHE") or Path.home() / ".cache" / "printwarden"
    return Path(base) / "counterparts"


@functools.cache
def interpreter(major: int, minor: int) -> Path:
    """A Python of this version: the tests' own, one on the path, or one of pyenv's; skips the test without any."""
    if sys.version_info[:2] == (major, minor):
        return Path(sys.executable)
    name = f"python{major}.{minor}"
    kept = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    for found in (shutil.which(name), *sorted(kept.glob(f"{major}.{minor}.*/bin/{name}"))):
        if found and not subprocess.run([found, "-c", ""], capture_output=True, check=False).returncode:
            return Path(found)
    pytest.skip(f"there is no Python {major}.{minor} on this machine")


def environment(name: str, *requirements: str, python: tuple[int, int] = sys.version_info[:2]) -> Path:
    """The `bin` folder of an environment holding the requirements; skips the test when they cannot be installed.

    `name` carries the version: another version is another folder.
    """
    program = interpreter(*python)
    folder = cache() / f"{name}-py{python[0]}{python[1]}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    marker = folder / "installed"
    wanted = "\n".join(requirements)
    with folder.with_name(f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not marker.is_file() or marker.read_text() != wanted:
            _install(program, folder, requirements)
            marker.write_text(wanted)
    return folder / "bin"


def _install(program: Path, folder: Path, requirements: tuple[str, ...]) -> None:
    print(f"installing {' '.join(requirements)} into {folder}")
    pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "-q", "--disable-pip-version-check"]
    for command in ([str(program), "-m", "venv", "--clear", str(folder)], [*pip, *requirements]):
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_LIMIT_S)
        except subprocess.TimeoutExpired:
            pytest.skip(f"{folder.name} is not installed after {_LIMIT_S} s")
        if done.returncode:
            pytest.skip(f"{folder.name} cannot be installed: {done.stderr.strip()[-300:]}")
