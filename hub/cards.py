"""One printer as a person sees it now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hub.access import Right
from hub.live import PrinterLive
from hub.policy import PrinterSettings, settings_from
from hub.regions import Region
from hub.store.printers import PrinterRow


@dataclass(frozen=True)
class CameraCard:
    """One camera on a card; `seq` is 0 when no frame has come, `age` in seconds."""

    name: str
    seq: int
    age: float | None
    score: float | None
    regions: tuple[Region, ...]
    fault: str


@dataclass(frozen=True)
class PrinterCard:
    """One printer as a person sees it now. `watch`, `watch_reason` and `verdict` as in `hub.live`."""

    id: str
    name: str
    right: Right
    enrolled: bool
    online: bool
    phase: str
    file: str
    progress: float | None
    remaining_s: float | None
    layer: int | None
    layers: int | None
    temperatures: Mapping[str, tuple[float, float]]
    can: tuple[str, ...]
    control: str
    message: str
    watch: str
    watch_reason: str
    verdict: str
    certainty: float | None
    cameras: tuple[CameraCard, ...]
    settings: PrinterSettings


def card(row: PrinterRow, right: Right, live: PrinterLive, now: float) -> PrinterCard:
    """The card of a printer for somebody with this right; `now` in hub seconds."""
    state = live.state
    return PrinterCard(
        id=row.id,
        name=row.name,
        right=right,
        enrolled=row.enrolled is not None,
        online=live.online,
        phase=state.phase if state and live.online else "unknown",
        file=state.file if state else "",
        progress=state.progress if state else None,
        remaining_s=state.remaining_s if state else None,
        layer=state.layer if state else None,
        layers=state.layers if state else None,
        temperatures=state.temperatures if state else {},
        can=state.can if state and live.online else (),
        control=state.control if state else "",
        message=state.message if state else "",
        watch=live.watch,
        watch_reason=live.watch_reason,
        verdict=live.verdict,
        certainty=live.certainty,
        cameras=tuple(
            CameraCard(
                name=name,
                seq=camera.frame.seq if camera.frame else 0,
                age=now - camera.received if camera.frame else None,
                score=camera.score,
                regions=camera.regions,
                fault=camera.fault,
            )
            for name, camera in sorted(live.cameras.items())
        ),
        settings=settings_from(row.settings),
    )
