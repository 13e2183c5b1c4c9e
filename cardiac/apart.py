"""Something asked of a process of its own, which ends with its answer: a server survives whatever it was sent.

The process limits its own memory, may take so much time, and prints one JSON document: an answer, or {"refused": a sentence}.
"""

import json
import os
import signal
import subprocess
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from cardiac.errors import BundleError, CardiacError, InternalError, RecordError
from cardiac.messages import Message

ROOT = Path(__file__).resolve().parent.parent
SINGLE = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "MALLOC_ARENA_MAX")
UNREAD = Message("the detector cannot be read on this server: ask who runs it")


class Busy(CardiacError):
    """As many are being asked as may be at once."""


def ask(command: Sequence[str], most_s: float) -> dict[str, Any]:
    """The answer of a program. Raises RecordError where it refuses, takes longer, or ends without an answer."""
    environment = {**os.environ, **dict.fromkeys(SINGLE, "1")}
    with subprocess.Popen(
        [*command], cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True
    ) as process:
        try:
            output, _ = process.communicate(timeout=most_s)
        except subprocess.TimeoutExpired as error:
            process.kill()
            raise RecordError("took longer than {most_s:.0f} s to read: cut it into parts", most_s=most_s) from error
        except BaseException:
            process.kill()
            raise
    return answer_of(process.returncode, output)


def answer_of(status: int, output: bytes) -> dict[str, Any]:
    """What a process answered. status, output : of it. Raises RecordError."""
    try:
        answer = json.loads(output)
        if not isinstance(answer, dict):
            raise ValueError("no object")
    except ValueError as error:
        reason = signal.Signals(-status).name if status < 0 else Message("exit status {status}", status=status)
        raise RecordError(
            "ended the program that read it ({reason}): it is damaged or far larger than a recording, export it again",
            reason=reason,
        ) from error
    if refused := answer.get("refused"):
        raise RecordError(refused)
    return answer


def answer_once(make: Callable[[], dict[str, Any]], most_memory_bytes: int) -> int:
    """In the process: make the answer within so much memory and print it; nothing else goes to standard output."""
    output = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what a library prints is no answer
    _limit(most_memory_bytes)
    try:
        answer = make()
    except MemoryError:
        answer = {"refused": "does not fit into memory: cut it into parts"}
    except BundleError:  # whose sentence names a folder of the server
        answer = {"refused": UNREAD}
    except CardiacError as error:
        answer = {"refused": str(error)}
    except Exception as error:
        answer = {"refused": str(InternalError(type(error).__name__))}
    with output:
        json.dump(answer, output, allow_nan=False)
    return 0


def _limit(most_memory_bytes: int) -> None:
    with suppress(ImportError, OSError, ValueError):  # where nothing can be limited, the server still limits the time
        import resource

        resource.setrlimit(resource.RLIMIT_DATA, (most_memory_bytes, most_memory_bytes))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if hasattr(os, "nice"):
        os.nice(10)  # pages come first
