"""The process that reads one file at a time for another, under limits of memory and time; see `cardiac.isolation`."""

import contextlib
import importlib
import io
import os
import signal
import sys
from collections.abc import Callable
from typing import Any, BinaryIO

from cardiac.errors import STOPS, CardiacError, origin_of
from cardiac.isolation_wire import WireError, receive, send

try:
    import fcntl
    import resource
except ImportError:  # Windows: no limits of one process; the other waits no longer than its own limit
    fcntl = resource = None  # type: ignore[assignment]

STARTED = b"\x06"  # so that a process which ended while it waited is not blamed on the next file
MOST_KEPT = 192 * 2**20  # bytes that are not given back after a file (60 to 130 are usual): another process starts then
TO_SEND_BYTES = 32 * 2**20
MEMORY, ENDED, FAULT, DISK, SENTENCE, DONE = "memory", "ended", "fault", "disk", "sentence", "done"
_limit = 0  # bytes, of the file that is being read


def serve() -> None:
    """Answer requests from standard input until it closes, or until too much memory is left over from them."""
    requests, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints is no answer
    while True:
        try:
            name, arguments, n_bytes, seconds = receive(requests)
        except (WireError, KeyboardInterrupt):
            return
        _end_with(requests, True)
        _limit_to(n_bytes, seconds)
        answers.write(STARTED)
        answers.flush()
        answer = _answer(name, arguments)
        more_memory(TO_SEND_BYTES)
        _end_with(requests, False)
        _send(answers, *answer)
        del answer
        _limit_to(0, 0)
        spent = _used_bytes() > MOST_KEPT
        send(answers, spent)
        if spent:
            return


def _send(answers: BinaryIO, outcome: str, value: Any) -> None:
    try:
        send(answers, [outcome, value])
    except MemoryError:
        send(answers, [MEMORY, None])
    except TypeError as error:
        send(answers, [FAULT, (type(error).__name__, f"an answer that is not sent: {error}")])


def more_memory(n_bytes: int) -> None:
    """Allow so many bytes more for the file that is being read, whose size its reader has found to be true."""
    if _limit:
        _limit_to(_limit + n_bytes, None)


def _answer(name: str, arguments: list[Any]) -> tuple[str, Any]:
    try:
        return DONE, _function(name)(*arguments)
    except MemoryError:
        return MEMORY, None
    except CardiacError as error:
        return (MEMORY, None) if _for_want_of_memory(error) else (SENTENCE, _error(error))
    except OSError as error:
        return DISK, (error.errno, error.strerror or type(error).__name__)
    except STOPS as error:
        return ENDED, type(error).__name__
    except Exception as error:
        return FAULT, (type(error).__name__, origin_of(error))
    except BaseException as error:  # a library's panic
        return ENDED, f"{type(error).__name__} {error}"[:200]


def _function(name: str) -> Callable[..., Any]:
    module, _, function = name.partition(":")
    return getattr(importlib.import_module(module), function)


def _error(error: CardiacError) -> dict[str, Any]:
    kind = type(error)
    return {"kind": f"{kind.__module__}:{kind.__name__}", "text": error.message, "more": dict(vars(error))}


def _for_want_of_memory(error: BaseException | None) -> bool:
    """Whether a sentence was made of a library's failure to get memory."""
    while error is not None:
        if isinstance(error, MemoryError) or "out of memory" in str(error):
            return True
        error = error.__cause__ or error.__context__
    return False


def _end_with(requests: BinaryIO, ends: bool) -> None:
    """End, also within a library's work, when the process that asks is gone: its pipe closes, which signals SIGIO.

    ends : only while nothing is awaited; the next request would be a signal as well.
    """
    if fcntl is not None and hasattr(fcntl, "FASYNC"):
        with contextlib.suppress(OSError):  # not every system does this for pipes: the limit of time holds there
            flags = fcntl.fcntl(requests, fcntl.F_GETFL)
            fcntl.fcntl(requests, fcntl.F_SETOWN, os.getpid())
            fcntl.fcntl(requests, fcntl.F_SETFL, flags | fcntl.FASYNC if ends else flags & ~fcntl.FASYNC)


def _limit_to(n_bytes: int, seconds: float | None) -> None:
    """Limits of memory, and of processor time, at which the system ends the process whatever it does; 0 for none."""
    global _limit
    _limit = n_bytes
    if resource is None:
        return
    if seconds is not None:
        signal.setitimer(signal.ITIMER_PROF, seconds)
    which = resource.RLIMIT_DATA if sys.platform == "linux" else resource.RLIMIT_AS
    _, most = resource.getrlimit(which)
    soft = n_bytes or most
    with contextlib.suppress(OSError, ValueError):  # a system that limits no memory
        resource.setrlimit(which, (soft if most == resource.RLIM_INFINITY else min(soft, most), most))


def _used_bytes() -> int:
    """Bytes of this process that count towards the limit; 0 on a system that does not state them so."""
    if sys.platform != "linux":
        return 0
    with io.FileIO("/proc/self/statm") as file:
        return int(file.read().split()[5]) * resource.getpagesize()
