import dataclasses
from pathlib import Path

import numpy as np
import pytest

from tasks.mi.examples import Examples, build_examples, draw_batch, middle_batch, training_rows
from tasks.mi.labels import AUXILIARY, SITES
from tasks.mi.simulate import simulate_dataset
from utils import load_config

CONFIG = load_config(Path(__file__).parents[3] / "configs/mi.toml")
SETTINGS = CONFIG["train"] | {"crop": 200}
PLAIN = SETTINGS | dict.fromkeys(("gain", "unknown_gain", "noise", "lead_drop", "mixup"), 0.0)
N_OUTPUTS = 1 + len(SITES) + len(AUXILIARY)
OWN = simulate_dataset(6, seed=1)
SOFT = CONFIG["data"] | {"weak_present": 0.75, "weak_absent": 0.05}


@pytest.fixture(scope="module")
def examples() -> Examples:
    """Six records, the first with codes; four weak ones with codes; one without, whose amplitudes are made up."""
    codes = np.full((6, len(AUXILIARY)), np.nan)
    codes[0] = 0.25
    others, last = simulate_dataset(4, seed=2), simulate_dataset(1, seed=3)
    told = dataclasses.replace(others, codes=np.ones((4, len(AUXILIARY)), dtype=np.float32))
    last = dataclasses.replace(last, layout="ptb-xl-filtered")
    dataset = dataclasses.replace(OWN, codes=codes, weak_datasets=(told, last))
    rng = np.random.default_rng(0)
    signals = [rng.standard_normal((12, 300 + 10 * n)).astype(np.float32) for n in range(11)]
    return build_examples(dataset, signals, SOFT)


def test_shapes(examples):
    assert examples.n_records == 6
    assert examples.targets.shape == examples.weights.shape == (11, N_OUTPUTS)
    assert examples.targets.dtype == examples.weights.dtype == np.float32
    assert np.isfinite(examples.targets).all()


def test_everyone_teaches_infarction_and_weak_ones_softly(examples):
    assert (examples.weights[:, 0] == 1).all()
    assert examples.targets[:6, 0].tolist() == [0, 1, 0, 1, 0, 1]
    assert np.allclose(examples.targets[6:, 0], [0.05, 0.75, 0.05, 0.75, 0.05])


def test_sites_are_taught_by_the_data_sets_infarctions_alone(examples):
    of_sites = slice(1, 1 + len(SITES))
    assert examples.weights[:, of_sites].any(axis=1).tolist() == [False, True] * 3 + [False] * 5
    assert (examples.weights[[1, 3, 5], of_sites] == 1).all()
    assert np.array_equal(examples.targets[:6, of_sites], OWN.sites)


def test_own_infarctions_alone_are_repeated(examples):
    assert examples.infarction.tolist() == [False, True] * 3 + [False, True] * 2 + [False]
    rows = training_rows(examples, np.full(11, -1), None, 1.0, 3, seed=1)
    assert np.bincount(rows).tolist() == [1, 3] * 3 + [1] * 5


def test_an_infarction_without_a_site_is_repeated_too():
    """Whether a record has one is asked of its labels, not of how much its sites count."""
    signals = [np.zeros((12, 300), dtype=np.float32)] * 6
    unlocated = dataclasses.replace(OWN, sites=np.zeros_like(OWN.sites))
    rows = training_rows(build_examples(unlocated, signals, SOFT), np.full(6, -1), None, 1.0, 2, seed=1)
    assert np.bincount(rows).tolist() == [1, 2] * 3


def test_unknown_codes_weigh_nothing(examples):
    codes = slice(1 + len(SITES), None)
    known = (examples.weights[:, codes] == 1).all(axis=1)
    assert known.tolist() == [True] + [False] * 5 + [True] * 4 + [False]
    assert (examples.weights[~known, codes] == 0).all()
    assert (examples.targets[0, codes] == 0.25).all()
    assert (examples.targets[6:10, codes] == 1).all()


