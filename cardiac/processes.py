"""Work on many things by several processes, forked from this one: what each chunk gives comes in order, and none is lost.

A process takes all that is loaded here with it, so that there is nothing to start or to send. It must be forked before threads
that are needed there exist: a lock that one of them holds would stay so.
"""

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any, Generic, TypeVar

from cardiac.errors import CardiacError

Item, Result = TypeVar("Item"), TypeVar("Result")
PATIENCE_S = 2.0  # until a process that was asked to end is killed
AHEAD = 3  # chunks a process that may be done before they are asked for


class ProcessEnded(CardiacError):
    """The process that worked on something ended before it was done."""


@dataclass(frozen=True)
class _Worker:
    process: multiprocessing.process.BaseProcess
    connection: Connection


@dataclass(frozen=True)
class Given(Generic[Result]):
    """What work gave of a chunk, or the error that it raised."""

    result: Result | None = None
    error: BaseException | None = None


def by_processes(
    work: Callable[[list[Item]], Result], chunks: Iterable[list[Item]], n: int
) -> Iterator[tuple[list[Item], Given[Result]]]:
    """Each chunk, in order, with what `work` gave of it or raised in one of n processes; ProcessEnded where that one ended.

    work : anything that can be called; what it gives must be picklable. A process that ended is started again for the next chunk.
    """
    pool = _Pool(work)
    try:
        yield from _in_order(pool, iter(chunks), n)
    finally:
        pool.close()


def _in_order(pool: "_Pool", chunks: Iterator[list[Item]], n: int) -> Iterator[tuple[list[Item], Given]]:
    given: dict[int, Given] = {}
    taken: dict[int, list[Item]] = {}
    upcoming, is_over = 0, False
    while not is_over or taken:
        while not is_over and len(pool.busy) < n and len(taken) < AHEAD * n:
            chunk = next(chunks, None)
            is_over = chunk is None
            if chunk is not None:
                number = upcoming + len(taken)
                taken[number] = chunk
                pool.begin(number, chunk)
        while upcoming in given:
            yield taken.pop(upcoming), given.pop(upcoming)
            upcoming += 1
        if pool.busy and (len(pool.busy) == n or is_over or len(taken) >= AHEAD * n):
            given.update(pool.wait())


class _Pool:
    """Processes that wait for a chunk, or are busy with one."""

    def __init__(self, work: Callable[[list[Any]], Any]) -> None:
        self._work, self._idle = work, list[_Worker]()
        self.busy: dict[Connection, tuple[int, _Worker]] = {}

    def begin(self, number: int, chunk: list[Any]) -> None:
        """Have a chunk worked on."""
        worker = self._idle.pop() if self._idle else self._start()
        self.busy[worker.connection] = number, worker
        with contextlib.suppress(BrokenPipeError):  # what ended meanwhile is noticed by `wait`
            worker.connection.send(chunk)

    def wait(self) -> dict[int, Given]:
        """What has been given meanwhile, by the chunks' numbers; at least one."""
        given = {}
        for connection in wait(list(self.busy)):
            number, worker = self.busy.pop(connection)
            try:
                given[number] = connection.recv()
                self._idle.append(worker)
            except (EOFError, ConnectionResetError):
                worker.process.join()
                given[number] = Given(error=ProcessEnded(_how_it_ended(worker.process.exitcode)))
        return given

    def close(self) -> None:
        """End all processes: they have a moment to take away what they were writing."""
        workers = [*self._idle, *(worker for _, worker in self.busy.values())]
        for each in workers:
            each.process.terminate()
        for each in workers:
            each.process.join(PATIENCE_S)
            if each.process.is_alive():
                each.process.kill()
                each.process.join()
            each.connection.close()

    def _start(self) -> _Worker:
        context = multiprocessing.get_context("fork")
        ours, theirs = context.Pipe()
        others = [ours, *self.busy, *(each.connection for each in self._idle)]
        process = context.Process(target=_serve, args=(self._work, theirs, others), daemon=True)
        process.start()
        theirs.close()
        return _Worker(process, ours)


def _serve(work: Callable[[list[Any]], Any], connection: Connection, others: list[Connection]) -> None:
    """Work on chunk after chunk until the connection ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the process that started this one decides what a Ctrl-C means
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())  # as an exception, so that files half written go
    for each in others:  # held open here, they would outlive it
        each.close()
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with contextlib.suppress(EOFError, OSError):
        while True:
            connection.send(_given(work, connection.recv()))


def _end_with_parent() -> None:
    """End this process, whatever it does, as soon as the one that started it is gone."""
    wait([multiprocessing.parent_process().sentinel])
    os._exit(1)


def _given(work: Callable[[list[Any]], Any], chunk: list[Any]) -> Given:
    try:
        return Given(work(chunk))
    except Exception as error:
        return Given(error=error)


def _how_it_ended(status: int | None) -> str:
    return signal.Signals(-status).name if status and status < 0 else f"exit status {status}"
