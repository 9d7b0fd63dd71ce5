"""The text format of Prometheus, version 0.0.4: families of samples to text, and a histogram to collect. Pure."""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(frozen=True)
class Sample:
    """One value; `suffix` is what a histogram puts behind the family's name."""

    value: float
    labels: Mapping[str, str]
    suffix: str = ""


@dataclass(frozen=True)
class Family:
    """Samples of one name; `kind` is gauge, counter or histogram."""

    name: str
    kind: str
    help: str
    samples: tuple[Sample, ...]


def gauge(name: str, text: str, value: float, **labels: str) -> Family:
    """A gauge of one sample."""
    return Family(name, "gauge", text, (Sample(value, labels),))


def counter(name: str, text: str, value: float) -> Family:
    """A counter of one sample."""
    return Family(name, "counter", text, (Sample(value, {}),))


def render(families: Iterable[Family]) -> str:
    """The page that Prometheus reads; a family without samples is left out."""
    lines: list[str] = []
    for family in families:
        if family.samples:
            text = family.help.replace("\\", r"\\").replace("\n", r"\n")
            lines += [f"# HELP {family.name} {text}", f"# TYPE {family.name} {family.kind}"]
            lines += [_line(family.name, sample) for sample in family.samples]
    return "".join(f"{line}\n" for line in lines)


def _line(name: str, sample: Sample) -> str:
    labels = ",".join(f'{label}="{_escaped(value)}"' for label, value in sample.labels.items())
    value = str(int(sample.value)) if float(sample.value).is_integer() else repr(float(sample.value))
    return f"{name}{sample.suffix}{f'{{{labels}}}' if labels else ''} {value}"


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


class Histogram:
    """How often values fell into which bucket; from any thread."""

    def __init__(self, name: str, text: str, bounds: Sequence[float]) -> None:
        self._name, self._text, self._bounds = name, text, tuple(bounds)
        self._counts = [0] * (len(self._bounds) + 1)
        self._sum = 0.0
        self._lock = threading.Lock()

    def observe(self, value: float) -> None:
        """Count one value."""
        with self._lock:
            self._counts[bisect_left(self._bounds, value)] += 1
            self._sum += value

    def family(self) -> Family:
        """What was counted so far."""
        with self._lock:
            counts, total = list(self._counts), self._sum
        samples, below = [], 0
        for bound, count in zip((*self._bounds, float("inf")), counts, strict=True):
            below += count
            label = "+Inf" if bound == float("inf") else f"{bound:g}"
            samples.append(Sample(below, {"le": label}, "_bucket"))
        samples += [Sample(total, {}, "_sum"), Sample(below, {}, "_count")]
        return Family(self._name, "histogram", self._text, tuple(samples))
