"""Ablations that need no training: other decisions on what the base's networks found, out of fold all the same."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression

from tasks.mi.datasets import Dataset
from tasks.mi.out_of_fold import OutOfFold

BySeed = Mapping[int, OutOfFold]  # by seed
Derived = tuple[OutOfFold, dict[str, Any]]  # what is decided on, and the decide settings that are changed


def decide_by(base: BySeed, seed: int, _: Dataset, **changed: Any) -> Derived:
    """The same probabilities under other settings of the decide section."""
    return base[seed], changed


def mean_of_seeds(base: BySeed, _: int, __: Dataset) -> Derived:
    """All seeds' probabilities averaged: what a bundle of so many networks would find."""
    each = list(base.values())
    mi, sites = np.mean([one.mi for one in each], axis=0), np.mean([one.sites for one in each], axis=0)
    return replace(each[0], mi=mi, sites=sites), {}


def with_age_and_sex(base: BySeed, seed: int, dataset: Dataset) -> Derived:
    """A logistic regression on logit, age and sex, fitted on the other folds; a missing value is their median."""
    out_of_fold = base[seed]
    age_and_sex = dataset.table[["age", "sex"]].to_numpy(float)
    age_and_sex[:, 0] = np.minimum(age_and_sex[:, 0], 90) / 10  # ages above 89 are not given
    age_and_sex = age_and_sex[:, ~np.isnan(age_and_sex).all(axis=0)]
    mi = np.empty_like(out_of_fold.mi)
    for fold in np.unique(out_of_fold.fold):
        held_out = out_of_fold.fold == fold
        known = np.where(np.isnan(age_and_sex), np.nanmedian(age_and_sex[~held_out], axis=0), age_and_sex)
        inputs = np.column_stack([logit(out_of_fold.mi), known])
        fitted = LogisticRegression(C=10.0, max_iter=1000).fit(inputs[~held_out], dataset.infarction[~held_out])
        mi[held_out] = fitted.predict_proba(inputs[held_out])[:, 1]
    return replace(out_of_fold, mi=mi), {}


def sites_from_all(base: BySeed, seed: int, dataset: Dataset) -> Derived:
    """Each site's probability by a logistic regression on the logits of all six, fitted on the other folds' infarctions.

    What structure there is among the sites would show here, such as anteroseptal between septal and anterior.
    """
    out_of_fold = base[seed]
    logits, sites = logit(out_of_fold.sites), out_of_fold.sites.copy()
    for fold in np.unique(out_of_fold.fold):
        held_out = out_of_fold.fold == fold
        training_rows = ~held_out & dataset.infarction
        for site in range(sites.shape[1]):
            targets = dataset.sites[training_rows, site]
            if targets.sum() > 5:
                fitted = LogisticRegression(C=1.0, max_iter=1000).fit(logits[training_rows], targets)
                sites[held_out, site] = fitted.predict_proba(logits[held_out])[:, 1]
    return replace(out_of_fold, sites=sites), {}


def logit(probabilities: np.ndarray) -> np.ndarray:
    """Logits, of probabilities no nearer to 0 and 1 than out_of_fold.csv can write them."""
    clipped = np.clip(probabilities, 1e-5, 1 - 1e-5)
    return np.log(clipped / (1 - clipped))


DERIVED: dict[str, Callable[[BySeed, int, Dataset], Derived]] = {
    "not calibrated": partial(decide_by, calibration="none", site_calibration="none"),
    "calibrated by temperature": partial(decide_by, calibration="temperature"),
    "calibrated by Platt's logistic": partial(decide_by, calibration="platt"),
    "calibrated by isotonic steps": partial(decide_by, calibration="isotonic"),
    "thresholds as fitted": partial(decide_by, shrink=0.0, site_shrink=0.0),
    "thresholds as expected of the probabilities": partial(decide_by, shrink=1.0, site_shrink=1.0),
    "mean of the seeds' networks": mean_of_seeds,
    "with age and sex": with_age_and_sex,
    "sites from the logits of all six": sites_from_all,
}
