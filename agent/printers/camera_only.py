"""A printer of which nothing is known but its picture: it is watched all the time and only alerts."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from agent.printers.base import CameraOffer, PrinterError, Snapshot

_CONTROL = "camera only: this printer can be watched and not ordered"


@dataclass(frozen=True)
class Settings:
    """`name` is shown in place of a file."""

    name: str = ""


class CameraOnly:
    """Always printing, because nothing tells when it is not; every start of the agent is a new job."""

    def __init__(self, settings: Settings) -> None:
        self._file = settings.name
        self._job = secrets.token_hex(8)

    def start(self) -> None:
        """Nothing to open."""

    def stop(self) -> None:
        """Nothing to close."""

    def snapshot(self) -> Snapshot:
        """Printing, as far as anybody knows."""
        return Snapshot(phase="printing", job=self._job, file=self._file, control=_CONTROL)

    def pause(self, job: str, reason: str) -> None:
        """Raise PrinterError."""
        raise PrinterError(_CONTROL)

    def resume(self, job: str) -> None:
        """Raise PrinterError."""
        raise PrinterError(_CONTROL)

    def cancel(self, job: str, reason: str) -> None:
        """Raise PrinterError."""
        raise PrinterError(_CONTROL)

    def after_pause(self, options: Mapping[str, float]) -> None:
        """Raise PrinterError."""
        raise PrinterError(_CONTROL)

    def cameras(self) -> tuple[CameraOffer, ...]:
        """None."""
        return ()

    def show(self, message: str) -> None:
        """Raise PrinterError."""
        raise PrinterError(_CONTROL)


def create(settings: Settings) -> CameraOnly:
    """The printer of these settings."""
    return CameraOnly(settings)
