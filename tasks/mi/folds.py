"""The folds of a data set and of the weak ones beside it."""

from pathlib import Path

import numpy as np

from cardiac.errors import DatasetError
from cardiac.folds import assign_folds, check_folds
from tasks.mi.datasets import Dataset


def dataset_folds(dataset: Dataset, n_folds: int, seed: int, shipped: Path, out: Path) -> np.ndarray:
    """Folds of the records, (n,): PTB-XL's strat_fold, a folds file that knows them all, or newly drawn.

    shipped : the repository's folds file; one in the run's folder `out` goes before it, and new ones are written there.
    Raises ConfigError where the known folds are another number, DatasetError where a patient stands in two or where a
    fold's training would meet no infarction.
    """
    if dataset.layout == "ptb-xl":
        folds = ((dataset.table["strat_fold"].to_numpy(int) - 1) * n_folds // 10).astype(int)
        check_folds(folds, dataset.patients)
    else:
        targets, drawn = np.column_stack([dataset.infarction, dataset.sites]), out / "folds.csv"
        ids = dataset.table["record_id"]
        folds = assign_folds(ids, targets, dataset.patients, n_folds, seed, (drawn, shipped), drawn)
    for fold in np.unique(folds):
        if not dataset.sites[folds != fold].any():
            raise DatasetError(f"without fold {fold} there is no infarction left to learn from: give more records")
    return folds


def folds_with_weak(dataset: Dataset, folds: np.ndarray) -> np.ndarray:
    """Folds of the data set's records and then of its weak data sets': that of their patient, -1 for a patient of no fold."""
    of_patient = dict(zip(dataset.patients, folds, strict=True))
    others = [of_patient.get(patient, -1) for part in dataset.weak_datasets for patient in part.patients]
    return np.concatenate([folds, np.array(others, dtype=int)])
