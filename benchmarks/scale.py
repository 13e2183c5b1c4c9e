"""How fast scale.batch reads with one worker and with two, and how fast the networks' training is fed.

    python -m benchmarks.scale                 # some minutes; tables, and benchmarks/results/scale.json

Recordings are those of `benchmarks.inference`, several times over. The rate is that between the first part that is done
and the last, so without the start of the cluster. Training is that of configs/mi.toml, on simulated records.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch

from benchmarks.inference import linked, recordings
from benchmarks.machine import describe
from bundles import ROOT
from learning.cross_validate import network_training
from scale.batch import read_many
from tasks.mi import BUNDLE
from tasks.mi.simulate import simulate_dataset
from tasks.mi.training import make_training
from utils import load_config

RESULTS = ROOT / "benchmarks/results/scale.json"
TIMES, PART_SIZE, N_BATCHES = 12, 100, 30


@dataclass(frozen=True)
class Rate:
    """Recordings a second with so many workers, and seconds until the first part was done."""

    workers: int
    records_per_s: float
    first_part_s: float


@dataclass(frozen=True)
class Feed:
    """Milliseconds of one training step, and of drawing the batch for it."""

    batch: int
    draw_ms: float
    step_ms: float


def measure_rates(paths: Sequence[Path]) -> list[Rate]:
    """Of one worker and of two."""
    (ROOT / "results").mkdir(exist_ok=True)
    rates = []
    with tempfile.TemporaryDirectory(prefix="scale-", dir=ROOT / "results") as scratch:
        folder = linked(paths, Path(scratch) / "in", TIMES * len(paths))
        for workers in (1, 2):
            out, started = Path(scratch) / f"out{workers}", time.time()
            read_many(str(folder), out, BUNDLE, workers=workers, part_size=PART_SIZE)
            at = sorted(path.stat().st_mtime for path in out.glob("part=*/findings.parquet"))
            rates.append(Rate(workers, (len(at) - workers) * PART_SIZE / (at[-1] - at[workers - 1]), at[0] - started))
    return rates


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


def format_feed(feed: Feed) -> list[str]:
    """The second table's row."""
    share = 100 * feed.draw_ms / (feed.draw_ms + feed.step_ms)
    return [f"| {feed.batch} | {feed.draw_ms:.1f} | {feed.step_ms:.1f} | {share:.0f} % |"]


def main() -> None:
    """Print the tables and keep them."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    machine = describe()
    print("\n".join(machine.values()))
    rates = measure_rates(recordings())
    print(
        "\n| workers | records/s | times one | s to the first part |\n|---|---|---|---|", *format_rates(rates), sep="\n"
    )
    feed = measure_feed()
    head = "\n| records a batch | ms to draw it | ms to learn from it | drawing's share |\n|---|---|---|---|"
    print(head, *format_feed(feed), sep="\n")
    kept = machine | {"rates": [*map(asdict, rates)], "feed": asdict(feed)}
    RESULTS.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
