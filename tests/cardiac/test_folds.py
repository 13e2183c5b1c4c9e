"""Folds by patient: no leak, all alike, the same for a seed, and the same when they are read back."""

import numpy as np
import pandas as pd
import pytest

from cardiac.errors import ConfigError, DatasetError
from cardiac.folds import assign_folds, check_folds, draw_folds, read_folds, write_folds

rng = np.random.default_rng(0)
RECORDS = [f"{place:05d}" for place in range(300)]
PATIENTS = np.repeat(np.arange(150), 2)
TARGETS = np.repeat(rng.random((150, 3)) < (0.3, 0.1, 0.01), 2, axis=0)


def test_no_patient_crosses_folds_and_none_is_left_out():
    folds = draw_folds(TARGETS, PATIENTS, 5, seed=1)
    assert set(folds) == {0, 1, 2, 3, 4}
    check_folds(folds, PATIENTS)
    assert all(len(set(folds[patient == PATIENTS])) == 1 for patient in range(150))


def test_folds_are_alike():
    folds = draw_folds(TARGETS, PATIENTS, 5, seed=1)
    shares = np.array([TARGETS[folds == fold].mean(axis=0) for fold in range(5)])
    assert np.ptp(shares[:, 0]) < 0.08
    assert np.ptp(np.bincount(folds)) <= 6


def test_same_seed_same_folds_other_seed_others():
    assert np.array_equal(draw_folds(TARGETS, PATIENTS, 5, 1), draw_folds(TARGETS, PATIENTS, 5, 1))
    assert not np.array_equal(draw_folds(TARGETS, PATIENTS, 5, 1), draw_folds(TARGETS, PATIENTS, 5, 2))


def test_a_leak_is_refused_by_name():
    folds = draw_folds(TARGETS, PATIENTS, 5, 1)
    folds[7] = (folds[7] + 1) % 5
    with pytest.raises(DatasetError, match=f"patient {PATIENTS[7]} "):
        check_folds(folds, PATIENTS)


def test_too_few_patients():
    with pytest.raises(DatasetError, match="3 patients are too few for 5 folds"):
        draw_folds(TARGETS[:6], PATIENTS[:6], 5, 1)


def test_folds_there_and_back(tmp_path):
    write_folds(["b", "007"], [1, 0], tmp_path / "folds.csv")
    folds = read_folds(tmp_path / "folds.csv")
    assert folds.to_dict() == {"007": 0, "b": 1}
    assert folds.dtype == int


@pytest.mark.parametrize("fold", ["first", "0.5", "-1", ""])
def test_folds_that_are_none(fold, tmp_path):
    (tmp_path / "folds.csv").write_text(f"record_id,fold\na,{fold}\nb,0\n")
    with pytest.raises(DatasetError, match=r"folds\.csv: a fold is not a whole number from 0"):
        read_folds(tmp_path / "folds.csv")


def assigned(known, out, n_folds=5):
    return assign_folds(pd.Series(RECORDS), TARGETS, PATIENTS, n_folds, 1, known, out)


def test_folds_are_drawn_once_and_then_known(tmp_path):
    """The second time they are read from where the first time wrote them; a file that lacks a record is passed over."""
    drawn, partial = tmp_path / "folds.csv", tmp_path / "partial.csv"
    write_folds(RECORDS[:-1], np.zeros(299, int), partial)
    folds = assigned((drawn, partial), drawn)
    assert np.array_equal(folds, draw_folds(TARGETS, PATIENTS, 5, seed=1))
    other = (folds + 1) % 5
    write_folds(RECORDS, other, drawn)
    assert np.array_equal(assigned((partial, drawn), tmp_path / "unused.csv"), other)
    assert not (tmp_path / "unused.csv").exists()


def test_known_folds_of_another_number_or_with_a_leak_are_refused(tmp_path):
    known = tmp_path / "folds.csv"
    write_folds(RECORDS, np.arange(300) // 2 % 5, known)
    with pytest.raises(ConfigError, match=r"are 5 and data\.n_folds is 4"):
        assigned((known,), tmp_path / "new.csv", n_folds=4)
    write_folds(RECORDS, np.arange(300) % 5, known)
    with pytest.raises(DatasetError, match="is in two folds"):
        assigned((known,), tmp_path / "new.csv")
