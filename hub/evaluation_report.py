"""A readable report of an evaluation: one HTML page with tables, hand-drawn SVG plots and the worst mistakes."""

import base64
import html
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from hub.evaluation_data import FAILURE, GOOD

Result = dict[str, Any]
Point = tuple[float, float]

WORST = 12
"""Mistakes of either sort that the page shows."""

_STYLE = """body{font:15px/1.45 system-ui,sans-serif;max-width:62rem;margin:2rem auto;padding:0 1rem;color:#222}
table{border-collapse:collapse;margin:.6rem 0 1.4rem}td,th{padding:.15rem .7rem;text-align:right;border-bottom:1px solid #ddd}
td:first-child,th:first-child{text-align:left}.plots{display:flex;flex-wrap:wrap;gap:1.5rem}
.worst{display:flex;flex-wrap:wrap;gap:.8rem}.worst figure{margin:0;width:14rem}.worst .frame{position:relative}
.worst img{width:100%;display:block}.worst i{position:absolute;width:14px;height:14px;margin:-9px;border:2px solid #f33;
border-radius:50%}figcaption{font-size:.8rem;overflow-wrap:anywhere}svg{background:#fafafa}"""


def write_report(result: Result, folder: Path) -> Path:
    """Write report.html into the folder (made when missing) and return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "report.html"
    path.write_text(page(result), encoding="utf-8")
    return path


def page(result: Result) -> str:
    """The whole report as HTML that loads nothing from anywhere."""
    title = f"Detector report: {result['split']}"
    sections = [
        f"<h1>{_text(title)}</h1>",
        f"<p>Model {_text(result['model'])}, sha256 <code>{_text(result['sha256'] or 'not told')}</code>.</p>",
        _headline(result),
        '<div class="plots">',
        roc_plot(result.get("curve", [])),
        reliability_plot(result.get("reliability", [])),
        histogram(result["pictures"]),
        "</div>",
        "<h2>By kind</h2>",
        _breakdown(result["per_kind"]),
        "<h2>By source or camera</h2>",
        "<p>“AUROC without” leaves that source out of the whole.</p>",
        _breakdown(result["per_source"]),
    ]
    if "per_print" in result:
        sections += [
            "<h2>Over time</h2>",
            _over_time(result["over_time"]),
            "<h2>By print</h2>",
            _prints(result),
        ]
    sections += _mistakes(result)
    body = "\n".join(sections)
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{_text(title)}</title>'
        f"<style>{_STYLE}</style><body>{body}</body></html>\n"
    )


def roc_plot(points: Sequence[Point]) -> str:
    """Recall against false alarms, the first tenth of the false alarms stretched to half the width."""
    stretched = [(_stretch(x), y) for x, y in points]
    ticks = [(_stretch(x), f"{x:.0%}") for x in (0, 0.01, 0.05, 0.1, 1)]
    return _plot("Recall against false alarms", [(stretched, "#06c")], ticks)


def reliability_plot(rows: Sequence[dict[str, float]]) -> str:
    """What really fails against what the score says."""
    ticks = [(x, f"{x:.1f}") for x in (0.0, 0.5, 1.0)]
    line = [(row["score"], row["failing"]) for row in rows]
    return _plot("Share failing against score", [([(0, 0), (1, 1)], "#bbb"), (line, "#06c")], ticks)


def histogram(pictures: Iterable[Result], bins: int = 20) -> str:
    """How the scores of good (grey) and failing (red) pictures spread."""
    series = []
    for label, shade in ((GOOD, "#888"), (FAILURE, "#d33")):
        counts = [0] * bins
        for picture in pictures:
            if picture["label"] == label:
                counts[min(int(picture["score"] * bins), bins - 1)] += 1
        top = max(counts) or 1
        steps = [(edge / bins, count / top) for i, count in enumerate(counts) for edge in (i, i + 1)]
        series.append((steps, shade))
    return _plot("Scores: good grey, failing red", series, [(x, f"{x:.1f}") for x in (0.0, 0.5, 1.0)])


def _stretch(rate: float) -> float:
    """A false-alarm rate to a place on the axis."""
    return rate * 5 if rate < 0.1 else 0.5 + (rate - 0.1) / 1.8


def _plot(
    title: str, series: Sequence[tuple[Sequence[Point], str]], ticks: Sequence[tuple[float, str]]
) -> str:
    """Lines in the unit square as inline SVG."""
    size, pad = 240, 30
    lines = "".join(
        '<polyline fill="none" stroke-width="2" stroke="{}" points="{}"/>'.format(
            shade, " ".join(f"{pad + x * size:.1f},{pad + (1 - y) * size:.1f}" for x, y in points)
        )
        for points, shade in series
        if points
    )
    labels = "".join(
        f'<text x="{pad + x * size:.0f}" y="{pad + size + 16}" font-size="11" text-anchor="middle">{_text(word)}</text>'
        for x, word in ticks
    )
    return (
        f'<svg width="{size + 2 * pad}" height="{size + 2 * pad}" role="img"><title>{_text(title)}</title>'
        f'<text x="{pad}" y="18" font-size="13">{_text(title)}</text>'
        f'<rect x="{pad}" y="{pad}" width="{size}" height="{size}" fill="none" stroke="#ccc"/>{lines}{labels}</svg>'
    )


def _headline(result: Result) -> str:
    """The figures that are asked for first."""
    between = result.get("interval", {})
    recalls = result["recall_at_fpr"]
    rows = [
        ("pictures (failing)", f"{result['n']} ({result['failing']}) in {result['groups']} groups", None),
        ("AUROC", _number(result["auroc"]), between.get("auroc")),
        *(
            (f"recall at {float(rate):.0%} false alarms", _number(value), between.get(f"recall_at_{rate}"))
            for rate, value in recalls.items()
        ),
        ("pointing", _number(result["pointing"]), None),
        (f"recall at warn ({result['warn']:.2f})", _number(result["recall_at_warn"]), None),
        ("false alarms at warn", _number(result["false_at_warn"]), None),
        (f"recall at act ({result['act']:.2f})", _number(result["recall_at_act"]), None),
        ("false alarms at act", _number(result["false_at_act"]), None),
        ("calibration error", _number(result["calibration_error"]), None),
    ]
    return _rows(
        ["figure", "value", "95 % by group"],
        [[name, value, f"{span[0]:.3f} to {span[1]:.3f}" if span else ""] for name, value, span in rows],
    )


def _breakdown(table: dict[str, Result]) -> str:
    """One line per kind or source."""
    head = ["", "n", "failing", "AUROC", "AUROC without", "recall at 1 %", "recall at 5 %", "false at warn"]
    return _rows(
        head,
        [
            [
                name,
                str(row["n"]),
                str(row["failing"]),
                _number(row["auroc"]),
                _number(row["auroc_without"]),
                *(_number(value) for value in row["recall_at_fpr"].values()),
                _number(row["false_at_warn"]),
            ]
            for name, row in table.items()
        ],
    )


def _over_time(row: Result) -> str:
    """What the hub would have decided with its default settings."""
    return _rows(
        ["through evidence and policy", "value"],
        [
            ["seconds each frame stands for", f"{row['spacing_s']:g}"],
            ["hours of good frames", f"{row['good_hours']:.2f}"],
            ["false warnings, false actions", f"{row['false_warnings']}, {row['false_actions']}"],
            ["false actions per 100 print hours", _number(row["actions_per_100_h"])],
            ["failing prints warned, acted upon", f"{row['warned']}, {row['acted']} of {row['failing']}"],
            ["median seconds to warn, to act", f"{row['seconds_to_warn']}, {row['seconds_to_act']}"],
        ],
    )


def _prints(result: Result) -> str:
    """Totals, then one line per print."""
    total = result["prints"]
    words = (
        f"<p>Fixed cameras, {total['rule']}: {total['caught_at_warn']} of {total['failing']} failing prints reach warn, "
        f"{total['caught_at_act']} act; of {total['good']} stretches of good frames {total['false_at_warn']} reach warn, "
        f"{total['false_at_act']} act. Prints marked “trained” were seen in training and prove nothing.</p>"
    )
    head = ["print", "camera", "", "good", "median", "alarm", "failing", "median", "caught"]
    lines = []
    for name, row in result["per_print"].items():
        good, bad = row[GOOD], row[FAILURE]
        lines.append(
            [
                name,
                row["rig"],
                "trained" if row["seen"] else "",
                str(good["frames"]),
                _number(good["median"]),
                _word(good),
                str(bad["frames"]),
                _number(bad["median"]),
                _word(bad),
            ]
        )
    return words + _rows(head, lines)


def _word(row: Result) -> str:
    """The strongest thing a stretch of frames led to."""
    if not row["frames"]:
        return ""
    return "act" if row["acted"] else "warn" if row["warned"] else "no"


def _mistakes(result: Result) -> list[str]:
    """The good pictures with the highest scores and the failing ones with the lowest."""
    shown = [p for p in result["pictures"] if "per_print" not in result or p["fixed"]]
    alarms = sorted((p for p in shown if p["label"] == GOOD), key=lambda p: -p["score"])[:WORST]
    missed = sorted((p for p in shown if p["label"] == FAILURE), key=lambda p: p["score"])[:WORST]
    root = Path(result["data"])
    return [
        "<h2>Good pictures that score highest</h2>",
        _gallery(root, alarms),
        "<h2>Failing pictures that score lowest</h2>",
        _gallery(root, missed),
    ]


def _gallery(root: Path, pictures: list[Result]) -> str:
    """Pictures, embedded, each with its score and a ring where the heat peaks."""
    figures = []
    for picture in pictures:
        data = base64.b64encode((root / picture["file"]).read_bytes()).decode("ascii")
        x, y = picture["peak"]
        figures.append(
            f'<figure><div class="frame"><img alt="" src="data:image/jpeg;base64,{data}">'
            f'<i style="left:{x:.1%};top:{y:.1%}"></i></div>'
            f"<figcaption>{picture['score']:.3f} {_text(picture['file'])}</figcaption></figure>"
        )
    return f'<div class="worst">{"".join(figures)}</div>'


def _rows(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """An HTML table of escaped words."""
    top = "".join(f"<th>{_text(word)}</th>" for word in head)
    lines = "".join("<tr>" + "".join(f"<td>{_text(word)}</td>" for word in row) + "</tr>" for row in rows)
    return f"<table><tr>{top}</tr>{lines}</table>"


def _number(value: float | None) -> str:
    """A figure with three decimals, or a dash."""
    return "-" if value is None else f"{value:.3f}"


def _text(words: str) -> str:
    """Words made safe for HTML."""
    return html.escape(str(words))
