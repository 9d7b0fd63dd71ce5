"""From certainty to a decision: what the owner chose is what happens, once, and only while the printer prints."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from agent.protocol import AFTER_PAUSE, NOT_PRINTING, PHASES
from hub import policy
from hub.policy import (
    MAX_POINTS,
    MAX_ZONES,
    NOTHING,
    RETRY_S,
    THRESHOLDS,
    Memory,
    PrinterSettings,
    decide,
    release,
    retry_due,
    settings_from,
    verdict,
)

DEFAULT = PrinterSettings()
AT_ONCE = PrinterSettings(warn_at=0.6, act_at=0.9, act_hold_s=0.0)

thresholds = st.tuples(*(st.floats(*THRESHOLDS) for _ in range(2))).map(sorted)
settings = st.builds(
    lambda at, **others: PrinterSettings(warn_at=at[0], act_at=at[1], **others),
    thresholds,
    watch=st.booleans(),
    action=st.sampled_from(["alert", "pause", "cancel"]),
    warn_hold_s=st.sampled_from([0.0, 3.0, 20.0]),
    act_hold_s=st.sampled_from([0.0, 3.0, 20.0]),
    grace_s=st.sampled_from([0.0, 30.0]),
    vote=st.sampled_from(["any", "all"]),
    dry_run=st.booleans(),
)


def run(chosen, seen, *, job="j", phase="printing", memory=None):
    """The kinds of decisions over (time, certainty) pairs, and the memory after them."""
    memory, kinds = memory or Memory(), []
    for t, certainty in seen:
        decision, memory = decide(chosen, memory, phase=phase, job=job, certainty=certainty, t=t)
        kinds.append(decision.kind)
    return kinds, memory


# Settings


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"action": "explode"}, "action"),
        ({"action": ["pause"]}, "action"),
        ({"action": None}, "action"),
        ({"vote": "most"}, "vote"),
        ({"vote": {}}, "vote"),
        ({"watch": 1}, "watch"),
        ({"watch": "no"}, "watch"),
        ({"watch": None}, "watch"),
        ({"dry_run": "false"}, "dry_run"),
        ({"dry_run": 0}, "dry_run"),
        ({"warn_at": 0.0}, "warn_at"),
        ({"warn_at": 0.049}, "warn_at"),
        ({"warn_at": float("nan")}, "warn_at"),
        ({"warn_at": "0.5"}, "warn_at"),
        ({"warn_at": True}, "warn_at"),
        ({"warn_at": None}, "warn_at"),
        ({"warn_at": 10**400}, "warn_at"),
        ({"act_at": 0.99991}, "act_at"),
        ({"act_at": 1.0}, "act_at"),
        ({"act_at": float("nan")}, "act_at"),
        ({"act_at": []}, "act_at"),
        ({"warn_at": 0.7, "act_at": 0.69}, "act_at"),
        ({"warn_hold_s": -0.1}, "warn_hold_s"),
        ({"act_hold_s": 3600.1}, "act_hold_s"),
        ({"act_hold_s": float("inf")}, "act_hold_s"),
        ({"grace_s": float("nan")}, "grace_s"),
        ({"grace_s": "30"}, "grace_s"),
        ({"quiet_from": "22:00"}, "quiet_to"),
        ({"quiet_to": "07:00"}, "quiet_to"),
        ({"quiet_from": "24:00", "quiet_to": "07:00"}, "quiet_from"),
        ({"quiet_from": "22:60", "quiet_to": "07:00"}, "quiet_from"),
        ({"quiet_from": "22:00", "quiet_to": "seven"}, "quiet_to"),
        ({"quiet_from": "22:00", "quiet_to": 7}, "quiet_to"),
        ({"quiet_action": "nothing"}, "quiet_action"),
        ({"moved": "warn"}, "moved"),
        ({"moved_at": 1.0}, "moved_at"),
        ({"when_unwatched": "cancel"}, "when_unwatched"),
        ({"unwatched_s": 59}, "unwatched_s"),
        ({"after": None}, "after"),
        ({"after": ["lift_mm"]}, "after"),
        ({"after": {"explode": 1}}, "after.explode"),
        ({"after": {"lift_mm": 51}}, "after.lift_mm"),
        ({"after": {"lift_mm": -1}}, "after.lift_mm"),
        ({"after": {"lift_mm": "5"}}, "after.lift_mm"),
        ({"after": {"lift_mm": True}}, "after.lift_mm"),
        ({"after": {"lift_mm": float("nan")}}, "after.lift_mm"),
        ({"zones": None}, "zones"),
        ({"zones": []}, "zones"),
        ({"zones": {"main": 3}}, "zones.main"),
        ({"zones": {"main": [3]}}, "zones.main"),
        ({"zones": {"main": ["ab"]}}, "zones.main"),
        ({"zones": {"main": [["ab", "cd"]]}}, "zones.main"),
        ({"zones": {"main": [[[0, 0]]]}}, "zones.main"),
        ({"zones": {"main": [[[0, 0], [1, 1, 1]]]}}, "zones.main"),
        ({"zones": {"main": [[[0, 0], [1.1, 1]]]}}, "zones.main"),
        ({"zones": {"main": [[[0, 0], [1, 1.1]]]}}, "zones.main"),
        ({"zones": {"main": [[[-0.1, 0], [1, 1]]]}}, "zones.main"),
        ({"zones": {"main": [[[0, 0], [1, float("nan")]]]}}, "zones.main"),
        ({"zones": {"main": [[[0, -0.1], [1, 1]]]}}, "zones.main"),
        ({"zones": {"main": [[[0, 0]] * (MAX_POINTS + 1)]}}, "zones.main"),
        ({"zones": {"main": [[[0, 0], [1, 1]]] * (MAX_ZONES + 1)}}, "zones.main"),
    ],
)
def test_senseless_settings_are_named(changes, named):
    with pytest.raises(ValueError, match=rf"^{named}: (?!None)."):
        settings_from(changes)


def test_ends_of_what_is_allowed():
    least, greatest = THRESHOLDS
    assert PrinterSettings(warn_at=least, act_at=least)
    assert PrinterSettings(warn_at=greatest, act_at=greatest)
    assert PrinterSettings(warn_hold_s=0, act_hold_s=3600, grace_s=3600.0)
    assert PrinterSettings(after={name: ends[0] for name, ends in AFTER_PAUSE.items()})
    assert PrinterSettings(after={name: ends[1] for name, ends in AFTER_PAUSE.items()})
    assert PrinterSettings(zones={"main": (((0, 0), (1, 1)),) * MAX_ZONES})
    assert PrinterSettings(zones={"main": (((0.5, 0.5),) * MAX_POINTS,), "side": ()})


def test_what_an_owner_gets_who_chose_nothing():
    assert PrinterSettings() == PrinterSettings(
        watch=True,
        action="pause",
        warn_at=0.6,
        warn_hold_s=0.0,
        act_at=0.99,
        act_hold_s=3.0,
        grace_s=0.0,
        vote="any",
        dry_run=False,
        after={},
        zones={},
    )


def test_names_of_older_versions_are_dropped():
    assert settings_from({"warn_at": 0.5, "gone": 1}) == PrinterSettings(warn_at=0.5)
    assert settings_from({}) == PrinterSettings()


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=6), inner, max_size=2),
    max_leaves=4,
)


@given(st.dictionaries(st.sampled_from(list(PrinterSettings.__dataclass_fields__)), values, max_size=4))
def test_anything_stored_is_settings_or_a_value_error(data):
    try:
        made = settings_from(data)
    except ValueError:
        made = None
    assert made is None or isinstance(made, PrinterSettings)


# The certainty in a word


@pytest.mark.parametrize(
    ("certainty", "word"),
    [
        (None, "unknown"),
        (0.0, "ok"),
        (0.59, "ok"),
        (0.6, "suspect"),
        (0.98, "suspect"),
        (0.99, "failing"),
        (1, "failing"),
    ],
)
def test_verdict(certainty, word):
    assert verdict(certainty, DEFAULT) == word


# One decision


def test_words_of_a_decision():
    """The reason is what the owner reads, so it is pinned."""
    chosen = PrinterSettings(act_hold_s=2.0)
    decision, memory = decide(chosen, Memory(), phase="printing", job="j", certainty=0.7, t=9.0)
    assert (decision.kind, decision.certainty) == ("warn", 0.7)
    assert decision.reason == "70% sure, the warning limit is 60%"
    assert memory == Memory(job="j", job_since=9.0, warn_since=9.0, warned=True)
    _, memory = decide(chosen, memory, phase="printing", job="j", certainty=0.995, t=10.0)
    decision, memory = decide(chosen, memory, phase="printing", job="j", certainty=0.999, t=12.5)
    assert (decision.kind, decision.certainty) == ("pause", 0.999)
    assert decision.reason == "100% sure for 2 s, the limit is 99%"
    assert memory == Memory("j", 9.0, 9.0, 10.0, warned=True, acted=True, acted_at=12.5)


def test_nothing_is_decided_about_a_good_print():
    assert run(DEFAULT, [(t, 0.59) for t in range(100)])[0] == ["none"] * 100
    assert decide(DEFAULT, Memory(), phase="printing", job="j", certainty=0.59, t=0.0)[0] is NOTHING


def test_what_changes_nothing_leaves_the_memory_itself():
    """Most pictures do, and whoever plays many prints must not pay for each."""
    kinds, memory = run(DEFAULT, [(0, 0.1), (1, 0.7)])
    assert kinds == ["none", "warn"]
    assert decide(DEFAULT, memory, phase="printing", job="j", certainty=0.8, t=2.0)[1] is memory


def test_the_limits_themselves_count():
    assert run(AT_ONCE, [(0, 0.6)])[0] == ["warn"]
    assert run(AT_ONCE, [(0, 0.9)])[0] == ["pause"]


@pytest.mark.parametrize("action", ["alert", "pause", "cancel"])
def test_the_action_is_the_one_that_was_chosen(action):
    chosen = replace(AT_ONCE, action=action)
    assert run(chosen, [(0, 0.5), (1, 0.95), (2, 0.95)])[0] == ["none", action, "none"]


@given(settings, st.lists(st.tuples(st.floats(0.1, 30), st.none() | st.floats(0, 1)), max_size=60))
def test_alert_only_never_touches_the_printer(chosen, spaced):
    t, seen = 0.0, []
    for gap, certainty in spaced:
        t += gap
        seen.append((t, certainty))
    kinds, _ = run(replace(chosen, action="alert"), seen)
    assert set(kinds) <= {"none", "warn", "alert"}


@pytest.mark.parametrize("phase", [phase for phase in PHASES if phase != "printing"] + ["", "PRINTING"])
def test_nothing_is_decided_unless_the_printer_prints(phase):
    assert run(AT_ONCE, [(t, 1.0) for t in range(100)], phase=phase)[0] == ["none"] * 100


def test_nothing_is_decided_when_the_owner_said_not_to_watch():
    assert run(replace(AT_ONCE, watch=False), [(t, 1.0) for t in range(9)])[0] == ["none"] * 9


def test_nothing_is_decided_when_nothing_is_seen():
    assert run(AT_ONCE, [(t, None) for t in range(9)])[0] == ["none"] * 9


# Hold times


def test_a_limit_must_hold_for_its_time():
    chosen = PrinterSettings(warn_hold_s=2, act_hold_s=5)
    kinds, _ = run(chosen, [(t, 0.995) for t in range(8)])
    assert kinds == ["none", "none", "warn", "none", "none", "pause", "none", "none"]


@pytest.mark.parametrize("interrupted", [0.5, None])
def test_an_interruption_starts_the_hold_again(interrupted):
    chosen = PrinterSettings(warn_hold_s=60, act_hold_s=5)
    seen = [(0, 0.995), (4, 0.995), (5, interrupted), (6, 0.995), (10, 0.995), (10.9, 0.995), (11, 0.995)]
    assert run(chosen, seen)[0] == ["none"] * 6 + ["pause"]


@pytest.mark.parametrize("interrupted", [0.5, None])
def test_an_interruption_starts_the_hold_of_a_warning_again(interrupted):
    chosen = PrinterSettings(warn_hold_s=5)
    seen = [(0, 0.7), (4, 0.7), (5, interrupted), (6, 0.7), (10.9, 0.7), (11, 0.7)]
    assert run(chosen, seen)[0] == ["none"] * 5 + ["warn"]


def test_a_pause_of_the_printer_starts_the_hold_again():
    chosen = PrinterSettings(warn_hold_s=60, act_hold_s=5)
    _, memory = run(chosen, [(0, 0.995), (4, 0.995)])
    _, memory = run(chosen, [(4.5, 0.995)], phase="paused", memory=memory)
    kinds, _ = run(chosen, [(5, 0.995), (9.9, 0.995), (10, 0.995)], memory=memory)
    assert kinds == ["none", "none", "pause"]


def test_each_limit_has_its_own_hold():
    """Falling from certain to suspect keeps the warning's time and starts the other one again."""
    chosen = PrinterSettings(warn_hold_s=6, act_hold_s=4)
    seen = [(0, 0.995), (3, 0.7), (4, 0.995), (6, 0.995), (8, 0.995)]
    assert run(chosen, seen)[0] == ["none", "none", "none", "warn", "pause"]


