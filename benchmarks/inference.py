"""How fast records are read, beside the task's reference solution and beside what the machine could do at best.

    python -m benchmarks.inference             # two minutes; tables, and benchmarks/results/inference.json
    python -m benchmarks.inference --large     # and the memory over 50,000 records (six minutes)

Recordings are the 449 test records where ECG_DATA names them, else the demonstration records as often. Exit status 1
where a line that is asked for is not met.
"""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.machine import Cost, cost_each, describe, each_of, run_python, seconds_each
from benchmarks.steps import Step, in_turns, measure_steps
from bundles import ROOT
from cardiac.cores import n_cores
from cardiac.long_signals import prepare_together
from cardiac.measurements.measure import measure_record
from cardiac.pipeline import predict_all
from cardiac.quality.assess import assess_quality
from cardiac.records import Record, read_record
from cardiac.sources import Recording
from cardiac.windows import WindowPlan, window_starts
from inference import Detector, predict_record
from models import build_model
from tasks.mi.finished import finish_outcome
from utils import load_config, seed_everything

RESULTS = ROOT / "benchmarks/results/inference.json"
WHOLE = "the whole path: files in, findings out"
ALONE, WITH_EVIDENCE = "the whole path, a record at a time", "the whole path with evidence"
N_RECORDS, N_EXPLAINED, N_REFERENCE, N_FEW = 449, 128, 20, 500
LARGE = 50_000


@dataclass(frozen=True)
class Row:
    """One way of the table. ratio : how many times as fast as the reference's scheme.  processor_ms : of all cores."""

    what: str
    ms: float
    ratio: float = 0.0
    processor_ms: float | None = None


@dataclass(frozen=True)
class Line:
    """One measure that something is asked of. least : whether the figure asked for is the least or the most."""

    what: str
    value: float
    asked: float
    unit: str
    least: bool = False

    @property
    def is_met(self) -> bool:
        return self.value >= self.asked if self.least else self.value <= self.asked


def recordings() -> list[Path]:
    """The recordings that are read: N_RECORDS paths, each once where there are so many."""
    folder = Path(os.environ["ECG_DATA"]) / "aiijc/test" if "ECG_DATA" in os.environ else ROOT / "public_data/test"
    paths = sorted(folder.glob("*.npy"))
    return [paths[index % len(paths)] for index in range(N_RECORDS)]


def operations(network: nn.Module, n_samples: int, starts: Sequence[np.ndarray]) -> int:
    """Floating-point operations of a network over one recording, counted by torch as it runs."""
    as_products = sdpa_kernel(SDPBackend.MATH)  # attention's fused kernels are not counted
    with FlopCounterMode(display=False) as counter, torch.inference_mode(), as_products:
        network.cpu().eval()(torch.zeros(1, 12, n_samples), [torch.from_numpy(each) for each in starts])
    return counter.get_total_flops()


def product_rate(size: int = 1_536) -> float:
    """Floating-point operations a second in products of float32 matrices, on all threads, at best of ten."""
    matrix = np.random.default_rng(0).standard_normal((size, size)).astype(np.float32)
    matrix @ matrix
    return 2 * size**3 / min(seconds_each(lambda: matrix @ matrix, 1, 1) for _ in range(10))


class Reference:
    """The reference solution's networks, run by its scheme: windows one at a time, six and seven of a record."""

    def __init__(self) -> None:
        config = load_config(ROOT / "configs/reference.toml", defaults=ROOT / "configs/mi.toml")
        self.plans = [WindowPlan.of(config[stage]) for stage in ("detect", "localize")]
        windows = [plan.window for plan in self.plans]
        self.network = build_model(**config["network"], n_leads=12, n_outputs=[1, 6], windows=windows).eval()

    @torch.inference_mode()
    def __call__(self, path: Path) -> None:
        signal = np.load(path).astype(np.float32)
        for stage, plan in enumerate(self.plans):
            for start in window_starts(signal.shape[1], plan):
                window = torch.from_numpy(signal[None, :, start : start + plan.window])
                self.network.stages[stage](window)


