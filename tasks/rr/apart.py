"""Files read, and their RR intervals answered for, in a process of its own: `python -m tasks.rr.answers`."""

import sys
import threading
from pathlib import Path
from typing import Any

from cardiac.apart import Busy, ask

COMMAND = (sys.executable, "-m", "tasks.rr.answers")
MOST_S = 180.0
MOST_AT_ONCE = 2  # each holds one of the server's threads
_TURNS = threading.BoundedSemaphore(MOST_AT_ONCE)


def read_apart(folder: Path, fs_hz: float | None = None) -> dict[str, Any]:
    """What `answers.answer_document` gives for what lies in FOLDER/given. fs_hz : rate of a recording that states none.

    Raises RecordError where nothing can be read, and Busy.
    """
    if not _TURNS.acquire(blocking=False):
        raise Busy("other files are being read: send it again in a minute")
    try:
        return ask([*COMMAND, str(folder), *([str(fs_hz)] if fs_hz is not None else [])], MOST_S)
    finally:
        _TURNS.release()
