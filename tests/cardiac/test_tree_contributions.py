"""Contributions of features to trees, held against Shapley's formula over every subset of the features."""

import itertools
import math

import numpy as np
import pytest

from cardiac.trees import Trees, trees_of

N_FEATURES = 5


def grown(rng: np.random.Generator, n_leaves: int) -> dict:
    """A tree as LightGBM tells it, whose splits ask for features again and again."""
    if n_leaves == 1:
        return {"leaf_value": float(rng.standard_normal()), "leaf_count": int(rng.integers(1, 50))}
    n_left = int(rng.integers(1, n_leaves))
    return {
        "split_feature": int(rng.integers(N_FEATURES)),
        "threshold": float(rng.standard_normal()),
        "decision_type": "<=",
        "left_child": grown(rng, n_left),
        "right_child": grown(rng, n_leaves - n_left),
    }


def count(node: dict) -> int:
    return node["leaf_count"] if "leaf_count" in node else count(node["left_child"]) + count(node["right_child"])


def expected(node: dict, row: np.ndarray, known: set[int]) -> float:
    """What a tree says where some features are known, the others by the shares of the training records."""
    if "leaf_value" in node:
        return node["leaf_value"]
    sides = [expected(node[side], row, known) for side in ("left_child", "right_child")]
    if node["split_feature"] in known:
        return sides[int(row[node["split_feature"]] > node["threshold"])]
    left, right = (count(node[side]) for side in ("left_child", "right_child"))
    return (left * sides[0] + right * sides[1]) / (left + right)


def shapley(trees: list[dict], row: np.ndarray) -> np.ndarray:
    values = np.zeros(N_FEATURES)
    for feature in range(N_FEATURES):
        others = [each for each in range(N_FEATURES) if each != feature]
        for size in range(N_FEATURES):
            weight = 1 / (N_FEATURES * math.comb(N_FEATURES - 1, size))
            for subset in itertools.combinations(others, size):
                more, less = ({*subset, feature}, set(subset))
                values[feature] += weight * sum(expected(each, row, more) - expected(each, row, less) for each in trees)
    return values


def made(seed: int) -> tuple[list[list[dict]], Trees]:
    """Trees of up to 16 leaves, of three outputs, the second of which has none."""
    rng = np.random.default_rng(seed)
    grown_trees = [[grown(rng, int(n)) for n in (1, 2, 5, 16, 16)], [], [grown(rng, int(n)) for n in (3, 12)]]
    boosters = [
        (output, {"tree_info": [{"tree_structure": each} for each in of]}) for output, of in enumerate(grown_trees)
    ]
    return grown_trees, trees_of(boosters, np.array([0.5, -2.0, 0.0]))


@pytest.mark.parametrize("seed", range(4))
def test_contributions_are_shapley_values(seed):
    grown_trees, trees = made(seed)
    rng = np.random.default_rng(100 + seed)
    for row in rng.standard_normal((3, N_FEATURES)):
        for output, of_output in enumerate(grown_trees):
            values, mean = trees.contributions(row, output)
            assert np.allclose(values, shapley(of_output, row), atol=1e-12)
            assert mean + values.sum() == pytest.approx(trees(row)[0, output], abs=1e-12)


def test_an_output_without_trees_has_its_base_alone():
    values, mean = made(0)[1].contributions(np.zeros(N_FEATURES), 1)
    assert not values.any()
    assert mean == -2.0


def test_a_feature_at_a_threshold_goes_left():
    grown_trees, trees = made(1)
    row = np.zeros(N_FEATURES)
    row[grown_trees[2][1]["split_feature"]] = grown_trees[2][1]["threshold"]
    values, _ = trees.contributions(row, 2)
    assert np.allclose(values, shapley(grown_trees[2], row), atol=1e-12)
