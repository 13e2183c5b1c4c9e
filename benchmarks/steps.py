"""What each step towards speed gives, each measured against what it replaced, on the same records in the same run."""

import importlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.machine import each_of, seconds_each
from cardiac.long_signals import prepare_together
from cardiac.pipeline import MAX_BATCH
from cardiac.records import read_record
from cardiac.windows import window_starts
from inference import Detector, predict_folder

N_RECORDS = 128
BY_SORT = (
    "beats",
    "records",
    "quality.artefacts",
    "quality.assess",
    "quality.measures",
    "quality.noise",
    "quality.placement",
)


@dataclass(frozen=True)
class Step:
    """One step. of : what was timed, before and after, in ms a record.  predicted : how many times as fast, and why.

    kept : whether it is in the program, or why not.
    """

    what: str
    of: str
    before_ms: float
    after_ms: float
    predicted: str
    kept: str


def ms_each(work: Callable[[], object], n: int, repeats: int = 3) -> float:
    """Milliseconds of work over n records a record."""
    return 1e3 * seconds_each(work, n, repeats)


def in_turns(items: Sequence[Any]) -> list[Sequence[Any]]:
    """Items by as many as the networks read at once."""
    return [items[first : first + MAX_BATCH] for first in range(0, len(items), MAX_BATCH)]


def measure_steps(paths: Sequence[Path], onnx: Detector, by_torch: Detector) -> list[Step]:
    """All steps, in the order in which they were taken."""
    paths = [*dict.fromkeys(paths)][:N_RECORDS]
    records = [read_record(path) for path in paths]
    signals = [prepare_together([each.signal], each.fs_hz, onnx.spec) for each in records]
    signals = [each for each in signals if each.shape == signals[0].shape]
    return [
        *_network_steps(signals, onnx, by_torch),
        _sorting(records, onnx),
        _one_sum(paths, onnx),
        *_left_out(signals, by_torch),
    ]


def _network_steps(signals: Sequence[np.ndarray], onnx: Detector, by_torch: Detector) -> list[Step]:
    few = signals[:4]
    one_by_one = ms_each(lambda: [_windows_alone(by_torch, signal) for signal in few], len(few), 1)
    alone = [ms_each(lambda d=d: [d.logits(signal) for signal in signals], len(signals)) for d in (by_torch, onnx)]
    batches = [np.concatenate(some) for some in in_turns(signals)]
    together = ms_each(lambda: [onnx.logits(batch) for batch in batches], len(signals))
    plans, n_samples = onnx.plans, signals[0].shape[2]
    overlap = sum(plan.window * len(window_starts(n_samples, plan)) for plan in plans) / n_samples
    return [
        Step(
            "the trunk once over the record, windows cut from its frames",
            "networks",
            one_by_one,
            alone[0],
            f"{overlap:.0f} (how often a sample is in a window)",
            "yes",
        ),
        Step("ONNX Runtime for torch", "networks", *alone, "1.5 (same operations, fewer calls)", "yes"),
        Step(f"{MAX_BATCH} records at once", "networks", alone[1], together, "1.3 (larger products)", "yes"),
    ]


@torch.inference_mode()
def _windows_alone(detector: Detector, signal: np.ndarray) -> None:
    """Every window by itself through the networks, cut from the signal."""
    inputs, network, first = torch.from_numpy(signal), detector.bundle.networks[0], torch.zeros(1, dtype=torch.int64)
    for stage, plan in enumerate(detector.plans):
        for start in window_starts(signal.shape[2], plan):
            network.stages[stage](network.frames(inputs[:, :, start : start + plan.window]), first)


def _sorting(records: Sequence[object], onnx: Detector) -> Step:
    judged = each_of(onnx.assess, records)
    after = ms_each(judged, len(records))
    with _numpy_order():
        before = ms_each(judged, len(records))
    return Step(
        "medians and percentiles by one sort", "judging the tracings", before, after, "1.3 (a third of it)", "yes"
    )


@contextmanager
def _numpy_order() -> Iterator[None]:
    """NumPy's own medians and percentiles in place of ours."""

    def median(values: np.ndarray, axis: int = -1) -> np.ndarray:
        return np.median(values, axis=axis)

    def percentiles(values: np.ndarray, percents: Iterable[float], axis: int = -1) -> list[np.ndarray]:
        return [*np.percentile(values, list(percents), axis=axis)]

    modules = [importlib.import_module(f"cardiac.{name}") for name in BY_SORT]
    ours = [
        (module, name, getattr(module, name))
        for module in modules
        for name in ("median", "percentiles")
        if hasattr(module, name)
    ]
    for module, name, _ in ours:
        setattr(module, name, {"median": median, "percentiles": percentiles}[name])
    try:
        yield
    finally:
        for module, name, function in ours:
            setattr(module, name, function)


def _one_sum(paths: Sequence[Path], onnx: Detector) -> Step:
    """Reading and judging beside the networks, against one after the other."""

    def in_turn() -> None:
        for some in in_turns(paths):
            records = [read_record(path) for path in some]
            onnx.predict_batch(records, [onnx.assess(record) for record in records])

    before = ms_each(in_turn, len(paths))
    after = ms_each(lambda: sum(1 for _ in predict_folder(paths, onnx)), len(paths))
    return Step(
        "reading and judging in one thread, the networks in another",
        "whole path",
        before,
        after,
        "1.7 (two cores)",
        "yes",
    )


def _left_out(signals: Sequence[np.ndarray], by_torch: Detector) -> list[Step]:
    network, plans = by_torch.bundle.networks[0], by_torch.plans
    inputs = torch.from_numpy(np.concatenate(signals[:MAX_BATCH]))
    starts = [torch.from_numpy(window_starts(inputs.shape[2], plan)) for plan in plans]

    def forward(at: Sequence[torch.Tensor], bfloat16: bool = False) -> Callable[[], None]:
        @torch.inference_mode()
        def work() -> None:
            with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
                network(inputs, at)

        return work

    n = len(inputs)
    forward(starts)()
    whole = ms_each(forward(starts), n, 9)
    first = ms_each(forward([starts[0], starts[1][:0]]), n, 9)
    half = ms_each(forward(starts, bfloat16=True), n, 9)
    return [
        Step(
            "stage two left out altogether",
            "networks, by torch",
            whole,
            first,
            "1.04 (its head's operations)",
            "no: every finding tells the sites' probabilities",
        ),
        Step(
            "products in bfloat16",
            "networks, by torch",
            whole,
            half,
            "2 where the processor has them",
            "no: ONNX Runtime in float32 is as fast, and findings would depend on the machine",
        ),
    ]
