"""The folds of a data set and of its companions."""

from pathlib import Path

import numpy as np

from cardiac.errors import ConfigError, DatasetError
from cardiac.folds import check_folds, draw_folds, read_folds, write_folds
from tasks.mi.datasets import Dataset


def assign_folds(dataset: Dataset, n_folds: int, seed: int, shipped: Path, out: Path) -> np.ndarray:
    """Folds of the records, (n,): PTB-XL's strat_fold, a folds file that knows them all, or newly drawn.

    shipped : the repository's folds file; one in the run's folder `out` goes before it, and new ones are written there.
    Raises ConfigError where the known folds are another number, DatasetError where a patient stands in two or where a
    fold's training would meet no infarction.
    """
    ids, drawn = dataset.table["record_id"], out / "folds.csv"
    targets = np.column_stack([dataset.infarction, dataset.sites])
    known = [read_folds(path).reindex(ids) for path in (drawn, shipped) if path.is_file()]
    complete = [series for series in known if series.notna().all()]
    if dataset.layout == "ptb-xl":
        folds = ((dataset.table["strat_fold"].to_numpy(int) - 1) * n_folds // 10).astype(int)
    elif complete:
        folds = complete[0].to_numpy(int)
        if folds.max() + 1 != n_folds:
            raise ConfigError(
                f"the folds of these records are {folds.max() + 1} and data.n_folds is {n_folds}: set it so"
            )
    else:
        folds = draw_folds(targets, dataset.patients, n_folds, seed)
        write_folds(ids, folds, drawn)
    check_folds(folds, dataset.patients)
    for fold in np.unique(folds):
        if not dataset.sites[folds != fold].any():
            raise DatasetError(f"without fold {fold} there is no infarction left to learn from: give more records")
    return folds


def companion_folds(dataset: Dataset, folds: np.ndarray) -> np.ndarray:
    """Folds of the data set's records and then of its companions': that of their patient, -1 for a patient of no fold."""
    of_patient = dict(zip(dataset.patients, folds, strict=True))
    others = [of_patient.get(patient, -1) for part in dataset.companions for patient in part.patients]
    return np.concatenate([folds, np.array(others, dtype=int)])
