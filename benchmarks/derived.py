"""Tries that need no training: other decisions on what the base's networks found, out of fold all the same."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression

from tasks.mi.datasets import Dataset
from tasks.mi.out_of_fold import OutOfFold

Found = Mapping[int, OutOfFold]  # by seed
Derived = tuple[OutOfFold, dict[str, Any]]  # what is decided on, and the decide settings that are changed


def decide_by(base: Found, seed: int, _: Dataset, **changed: Any) -> Derived:
    """The same probabilities under other settings of the decide section."""
    return base[seed], changed


def mean_of_seeds(base: Found, _: int, __: Dataset) -> Derived:
    """All seeds' probabilities averaged: what a bundle of so many networks would find."""
    each = list(base.values())
    mi, sites = np.mean([one.mi for one in each], axis=0), np.mean([one.sites for one in each], axis=0)
    return replace(each[0], mi=mi, sites=sites), {}


def with_age_and_sex(base: Found, seed: int, dataset: Dataset) -> Derived:
    """A logistic regression on logit, age and sex, fitted on the other folds; a missing value is their median."""
    found = base[seed]
    told = dataset.table[["age", "sex"]].to_numpy(float)
    told[:, 0] = np.minimum(told[:, 0], 90) / 10  # ages above 89 are not given
    told = told[:, ~np.isnan(told).all(axis=0)]
    mi = np.empty_like(found.mi)
    for fold in np.unique(found.fold):
        held = found.fold == fold
        known = np.where(np.isnan(told), np.nanmedian(told[~held], axis=0), told)
        inputs = np.column_stack([logit(found.mi), known])
        fitted = LogisticRegression(C=10.0, max_iter=1000).fit(inputs[~held], dataset.infarction[~held])
        mi[held] = fitted.predict_proba(inputs[held])[:, 1]
    return replace(found, mi=mi), {}


def sites_from_all(base: Found, seed: int, dataset: Dataset) -> Derived:
    """Each site's probability by a logistic regression on the logits of all six, fitted on the other folds' infarctions.

    What structure there is among the sites would show here: anteroseptal between septal and anterior, say.
    """
    found = base[seed]
    logits, sites = logit(found.sites), found.sites.copy()
    for fold in np.unique(found.fold):
        held = found.fold == fold
        learnt = ~held & dataset.infarction
        for place in range(sites.shape[1]):
            targets = dataset.sites[learnt, place]
            if targets.sum() > 5:
                fitted = LogisticRegression(C=1.0, max_iter=1000).fit(logits[learnt], targets)
                sites[held, place] = fitted.predict_proba(logits[held])[:, 1]
    return replace(found, sites=sites), {}


def logit(probabilities: np.ndarray) -> np.ndarray:
    """Logits, of probabilities no nearer to 0 and 1 than out_of_fold.csv can write them."""
    clipped = np.clip(probabilities, 1e-5, 1 - 1e-5)
    return np.log(clipped / (1 - clipped))


DERIVED: dict[str, Callable[[Found, int, Dataset], Derived]] = {
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
