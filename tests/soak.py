"""A soak: a real hub and a real agent left alone with a fault every minute: `python -m tests.soak --minutes 120`.

After each fault both printers must be watched again by themselves. Memory, threads and open files of agent and hub
are noted all the time. Ends with status 0 only if all of that was well; the result goes to build/soak.{json,md,svg}.
The hub is killed in the first quarter only, so that its growth can be seen in the rest.
"""

from __future__ import annotations

import argparse
import itertools
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.support.hubs import ROOT
from tests.support.soak_report import Fault, Sample, write
from tests.support.soak_world import World

EVERY_S, SAMPLE_S, PATIENCE_S = 60.0, 30.0, 120.0


@dataclass(frozen=True)
class Kind:
    """One kind of fault: what begins it, how many seconds it lasts, what ends it."""

    name: str
    begin: Callable[[World], None]
    lasts_s: float
    end: Callable[[World], None]


def _nothing(_world: World) -> None:
    return None


def _signal(part: str, number: signal.Signals) -> Callable[[World], None]:
    return lambda world: world.process(part).send_signal(number)


KILL = Kind("hub and broker killed, started again", lambda w: w.hub.kill(), 5.0, lambda w: w.hub.start())
OTHERS = (
    Kind("connections cut, none admitted", lambda w: w.network.cut(), 15.0, lambda w: w.network.heal()),
    Kind("network lets nothing through", lambda w: w.network.stall(), 35.0, lambda w: w.network.heal()),
    Kind("camera's server gone", lambda w: w.camera.stop(), 15.0, lambda w: w.camera.start()),
    Kind("camera's stream hangs", lambda w: w.camera.hang(), 15.0, lambda w: w.camera.go_on()),
    Kind("printer's interface gone", lambda w: w.printer.stop(), 15.0, lambda w: w.printer.start()),
    Kind("printer's interface hangs", lambda w: w.printer.hang(), 20.0, lambda w: w.printer.go_on()),
    Kind("agent suspended", _signal("agent", signal.SIGSTOP), 20.0, _signal("agent", signal.SIGCONT)),
    Kind("hub suspended", _signal("hub", signal.SIGSTOP), 20.0, _signal("hub", signal.SIGCONT)),
    Kind("rubbish on the wire", lambda w: w.network.inject(b"\x16\x03\x03rubbish" * 500), 1.0, _nothing),
)


def faults(share: Callable[[], float]) -> Iterator[Kind]:
    """Round and round; while less than a quarter of the time is over, every second one is a killed hub."""
    others = itertools.cycle(OTHERS)
    while True:
        if share() < 0.25:
            yield KILL
        yield next(others)


class Soak:
    """One run."""

    def __init__(self, world: World, minutes: float, report: Path) -> None:
        self._world, self._minutes, self._report = world, minutes, report
        self._began = time.monotonic()
        self.samples: list[Sample] = []
        self.faults: list[Fault] = []

    def now(self) -> float:
        """Minutes since the begin."""
        return (time.monotonic() - self._began) / 60

    def run(self) -> bool:
        """All of it; whether it went well."""
        if self._recovered() is None:
            print(self._world.told())
            return False
        self._began = time.monotonic()
        for number, kind in enumerate(faults(lambda: self.now() / self._minutes)):
            self._rest_until(number * EVERY_S / 60)
            if self.now() >= self._minutes:
                break
            self._inject(kind)
            self._write()
        self._rest_until(self._minutes)
        self._recovered()
        return self._write()

    def _inject(self, kind: Kind) -> None:
        at = self.now()
        kind.begin(self._world)
        self._rest_until(at + kind.lasts_s / 60)
        kind.end(self._world)
        took = self._recovered()
        self.faults.append(Fault(round(at, 2), kind.name, None if took is None else round(took, 1)))
        told = f"watched again after {took:.1f} s" if took is not None else self._world.told()
        print(f"{at:6.1f} min  {kind.name}: {told}", flush=True)

    def _recovered(self) -> float | None:
        """Seconds until both printers are watched and every camera has sent a new frame; None if not in time."""
        began, before = time.monotonic(), self._world.frames()
        while time.monotonic() - began < PATIENCE_S:
            if self._world.healthy(before):
                return time.monotonic() - began
            self._sample()
            time.sleep(0.1)
        return None

    def _rest_until(self, minute: float) -> None:
        while self.now() < minute:
            self._sample()
            time.sleep(min(0.5, max(0.0, (minute - self.now()) * 60)))

    def _sample(self) -> None:
        """Note what the processes hold, each half minute; a hub that is not running is left out."""
        if self.samples and (self.now() - self.samples[-1].minute) * 60 < SAMPLE_S:
            return
        held = {part: use for part in ("agent", "hub") if (use := self._world.use(part))}
        self.samples.append(Sample(round(self.now(), 2), held))

    def _write(self) -> bool:
        return write(self._report, self.samples, self.faults, self.now())


def main() -> int:
    """Entry point; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=120.0)
    parser.add_argument("--report", type=Path, default=ROOT / "build", help="folder of the result")
    parser.add_argument("--keep", type=Path, help="folder for settings and logs (a temporary one)")
    options = parser.parse_args()
    options.report.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="soak") as folder:
        kept = options.keep or Path(folder)
        kept.mkdir(parents=True, exist_ok=True)
        with World(kept) as world:
            well = Soak(world, options.minutes, options.report).run()
    print((options.report / "soak.md").read_text(encoding="utf-8") if well else "not well")
    return 0 if well else 1


if __name__ == "__main__":
    sys.exit(main())
