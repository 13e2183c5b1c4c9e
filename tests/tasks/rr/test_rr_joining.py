"""The joining of stages: what a budget leaves as it was, and that weights, budget and threshold come from what they are given."""

import numpy as np
import pytest

from tasks.rr.budget import within_budget
from tasks.rr.joining import UNLIMITED, Joined, fit_joined


@pytest.fixture
def logits():
    return np.random.default_rng(0).normal(0, 2, (3000, 2))


def test_a_study_within_its_budget_is_left_alone():
    told = np.array([0.2, 0.9, 0.1])
    assert within_budget(told, 2) is told


@pytest.mark.parametrize("most", [1, 40, 700])
def test_a_study_over_its_budget_comes_down_to_it_in_the_same_order(logits, most):
    told = 1 / (1 + np.exp(-logits[:, 0]))
    lowered = within_budget(told, most)
    assert lowered.sum() == pytest.approx(most, rel=1e-6)
    assert np.array_equal(np.argsort(told), np.argsort(lowered)) and (lowered < told).all()


def test_certain_intervals_stay_numbers():
    lowered = within_budget(np.ones(500), 10)
    assert np.isfinite(lowered).all() and lowered.sum() == pytest.approx(10, rel=1e-3)


def studies(logits, weights, n=20):
    rng = np.random.default_rng(1)
    targets = rng.random(len(logits)) < 1 / (1 + np.exp(-(logits @ weights - 1)))
    return np.split(logits, n), np.split(targets, n)


def test_the_weights_are_those_by_which_the_targets_came_about(logits):
    joined = fit_joined(*studies(logits, np.array([1.0, 0.5])))
    assert joined.weights == pytest.approx((1.0, 0.5), abs=0.15) and joined.bias == pytest.approx(-1, abs=0.15)


def test_the_budget_is_the_most_that_was_marked_in_one_study(logits):
    parts, targets = studies(logits, np.array([1.0, 0.5]))
    assert fit_joined(parts, targets).most == max(each.sum() for each in targets)
    assert fit_joined(parts, targets, budget=False).most == UNLIMITED


def test_studies_without_an_anomaly_are_no_reason_to_stop():
    joined = fit_joined([np.zeros((5, 2))] * 2, [np.zeros(5, bool)] * 2)
    assert joined.threshold == 0.5 and joined.most >= 1


def test_a_joining_is_read_as_it_was_written(logits):
    joined = fit_joined(*studies(logits, np.array([1.0, 0.5])))
    assert Joined.from_dict(joined.to_dict()) == joined


@pytest.mark.parametrize(
    "change",
    [
        {"threshold": 0},
        {"threshold": 1.5},
        {"most": -1},
        {"weights": []},
        {"weights": [float("nan")]},
        {"bias": "a"},
        {"slope": 0},
    ],
)
def test_a_joining_that_cannot_be_is_refused(change):
    content = {"weights": [1.0], "bias": 0.0, "most": 80.0, "threshold": 0.4, "slope": 1.0, "offset": 0.0} | change
    with pytest.raises(ValueError):
        Joined.from_dict(content)


def test_what_a_budget_made_too_low_is_made_true_again(logits):
    """Of a study that is marked in a part alone, all that looks the same is lowered: elsewhere it is as likely as it looks."""
    parts, targets = studies(logits, np.array([2.0, 0.0]), n=60)
    targets[0] = np.zeros_like(targets[0])
    parts[0] = np.full_like(parts[0], 4.0)
    joined = fit_joined(parts, targets)
    told = np.concatenate([joined.probabilities(each) for each in parts])
    truth = np.concatenate(targets)
    near = (told > 0.4) & (told < 0.8)
    assert truth[near].mean() == pytest.approx(told[near].mean(), abs=0.08)
    assert joined.slope != 1.0
