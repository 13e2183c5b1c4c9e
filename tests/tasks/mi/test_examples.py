import dataclasses
from pathlib import Path

import numpy as np
import pytest

from tasks.mi.examples import Lessons, draw_batch, middle_batch, taught_rows, teach
from tasks.mi.labels import AUXILIARY, SITES
from tasks.mi.simulate import simulate_dataset
from utils import load_config

CONFIG = load_config(Path(__file__).parents[2] / "configs/mi.toml")
SETTINGS = CONFIG["train"] | {"crop": 200}
PLAIN = SETTINGS | dict.fromkeys(("gain", "unknown_gain", "noise", "lead_drop", "mixup", "turn", "warp"), 0.0)
N_OUTPUTS = 1 + len(SITES) + len(AUXILIARY)
OWN = simulate_dataset(6, seed=1)
TAUGHT = CONFIG["data"] | {
    "companion_present": 0.75,
    "companion_absent": 0.05,
    "disagreement": 0.0,
    "noisy_weight": 1.0,
}


@pytest.fixture(scope="module")
def lessons() -> Lessons:
    """Six records, the first with codes; four companions with codes; one without, whose amplitudes are made up."""
    codes = np.full((6, len(AUXILIARY)), np.nan)
    codes[0] = 0.25
    others, last = simulate_dataset(4, seed=2), simulate_dataset(1, seed=3)
    told = dataclasses.replace(others, codes=np.ones((4, len(AUXILIARY)), dtype=np.float32))
    last = dataclasses.replace(last, layout="ptb-xl-filtered")
    dataset = dataclasses.replace(OWN, codes=codes, companions=(told, last))
    rng = np.random.default_rng(0)
    signals = [rng.standard_normal((12, 300 + 10 * n)).astype(np.float32) for n in range(11)]
    return teach(dataset, signals, TAUGHT)


def test_shapes(lessons):
    assert lessons.n_records == 6
    assert lessons.targets.shape == lessons.weights.shape == (11, N_OUTPUTS)
    assert lessons.targets.dtype == lessons.weights.dtype == np.float32
    assert np.isfinite(lessons.targets).all()


def test_everyone_teaches_infarction_and_companions_softly(lessons):
    assert (lessons.weights[:, 0] == 1).all()
    assert lessons.targets[:6, 0].tolist() == [0, 1, 0, 1, 0, 1]
    assert np.allclose(lessons.targets[6:, 0], [0.05, 0.75, 0.05, 0.75, 0.05])


def test_sites_are_taught_by_the_data_sets_infarctions_alone(lessons):
    of_sites = slice(1, 1 + len(SITES))
    assert lessons.weights[:, of_sites].any(axis=1).tolist() == [False, True] * 3 + [False] * 5
    assert (lessons.weights[[1, 3, 5], of_sites] == 1).all()
    assert np.array_equal(lessons.targets[:6, of_sites], OWN.sites)


def test_companions_sites_count_as_told_and_septal_never(lessons):
    told = simulate_dataset(4, seed=2)
    dataset = dataclasses.replace(OWN, companions=(told,))
    signals = [np.zeros((12, 300), dtype=np.float32)] * 10
    taught = teach(dataset, signals, TAUGHT | {"companion_sites": 0.5})
    of_sites = slice(1, 1 + len(SITES))
    weights = taught.weights[6:, of_sites]
    assert SITES[0] == "septal"
    assert (weights[:, 0] == 0).all()
    assert np.array_equal(weights[:, 1:], np.where(told.infarction[:, None], 0.5, 0.0).repeat(5, axis=1))
    assert np.allclose(taught.targets[6:, of_sites], np.where(told.sites, 0.75, 0.05))
    assert np.array_equal(taught.weights[:6], lessons.weights[:6] * (taught.weights[:6] > 0))
    rows = taught_rows(taught, np.full(10, -1), None, 1.0, 3, seed=1)
    assert np.bincount(rows).tolist() == [1, 3] * 3 + [1] * 4  # the data set's own infarctions alone are repeated


def test_contradicted_records_teach_softly_and_noisy_ones_count_less():
    told = OWN.table.assign(ptbxl_infarction=[0, 1, 1, 0, np.nan, np.nan], noisy=[False] * 5 + [True])
    signals = [np.zeros((12, 300), dtype=np.float32)] * 6
    taught = teach(dataclasses.replace(OWN, table=told), signals, TAUGHT | {"disagreement": 0.2, "noisy_weight": 0.5})
    assert np.allclose(taught.targets[:, 0], [0, 1, 0.2, 0.8, 0, 1])
    assert taught.weights[:, 0].tolist() == [1, 1, 1, 1, 1, 0.5]
    assert (taught.weights[5, 1:7] == 0.5).all()
    assert np.array_equal(taught.targets[:, 1:7], OWN.sites)


