"""Train the row classifier on DS1 of the MIT-BIH database, its operating points chosen from records not learnt from.

    python -m tasks.beats.train_rows --data data/mitdb --out runs/beats_rows   # five minutes on one core

A row of each annotated beat teaches, and one of each R that the paper's way finds: both forms are about. Writes the bundle,
and prints F1 by class out of fold (folds of whole records, dealt so that S beats are spread).
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from bundles import ROOT
from cardiac.errors import ConfigError, DatasetError
from cardiac.files import open_folder
from cardiac.records import read_record
from cardiac.trees import Trees
from learning.run_folder import code_revision
from learning.tracking import add_track_argument, tracked
from learning.trees import fit_trees
from tasks.beats.annotations import read_annotations
from tasks.beats.ec57 import class_scores, macro_f1
from tasks.beats.labels import CLASSES, DS1
from tasks.beats.row_model import CARD, decide, row_features, save_row_classifier, to_probabilities
from tasks.beats.row_recipe import Rows, annotated_rows, paper_rows
from utils import run_command

SETTINGS: dict[str, Any] = {
    "n_trees": 150,
    "seeds": 1,
    "n_leaves": 15,
    "learning_rate": 0.1,
    "min_records": 20,
    "l2": 1.0,
    "feature_share": 0.5,
    "seed": 0,
}
ONE_NORMAL_OF = 8  # N beats that one stands for: seven of eight teach nothing new
N_FOLDS = 5
FORMS = ("annotated", "paper")
OFFSETS = np.arange(-4, 4.01, 0.25)
CHOSEN = (1, 2, 3)  # S, V and F
BETA = {"f1": 1.0, "recall": 2.0}


@dataclass(frozen=True)
class Taught:
    """A record as it teaches: features (n, N_FEATURES) and classes (n,) of either of FORMS."""

    record_id: str
    features: tuple[np.ndarray, ...]
    classes: tuple[np.ndarray, ...]


def read_taught(folder: Path, record_id: str) -> Taught:
    """A record's rows in both forms. Raises RecordError."""
    path = folder / f"{record_id}.hea"
    beats, record = read_annotations(path), read_record(path, leads=None)
    return taught_by(record_id, (annotated_rows(record, beats), paper_rows(record, beats)))


def taught_by(record_id: str, forms: Sequence[Rows]) -> Taught:
    """What rows in both forms teach."""
    return Taught(record_id, tuple(row_features(each.values) for each in forms), tuple(each.targets for each in forms))


def draw_folds(records: Sequence[Taught]) -> np.ndarray:
    """A fold for each record, int (n,); those with most S dealt out first, so that no fold has them all."""
    order = sorted(range(len(records)), key=lambda index: -(records[index].classes[0] == CLASSES.index("S")).sum())
    folds = np.empty(len(records), int)
    folds[order] = np.arange(len(records)) % N_FOLDS
    return folds


def fit(records: Sequence[Taught]) -> Trees:
    """A sum of trees for each class against the others."""
    features, classes = [], []
    for record in records:
        for own, truth in zip(record.features, record.classes, strict=True):
            rows = np.concatenate([np.flatnonzero(truth == 0)[::ONE_NORMAL_OF], np.flatnonzero(truth)])
            features.append(own[rows])
            classes.append(truth[rows])
    truth = np.concatenate(classes)
    targets = [(np.arange(len(truth)), truth == each) for each in range(len(CLASSES))]
    return fit_trees(np.concatenate(features), targets, [SETTINGS] * len(CLASSES))


def out_of_fold(records: Sequence[Taught]) -> list[tuple[np.ndarray, ...]]:
    """Probabilities for each record's rows in both forms by trees that did not see the record, (n, 5) each."""
    folds = draw_folds(records)
    told: list[tuple[np.ndarray, ...]] = [()] * len(records)
    for fold in tqdm(np.unique(folds), desc="folds", file=sys.stderr):
        trees = fit([record for record, own in zip(records, folds, strict=True) if own != fold])
        for index in np.flatnonzero(folds == fold):
            told[index] = tuple(to_probabilities(trees(form)) for form in records[index].features)
    return told


