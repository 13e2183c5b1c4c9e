"""How much do faults of a recording move the answer? Probability, decisions and F1, on the same records with and without.

    python -m benchmarks.robustness --data data/aiijc

Over records of the training part drawn at random, which the shipped networks were taught: the F1 as it is says nothing
of new patients, and what counts is how it changes.
"""

import argparse
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from tqdm import tqdm

from benchmarks.arguments import add_data_and_bundle
from benchmarks.faults import muscle, sine
from benchmarks.quality import share_of
from cardiac.assessment import Assessment
from cardiac.errors import CardiacError
from cardiac.leads import LEADS
from cardiac.measurements.measure import measure_record
from cardiac.metrics import bootstrap_weights, f1_score
from cardiac.quality.assess import assess_quality
from cardiac.records import Record, read_record
from cardiac.signals import resample
from inference import Detector, predict_record
from tasks.mi.datasets import read_dataset
from tasks.mi.labels import SITES

Change = Callable[[np.ndarray, float, np.random.Generator], np.ndarray]


def _gain(factor: float) -> Change:
    return lambda signal, fs_hz, rng: signal * factor


def _every_lead(of_lead: Callable[..., np.ndarray]) -> Change:
    return lambda signal, fs_hz, rng: np.stack([of_lead(row, fs_hz, rng) for row in signal])


def _dead(*leads: str) -> Change:
    return lambda signal, fs_hz, rng: signal * ~np.isin(LEADS, leads)[:, None]


def _leg_off(signal: np.ndarray, fs_hz: float, rng: np.random.Generator) -> np.ndarray:
    """The left leg's electrode is off: I alone is left of the limb leads, and aVR and aVL are halves of it."""
    return np.vstack([np.outer([1, 0, 0, -0.5, 0.5, 0], signal[0]), signal[6:]])


CHANGES: dict[str, Change] = {
    "gain x 0.8": _gain(0.8),
    "gain x 1.2": _gain(1.2),
    "gain x 2": _gain(2),
    "gain x 5": _gain(5),
    "gain x 1/2": _gain(1 / 2),
    "gain x 1/5": _gain(1 / 5),
    "an offset of up to 2 mV on each lead": lambda signal, fs_hz, rng: signal + rng.uniform(-2, 2, (12, 1)),
    "steps of 5 µV": lambda signal, fs_hz, rng: (signal / 0.005).round() * 0.005,
    "hum of 0.1 mV, 50 Hz": _every_lead(sine(0.1, 50)),
    "hum of 0.1 mV, 60 Hz": _every_lead(sine(0.1, 60)),
    "wander of 0.5 mV, 0.3 Hz": _every_lead(sine(0.5, 0.3)),
    "muscle noise at 20 dB": _every_lead(muscle(20)),
    "muscle noise at 10 dB": _every_lead(muscle(10)),
    "muscle noise at 5 dB": _every_lead(muscle(5)),
    **{f"{lead} dead": _dead(lead) for lead in LEADS},
}
# Where too little is seen for a decision, or might be: how good would a decision be?
UNSEEN: dict[str, Change] = {
    "as it is": _dead(),
    "V1 to V6 dead": _dead(*LEADS[6:]),
    "V1 to V4 dead": _dead(*LEADS[6:10]),
    **{f"chest leads but {lead} dead": _dead(*(each for each in LEADS[6:] if each != lead)) for lead in LEADS[6:]},
    "V2, V4 and V6 dead": _dead("V2", "V4", "V6"),
    "V4 to V6 dead": _dead(*LEADS[9:]),
    "II, III and aVF dead": _dead("II", "III", "aVF"),
    "left leg electrode off": _leg_off,
    "I to aVF dead": _dead(*LEADS[:6]),
    "I, aVL, V5 and V6 dead": _dead("I", "aVL", "V5", "V6"),
}
RATES_HZ = (100.0, 250.0, 360.0, 1_000.0)


def changed(record: Record, seed: int) -> dict[str, Record]:
    """The record as it is, and with each change."""
    signal, fs_hz = record.signal.astype(np.float64), record.fs_hz
    made = {"as it is": record}
    for rate in RATES_HZ:
        made[f"resampled to {rate:g} Hz"] = replace(
            record, signal=resample(signal, fs_hz, rate).astype(np.float32), fs_hz=rate
        )
    for index, (name, change) in enumerate(CHANGES.items()):
        rng = np.random.default_rng([seed, index])
        made[name] = replace(record, signal=change(signal, fs_hz, rng).astype(np.float32))
    return made