def test_made_up_amplitudes_are_varied_and_no_others(examples):
    """One gain for the limb leads together, one for each chest lead."""
    assert examples.amplitude_known.tolist() == [True] * 10 + [False]
    rows = np.array([2, 7, 10, 10])
    plain, _, _ = draw_batch(examples, rows, np.random.default_rng(0), PLAIN)
    varied, _, _ = draw_batch(examples, rows, np.random.default_rng(0), {**PLAIN, "unknown_gain": 0.3})
    assert np.array_equal(varied[:2], plain[:2])
    gains = varied[2:] / plain[2:]
    assert np.ptp(gains, axis=2).max() < 1e-4
    assert np.ptp(gains[:, :6], axis=1).max() < 1e-4
    assert np.ptp(gains[:, 6:, 0], axis=1).min() > 0.05
    assert not np.allclose(gains[0], gains[1])


def test_batches_have_the_shapes_that_are_asked_for(examples):
    rows = np.array([0, 7, 7, 3, 10])
    for copies, n in ((0.0, 5), (0.05, 10)):
        batch = draw_batch(examples, rows, np.random.default_rng(0), {**SETTINGS, "noisy_copies": copies})
        assert [part.shape for part in batch] == [(n, 12, 200), (n, N_OUTPUTS), (n, N_OUTPUTS)]
        assert {part.dtype for part in batch} == {np.dtype(np.float32)}
    assert np.array_equal(batch[1][:5], batch[1][5:])
    assert not np.array_equal(batch[0][:5], batch[0][5:])


def test_the_same_seed_draws_the_same_batch(examples):
    rows = np.arange(11)
    one, same, other = (draw_batch(examples, rows, np.random.default_rng(seed), SETTINGS) for seed in (1, 1, 2))
    assert all(np.array_equal(*each) for each in zip(one, same, strict=True))
    assert not any(np.array_equal(*each) for each in zip(one, other, strict=True))


def test_with_nothing_changed_a_batch_is_cut_from_its_records(examples):
    rows = np.array([4, 9])
    sections, targets, weights = draw_batch(examples, rows, np.random.default_rng(0), PLAIN)
    for section, row in zip(sections, rows, strict=True):
        places = np.lib.stride_tricks.sliding_window_view(examples.signals[row][0], 200)
        start = int(np.flatnonzero((places == section[0]).all(axis=1))[0])
        assert np.array_equal(section, examples.signals[row][:, start : start + 200])
    assert np.array_equal(targets, examples.targets[rows])
    assert np.array_equal(weights, examples.weights[rows])


def test_the_middle_is_the_middle(examples):
    sections, targets, weights = middle_batch(examples, np.array([1, 10]), 200)
    assert np.array_equal(sections[0], examples.signals[1][:, 55:255])
    assert np.array_equal(sections[1], examples.signals[10][:, 100:300])
    assert np.array_equal(targets, examples.targets[[1, 10]])
    assert np.array_equal(weights, examples.weights[[1, 10]])


def test_an_epoch_takes_no_row_of_its_fold_and_infarctions_oftener(examples):
    folds = np.array([0, 1, 0, 1, 0, 1, 0, -1, 1, -1, -1])
    rows = training_rows(examples, folds, 1, 1.0, 3, seed=1)
    assert set(rows) == set(np.flatnonzero(folds != 1))
    located = np.flatnonzero(OWN.infarction & (folds[:6] != 1))
    assert [np.sum(rows == row) for row in located] == [3] * len(located)
    assert set(training_rows(examples, folds, None, 1.0, 1, seed=1)) == set(range(11))


def test_a_share_of_the_records_leaves_the_weak_datasets(examples):
    rows = training_rows(examples, np.zeros(11, int), None, 0.4, 1, seed=1)
    assert 0 < np.sum(rows < 6) < 6
    assert set(range(6, 11)) <= set(rows)
    assert np.array_equal(rows, training_rows(examples, np.zeros(11, int), None, 0.4, 1, seed=1))