def test_a_clock_that_goes_back_decides_nothing():
    chosen = PrinterSettings(act_hold_s=5, warn_hold_s=5)
    assert run(chosen, [(100, 0.995), (50, 0.995), (104, 0.995)])[0] == ["none"] * 3


@given(settings.filter(lambda chosen: chosen.watch), st.floats(0.1, 10))
def test_a_warning_comes_before_an_action_or_not_at_all(chosen, every):
    """With certainty that only rises nobody is warned of what was done already."""
    seen = [(number * every, number / 100) for number in range(100)]
    seen += [((100 + number) * every + 10.0 * number, 1.0) for number in range(20)]
    kinds, _ = run(chosen, seen)
    told = [kind for kind in kinds if kind != "none"]
    assert told in ([chosen.action], ["warn", chosen.action])
    if chosen.warn_hold_s == chosen.grace_s == 0.0 and chosen.warn_at + 0.02 < chosen.act_at:
        assert told[0] == "warn"


# Grace


def test_grace_at_the_start_of_a_job():
    chosen = replace(AT_ONCE, grace_s=10)
    kinds, memory = run(chosen, [(100, 1.0), (109.9, 1.0), (110, 1.0)])
    assert kinds == ["none", "none", "pause"]
    kinds, _ = run(chosen, [(200, 1.0), (209, 1.0), (210, 1.0)], job="next", memory=memory)
    assert kinds == ["none", "none", "pause"]


