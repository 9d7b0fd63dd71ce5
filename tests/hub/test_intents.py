"""Intents over MQTT: the topic names the credential, the payload proves it, the hub checks the right."""

import pytest

from agent import topics
from hub.access import Kind, Principal, Right
from hub.intents import INTENTS, IntentDesk, IntentParts, Wish, capability, payload, payloads, read
from hub.knobs import KNOBS
from hub.policy import PrinterSettings

KEY, OTHER_KEY = bytes(range(32)), bytes(range(1, 33))
PRINTER = "ab" * 16
CONTROL, OWN = {PRINTER: Right.CONTROL}, {PRINTER: Right.OWN}


class Office:
    """An intent desk and what it led to."""

    def __init__(self, rights=None, *, isolated=True, settings=None):
        self.orders, self.dismissed, self.refusals = [], [], []
        self.tests, self.changes, self.notes = [], [], []
        principal = None if rights is None else Principal(Kind.INTEGRATION, "ha", rights)
        self.desk = IntentDesk(
            IntentParts(
                key_of={PRINTER: KEY}.get,
                principal_of=lambda name: principal if name == "i-ha" else None,
                isolated=lambda: isolated,
                settings_of=lambda _printer: settings or PrinterSettings(),
                order=lambda printer, action, **told: self.orders.append(
                    (printer, action, told["initiator"])
                ),
                dismiss=self.dismissed.append,
                test=lambda *asked: self.tests.append(asked),
                change=lambda *change: self.changes.append(change),
                refused=lambda printer, reason: self.refusals.append((printer, reason)),
                note=lambda *row: self.notes.append(row),
            )
        )

    def receive(self, body, *, credential="ha", retained=False, printer=PRINTER):
        topic = topics.parse(topics.intent(printer, credential))
        self.desk.receive(topic, body if isinstance(body, bytes) else body.encode(), retained)

    @property
    def effects(self):
        return [*self.orders, *self.dismissed, *self.tests, *self.changes, *self.notes]


@pytest.mark.parametrize("action", ["pause", "resume", "cancel"])
def test_an_intent_becomes_an_order_in_the_name_of_its_credential(action):
    office = Office(CONTROL)
    office.receive(payload(KEY, "ha", action))
    assert office.orders == [(PRINTER, action, "integration ha")]
    assert office.notes == [("integration ha", action, PRINTER, "")]
    assert office.refusals == []


def test_dismiss_and_the_test_of_the_detection_are_no_orders():
    office = Office(CONTROL)
    office.receive(payload(KEY, "ha", "dismiss"))
    office.receive(payload(KEY, "ha", "test_detection"))
    assert (office.dismissed, office.orders) == ([PRINTER], [])
    assert office.tests == [(PRINTER, "integration ha")]


def test_a_setting_changes_with_its_value():
    office = Office(OWN)
    office.receive(payload(KEY, "ha", "act_at") + " 0.97")
    assert office.changes == [(PRINTER, {"act_at": 0.97})]
    assert office.notes == [("integration ha", "act_at", PRINTER, "0.97")]
    assert office.refusals == []


def test_a_setting_that_is_so_already_is_not_written_again():
    office = Office(OWN)
    office.receive(payload(KEY, "ha", "watch") + " on")
    office.receive(payload(KEY, "ha", "sensitivity") + " custom")
    assert (office.effects, office.refusals) == ([], [])


@pytest.mark.parametrize(
    ("rights", "isolated", "body", "retained", "reason"),
    [
        ({PRINTER: Right.VIEW}, True, payload(KEY, "ha", "pause"), False, "no control"),
        ({"cd" * 16: Right.CONTROL}, True, payload(KEY, "ha", "pause"), False, "no control"),
        (None, True, payload(KEY, "ha", "pause"), False, "no control"),
        (CONTROL, False, payload(KEY, "ha", "pause"), False, "attack"),
        (OWN, False, payload(KEY, "ha", "watch") + " off", False, "attack"),
        (CONTROL, True, payload(KEY, "ha", "pause"), True, "retained"),
        (CONTROL, True, payload(KEY, "other", "pause"), False, "capability"),
        (CONTROL, True, payload(OTHER_KEY, "ha", "pause"), False, "capability"),
        (CONTROL, True, "cancel " + capability(KEY, "ha", "pause"), False, "capability"),
        (CONTROL, True, "pause", False, "capability"),
        (CONTROL, True, payload(KEY, "ha", "pause") + " now", False, "no value"),
        (CONTROL, True, "", False, "none of"),
        (CONTROL, True, "explode now", False, "none of"),
        (CONTROL, True, b"\xff\xfe\x00", False, "none of"),
        (CONTROL, True, b"pause \xff", False, "capability"),
        (CONTROL, True, b"pause " + b"0" * 500, False, "too long"),
        (CONTROL, True, payload(KEY, "ha", "watch") + " off", False, "may not change settings"),
        (OWN, True, payload(KEY, "ha", "watch"), False, "one value"),
        (OWN, True, payload(KEY, "ha", "watch") + " off off", False, "one value"),
        (OWN, True, payload(KEY, "other", "watch") + " off", False, "capability"),
        (OWN, True, "watch " + capability(KEY, "ha", "act") + " off", False, "capability"),
        (OWN, True, payload(KEY, "ha", "act_at") + " nan", False, "act_at"),
    ],
)
def test_anything_else_is_refused_with_its_reason(rights, isolated, body, retained, reason):
    office = Office(rights, isolated=isolated)
    office.receive(body, retained=retained)
    assert office.effects == []
    [(printer, told)] = office.refusals
    assert printer == PRINTER
    assert reason in told


def test_every_action_has_a_capability_of_its_own():
    every = (*INTENTS, *KNOBS)
    assert len({capability(KEY, "ha", action) for action in every}) == len(set(every))


def test_a_capability_of_one_printer_fits_no_other():
    with pytest.raises(ValueError, match="capability"):
        read(OTHER_KEY, "ha", payload(KEY, "ha", "pause").encode())


def test_each_right_is_given_the_payloads_it_is_enough_for():
    assert payloads(KEY, "ha", Right.VIEW) == {}
    assert set(payloads(KEY, "ha", Right.CONTROL)) == set(INTENTS)
    for action, text in payloads(KEY, "ha", Right.OWN).items():
        body = f"{text} 1" if action in KNOBS else text
        assert read(KEY, "ha", body.encode()) == Wish(action, "1" if action in KNOBS else "")
