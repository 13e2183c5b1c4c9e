import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import f1_score

from cardiac.decisions import (
    Thresholds,
    best_threshold,
    columns,
    cross_fit_thresholds,
    decide,
    decide_sites,
    fit_thresholds,
)
from cardiac.errors import RecordError
from cardiac.labels import SITES
from cardiac.records import Note, Record

unit = st.floats(0.001, 0.999)
RECORD = Record("r", np.zeros((12, 5000), np.float32), 500.0, (Note("info", "as usual"),))


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


def test_thresholds_never_see_the_fold_they_are_applied_to():
    """Turning one fold's truth upside down changes the other folds' thresholds and not its own."""
    rng = np.random.default_rng(1)
    folds = np.repeat([0, 1, 2], 50)
    targets = rng.random((150, 2)) < 0.4
    probabilities = np.clip(targets * 0.3 + rng.random((150, 2)) * 0.7, 0, 1)
    before = cross_fit_thresholds(probabilities, targets, folds)
    turned = targets.copy()
    turned[folds == 1] ^= True
    after = cross_fit_thresholds(probabilities, turned, folds)
    assert np.array_equal(before[folds == 1], after[folds == 1])
    assert not np.array_equal(before[folds != 1], after[folds != 1])


@given(
    arrays(float, (5, 6), elements=unit),
    arrays(float, 6, elements=unit),
    arrays(float, 6, elements=unit),
    st.integers(0, 5),
)
def test_raising_a_threshold_never_adds_a_site(probabilities, thresholds, scale, place):
    before = decide_sites(probabilities, thresholds, scale)
    raised = thresholds.copy()
    raised[place] = (1 + raised[place]) / 2
    after = decide_sites(probabilities, raised, scale)
    assert not (after & ~before).any()
    assert before.any(axis=1).all()
    assert after.any(axis=1).all()


@given(arrays(float, (5, 6), elements=unit), arrays(float, 6, elements=unit))
def test_with_fitted_thresholds_a_site_is_added_only_where_none_passed(probabilities, thresholds):
    present = decide_sites(probabilities, thresholds, thresholds)
    over = probabilities >= thresholds
    some = over.any(axis=1)
    assert np.array_equal(present[some], over[some])
    assert (present[~some].sum(axis=1) == 1).all()


def finding(mi: float, sites: list[float], thresholds: float = 0.5):
    probabilities = {"mi": mi, **dict(zip(SITES, sites, strict=True))}
    return decide(RECORD, probabilities, Thresholds(0.4, (thresholds,) * 6, (0.5,) * 6))


def test_an_infarction_with_two_sites():
    found = finding(0.4, [0.1, 0.6, 0.0, 0.0, 0.2, 0.5])
    assert found.mi.present
    assert not found.norm
    assert found.sites == ("anterior", "inferior")
    assert found.notes == RECORD.notes
    assert (found.fs_hz, found.duration_s) == (500, 10)


def test_without_an_infarction_no_site_is_present():
    found = finding(0.39, [0.9] * 6)
    assert found.norm
    assert found.sites == ()
    assert found.localizations["septal"].probability == 0.9


def test_an_infarction_without_a_site_over_its_threshold_names_the_likeliest_and_says_so():
    found = finding(0.8, [0.1, 0.2, 0.0, 0.0, 0.3, 0.2])
    assert found.sites == ("anteroseptal",)
    assert "no site passed" in found.notes[-1].text


def test_no_number_is_no_decision():
    with pytest.raises(RecordError, match="gave no number"):
        finding(float("nan"), [0.1] * 6)
    with pytest.raises(RecordError, match="gave no number"):
        finding(0.9, [0.1] * 5 + [float("nan")])


def test_columns_always_hold_a_decision():
    mi = np.array([True, False])
    sites = np.array([[True, False] * 3, [True] * 6])
    assert columns(mi, sites).tolist() == [[True, False] * 3 + [False], [False] * 6 + [True]]
