"""Memory and processor time of a whole agent, as it is installed: `python -m tests.bench_agent_process`.

A real hub over TLS, printers and cameras of 1280x720 pictures of about 46 kB, each in a process of its own. Memory:
with 1, 2 and 5 PrusaLink printers, each with an MJPEG camera, after half a minute. Processor time: everything that the
agent of a simulated printer does in 30 s at ten pictures a second, by the picture.
"""

from __future__ import annotations

import json
import multiprocessing
import subprocess
import tempfile
import time
import venv
from contextlib import ExitStack, contextmanager
from pathlib import Path

from agent import enrolment
from agent.loop import STATE_S
from tests.bench_agent import camera_server, seconds_of
from tests.counterparts.prusalink_rig import PASSWORD, USER, PrusaLink
from tests.support.hub_process import HubProcess
from tests.support.hubs import ROOT, start_agent
from tests.support.processes import end
from tests.support.soak_world import redeemed
from tests.support.waiting import until
from tests.support.web import serve

PRINTERS, SETTLE_S, MEASURE_S, PACE_S = 5, 30.0, 30.0, 0.1


def installed(folder):
    """The Python of an environment that holds the agent and nothing else."""
    venv.create(folder, with_pip=True)
    python = str(folder / "bin" / "python")
    subprocess.run([python, "-m", "pip", "install", "-q", "--disable-pip-version-check", ROOT], check=True)
    return python


def printer_server(pipe):
    printer = PrusaLink()
    printer.begin()
    with serve(printer.answer) as url:
        pipe.send(url)
        pipe.recv()


def apart(stack, target):
    """The address of a server in a process of its own."""
    mine, other = multiprocessing.Pipe()
    process = multiprocessing.Process(target=target, args=(other,), daemon=True)
    process.start()
    stack.callback(process.terminate)
    stack.callback(mine.send, "end")
    return mine.recv()


def prusalink(url):
    return f'kind = "prusalink"\noptions = {{url = "{url}", user = "{USER}", password = "{PASSWORD}"}}'


def table(number, printer, kind, address):
    return f"""
[[printer]]
credential = "printer{number}.json"
{printer}
[[printer.camera]]
name = "main"
kind = "{kind}"
options = {{url = {json.dumps(address)}}}
"""


class Bench:
    def __init__(self, folder, stack):
        self.home, self.python = folder / "home", installed(folder / "environment")
        self.home.mkdir()
        self.printer, self.camera = apart(stack, printer_server), apart(stack, camera_server)
        self.hub = HubProcess(folder / "hub", PRINTERS, quiet_s=PACE_S)
        self.hub.start()
        stack.callback(self.hub.kill)
        for number, line in enumerate(self.hub.lines):
            credential = until(lambda line=line: redeemed(line), 60, every_s=0.2)
            enrolment.save(credential, self.home / f"printer{number}.json")

    @contextmanager
    def agent(self, printers, printer, kind):
        address = self.camera + {"mjpeg": "/stream", "snapshot": "/snapshot"}[kind]
        tables = [table(number, printer, kind, address) for number in range(printers)]
        (self.home / "agent.toml").write_text("".join(tables), encoding="utf-8")
        process = start_agent(self.home, (self.python, "-m", "agent"))
        try:
            time.sleep(SETTLE_S)
            yield process
        finally:
            end(process)

    def sent(self):
        """The number of the newest frame of the first printer's camera."""
        return self.hub.asked("/api/v1/printers")["printers"][0]["cameras"][0]["seq"]


def resident_mb(process):
    status = Path(f"/proc/{process.pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) / 1000


def main():
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        bench = Bench(Path(folder), stack)
        for count in (1, 2, PRINTERS):
            with bench.agent(count, prusalink(bench.printer), "mjpeg") as process:
                print(f"{count} printers: {resident_mb(process):.1f} MB", flush=True)
        for kind in ("snapshot", "mjpeg"):
            with bench.agent(1, 'kind = "simulated"', kind) as process:
                before, began = bench.sent(), seconds_of(process)
                time.sleep(MEASURE_S)
                spent, pictures = seconds_of(process) - began, bench.sent() - before - MEASURE_S / STATE_S
                print(
                    f"{kind}: {spent / pictures * 1e3:.2f} ms a picture ({pictures:.0f} pictures)", flush=True
                )


if __name__ == "__main__":
    main()
