"""Intents over MQTT: the topic names the credential, the payload proves it, the hub checks the right."""

import pytest

from agent import topics
from hub.access import Kind, Principal, Right
from hub.intents import INTENTS, IntentDesk, capability, payload, read

KEY, OTHER_KEY = bytes(range(32)), bytes(range(1, 33))
PRINTER = "ab" * 16


class Office:
    """An intent desk and what it led to."""

    def __init__(self, rights=None, *, isolated=True):
        self.orders, self.dismissed, self.refusals = [], [], []
        principal = None if rights is None else Principal(Kind.INTEGRATION, "ha", rights)
        self.desk = IntentDesk(
            {PRINTER: KEY}.get,
            lambda name: principal if name == "i-ha" else None,
            lambda: isolated,
            lambda printer, action, **told: self.orders.append((printer, action, told["initiator"])),
            self.dismissed.append,
            lambda printer, reason: self.refusals.append((printer, reason)),
        )

    def receive(self, body, *, credential="ha", retained=False, printer=PRINTER):
        topic = topics.parse(topics.intent(printer, credential))
        self.desk.receive(topic, body if isinstance(body, bytes) else body.encode(), retained)


@pytest.mark.parametrize("action", ["pause", "resume", "cancel"])
def test_an_intent_becomes_an_order_in_the_name_of_its_credential(action):
    office = Office({PRINTER: Right.CONTROL})
    office.receive(payload(KEY, "ha", action))
    assert office.orders == [(PRINTER, action, "integration ha")]
    assert office.refusals == []


def test_dismiss_is_no_order():
    office = Office({PRINTER: Right.CONTROL})
    office.receive(payload(KEY, "ha", "dismiss"))
    assert (office.dismissed, office.orders) == ([PRINTER], [])


@pytest.mark.parametrize(
    ("rights", "isolated", "body", "retained", "reason"),
    [
        ({PRINTER: Right.VIEW}, True, payload(KEY, "ha", "pause"), False, "no control"),
        ({"cd" * 16: Right.CONTROL}, True, payload(KEY, "ha", "pause"), False, "no control"),
        (None, True, payload(KEY, "ha", "pause"), False, "no control"),
        ({PRINTER: Right.CONTROL}, False, payload(KEY, "ha", "pause"), False, "attack"),
        ({PRINTER: Right.CONTROL}, True, payload(KEY, "ha", "pause"), True, "retained"),
        ({PRINTER: Right.CONTROL}, True, payload(KEY, "other", "pause"), False, "capability"),
        ({PRINTER: Right.CONTROL}, True, payload(OTHER_KEY, "ha", "pause"), False, "capability"),
        ({PRINTER: Right.CONTROL}, True, "cancel " + capability(KEY, "ha", "pause"), False, "capability"),
        ({PRINTER: Right.CONTROL}, True, "pause", False, "capability"),
        ({PRINTER: Right.CONTROL}, True, "", False, "none of"),
        ({PRINTER: Right.CONTROL}, True, "explode now", False, "none of"),
        ({PRINTER: Right.CONTROL}, True, b"\xff\xfe\x00", False, "none of"),
        ({PRINTER: Right.CONTROL}, True, b"pause " + b"0" * 500, False, "too long"),
    ],
)
def test_anything_else_is_refused_with_its_reason(rights, isolated, body, retained, reason):
    office = Office(rights, isolated=isolated)
    office.receive(body, retained=retained)
    assert (office.orders, office.dismissed) == ([], [])
    [(printer, told)] = office.refusals
    assert printer == PRINTER
    assert reason in told


def test_every_action_has_a_capability_of_its_own():
    assert len({capability(KEY, "ha", action) for action in INTENTS}) == len(INTENTS)


def test_a_capability_of_one_printer_fits_no_other():
    with pytest.raises(ValueError, match="capability"):
        read(OTHER_KEY, "ha", payload(KEY, "ha", "pause").encode())
