"""Print every figure of a classifier of pulse waves, from what was said of segments by what learnt nothing from their patients.

    python -m tasks.ppg.evaluate                          # the shipped classifier
    python -m tasks.ppg.evaluate --bundle runs/ppg --out tables.md

Needs no recordings. Brackets are 95 % intervals by 1,000 draws of patients.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from cardiac.files import replace_file
from tasks.ppg.bundle import SHIPPED, load_bundle
from tasks.ppg.out_of_fold import OutOfFold, checksum_of, read_out_of_fold
from tasks.ppg.scores import Interval, Scores, scores_of
from utils import run_command

JOINED = "trees and ridge, joined"
FAMILIES = {
    "kernels": "MiniRocket's kernels, ridge",
    "trees": "pulses, trees",
    "ridge": "kernels and pulses, ridge",
}
OTHERS = "families.npz"  # what `tasks.ppg.families` made, beside the bundle
MORE = {
    "mini": "MiniRocket of the segments alone, RidgeClassifierCV",
    "multi": "MultiRocket, RidgeClassifierCV",
    "shapelets": "shapelet transform, RidgeClassifierCV",
}


def report(told: OutOfFold, kinds: Sequence[str], n_patients: int | None, others: OutOfFold | None = None) -> str:
    """All tables, Markdown. n_patients : None where folds were drawn by segment.  others : families beside the bundle."""
    said = told.probabilities.argmax(axis=1)
    families = {FAMILIES.get(name, name): each for name, each in told.said.items()}
    if others is not None:
        families = {MORE.get(name, name): each for name, each in others.said.items()} | families
    rows = {name: _scores(each, told, kinds) for name, each in families.items()}
    best = rows[JOINED] = _scores(said, told, kinds)
    by = f"{n_patients} patients" if n_patients else "no patients named, folds by segment"
    parts = [f"{len(said):,} segments, {by}, {told.folds.max() + 1} folds. Predictions {checksum_of(told)[:12]}."]
    parts += ["### Families", _families(rows), "### Kinds", _kinds(best, kinds)]
    parts += [
        "### What was said of what",
        _confusions(best.counts, kinds),
        "### Folds, one by one",
        _folds(told, kinds),
    ]
    return "\n\n".join([*parts, "### Are the probabilities true?", _calibration(told)])


def _scores(said: np.ndarray, told: OutOfFold, kinds: Sequence[str]) -> Scores:
    return scores_of(said, told.targets, told.patients, len(kinds))


def _cell(figure: Interval) -> str:
    return "{:.3f} ({:.3f} to {:.3f})".format(*figure)


def _families(rows: dict[str, Scores]) -> str:
    lines = ["| | macro-F1 | accuracy | mean sensitivity |", "|---|---|---|---|"]
    for name, own in rows.items():
        lines.append(f"| {name} | {_cell(own.macro_f1)} | {_cell(own.accuracy)} | {_cell(own.mean_sensitivity)} |")
    return "\n".join(lines)


def _kinds(own: Scores, kinds: Sequence[str]) -> str:
    lines = ["| | segments | sensitivity | precision | F1 |", "|---|---|---|---|---|"]
    columns = zip(kinds, own.counts.sum(axis=1), own.sensitivity, own.precision, own.f1, strict=True)
    for kind, n, *figures in columns:
        lines.append(f"| {kind} | {n:,} | {' | '.join(map(_cell, figures))} |")
    return "\n".join(lines)


def _confusions(counts: np.ndarray, kinds: Sequence[str]) -> str:
    lines = ["| is \\ said | " + " | ".join(kinds) + " |", "|---" * (1 + len(kinds)) + "|"]
    lines += [
        f"| {kind} | " + " | ".join(f"{each:,}" for each in row) + " |" for kind, row in zip(kinds, counts, strict=True)
    ]
    return "\n".join(lines)


def _folds(told: OutOfFold, kinds: Sequence[str]) -> str:
    lines = ["| fold | segments | patients | macro-F1 | accuracy |", "|---|---|---|---|---|"]
    said = told.probabilities.argmax(axis=1)
    for fold in range(int(told.folds.max()) + 1):
        own = told.folds == fold
        scores = scores_of(said[own], told.targets[own], told.patients[own], len(kinds))
        n_patients = len(np.unique(told.patients[own]))
        lines.append(f"| {fold} | {own.sum():,} | {n_patients} | {scores.macro_f1[0]:.3f} | {scores.accuracy[0]:.3f} |")
    return "\n".join(lines)


def _calibration(told: OutOfFold, n_bins: int = 10) -> str:
    """Of the kind that is named: how often it is right where how much is said."""
    highest, right = told.probabilities.max(axis=1), told.probabilities.argmax(axis=1) == told.targets
    bins = np.minimum((highest * n_bins).astype(int), n_bins - 1)
    lines, gap = ["| said | segments | mean said | right |", "|---|---|---|---|"], 0.0
    for index in range(n_bins):
        own = bins == index
        if own.any():
            gap += abs(highest[own].sum() - right[own].sum()) / len(right)
            span = f"{index / n_bins:.1f} to {(index + 1) / n_bins:.1f}"
            lines.append(f"| {span} | {own.sum():,} | {highest[own].mean():.3f} | {right[own].mean():.3f} |")
    own = told.probabilities[np.arange(len(right)), told.targets]
    loss = -np.log(np.maximum(own, 1e-12)).mean()
    return "\n".join(lines) + f"\n\nExpected calibration error {gap:.3f}; mean negative log-likelihood {loss:.3f}."


def bundle_report(folder: Path) -> str:
    """The tables of a bundle's folder. Raises BundleError, ConfigError."""
    bundle = load_bundle(folder)
    others = read_out_of_fold(folder, OTHERS) if (folder / OTHERS).is_file() else None
    return report(read_out_of_fold(folder), bundle.kinds, bundle.card["training"]["n_patients"], others)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line. 0; 2 for what cannot be carried out."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bundle", type=Path, default=SHIPPED, help="folder of the classifier (%(default)s)")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the tables into a file as well")
    options = parser.parse_args(arguments)

    def command() -> int:
        text = bundle_report(options.bundle)
        print(text)
        if options.out:
            replace_file(options.out, f"{text}\n".encode())
        return 0

    return run_command(command, written_to="--out")


if __name__ == "__main__":
    sys.exit(main())
