"""The nested training on simulated segments: who teaches whom, stopped and gone on with; aeon's part is played by NumPy."""

import json

import numpy as np
import pytest

from bundles import ROOT
from cardiac.errors import ConfigError, DatasetError
from learning.run_folder import STATE
from tasks.ppg import aeon_kernels, train
from tasks.ppg.bundle import load_bundle
from tasks.ppg.classifier import Joining
from tasks.ppg.dataset import Segments
from tasks.ppg.kernels import COMBINATIONS, Kernels
from tasks.ppg.learning import balance_weights, fit_joining
from tasks.ppg.out_of_fold import read_out_of_fold
from tasks.ppg.simulate import FS_HZ, simulate_table
from tasks.ppg.stream import load
from utils import load_config

DEMO = ROOT / "configs" / "ppg_demo.toml"


@pytest.fixture(autouse=True)
def no_aeon(monkeypatch):
    """Kernels of one dilation whose biases are medians: aeon is not where the tests run."""

    def fit_kernels(steps, n_kernels, dilations, seed):
        n = len(COMBINATIONS)
        kernels = Kernels(np.full(n, 3), np.arange(n), np.full(n, True), np.full(n, float(seed), np.float32))
        return kernels, kernels

    monkeypatch.setattr(aeon_kernels, "fit_kernels", fit_kernels)
    monkeypatch.setattr(aeon_kernels, "features_of", lambda kernels, steps: kernels(steps))


@pytest.fixture(scope="module")
def config():
    return load_config(DEMO, [], train.DEFAULTS)


@pytest.fixture(scope="module")
def segments():
    values, labels, people = simulate_table(96)
    kinds, targets = np.unique(labels, return_inverse=True)
    return Segments(values.astype(np.float32), FS_HZ, targets, tuple(map(str, kinds)), people, True)


def test_no_patient_stands_on_two_sides(segments):
    folds = train.draw_all_folds(segments, 3, 2)
    for name, teaches, asked in train._parts(folds):
        assert not set(segments.patients[teaches]) & set(segments.patients[asked]), name
        assert asked.any()
    parts = {name: (teaches, asked) for name, teaches, asked in train._parts(folds)}
    assert len(parts) == 9
    for fold in range(3):  # what fits a fold's joining has seen nobody of the fold
        outer = set(segments.patients[parts[f"fold{fold}"][1]])
        for inner in range(2):
            teaches, asked = parts[f"fold{fold}_inner{inner}"]
            assert not outer & set(segments.patients[teaches | asked])


def test_a_run_writes_a_bundle_that_reads_as_it_was_trained(config, segments, tmp_path):
    told = train.fit(config, segments, tmp_path)
    own = read_out_of_fold(tmp_path)
    assert np.array_equal(own.probabilities, told.probabilities)
    assert np.array_equal(own.targets, segments.targets)
    assert set(own.said) == {"kernels", "trees", "ridge"}
    assert np.allclose(own.probabilities.sum(axis=1), 1, atol=1e-5)
    bundle = load_bundle(tmp_path)
    assert (bundle.kinds, bundle.window_s, bundle.filter) == (("MI", "Normal"), 10.0, "bandpass")
    assert bundle.card["training"]["folds_by"] == "patient"
    assert not (tmp_path / STATE).exists()
    reader = load(tmp_path)
    filtered = [reader.start(FS_HZ).process(each[None]) for each in segments.values]
    right = [
        each["label"] == bundle.kinds[kind]
        for each, kind in zip(reader.read(filtered, FS_HZ), segments.targets, strict=True)
    ]
    assert np.mean(right) > 0.8  # of those that taught it


def test_a_run_goes_on_where_it_was_stopped(config, segments, tmp_path, monkeypatch):
    whole = train.fit(config, segments, tmp_path / "whole")
    real, calls = train.learn_stages, []

    def stops(examples, settings):
        calls.append(len(examples.targets))
        if len(calls) == 4:
            raise KeyboardInterrupt
        return real(examples, settings)

    monkeypatch.setattr(train, "learn_stages", stops)
    with pytest.raises(KeyboardInterrupt):
        train.fit(config, segments, tmp_path / "run")
    with pytest.raises(ConfigError, match="--resume"):
        train.fit(config, segments, tmp_path / "run")
    with pytest.raises(ConfigError, match="other recordings"):
        train.fit(config, segments.take(np.arange(90)), tmp_path / "run", resume=True)
    again = train.fit(config, segments, tmp_path / "run", resume=True)
    assert len(calls) == 4 + 3 + 1  # six parts, of which three were there, and the last training
    assert np.array_equal(again.probabilities, whole.probabilities)
    cards = [json.loads((tmp_path / each / "classifier.json").read_text()) for each in ("whole", "run")]
    assert cards[0]["trees_sha256"] == cards[1]["trees_sha256"]


@pytest.mark.parametrize("setting", ["data.n_folds=1", "kernels.n_kernels=10", "kernels.alpha=0.0", "trees.n_trees=0"])
def test_settings_by_which_nothing_can_be_trained_are_refused(setting, segments, tmp_path):
    with pytest.raises(ConfigError, match=setting.partition("=")[0]):
        train.fit(load_config(DEMO, [setting], train.DEFAULTS), segments, tmp_path)


def test_a_flat_segment_is_named(config, segments, tmp_path):
    values = segments.values.copy()
    values[7] = 0.5
    flat = Segments(values, FS_HZ, segments.targets, segments.kinds, segments.patients, True)
    with pytest.raises(Exception, match="segment 8: there is no pulse"):
        train.fit(config, flat, tmp_path)


def test_the_joining_finds_the_probabilities_that_made_the_labels():
    """Labels drawn from a joining with known parameters."""
    rng = np.random.default_rng(0)
    trees, ridge = rng.normal(size=(20_000, 3)) * 2, rng.normal(size=(20_000, 3))
    truth = Joining(0.7, 1.4, np.array([0.5, 0.0, -0.5]))
    told = truth(trees, ridge)
    targets = (told.cumsum(axis=1) > rng.random(len(told))[:, None]).argmax(axis=1)
    found = fit_joining(trees, ridge, targets)
    assert found.trees == pytest.approx(0.7, abs=0.04)
    assert found.ridge == pytest.approx(1.4, abs=0.06)
    assert np.abs(found(trees, ridge) - told).max() < 0.03


def test_balance():
    targets = np.array([0] * 90 + [1] * 10)
    assert np.allclose(balance_weights(targets, 2, 0), 1)
    weights = balance_weights(targets, 2, 1)
    assert weights[:90].sum() == pytest.approx(weights[90:].sum())


def test_two_kinds_are_needed(segments, tmp_path):
    one = segments.take(segments.targets == 0)
    with pytest.raises(DatasetError, match="two kinds"):
        train.require_labels(one, tmp_path / "pulses.csv")


def test_requirements_are_pinned_with_their_reasons():
    lines = (ROOT / "tasks/ppg/requirements.txt").read_text(encoding="utf-8").splitlines()
    own = [each for each in lines if each and not each.startswith("#")]
    assert any(each.startswith("aeon==1.") for each in own)
    assert all("==" in each.partition("#")[0] and each.partition("#")[2].strip() for each in own)
