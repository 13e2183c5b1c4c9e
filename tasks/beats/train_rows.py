"""Train the row classifier on DS1 of the MIT-BIH database, its operating points chosen from records not learnt from.

    python -m tasks.beats.train_rows --data data/mitdb --out runs/beats_rows   # five minutes on one core
    python -m tasks.beats.train_rows --leak   # trains nothing to keep: beats of a patient on both sides, as most tutorials do

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
from cardiac.errors import ConfigError
from cardiac.files import open_folder
from cardiac.records import read_record
from cardiac.trees import Trees
from learning.tracking import add_track_argument, tracked
from learning.trees import fit_trees
from tasks.beats.annotations import read_annotations
from tasks.beats.classifier import decide
from tasks.beats.ec57 import NONE, class_scores, macro_f1
from tasks.beats.examples import find_data
from tasks.beats.labels import CLASSES, DS1
from tasks.beats.row_model import CARD, row_features, save_row_classifier
from tasks.beats.row_recipe import Rows, annotated_rows, paper_rows
from tasks.beats.trees import choose_offsets, draw_folds, say
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
ONE_NORMAL_OF = 4  # N beats that one stands for: three of four teach little new
N_FOLDS = 5
FORMS = ("annotated", "paper")


@dataclass(frozen=True)
class TaughtRows:
    """A record as it teaches: features (n, N_FEATURES) and classes (n,) of either of FORMS."""

    record_id: str
    forms: tuple[np.ndarray, ...]
    truths: tuple[np.ndarray, ...]

    @property
    def classes(self) -> np.ndarray:
        """Of the annotated beats."""
        return self.truths[0]


def read_taught(folder: Path, record_id: str) -> TaughtRows:
    """A record's rows in both forms. Raises RecordError."""
    path = folder / f"{record_id}.hea"
    beats, record = read_annotations(path), read_record(path, leads=None)
    return taught_by(record_id, (annotated_rows(record, beats), paper_rows(record, beats)))


def taught_by(record_id: str, forms: Sequence[Rows]) -> TaughtRows:
    """What rows in both forms teach."""
    return TaughtRows(
        record_id, tuple(row_features(each.values) for each in forms), tuple(each.targets for each in forms)
    )


def fit(records: Sequence[TaughtRows]) -> Trees:
    """A sum of trees for each class against the others; an N beat counts for all that it stands for."""
    features, classes = [], []
    for record in records:
        for own, truth in zip(record.forms, record.truths, strict=True):
            rows = np.concatenate([np.flatnonzero(truth == 0)[::ONE_NORMAL_OF], np.flatnonzero(truth)])
            features.append(own[rows])
            classes.append(truth[rows])
    truth = np.concatenate(classes)
    targets = [(np.arange(len(truth)), truth == each) for each in range(len(CLASSES))]
    weights = np.where(truth == 0, float(ONE_NORMAL_OF), 1.0)
    same = len(CLASSES)
    return fit_trees(np.concatenate(features), targets, [SETTINGS] * same, weights=[weights] * same)


def out_of_fold(records: Sequence[TaughtRows]) -> list[tuple[np.ndarray, ...]]:
    """Probabilities for each record's rows in both forms by trees that did not see the record, (n, 5) each."""
    folds = draw_folds(records, N_FOLDS)
    trees = {
        fold: fit([each for each in records if folds[each.record_id] != fold])
        for fold in tqdm(sorted(set(folds.values())), desc="folds", file=sys.stderr)
    }
    return [say(trees[folds[each.record_id]], each) for each in records]


def counts_of(decided: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """How often each class (rows) was called which (columns), int (6, 6) as `ec57.confusion` has it."""
    counts = np.zeros((NONE + 1, NONE + 1), int)
    np.add.at(counts, (classes, decided), 1)
    return counts


def leaking(records: Sequence[TaughtRows]) -> dict[str, float]:
    """F1 by class where annotated beats, not records, are dealt into folds: what a split that leaks would claim."""
    random = np.random.default_rng(SETTINGS["seed"])
    dealt = [random.integers(0, N_FOLDS, len(each.classes)) for each in records]
    counts = np.zeros((NONE + 1, NONE + 1), int)
    for fold in tqdm(range(N_FOLDS), desc="folds that leak", file=sys.stderr):
        pairs = list(zip(records, dealt, strict=True))
        trees = fit([_some(record, own != fold) for record, own in pairs])
        for record in (_some(record, own == fold) for record, own in pairs):
            counts += counts_of(say(trees, record)[0].argmax(axis=1), record.classes)
    return f1_of(counts)


def _some(record: TaughtRows, chosen: np.ndarray) -> TaughtRows:
    return TaughtRows(record.record_id, (record.forms[0][chosen],), (record.classes[chosen],))


def train(folder: Path, record_ids: Sequence[str], out: Path, track: str | None = None) -> dict[str, Any]:
    """The bundle in `out`, and its figures out of fold by form, operating point and class."""
    if (out / CARD).exists():
        raise ConfigError(f"{out} holds a finished bundle: choose another --out, or delete it first")
    open_folder(out)
    with tracked(track, "beats rows", {"trees": SETTINGS, "records": ",".join(record_ids)}) as tracker:
        records = [read_taught(folder, each) for each in tqdm(record_ids, desc="records", file=sys.stderr)]
        told = out_of_fold(records)
        truth = np.concatenate([each.classes for each in records])
        offsets = choose_offsets(np.concatenate([each[0] for each in told]), truth)
        figures = figures_of(records, told, offsets)
        tracker.log_metrics(figures)
        training = {
            "records": list(record_ids),
            "settings": SETTINGS | {"one_normal_of": ONE_NORMAL_OF},
            "out_of_fold": figures,
            "n_rows": {form: sum(len(each.truths[index]) for each in records) for index, form in enumerate(FORMS)},
        }
        save_row_classifier(out, fit(records), offsets, training)
    return figures


def figures_of(
    records: Sequence[TaughtRows], told: Sequence[tuple[np.ndarray, ...]], offsets: dict[str, np.ndarray]
) -> dict[str, Any]:
    """F1 of each class and their mean over N, S, V, F, by "form, operating point"."""
    figures: dict[str, Any] = {}
    for index, form in enumerate(FORMS):
        truth = np.concatenate([each.truths[index] for each in records])
        probabilities = np.concatenate([each[index] for each in told])
        for name, own in offsets.items():
            figures[f"{form} {name}"] = f1_of(counts_of(decide(probabilities, own), truth))
    return figures


def f1_of(counts: np.ndarray) -> dict[str, float]:
    """F1 of each class that there is, and their mean over N, S, V, F."""
    f1 = {label: round(score.f1, 4) for label, score in class_scores(counts).items() if score.n_reference}
    return f1 | {"macro": round(macro_f1(counts), 4)}


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="the MIT-BIH database's folder; else $ECG_DATA/mitdb, data/mitdb")
    parser.add_argument("--out", type=Path, default=ROOT / "runs" / "beats_rows")
    parser.add_argument(
        "--leak", action="store_true", help="show what a random split of beats would claim, and keep nothing"
    )
    add_track_argument(parser)
    options = parser.parse_args(arguments)

    def command() -> int:
        folder = find_data(options.data)
        if options.leak:
            figures = {"beats at random": leaking([read_taught(folder, each) for each in DS1])}
        else:
            figures = train(folder, DS1, options.out, options.track)
        for name, scores in figures.items():
            print(f"{name:20}" + "  ".join(f"{label} {value:.3f}" for label, value in scores.items()))
        return 0

    return run_command(command, bad_data=1, written_to="--out")


if __name__ == "__main__":
    sys.exit(main())
