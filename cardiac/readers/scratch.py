"""Folders for what is unpacked: they go when they have been read, and those of killed runs at the next start."""

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows, where a folder of a killed run stays
    fcntl = None

PREFIX = "cardiac-unpacked-"
OURS = re.compile(re.escape(PREFIX) + r"[a-z0-9_]{8}")


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """An empty folder among the temporary ones, for as long as this lasts.

    It is locked meanwhile, and the lock ends with the process, however that ends; so that no other run takes it for left behind.
    """
    beginning = Path(tempfile.mkdtemp(prefix=f"new-{PREFIX}"))
    lock, folder = _locked(beginning), beginning.with_name(beginning.name.removeprefix("new-"))
    try:
        yield beginning.rename(folder)  # only under this name do other runs look at it
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if lock is not None:
            os.close(lock)


def clean_scratch() -> None:
    """Remove this user's folders of runs that have ended without doing so."""
    if fcntl is None:
        return
    with suppress(OSError), os.scandir(tempfile.gettempdir()) as entries:
        left = [entry.path for entry in entries if OURS.fullmatch(entry.name) and _is_mine(entry)]
        for each in left:
            if (lock := _locked(Path(each))) is not None:
                shutil.rmtree(each, ignore_errors=True)
                os.close(lock)


def _is_mine(entry: os.DirEntry) -> bool:
    try:
        return entry.is_dir(follow_symlinks=False) and entry.stat(follow_symlinks=False).st_uid == os.getuid()
    except OSError:
        return False


def _locked(folder: Path) -> int | None:
    """A lock on the folder, or None where another process has it or the disk knows no locks."""
    if fcntl is None:
        return None
    lock = None
    try:
        lock = os.open(folder, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_NOFOLLOW", 0))
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        if lock is not None:
            os.close(lock)
        return None
    return lock
