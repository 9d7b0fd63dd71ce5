"""What the hub publishes for viewers and integrations, as JSON: the bodies of `out/` and `hub/` topics. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from math import floor
from typing import Any

from hub import knobs
from hub.live import PrinterLive
from hub.policy import PrinterSettings
from hub.watch import WATCHED


def verdict(live: PrinterLive) -> bytes:
    """What is thought of the print, and whether anybody looks. The certainty is never rounded up."""
    return _json(
        verdict=live.verdict,
        certainty=None if live.certainty is None else floor(live.certainty * 1000) / 1000,
        watch=live.watch,
        reason=live.watch_reason,
    )


def state(live: PrinterLive) -> bytes:
    """What the printer does, and whether it could be controlled."""
    told = live.state
    return _json(
        phase=told.phase if told and live.online else "unknown",
        file=told.file if told else "",
        progress=told.progress if told else None,
        remaining_s=told.remaining_s if told else None,
        layer=told.layer if told else None,
        layers=told.layers if told else None,
        message=told.message if told else "",
        agent=told.agent if told else "",
        control=told.control if told else "nothing was heard of its agent yet",
        faults={name: fault for name, fault in sorted(_faults(live)) if fault},
    )


def settings(chosen: PrinterSettings) -> bytes:
    """The settings that integrations may change."""
    return _json(**knobs.told(chosen))


def sight(live: PrinterLive, monotonic: float, now: float) -> bytes | None:
    """When the newest frame came, as of `now` (Unix time), and how long the network looked at it; None before it."""
    shown = [each for each in live.cameras.values() if each.frame]
    if not shown:
        return None
    newest = max(shown, key=lambda each: each.received)
    came = datetime.fromtimestamp(now - (monotonic - newest.received), UTC)
    took = None if newest.took_ms is None else round(newest.took_ms, 1)
    return _json(last_frame=came.isoformat(timespec="seconds"), inference_ms=took)


def world(seen: Iterable[PrinterLive]) -> bytes:
    """How many printers one integration may see, and how many of these are watched now."""
    every = list(seen)
    return _json(printers=len(every), watched=sum(each.watch == WATCHED for each in every))


def health(facts: Mapping[str, Any], per_second: float | None) -> bytes:
    """The hub's own facts, with how many frames it has looked at lately."""
    return _json(**facts, frames_per_second=None if per_second is None else round(per_second, 2))


def _faults(live: PrinterLive) -> Iterable[tuple[str, str]]:
    """What is wrong with each camera in one word, if anything."""
    for name, camera in live.cameras.items():
        yield name, camera.fault or camera.seen_fault


def _json(**members: Any) -> bytes:
    return json.dumps(members).encode()
