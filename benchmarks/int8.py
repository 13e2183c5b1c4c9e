"""Convolutions in integers of eight bits: how much faster, and what AUC and F1 lose by it.

    python -m benchmarks.int8 --data data/aiijc     # needs requirements-export.txt; two minutes

The shipped graph, its convolutions in whole numbers (static ranges, from the records that calibrate), is asked about the
training part beside itself. These records taught the network: what is told is what the rounding costs, not how well it reads.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from benchmarks.arguments import add_data_and_bundle
from bundles import GRAPH
from cardiac.errors import CardiacError
from cardiac.metrics import Figure, bootstrap_weights, f1_score, format_rows, roc_auc, with_interval
from cardiac.records import read_record
from cardiac.signals import prepare_signal
from cardiac.windows import pool_windows, window_starts
from inference import Detector
from runtimes import AT_ONCE, SIGNALS, STARTS, Forward, onnx_forward
from tasks.mi.datasets import Dataset, read_dataset
from tasks.mi.labels import SITES

N_CALIBRATING, WITHIN = 128, 0.002  # records that ranges are taken from; the loss that is allowed


def in_integers(graph: Path, signals: np.ndarray, starts: dict[str, np.ndarray]) -> bytes:
    """The graph with convolutions in integers. signals : (n, n_leads, n_samples), by which ranges are chosen."""
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Reader(CalibrationDataReader):
        parts = iter(np.array_split(signals, -(-len(signals) // AT_ONCE)))

        def get_next(self) -> dict[str, np.ndarray] | None:
            part = next(self.parts, None)
            return None if part is None else {SIGNALS: part, **starts}

    with tempfile.TemporaryDirectory() as folder:
        ready, written = Path(folder, "ready.onnx"), Path(folder, "integers.onnx")
        quant_pre_process(graph, ready, skip_symbolic_shape=True)
        quantize_static(
            ready,
            written,
            Reader(),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=["Conv"],
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
        )
        return written.read_bytes()


def read_and_prepare(dataset: Dataset, detector: Detector) -> np.ndarray:
    """The data set's signals as the network takes them, float32 (n, 12, n_samples)."""
    records = (read_record(source) for source in tqdm(dataset.sources, unit="record", disable=None))
    return np.stack([prepare_signal(each.signal, each.fs_hz, detector.spec) for each in records]).astype(np.float32)


def ask(forward: Forward, signals: np.ndarray, detector: Detector) -> tuple[np.ndarray, float]:
    """Pooled probabilities, (n, 7), and the processor's milliseconds a record."""
    starts = [window_starts(signals.shape[2], plan) for plan in detector.plans]
    started = time.process_time()
    logits = [forward(part, starts) for part in np.array_split(signals, -(-len(signals) // AT_ONCE))]
    taken = 1e3 * (time.process_time() - started) / len(signals)
    by_stage = [np.concatenate(of_stage) for of_stage in zip(*logits, strict=True)]
    return np.concatenate([pool_windows(*each) for each in zip(by_stage, detector.plans, strict=True)], axis=1), taken


def losses(before: np.ndarray, after: np.ndarray, dataset: Dataset, detector: Detector) -> dict[str, Figure]:
    """By how much AUC and F1 differ, after less before, paired. before, after : pooled probabilities, (n, 7)."""
    rule, mi = detector.decisions.alone or detector.decisions.rule, dataset.infarction
    threshold, draws = rule.thresholds.mi, bootstrap_weights(dataset.patients)

    def change(metric: Callable[..., float], pair: Sequence[np.ndarray], targets: np.ndarray) -> Callable[..., float]:
        return lambda weights: metric(pair[1], targets, weights) - metric(pair[0], targets, weights)

    decided = [rule.calibrate(each)[:, 0] >= threshold for each in (before, after)]
    told = {
        "AUC, infarction": with_interval(change(roc_auc, (before[:, 0], after[:, 0]), mi), draws, mi),
        "F1, infarction": with_interval(change(f1_score, decided, mi), draws, mi),
    }
    for index, site in enumerate(SITES):
        pair, own = [each[mi, 1 + index] for each in (before, after)], dataset.sites[mi, index]
        told[f"AUC, {site}"] = with_interval(change(roc_auc, pair, own), draws[:, mi], own)
    return told


def main() -> int:
    """Print both speeds and the losses. 0, or 1 with a sentence on standard error."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_data_and_bundle(parser)
    options = parser.parse_args()
    try:
        dataset, detector = read_dataset(options.data), Detector.load(options.bundle)
        signals = read_and_prepare(dataset, detector)
    except CardiacError as error:
        print(error, file=sys.stderr)
        return 1
    stages = detector.bundle.card.stages
    starts = {
        STARTS.format(stage): window_starts(signals.shape[2], plan)
        for stage, plan in zip(stages, detector.plans, strict=True)
    }
    graph = options.bundle / GRAPH
    drawn = np.random.default_rng(0).permutation(len(signals))[:N_CALIBRATING]
    integers = onnx_forward(in_integers(graph, signals[drawn], starts), [*stages])
    (before, float_ms), (after, integer_ms) = (
        ask(forward, signals, detector) for forward in (onnx_forward(graph.read_bytes(), [*stages]), integers)
    )
    told = losses(before, after, dataset, detector)
    print(f"processor ms a record: {float_ms:.2f} in float32, {integer_ms:.2f} in integers\n")
    print("\n".join(format_rows("integers less float32", told)))
    worst = max(abs(bound) for figure in told.values() for bound in (figure.low, figure.high))
    print(f"\nLargest end of an interval: {worst:.4f}; {WITHIN} is allowed.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
