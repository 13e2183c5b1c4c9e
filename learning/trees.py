"""Boosted trees from a table of features, by LightGBM (Ke et al. 2017, NeurIPS): how they learn. Knows no label."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from cardiac.errors import ConfigError, first_line
from cardiac.trees import Trees, trees_of

LEAST_POSITIVES = 3  # of fewer nothing is learnt
NOTHING_LEARNT = -6.0  # the logit of an output of which nothing was


def fit_trees(
    features: np.ndarray,
    targets: Sequence[tuple[np.ndarray, np.ndarray]],
    settings: Sequence[Mapping[str, Any]],
    monotone: np.ndarray | None = None,
    begin_at: Sequence[np.ndarray | None] | None = None,
    weights: Sequence[np.ndarray | None] | None = None,
) -> Trees:
    """A sum of trees for each output, whose value is its logit.

    features : (n, n_features), finite.  targets : of each output the rows that it learns from, int (m,), and bool (m,).
    settings : of each output n_trees, of each of `seeds` models whose mean is taken, n_leaves, learning_rate,
    min_records, l2, feature_share, seed.  monotone : (n_outputs, n_features), 1 where an output may only rise with a
    feature, -1 where it may only fall.
    begin_at : of each output logits of its rows, (m,), whose errors alone the trees learn: their sum is then to be added.
    weights : of each output how much each of its rows counts, (m,); None: all alike.
    Raises ConfigError for settings that LightGBM refuses.
    """
    boosters, base = [], np.zeros(len(targets))
    for output, ((rows, truth), own) in enumerate(zip(targets, settings, strict=True)):
        if min(truth.sum(), (~truth).sum()) < LEAST_POSITIVES:
            base[output] = NOTHING_LEARNT if begin_at is None or begin_at[output] is None else 0.0
            continue
        bounds = None if monotone is None else monotone[output]
        for index in range(own["seeds"]):
            start = None if begin_at is None else begin_at[output]
            weight = None if weights is None else weights[output]
            model = _booster(features[rows], truth, own, own["seed"] + index, bounds, start, weight)
            boosters.append((output, model.dump_model()))
    trees = trees_of(boosters, base)
    shares = np.array([1 / own["seeds"] for own in settings])  # of each model in its output's mean
    return replace(trees, value=trees.value * shares[trees.output][:, None])


def _booster(
    features: np.ndarray,
    truth: np.ndarray,
    settings: Mapping[str, Any],
    seed: int,
    monotone: np.ndarray | None,
    start: np.ndarray | None,
    weight: np.ndarray | None,
) -> Any:
    lightgbm = _library()

    parameters = {
        "objective": "binary",
        "num_leaves": settings["n_leaves"],
        "learning_rate": settings["learning_rate"],
        "min_data_in_leaf": settings["min_records"],
        "lambda_l2": settings["l2"],
        "feature_fraction_bynode": settings["feature_share"],
        "extra_trees": True,  # thresholds at random: as good as the best ones, less of the training records' own noise
        "max_bin": 63,
        "seed": seed,
        "num_threads": 1,  # and deterministic: the same trees everywhere
        "deterministic": True,
        "force_row_wise": True,
        "verbosity": -1,
        "boost_from_average": start is None,
    }
    if monotone is not None:
        parameters["monotone_constraints"] = [*map(int, monotone)]
    try:
        data = lightgbm.Dataset(features, truth.astype(int), weight=weight, init_score=start, params={"verbosity": -1})
        return lightgbm.train(parameters, data, settings["n_trees"])
    except lightgbm.basic.LightGBMError as error:
        raise ConfigError(f"trees cannot be trained by these settings ({first_line(error)}): change them") from error


def _library() -> Any:
    """LightGBM, which is slow to import and needed to learn alone. Raises ConfigError where it cannot be loaded."""
    try:
        import lightgbm
    except (ImportError, OSError) as error:
        raise ConfigError(
            f"trees are trained by LightGBM, which cannot be loaded ({first_line(error)}): install requirements.txt and the "
            "system's OpenMP library (libgomp1), or train the networks alone with --set trees.n_trees=0"
        ) from error
    return lightgbm
