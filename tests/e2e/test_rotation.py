"""Credentials are rotated with overlap, and nobody but the printer's agent can ask for it."""

import contextlib
import time
from dataclasses import replace

import pytest

from agent import enrolment
from agent.enrolment import EnrolmentError
from tests.support.hubs import Owned, Rig
from tests.support.pictures import fine
from tests.support.waiting import until


def test_old_and_new_credentials_overlap_until_the_new_one_is_used(rig: Rig) -> None:
    """The old agent goes on; once the new credential has spoken, the old token and key are void."""
    printer = rig.printer()
    old = printer.credential
    fresh = enrolment.rotate(old, time.time())
    assert (fresh.printer, fresh.name) == (old.printer, old.name)
    assert fresh.token != old.token
    assert fresh.key != old.key
    assert rig.can_log_in(old)
    enrolment.save(fresh, printer.home / "printer.credential.json")
    rig.agent(printer, fine(), loop=True)
    printer.watch("watched")
    until(lambda: not rig.can_log_in(old))
    until(lambda: asked_and_confirmed(printer), 60, 1.0)


def asked_and_confirmed(printer: Owned) -> bool:
    """Ask for a pause; the agent's connection, which began with the old token, ends and comes back meanwhile."""
    with contextlib.suppress(ValueError):
        printer.view.order(printer.id, "pause")
    return any(row.stage == "confirmed" for row in printer.view.commands(printer.id, 50))


def test_a_second_rotation_voids_the_unused_first(rig: Rig) -> None:
    printer = rig.printer()
    first = enrolment.rotate(printer.credential, time.time())
    second = enrolment.rotate(printer.credential, time.time())
    assert not rig.can_log_in(first)
    assert rig.can_log_in(second)


@pytest.mark.parametrize("changed", [{"key": "00" * 32}, {"printer": "ab" * 16}])
def test_nobody_else_rotates(rig: Rig, changed: dict[str, str]) -> None:
    """A wrong key or an unknown printer gets the same answer, and the audit log tells."""
    with pytest.raises(EnrolmentError, match="refused"):
        enrolment.rotate(replace(rig.printer().credential, **changed), time.time())
    assert rig.hub.audit.rows(1)[0].action == "rotate_refused"


def test_a_recorded_request_is_worth_nothing_later(rig: Rig) -> None:
    with pytest.raises(EnrolmentError, match="refused"):
        enrolment.rotate(rig.printer().credential, time.time() - 3600)


def test_another_authority_is_refused(rig: Rig, tmp_path) -> None:
    """The agent gives nothing to a hub whose certificate its own authority did not sign."""
    from tests.support.certificates import listener_tls

    stranger = listener_tls(tmp_path).authority
    with pytest.raises(EnrolmentError, match="its certificate is not trusted"):
        enrolment.rotate(replace(rig.printer().credential, enrolment_ca=stranger), time.time())
