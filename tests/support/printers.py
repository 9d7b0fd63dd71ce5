"""Awaiting what a driver tells."""

from __future__ import annotations

import json

from hypothesis import strategies as st

from agent.http_client import Reply
from agent.printers.base import Printer, PrinterError, Snapshot
from agent.protocol import State, pack_state, read_state
from tests.support.waiting import until


def phase(printer: Printer) -> str:
    """The phase as the agent would send it."""
    return told(printer).phase


def told(printer: Printer) -> Snapshot:
    """The snapshot, with PrinterError as the phase "unreachable"."""
    try:
        return printer.snapshot()
    except PrinterError as error:
        return Snapshot(phase="unreachable", control=str(error))


def reached(printer: Printer, wanted: str, limit_s: float = 60.0) -> Snapshot:
    """The first snapshot with the wanted phase; whatever came before is in the failure."""
    seen = []

    def check():
        now = told(printer)
        if not seen or seen[-1] != (now.phase, now.control):
            seen.append((now.phase, now.control))
        return now if now.phase == wanted else None

    try:
        return until(check, limit_s, 0.1)
    except AssertionError:
        raise AssertionError(f"never {wanted}, but {seen}") from None


#: Any JSON, small.
JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def sendable(now: Snapshot) -> None:
    """Fail unless the hub would believe a state made of this snapshot, which it drops whole when one member is off."""
    state = State(boot=1, seq=1, clock=1, time=1, **vars(now))
    assert read_state(bytes(32), "ab" * 16, pack_state(bytes(32), "ab" * 16, state)).phase == now.phase


class Canned:
    """Stands in for the HTTP client of a driver: answers by the part of the path before the query."""

    def __init__(self, answers: dict[str, object], status: int = 200) -> None:
        self.answers, self.status = answers, status

    def call(self, method: str, path: str, *, timeout_s: float = 0, repeatable: bool = False) -> Reply:
        return Reply(self.status, json.dumps(self.answers[path.lstrip("/").partition("?")[0]]).encode())

    def post(self, path: str, data: object, *, timeout_s: float = 0, repeatable: bool = False) -> Reply:
        return self.call("POST", path)
