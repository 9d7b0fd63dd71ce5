"""What a merged report of a Bambu printer means. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from agent.printers.base import ORDERS, PrinterError, Snapshot
from agent.printers.rest import number, text, whole
from agent.printers.runs import Run

#: The members of a report that are looked at; all others are dropped on arrival.
KEPT = frozenset(
    [
        "gcode_state",
        "mc_percent",
        "mc_remaining_time",
        "layer_num",
        "total_layer_num",
        "gcode_file",
        "subtask_name",
        "subtask_id",
        "task_id",
        "gcode_start_time",
        "nozzle_temper",
        "nozzle_target_temper",
        "bed_temper",
        "bed_target_temper",
        "chamber_temper",
        "print_error",
        "fun",
        "ipcam",
    ]
)
_PHASES = {
    "IDLE": "idle",
    "INIT": "printing",
    "PREPARE": "printing",
    "SLICING": "printing",
    "RUNNING": "printing",
    "PAUSE": "paused",
    "FINISH": "finished",
    "FAILED": "error",
}
_CANCELLED_BY_USER = (0, 0x0300400C)
_SIGNATURE_WANTED = 0x20000000


def signature_wanted(fun: Any) -> bool:
    """Whether the firmware obeys signed commands only; older firmware tells nothing and obeys."""
    try:
        return bool(int(text(fun) or "0", 16) & _SIGNATURE_WANTED)
    except ValueError:
        return False


def snapshot_of(
    report: Mapping[str, Any], run: Run, control: str, now: float, on_other_job: Callable[[], None]
) -> Snapshot:
    """The snapshot a merged report stands for; raises PrinterError when the printer calls itself offline."""
    state = text(report.get("gcode_state")).upper()
    if state == "OFFLINE":
        raise PrinterError("Bambu: the printer calls itself offline")
    phase = _PHASES.get(state, "unknown")
    fault = whole(report.get("print_error")) or 0
    if phase == "error" and fault in _CANCELLED_BY_USER:
        phase = "cancelled"
    percent = number(report.get("mc_percent"), 0, 100)
    layer = whole(report.get("layer_num"))
    if phase in ORDERS:
        before = run.job
        file = tuple(text(report.get(each)) for each in ("gcode_file", "subtask_name"))
        if run.active(file, float(layer or 0), percent or 0.0, now, _name(report)) != before:
            on_other_job()
    else:
        run.over()
    minutes = number(report.get("mc_remaining_time"), 0, 1e6)
    return Snapshot(
        phase=phase,
        job=run.job,
        file=text(report.get("subtask_name") or report.get("gcode_file")),
        progress=None if percent is None else percent / 100,
        remaining_s=None if minutes is None else minutes * 60,
        layer=layer,
        layers=whole(report.get("total_layer_num")) or None,
        temperatures=_temperatures(report),
        can=() if control else ORDERS.get(phase, ()),
        control=control,
        message=f"error {fault:08X}" if fault else "",
    )


def _name(report: Mapping[str, Any]) -> str:
    """The printer's own id of the print; prints sent over the LAN have zeros there, which name nothing."""
    parts = [text(report.get(each), 40) for each in ("task_id", "subtask_id", "gcode_start_time")]
    known = [each for each in parts if each.strip("0")]
    return "-".join(known)


def _temperatures(report: Mapping[str, Any]) -> dict[str, tuple[float, float]]:
    found = {}
    for name, actual, target in (
        ("hotend", "nozzle_temper", "nozzle_target_temper"),
        ("bed", "bed_temper", "bed_target_temper"),
        ("chamber", "chamber_temper", ""),
    ):
        value = number(report.get(actual), -300, 3000)
        if value is not None:
            found[name] = (value, number(report.get(target), -300, 3000) or 0.0)
    return found
