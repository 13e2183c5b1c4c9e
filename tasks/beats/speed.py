"""How long a day takes: 24 hours of two leads at 250 Hz, of DS1's recordings one after another, through the command line.

    python -m tasks.beats.speed --data $ECG_DATA/mitdb

Prints seconds and the most memory of the whole command, its start included, for an hour and for a day.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from itertools import cycle
from pathlib import Path

import numpy as np
from scipy.signal import resample_poly

from bundles import ROOT
from cardiac.errors import CardiacError
from cardiac.records import read_record
from tasks.beats.labels import DS1
from utils import run_command

FS_HZ, FROM_HZ = 250, 360
HOURS = (1.0, 24.0)


def write_day(data: Path, path: Path, hours: float) -> None:
    """A .npy of two leads, float32, mV: DS1's recordings in their order, from the first again where they end."""
    n_samples = round(hours * 3_600 * FS_HZ)
    day = np.lib.format.open_memmap(path, "w+", np.float32, (2, n_samples))
    first = 0
    for name in cycle(DS1):
        record = read_record(data / f"{name}.hea", leads=None)
        part = resample_poly(np.asarray(record.signal[:, :]), FS_HZ, FROM_HZ, axis=1)[:, : n_samples - first]
        day[:, first : first + part.shape[1]] = part
        first += part.shape[1]
        if first == n_samples:
            break
    day.flush()


def measure(path: Path, out: Path, plots: bool) -> tuple[float, float]:
    """Seconds of the command line over a file, and MiB of the largest process so far."""
    command = [sys.executable, "-m", "tasks.beats.predict", str(path), "--fs", str(FS_HZ), "--out", str(out)]
    begin = time.perf_counter()
    done = subprocess.run([*command, *(["--plots"] if plots else [])], cwd=ROOT, capture_output=True, check=False)
    if done.returncode:
        raise CardiacError(f"{path.name}: the command failed: {done.stderr.decode(errors='replace').strip()}")
    return time.perf_counter() - begin, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m tasks.beats.speed", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder of the MIT-BIH recordings")
    parser.add_argument("--hours", type=float, nargs="+", default=HOURS, help="lengths, the shortest first")
    parser.add_argument("--plots", action="store_true", help="with the picture")
    options = parser.parse_args(arguments)

    def command() -> int:
        print("| hours | seconds | MiB |\n|---|---|---|")
        with tempfile.TemporaryDirectory() as folder:
            for hours in sorted(options.hours):
                path = Path(folder) / "day.npy"
                write_day(options.data, path, hours)
                seconds, mib = measure(path, Path(folder) / "out", options.plots)
                print(f"| {hours:g} | {seconds:.0f} | {mib:.0f} |", flush=True)
        return 0

    return run_command(command)


if __name__ == "__main__":
    sys.exit(main())
