"""The life of a working process: it says that it is there, works as long as its server does, and ends what hangs."""

import faulthandler
import logging
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Protocol

from sqlalchemy.exc import SQLAlchemyError

from cardiac.errors import BundleError
from cardiac.pipeline import MAX_BATCH
from webapp.logs import error_origin
from webapp.storage import jobs
from webapp.storage.database import Database, DatabaseGone

IDLE_S = 0.2
LONGEST_TASK_S = 1_800  # after which a task hangs: the longest recordings and archives take minutes
MOST_AT_ONCE, TURN_S = MAX_BATCH, 0.5  # one call of the networks, where recordings are alike
log = logging.getLogger("webapp.worker")


class Working(Protocol):
    """A worker, as far as its life goes."""

    id: str
    database: Database

    def work(self) -> int: ...

    def stop(self) -> None: ...


@dataclass
class Pace:
    """How many recordings are read together: as many as take `TURN_S`, for which who looks at a record waits at most.

    It begins with few, as they may take long each.
    """

    at_once: int = 4
    most: int = MOST_AT_ONCE

    def note(self, n: int, seconds: float) -> None:
        """So many took so long."""
        self.at_once = max(1, min(self.most, 2 * self.at_once, int(n * TURN_S / max(seconds, 1e-6))))


@contextmanager
def beating(worker: Working) -> Iterator[None]:
    """Say every two seconds that the worker lives, whatever it is busy with."""
    ended = threading.Event()

    def beat() -> None:
        while not ended.wait(jobs.ALIVE_S / 5):
            with suppress(DatabaseGone, SQLAlchemyError), worker.database.writing() as session:
                jobs.note_alive(session, worker.id)

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


@contextmanager
def bounded(seconds: float) -> Iterator[None]:
    """End this process where what is done takes longer, even where it never comes back from a library's code."""
    faulthandler.dump_traceback_later(seconds, exit=True)
    try:
        yield
    finally:
        faulthandler.cancel_dump_traceback_later()


def serve(worker: Working, parent: int) -> None:
    """Work until the process that started this one is gone."""
    try:
        with beating(worker):
            while os.getppid() == parent:
                if not work_once(worker):
                    time.sleep(IDLE_S)
    finally:
        worker.stop()


def work_once(worker: Working) -> bool:
    """Do what comes next, whatever comes of it; False where there was none, or none could be had."""
    try:
        with bounded(LONGEST_TASK_S):
            return worker.work() > 0
    except DatabaseGone as error:
        log.warning("%s", error)
        time.sleep(1.0)
        return False
    except (KeyboardInterrupt, SystemExit):
        raise
    except BundleError:  # no weights: nothing will come of the next task either
        raise
    except BaseException as error:  # a library in Rust panics with one that is no Exception
        log.error("a task failed: %s", error_origin(error))
        return True
