"""Telling prints apart."""

import pytest

from agent.printers.runs import Run

FILE_A, FILE_B = ("local", "a", 1, 2), ("local", "b", 1, 2)


@pytest.mark.parametrize(
    ("second", "same"),
    [
        ((FILE_A, 100.0, 12.0, 2.0), True),
        ((FILE_A, 90.0, 10.0, 2.0), True),
        ((FILE_A, 90.0, 10.0, 3000.0), False),  # paused or begun again while nobody looked
        ((FILE_A, 9e5, 2995.0, 3000.0), True),  # went on printing while nobody looked
        ((FILE_B, 100.0, 12.0, 2.0), False),
        ((FILE_A, 80.0, 12.0, 2.0), False),
        ((FILE_A, 100.0, 1.0, 2.0), False),
    ],
)
def test_run_tells_prints_apart(second, same):
    run = Run()
    first = run.active(FILE_A, 90.0, 10.0, 0.0)
    assert (run.active(*second) == first) is same


def test_a_long_pause_that_is_watched_stays_the_same_print():
    run = Run()
    jobs = {run.active(FILE_A, 90.0, 10.0, now) for now in range(0, 4000, 20)}
    assert len(jobs) == 1
    run.over()
    assert run.active(FILE_A, 90.0, 10.0, 4001.0) not in jobs


def test_the_printers_own_id_is_kept_over_a_restart_of_the_agent():
    assert (
        Run().active(FILE_A, 1.0, 1.0, 0.0, "0001") == Run().active(FILE_A, 9.0, 9.0, 99.0, "0001") == "0001"
    )


def test_an_id_that_comes_late_does_not_make_another_print_of_it():
    run = Run()
    first = run.active(FILE_A, 1.0, 1.0, 0.0)
    assert run.active(FILE_A, 2.0, 2.0, 1.0, "0001") == first
    assert run.active(FILE_A, 3.0, 3.0, 2.0) == first
    assert run.active(FILE_A, 4.0, 4.0, 3.0, "0002") == "0002"


@pytest.mark.parametrize(
    ("printed", "asked", "came", "same"),
    [
        (12.0, 12.0, 12.1, True),
        (12.0, 12.0, 30.0, True),  # a slow answer tells nothing
        (10.1, 10.2, 12.0, True),
        (10.2, 13.0, 13.1, False),  # begun about 3 s later: the same file, at the same place
    ],
)
def test_a_clock_that_runs_on_in_pauses_tells_when_the_print_began(printed, asked, came, same):
    run = Run()
    first = run.active(FILE_A, 90.0, 10.0, 10.1, asked=9.9)
    assert (run.active(FILE_A, 95.0, printed, came, asked=asked) == first) is same
