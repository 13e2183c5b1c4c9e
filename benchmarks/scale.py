"""How fast scale.batch reads with one worker and with two, what Ray costs a record, and how fast training is fed.

    python -m benchmarks.scale                 # some minutes; tables, and benchmarks/results/scale.json
    python -m benchmarks.scale --overhead      # what Ray costs alone; the rest of that file stays

Recordings are those of `benchmarks.inference`, several times over. The rate is that between the first part that is done
and the last, so without the start of the cluster. What Ray costs is that beside `predict_all` over the same recordings in
one process: processor time of all processes between the same two moments, in turns, each at its best. Training is that of
configs/mi.toml, on simulated records.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.inference import linked, recordings
from benchmarks.machine import describe
from bundles import ROOT
from learning.cross_validate import network_training
from scale.batch import read_many
from scale.shards import PART_SIZE as USUAL_SIZE
from tasks.mi import BUNDLE
from tasks.mi.simulate import simulate_dataset
from tasks.mi.training import make_training
from utils import load_config

RESULTS = ROOT / "benchmarks/results/scale.json"
TIMES, PART_SIZE, N_BATCHES = 12, 100, 30
N_PARTS, ROUNDS, WATCHED_S = 5, 4, 0.25  # of the comparison with Ray, whose parts are as large as they are in use
OVERHEAD_HEAD = "| | ms of processor a record | ms a record |\n|---|---|---|"
ALONE = """
import sys, time
from pathlib import Path
from cardiac.pipeline import predict_all
from cardiac.sources import Recording
from inference import Detector
from tasks.mi import BUNDLE

detector, part = Detector.load(BUNDLE), int(sys.argv[2])
recordings = [Recording(path, path.name) for path in sorted(Path(sys.argv[1]).iterdir())]
for index, outcome in enumerate(predict_all(recordings, detector)):
    if outcome.finding is None:
        raise SystemExit(str(outcome.error))
    if index + 1 == part:
        began = time.process_time(), time.perf_counter()
