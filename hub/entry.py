"""The `printwarden` command, also where only the agent is installed."""

from __future__ import annotations

import importlib
import sys


def main() -> int:
    """Find the command by its name and run it; says what to install when the hub's packages are missing."""
    try:
        command = importlib.import_module("web.main")
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] in ("agent", "hub", "web"):
            raise
        print(
            f"printwarden: {error.name} is missing: only the agent is installed here. The hub needs:"
            " pip install 'printwarden[hub]'",
            file=sys.stderr,
        )
        return 2
    status: int = command.main()
    return status
