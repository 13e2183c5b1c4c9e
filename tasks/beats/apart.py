"""One recording read, and its beats classified, in a process of its own: `python -m tasks.beats.answers`."""

import sys
import threading
from pathlib import Path
from typing import Any

from cardiac.apart import Busy, ask

COMMAND = (sys.executable, "-m", "tasks.beats.answers")
MOST_S = 300.0
MOST_AT_ONCE = 2  # recordings; each holds one of the server's threads
_TURNS = threading.BoundedSemaphore(MOST_AT_ONCE)


def read_apart(folder: Path, fs_hz: float | None = None) -> dict[str, Any]:
    """What `answers.answer_document` gives for the one recording in FOLDER/given.

    fs_hz : rate of a file that states none.
    Raises RecordError where there is not one recording that can be read, and Busy.
    """
    if not _TURNS.acquire(blocking=False):
        raise Busy("other recordings are being read: send it again in a minute")
    try:
        return ask([*COMMAND, str(folder), *([str(fs_hz)] if fs_hz is not None else [])], MOST_S)
    finally:
        _TURNS.release()