def test_grace_begins_when_the_printing_does():
    chosen = replace(AT_ONCE, grace_s=10)
    _, memory = run(chosen, [(0, 0.0), (500, 0.0)], phase="idle")
    assert run(chosen, [(505, 1.0), (509, 1.0), (510, 1.0)], memory=memory)[0] == ["none", "none", "pause"]


def test_what_was_held_in_grace_does_not_count():
    chosen = PrinterSettings(grace_s=10, warn_hold_s=3, act_hold_s=3)
    assert run(chosen, [(0, 1.0), (9, 1.0), (10, 1.0), (12.9, 1.0), (13, 1.0)])[0] == ["none"] * 4 + ["pause"]


# Once


def test_a_job_is_acted_upon_once():
    kinds, _ = run(AT_ONCE, [(t, 0.0 if t % 10 else 1.0) for t in range(1000)])
    assert kinds.count("pause") == 1


def test_a_warning_is_repeated_only_after_the_certainty_halved():
    chosen = replace(AT_ONCE, act_at=0.99)
    seen = [(0, 0.7), (1, 0.31), (2, 0.7), (3, 0.3), (4, 0.7), (5, 0.29), (6, 0.7)]
    assert run(chosen, seen)[0] == ["warn", "none", "none", "none", "none", "none", "warn"]


