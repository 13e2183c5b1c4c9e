"""Against scikit-learn, which shares no line with ours."""

import numpy as np
import pytest
from sklearn import metrics as oracle

from cardiac import metrics

rng = np.random.default_rng(0)
TARGETS = rng.random(400) < 0.2
SCORES = np.clip(0.35 * TARGETS + 0.65 * rng.random(400), 0, 1).round(2)  # rounded: ties
WEIGHTS = rng.integers(0, 4, 400).astype(float)


def test_ranking_metrics():
    assert metrics.roc_auc(SCORES, TARGETS, WEIGHTS) == pytest.approx(
        oracle.roc_auc_score(TARGETS, SCORES, sample_weight=WEIGHTS)
    )
    assert metrics.average_precision(SCORES, TARGETS, WEIGHTS) == pytest.approx(
        oracle.average_precision_score(TARGETS, SCORES, sample_weight=WEIGHTS)
    )


def test_decision_metrics():
    present = SCORES >= 0.4
    assert metrics.sensitivity(present, TARGETS, WEIGHTS) == pytest.approx(
        oracle.recall_score(TARGETS, present, sample_weight=WEIGHTS)
    )
    assert metrics.specificity(present, TARGETS, WEIGHTS) == pytest.approx(
        oracle.recall_score(~TARGETS, ~present, sample_weight=WEIGHTS)
    )
    two = np.column_stack([present, ~present]), np.column_stack([TARGETS, TARGETS])
    assert metrics.f1_scores(*two, WEIGHTS) == pytest.approx(
        oracle.f1_score(two[1], two[0], average=None, sample_weight=WEIGHTS)
    )


def test_an_output_that_is_never_there_has_f1_zero():
    nothing = np.zeros((5, 1), bool)
    assert metrics.f1_scores(nothing, nothing, np.ones(5)) == [0.0]
    assert metrics.f1_score(nothing[:, 0], nothing[:, 0], np.ones(5)) == 0.0


def test_without_positives_or_negatives_there_is_nothing_to_rank():
    scores, ones = np.arange(5.0), np.ones(5)
    for targets in (np.zeros(5, bool), np.ones(5, bool)):
        assert metrics.roc_auc(scores, targets, ones) == 0.0
    assert metrics.average_precision(scores, np.zeros(5, bool), ones) == 0.0


def test_log_loss():
    probabilities = np.clip(SCORES, 0.01, 0.99)
    expected = oracle.log_loss(TARGETS, probabilities, sample_weight=WEIGHTS)
    assert metrics.log_loss(probabilities, TARGETS, WEIGHTS) == pytest.approx(expected)
    assert metrics.log_loss(np.zeros(1), np.ones(1, bool), np.ones(1)) == pytest.approx(-np.log(1e-12))


def test_calibration():
    assert metrics.brier_score(SCORES, TARGETS, WEIGHTS) == pytest.approx(
        oracle.brier_score_loss(TARGETS, SCORES, sample_weight=WEIGHTS)
    )
    # Two bins by hand: 0.25 with half true, 0.75 with all true.
    probabilities, targets = np.array([0.25, 0.25, 0.75, 0.75]), np.array([True, False, True, True])
    assert metrics.calibration_error(probabilities, targets, np.ones(4)) == pytest.approx(0.25)
    assert metrics.calibration_error(np.array([0.0, 1.0]), np.array([False, True]), np.ones(2)) == 0.0


def test_draws_take_patients_whole():
    patients = np.array(["a", "a", "b", "c", "c", "c"])
    weights = metrics.bootstrap_weights(patients, n_draws=200, seed=3)
    assert weights.shape == (200, 6)
    assert (weights[:, 0] == weights[:, 1]).all()
    assert (weights[:, 3] == weights[:, 5]).all()
    assert (weights[:, 0] + weights[:, 2] + weights[:, 3] == 3).all()  # three draws of a patient each
    assert np.array_equal(weights, metrics.bootstrap_weights(patients, n_draws=200, seed=3))
    assert not np.array_equal(weights, metrics.bootstrap_weights(patients, n_draws=200, seed=4))


def test_interval_covers_as_often_as_it_says():
    """Of 200 samples with a known mean, about 95 % of the intervals hold it."""
    inside = 0
    for seed in range(200):
        values = np.random.default_rng(seed).standard_normal(80)
        weights = metrics.bootstrap_weights(np.arange(80), n_draws=200, seed=seed)
        figure = metrics.with_interval(lambda w, v=values: float(w @ v / w.sum()), weights, values > 0)
        inside += figure.low <= 0 <= figure.high
    assert 180 <= inside <= 198


def test_figures_are_written_for_people_and_for_programs():
    figure = metrics.Figure(0.87654, 0.8, 0.9, 400, 80)
    assert metrics.format_rows("site", {"inferior": figure}) == [
        "| site | value | 95 % interval | positives | records |",
        "|---|---|---|---|---|",
        "| inferior | 0.877 | 0.800 to 0.900 | 80 | 400 |",
    ]
    assert metrics.as_plain({"sites": {"inferior": figure}}) == {
        "sites": {"inferior": {"value": 0.87654, "low": 0.8, "high": 0.9, "n": 400, "positives": 80}}
    }
