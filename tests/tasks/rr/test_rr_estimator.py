"""The detector as a scikit-learn estimator: scikit-learn's own checks, and that it learns spikes."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.metrics import f1_score
from sklearn.utils.estimator_checks import parametrize_with_checks

from tasks.rr.estimator import SpikeClassifier
from tasks.rr.simulate import simulate_study

SMALL = {"n_trees": 15, "epochs": 0, "inner_folds": 2}
IN_ORDER = {
    "check_methods_subset_invariance": "an interval's answer depends on those beside it",
    "check_methods_sample_order_invariance": "an interval's answer depends on those beside it",
}
OTHER_THRESHOLD = {"check_classifiers_train": "predict takes the threshold of greatest F1, not the likelier class"}


@parametrize_with_checks(
    [SpikeClassifier(**SMALL, threshold=0.5), SpikeClassifier(**SMALL)],
    expected_failed_checks=lambda estimator: IN_ORDER | (OTHER_THRESHOLD if estimator.threshold == "f1" else {}),
)
def test_scikit_learn_s_checks(estimator, check):
    check(estimator)


@pytest.fixture(scope="module")
def table():
    studies = [simulate_study(seed) for seed in range(12)]
    groups = np.repeat(np.arange(12), [len(each.targets) for each in studies])
    intervals = np.concatenate([each.intervals_ms for each in studies])[:, None]
    return intervals, np.concatenate([each.targets for each in studies]), groups


def test_it_finds_the_spikes_of_studies_that_it_did_not_see(table):
    intervals, marked, groups = table
    taught = groups < 8
    detector = SpikeClassifier(n_trees=60, epochs=0).fit(intervals[taught], marked[taught], groups[taught])
    found = detector.predict(intervals[~taught], groups[~taught])
    assert f1_score(marked[~taught], found) > 0.8
    assert detector.predict_proba(intervals[~taught], groups[~taught]).sum(axis=1) == pytest.approx(1)


def test_a_study_s_answer_does_not_depend_on_the_studies_beside_it(table):
    intervals, marked, groups = table
    detector = SpikeClassifier(**SMALL).fit(intervals, marked, groups)
    own = groups == 3
    alone = detector.predict_proba(intervals[own])
    assert np.array_equal(alone, detector.predict_proba(intervals, groups)[own])


def test_groups_that_cannot_be_are_refused(table):
    intervals, marked, groups = table
    for wrong, sentence in (
        (groups[::-1] % 5, "not together"),
        (groups[:-1], "has the shape"),
        (groups * 0, "fewer than"),
    ):
        with pytest.raises(ValueError, match=sentence):
            clone(SpikeClassifier(**SMALL)).fit(intervals, marked, wrong)