n = len(recordings) - part
print(1e3 * (time.process_time() - began[0]) / n, 1e3 * (time.perf_counter() - began[1]) / n)
"""


@dataclass(frozen=True)
class Rate:
    """Recordings a second with so many workers, and seconds until the first part was done."""

    workers: int
    records_per_s: float
    first_part_s: float


@dataclass(frozen=True)
class Cost:
    """Milliseconds a record: of processor time, and by the clock."""

    processor_ms: float
    wall_ms: float


@dataclass(frozen=True)
class Feed:
    """Milliseconds of one training step, and of drawing the batch for it."""

    batch: int
    draw_ms: float
    step_ms: float


def measure_rates(paths: Sequence[Path]) -> list[Rate]:
    """Of one worker and of two."""
    rates = []
    with tempfile.TemporaryDirectory(prefix="scale-", dir=ROOT / "results") as scratch:
        folder = linked(paths, Path(scratch) / "in", TIMES * len(paths))
        for workers in (1, 2):
            out, started = Path(scratch) / f"out{workers}", time.time()
            read_many(str(folder), out, BUNDLE, workers=workers, part_size=PART_SIZE)
            at = sorted(path.stat().st_mtime for path in out.glob("part=*/findings.parquet"))
            rates.append(Rate(workers, (len(at) - workers) * PART_SIZE / (at[-1] - at[workers - 1]), at[0] - started))
    return rates


def measure_overhead(paths: Sequence[Path]) -> tuple[Cost, Cost]:
    """What a record takes without Ray, and with one worker of it; of each the least of some rounds, in turns."""
    with tempfile.TemporaryDirectory(prefix="scale-", dir=ROOT / "results") as scratch:
        folder = linked(paths, Path(scratch) / "in", N_PARTS * USUAL_SIZE)
        rounds = [(_without_ray(folder), _with_ray(folder, Path(scratch) / f"out{n}")) for n in range(ROUNDS)]
    return least([without for without, _ in rounds]), least([with_ray for _, with_ray in rounds])


def least(costs: Sequence[Cost]) -> Cost:
    """The least of each figure."""
    return Cost(*(min(getattr(each, field.name) for each in costs) for field in fields(Cost)))


def _without_ray(folder: Path) -> Cost:
    """In a process of its own, with as many threads as Ray gives a worker of one processor."""
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", ALONE, str(folder), str(USUAL_SIZE)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    return Cost(*map(float, done.stdout.split()))


def _with_ray(folder: Path, out: Path) -> Cost:
    """From the first part to the last but one: processor time of this process and all that Ray has started.

    With the last one they begin to end, and with a process goes what is known of its time.
    """
    at, ended = [], threading.Event()

    def watch() -> None:
        while not ended.wait(WATCHED_S):
            at.append((time.time(), processor_s(os.getpid())))

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        read_many(str(folder), out, BUNDLE, workers=1, part_size=USUAL_SIZE)
    finally:
        ended.set()
        thread.join()
    done = sorted(path.stat().st_mtime for path in out.glob("part=*/findings.parquet"))[:-1]
    clock, spent = zip(*at, strict=True)
    first, last = np.interp([done[0], done[-1]], clock, spent)
    n = (len(done) - 1) * USUAL_SIZE
    return Cost(1e3 * float(last - first) / n, 1e3 * (done[-1] - done[0]) / n)


def processor_s(pid: int) -> float:
    """Seconds of processor time of a process and of all that descend from it and live."""
    spent, children = {}, defaultdict(list)
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            each, after = path.parent.name, path.read_text().rpartition(")")[2].split()
            children[int(after[1])].append(int(each))
            spent[int(each)] = int(after[11]) + int(after[12])
    family, total = [pid], 0
    while family:
        each = family.pop()
        total += spent.get(each, 0)
        family += children[each]
    return total / os.sysconf("SC_CLK_TCK")


def measure_feed() -> Feed:
    """Drawing and stepping of the shipped recipe, on as many threads as a training of `--jobs 2` has."""
    torch.set_num_threads(max(1, torch.get_num_threads() // 2))
    config = load_config(ROOT / "configs/mi.toml")
    with tempfile.TemporaryDirectory() as folder:
        examples = make_training(config, simulate_dataset(n_records=200, seed=1), Path(folder))
        rows = np.arange(len(examples.folds))
        training = network_training(examples, "bench", rows, Path(folder))
        rng, batch = np.random.default_rng(0), config["train"]["batch_size"]
        drawing, stepping = [], []
        training.network.train()
        for _ in range(N_BATCHES):
            started = time.perf_counter()
            drawn = examples.draw(rng.choice(rows, batch), rng)
            between = time.perf_counter()
            training.step(drawn)
            drawing.append(between - started)
            stepping.append(time.perf_counter() - between)
    return Feed(batch, 1e3 * float(np.median(drawing)), 1e3 * float(np.median(stepping)))


def format_rates(rates: Sequence[Rate]) -> list[str]:
    """Rows of the first table."""
    alone = rates[0].records_per_s
    return [
        f"| {rate.workers} | {rate.records_per_s:.0f} | {rate.records_per_s / alone:.2f} | {rate.first_part_s:.0f} |"
        for rate in rates
    ]


def format_overhead(without: Cost, with_ray: Cost) -> list[str]:
    """Rows of the table of what Ray costs."""
    more = [with_ray.processor_ms - without.processor_ms, with_ray.wall_ms - without.wall_ms]
    share = [100 * each / own for each, own in zip(more, (without.processor_ms, without.wall_ms), strict=True)]
    return [
        f"| `predict_all` in one process | {without.processor_ms:.2f} | {without.wall_ms:.2f} |",
        f"| `scale.batch`, one worker | {with_ray.processor_ms:.2f} | {with_ray.wall_ms:.2f} |",
        f"| overhead of Ray a record | {more[0]:.2f} ({share[0]:.0f} %) | {more[1]:.2f} ({share[1]:.0f} %) |",
    ]


def format_feed(feed: Feed) -> list[str]:
    """The second table's row."""
    share = 100 * feed.draw_ms / (feed.draw_ms + feed.step_ms)
    return [f"| {feed.batch} | {feed.draw_ms:.1f} | {feed.step_ms:.1f} | {share:.0f} % |"]


def main() -> None:
    """Print the tables and keep them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--overhead", action="store_true", help="measure what Ray costs a record, and nothing else")
    only_overhead = parser.parse_args().overhead
    (ROOT / "results").mkdir(exist_ok=True)
    machine = describe()
    print("\n".join(machine.values()))
    kept = json.loads(RESULTS.read_text(encoding="utf-8")) if only_overhead else machine | _measure_others()
    without, with_ray = measure_overhead(recordings())
    print(f"\n{OVERHEAD_HEAD}", *format_overhead(without, with_ray), sep="\n")
    kept["overhead"] = {"commit": machine["commit"], "without": asdict(without), "with_ray": asdict(with_ray)}
    RESULTS.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _measure_others() -> dict[str, Any]:
    """Measure and print the rates, and how training is fed."""
    rates = measure_rates(recordings())
    print(
        "\n| workers | records/s | times one | s to the first part |\n|---|---|---|---|", *format_rates(rates), sep="\n"
    )
    feed = measure_feed()
    head = "\n| records a batch | ms to draw it | ms to learn from it | drawing's share |\n|---|---|---|---|"
    print(head, *format_feed(feed), sep="\n")
    return {"rates": [*map(asdict, rates)], "feed": asdict(feed)}


if __name__ == "__main__":
    main()