def choose_offsets(probabilities: np.ndarray, classes: np.ndarray) -> dict[str, np.ndarray]:
    """Of each operating point the offsets (5,) with the best mean F over N, S, V and F, one class at a time."""
    return {name: _choose(probabilities, classes, beta) for name, beta in BETA.items()}


def _choose(probabilities: np.ndarray, classes: np.ndarray, beta: float) -> np.ndarray:
    best, offsets = mean_f(decide(probabilities, np.zeros(5)), classes, beta), np.zeros(5)
    for index in CHOSEN * 2:
        for value in OFFSETS:
            trial = offsets.copy()
            trial[index] = value
            score = mean_f(decide(probabilities, trial), classes, beta)
            if score > best + 1e-9:
                best, offsets = score, trial
    return offsets


def mean_f(decided: np.ndarray, classes: np.ndarray, beta: float) -> float:
    """Mean F over N, S, V and F, with sensitivity counted beta times as much as predictivity."""
    scores = []
    for index in range(4):
        own, called = classes == index, decided == index
        whole = beta**2 * own.sum() + called.sum()
        scores.append((1 + beta**2) * (own & called).sum() / whole if whole else 0.0)
    return float(np.mean(scores))


def counts_of(decided: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """How often each class (rows) was called which (columns), int (6, 6) as `ec57.confusion` has it."""
    counts = np.zeros((6, 6), int)
    np.add.at(counts, (classes, decided), 1)
    return counts


def train(folder: Path, record_ids: Sequence[str], out: Path, track: str | None = None) -> dict[str, Any]:
    """The bundle in `out`, and its figures out of fold by form, operating point and class."""
    if (out / CARD).exists():
        raise ConfigError(f"{out} holds a finished bundle: choose another --out, or delete it first")
    open_folder(out)
    with tracked(track, "beats rows", {"trees": SETTINGS, "records": ",".join(record_ids)}) as tracker:
        records = [read_taught(folder, each) for each in tqdm(record_ids, desc="records", file=sys.stderr)]
        told = out_of_fold(records)
        truth = np.concatenate([each.classes[0] for each in records])
        offsets = choose_offsets(np.concatenate([each[0] for each in told]), truth)
        figures = figures_of(records, told, offsets)
        tracker.log_metrics(figures)
        training = {
            "records": list(record_ids),
            "settings": SETTINGS | {"one_normal_of": ONE_NORMAL_OF},
            "out_of_fold": figures,
            "n_rows": {form: sum(len(each.classes[index]) for each in records) for index, form in enumerate(FORMS)},
            "code": code_revision(ROOT),
        }
        save_row_classifier(out, fit(records), offsets, training)
    return figures


def figures_of(
    records: Sequence[Taught], told: Sequence[tuple[np.ndarray, ...]], offsets: dict[str, np.ndarray]
) -> dict[str, Any]:
    """F1 of each class and their mean over N, S, V, F, by "form, operating point"."""
    figures: dict[str, Any] = {}
    for index, form in enumerate(FORMS):
        truth = np.concatenate([each.classes[index] for each in records])
        probabilities = np.concatenate([each[index] for each in told])
        for name, own in offsets.items():
            counts = counts_of(decide(probabilities, own), truth)
            f1 = {label: round(score.f1, 4) for label, score in class_scores(counts).items() if score.n_reference}
            figures[f"{form} {name}"] = f1 | {"macro": round(macro_f1(counts), 4)}
    return figures


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=ROOT / "data" / "mitdb", help="folder of the MIT-BIH database")
    parser.add_argument("--out", type=Path, default=ROOT / "runs" / "beats_rows")
    add_track_argument(parser)
    options = parser.parse_args(arguments)

    def command() -> int:
        if not options.data.is_dir():
            raise DatasetError(f"{options.data}: there is no such folder: give the MIT-BIH database's with --data")
        for name, scores in train(options.data, DS1, options.out, options.track).items():
            print(f"{name:20}" + "  ".join(f"{label} {value:.3f}" for label, value in scores.items()))
        return 0

    return run_command(command, written_to="--out")


if __name__ == "__main__":
    sys.exit(main())
