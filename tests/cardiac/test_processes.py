"""Chunks worked on by several processes: in order, none lost, and no process left behind."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cardiac.processes import ProcessEnded, by_processes
from tests.patience import wait_until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are forked on Linux alone")
CHUNKS = [[number, number + 1] for number in range(0, 40, 2)]
# A program that is killed while its processes work; it prints their numbers.
KILLED = """
import os, sys, time
from cardiac.processes import by_processes
def work(chunk):
    print(os.getpid(), flush=True)
    time.sleep(600)
for _ in by_processes(work, [[n] for n in range(9)], 2):
    pass
"""


def squares(chunk):
    time.sleep(0.02 * (chunk[0] % 8 == 0))  # some are done long after those behind them
    return [each**2 for each in chunk], os.getpid()


@pytest.mark.parametrize("n", [1, 2, 3])
def test_what_is_given_comes_in_order_from_so_many_processes(n):
    found = [*by_processes(squares, CHUNKS, n)]
    assert [chunk for chunk, _ in found] == CHUNKS
    assert [given.result[0] for _, given in found] == [[first**2, second**2] for first, second in CHUNKS]
    workers = {given.result[1] for _, given in found}
    assert 1 <= len(workers) <= n
    assert os.getpid() not in workers
    assert not multiprocessing.active_children()


def test_nothing_is_asked_for_far_ahead():
    taken = []

    def chunks():
        for chunk in CHUNKS:
            taken.append(chunk)
            yield chunk

    found = by_processes(squares, chunks(), 2)
    next(found)
    assert len(taken) <= 7  # three for each process, and the one that was given
    found.close()
    assert not multiprocessing.active_children()


def test_an_error_is_given_and_the_rest_goes_on():
    def work(chunk):
        if 4 in chunk:
            raise ValueError("no four")
        return chunk

    found = {chunk[0]: given for chunk, given in by_processes(work, CHUNKS, 2)}
    assert str(found[4].error) == "no four"
    assert [first for first, given in found.items() if given.error is None] == [
        each[0] for each in CHUNKS if each[0] != 4
    ]


def test_a_process_that_ends_is_started_again_and_its_chunk_named():
    def work(chunk):
        if 4 in chunk:
            os.kill(os.getpid(), signal.SIGKILL)
        if 8 in chunk:
            os._exit(3)
        return chunk

    found = {chunk[0]: given for chunk, given in by_processes(work, CHUNKS, 2)}
    assert {first: str(given.error) for first, given in found.items() if given.error} == {
        4: "SIGKILL",
        8: "exit status 3",
    }
    assert all(isinstance(found[first].error, ProcessEnded) for first in (4, 8))
    assert all(given.result == [first, first + 1] for first, given in found.items() if first not in (4, 8))


def is_running(number):
    try:
        state = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"  # ended, and nobody has asked how


def test_no_process_outlives_the_one_that_started_it(root):
    with subprocess.Popen([sys.executable, "-c", KILLED], cwd=root, stdout=subprocess.PIPE, text=True) as program:
        workers = {int(program.stdout.readline()) for _ in range(2)}
        program.kill()
        program.wait()
        wait_until(lambda: not any(map(is_running, workers)), limit_s=300)  # they would sleep for 600
