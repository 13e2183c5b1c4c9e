"""What a figure was measured on: machine, versions, commit. And a child process's time and memory."""

import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np

from bundles import ROOT
from learning.run_folder import code_revision

PACKAGES = ("torch", "onnxruntime", "numpy", "scipy")


def describe() -> dict[str, str]:
    """Processor, cores, versions and commit."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    padded = dict(line.split(":", 1) for line in reversed(lines) if ":" in line)
    fields = {key.strip(): value.strip() for key, value in padded.items()}
    vectors = [
        name for name in ("avx2", "avx512f", "avx512_bf16", "amx_bf16") if name in fields.get("flags", "").split()
    ]
    name = fields.get("model name", platform.processor() or platform.machine())
    packages = ", ".join(f"{package} {version(package)}" for package in PACKAGES)
    return {
        "machine": f"{os.cpu_count()} cores of {name}, {', '.join(vectors) or platform.machine()}",
        "versions": f"Python {platform.python_version()}, {packages}",
        "commit": _revision(),
    }


@dataclass(frozen=True)
class Cost:
    """What work over a record takes: seconds by the clock, and of all processors together."""

    seconds: float
    processor_s: float


def cost_each(work: Callable[[], object], n: int, repeats: int = 3) -> Cost:
    """What work over n records takes a record, with the processes that it starts and ends: the middle one of some repeats."""
    taken = []
    for _ in range(repeats):
        started, used = time.perf_counter(), _processor_s()
        work()
        taken.append(((time.perf_counter() - started) / n, (_processor_s() - used) / n))
    return Cost(*map(float, np.median(taken, axis=0)))


def seconds_each(work: Callable[[], object], n: int, repeats: int = 3) -> float:
    """Seconds by the clock, as `cost_each` has them."""
    return cost_each(work, n, repeats).seconds


def _processor_s() -> float:
    """Seconds of processor time of this process and the children that have ended."""
    return sum(os.times()[:4])


def each_of(function: Callable[..., object], items: Iterable[object]) -> Callable[[], None]:
    """What calls the function with every item and forgets what it gives."""

    def work() -> None:
        for item in items:
            function(item)

    return work


def _revision() -> str:
    """The commit, with "-dirty" where the code is another; figures that were just written do not count."""
    asked = ["git", "status", "--porcelain", "--", ".", ":!benchmarks/results"]
    status = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=False)
    revision = code_revision(ROOT)
    return revision.removesuffix("-dirty") if status.returncode == 0 and not status.stdout.strip() else revision


# Between us and what is measured: a child's peak memory begins at that of the process that it was forked from.
SMALL = """
import os, subprocess, sys
with subprocess.Popen([sys.executable, *sys.argv[1:]], stdout=subprocess.DEVNULL) as process:
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
print(process.returncode, usage.ru_maxrss)
"""


def run_python(arguments: Sequence[str], environment: dict[str, str] | None = None) -> tuple[float, float]:
    """Seconds and peak memory in MB of `python ...` in the repository's root. Raises SystemExit where it fails."""
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-S", "-c", SMALL, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env=os.environ | (environment or {}),
        check=True,
    )
    seconds = time.perf_counter() - started
    status, peak = map(int, done.stdout.split())
    if status:
        raise SystemExit(f"python {' '.join(arguments)} ended with {status}: {done.stderr[-300:]}")
    return seconds, peak / (2**20 if sys.platform == "darwin" else 1_024)
