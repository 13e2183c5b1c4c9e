"""Thresholds and the band of doubt, against trying every one there is."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import f1_score

from cardiac.thresholds import best_threshold, expected_threshold, fit_doubt, fit_thresholds, shrunk_threshold

unit = st.floats(0.001, 0.999)


@given(arrays(float, 30, elements=st.sampled_from([0.1, 0.2, 0.3, 0.5, 0.9])), arrays(bool, 30))
def test_best_threshold_is_as_good_as_any(probabilities, targets):
    """Against trying every threshold there is."""
    if not targets.any():
        assert best_threshold(probabilities, targets) == 1.0
        return
    reached = f1_score(targets, probabilities >= best_threshold(probabilities, targets))
    tried = [f1_score(targets, probabilities >= t, zero_division=0) for t in (0.0, 0.15, 0.25, 0.4, 0.7, 0.95)]
    assert reached == pytest.approx(max(tried))


def test_best_threshold_lies_in_the_middle_of_its_gap():
    assert best_threshold(np.array([0.1, 0.3, 0.7, 0.9]), np.array([False, False, True, True])) == 0.5


def test_rare_outputs_take_the_shared_threshold():
    rng = np.random.default_rng(0)
    targets = np.zeros((200, 2), bool)
    targets[:60, 0] = True
    targets[0, 1] = True
    probabilities = np.clip(0.3 + 0.4 * targets + 0.1 * rng.standard_normal((200, 2)), 0, 1)
    own = fit_thresholds(probabilities, targets, min_positives=1)
    shared = fit_thresholds(probabilities, targets, min_positives=10)
    assert shared[0] == own[0]
    assert shared[1] == best_threshold(probabilities.ravel(), targets.ravel())
    assert shared[1] != own[1]


def test_shrinking_draws_thresholds_towards_what_one_expects():
    rng = np.random.default_rng(0)
    probabilities = rng.random((300, 2))
    targets = rng.random((300, 2)) < probabilities
    best = fit_thresholds(probabilities, targets)
    expected = [expected_threshold(column) for column in probabilities.T]
    assert np.allclose(fit_thresholds(probabilities, targets, 1.0), expected)
    assert np.allclose(fit_thresholds(probabilities, targets, 0.25), 0.75 * best + 0.25 * np.array(expected))


@given(arrays(float, 12, elements=unit))
def test_expected_threshold_is_half_of_the_greatest_expected_f1(probabilities):
    """Against letting in the likeliest one, the likeliest two, and so on."""
    ranked = np.sort(probabilities)[::-1]
    counts = [2 * ranked[:n].sum() / (n + ranked.sum()) for n in range(1, 13)]
    assert expected_threshold(probabilities) == pytest.approx(max(counts) / 2)


def doubt_by_trying(probabilities, targets, threshold, npv, ppv):
    """Every probability there is as a bound of the band, and the threshold itself."""
    low, high = 0.0, 1.0
    for bound in np.unique([*probabilities, threshold]):
        under, over = targets[probabilities < bound], targets[probabilities >= bound]
        if bound <= threshold and len(under) and under.mean() <= 1 - npv:
            low = max(low, bound)
        if bound >= threshold and len(over) and over.mean() >= ppv:
            high = min(high, bound)
    return low, high


@given(
    arrays(float, 25, elements=st.sampled_from([0.05, 0.1, 0.2, 0.3, 0.5, 0.6, 0.8, 0.9])),
    arrays(bool, 25),
    st.sampled_from([0.01, 0.25, 0.5, 0.7, 1.0]),
    st.sampled_from([0.0, 0.7, 0.9, 1.0]),
    st.sampled_from([0.0, 0.5, 0.8, 1.0]),
)
def test_the_band_of_doubt_is_the_narrowest_there_is(probabilities, targets, threshold, npv, ppv):
    found = fit_doubt(probabilities, targets, threshold, npv, ppv)
    assert found == doubt_by_trying(probabilities, targets, threshold, npv, ppv)
    assert 0 <= found[0] <= threshold <= found[1] <= 1


def test_the_band_of_doubt_by_hand():
    probabilities = np.array([0.1, 0.2, 0.3, 0.4, 0.6, 0.7, 0.8, 0.9])
    targets = np.array([False, False, True, False, True, False, True, True])
    assert fit_doubt(probabilities, targets, 0.5, npv=1.0, ppv=1.0) == (0.3, 0.8)
    assert fit_doubt(probabilities, targets, 0.5, npv=0.6, ppv=0.75) == (0.5, 0.5)  # no doubt at all
    assert fit_doubt(probabilities, ~targets, 0.5, npv=1.0, ppv=1.0) == (0.0, 1.0)


def test_without_a_positive_nothing_is_ever_present():
    probabilities, none = np.array([0.2, 0.9]), np.zeros(2, bool)
    assert best_threshold(probabilities, none) == shrunk_threshold(probabilities, none, 0.5) == 1.0
    assert fit_thresholds(probabilities[:, None], none[:, None]).tolist() == [1.0]
