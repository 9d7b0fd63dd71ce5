"""The three rules side by side over films of failing and of good prints: `make report-detection`.

Writes figures as JSON and the generated part of docs/detection.md. Every picture's score is computed once and kept
outside the tree.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from hub import evaluation_displaced
from hub.evaluation import facts_of
from hub.evaluation_data import AMBIGUOUS, FAILURE, GOOD
from hub.evaluation_films import backs, failing_films, good_films
from hub.evaluation_growth import SPACING_S, Cutout, Film, cutouts
from hub.evaluation_looks import Looks
from hub.evaluation_rules import NONE, PAUSE, Obico, Ours, PrintGuard, Rule
from hub.evaluation_tables import write_tables
from hub.vision import Detection, Detector, read_model, shipped_model

#: A failure that is not paused so long after its onset is missed.
PATIENCE_S = 900.0
#: After a false pause the owner looks and resumes the print.
OWNER_S = 60.0
#: So many tangles of training pictures, and so many of pictures that no network was trained on.
TANGLES = 4

Result = dict[str, Any]


@dataclass
class Run:
    """What one rule did on one film; times in seconds of the print, `again` after a resume."""

    film: Film
    warnings: list[float] = field(default_factory=list)
    pauses: list[float] = field(default_factory=list)
    repeated: int = 0

    def caught(self, times: Sequence[float]) -> float | None:
        """Seconds from the onset to the first of these times behind it."""
        assert self.film.onset is not None
        late = [t - self.film.onset for t in times if t >= self.film.onset]
        return late[0] if late and late[0] <= PATIENCE_S else None

    def false(self, times: Sequence[float]) -> int:
        """How many of these times lie before the onset."""
        return sum(self.film.onset is None or t < self.film.onset for t in times)

    def unchanged(self) -> int:
        """How often it paused again although nothing had grown since it paused before."""
        assert self.film.onset is not None
        still = [t for t in self.pauses if self.film.onset + self.film.pause_growth <= t < self.film.again]
        return max(0, len(still) - 1)


def play(rule: Rule, film: Film, look: Callable[[Film, float], Detection], known: Sequence[Detection]) -> Run:
    """Let one rule watch one film at the pace it wants."""
    run, t = Run(film), 0.0
    end = film.end if film.onset is None else min(film.end, max(film.onset, _again(film)) + PATIENCE_S)
    rule.begin(known)
    while t < end:
        kind, wait = rule.see(t, look(film, t))
        if kind != NONE:
            run.warnings.append(t)
        if kind == PAUSE:
            run.pauses.append(t)
            if film.onset is not None and t >= film.onset and (t >= film.again or math.isinf(film.again)):
                break
            t += OWNER_S
            rule.resumed(t)
        t = math.ceil((t + wait) * 2) / 2
    return run


def growth(rules: Sequence[Rule], films: Iterable[Film], look: Any, known: Any) -> Result:
    """Each rule over films of failing prints, by sort of film and over all."""
    runs = {rule.name: [play(rule, film, look, known(film)) for film in films] for rule in rules}
    table: Result = {}
    for name, all_of_rule in runs.items():
        sorts = {"all": [r for r in all_of_rule if r.film.sort != "resumed"]}
        for run in all_of_rule:
            sorts.setdefault(run.film.sort, []).append(run)
        table[name] = {sort: _figures(chosen) for sort, chosen in sorts.items()}
        table[name]["all"]["where paused"] = {
            other: _where_both(sorts["all"], [r for r in others if r.film.sort != "resumed"])
            for other, others in runs.items()
            if other != name
        }
    return table


def quiet(rules: Sequence[Rule], films: Sequence[Film], look: Any, known: Any) -> Result:
    """Each rule over whole prints that went well."""
    table: Result = {}
    hours = sum(film.end for film in films) / 3600
    for rule in rules:
        runs = [play(rule, film, look, known(film)) for film in films]
        warnings, pauses = (sum(len(getattr(r, name)) for r in runs) for name in ("warnings", "pauses"))
        table[rule.name] = {
            "hours": hours,
            "prints": len(films),
            "prints_paused": sum(bool(r.pauses) for r in runs),
            "warnings": warnings,
            "pauses": pauses,
            "warnings_per_100_h": 100 * warnings / hours,
            "pauses_per_100_h": 100 * pauses / hours,
        }
    return table


def real_prints(data: Path, look_file: Callable[[str], Detection]) -> Result:
    """The failing prints of fixed cameras, counted in pictures 10 s apart: their failing stretch, their good stretch.

    Obico's rule is let off its 30 silent pictures, and PrintGuard's gets a picture every 10 s: there are no others.
    """
    with (data / "sequences.csv").open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["fixed_camera"] == "1"]
    rules: list[tuple[Rule, Callable[[Rule], None]]] = [
        (Ours(0.5), lambda _r: None),
        (Obico(grace=0), lambda _r: None),
        (PrintGuard(SPACING_S), lambda _r: None),
    ]
    prints: dict[str, list[dict[str, str]]] = {}
    for row in sorted(rows, key=lambda row: int(row["frame_index"])):
        prints.setdefault(row["print_id"], []).append(row)
    table: Result = {}
    for rule, _ in rules:
        table[rule.name] = _over_prints(rule, prints, look_file)
    return table


def _over_prints(rule: Rule, prints: dict[str, list[dict[str, str]]], look: Any) -> Result:
    warned, paused, false, failing, good = [], [], 0, 0, 0
    for rows in prints.values():
        stretch = [row["file"] for row in rows if row["label"] in (AMBIGUOUS, FAILURE)]
        if any(row["label"] == FAILURE for row in rows):
            failing += 1
            first = {PAUSE: len(stretch), "warn": len(stretch)}
            rule.begin([])
            for n, file in enumerate(stretch):
                kind, _ = rule.see(n * SPACING_S, look(file))
                for each in ("warn", PAUSE) if kind == PAUSE else (kind,):
                    first[each] = min(first.get(each, n), n)
            warned += [first["warn"] + 1] if first["warn"] < len(stretch) else []
            paused += [first[PAUSE] + 1] if first[PAUSE] < len(stretch) else []
        calm = [row["file"] for row in rows if row["label"] == GOOD]
        if calm:
            good += 1
            rule.begin([])
            false += any(rule.see(n * SPACING_S, look(file))[0] == PAUSE for n, file in enumerate(calm))
    return {
        "failing_prints": failing,
        "warned": len(warned),
        "paused": len(paused),
        "median_pictures_to_warn": _median(warned),
        "median_pictures_to_pause": _median(paused),
        "good_stretches": good,
        "good_stretches_paused": false,
    }


def main() -> None:
    """Measure, write the JSON file and the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--data", type=Path, required=True, help="folder with manifest.csv, sequences.csv and clips"
    )
    parser.add_argument("--cache", type=Path, default=Path.home() / ".cache" / "printwarden")
    parser.add_argument("--json", type=Path, default=Path("build/detection.json"))
    parser.add_argument("--docs", type=Path, help="document whose generated part is renewed")
    parser.add_argument("--precision", choices=("fp32", "int8"), default="int8")
    parser.add_argument("--quick", action="store_true", help="only every fourth film")
    parser.add_argument(
        "--held-out", type=Path, help="JSON of file to logit, from networks that never saw the rig"
    )
    options = parser.parse_args()
    detector = Detector(read_model(shipped_model()), options.precision)
    detector.start()
    looks = Looks(options.cache, detector)
    try:
        result = measure(options, detector, looks)
    finally:
        looks.close()
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(result, indent=1), encoding="utf-8")
    write_tables(result, options.docs)


