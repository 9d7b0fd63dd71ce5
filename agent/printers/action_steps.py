"""One step of the generic driver: call a URL, publish to a topic or run a program."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from agent.endpoint import Endpoint
from agent.http_client import Client, HttpError
from agent.printers.base import PrinterError

_LONGEST_TEXT = 10_000


@dataclass(frozen=True)
class Step:
    """Exactly one of `url`, `topic` and `command`. A command is a list and never goes through a shell."""

    url: str = ""
    method: str = "POST"
    body: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    topic: str = ""
    payload: str = ""
    command: tuple[str, ...] = ()
    timeout_s: float = 20.0

    def __post_init__(self) -> None:
        if sum(map(bool, (self.url, self.topic, self.command))) > 1:
            raise ValueError("give one of url, topic and command")
        if self.url:
            Client(self.url)
        if set("+#") & set(self.topic):
            raise ValueError("topic must not contain wildcards")

    @property
    def given(self) -> bool:
        """Whether there is anything to do."""
        return bool(self.url or self.topic or self.command)


@dataclass(frozen=True)
class Broker:
    """Where topics are published; `ca` is a file with the authority of a broker that speaks TLS."""

    host: str = ""
    port: int = 1883
    user: str = ""
    password: str = ""
    ca: str = ""


def carry_out(step: Step, broker: Broker, about: Mapping[str, str]) -> str:
    """Do it and return what was answered; raises PrinterError. `about` is told to a program in its environment."""
    if step.url:
        return _call(step)
    if step.topic:
        return _publish(step, broker)
    return _run(step, about)


def _call(step: Step) -> str:
    client = Client(step.url, headers=step.headers, timeout_s=step.timeout_s)
    body = step.body.encode() if step.body else None
    try:
        reply = client.call(step.method, client.path or "/", body)
    except HttpError as error:
        raise PrinterError(f"action: {error}") from error
    finally:
        client.close()
    if not 200 <= reply.status < 300:
        raise PrinterError(f"action: {client.where} answers with HTTP status {reply.status}")
    return reply.body[:_LONGEST_TEXT].decode("utf-8", "replace")


def _publish(step: Step, broker: Broker) -> str:
    """Publish once and wait until the broker has it."""
    client = mqtt.Client(CallbackAPIVersion.VERSION2)
    if broker.user:
        client.username_pw_set(broker.user, broker.password)
    try:
        if broker.ca:
            authority = Path(broker.ca).read_text(encoding="ascii")
            context = Endpoint(broker.host, broker.port, authority).tls()
            assert context is not None
            client.tls_set_context(context)
        client.connect(broker.host, broker.port)
        client.loop_start()
        told = client.publish(step.topic, step.payload, qos=1)
        told.wait_for_publish(step.timeout_s)
        if not told.is_published():
            raise PrinterError("action: the broker did not take the message: are user and password right?")
    except (OSError, RuntimeError, ValueError) as error:
        raise PrinterError(f"action: the broker {broker.host}: {error}") from error
    finally:
        client.disconnect()
        client.loop_stop()
    return ""


def _run(step: Step, about: Mapping[str, str]) -> str:
    told = {f"PRINTWARDEN_{name.upper()}": value.replace("\0", "") for name, value in about.items()}
    try:
        done = subprocess.run(  # noqa: S603 - the owner's own program, as a list and without a shell
            step.command,
            env={**os.environ, **told},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=step.timeout_s,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise PrinterError(f"action: {step.command[0]} did not end within {step.timeout_s:g} s") from None
    except OSError as error:
        raise PrinterError(f"action: {step.command[0]} cannot be run: {error.strerror}") from error
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip()[-150:]
        raise PrinterError(f"action: {step.command[0]} failed with {done.returncode}: {said}")
    return done.stdout[:_LONGEST_TEXT].decode("utf-8", "replace")
