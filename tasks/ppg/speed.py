"""How many segments a second are filtered and read, by one process and by as many as there are processors.

    python -m tasks.ppg.speed                    # simulated segments of ten seconds, at the rate of the bundle's own

Prints seconds and segments a second of the quickest of three runs, and what each step takes.
"""

import argparse
import os
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from tasks.ppg.bundle import SHIPPED, load_bundle
from tasks.ppg.classifier import TOGETHER, Classifier, steps_of
from tasks.ppg.filters import filter_segments
from tasks.ppg.pulses import pulse_features
from tasks.ppg.segments import FS_HZ, to_rate
from tasks.ppg.simulate import made_segments
from tasks.ppg.stream import Reader, load
from utils import run_command

N_SEGMENTS, RUNS = 8_192, 3


def quickest(run: Callable[[], object]) -> float:
    """Seconds of the quickest of RUNS."""
    took = []
    for _ in range(RUNS):
        begin = time.perf_counter()
        run()
        took.append(time.perf_counter() - begin)
    return min(took)


def read_share(bundle: Path, n: int) -> tuple[float, float]:
    """When this process began to filter and read its n segments, after a first batch, and when it had, by the machine's clock."""
    reader = load(bundle)
    segments = made_segments(n, reader.window_s)
    _read(reader, segments[:TOGETHER])
    begin = time.monotonic()
    _read(reader, segments)
    return begin, time.monotonic()


def _read(reader: Reader, segments: np.ndarray) -> None:
    filtered = filter_segments(segments, FS_HZ, reader.bundle.filter)
    reader.read([each[None] for each in filtered], FS_HZ)


def seconds_of(bundle: Path, n: int, processes: int) -> float:
    """Seconds from the first beginning to the last end of processes that share n segments; the quickest of RUNS."""
    took = []
    for _ in range(RUNS):
        with ProcessPoolExecutor(processes, get_context("spawn")) as pool:
            spans = [*pool.map(read_share, [bundle] * processes, [n // processes] * processes)]
        took.append(max(last for _, last in spans) - min(first for first, _ in spans))
    return min(took)


def speed_report(bundle: Path, n: int) -> str:
    """The tables, Markdown."""
    loaded = load_bundle(bundle)
    head = f"{n:,} segments of {loaded.window_s:g} s, a batch to each process before."
    lines = [head, "", "| processes | seconds | segments a second |", "|---|---|---|"]
    for processes in sorted({1, os.cpu_count() or 1}):
        seconds = seconds_of(bundle, n, processes)
        lines.append(f"| {processes} | {seconds:.2f} | {n / seconds:,.0f} |")
    segments = made_segments(min(n, 2_048), loaded.window_s)
    return "\n".join([*lines, "", *_steps(loaded.classifier, segments, loaded.filter)])


def _steps(classifier: Classifier, segments: np.ndarray, filter_: str) -> list[str]:
    filtered = filter_segments(segments, FS_HZ, filter_)
    at_rate = to_rate(filtered, FS_HZ)
    measured = pulse_features(at_rate)
    steps = {
        "filter": lambda: filter_segments(segments, FS_HZ, filter_),
        "pulses": lambda: pulse_features(at_rate),
        "kernels": lambda: [own(each) for own, each in zip(classifier.kernels, steps_of(at_rate), strict=True)],
        "trees": lambda: classifier.trees(measured),
    }
    lines = ["| step, one process | ms a segment |", "|---|---|"]
    return lines + [f"| {name} | {1e3 * quickest(run) / len(segments):.3f} |" for name, run in steps.items()]


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bundle", type=Path, default=SHIPPED, help="folder of the classifier (%(default)s)")
    parser.add_argument("--segments", type=int, default=N_SEGMENTS, help="how many (%(default)s)")
    options = parser.parse_args(arguments)

    def command() -> int:
        print(speed_report(options.bundle, options.segments))
        return 0

    return run_command(command)


if __name__ == "__main__":
    sys.exit(main())
