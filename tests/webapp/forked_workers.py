"""Workers in processes of their own that do what they are told to, forked from one that has imported everything."""

import ctypes
import multiprocessing
import os
import threading
import time
from collections.abc import Callable
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path

from cardiac.records import Record
from webapp import reading, work_loop, worker
from webapp.settings import Settings


class ForkedWorker:
    """A worker on a site's data and database. prepare : called in its process before it begins."""

    def __init__(self, settings: Settings, prepare: Callable[[Connection], None]) -> None:
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload([__name__, "onnxruntime"])
        self._told, tells = context.Pipe(duplex=False)
        self.process = context.Process(target=_work, args=(settings.data, settings.database_url, prepare, tells))
        self.process.start()
        tells.close()

    def told(self) -> str | None:
        """What the process tells next; None where it has ended."""
        try:
            return self._told.recv()
        except EOFError:
            return None

    def ended(self, stop: int | None = None) -> int | None:
        """The exit status, after a signal if one is given: minus the signal that killed it."""
        if stop is not None:
            os.kill(self.process.pid, stop)
        self.process.join()
        self._told.close()
        return self.process.exitcode


def _work(data: Path, database_url: str, prepare: Callable[[Connection], None], tells: Connection) -> None:
    os.environ["DATABASE_URL"] = database_url
    prepare(tells)
    raise SystemExit(worker.main(["--data", str(data)]))


def read_by(act: Callable[[], None], longest_s: float, tells: Connection) -> None:
    """A worker that tells the name of what it should read, and then acts."""

    def read(self: worker.Worker, task: worker.Task) -> None:
        tells.send(task.name)
        act()

    worker.Worker._read = read
    work_loop.LONGEST_TASK_S = longest_s


def busy_after_ten_tasks(tells: Connection) -> None:
    """A worker that is busy for ever after ten tasks, one at a time: however late it is killed, some are left."""
    worker.Pace = partial(work_loop.Pace, 1, 1)
    work, turns = worker.Worker.work, iter(range(10))
    worker.Worker.work = lambda self: threading.Event().wait() if next(turns, None) is None else work(self)


def killed_while_reading(name: str, after: int, tells: Connection) -> None:
    """A worker that reads all that it may together, and is killed at a recording of this name ("any"), after some others."""
    worker.Pace = partial(work_loop.Pace, work_loop.MOST_AT_ONCE)
    work_loop.TURN_S = reading.STORE_S = 1e9
    keep, kept = worker.Files.keep_signal, iter(range(after))

    def kept_or_killed(files: worker.Files, record: Record) -> tuple[str, Path]:
        if name in ("any", record.record_id) and next(kept, None) is None:
            kill()
        return keep(files, record)

    worker.Files.keep_signal = kept_or_killed


def kill() -> None:
    os.kill(os.getpid(), 9)


def hang() -> None:
    time.sleep(10**6)


def hang_with_lock() -> None:
    ctypes.PyDLL(None).pause()
