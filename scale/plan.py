"""What very many records would take: a simulation from measured rates, for the plan in docs/scale.md.

python -m scale.plan                            # a hundred million records on 16 machines
python -m scale.plan --records 1e6 --machines 4 --rate 120

Machines of some cores take parts one after another, each as fast as was measured here and spread as parts are; machines
fail now and then, lose the part that they were at, and come back. Prices are arguments: yours, not anybody's list.
"""

import argparse
import heapq
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bundles import ROOT
from scale.shards import PART_SIZE

MEASURED = ROOT / "benchmarks/results/scale.json"
MOST_SHARDS = 1_000_000


@dataclass(frozen=True)
class Plan:
    """What is to be read, by what. rate : records a second and core.  spread : deviation of a shard's log time.

    between_failures_h : hours that a machine runs between two failures.  back_s : seconds until it is back.
    start_s : seconds until a worker reads.  record_kb, row_kb : read and written a record.  machine_hour : its price.
    """

    records: int = 100_000_000
    shard_size: int = PART_SIZE
    machines: int = 16
    cores: int = 16
    rate: float = 100.0
    spread: float = 0.15
    between_failures_h: float = 200.0
    back_s: float = 300.0
    start_s: float = 30.0
    record_kb: float = 240.0
    row_kb: float = 0.4
    machine_hour: float = 0.8
    thousand_gets: float = 0.0004
    gigabyte_month: float = 0.02


@dataclass(frozen=True)
class Forecast:
    """What the simulation gave. lost : shards that were begun and lost.  idle : share of the cores' time at the end."""

    hours: float
    lost: int
    failures: int
    idle: float
    machine_hours: float


def simulate(plan: Plan, seed: int = 0) -> Forecast:
    """Shards handed to cores as they become free, until all are done."""
    rng = np.random.default_rng(seed)
    n_shards = -(-plan.records // plan.shard_size)
    usual = plan.shard_size / plan.rate
    fails = rng.exponential(plan.between_failures_h * 3_600, plan.machines)
    free = [(plan.start_s, core) for core in range(plan.machines * plan.cores)]  # when, and which core
    heapq.heapify(free)
    done, lost, failures, busy, end = 0, 0, 0, 0.0, 0.0
    while done < n_shards:
        at, core = heapq.heappop(free)
        machine = core // plan.cores
        takes = usual * float(np.exp(rng.normal(0.0, plan.spread) - plan.spread**2 / 2))
        if at + takes > fails[machine] >= at:  # lost; the core is back with its machine
            lost += 1
            heapq.heappush(free, (fails[machine] + plan.back_s + plan.start_s, core))
            continue
        if fails[machine] < at:  # the first core that looks after the failure draws the next one
            failures += 1
            fails[machine] = at + rng.exponential(plan.between_failures_h * 3_600)
        done += 1
        busy += takes
        end = max(end, at + takes)
        heapq.heappush(free, (at + takes, core))
    whole = end * plan.machines * plan.cores
    return Forecast(end / 3_600, lost, failures, 1 - busy / whole, plan.machines * end / 3_600)


def rows(plan: Plan, forecast: Forecast) -> list[tuple[str, str]]:
    """What a reader wants to know, each with its figure."""
    machines, gets = forecast.machine_hours * plan.machine_hour, plan.records / 1_000 * plan.thousand_gets
    stored_tb = plan.records * plan.record_kb / 1e9
    inflow = plan.records * plan.record_kb / 1e6 / (forecast.hours * 3_600) * 8
    return [
        ("records", f"{plan.records:,}"),
        ("machines, cores", f"{plan.machines} x {plan.cores}"),
        ("records a second and core, measured", f"{plan.rate:.0f}"),
        ("hours", f"{forecast.hours:.2f}"),
        ("at best, without failures and ends", f"{plan.records / plan.rate / plan.machines / plan.cores / 3_600:.2f}"),
        ("failures of machines, parts lost and read again", f"{forecast.failures}, {forecast.lost}"),
        ("cores idle or busy with what was lost", f"{100 * forecast.idle:.1f} %"),
        ("machines a million records", f"{machines / plan.records * 1e6:.2f}"),
        ("requests a million records, an object each", f"{gets / plan.records * 1e6:.2f}"),
        ("read from the store, all machines", f"{stored_tb:.1f} TB, {inflow:.1f} Gbit/s"),
        ("written", f"{plan.records * plan.row_kb / 1e6:.0f} GB in {-(-plan.records // plan.shard_size):,} files"),
        ("keeping the recordings, a month", f"{stored_tb * 1e3 * plan.gigabyte_month:,.0f}"),
    ]


def measured_rate() -> float | None:
    """Records a second and core, as `benchmarks.scale` found them; None where it was not run."""
    if not MEASURED.is_file():
        return None
    rates = json.loads(MEASURED.read_text(encoding="utf-8"))["rates"]
    return rates[-1]["records_per_s"] / rates[-1]["workers"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    usual = Plan()
    parser.add_argument("--records", type=float, default=usual.records, help="(%(default)s)")
    parser.add_argument("--machines", type=int, default=usual.machines, help="(%(default)s)")
    parser.add_argument("--cores", type=int, default=usual.cores, help="of each (%(default)s)")
    parser.add_argument("--part-size", type=int, default=usual.shard_size, help="records a part (%(default)s)")
    parser.add_argument("--rate", type=float, help="records a second and core (what benchmarks.scale measured)")
    parser.add_argument("--machine-hour", type=float, default=usual.machine_hour, help="price (%(default)s)")
    options = parser.parse_args(arguments)
    rate = options.rate or measured_rate()
    if rate is None or rate <= 0 or min(options.records, options.machines, options.cores, options.part_size) < 1:
        parser.error(
            "--rate must be above 0 (python -m benchmarks.scale measures it), and the other numbers at least 1"
        )
    if options.records / options.part_size > MOST_SHARDS:
        parser.error(f"more than {MOST_SHARDS:,} parts: give a larger --part-size")
    plan = Plan(
        int(options.records),
        options.part_size,
        options.machines,
        options.cores,
        rate,
        machine_hour=options.machine_hour,
    )
    print("| | |\n|---|---|")
    for what, figure in rows(plan, simulate(plan)):
        print(f"| {what} | {figure} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