def test_an_action_is_a_warning_too():
    """After it was acted upon, nobody has to be warned of the same."""
    assert run(AT_ONCE, [(0, 0.95), (1, 0.7), (2, 0.7)])[0] == ["pause", "none", "none"]


def test_a_new_job_starts_afresh():
    _, memory = run(AT_ONCE, [(0, 1.0)], job="a")
    assert run(AT_ONCE, [(1, 1.0)], job="b", memory=memory)[0] == ["pause"]


@pytest.mark.parametrize("phase", NOT_PRINTING)
def test_a_new_job_of_the_same_name_starts_afresh(phase):
    """Some printers cannot tell two prints of one file apart; the second one must be watched as well."""
    _, memory = run(AT_ONCE, [(0, 1.0)], job="")
    _, memory = run(AT_ONCE, [(5, 1.0)], job="", phase=phase, memory=memory)
    assert run(AT_ONCE, [(9, 1.0)], job="", memory=memory)[0] == ["pause"]


@pytest.mark.parametrize("phase", [phase for phase in PHASES if phase not in NOT_PRINTING])
def test_a_job_goes_on_unless_the_printer_says_that_it_ended(phase):
    _, memory = run(AT_ONCE, [(0, 1.0)])
    _, memory = run(AT_ONCE, [(5, 1.0)], phase=phase, memory=memory)
    assert run(AT_ONCE, [(9, 1.0)], memory=memory)[0] == ["none"]


def test_release_lets_it_act_again_after_its_hold():
    chosen = PrinterSettings(warn_hold_s=60, act_hold_s=5)
    _, memory = run(chosen, [(0, 1.0), (5, 1.0)])
    assert memory.acted
    kinds, _ = run(chosen, [(6, 1.0), (10.9, 1.0), (11, 1.0)], memory=release(memory))
    assert kinds == ["none", "none", "pause"]


