"""Where a broker is and how to be sure it is the right one."""

from __future__ import annotations

import ssl
from dataclasses import dataclass


@dataclass(frozen=True)
class Endpoint:
    """A broker's listener. `ca` is the PEM text of the hub's private authority; empty means plain MQTT."""

    host: str
    port: int
    ca: str = ""

    def tls(self) -> ssl.SSLContext | None:
        """A context that trusts this hub's authority alone, or None for a plain listener.

        The authority signs nothing but its own hub, so a certificate's chain says who it is; host names and
        addresses may change and are not asked.
        """
        if not self.ca:
            return None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.check_hostname = False
        context.load_verify_locations(cadata=self.ca)
        return context
