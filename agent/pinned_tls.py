"""TLS to a device that has no certificate anybody vouches for: what it shows first is remembered and must stay.

The check comes at the end of the handshake, before a password is sent.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import ssl
from pathlib import Path

_HEX = 64


class PinError(ssl.SSLError):
    """The device shows another certificate than before, or one that is not its own."""


def state_folder() -> Path:
    """Where the agent may keep what it learned: systemd's choice, else the user's."""
    given = os.environ.get("STATE_DIRECTORY", "").partition(":")[0]
    return Path(given) if given else Path.home() / ".local" / "state" / "printwarden"


class Pin:
    """The SHA-256 of a device's certificate, given or learned on first use and kept in a file."""

    def __init__(self, path: Path, serial: str, given: str = "") -> None:
        self._path, self._serial = path, serial
        self._known = given.replace(":", "").lower()
        self.trouble = ""

    def check(self, certificate: bytes) -> None:
        """Raise PinError unless this is the certificate that is known or, the first time, one with the serial in it.

        What was wrong at the last check is kept in `trouble`.
        """
        try:
            self._check(certificate)
            self.trouble = ""
        except PinError as error:
            self.trouble = error.args[0]
            raise

    def _check(self, certificate: bytes) -> None:
        shown = hashlib.sha256(certificate).hexdigest()
        known = self._known or self._read()
        if not known:
            if self._serial.encode() not in certificate:
                raise PinError(f"the certificate does not carry the serial number {self._serial}")
            self._learn(shown)
        elif not hmac.compare_digest(known, shown):
            where = (
                f"; after a repair or reset of the device delete {self._path}" if self._path.is_file() else ""
            )
            raise PinError(f"the certificate is not the one known for {self._serial}{where}")

    def context(self) -> ssl.SSLContext:
        """A context whose connections are checked against this pin."""
        context = _Context(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE  # the pin takes the place of an authority
        context.sslsocket_class = _Socket
        context.pin = self
        return context

    def _read(self) -> str:
        try:
            text = self._path.read_text(encoding="ascii").strip()
        except (OSError, ValueError):
            return ""
        return text if len(text) == _HEX else ""

    def _learn(self, fingerprint: str) -> None:
        """Keep it in the file; where nothing can be written it holds as long as the agent runs."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            part = self._path.with_suffix(".part")
            part.write_text(fingerprint + "\n", encoding="ascii")
            part.replace(self._path)
        except OSError:
            self._known = fingerprint


class _Context(ssl.SSLContext):
    pin: Pin


class _Socket(ssl.SSLSocket):
    def do_handshake(self, block: bool = False) -> None:
        super().do_handshake(block)
        context = self.context
        assert isinstance(context, _Context)
        try:
            context.pin.check(self.getpeercert(binary_form=True) or b"")
        except PinError:
            self.close()  # not every caller closes what never became a connection
            raise
