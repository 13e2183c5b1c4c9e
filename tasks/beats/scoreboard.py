"""Every shipped model of beats on the validation part, in the hackathon's own shape: results/output.csv.

    make beats                                                    # or: make -C tasks/beats run
    python -m tasks.beats.scoreboard --data data/mitdb --records 101 106   # of the training part, and labelled so

The validation part is DS2 of de Chazal et al. 2004: 22 recordings, none of whose patients taught anything (but for the one
of 201 and 202). Beats stand at their annotated positions, those in ventricular flutter are left out, and every model gets
the same ones. One row a model: `modeltag`, the metrics under the names that their `repr` is, and `TP_0` ... `TP_4`, the
share of each class (N, S, V, F, Q) that was called so; an empty cell is a class without beats.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from bundles import ROOT
from cardiac.errors import DatasetError
from cardiac.files import open_folder, rows_file
from cardiac.records import Record, read_record
from tasks.beats.annotations import read_annotations
from tasks.beats.ec57 import WINDOW_S, class_scores, macro_f1, outside
from tasks.beats.examples import find_data
from tasks.beats.labels import CLASSES, DS1, DS2, PACED
from utils import run_command

MODELS, OUT = ROOT / "checkpoints" / "beats", ROOT / "results" / "output.csv"
TRAINING = " (training part)"


class BeatClassifier(Protocol):
    """What every model of beats is."""

    def __call__(self, record: Record, positions: np.ndarray) -> np.ndarray:
        """Probabilities of CLASSES, (n, 5)."""
        ...

    def decide(self, probabilities: np.ndarray) -> np.ndarray:
        """Which of CLASSES, int (n,)."""
        ...


@dataclass(frozen=True, repr=False)
class Metric:
    """Of a table of counts, int (5, 5), rows the reference; macro is over the classes that occur in either.

    As scikit-learn's functions of the names have it, with nothing to divide by counted as 0.
    """

    average: str = ""

    def __repr__(self) -> str:
        return type(self).__name__ + self.average

    def __call__(self, counts: np.ndarray) -> float:
        """Its value."""
        if self.average == "micro":
            return self.of(np.trace(counts), counts.sum(), counts.sum())
        occurs = np.flatnonzero(counts.sum(axis=0) + counts.sum(axis=1))
        of_class = [self.of(counts[each, each], counts[each].sum(), counts[:, each].sum()) for each in occurs]
        return float(np.mean(of_class))

    def of(self, right: int, reference: int, called: int) -> float:
        """Of one class, by how many beats of it were called so, there are, and were called so at all."""
        raise NotImplementedError


class Accuracy(Metric):
    """Share of beats that are called what they are."""

    def __call__(self, counts: np.ndarray) -> float:
        """Its value."""
        return _ratio(np.trace(counts), counts.sum())


class F1score(Metric):
    """Harmonic mean of precision and recall."""

    def of(self, right: int, reference: int, called: int) -> float:
        """Of one class."""
        return _ratio(2 * right, reference + called)


class Precision(Metric):
    """Share of those called so that are so."""

    def of(self, right: int, reference: int, called: int) -> float:
        """Of one class."""
        return _ratio(right, called)


class Recall(Metric):
    """Share of those that are so that are called so."""

    def of(self, right: int, reference: int, called: int) -> float:
        """Of one class."""
        return _ratio(right, reference)


METRICS = (Accuracy(), F1score("micro"), F1score("macro"), Precision("micro"), Recall("macro"))
COLUMNS = ("modeltag", *map(repr, METRICS), *(f"TP_{index}" for index in range(len(CLASSES))))


def _ratio(part: int, whole: int) -> float:
    return float(part / whole) if whole else 0.0


def find_models(folder: Path = MODELS) -> dict[str, BeatClassifier]:
    """The models under a folder by their folders' names, in order: those with a card that this program knows.

    Raises DatasetError where there is none, BundleError for a damaged one.
    """
    models = {}
    for path in sorted(each for each in folder.glob("*") if each.is_dir()):
        known = [load for card, load in LOADERS.items() if (path / card).is_file()]
        if known:
            models[path.name] = known[0](path)
    if not models:
        raise DatasetError(f"{folder}: holds no model of beats: train one first, or give another folder with --models")
    return models


def _load_trees(folder: Path) -> BeatClassifier:
    from tasks.beats.classifier import load_classifier

    return load_classifier(folder)


def _load_network(folder: Path) -> BeatClassifier:
    from tasks.beats.net_classifier import load_net_classifier

    return load_net_classifier(folder)


def _load_rows(folder: Path) -> BeatClassifier:
    from tasks.beats.row_model import load_row_classifier

    return load_row_classifier(folder)


# By the name of a bundle's card.
LOADERS: dict[str, Callable[[Path], BeatClassifier]] = {
    "classifier.json": _load_trees,
    "beats.json": _load_network,
    "rows.json": _load_rows,
}


def count(models: dict[str, BeatClassifier], data: Path, record_ids: Sequence[str]) -> dict[str, np.ndarray]:
    """How often each class (rows) was called which (columns) by each model, int (5, 5).

    Raises DatasetError for a recording that is not there, RecordError for one that cannot be read.
    """
    missing = [each for each in record_ids if not (data / f"{each}.hea").is_file()]
    if missing:
        raise DatasetError(f"{data}: holds no record {missing[0]}: give the MIT-BIH database's folder with --data")
    counts = {name: np.zeros((len(CLASSES), len(CLASSES)), int) for name in models}
    for record_id in record_ids:
        path = data / f"{record_id}.hea"
        beats, record = read_annotations(path), read_record(path, leads=None)
        kept = outside(beats.positions, beats.flutter, WINDOW_S * record.fs_hz)
        for name, model in models.items():
            called = model.decide(model(record, beats.positions))
            np.add.at(counts[name], (beats.classes[kept], called[kept]), 1)
    return counts


def part_of(record_ids: Sequence[str]) -> str:
    """In words, which part of the database the recordings are."""
    if sorted(record_ids) == sorted(DS2):
        return "validation part: DS2, 22 recordings that taught nothing"
    taught = sorted({*record_ids} & {*DS1})
    if taught:
        return (
            f"training part, which says nothing of other patients: {len(taught)} of {len(record_ids)} taught the models"
        )
    return f"a part of your own: {', '.join(record_ids)}"


def write_scores(counts: dict[str, np.ndarray], path: Path, taught: bool = False) -> None:
    """output.csv, one row a model. taught : whether recordings that the models learnt from are among those counted."""
    open_folder(path.parent)
    with rows_file(path, COLUMNS) as write:
        for name, own in counts.items():
            metrics = {repr(metric): f"{metric(own):.6f}" for metric in METRICS}
            found = [
                f"{own[each, each] / own[each].sum():.6f}" if own[each].any() else None for each in range(len(own))
            ]
            shares = {f"TP_{index}": share for index, share in enumerate(found)}
            write({"modeltag": name + (TRAINING if taught else ""), **metrics, **shares})


def _print_scores(counts: dict[str, np.ndarray]) -> None:
    """F1 of every class, for people."""
    print(f"{'':12}" + "".join(f"{f'F1 {name}':>8}" for name in CLASSES) + f"{'N S V F':>9}")
    for model, own in counts.items():
        padded = np.pad(own, (0, 1))
        scores = class_scores(padded)
        print(f"{model:12}" + "".join(f"{scores[name].f1:8.3f}" for name in CLASSES) + f"{macro_f1(padded):9.3f}")
    beats = next(iter(counts.values())).sum(axis=1)
    print(f"{'beats':12}" + "".join(f"{number:8}" for number in beats))


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="the MIT-BIH database's folder; else $ECG_DATA/mitdb, data/mitdb")
    parser.add_argument("--records", nargs="+", default=list(DS2), metavar="NAME", help="instead of DS2")
    parser.add_argument("--models", type=Path, default=MODELS, help="the folder whose folders are models")
    parser.add_argument("--out", type=Path, default=OUT)
    options = parser.parse_args(arguments)

    def command() -> int:
        paced = sorted({*options.records} & {*PACED})
        if paced:
            raise DatasetError(f"{paced[0]} is paced, and EC 57 leaves it out: leave it out of --records")
        print(part_of(options.records))
        counts = count(find_models(options.models), find_data(options.data), options.records)
        write_scores(counts, options.out, taught=bool({*options.records} & {*DS1}))
        _print_scores(counts)
        print(options.out)
        return 0

    return run_command(command, bad_data=1, written_to="--out")


if __name__ == "__main__":
    sys.exit(main())
