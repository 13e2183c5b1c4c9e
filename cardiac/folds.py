"""Folds in which no patient stands on two sides: drawn, checked, written and read back."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from cardiac.errors import ConfigError, DatasetError
from cardiac.files import read_table, write_table

if TYPE_CHECKING:
    import pandas as pd


def assign_folds(
    record_ids: "pd.Series",
    targets: np.ndarray,
    patients: np.ndarray,
    n_folds: int,
    seed: int,
    known: Sequence[Path],
    out: Path,
) -> np.ndarray:
    """Folds of records, (n,) int: as the first folds file has them that knows them all, else newly drawn into `out`.

    targets, patients : as `draw_folds` takes them.  known : folds files, which need not exist.
    Raises ConfigError where the known folds are another number, DatasetError where a patient stands in two.
    """
    files = [read_folds(path).reindex(record_ids) for path in known if path.is_file()]
    complete = [series for series in files if series.notna().all()]
    if complete:
        folds = complete[0].to_numpy(int)
        if folds.max() + 1 != n_folds:
            raise ConfigError(
                f"the folds of these records are {folds.max() + 1} and data.n_folds is {n_folds}: set both alike"
            )
    else:
        folds = draw_folds(targets, patients, n_folds, seed)
        write_folds(record_ids, folds, out)
    check_folds(folds, patients)
    return folds


def draw_folds(targets: np.ndarray, patients: np.ndarray, n_folds: int, seed: int) -> np.ndarray:
    """Fold of every record, (n,) int from 0: stratified by the pattern of targets, grouped by patient.

    targets : multi-hot (n, n_outputs).  patients : (n,), anything that sorts.  seed : another gives other folds.
    Patterns rarer than n_folds are stratified with their rarest target, so that these spread over the folds too.
    Raises DatasetError where there are fewer patients than folds.
    """
    if len(np.unique(patients)) < n_folds:
        raise DatasetError(f"{len(np.unique(patients))} patients are too few for {n_folds} folds: add more records")
    from sklearn.model_selection import StratifiedGroupKFold  # slow to import

    strata = _strata(np.asarray(targets, dtype=int), n_folds)
    splitter = StratifiedGroupKFold(n_splits=n_folds, shuffle=True, random_state=seed)
    folds = np.full(len(targets), -1)
    for fold, (_, members) in enumerate(splitter.split(np.zeros(len(targets)), strata, patients)):
        folds[members] = fold
    return folds


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


def check_folds(folds: np.ndarray, patients: np.ndarray) -> None:
    """Refuse folds that put a patient on two sides. (n,), (n,). Raises DatasetError naming the patient."""
    order = np.lexsort((folds, patients))
    same_patient = patients[order][1:] == patients[order][:-1]
    leaks = same_patient & (folds[order][1:] != folds[order][:-1])
    if leaks.any():
        patient = patients[order][1:][leaks][0]
        raise DatasetError(f"patient {patient} is in two folds: draw the folds by patient_id")


def write_folds(record_ids: Sequence[str], folds: Sequence[int], path: Path) -> None:
    """Write a folds file as `read_folds` reads it. Raises CardiacError where the disk is full."""
    write_table({"record_id": record_ids, "fold": folds}, path)


def read_folds(path: str | Path) -> "pd.Series":
    """Fold of each record, int from 0, by record_id, from a folds file: a CSV table of record_id and fold.

    Raises DatasetError where it is none, names a record twice, or holds a fold that is no whole number.
    """
    path = Path(path)
    table = read_table(path, ["record_id", "fold"], text=["record_id"])
    if not table["fold"].isin(range(len(table))).all():
        raise DatasetError(f"{path.name}: a fold is not a whole number from 0 up: use the file as it was drawn")
    return table.set_index("record_id")["fold"].astype(int)
