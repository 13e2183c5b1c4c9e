"""The labelled studies of the CardioSpike case, and those of them that are kept aside to score the shipped model."""

import csv
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from bundles import ROOT
from cardiac.errors import ConfigError
from tasks.rr.studies import Study

ASIDE = (
    ROOT / "checkpoints" / "rr" / "aside.csv"
)  # one of every six studies of like length, drawn before any was looked at
TRAIN, COLUMNS = "train.csv", ("id", "time", "x", "y")
HINT = "give --data the folder with the CardioSpike case's train.csv, or set ECG_DATA to the folder above it"


def aside() -> set[str]:
    """The ids of the studies that no training, threshold or choice has seen."""
    return set(ASIDE.read_text(encoding="utf-8").split()[1:])


def find_data(folder: Path | None = None) -> Path:
    """The folder of the case: the one given, else $ECG_DATA/cardiospike, else data/cardiospike. Raises ConfigError."""
    folder = folder or Path(os.environ.get("ECG_DATA", "data")) / "cardiospike"
    if not (folder / TRAIN).is_file():
        raise ConfigError(f"{folder / TRAIN}: is not there: {HINT}")
    return folder


def read_labelled(folder: Path | None = None) -> list[Study]:
    """All labelled studies, in the file's order. Raises ConfigError where they are not there or not what they should be."""
    path = find_data(folder) / TRAIN
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.reader(file)
        if tuple(next(rows, ())) != COLUMNS:
            raise ConfigError(f"{path}: does not begin with {','.join(COLUMNS)}: {HINT}")
        try:
            table = np.array(list(rows), dtype=np.int64).reshape(-1, len(COLUMNS))
        except ValueError as error:
            raise ConfigError(f"{path}: a value is no whole number: {HINT}") from error
    starts = np.flatnonzero(np.diff(table[:, 0], prepend=table[:1, 0] - 1) != 0)
    parts = np.split(table, starts[1:])
    return [Study(str(part[0, 0]), part[:, 1], part[:, 2], part[:, 3] == 1) for part in parts]


def open_studies(folder: Path | None = None) -> list[Study]:
    """The labelled studies that may teach: all but those kept aside."""
    kept = aside()
    return [each for each in read_labelled(folder) if each.record_id not in kept]


def open_aside(folder: Path | None = None) -> list[Study]:
    """The studies that were kept aside, for the last scoring of a finished model alone."""
    kept = aside()
    return [each for each in read_labelled(folder) if each.record_id in kept]


def draw_folds(studies: Sequence[Study], n_folds: int, seed: int) -> np.ndarray:
    """A fold for each study, int (n,), such that each fold has about as many anomalies: the larger ones dealt out first."""
    rng = np.random.default_rng(seed)
    n_anomalies = np.array([each.targets.sum() for each in studies])
    order = np.lexsort((rng.random(len(studies)), -n_anomalies))
    folds, loads = np.empty(len(studies), int), np.zeros(n_folds)
    for first in range(
        0, len(order), n_folds
    ):  # of every n_folds studies one to each fold, the largest to the lightest
        for fold, index in zip(np.argsort(loads, kind="stable"), order[first : first + n_folds], strict=False):
            folds[index] = fold
            loads[fold] += n_anomalies[index]
    return folds
