"""How long a million intervals take: the case's studies, again and again under other names, through the command line.

    python -m tasks.rr.speed --data data/cardiospike

Prints seconds, processor seconds and the most memory of the whole command, its start included.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from bundles import ROOT
from cardiac.errors import CardiacError
from tasks.rr.dataset import open_studies
from utils import run_command

N_INTERVALS = 1_000_000


def write_table(data: Path | None, path: Path, n: int) -> None:
    """A table of n intervals as the case has them; the studies kept aside are not among them."""
    studies, left, turn = open_studies(data), n, 0
    with path.open("w", encoding="ascii") as file:
        file.write("id,time,x\n")
        while left:
            study = studies[turn % len(studies)]
            pairs = [*zip(study.time_ms.tolist(), study.intervals_ms.tolist(), strict=True)][:left]
            file.writelines(f"{study.record_id}-{turn},{when},{interval}\n" for when, interval in pairs)
            left, turn = left - len(pairs), turn + 1


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="the case's folder; else $ECG_DATA/cardiospike, data/cardiospike")
    parser.add_argument("--intervals", type=int, default=N_INTERVALS, help="how many (%(default)s)")
    options = parser.parse_args(arguments)

    def command() -> int:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "intervals.csv"
            write_table(options.data, path, options.intervals)
            begin = time.perf_counter()
            asked = [sys.executable, "-m", "tasks.rr.predict", str(path), "--no-plots", "--out", f"{folder}/out"]
            done = subprocess.run(asked, cwd=ROOT, capture_output=True, check=False)
            if done.returncode:
                raise CardiacError(f"the command failed: {done.stderr.decode(errors='replace').strip()}")
            seconds, used = time.perf_counter() - begin, resource.getrusage(resource.RUSAGE_CHILDREN)
        print("| intervals | seconds | processor seconds | MiB |\n|---|---|---|---|")
        cells = f"{seconds:.0f} | {used.ru_utime + used.ru_stime:.0f} | {used.ru_maxrss / 1024:.0f}"
        print(f"| {options.intervals:,} | {cells} |")
        return 0

    return run_command(command)


if __name__ == "__main__":
    sys.exit(main())
