"""Folds in which no patient stands on two sides."""

from pathlib import Path

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold

from cardiac.datasets import Dataset, read_folds
from cardiac.errors import ConfigError, DatasetError
from cardiac.reports import write_folds


def draw_folds(targets: np.ndarray, patients: np.ndarray, n_folds: int, seed: int) -> np.ndarray:
    """Fold of every record, (n,) int from 0: stratified by the pattern of targets, grouped by patient.

    targets : multi-hot (n, n_outputs).  patients : (n,).
    Patterns rarer than n_folds are stratified with their rarest target, so that these spread over the folds too.
    Raises DatasetError where there are fewer patients than folds.
    """
    if len(np.unique(patients)) < n_folds:
        raise DatasetError(f"{len(np.unique(patients))} patients do not fill {n_folds} folds: give more records")
    strata = _strata(np.asarray(targets, dtype=int), n_folds)
    splitter = StratifiedGroupKFold(n_splits=n_folds, shuffle=True, random_state=seed)
    folds = np.full(len(targets), -1)
    for fold, (_, held) in enumerate(splitter.split(np.zeros(len(targets)), strata, patients)):
        folds[held] = fold
    return folds


def check_folds(folds: np.ndarray, patients: np.ndarray) -> None:
    """Refuse folds that put a patient on two sides. Raises DatasetError naming the patient."""
    order = np.lexsort((folds, patients))
    same_patient = patients[order][1:] == patients[order][:-1]
    leaks = same_patient & (folds[order][1:] != folds[order][:-1])
    if leaks.any():
        patient = patients[order][1:][leaks][0]
        raise DatasetError(f"patient {patient} stands in two folds: draw the folds by patient_id")


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


def _strata(targets: np.ndarray, n_folds: int) -> np.ndarray:
    """An integer a stratum, (n,): the pattern, or its rarest target where the pattern is rarer than the folds."""
    patterns, stratum, counts = np.unique(targets, axis=0, return_inverse=True, return_counts=True)
    rarity = targets.sum(axis=0)
    for index in np.flatnonzero(counts < n_folds):
        present = np.flatnonzero(patterns[index])
        rarest = present[np.argmin(rarity[present])] if len(present) else -1
        stratum[stratum == index] = len(patterns) + rarest
    # A stratum that is still smaller than the folds joins the largest one: it cannot be spread evenly anyway.
    labels, sizes = np.unique(stratum, return_counts=True)
    for label in labels[sizes < n_folds]:
        stratum[stratum == label] = labels[np.argmax(sizes)]
    return stratum