def measure_paths(paths: Sequence[Path], onnx: Detector, by_torch: Detector) -> list[Row]:
    """The table's rows, the reference's scheme first."""
    reference = Reference()
    few = paths[:N_REFERENCE]
    n = len(paths)
    records: list[Record] = [read_record(path) for path in paths]
    usual = [
        each for each in records if each.signal.shape == records[0].signal.shape and each.fs_hz == records[0].fs_hz
    ]
    qualities = [assess_quality(each) for each in records]
    measured = [*map(measure_record, records, qualities)]
    signals = [prepare_together([each.signal], each.fs_hz, onnx.spec) for each in usual]
    together = [np.concatenate(some) for some in in_turns(signals)]
    costs = {
        "the reference's networks by its scheme, a window at a time": cost_each(each_of(reference, few), len(few)),
        WHOLE: whole_path(paths, onnx, jobs=n_cores()),
        "the whole path by threads of one process": whole_path(paths, onnx),
        "the whole path by torch": whole_path(paths, by_torch),
        ALONE: cost_each(each_of(lambda p: predict_record(p, onnx), paths), n),
        WITH_EVIDENCE: whole_path(paths[:N_EXPLAINED], onnx, evidence=True, jobs=n_cores()),
        "reading alone": cost_each(each_of(read_record, paths), n),
        "assessing the tracing alone": cost_each(each_of(assess_quality, records), n),
        "measuring alone": cost_each(lambda: [*map(measure_record, records, qualities)], n),
        "preparing alone": cost_each(
            each_of(lambda few: prepare_together([r.signal for r in few], few[0].fs_hz, onnx.spec), in_turns(usual)),
            len(usual),
        ),
        "the trees alone": cost_each(each_of(onnx.ask_trees, measured), n),
        "the networks alone, by ONNX Runtime": cost_each(each_of(onnx.logits, together), len(signals)),
        "the networks alone, by torch": cost_each(each_of(by_torch.logits, together), len(signals)),
    }
    slowest = next(iter(costs.values())).seconds
    rows = [
        Row(what, 1e3 * cost.seconds, slowest / cost.seconds, 1e3 * cost.processor_s) for what, cost in costs.items()
    ]
    return rows + bound(paths, by_torch, slowest)


def whole_path(paths: Sequence[Path], detector: Detector, evidence: bool = False, jobs: int = 1) -> Cost:
    """What a record takes from its file to its document in findings.json. jobs : processes, as of the command line."""
    n = len(paths)
    recordings = [Recording(path, path.stem) for path in paths]
    finish = partial(finish_outcome, decided_by=detector.decided_by)

    def work() -> None:
        finished = predict_all(recordings, detector, evidence, finish=finish, jobs=jobs)
        if sum(each.brief is not None for each in finished) != n:
            raise SystemExit("not every recording was read: these figures would mean nothing")

    return cost_each(work, n)


def bound(paths: Sequence[Path], detector: Detector, slowest: float) -> list[Row]:
    """What the machine could do at best: the networks' operations at the rate of matrix products; the bytes alone."""
    n_samples = detector.bundle.card.section
    starts = [window_starts(n_samples, plan) for plan in detector.plans]
    count = operations(detector.bundle.networks[0], n_samples, starts) * len(detector.bundle.networks)
    rate, n_bytes = product_rate(), sum(path.stat().st_size for path in paths) / len(paths)
    of_bytes = seconds_each(each_of(Path.read_bytes, paths), len(paths))
    what = f"bound: {count / 1e6:.0f} million operations at {rate / 1e9:.0f} thousand million a second"
    read = f"bound: {n_bytes / 1e3:.0f} kB read"
    return [Row(what, 1e3 * count / rate, slowest * rate / count), Row(read, 1e3 * of_bytes, slowest / of_bytes)]


