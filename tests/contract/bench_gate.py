"""What one frame costs a broker: the gate, bare amqtt and Mosquitto in one run.

    python -m tests.contract.bench_gate [frames] [kilobytes]

Each broker runs in a process of its own; the figure is that process's CPU time for each frame that one publisher sends
and one subscriber gets, both driven in turn so that nothing queues. Mosquitto's is coarse (clock ticks of 10 ms).
"""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from agent import topics
from agent.endpoint import Endpoint
from hub.broker.mosquitto_config import write_acl_config
from hub.broker.probe import Probe
from tests.support.mqtt import AGENT, HUB, PRINTER, People, settings, token

FRAMES, KILOBYTES, WINDOW = 3000, 40, 10
FRAME = topics.frame(PRINTER, "main")
TICK = os.sysconf("SC_CLK_TCK")


def serve_gate() -> None:
    """The embedded broker; prints its port and runs until its input ends."""
    from hub.broker.embedded import EmbeddedBroker

    unhurried = replace(settings().limits, packets_per_second=1e6, bytes_per_second=1e12)
    broker = EmbeddedBroker(replace(settings(), limits=unhurried), People(HUB, AGENT))
    broker.start()
    print(broker.endpoint().port, flush=True)
    sys.stdin.read()
    broker.stop()


def serve_amqtt() -> None:
    """The bare library, open to everybody."""
    from amqtt.broker import Broker

    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]

    async def run() -> None:
        plugins = {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}}
        broker = Broker({"listeners": {"default": {"bind": f"127.0.0.1:{port}"}}, "plugins": plugins})
        await broker.start()
        print(port, flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
        await broker.shutdown()

    asyncio.run(run())


def mosquitto(folder: Path) -> tuple[subprocess.Popen, int]:
    """Mosquitto with a password file."""
    from hub.broker.mosquitto import MosquittoFiles
    from tests.support.brokers import MosquittoProcess, run_as

    process = MosquittoProcess(lambda listener: write_acl_config(folder, listener, user=run_as()))
    files = MosquittoFiles(folder, process.reload)
    for principal, name in ((HUB, "hub"), (AGENT, PRINTER)):
        files.add(principal, token(name))
    return process.process, process.endpoint.port


def child(which: str) -> tuple[subprocess.Popen, int]:
    """A broker of this file in a process of its own."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.contract.bench_gate", which],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    return process, int(process.stdout.readline())


def cpu(pid: int) -> float:
    """Seconds of CPU a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def measure(pid: int, port: int, frames: int, size: int) -> float:
    """Microseconds of broker CPU for each frame."""
    endpoint = Endpoint("127.0.0.1", port)
    with Probe(endpoint, 60) as reader, Probe(endpoint, 60) as writer:
        assert reader.connect("hub", token("hub"), "hub") == 0
        assert writer.connect(PRINTER, token(PRINTER), PRINTER) == 0
        assert reader.subscribe(FRAME, qos=0) == [0]
        payload = bytes(size)
        before = 0.0
        for done in range(frames // WINDOW + 20):
            if done == 20:  # warmed up
                before = cpu(pid)
            for _ in range(WINDOW):
                writer.publish(FRAME, payload, qos=0)
            for _ in range(WINDOW):
                assert len(reader.message().payload) == size
        return (cpu(pid) - before) / frames * 1e6


def main() -> None:
    """Measure all three and print a table."""
    given = [int(each) for each in sys.argv[1:3]]
    frames, kilobytes = (*given, *(FRAMES, KILOBYTES)[len(given) :])
    with tempfile.TemporaryDirectory() as folder:
        for name, start in (
            ("gate", lambda: child("gate")),
            ("amqtt", lambda: child("amqtt")),
            ("mosquitto", lambda: mosquitto(Path(folder))),
        ):
            process, port = start()
            print(
                f"{name:10} {measure(process.pid, port, frames, kilobytes * 1000):8.0f} us of CPU for each frame of {kilobytes} kB"
            )
            if process.stdin:
                process.stdin.close()
            else:
                process.terminate()
            process.wait(20)


if __name__ == "__main__":
    {"gate": serve_gate, "amqtt": serve_amqtt}.get(sys.argv[1] if len(sys.argv) > 1 else "", main)()
