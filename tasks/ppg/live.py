"""What a window amid a live signal changes: the filter of one has seen what came before, that of a segment begins at rest.

    python -m tasks.ppg.live                     # data/ppg or $ECG_DATA/ppg

Every fourth segment is read as it is and as the end of a signal that begins with its mirror image: in time, or in time and about
its first sample, so that it goes on smoothly. The shipped classifier has learnt from these patients: what is counted is how often
both readings agree, and the accuracies are to be set beside each other alone.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tasks.ppg.bundle import SHIPPED, Bundle, load_bundle
from tasks.ppg.dataset import Segments, find_data, read_segments, require_labels
from tasks.ppg.filters import filter_segments
from utils import run_command

EVERY = 4


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


def _kinds(bundle: Bundle, signals: np.ndarray, n: int, fs_hz: float) -> np.ndarray:
    """Of the last n samples of each signal, int."""
    filtered = filter_segments(signals, fs_hz, bundle.filter)[:, -n:]
    return bundle.classifier.probabilities(filtered, fs_hz).argmax(axis=1)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bundle", type=Path, default=SHIPPED, help="folder of the classifier (%(default)s)")
    parser.add_argument("--data", type=Path, help="what it was trained on; else $ECG_DATA/ppg, data/ppg")
    parser.add_argument("--fs", type=float, metavar="HZ", help="sampling rate of a table")
    options = parser.parse_args(arguments)

    def command() -> int:
        path = find_data(options.data)
        segments = require_labels(read_segments(path, options.fs), path)
        print(live_report(load_bundle(options.bundle), segments.take(np.arange(0, len(segments), EVERY))))
        return 0

    return run_command(command)


if __name__ == "__main__":
    sys.exit(main())
