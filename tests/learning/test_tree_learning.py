import numpy as np
import pytest

from cardiac.errors import ConfigError
from learning.trees import NOTHING_LEARNT, fit_trees
from tests.machine import lightgbm_or_skip

lightgbm_or_skip()
SETTINGS = {
    "n_trees": 40, "seeds": 2, "n_leaves": 8, "learning_rate": 0.1, "min_records": 5, "l2": 1.0, "feature_share": 0.5, "seed": 1,
}  # fmt: skip


def records(n=400):
    rng = np.random.default_rng(0)
    features = rng.standard_normal((n, 6))
    return features, features[:, 0] + 0.7 * features[:, 1] + 0.5 * rng.standard_normal(n) > 0


def test_each_output_learns_from_its_own_rows_and_few_positives_teach_nothing():
    features, truth = records()
    every, some = np.arange(400), np.arange(300)
    rare = np.zeros(400, dtype=bool)
    rare[:2] = True
    trees = fit_trees(features, [(every, truth), (some, ~truth[some]), (every, rare)], [SETTINGS] * 3)
    logits = trees(features)
    assert ((logits[:, 0] > 0) == truth).mean() > 0.85
    assert ((logits[300:, 1] < 0) == truth[300:]).mean() > 0.75
    assert (logits[:, 2] == NOTHING_LEARNT).all()


def test_the_same_settings_give_the_same_trees_and_another_seed_others():
    features, truth = records()
    rows = [(np.arange(400), truth)]
    once, twice, other = (fit_trees(features, rows, [{**SETTINGS, "seed": seed}])(features) for seed in (1, 1, 9))
    assert np.array_equal(once, twice)
    assert not np.array_equal(once, other)


@pytest.mark.parametrize("direction", [1, -1])
def test_a_direction_is_kept(direction):
    features, truth = records()
    bound = np.array([[direction, 0, 0, 0, 0, 0]])
    trees = fit_trees(features, [(np.arange(400), truth)], [SETTINGS], bound)
    asked = np.repeat(features[:20], 9, axis=0)
    asked[:, 0] = np.tile(np.linspace(-3, 3, 9), 20)
    steps = np.diff(trees(asked)[:, 0].reshape(20, 9), axis=1)
    assert (direction * steps >= -1e-12).all()
    assert np.abs(steps).sum() > 0 if direction == 1 else True


def test_settings_that_cannot_be_are_named():
    features, truth = records()
    with pytest.raises(ConfigError, match="trees cannot be trained"):
        fit_trees(features, [(np.arange(400), truth)], [{**SETTINGS, "n_leaves": 1}])


def test_rows_of_more_weight_decide_where_rows_disagree():
    features = np.repeat([[0.0], [1.0]], 200, axis=0)
    truth = np.tile([True, False], 200)
    heavy = np.where(truth == (features[:, 0] > 0), 5.0, 1.0)
    rows = [(np.arange(400), truth)]
    alike, weighted = (
        fit_trees(features, rows, [SETTINGS], weights=each)([[0.0], [1.0]])[:, 0] for each in (None, [heavy])
    )
    assert np.abs(alike).max() < 0.1
    assert weighted[0] < -0.5 and weighted[1] > 0.5
