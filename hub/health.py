"""`printwarden health`: asks the running hub whether it works, for containers and service managers."""

from __future__ import annotations

import json
import urllib.error
import urllib.request

from hub.settings import HubSettings

TIMEOUT_S = 5


def health(settings: HubSettings) -> int:
    """Print what the running hub says of itself; 0 if it is well, 1 if not or if it does not answer."""
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(settings.web.host, settings.web.host)  # noqa: S104 - not bound, asked
    address = f"http://{host}:{settings.web.port}/healthz"
    try:
        with urllib.request.urlopen(address, timeout=TIMEOUT_S) as answer:
            facts = json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            print(f"degraded: {error.read(2000).decode(errors='replace').strip()}")
        return 1
    except (OSError, ValueError) as error:
        print(f"no answer from {address}: {error}")
        return 1
    print("; ".join(f"{name}: {value}" for name, value in facts.items()))
    return 0 if facts.get("status") == "ok" else 1