def measure_commands(paths: Sequence[Path], large: bool) -> list[Line]:
    """Start-up, the command line over all records, and the memory over few and many."""
    (ROOT / "results").mkdir(exist_ok=True)
    run_python(["-c", "import inference"])  # so that bytecode is written and files are in memory
    starting = [run_python(["-c", "import inference"])[0] for _ in range(3)]
    with tempfile.TemporaryDirectory(prefix="bench-", dir=ROOT / "results") as scratch:
        folder = Path(scratch)
        at_all = [run_python(_command(linked(paths, folder / str(turn), len(paths)), folder))[0] for turn in range(3)]
        _, few = run_python(_command(linked(paths, folder / "few", N_FEW), folder))
        lines = [
            Line(f"`python inference.py` over {len(paths)} records", float(np.median(at_all)), 6.0, "s"),
            Line("import of the command line", float(np.median(starting)), 2.5, "s"),
            Line(f"peak memory over {N_FEW} records", few, 800.0, "MB"),
        ]
        if large:
            _, many = run_python(_command(linked(paths, folder / "many", LARGE), folder))
            lines += [
                Line(f"peak memory over {LARGE:,} records", many, 800.0, "MB"),
                Line(f"memory over {LARGE:,} records to that over {N_FEW}", many / few, 1.5, "times"),
            ]
    return lines


def _command(folder: Path, out: Path) -> list[str]:
    return ["inference.py", str(folder), "--out", str(out / "out")]


def linked(paths: Sequence[Path], folder: Path, n: int) -> Path:
    """A folder of n recordings, the given ones over and over, without their bytes being copied."""
    folder.mkdir()
    for index in range(n):
        os.link(paths[index % len(paths)], folder / f"{index:06}.npy")
    return folder


def asked_of(rows: Sequence[Row]) -> list[Line]:
    """The lines of the table that something is asked of."""
    ms = {row.what: row.ms for row in rows}
    whole = ms[WHOLE]
    slow = ms["the reference's networks by its scheme, a window at a time"]
    return [
        Line("records a second, whole path", 1e3 / whole, 250.0, "records/s", least=True),
        Line("times as fast as the reference's scheme", slow / whole, 60.0, "times", least=True),
        Line("one record, once loaded", ms[ALONE], 30.0, "ms"),
        Line("records a second with evidence", 1e3 / ms[WITH_EVIDENCE], 100.0, "records/s", least=True),
    ]


def format_rows(rows: Sequence[Row]) -> list[str]:
    """The first table's rows."""
    return [
        f"| {row.what} | {row.ms:.2f} | {1e3 / row.ms:,.0f} | {row.ratio:.3g} | {_ms(row.processor_ms)} |"
        for row in rows
    ]


def _ms(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def format_lines(lines: Sequence[Line]) -> list[str]:
    """The second table's rows."""
    word = {True: "at least", False: "at most"}
    return [
        f"| {line.what} | {float(f'{line.value:.3g}'):g} {line.unit} | {word[line.least]} {line.asked:g} |"
        for line in lines
    ]


def format_steps(steps: Sequence[Step]) -> list[str]:
    """The third table's rows."""
    return [
        f"| {step.what} | {step.of} | {step.before_ms:.2f} | {step.after_ms:.2f} | {step.predicted} | "
        f"{step.before_ms / step.after_ms:.2f} | {step.kept} |"
        for step in steps
    ]


HEADS = (
    "| way | ms a record | records/s | times the reference | processor ms a record |\n|---|---|---|---|---|",
    "| | measured | asked for |\n|---|---|---|",
    "| step | of | ms before | ms after | predicted, times | gave, times | kept |\n|---|---|---|---|---|---|---|",
)


def main() -> int:
    """Print the tables and keep them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--large", action="store_true", help=f"the memory over {LARGE:,} records as well")
    large = parser.parse_args().large
    seed_everything(0)  # the reference's weights
    machine = describe()
    print("\n".join(machine.values()))
    paths = recordings()
    onnx, by_torch = (Detector.load(runtime=runtime) for runtime in ("onnx", "torch"))
    rows = measure_paths(paths, onnx, by_torch)
    steps = measure_steps(paths, onnx, by_torch)
    lines = asked_of(rows) + measure_commands(paths, large)
    for head, of_table in zip(HEADS, (format_rows(rows), format_lines(lines), format_steps(steps)), strict=True):
        print("", head, *of_table, sep="\n")
    kept = machine | {"rows": [*map(asdict, rows)], "lines": [*map(asdict, lines)], "steps": [*map(asdict, steps)]}
    RESULTS.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return int(not all(line.is_met for line in lines))


if __name__ == "__main__":
    sys.exit(main())
