"""One recording read, and its beats classified, in a process of its own: a server survives whatever it is sent.

The process is `python -m tasks.beats.answers`. It ends with the recording, may take so much time and memory (which it
limits itself), and what it prints is not taken for an answer unless it is one.
"""

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

from cardiac.errors import CardiacError, RecordError

ROOT = Path(__file__).resolve().parent.parent.parent
COMMAND = (sys.executable, "-m", "tasks.beats.answers")
MOST_S = 300.0
MOST_AT_ONCE = 2  # recordings; each holds one of the server's threads
SINGLE = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "MALLOC_ARENA_MAX")
_TURNS = threading.BoundedSemaphore(MOST_AT_ONCE)


class Busy(CardiacError):
    """As many recordings are being read as may be at once."""


def read_apart(folder: Path, fs_hz: float | None = None) -> dict[str, Any]:
    """What `answers.answer_document` gives for the one recording in FOLDER/given.

    fs_hz : rate of a file that states none.
    Raises RecordError where there is not one recording that can be read, and Busy.
    """
    if not _TURNS.acquire(blocking=False):
        raise Busy("other recordings are being read: send it again in a minute")
    try:
        return _answer(*_run([str(folder), *([str(fs_hz)] if fs_hz is not None else [])]))
    finally:
        _TURNS.release()


def _run(arguments: list[str]) -> tuple[int, bytes]:
    """Exit status and output of the process."""
    command = [*COMMAND, *arguments]
    environment = {**os.environ, **dict.fromkeys(SINGLE, "1")}
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True
    ) as process:
        try:
            output, _ = process.communicate(timeout=MOST_S)
        except subprocess.TimeoutExpired as error:
            process.kill()
            raise RecordError(f"took longer than {MOST_S:.0f} s to read: cut it into parts") from error
        except BaseException:
            process.kill()
            raise
    return process.returncode, output


def _answer(status: int, output: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(output)
        if not isinstance(answer, dict):
            raise ValueError("no object")
    except ValueError as error:
        reason = signal.Signals(-status).name if status < 0 else f"exit status {status}"
        raise RecordError(
            f"ended the program that read it ({reason}): it is damaged or far larger than a recording, export it again"
        ) from error
    if refused := answer.get("refused"):
        raise RecordError(refused)
    return answer
