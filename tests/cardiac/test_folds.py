import dataclasses

import numpy as np
import pytest

from cardiac.errors import DatasetError
from cardiac.folds import check_folds, draw_folds
from tasks.mi.folds import companion_folds
from tasks.mi.simulate import simulate_dataset

rng = np.random.default_rng(0)
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
    with pytest.raises(DatasetError, match="3 patients do not fill 5 folds"):
        draw_folds(TARGETS[:6], PATIENTS[:6], 5, 1)


def test_companions_go_with_their_patient():
    """One of a patient in a fold takes that fold; one of a patient of none teaches everywhere and gets -1."""
    dataset, other, third = (simulate_dataset(n, seed=1) for n in (6, 4, 2))
    other.table["patient_id"] = [4, 100, 0, 4]
    third.table["patient_id"] = [200, 5]
    together = dataclasses.replace(dataset, companions=(other, third))
    folds = np.array([0, 1, 2, 0, 1, 2])
    assert companion_folds(together, folds).tolist() == [*folds, 1, -1, 0, 1, -1, 2]
    assert companion_folds(dataset, folds).tolist() == folds.tolist()
