"""Third-party programs run by a test and stopped with it."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path


def free_ports(count: int) -> list[int]:
    """Different ports of the loopback that nobody uses now."""
    with contextlib.ExitStack() as stack:
        servers = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [each.getsockname()[1] for each in servers]


def free_port() -> int:
    """A port of the loopback that nobody uses now."""
    return free_ports(1)[0]


@contextlib.contextmanager
def running(
    command: list[str], log: Path | None = None, environment: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen]:
    """A program, its output going to `log` or, without one, to the process's `stdout`; ended with the block."""
    with contextlib.ExitStack() as stack:
        output = stack.enter_context(log.open("ab")) if log else subprocess.PIPE
        process = stack.enter_context(
            subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT if log else subprocess.DEVNULL,
                env={**os.environ, **(environment or {})},
            )
        )
        try:
            yield process
        finally:
            end(process)


def end(process: subprocess.Popen, patience_s: float = 15) -> None:
    """Terminate, or kill what does not listen."""
    process.terminate()
    try:
        process.wait(patience_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