def test_unknown_codes_weigh_nothing(lessons):
    codes = slice(1 + len(SITES), None)
    known = (lessons.weights[:, codes] == 1).all(axis=1)
    assert known.tolist() == [True] + [False] * 5 + [True] * 4 + [False]
    assert (lessons.weights[~known, codes] == 0).all()
    assert (lessons.targets[0, codes] == 0.25).all()
    assert (lessons.targets[6:10, codes] == 1).all()


def test_made_up_amplitudes_are_varied_and_no_others(lessons):
    """One gain for the limb leads together, one for each chest lead."""
    assert lessons.amplitude_known.tolist() == [True] * 10 + [False]
    rows = np.array([2, 7, 10, 10])
    plain, _, _ = draw_batch(lessons, rows, np.random.default_rng(0), PLAIN)
    varied, _, _ = draw_batch(lessons, rows, np.random.default_rng(0), {**PLAIN, "unknown_gain": 0.3})
    assert np.array_equal(varied[:2], plain[:2])
    gains = varied[2:] / plain[2:]
    assert np.ptp(gains, axis=2).max() < 1e-4
    assert np.ptp(gains[:, :6], axis=1).max() < 1e-4
    assert np.ptp(gains[:, 6:, 0], axis=1).min() > 0.05
    assert not np.allclose(gains[0], gains[1])


def test_batches_have_the_shapes_that_are_asked_for(lessons):
    rows = np.array([0, 7, 7, 3, 10])
    for copies, n in ((0.0, 5), (0.05, 10)):
        batch = draw_batch(lessons, rows, np.random.default_rng(0), {**SETTINGS, "noisy_copies": copies})
        assert [part.shape for part in batch] == [(n, 12, 200), (n, N_OUTPUTS), (n, N_OUTPUTS)]
        assert {part.dtype for part in batch} == {np.dtype(np.float32)}
    assert np.array_equal(batch[1][:5], batch[1][5:])
    assert not np.array_equal(batch[0][:5], batch[0][5:])


def test_the_same_seed_draws_the_same_batch(lessons):
    rows = np.arange(11)
    one, same, other = (draw_batch(lessons, rows, np.random.default_rng(seed), SETTINGS) for seed in (1, 1, 2))
    assert all(np.array_equal(*each) for each in zip(one, same, strict=True))
    assert not any(np.array_equal(*each) for each in zip(one, other, strict=True))


def test_with_nothing_changed_a_batch_is_cut_from_its_records(lessons):
    rows = np.array([4, 9])
    sections, targets, weights = draw_batch(lessons, rows, np.random.default_rng(0), PLAIN)
    for section, row in zip(sections, rows, strict=True):
        places = np.lib.stride_tricks.sliding_window_view(lessons.signals[row][0], 200)
        start = int(np.flatnonzero((places == section[0]).all(axis=1))[0])
        assert np.array_equal(section, lessons.signals[row][:, start : start + 200])
    assert np.array_equal(targets, lessons.targets[rows])
    assert np.array_equal(weights, lessons.weights[rows])


def test_the_middle_is_the_middle(lessons):
    sections, targets, weights = middle_batch(lessons, np.array([1, 10]), 200)
    assert np.array_equal(sections[0], lessons.signals[1][:, 55:255])
    assert np.array_equal(sections[1], lessons.signals[10][:, 100:300])
    assert np.array_equal(targets, lessons.targets[[1, 10]])
    assert np.array_equal(weights, lessons.weights[[1, 10]])


def test_an_epoch_takes_no_row_of_its_fold_and_infarctions_oftener(lessons):
    folds = np.array([0, 1, 0, 1, 0, 1, 0, -1, 1, -1, -1])
    rows = taught_rows(lessons, folds, 1, 1.0, 3, seed=1)
    assert set(rows) == set(np.flatnonzero(folds != 1))
    located = np.flatnonzero(OWN.infarction & (folds[:6] != 1))
    assert [np.sum(rows == row) for row in located] == [3] * len(located)
    assert set(taught_rows(lessons, folds, None, 1.0, 1, seed=1)) == set(range(11))


def test_a_share_of_the_records_leaves_the_companions(lessons):
    rows = taught_rows(lessons, np.zeros(11, int), None, 0.4, 1, seed=1)
    assert 0 < np.sum(rows < 6) < 6
    assert set(range(6, 11)) <= set(rows)
    assert np.array_equal(rows, taught_rows(lessons, np.zeros(11, int), None, 0.4, 1, seed=1))
