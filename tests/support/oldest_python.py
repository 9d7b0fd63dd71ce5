"""Python 3.9, the oldest that the agent runs on: PyPy's, which Debian 12 has, with the oldest allowed libraries."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys

import pytest

from tests.support.debian import require
from tests.support.environments import cache
from tests.support.hubs import ROOT

LIBRARIES = ("paho-mqtt==2.1.0", "tomli==2.0.1")
TOOLS = (
    "pytest==8.4.2",
    "pytest-timeout==2.4.0",
    "hypothesis==6.141.1",
    "exceptiongroup==1.3.0",
    "typing_extensions==4.15.0",
)


def oldest_python() -> tuple[str, ...]:
    """The begin of a command that runs it in the project's root; skips the test where it cannot be had."""
    require("pypy3")
    folder = cache() / "python39"
    folder.mkdir(parents=True, exist_ok=True)
    wanted, marker = "\n".join((*LIBRARIES, *TOOLS)), folder / "installed"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not marker.is_file() or marker.read_text() != wanted:
            _install(str(folder / "libraries"))
            marker.write_text(wanted)
    return (
        "env",
        f"PYTHONPATH={folder / 'libraries'}{os.pathsep}{ROOT}",
        "PYTHONDONTWRITEBYTECODE=1",
        "pypy3",
    )


def _install(target: str) -> None:
    pip = [sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--upgrade"]
    for_it = ["--python-version", "3.9", "--implementation", "py", "--abi", "none", "--platform", "any"]
    command = [*pip, *for_it, "--only-binary=:all:", "--target", target, *LIBRARIES, *TOOLS]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    if done.returncode:
        pytest.skip(f"the libraries for Python 3.9 cannot be installed: {done.stderr.strip()[-300:]}")
