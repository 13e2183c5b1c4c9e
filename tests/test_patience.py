"""The helpers that other tests wait and measure with: they say no where no is right."""

from time import sleep

import pytest

from tests.patience import many_steps, processor_s, times_as_long, wait_until


def ten_times_as_many():
    for _ in range(10):
        many_steps()


def test_more_work_is_seen_as_more_and_tried_again_first():
    turns = []

    def work():
        turns.append(None)
        ten_times_as_many()

    assert times_as_long(work, many_steps, 3, rounds=4) > 3
    assert len(turns) == 4


def test_work_within_its_limit_is_done_once():
    turns = []
    assert times_as_long(lambda: turns.append(None), many_steps, 50) < 50
    assert len(turns) == 1


def test_sleeping_is_no_work():
    assert processor_s(lambda: sleep(0.5)) < 0.25


def test_what_never_comes_is_waited_for_so_long_and_no_longer():
    answers = iter([False, False, True])
    wait_until(lambda: next(answers), every_s=0.001)
    with pytest.raises(TimeoutError, match=r"waited 0\.01 s"):
        wait_until(lambda: False, 0.01, 0.001)
