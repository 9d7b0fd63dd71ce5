"""Files that only their owner may read: keys, tokens, enrolment lines."""

from __future__ import annotations

import os
import secrets
import tempfile
from pathlib import Path

PRIVATE = 0o600


def write_private(path: Path, content: str | bytes) -> None:
    """Replace a file in one step; only its owner may read it at any moment. Raises OSError."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
        if path.exists():
            owner = path.stat()
            os.chown(temporary, owner.st_uid, owner.st_gid)
        Path(temporary).chmod(PRIVATE)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def kept_secret(path: Path) -> bytes:
    """The 32 random bytes in a file, made when it is not there yet."""
    if not path.exists():
        write_private(path, secrets.token_bytes(32))
    return path.read_bytes()
