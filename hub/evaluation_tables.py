"""The measured part of docs/detection.md, made from build/detection.json."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any

BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"

Result = dict[str, Any]


def write_tables(result: Result, document: Path | None) -> None:
    """Print the tables, and put them between the markers of the document. Raises ValueError when it has no markers."""
    text = tables(result)
    print(text)
    if document is None:
        return
    old = document.read_text(encoding="utf-8")
    if BEGIN not in old or END not in old:
        raise ValueError(f"{document}: has no place for the measured part")
    head, rest = old.split(BEGIN, 1)
    document.write_text(f"{head}{BEGIN}\n{text}\n{END}{rest.split(END, 1)[1]}", encoding="utf-8")


def tables(result: Result) -> str:
    """All tables as Markdown."""
    parts = [
        (
            f"Made by `make report-detection` with model {result['model']} (sha256 `{result['sha256'][:12]}`) on a machine "
            f"with {os.cpu_count()} cores, Python {platform.python_version()}. {result['films']} films of failing prints, "
            f"{len(result['tangles'])} tangles, {result['good_hours']:.1f} hours of good prints."
        )
    ]
    for history in ("first print", "after one good print"):
        part = result[history]
        parts += [
            f"### Films, {history}",
            _main(part),
            _paired(part["growth"]),
            f"By sort of film, {history} (paused / films, median seconds to pause):",
        ]
        parts.append(_sorts(part["growth"]))
    for name, part in result["real prints"].items():
        parts += [f"### Real prints of fixed cameras, {name}", _real(part)]
    if "moved parts" in result:
        parts += ["### Parts that come loose (the second signal)", _moved(result["moved parts"])]
    return "\n\n".join(part for part in parts if part)


def _main(part: Result) -> str:
    head = ("rule", "recall", "from the first frame", "s to warn", "s to pause", "misses counted", "false pauses in good prints",
            "per 100 h", "false warnings per 100 h", "re-pauses of the same", "paused when it grew again")  # fmt: skip
    rows = []
    for name, sorts in part["growth"].items():
        every, quiet, resumed = sorts["all"], part["good"][name], sorts.get("resumed", {})
        rows.append(
            (
                name,
                f"{every['paused']}/{every['films']} ({every['recall']:.0%})",
                f"{every['from_first_frame_paused']}/{every['from_first_frame']}",
                _number(every["median_s_to_warn"]),
                _number(every["median_s_to_pause"]),
                _number(every["median_s_to_pause_of_all"]),
                f"{quiet['pauses']} in {quiet['hours']:.1f} h",
                _number(quiet["pauses_per_100_h"]),
                _number(quiet["warnings_per_100_h"]),
                str(resumed.get("pauses_while_unchanged", "-")),
                f"{resumed.get('paused_after_growing_again', '-')}/{resumed.get('films', '-')}",
            )
        )
    return _table(head, rows)


def _paired(growth: Result) -> str:
    """How long this hub's rule takes where another one paused as well."""
    name, first = next(iter(growth.items()))
    told = [
        f"{pair['films']} films that {other} paused too: {_number(pair['median_s'])} s against {_number(pair['median_s_other'])} s"
        for other, pair in first["all"]["where paused"].items()
        if pair["films"]
    ]
    return f"Median seconds to a pause of {name} on the " + "; on the ".join(told) + "." if told else ""


def _sorts(growth: Result) -> str:
    sorts = [sort for sort in next(iter(growth.values())) if sort != "all"]
    rows = [
        (
            name,
            *(
                f"{f['paused']}/{f['films']}, {_number(f['median_s_to_pause'])}"
                for f in (by[s] for s in sorts)
            ),
        )
        for name, by in growth.items()
    ]
    return _table(("rule", *sorts), rows)


def _real(part: Result) -> str:
    head = ("rule", "warned", "paused", "pictures to warn", "pictures to pause", "good stretches paused")
    rows = [
        (
            name,
            f"{r['warned']}/{r['failing_prints']}",
            f"{r['paused']}/{r['failing_prints']}",
            _number(r["median_pictures_to_warn"]),
            _number(r["median_pictures_to_pause"]),
            f"{r['good_stretches_paused']}/{r['good_stretches']}",
        )
        for name, r in part.items()
    ]
    return _table(head, rows)


def _moved(part: Result) -> str:
    kinds = part["kinds"]
    row = [f"{each['noticed']}/{each['films']}" for each in kinds.values()]
    false = f"{part['false_alarms']} in {part['hours']:.1f} h"
    return _table((*kinds, "false alarms in the same prints as they are"), [(*row, false)])


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])


def _number(value: float | None) -> str:
    return (
        "-" if value is None else f"{value:.0f}" if value == round(value) or value >= 20 else f"{value:.1f}"
    )
