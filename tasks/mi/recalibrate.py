"""Decisions that go on from a bundle's: what a few dozen new records say moves them, and what they cannot say stays.

With 50 records three parameters of calibration and a threshold of best F1 are mostly chance. So the calibration of before is
kept inside, and only a slope and an offset are put around its logit, both with a prior that they are 1 and 0.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from cardiac.calibration import Calibration
from cardiac.thresholds import MIN_POSITIVES, expected_threshold, fit_doubt, shrunk_threshold
from tasks.mi.joining import Decisions, joint
from tasks.mi.rules import Rule, Thresholds

SLOPE_SD, OFFSET_SD = 0.5, 2.0  # of the prior: an offset of 2 is a sevenfold change of the odds
LEAST_SLOPE = 0.05
ENOUGH_POSITIVES = 100  # from here on the threshold of best F1 counts for something beside the expected one
IDENTITY = (1.0, 1.0, 0.0)


def slope_and_offset(logits: np.ndarray, targets: np.ndarray) -> tuple[float, float]:
    """Slope and offset of the likeliest logistic curve, given that they are likely 1 and 0. (n,), bool (n,).

    A penalised logistic regression, by Newton's method with bounded steps; the slope is at least LEAST_SLOPE.
    """
    design = np.column_stack([logits, np.ones(len(logits))])
    prior, precision = np.array([1.0, 0.0]), np.array([SLOPE_SD, OFFSET_SD]) ** -2.0
    fitted = prior.copy()
    for _ in range(100):
        chances = 0.5 * (1 + np.tanh(0.5 * (design @ fitted)))
        gradient = design.T @ (chances - targets) + precision * (fitted - prior)
        curvature = (design.T * (chances * (1 - chances))) @ design + np.diag(precision)
        step = np.clip(np.linalg.solve(curvature, gradient), -0.5, 0.5)
        fitted -= step
        if np.abs(step).max() < 1e-9:
            break
    return max(float(fitted[0]), LEAST_SLOPE), float(fitted[1])


def around(calibration: Calibration, slope: float, offset: float) -> Calibration:
    """The calibration with slope and offset put around its logit. An isotonic one has no logit and counts as none."""
    a, b, c = calibration.parameters if len(calibration.parameters) == 3 else IDENTITY
    if calibration.method == "isotonic":
        a, b, c = IDENTITY
    return Calibration("platt" if a == b else "beta", (slope * a, slope * b, slope * c + offset))


def straight(calibration: Calibration) -> Calibration:
    """The nearest calibration whose logit is a straight line of the score's."""
    a, b, c = around(calibration, 1.0, 0.0).parameters
    return Calibration("platt", ((a + b) / 2, (a + b) / 2, c))


def recalibrate(calibration: Calibration, scores: np.ndarray, targets: np.ndarray) -> Calibration:
    """The calibration as these records move it. scores : (n,), before any calibration.  targets : bool (n,)."""
    before = around(calibration, 1.0, 0.0)
    chances = before(scores)
    return around(before, *slope_and_offset(np.log(chances) - np.log1p(-chances), targets))


def refit_rule(
    rule: Rule, scores: np.ndarray, infarction: np.ndarray, sites: np.ndarray, settings: Mapping[str, Any]
) -> Rule:
    """A rule as these records, none of which taught what gave their scores, move it.

    A site with fewer than MIN_POSITIVES infarctions there, or elsewhere, keeps calibration and threshold of before.
    scores : (n, 7).  infarction : bool (n,).  sites : bool (n, 6).  settings : the config's decide section.
    """
    mi = recalibrate(rule.calibrations[0], scores[:, 0], infarction)
    chances = mi(scores[:, 0])
    threshold = _threshold(chances, infarction, settings["shrink"])
    calibrations, thresholds, scale = [mi], [*rule.thresholds.sites], [*rule.thresholds.site_scale]
    for site, before in enumerate(rule.calibrations[1:]):
        own, truth = scores[infarction, 1 + site], sites[infarction, site]
        if min(truth.sum(), (~truth).sum()) < MIN_POSITIVES:
            calibrations.append(before)
            continue
        calibrations.append(recalibrate(before, own, truth))
        thresholds[site] = scale[site] = _threshold(calibrations[-1](own), truth, settings["site_shrink"])
    doubt = fit_doubt(chances, infarction, threshold, settings["npv"], settings["ppv"])
    return Rule((*calibrations,), Thresholds(threshold, (*thresholds,), (*scale,)), doubt)


def _threshold(chances: np.ndarray, targets: np.ndarray, shrink: float) -> float:
    """What calibrated probabilities make one expect; with many positives drawn towards the best of these records."""
    if targets.sum() < ENOUGH_POSITIVES:
        return expected_threshold(chances)
    return shrunk_threshold(chances, targets, shrink)


def refit_decisions(
    before: Decisions,
    pooled: np.ndarray,
    trees: np.ndarray | None,
    infarction: np.ndarray,
    sites: np.ndarray,
    settings: Mapping[str, Any],
) -> Decisions:
    """Decisions as these records move them; the network's shares stay. Shapes as in `joining.fit_decisions`."""
    if trees is None or before.alone is None:
        return Decisions(refit_rule(before.rule, pooled, infarction, sites, settings))
    measured = ~np.isnan(trees).any(axis=1)
    scores = joint(pooled[measured], trees[measured], before.shares, before.reach)
    rule = refit_rule(before.rule, scores, infarction[measured], sites[measured], settings)
    return replace(before, rule=rule, alone=refit_rule(before.alone, pooled, infarction, sites, settings))
