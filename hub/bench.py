"""`make bench`: what this machine does, from a published frame to a decision, through the embedded broker.

A second process plays the agents and is not charged to the hub. Every figure is a median of several windows.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from agent import topics
from agent.endpoint import Endpoint
from agent.protocol import CameraStatus, Frame, State, Status, pack_frame, pack_state, pack_status
from agent.session import Message, Session
from hub.app import Hub
from hub.broker.settings import BrokerSettings, Limits, PlainListener, TlsListener
from hub.judge import Judgement
from hub.metrics import resident_bytes
from hub.procedural import pictures
from hub.settings import DetectionSection, HubSection, HubSettings

SETTLE_S = 2.0


@dataclass
class Meter:
    """Counts judgements and their age since they were published, in ms."""

    ages: list[float] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, judgement: Judgement) -> None:
        """Take one judgement."""
        age = time.time() * 1000 - judgement.scored.frame.time
        with self.lock:
            self.ages.append(age)

    def window(self, seconds: float) -> dict[str, float]:
        """Frames a second, CPU-ms a frame and the ages of the next `seconds`."""
        with self.lock:
            self.ages.clear()
        cpu, began = _cpu_s(), time.perf_counter()
        time.sleep(seconds)
        spent, took = _cpu_s() - cpu, time.perf_counter() - began
        with self.lock:
            ages = sorted(self.ages)
        if not ages:
            return {"fps": 0.0, "cpu_ms": 0.0, "p50": 0.0, "p99": 0.0}
        return {
            "fps": len(ages) / took,
            "cpu_ms": spent * 1000 / len(ages),
            "p50": ages[len(ages) // 2],
            "p99": ages[min(len(ages) - 1, int(len(ages) * 0.99))],
        }


def main(arguments: list[str] | None = None) -> int:
    """Entry point; prints a table and writes `build/bench.json`."""
    parser = argparse.ArgumentParser(prog="hub.bench", description=__doc__)
    parser.add_argument("--printers", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=4.0, help="length of a window")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--precision", default="auto", choices=("auto", "fp32", "int8", "light"))
    parser.add_argument("--model", default="")
    parser.add_argument("--generate", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.generate:
        _generate(json.load(sys.stdin))
        return 0
    logging.basicConfig(level=logging.ERROR)
    result = _measure(options)
    _print(result)
    target = Path("build/bench.json")
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps(result, indent=2), encoding="utf-8")
    print(f"written to {target}")
    return 0


def _measure(options: argparse.Namespace) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="printwarden-bench-") as name:
        settings = HubSettings(
            hub=HubSection(
                data=Path(name), names=("127.0.0.1",), enrolment_host="127.0.0.1", enrolment_port=0
            ),
            detection=DetectionSection(precision=options.precision, model=options.model),
        )
        broker = BrokerSettings(
            plain=PlainListener(port=0),
            tls=TlsListener(host="127.0.0.1", port=0),
            limits=Limits(packets_per_second=1e4, bytes_per_second=1e9),
        )
        hub = Hub(settings, broker)
        hub.start()
        try:
            result = _run(hub, options)
        finally:
            hub.stop()
    return {"machine": _machine(), "command": "python -m hub.bench " + " ".join(sys.argv[1:]), **result}


def _run(hub: Hub, options: argparse.Namespace) -> dict[str, Any]:
    meter, carry_out = Meter(), hub.judge.decided

    def decided(judgement: Judgement) -> None:
        carry_out(judgement)
        meter.note(judgement)

    hub.judge.decided = decided
    agents = _agents(hub, options.printers)
    saturated = _windows(hub, agents, meter, options, rate=0.0)
    half = statistics.median(each["fps"] for each in saturated) / 2
    paced = _windows(hub, agents, meter, options, rate=half)
    return {
        "model": f"{hub.detector.model.name} {hub.detector.model.version} {hub.detector.precision}",
        "printers": options.printers,
        "repeats": options.repeats,
        "window_s": options.seconds,
        "frame_bytes": len(next(pictures(1))),
        "saturation": _medians(saturated),
        "half_load": _medians(paced),
        "rss_mb": round(resident_bytes() / 1e6, 1),
        "dropped": hub.slots.dropped,
    }


def _agents(hub: Hub, count: int) -> list[dict[str, str]]:
    """Printers with credentials, made directly: enrolment is not what is measured."""
    hub.people.add("bench", None, role="admin", now=time.time())
    agents = []
    for number in range(count):
        row = hub.printers.add(f"bench {number}", "bench", time.time())
        hub.ingest.trust(row)
        token = hub.printers.add_credential(row.id, "agent", time.time())
        agents.append({"printer": row.id, "token": token, "key": row.key.hex()})
    hub.credentials.reload()
    return agents


def _windows(
    hub: Hub, agents: list[dict[str, str]], meter: Meter, options: argparse.Namespace, *, rate: float
) -> list[dict[str, float]]:
    seconds = SETTLE_S + options.repeats * options.seconds + 1
    endpoint = hub.broker.endpoint("plain")
    task = {"port": endpoint.port, "agents": agents, "rate": rate, "seconds": seconds}
    player = subprocess.Popen(
        [sys.executable, "-m", "hub.bench", "--generate"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert player.stdin is not None
    assert player.stdout is not None
    player.stdin.write(json.dumps(task).encode())
    player.stdin.close()
    player.stdout.readline()  # it has connected and begins
    time.sleep(SETTLE_S)
    windows = [meter.window(options.seconds) for _ in range(options.repeats)]
    player.terminate()
    player.wait(timeout=20)
    player.stdout.close()
    return windows


def _generate(task: dict[str, Any]) -> None:
    """Play the agents: `rate` frames a second over all of them, or as many as the broker takes."""
    images = list(pictures(64))
    boot = int(time.time())
    sessions = [_session(task["port"], each) for each in task["agents"]]
    for session in sessions:
        session.start()
    while not all(session.connected for session in sessions):
        time.sleep(0.01)
    keys = [bytes.fromhex(each["key"]) for each in task["agents"]]
    for number, session in enumerate(sessions):
        _announce(session, task["agents"][number]["printer"], keys[number], boot)
    print("playing", flush=True)
    began, sent = time.monotonic(), 0
    while (elapsed := time.monotonic() - began) < task["seconds"]:
        if task["rate"] and sent > elapsed * task["rate"]:
            time.sleep(0.0005)
            continue
        place = sent % len(sessions)
        printer = task["agents"][place]["printer"]
        now = int(time.time() * 1000)
        frame = Frame("main", boot, sent + 1, int(elapsed * 1000), now, "bench", images[sent % len(images)])
        payload = pack_frame(keys[place], printer, frame)
        sessions[place].publish_newest(Message(topics.frame(printer, "main"), payload, qos=0))
        sent += 1


def _session(port: int, each: dict[str, str]) -> Session:
    return Session(
        Endpoint("127.0.0.1", port),
        username=each["printer"],
        token=each["token"],
        client_id=each["printer"],
        filters=(),
        on_message=lambda *_: None,
    )


def _announce(session: Session, printer: str, key: bytes, boot: int) -> None:
    now = int(time.time() * 1000)
    state = State(boot, 1, 0, now, "printing", job="bench", can=("pause",), cameras=(CameraStatus("main"),))
    session.publish(Message(topics.status(printer), pack_status(key, printer, Status(boot, 1, online=True))))
    session.publish(Message(topics.state(printer), pack_state(key, printer, state)))


def _medians(windows: list[dict[str, float]]) -> dict[str, Any]:
    return {
        name: {
            "median": round(statistics.median(each[name] for each in windows), 2),
            "range": [
                round(min(each[name] for each in windows), 2),
                round(max(each[name] for each in windows), 2),
            ],
        }
        for name in windows[0]
    }


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _machine() -> dict[str, Any]:
    model = "unknown"
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    packages = ("amqtt", "onnxruntime", "opencv-python-headless", "paho-mqtt", "numpy")
    return {
        "cpu": model,
        "cores": os.cpu_count(),
        "load": [round(each, 1) for each in os.getloadavg()],
        "python": platform.python_version(),
        **{name: version(name) for name in packages},
    }


def _print(result: dict[str, Any]) -> None:
    machine = result["machine"]
    print(f"{machine['cpu']}, {machine['cores']} cores, load {machine['load']}, Python {machine['python']}")
    print(f"model {result['model']}, {result['printers']} printers, frames of {result['frame_bytes']} bytes")
    print(f"medians of {result['repeats']} windows of {result['window_s']} s (range)")
    for load in ("saturation", "half_load"):
        figures = {
            name: f"{each['median']} ({each['range'][0]} to {each['range'][1]})"
            for name, each in result[load].items()
        }
        print(
            f"  {load:10}  {figures['fps']} frames/s  {figures['cpu_ms']} CPU-ms/frame"
            f"  age p50 {figures['p50']} ms  p99 {figures['p99']} ms"
        )
    print(f"  hub with broker: {result['rss_mb']} MB RSS")


if __name__ == "__main__":
    sys.exit(main())
