"""Independent clients that check the pretended printers, each run with the Python of its own environment."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from tests.support.environments import environment

_COUNTERPARTS = Path(__file__).parents[1] / "counterparts"


def told_by(requirement: str, script: str, *arguments: str) -> Any:
    """The JSON in the last line that a client's script prints; `requirement` names the library with its version."""
    python = environment(requirement.replace("==", "-"), requirement) / "python"
    program = [str(python), str(_COUNTERPARTS / script), *arguments]
    done = subprocess.run(program, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout.splitlines()[-1])
