"""A key from OctoPrint without copying: the agent asks, the owner allows it in OctoPrint's own pages."""

from __future__ import annotations

import time
from collections.abc import Callable

from agent.printers.base import PrinterError
from agent.printers.rest import Rest, text

APP = "Printwarden"
_POLL_S = 1.0  # asked less often than every 5 s, OctoPrint drops the request


def pair(url: str, user: str = "", wait_s: float = 300.0, tell: Callable[[str], None] = print) -> str:
    """The key; raises PrinterError when it is refused or nobody answers in time.

    The key has all rights of the user who allows it: `user` names one with few rights, see docs/printers.md.
    """
    try:
        rest = Rest("OctoPrint", url)
    except ValueError as error:
        raise PrinterError(str(error)) from error
    try:
        if rest.call("GET", "plugin/appkeys/probe").status != 204:
            raise PrinterError("this OctoPrint offers no application keys: make a key in its settings")
        wish = {"app": APP, **({"user": user} if user else {})}
        asked = rest.checked(rest.call("POST", "plugin/appkeys/request", wish), "be asked for a key")
        token = text(rest.parsed(asked).get("app_token"))
        tell(f"Open {url}, log in{f' as {user}' if user else ''} and allow {APP!r}.")
        until = time.monotonic() + wait_s
        while time.monotonic() < until:
            answer = rest.call("GET", f"plugin/appkeys/request/{token}")
            if answer.status == 200:
                return text(rest.parsed(answer).get("api_key"))
            if answer.status != 202:
                raise PrinterError("the request was denied or dropped")
            time.sleep(_POLL_S)
    finally:
        rest.close()
    raise PrinterError(f"nobody allowed it within {wait_s:.0f} s")
