"""Guards: a good seal is not enough; what is old, repeated, late, stored or meant for another job is refused."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from agent.guards import CommandGuard, UplinkGuard
from agent.protocol import Command

ORDER = Command("c", boot=7, seq=5, job="j", action="pause", expires=1000, reason="r", initiator="i")


def asked(guard, command, *, retained=False, clock=500, job="j"):
    return guard.refusal(command, retained=retained, clock=clock, job=job)


def test_a_fresh_command_for_this_boot_and_job_runs():
    assert asked(CommandGuard(7), ORDER) is None


@pytest.mark.parametrize(
    ("changes", "circumstances", "reason"),
    [
        ({}, {"retained": True}, "retained"),
        ({"boot": 6}, {}, "other_boot"),
        ({"boot": 8}, {}, "other_boot"),
        ({}, {"clock": 1001}, "late"),
        ({}, {"job": "other"}, "other_job"),
        ({}, {"job": ""}, "other_job"),
        ({"job": ""}, {}, "other_job"),
    ],
)
def test_refusals(changes, circumstances, reason):
    assert asked(CommandGuard(7), replace(ORDER, **changes), **circumstances) == reason


def test_the_last_millisecond_still_counts():
    assert asked(CommandGuard(7), ORDER, clock=1000) is None


def test_the_first_number_may_be_zero():
    assert asked(CommandGuard(7), replace(ORDER, seq=0)) is None


def test_a_command_below_zero_is_none():
    assert asked(CommandGuard(7), replace(ORDER, seq=-1)) == "repeated"


@pytest.mark.parametrize("seq", [0, 4, 5])
def test_numbers_only_rise(seq):
    guard = CommandGuard(7)
    asked(guard, ORDER)
    assert asked(guard, replace(ORDER, seq=seq)) == "repeated"
    assert asked(guard, replace(ORDER, seq=6)) is None


@pytest.mark.parametrize("circumstances", [{"clock": 1001}, {"job": "other"}])
def test_a_command_refused_once_cannot_be_kept_for_a_better_moment(circumstances):
    """A late command, or one for another job, must not run when it is replayed after that job came back."""
    guard = CommandGuard(7)
    assert asked(guard, ORDER, **circumstances)
    assert asked(guard, ORDER) == "repeated"


@pytest.mark.parametrize("refused", [{"retained": True}, {"boot": 6}])
def test_what_was_never_meant_for_now_uses_no_number_up(refused):
    """Old messages with high numbers cannot make the agent deaf to new ones."""
    guard = CommandGuard(7)
    changes = {"seq": 900, "boot": refused.get("boot", 7)}
    assert asked(guard, replace(ORDER, **changes), retained=refused.get("retained", False))
    assert asked(guard, ORDER) is None


class AnyTraffic(RuleBasedStateMachine):
    """Whatever arrives in whatever order: each number runs at most once, in rising order, only in its own time."""

    def __init__(self):
        super().__init__()
        self.guard = CommandGuard(7)
        self.ran = []

    @rule(
        boot=st.integers(6, 8),
        seq=st.integers(0, 12),
        job=st.sampled_from(["j", "k"]),
        now=st.sampled_from(["j", "k", ""]),
        clock=st.integers(990, 1010),
        retained=st.booleans(),
    )
    def arrive(self, boot, seq, job, now, clock, retained):
        command = replace(ORDER, boot=boot, seq=seq, job=job)
        if asked(self.guard, command, retained=retained, clock=clock, job=now) is None:
            assert (boot, job, retained) == (7, now, False)
            assert clock <= command.expires
            self.ran.append(seq)

    @invariant()
    def each_ran_once_and_in_order(self):
        assert all(before < after for before, after in zip(self.ran, self.ran[1:], strict=False))


TestAnyTraffic = AnyTraffic.TestCase


# The hub's side


def test_streams_count_for_themselves():
    guard = UplinkGuard()
    assert guard.refusal("frame/main", 1, 5) is None
    assert guard.refusal("frame/side", 1, 5) is None
    assert guard.refusal("state", 1, 0) is None
    assert guard.refusal("frame/main", 1, 5) == "repeated"


def test_the_same_number_again_is_believed_as_the_brokers_memory_only():
    guard = UplinkGuard()
    assert guard.refusal("state", 1, 5) is None
    assert guard.refusal("state", 1, 5) == "repeated"
    assert guard.refusal("state", 1, 5, retained=True) is None
    assert guard.refusal("state", 1, 4, retained=True) == "repeated"
    assert guard.refusal("state", 1, 4) == "repeated"


def test_numbers_begin_at_zero():
    assert UplinkGuard().refusal("state", 0, -1) == "repeated"
    assert UplinkGuard().refusal("state", 0, 0) is None


def test_a_new_boot_starts_all_streams_afresh():
    guard = UplinkGuard()
    guard.refusal("state", 1, 900)
    guard.refusal("ack", 1, 900)
    assert guard.refusal("state", 2, 0) is None
    assert guard.refusal("ack", 2, 0) is None
    assert guard.boot == 2


@pytest.mark.parametrize("retained", [False, True])
def test_an_older_boot_is_never_believed_again(retained):
    """Also after a restart of the hub, which remembers the newest boot."""
    guard = UplinkGuard(boot=5)
    assert guard.refusal("state", 4, 999, retained=retained) == "old_boot"
    assert guard.refusal("state", 5, 1, retained=retained) is None


def test_a_refused_message_moves_nothing():
    guard = UplinkGuard(boot=5)
    guard.refusal("state", 5, 3)
    guard.refusal("state", 4, 900)
    guard.refusal("state", 5, 2)
    assert guard.boot == 5
    assert guard.refusal("state", 5, 4) is None


@given(
    st.lists(
        st.tuples(st.sampled_from(["state", "ack"]), st.integers(0, 3), st.integers(0, 5), st.booleans()),
        max_size=40,
    )
)
def test_what_is_believed_only_moves_forwards(arrivals):
    guard, believed = UplinkGuard(), {}
    newest = 0
    for stream, boot, seq, retained in arrivals:
        if guard.refusal(stream, boot, seq, retained=retained) is None:
            last = believed.get(stream, (0, -1))
            assert (boot, seq) > last or ((boot, seq) == last and retained)
            assert boot >= newest
            newest = max(newest, boot)
            believed[stream] = (boot, seq)
    assert guard.boot == newest
