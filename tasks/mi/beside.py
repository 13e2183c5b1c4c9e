"""What stands beside the figures: the least calibration error that chance allows, and what a second reading would add."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from cardiac import metrics
from cardiac.metrics import Figure
from cardiac.windows import logit
from tasks.mi.cross_fit import CrossFitted, cross_fit
from tasks.mi.datasets import Dataset
from tasks.mi.out_of_fold import OutOfFold

N_DRAWS = 1000


def calibrated_error(probabilities: np.ndarray, seed: int = 0) -> Figure:
    """The calibration error that a model would show whose probabilities are right, by chance alone: its mean and 95 % range.

    probabilities : calibrated, (n,); truths are drawn from them.
    """
    rng, weights = np.random.default_rng(seed), np.ones(len(probabilities))
    draws = [
        metrics.calibration_error(probabilities, rng.random(len(probabilities)) < probabilities, weights)
        for _ in range(N_DRAWS)
    ]
    low, high = np.percentile(draws, [2.5, 97.5])
    return Figure(float(np.mean(draws)), float(low), float(high), len(probabilities), round(float(probabilities.sum())))


def second_reading(
    dataset: Dataset, out_of_fold: OutOfFold, fitted: CrossFitted, settings: Mapping[str, Any], weights: np.ndarray
) -> dict[str, Figure]:
    """AUC and F1 where PTB-XL's codes of the same tracing are an input beside the detector: about what these labels can give.

    A logistic regression on the detector's logit and the codes, fitted on the other folds, as are its thresholds.
    """
    from sklearn.linear_model import LogisticRegression  # slow to import

    inputs = np.column_stack([logit(fitted.scores[:, 0]), np.nan_to_num(dataset.codes)])
    mi, true = np.empty(len(inputs)), dataset.infarction
    for fold in np.unique(out_of_fold.fold):
        held_out = out_of_fold.fold == fold
        model = LogisticRegression(C=0.3, max_iter=2000).fit(inputs[~held_out], true[~held_out])
        mi[held_out] = model.predict_proba(inputs[held_out])[:, 1]
    read = replace(out_of_fold, mi=mi, trees=None)
    decided = cross_fit(read.pooled, true, dataset.sites, read.fold, settings)
    measures = {"AUC": partial(metrics.roc_auc, mi, true), "F1": partial(metrics.f1_score, decided.present, true)}
    return {name: metrics.with_interval(measure, weights, true) for name, measure in measures.items()}
