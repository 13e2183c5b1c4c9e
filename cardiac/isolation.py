"""Reading what may crash, swell or never end in a process of its own: whatever a file does there, it costs one sentence.

`isolated(read_text, path)` gives what `read_text(path)` gives. The process starts at the first call, imports what its
files need and no network, reads one file at a time, and is started again when a file has ended it.
"""

import atexit
import contextlib
import importlib.util
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from cardiac import isolation_child as child
from cardiac.errors import CardiacError, InternalError, RecordError, log_fault
from cardiac.isolation_wire import WireError, receive, send
from cardiac.messages import Message

ROOT = Path(__file__).resolve().parent.parent
MOST_BYTES = 448 * 2**20  # of memory in that process: with what this one holds, under 800 MB
SECONDS, SECONDS_PER_BYTE = 30.0, 0.25e-6  # of processor time, so that a busy machine refuses nothing
WALL = 10  # times as long it may take in all: a disk that does not answer
SINGLE = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "ARROW_NUM_THREADS", "MALLOC_ARENA_MAX")
OUT_OF_MEMORY = ("memory allocation of", "bad_alloc", "capacity overflow", "MemoryError", "out of memory")
LIBRARIES = ("pandas", "python_calamine", "pydicom", "sierraecg", "defusedxml")
START = """
import sys
sys.path.insert(0, {root!r})
sys.modules.update(dict.fromkeys({missing!r}))
from cardiac.isolation_child import serve
serve()
"""


def isolated(function: Callable[..., Any], *arguments: Any, seconds: float = SECONDS) -> Any:
    """What a function of this package gives for plain arguments (paths, numbers, text), run in the process that reads.

    function : at the top of a module of cardiac; any other, a test's say, runs here.  seconds : of processor time.
    It may give a Raw, or plain data with paths, tuples and arrays of numbers in it. Its own RecordError and OSError are
    raised as they are. Raises RecordError where the file has ended the process, and InternalError for a fault of ours.
    """
    module = sys.modules.get(function.__module__)
    ours = function.__module__.startswith("cardiac.") and getattr(module, function.__name__, None) is function
    if _in_process or not ours:
        return function(*arguments)
    return _HELPER.call(f"{function.__module__}:{function.__name__}", arguments, seconds)


def read_isolated(function: Callable[[Path], Any], path: Path) -> Any:
    """What a reader gives for a file, as `isolated`; a large file has more time."""
    return isolated(function, path, seconds=SECONDS + SECONDS_PER_BYTE * path.stat().st_size)


@contextlib.contextmanager
def in_process() -> Iterator[None]:
    """Run everything here for a while, without protection: for tests that change the readers."""
    global _in_process
    before, _in_process = _in_process, True
    try:
        yield
    finally:
        _in_process = before


def stop_reading() -> None:
    """End what is being read now, in whichever thread: its call raises RecordError."""
    process = _HELPER.process
    if process is not None and _HELPER.is_busy:
        process.kill()


class _Helper:
    """The process that reads for this one."""

    def __init__(self) -> None:
        self.process: subprocess.Popen | None = None
        self.lock, self.is_busy = threading.Lock(), False

    def call(self, name: str, arguments: tuple[Any, ...], seconds: float) -> Any:
        """The function's answer. Raises what it raised, or what its end means."""
        with self.lock:
            self.is_busy, spent = True, True
            try:
                process = self._asked([name, list(arguments), MOST_BYTES, seconds])
                spent, outcome, value = self._answer(process, seconds)
            finally:
                self.is_busy = False
                if spent:
                    self.end()
        return _settled(outcome, value)

    def _asked(self, request: list[Any]) -> subprocess.Popen:
        """The process, which has started on a request; where the old one has ended meanwhile, a new one."""
        for _ in range(2):
            if self.process is None:
                self.log = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 (for as long as the process)
                self.process = _start(self.log)
            self.log.seek(0)  # for the other process as well
            self.log.truncate()
            with contextlib.suppress(OSError):
                send(self.process.stdin, request)
                if self.process.stdout.read(1) == child.STARTED:
                    return self.process
            printed = self._printed()
            self.end()
        log_fault("starting the process that reads", (printed.strip().splitlines() or ["it says nothing"])[-1])
        raise InternalError("the process that reads does not start")

    def _answer(self, process: subprocess.Popen, seconds: float) -> tuple[bool, str, Any]:
        late = threading.Event()
        timer = threading.Timer(WALL * seconds, lambda: (late.set(), process.kill()))
        timer.daemon = True
        timer.start()
        try:
            outcome, value = receive(process.stdout)
            return receive(process.stdout), outcome, value
        except (WireError, OSError, ValueError):
            return True, child.ENDED, _reason(_end_of(process), self._printed(), late.is_set(), seconds)
        finally:
            timer.cancel()

    def _printed(self) -> str:
        """The beginning of what the process has printed over this request."""
        self.log.seek(0)
        return self.log.read(65_536).decode("utf-8", "replace")

    def end(self) -> None:
        """End the process, if there is one."""
        process, self.process = self.process, None
        if process is not None:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout, self.log):
                with contextlib.suppress(OSError):
                    pipe.close()

    def forget(self) -> None:
        """In a fork of this program: the process belongs to the other one."""
        if self.process is not None:
            for pipe in (self.process.stdin, self.process.stdout):
                os.close(pipe.fileno())  # without their locks, which another thread may have held
            self.process.returncode = 0
            _FORGOTTEN.append(self.process)
        self.process, self.lock, self.is_busy = None, threading.Lock(), False