def measure(options: argparse.Namespace, detector: Detector, looks: Looks) -> Result:
    """All figures."""
    data, at = options.data, detector.model.warn
    good = backs(data)
    cuts = [*cutouts(data, "train", TANGLES), *cutouts(data, "val", TANGLES)]
    look = _looker(looks, cuts)
    facts = facts_of(detector)

    @cache
    def known(film: Film) -> list[Detection]:
        other = next((b for b in good if b.rig == film.back.rig and b.name != film.back.name), None)
        if other is None:
            return []
        return [look(Film(other, "good"), n * SPACING_S) for n in range(len(other.frames))]

    films, calm = failing_films(good, len(cuts))[:: 4 if options.quick else 1], good_films(good)
    result: Result = {
        "model": facts.model,
        "sha256": looks.sha256,
        "tangles": [cut.name for cut in cuts],
        "films": len(films),
        "good_hours": sum(film.end for film in calm) / 3600,
    }
    for history, of in (("first print", lambda _film: []), ("after one good print", known)):
        rules: list[Rule] = [Ours(at), Obico(), PrintGuard()]
        chosen = [f for f in films if history == "first print" or known(f)]
        still = [f for f in calm if history == "first print" or known(f)]
        result[history] = {
            "growth": growth(rules, chosen, look, of),
            "good": quiet(rules, still, look, of),
        }
    result["real prints"] = {
        "shipped model": real_prints(data, lambda f: looks.look(f, (data / f).read_bytes))
    }
    result["moved parts"] = evaluation_displaced.measure(evaluation_displaced.clips(good))
    if options.held_out:
        result["real prints"]["rig held out"] = real_prints(data, _held_out(options.held_out, detector))
    return result