def test_release_lets_it_warn_again():
    chosen = replace(AT_ONCE, act_at=0.99)
    _, memory = run(chosen, [(0, 0.7)])
    assert run(chosen, [(1, 0.7)], memory=release(memory))[0] == ["warn"]


def test_release_keeps_the_job():
    _, memory = run(AT_ONCE, [(3, 1.0)])
    assert release(memory) == replace(memory, acted=False, warned=False, warn_since=None, act_since=None)
    assert release(memory).job_since == 3


def test_a_failed_action_is_tried_again_after_a_while():
    assert not retry_due(Memory(), 1e9)
    _, memory = run(AT_ONCE, [(100, 1.0)])
    assert not retry_due(memory, 100 + RETRY_S - 0.1)
    assert retry_due(memory, 100 + RETRY_S)


# Quiet hours


@pytest.mark.parametrize(
    ("hours", "inside", "outside"),
    [
        (("22:00", "07:00"), (1320, 1439, 0, 419), (1319, 420, 720)),
        (("7:30", "09:00"), (450, 539), (449, 540, 0)),
        (("00:00", "00:01"), (0,), (1, 1439)),
        (("", ""), (), (0, 720, 1439)),
        (("12:00", "12:00"), (), (0, 720, 1439)),
    ],
)
def test_quiet_hours_go_over_midnight_too(hours, inside, outside):
    chosen = PrinterSettings(quiet_from=hours[0], quiet_to=hours[1])
    assert all(policy.quiet(chosen, minute) for minute in inside)
    assert not any(policy.quiet(chosen, minute) for minute in outside)
    assert not policy.quiet(chosen, None)


def test_another_action_may_be_wanted_in_quiet_hours():
    assert policy.by_night(DEFAULT) is DEFAULT
    night = policy.by_night(PrinterSettings(action="alert", quiet_action="pause"))
    assert run(replace(night, act_hold_s=0), [(0, 1.0)])[0] == ["pause"]


# Versions


@given(settings, settings)
def test_equal_settings_share_their_version(one, other):
    assert (policy.version(one) == policy.version(other)) == (one == other)


# All of it together


class Watch(RuleBasedStateMachine):
    """Any course of any printer with any settings, against what must hold for all of them."""

    def __init__(self):
        super().__init__()
        self.memory = Memory()
        self.t = 0.0
        self.job, self.phase = "a", "printing"
        self.acted = False
        self.job_began = 0.0
        self.above = None

    @initialize(chosen=settings)
    def choose(self, chosen):
        self.chosen = chosen

    @rule(gap=st.floats(0.1, 40.0), certainty=st.none() | st.floats(0, 1) | st.just(1.0))
    def look(self, gap, certainty):
        self.t += gap
        before = self.memory
        decision, self.memory = decide(
            self.chosen, before, phase=self.phase, job=self.job, certainty=certainty, t=self.t
        )
        if before.job != self.job or self.phase in NOT_PRINTING:
            self.acted, self.job_began, self.above = False, self.t, None
        watching = self.phase == "printing" and self.chosen.watch and certainty is not None
        if not watching:
            assert decision == NOTHING
            self.above = None
            return
        if self.t - self.job_began < self.chosen.grace_s:
            assert decision == NOTHING
            return
        if certainty < self.chosen.act_at:
            self.above = None
        elif self.above is None:
            self.above = self.t
        due = self.above is not None and self.t - self.above >= self.chosen.act_hold_s
        assert (decision.kind == self.chosen.action) == (due and not self.acted)
        if decision.kind == "warn":
            assert certainty >= self.chosen.warn_at
        if decision.kind != "none":
            assert decision.certainty == certainty
            assert decision.reason
        self.acted = self.acted or decision.kind == self.chosen.action

    @rule(phase=st.sampled_from(PHASES))
    def the_printer_says(self, phase):
        self.phase = phase

    @rule()
    def it_prints(self):
        self.phase = "printing"

    @rule(job=st.sampled_from(["", "a", "b"]))
    def another_job(self, job):
        self.job = job

    @precondition(lambda self: self.acted)
    @rule()
    def the_owner_resumes(self):
        self.memory = release(self.memory)
        self.acted, self.above = False, None

    @rule(chosen=settings)
    def the_owner_changes_settings(self, chosen):
        self.chosen = chosen
        self.memory = release(self.memory)
        self.acted, self.above = False, None


TestWatch = Watch.TestCase


def test_the_module_knows_the_words_of_the_protocol():
    assert {policy.PAUSE, policy.CANCEL} < {"pause", "resume", "cancel"}
