import numpy as np
import pytest

from cardiac.trees import MOST_LEAVES, Trees, trees_of
from tests.machine import lightgbm_or_skip

lightgbm = lightgbm_or_skip()


def learnt(seed=0, n=600, n_features=12, leaves=12, **more):
    """A model of LightGBM, and features to ask it about."""
    rng = np.random.default_rng(seed)
    features = rng.standard_normal((n, n_features))
    features[:, 3] = np.round(features[:, 3])  # many ties
    truth = features[:, 0] * features[:, 1] + features[:, 3] + 0.5 * rng.standard_normal(n) > 0
    parameters = {"objective": "binary", "num_leaves": leaves, "verbosity": -1, "seed": seed, "num_threads": 1, **more}
    return lightgbm.train(parameters, lightgbm.Dataset(features, truth.astype(int)), 60), features


@pytest.mark.parametrize("leaves", [2, 7, 12, MOST_LEAVES])
@pytest.mark.parametrize("more", [{}, {"extra_trees": True, "feature_fraction_bynode": 0.4}], ids=["best", "random"])
def test_sums_and_contributions_are_lightgbm_s(leaves, more):
    model, features = learnt(leaves=leaves, **more)
    trees = trees_of([(0, model.dump_model())], np.zeros(1))
    asked = np.concatenate([features[:40], 3 * features[40:60]])
    assert trees(asked)[:, 0] == pytest.approx(model.predict(asked, raw_score=True), abs=1e-12)
    theirs = model.predict(asked[:5], pred_contrib=True)
    for row, expected in zip(asked[:5], theirs, strict=True):
        values, mean = trees.contributions(row, 0)
        assert values == pytest.approx(expected[:-1], abs=1e-10)
        assert mean == pytest.approx(expected[-1], abs=1e-10)
        assert values.sum() + mean == pytest.approx(trees(row)[0, 0], abs=1e-10)


def test_each_output_has_its_own_trees_and_one_may_have_none():
    (first, features), (second, _) = learnt(0), learnt(1)
    trees = trees_of([(2, second.dump_model()), (0, first.dump_model())], np.array([0.5, -6.0, 0.0]))
    asked = features[:20]
    assert trees(asked)[:, 0] == pytest.approx(0.5 + first.predict(asked, raw_score=True))
    assert (trees(asked)[:, 1] == -6.0).all()
    assert trees(asked)[:, 2] == pytest.approx(second.predict(asked, raw_score=True))
    values, mean = trees.contributions(asked[0], 1)
    assert not values.any()
    assert mean == -6.0
    values, mean = trees.contributions(asked[0], 2)
    assert values.sum() + mean == pytest.approx(trees(asked[0])[0, 2])


def test_trees_are_read_as_they_were_written():
    model, features = learnt()
    trees = trees_of([(0, model.dump_model())], np.zeros(1))
    again = Trees.from_bytes(trees.to_bytes())
    assert np.array_equal(again(features[:50]), trees(features[:50]))


def test_a_tree_of_too_many_leaves_is_refused():
    model, _ = learnt(leaves=MOST_LEAVES + 1)
    with pytest.raises(ValueError, match="more than 16 leaves"):
        trees_of([(0, model.dump_model())], np.zeros(1))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda t: {"output": t.output[::-1].copy() + np.arange(len(t.output), dtype=np.int16)},
        lambda t: {"value": np.where(np.arange(t.value.shape[1]) == 1, np.nan, t.value)},
        lambda t: {"left": t.left[:-1]},
        lambda t: {"base": np.zeros(0)},
    ],
)
def test_arrays_that_do_not_fit_are_refused(spoil):
    model, _ = learnt()
    trees = trees_of([(0, model.dump_model())], np.zeros(1))
    arrays = {name: getattr(trees, name) for name in Trees.__dataclass_fields__} | spoil(trees)
    with pytest.raises(ValueError, match="trees"):
        Trees.from_bytes(Trees(**arrays).to_bytes())
