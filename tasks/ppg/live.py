"""What a live signal changes: its filter has seen what came before, and not all of it is a pulse.

    python -m tasks.ppg.live                     # data/ppg or $ECG_DATA/ppg

Every fourth segment is read as it is and as the end of a signal that begins with its mirror image: in time, or in time and about
its first sample, so that it goes on smoothly. The shipped classifier has learnt from these patients: what is counted is how often
both readings agree, and the accuracies are to be set beside each other alone. Then, how much is refused of what was recorded and
of noise: white, and a random walk.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tasks.ppg.bundle import SHIPPED, Bundle
from tasks.ppg.dataset import Segments, find_data, read_segments, require_labels
from tasks.ppg.filters import filter_segments
from tasks.ppg.stream import Reader, load
from utils import run_command

EVERY, N_NOISE = 4, 500


def live_report(bundle: Bundle, segments: Segments) -> str:
    """The table, Markdown."""
    values = segments.values.astype(float)
    n, first = values.shape[1], values[:, :1]
    before = {"mirrored in time": values[:, :0:-1], "and about its first sample": 2 * first - values[:, :0:-1]}
    at_rest = _kinds(bundle, values, n, segments.fs_hz)
    lines = [f"{len(segments):,} segments, {np.mean(at_rest == segments.targets):.3f} of them right from rest.", ""]
    lines += ["| what came before | same kind as from rest | right |", "|---|---|---|"]
    for name, each in before.items():
        live = _kinds(bundle, np.concatenate([each, values], axis=1), n, segments.fs_hz)
        lines.append(f"| {name} | {np.mean(live == at_rest):.3f} | {np.mean(live == segments.targets):.3f} |")
    return "\n".join(lines)


def refusals_report(reader: Reader, segments: Segments) -> str:
    """How much is refused, Markdown."""
    rng = np.random.default_rng(0)
    white = rng.standard_normal((N_NOISE, segments.values.shape[1]))
    signals = {"recorded": segments.values, "white noise": white, "a random walk": white.cumsum(axis=1)}
    lines = ["| windows | number | refused |", "|---|---|---|"]
    for name, each in signals.items():
        filtered = filter_segments(each, segments.fs_hz, reader.bundle.filter)
        n = sum("refused" in answer for answer in reader.read([row[None] for row in filtered], segments.fs_hz))
        lines.append(f"| {name} | {len(each):,} | {n} |")
    return "\n".join(lines)


def _kinds(bundle: Bundle, signals: np.ndarray, n: int, fs_hz: float) -> np.ndarray:
    """Of the last n samples of each signal, int."""
    filtered = filter_segments(signals, fs_hz, bundle.filter)[:, -n:]
    return bundle.classifier.probabilities(filtered, fs_hz).argmax(axis=1)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bundle", type=Path, default=SHIPPED, help="folder of the classifier (%(default)s)")
    parser.add_argument("--data", type=Path, help="what it was trained on; else $ECG_DATA/ppg, data/ppg")
    parser.add_argument("--fs-hz", type=float, metavar="HZ", help="sampling rate of a table")
    options = parser.parse_args(arguments)

    def command() -> int:
        path = find_data(options.data)
        segments = require_labels(read_segments(path, options.fs_hz), path)
        reader = load(options.bundle)
        print(live_report(reader.bundle, segments.take(np.arange(0, len(segments), EVERY))), "", sep="\n")
        print(refusals_report(reader, segments))
        return 0

    return run_command(command)


if __name__ == "__main__":
    sys.exit(main())
