"""The learning curve: what is held out teaches nothing and chooses nothing."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks.second_looks import Hospital, curve, draws, go_through, third_of
from bundles import ROOT
from cardiac.metrics import bootstrap_weights
from cardiac.windows import sigmoid
from tasks.mi.features import FEATURES
from tasks.mi.labels import SITES
from tasks.mi.ladder import Looks
from utils import load_config


@pytest.fixture(scope="module")
def looks():
    """240 records of 160 patients."""
    rng = np.random.default_rng(1)
    scores = rng.normal(-1, 2, (240, 7))
    infarction = rng.random(240) < sigmoid(scores[:, 0] - 1)
    sites = (rng.random((240, len(SITES))) < 0.4) & infarction[:, None]
    patients, features = np.arange(240) % 160, rng.normal(size=(240, len(FEATURES)))
    return Looks(patients, infarction, sites, np.zeros(240, int), sigmoid(scores), features)


def hospital_of(looks, held_out):
    config = load_config(ROOT / "configs/second_looks.toml", ["trees.n_trees=3"], ROOT / "configs/mi.toml")
    even = {"method": "platt", "parameters": [1.0, 1.0, 0.0]}
    by_site = dict.fromkeys(SITES, 0.3)
    decisions = {
        "calibration": dict.fromkeys(("mi", *SITES), even),
        "thresholds": {"mi": 0.4, "sites": by_site, "site_scale": by_site},
        "doubt": {"low": 0.1, "high": 0.9},
    }
    bundle = SimpleNamespace(card=SimpleNamespace(decisions=decisions))
    return Hospital(SimpleNamespace(looks=looks), held_out, ROOT, bundle, config)


def test_no_patient_is_drawn_who_is_held_out(looks):
    held_out = third_of(looks)
    assert 60 < held_out.sum() < 100
    drawn = [*draws(looks, held_out, 50, seed=1)]
    assert len({tuple(rows) for rows in drawn}) == 10
    for rows in drawn:
        assert len(rows) == len(set(rows)) == 50
        assert not set(looks.patients[rows]) & set(looks.patients[held_out])
    assert np.array_equal(drawn, [*draws(looks, held_out, 50, seed=1)])


def test_the_labels_held_out_change_nothing_that_is_said(looks):
    held_out = third_of(looks)
    rows = next(draws(looks, held_out, 100, seed=1))
    other = replace(looks, infarction=looks.infarction ^ held_out)
    one, two = (go_through(hospital_of(each, held_out), rows) for each in (looks, other))
    assert one.taken == two.taken
    for step, decided in one.held_out.items():
        assert np.array_equal(decided.probabilities, two.held_out[step].probabilities)
        assert np.array_equal(decided.thresholds, two.held_out[step].thresholds)


def test_the_table_has_a_row_for_every_size_and_step(looks, monkeypatch):
    monkeypatch.setattr("benchmarks.second_looks.N_DRAWS", 2)
    monkeypatch.setattr("cardiac.metrics.bootstrap_weights", lambda patients, *_: bootstrap_weights(patients, 50))
    lines = curve(hospital_of(looks, third_of(looks)), [60, 100])
    rows = [line.split(" | ")[:3] for line in lines if line.startswith(("| 60 |", "| 100 |"))]
    assert [(size.strip("| "), step) for size, _, step in rows] == [
        (size, step) for size in ("60", "100") for step in ("decisions", "trees", "chosen")
    ]
