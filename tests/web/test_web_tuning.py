"""Limits proposed from a printer's own prints: shown, applied once confirmed, and taken back."""

from __future__ import annotations

import pytest

from hub.store.history import ScoreRow

START = 1_800_000_000.0


@pytest.fixture
def bench(world, olivia):
    return world.printer("Bench", "olivia")


@pytest.fixture
def labelled(world, bench):
    """Good prints of 24 hours, one of them a little suspicious, and six that failed, of which the present limits miss some."""
    for number in range(6):
        kept(world, bench, number, 4 * 3600.0, 0.93 if number == 0 else 0.02, good=True)
    for number in range(6, 12):
        kept(world, bench, number, 1000.0, 0.985 if number < 9 else 0.995, good=False)
    world.history.flush()
    return bench


def kept(world, printer, number, length, sure, *, good):
    """A print that is suspicious for 40 s after ten minutes; a failing one is `sure` for five minutes after that."""
    start = START + number * 20_000
    row = world.prints.begin(printer, f"job {number}", "", start)
    for n in range(int(length / 10)):
        certainty = 0.001 if n < 60 or n >= 94 or (good and n >= 64) else sure if good or n >= 64 else 0.93
        world.history.add_score(ScoreRow(printer, "nozzle", start + n * 10, certainty, certainty))
    world.prints.end(row, "finished" if good else "cancelled", start + length)
    world.prints.mark(row, good)


def audited(world):
    return [row.detail for row in world.audit.rows(50) if row.action == "settings"]


def test_with_too_few_prints_it_says_what_is_missing_and_how_to_tell(bench, olivia):
    page = olivia.get(f"/p/{bench}/tune").text
    assert "Too little data to propose anything: there are 0.0 of at least 20 hours of good prints" in page
    assert "0 of at least 5 failing prints" in page
    assert "mark it <em>Good</em> or <em>Bad</em>" in page
    assert 'id="use"' not in page
    assert f'href="/p/{bench}/tune"' in olivia.get(f"/p/{bench}/settings").text


def test_the_proposal_says_what_it_wins_and_costs(labelled, olivia):
    page = olivia.get(f"/p/{labelled}/tune").text
    assert "6 good and 6 failing prints" in page
    assert "<td>3 of 6</td><td>6 of 6</td>" in page, "acted upon, now and by the proposal"
    assert f'id="use" href="/p/{labelled}/tune/apply?act_at=0.95&amp;act_hold_s=0.0"' in page
    assert '<tr class="proposed">' in page
    assert page.count("<circle") == 3, "the present limits and those that nothing beats"
    assert "act_at=0.9&amp;act_hold_s=0.0" in olivia.get(f"/p/{labelled}/tune?accept=100").text
    assert olivia.get(f"/p/{labelled}/tune?accept=x").status_code == 400


def test_it_is_confirmed_applied_audited_and_undone(labelled, world, olivia):
    path = f"/p/{labelled}/tune"
    asked = olivia.get(f"{path}/apply?act_at=0.95&act_hold_s=0").text
    assert "<td>99 %</td><td>95 %</td>" in asked
    assert "<td>3 s</td><td>0 s</td>" in asked
    assert world.settings(labelled).act_at == 0.99, "asking changes nothing"
    answer = olivia.post(f"{path}/apply", {"act_at": "0.95", "act_hold_s": "0"})
    assert answer.location == path
    assert (world.settings(labelled).act_at, world.settings(labelled).act_hold_s) == (0.95, 0.0)
    page = olivia.get(path).text
    assert "Undo: go back to 99 % held for 3 s" in page
    assert "The present limits are as good as any for these prints." in page
    olivia.post(f"{path}/undo")
    assert (world.settings(labelled).act_at, world.settings(labelled).act_hold_s) == (0.99, 3.0)
    assert "Undo" not in olivia.get(path).text
    assert audited(world) == ["act_at=0.99, act_hold_s=3.0", "act_at=0.95, act_hold_s=0.0"]


def test_a_warning_never_comes_after_the_action(labelled, world, olivia):
    world.registrar.change_settings(labelled, {"warn_at": 0.97})
    path = f"/p/{labelled}/tune"
    assert "<td>97 %</td><td>95 %</td>" in olivia.get(f"{path}/apply?act_at=0.95&act_hold_s=0").text
    olivia.post(f"{path}/apply", {"act_at": "0.95", "act_hold_s": "0"})
    assert world.settings(labelled).warn_at == 0.95
    olivia.post(f"{path}/undo")
    assert world.settings(labelled).warn_at == 0.97


def test_what_somebody_changed_since_is_not_undone(labelled, world, olivia):
    path = f"/p/{labelled}/tune"
    olivia.post(f"{path}/apply", {"act_at": "0.95", "act_hold_s": "0"})
    world.registrar.change_settings(labelled, {"act_at": 0.98})
    assert "Undo" not in olivia.get(path).text
    olivia.post(f"{path}/undo")
    assert world.settings(labelled).act_at == 0.98


@pytest.mark.parametrize(
    "form", [{}, {"act_at": "0.5", "act_hold_s": "0"}, {"act_at": "0.95", "act_hold_s": "nan"}]
)
def test_only_limits_that_are_ever_proposed_are_taken(form, bench, world, olivia):
    before = world.settings(bench)
    assert olivia.post(f"/p/{bench}/tune/apply", form).status_code == 400
    assert olivia.get(f"/p/{bench}/tune/apply", query_string=form).status_code == 400
    assert world.settings(bench) == before
