"""Why nothing can be had over the network, in words for a person."""

from __future__ import annotations

import http.client
import socket
import ssl

#: One class only since Python 3.10.
TIMEOUTS = (TimeoutError, socket.timeout)


def told(where: str, error: BaseException | None) -> str:
    """One sentence about the server `where` and what went wrong with it."""
    if isinstance(error, TIMEOUTS):
        return f"{where} does not answer in time"
    if isinstance(error, ConnectionRefusedError):
        return f"{where} refuses connections: is it running?"
    if isinstance(error, socket.gaierror):
        return f"{where} cannot be found: is the name right?"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"{where}: its certificate is not trusted: {error.verify_message}"
    if isinstance(error, ssl.SSLError) and error.reason == "WRONG_VERSION_NUMBER":
        return f"{where} does not speak TLS: is the port right?"
    if isinstance(error, http.client.BadStatusLine):
        return f"{where} closed the connection or does not speak HTTP (it may still be starting)"
    return f"{where}: {error or type(error).__name__}" if error else f"{where} cannot be reached"