def measure(rows: np.ndarray, sources: list[Path | Record], detector: Detector) -> dict[str, np.ndarray]:
    """Calibrated probability of infarction of each record under each change, (n,); NaN where it was rejected."""
    probabilities: dict[str, list[float]] = {}
    for row in tqdm(rows, unit="record", disable=None):
        for name, record in changed(read_record(sources[row]), int(row)).items():
            try:
                probability = predict_record(record, detector).mi.probability
            except CardiacError:
                probability = np.nan
            probabilities.setdefault(name, []).append(probability)
    return {name: np.array(each) for name, each in probabilities.items()}


def print_table(probabilities: dict[str, np.ndarray], true: np.ndarray, patients: np.ndarray, threshold: float) -> None:
    """Change of probability and of F1 under each change; a rejected record counts as no infarction."""
    weights = np.vstack([np.ones(len(true)), bootstrap_weights(patients)])
    plain = probabilities["as it is"]
    before = np.array([f1_score(plain >= threshold, true, each) for each in weights])
    print(
        f"F1 as it is: {before[0]:.3f} ({true.sum()} infarctions of {len(true)} records, which the networks were taught).\n"
    )
    print(
        "| change | mean change of probability | 95 % of changes under | decisions changed | no decision | change of F1 |"
    )
    print("|---|---|---|---|---|---|")
    for name, each in probabilities.items():
        if name == "as it is":
            continue
        read = ~np.isnan(each)
        moved = np.abs(each[read] - plain[read])
        over = np.where(read, each, 0) >= threshold
        gain = np.array([f1_score(over, true, one) for one in weights]) - before
        low, high = np.percentile(gain[1:], [2.5, 97.5])
        turned = (over != (plain >= threshold)).mean()
        print(
            f"| {name} | {moved.mean():.3f} | {np.percentile(moved, 95):.3f} | {turned:.1%} | {1 - read.mean():.1%} "
            f"| {gain[0]:+.3f} ({low:+.3f} to {high:+.3f}) |"
        )


def decide_anyway(records: list[Record], detector: Detector, change: Change) -> tuple[np.ndarray, np.ndarray]:
    """Whether an infarction is found under a change, whatever the quality says, and whether it lets decide, bool (n,)."""
    rng, present, usable = np.random.default_rng(0), [], []
    for record in records:
        changed = replace(record, signal=change(record.signal, record.fs_hz, rng).astype(np.float32))
        quality = assess_quality(changed)
        usable.append(quality.status != "rejected")
        present.append(
            detector.predict_batch([changed], [Assessment(quality, measure_record(changed, quality))])[0].mi.present
        )
    return np.array(present), np.array(usable)


def print_unseen(records: list[Record], sites: np.ndarray, infarction: np.ndarray, detector: Detector) -> None:
    """What is found of infarctions of either wall, and of records without one, where leads are dead."""
    inferior = infarction & sites[:, SITES.index("inferior")] & (sites.sum(axis=1) == 1)
    other = infarction & ~sites[:, SITES.index("inferior")]
    print(
        "| leads | infarctions found, inferior | others found | without one, none found | decisions changed | decided |"
    )
    print("|---|---|---|---|---|---|")
    plain, _ = decide_anyway(records, detector, UNSEEN["as it is"])
    for name, change in tqdm(UNSEEN.items(), unit="change", disable=None):
        present, usable = decide_anyway(records, detector, change)
        cells = [share_of(present[inferior]), share_of(present[other]), share_of(~present[~infarction])]
        shares = " | ".join(cell.rsplit(" | ", 2)[0].replace(" | ", " (") + ")" for cell in cells)
        print(f"| {name} | {shares} | {(present != plain).mean():.1%} | {np.mean(usable):.1%} |")


def main() -> int:
    """Print the tables. 0, or 1 with a sentence on standard error."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_data_and_bundle(parser)
    parser.add_argument("--records", type=int, default=500, help="how many are drawn (%(default)s)")
    options = parser.parse_args()
    try:
        dataset, detector = read_dataset(options.data), Detector.load(options.bundle)
        n = min(options.records, len(dataset.infarction))
        rows = np.sort(np.random.default_rng(0).permutation(len(dataset.infarction))[:n])
        probabilities = measure(rows, list(dataset.sources), detector)
        infarcted = np.flatnonzero(dataset.infarction)
        healthy = np.random.default_rng(0).permutation(np.flatnonzero(~dataset.infarction))[: len(infarcted)]
        both = np.sort(np.concatenate([infarcted, healthy]))
        records = [read_record(dataset.sources[row]) for row in both]
    except CardiacError as error:
        print(error, file=sys.stderr)
        return 1
    print_table(probabilities, dataset.infarction[rows], dataset.patients[rows], detector.rule.thresholds.mi)
    print()
    print_unseen(records, dataset.sites[both], dataset.infarction[both], detector)
    return 0


if __name__ == "__main__":
    sys.exit(main())