def _start(log: Any) -> subprocess.Popen:
    """The process, in a group of its own, so that Ctrl-C ends it by its closing pipe alone. Raises OSError."""
    return subprocess.Popen(
        [sys.executable, "-P", "-c", START.format(root=str(ROOT), missing=_missing())],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=log,
        cwd=ROOT,
        env={**os.environ, **dict.fromkeys(SINGLE, "1")},
        start_new_session=True,
    )


def _missing() -> list[str]:
    """Libraries that this program cannot import: the other process shall not either, wherever it would find them."""
    missing = []
    for name in LIBRARIES:
        with contextlib.suppress(ImportError, ValueError):
            if importlib.util.find_spec(name) is not None:
                continue
        missing.append(name)
    return missing


def _end_of(process: subprocess.Popen) -> int | None:
    """The exit status of a process that has closed its pipe; None where it goes on nevertheless."""
    try:
        return process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        return None


def _reason(code: int | None, printed: str, is_late: bool, seconds: float) -> str:
    """Why a process has ended: time, memory, or a crash."""
    name = signal.Signals(-code).name if code is not None and code < 0 else f"exit status {code}"
    if name == "SIGPROF":
        return Message("it took more than {seconds:.0f} s", seconds=seconds)
    if is_late:
        return Message("it took more than {seconds:g} s, most of them waiting", seconds=WALL * seconds)
    if _is_memory(printed):
        return Message("it asked for more than {most:.0f} MB of memory", most=MOST_BYTES / 1e6)
    if name == "SIGKILL":
        return Message("stopped from outside, as where memory runs out")
    return Message("a crash, {name}", name=name)


def _is_memory(text: str) -> bool:
    return any(each in text for each in OUT_OF_MEMORY)


def _settled(outcome: str, value: Any) -> Any:
    """What the function gave. Raises what it raised, and a RecordError where it has ended its process."""
    if outcome == child.DONE:
        return value
    if outcome == child.DISK:
        raise OSError(*value)
    if outcome == child.FAULT:
        fault, origin = value
        log_fault("reading", origin)
        raise InternalError(fault)
    if outcome == child.SENTENCE:
        raise _error(**value)
    if outcome == child.MEMORY:
        raise RecordError(
            "does not fit into memory ({most:.0f} MB for a file): cut it into parts", most=MOST_BYTES / 1000000.0
        )
    reason = (
        Message("it asked for more than {most:.0f} MB of memory", most=MOST_BYTES / 1e6) if _is_memory(value) else value
    )
    raise RecordError(
        "ended the program that read it ({reason}): it is damaged or far larger than a recording, export it again",
        reason=reason,
    )


def _error(kind: str, text: str, more: dict[str, Any]) -> CardiacError:
    """An error of this package as it was raised in the other process. kind : "module:name"."""
    module, _, name = kind.partition(":")
    error_class = getattr(importlib.import_module(module), name, None) if module.startswith("cardiac.") else None
    if not (isinstance(error_class, type) and issubclass(error_class, CardiacError)):
        return RecordError(text)
    error = error_class.__new__(error_class, text)
    error.__dict__.update(more)
    return error


_FORGOTTEN: list[subprocess.Popen] = []
_HELPER = _Helper()
_in_process = False
atexit.register(_HELPER.end)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_HELPER.forget)
