"""How many patients the live pipeline holds on this machine, and where the time goes.

    python -m benchmarks.stream                         # twelve minutes; tables, and benchmarks/results/stream.json
    python -m benchmarks.stream --runs 200x1x300        # patients x classifiers x seconds

Simulated patients of twelve leads at 500 Hz send a second at a time; broker and all roles run on this machine. Behind is
from when a chunk is sent to when what was found at its end is in the database, over every finding of the run, the
beginning included; it is held where 95 % are less than two seconds behind and nothing was lost. Share of a processor is
that of each role's process, from the first finding to the last.
"""

import argparse
import json
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import psutil

from benchmarks.machine import describe
from bundles import ROOT
from scale.stream.demo import Demo, run_demo
from scale.stream.local_broker import free_port
from scale.stream.processes import recorded_in
from scale.stream.sink import Store

RESULTS = ROOT / "benchmarks/results/stream.json"
RUNS = ("200x2x300", "100x1x60", "150x1x60", "200x1x60", "230x2x60", "260x2x60")
HELD_S = 2.0
ROLES = ("produce", "filter", "classify", "sink", "board", "broker")


@dataclass(frozen=True)
class Run:
    """One run of the demonstration. processors : share of one, by role.  last_line : what it said at its end."""

    patients: int
    classifiers: int
    seconds: float
    findings: int
    p50_s: float
    p95_s: float
    greatest_s: float
    processors: dict[str, float]
    last_line: str

    @property
    def held(self) -> bool:
        """Whether 95 % were less than two seconds behind, and nothing was lost or came twice."""
        return self.p95_s < HELD_S and " 0 lost, 0 double" in self.last_line


def measure(patients: int, classifiers: int, seconds: float) -> Run:
    """Run the demonstration and look at it."""
    with tempfile.TemporaryDirectory(prefix="stream-") as scratch:
        folder, lines, over = Path(scratch), [], threading.Event()
        database = str(folder / "findings.sqlite")
        demo = Demo(
            patients=patients,
            seconds=seconds,
            folder=folder,
            database=database,
            port=free_port(),
            classifiers=classifiers,
        )
        used: dict[str, float] = {}
        watching = threading.Thread(target=_watch_processors, args=[folder, seconds, over, used])
        watching.start()
        try:
            run_demo(demo, lines.append, threading.Event())
        finally:
            over.set()
            watching.join()
        store = Store(database)
        lags = np.array(store.lags())
        store.close()
    p50_s, p95_s = np.percentile(lags, [50, 95])
    return Run(
        patients, classifiers, seconds, len(lags), float(p50_s), float(p95_s), float(lags.max()), used, lines[-1]
    )


def _watch_processors(folder: Path, seconds: float, over: threading.Event, used: dict[str, float]) -> None:
    """Put each role's share of a processor into `used`, of the time in which all of them work."""
    over.wait(20.0)  # the first finding is due after ten seconds
    before, began = _processor_s(folder), time.monotonic()
    over.wait(max(seconds - 15.0, 5.0))
    between_s = time.monotonic() - began
    after = _processor_s(folder)
    used |= {role: (after[role] - before[role]) / between_s for role in ROLES if after[role] >= before[role]}


def _processor_s(folder: Path) -> Counter[str]:
    """Seconds of processor time by role so far."""
    spent: Counter[str] = Counter()
    for each in recorded_in(folder):
        with suppress(psutil.NoSuchProcess, AttributeError):
            times = each.process().cpu_times()
            spent[each.role] += times.user + times.system
    return spent


def format_run(run: Run) -> str:
    """A row of the table."""
    shares = " | ".join(f"{run.processors.get(role, 0):.2f}" for role in ROLES)
    held = "yes" if run.held else "no"
    behind = f"{run.p50_s:.2f} | {run.p95_s:.2f} | {run.greatest_s:.2f}"
    return f"| {run.patients} | {run.classifiers} | {run.seconds:.0f} | {run.findings} | {behind} | {held} | {shares} |"


HEAD = (
    "| patients | classifiers | s | findings | half behind, s | 95 % | the last | held | "
    + " | ".join(ROLES)
    + " |\n"
    + "|---" * (8 + len(ROLES))
    + "|"
)


def _run_asked(text: str) -> tuple[int, int, float]:
    try:
        patients, classifiers, seconds = text.split("x")
        return int(patients), int(classifiers), float(seconds)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not PATIENTSxCLASSIFIERSxSECONDS") from error


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table, a row as each run ends, and keep it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", nargs="+", type=_run_asked, default=[*map(_run_asked, RUNS)], metavar="PxCxS")
    parser.add_argument("--keep", type=Path, default=RESULTS, help="where it is kept (%(default)s)")
    options = parser.parse_args(arguments)
    machine = describe()
    print(*machine.values(), "", HEAD, sep="\n", flush=True)
    runs = []
    for asked in options.runs:
        runs.append(measure(*asked))
        print(format_run(runs[-1]), flush=True)
        kept = machine | {"runs": [asdict(run) for run in runs]}
        options.keep.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
