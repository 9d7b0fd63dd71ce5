"""Debian packages that a test needs: installed when the test may, else the test is skipped with the reason."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

_LIMIT_S = 900


def require(*packages: str) -> None:
    """Return when all packages are installed; else skip the calling test or fixture, saying why."""
    if shutil.which("dpkg-query") is None:
        pytest.skip(f"needs {', '.join(packages)}: this is no Debian, install them by hand")
    with Path(tempfile.gettempdir(), f"printwarden-apt-{os.getuid()}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        missing = [each for each in packages if not _installed(each)]
        if missing:
            _install(missing)


def _installed(package: str) -> bool:
    asked = subprocess.run(
        ["dpkg-query", "-W", "-f", "${db:Status-Status}", package],
        capture_output=True,
        text=True,
        check=False,
    )
    return asked.stdout.strip() == "installed"


def _install(missing: list[str]) -> None:
    if os.geteuid() != 0:
        pytest.skip(f"needs the packages {' '.join(missing)}: run apt-get install as root")
    print(f"installing Debian packages: {' '.join(missing)}")
    install = ["apt-get", "install", "-qq", "-y", "--no-install-recommends", *missing]
    failed = _run(install) and (_run(["apt-get", "update", "-qq"]) or _run(install))
    if failed:
        pytest.skip(f"apt-get cannot install {' '.join(missing)}: {failed[-300:]}")


def _run(command: list[str]) -> str:
    """What a failed command wrote; empty when it worked."""
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    command = [command[0], "-o", "DPkg::Lock::Timeout=300", *command[1:]]
    try:
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, check=False, timeout=_LIMIT_S
        )
    except subprocess.TimeoutExpired:
        return f"not done after {_LIMIT_S} s"
    return "" if done.returncode == 0 else (done.stderr or done.stdout).strip() or "failed"