def _looker(looks: Looks, cuts: Sequence[Cutout]) -> Callable[[Film, float], Detection]:
    def look(film: Film, t: float) -> Detection:
        cut = cuts[film.tangle % len(cuts)].name if film.shows(t) else ""
        return looks.look(f"{film.key(t)}|{cut}", lambda: film.picture(t, cuts))

    return look


def _held_out(path: Path, detector: Detector) -> Callable[[str], Detection]:
    """Scores of networks that never saw the rig, calibrated like the shipped one; they have no heat of their own."""
    logits = json.loads(path.read_text(encoding="utf-8"))
    described = json.loads((detector.model.folder / "model.json").read_text(encoding="utf-8"))["files"]
    card = next(f["calibration"] for f in described if f["precision"] == detector.precision)

    def look(file: str) -> Detection:
        score = 1 / (1 + math.exp(-(logits[file] / card["temperature"] + card["bias"])))
        return Detection(score, np.full((1, 1), score, np.float32), 0, 0, 255.0)

    return look


def _figures(runs: Sequence[Run]) -> Result:
    paused = [c for run in runs if (c := run.caught(run.pauses)) is not None]
    warned = [c for run in runs if (c := run.caught(run.warnings)) is not None]
    first = [run for run in runs if run.film.onset == 0.0]
    figures: Result = {
        "films": len(runs),
        "paused": len(paused),
        "warned": len(warned),
        "recall": len(paused) / len(runs),
        "median_s_to_warn": _median(warned),
        "median_s_to_pause": _median(paused),
        "median_s_to_pause_of_all": _median(paused + [math.inf] * (len(runs) - len(paused))),
        "false_pauses_before": sum(run.false(run.pauses) for run in runs),
        "from_first_frame": len(first),
        "from_first_frame_paused": sum(run.caught(run.pauses) is not None for run in first),
    }
    resumed = [run for run in runs if not math.isinf(run.film.again)]
    if resumed:
        figures["pauses_while_unchanged"] = sum(run.unchanged() for run in resumed)
        figures["paused_after_growing_again"] = sum(
            any(t >= run.film.again for t in run.pauses) for run in resumed
        )
    return figures


def _where_both(own: Sequence[Run], others: Sequence[Run]) -> Result:
    """The seconds of two rules, over the films that both paused."""
    pairs = [(a.caught(a.pauses), b.caught(b.pauses)) for a, b in zip(own, others, strict=True)]
    both = [(a, b) for a, b in pairs if a is not None and b is not None]
    return {
        "films": len(both),
        "median_s": _median([a for a, _ in both]),
        "median_s_other": _median([b for _, b in both]),
    }


def _again(film: Film) -> float:
    return 0.0 if math.isinf(film.again) else film.again


def _median(values: Sequence[float]) -> float | None:
    """None without values, and when the middle one never happened."""
    middle = float(statistics.median(values)) if values else math.inf
    return middle if math.isfinite(middle) else None


if __name__ == "__main__":
    main()
