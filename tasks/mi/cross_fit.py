"""Decisions on records out of fold: whatever joins, calibrates and decides is fitted on the other folds."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tasks.mi.joining import fit_decisions
from tasks.mi.rules import columns, decide_sites


@dataclass(frozen=True)
class CrossFitted:
    """For every record what the rule of the other folds makes of it.

    probabilities : (n, 7), calibrated.  mi_threshold : (n,).  site_thresholds : (n, 6).  doubt : (n, 2), low and high.
    rules : (n,), each record's whole Rule.  scores : (n, 7), network and trees joined, before calibration.
    """

    probabilities: np.ndarray
    mi_threshold: np.ndarray
    site_thresholds: np.ndarray
    doubt: np.ndarray
    rules: np.ndarray
    scores: np.ndarray

    @property
    def mi(self) -> np.ndarray:
        """Calibrated probability of infarction, (n,)."""
        return self.probabilities[:, 0]

    @property
    def sites(self) -> np.ndarray:
        """Calibrated probabilities of the sites, (n, 6)."""
        return self.probabilities[:, 1:]

    @property
    def present(self) -> np.ndarray:
        """Infarctions found, bool (n,)."""
        return self.mi >= self.mi_threshold

    @property
    def over(self) -> np.ndarray:
        """Sites at or over their thresholds, whether or not an infarction was found, bool (n, 6)."""
        return self.sites >= self.site_thresholds

    @property
    def uncertain(self) -> np.ndarray:
        """Records in the band of doubt, bool (n,)."""
        return (self.doubt[:, 0] <= self.mi) & (self.mi < self.doubt[:, 1])

    @property
    def columns(self) -> np.ndarray:
        """The submission's columns, bool (n, 7)."""
        return columns(self.present, decide_sites(self.sites, self.site_thresholds, self.site_thresholds))


def cross_fit(
    pooled: np.ndarray,
    infarction: np.ndarray,
    sites: np.ndarray,
    folds: np.ndarray,
    settings: Mapping[str, Any],
    trees: np.ndarray | None = None,
) -> CrossFitted:
    """Decisions fitted on the other folds alone, applied to each fold. Shapes as in `fit_decisions`; folds (n,)."""
    n = len(folds)
    probabilities, thresholds, doubt = np.empty(pooled.shape), np.empty(pooled.shape), np.empty((n, 2))
    rules, scores = np.empty(n, dtype=object), np.empty(pooled.shape)
    for fold in np.unique(folds):
        learnt = folds != fold
        of_learnt = None if trees is None else trees[learnt]
        decisions = fit_decisions(pooled[learnt], of_learnt, infarction[learnt], sites[learnt], settings)
        held_out = np.flatnonzero(~learnt)
        own = None if trees is None else trees[held_out]
        scores[held_out], probabilities[held_out], by_rule = decisions.settle_all(pooled[held_out], own)
        for members, rule in by_rule:
            rows = held_out[members]
            thresholds[rows] = [rule.thresholds.mi, *rule.thresholds.sites]
            doubt[rows], rules[rows] = rule.doubt, rule
    return CrossFitted(probabilities, thresholds[:, 0], thresholds[:, 1:], doubt, rules, scores)
