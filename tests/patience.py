"""Waiting and measuring that a busy machine does not upset: for a condition, and beside other work."""

import math
import resource
import time
from collections.abc import Callable

LONG_S = 600  # after this something hangs: no machine is so busy


def wait_until(condition: Callable[[], object], limit_s: float = LONG_S, every_s: float = 0.05) -> None:
    """Wait for a condition. Raises TimeoutError where it does not come to be."""
    until = time.monotonic() + limit_s
    while not condition():
        if time.monotonic() > until:
            raise TimeoutError(f"waited {limit_s} s")
        time.sleep(every_s)


def processor_s(work: Callable[[], object]) -> float:
    """Seconds of processor time of a piece of work, by this process and the children that it waited for."""
    before = _used_s()
    work()
    return _used_s() - before


def wall_s(work: Callable[[], object]) -> float:
    """Seconds of a piece of work by the clock, for what another process does for us."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def times_as_long(
    work: Callable[[], object],
    beside: Callable[[], object],
    limit: float,
    clock: Callable[[Callable[[], object]], float] = processor_s,
    rounds: int = 10,
) -> float:
    """How many times as long as other work a piece of work takes: the best of both, in turn, until it is in the limit.

    So a moment in which the machine did something else makes another round and no failure.
    """
    ours = theirs = math.inf
    for _ in range(rounds):
        theirs, ours = min(theirs, clock(beside)), min(ours, clock(work))
        if ours < limit * theirs:
            break
    return ours / theirs


def many_steps() -> None:
    """A hundred thousand steps of Python, about a millisecond: a measure of work that every machine has."""
    for _ in range(100_000):
        pass


def _used_s() -> float:
    each = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(used.ru_utime + used.ru_stime for used in each)
