"""The processes of a pipeline, recorded by number and start time, so that they can be stopped and nothing else is."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from cardiac.errors import extra
from cardiac.files import open_folder, replace_file

FOLDER = Path("runs/stream")
PATIENCE_S = 15.0


def _psutil() -> ModuleType:
    return extra("psutil", "requirements-stream.txt")


@dataclass(frozen=True)
class Recorded:
    """A process as it was recorded. started_s : when the system says that it began."""

    role: str
    pid: int
    started_s: float
    path: Path

    def process(self) -> "object | None":
        """The process, if it is still this one: numbers are given again."""
        psutil = _psutil()
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.started_s) < 0.05 and process.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return None
        return process if same else None


@contextmanager
def recorded(folder: Path, role: str, pid: int | None = None) -> Iterator[Path]:
    """Record a process, by default this one, while the block runs."""
    pid = pid or os.getpid()
    path = open_folder(folder) / f"{role}-{pid}.json"
    content = {"role": role, "pid": pid, "started_s": _psutil().Process(pid).create_time()}
    replace_file(path, json.dumps(content).encode())
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


def recorded_in(folder: Path) -> list[Recorded]:
    """Those recorded in a folder that still run; records of others are removed."""
    running = []
    for path in sorted(folder.glob("*-*.json")):
        with suppress(OSError, ValueError, KeyError, TypeError):
            content = json.loads(path.read_bytes())
            each = Recorded(str(content["role"]), int(content["pid"]), float(content["started_s"]), path)
            if each.process() is not None:
                running.append(each)
            else:
                path.unlink(missing_ok=True)
    return running


def stop_all(folder: Path, roles: Sequence[str] | None = None, seconds: float = PATIENCE_S) -> list[str]:
    """End what is recorded in a folder, with force where asking does not help; a line for each."""
    lines, psutil = [], _psutil()
    asked = [each for each in recorded_in(folder) if roles is None or each.role in roles]
    for each in asked:
        with suppress(psutil.NoSuchProcess):
            each.process().terminate()
    until = time.monotonic() + seconds
    for each in asked:
        while each.process() is not None and time.monotonic() < until:
            time.sleep(0.05)
        forced = each.process() is not None
        if forced:
            with suppress(psutil.NoSuchProcess):
                each.process().kill()
        each.path.unlink(missing_ok=True)
        lines.append(f"{each.role} ({each.pid}) was {'ended by force' if forced else 'stopped'}")
    return lines


def start_role(role: str, arguments: Sequence[str], log: Path) -> subprocess.Popen:
    """A role as a process of its own, away from this terminal's Ctrl-C. log : what it prints is added there."""
    with log.open("ab") as output:
        return subprocess.Popen(
            [sys.executable, "-m", "scale.stream", role, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
