"""Decisions that go on from a bundle's: what a few dozen new records say moves them, and what they cannot say stays.

With 50 records three parameters of calibration and a threshold of best F1 are mostly chance. So the calibration of before is
kept inside, and only a slope and an offset are put around its logit, both with a prior that they are 1 and 0.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from cardiac.calibration import Calibration
from cardiac.metrics import bootstrap_weights
from cardiac.thresholds import MIN_POSITIVES, expected_threshold, fit_doubt, shrunk_threshold
from cardiac.windows import LEAST, logit, sigmoid
from tasks.mi.joining import Decisions, joint
from tasks.mi.rules import Rule, Thresholds

SLOPE_SD, OFFSET_SD = 0.5, 2.0  # of the prior: an offset of 2 is a sevenfold change of the odds
LEAST_SLOPE = 0.05
ENOUGH_POSITIVES = 100  # from here on the threshold of best F1 counts for something beside the expected one
N_DRAWS, SURE = 200, 0.95
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
    return around(calibration, *_moved(calibration, scores, targets))


def _moved(calibration: Calibration, scores: np.ndarray, targets: np.ndarray) -> tuple[float, float]:
    """Slope and offset that these records put around a calibration."""
    return slope_and_offset(logit(around(calibration, 1.0, 0.0)(scores)), targets)


def refit_rule(
    rule: Rule, scores: np.ndarray, infarction: np.ndarray, sites: np.ndarray, settings: Mapping[str, Any]
) -> Rule:
    """A rule as these records, none of which taught what gave their scores, move it.

    A site with fewer than MIN_POSITIVES infarctions there, or elsewhere, keeps calibration and threshold of before.
    scores : (n, 7).  infarction : bool (n,).  sites : bool (n, 6).  settings : the config's decide section.
    """
    before = rule.calibrations[0], rule.thresholds.mi
    mi, threshold = _refit(*before, scores[:, 0], infarction, settings["shrink"])
    calibrations, thresholds, scale = [mi], [*rule.thresholds.sites], [*rule.thresholds.site_scale]
    for site, calibration in enumerate(rule.calibrations[1:]):
        own, truth = scores[infarction, 1 + site], sites[infarction, site]
        if min(truth.sum(), (~truth).sum()) >= MIN_POSITIVES:
            calibration, thresholds[site] = _refit(calibration, thresholds[site], own, truth, settings["site_shrink"])
            scale[site] = thresholds[site]
        calibrations.append(calibration)
    doubt = fit_doubt(mi(scores[:, 0]), infarction, threshold, settings["npv"], settings["ppv"])
    return Rule((*calibrations,), Thresholds(threshold, (*thresholds,), (*scale,)), doubt)


def _refit(
    calibration: Calibration, threshold: float, scores: np.ndarray, targets: np.ndarray, shrink: float
) -> tuple[Calibration, float]:
    """A calibration and its threshold as these records move them.

    The threshold goes along with the calibration, so that the same records lie over it, and leaves them only where another
    one has a better F1 in SURE of the bootstrap draws: what the records' own best threshold gains is mostly chance.
    """
    slope, offset = _moved(calibration, scores, targets)
    moved = around(calibration, slope, offset)
    chances = moved(scores)
    own = expected_threshold(chances)
    if targets.sum() >= ENOUGH_POSITIVES:
        own = shrunk_threshold(chances, targets, shrink)
    if calibration.method == "isotonic":  # which was left aside, and its threshold with it
        return moved, own
    same = float(np.clip(sigmoid(slope * logit(np.array(threshold)) + offset), LEAST, 1.0))
    return moved, own if _surely_better(chances >= own, chances >= same, targets) else same


def _surely_better(one: np.ndarray, other: np.ndarray, targets: np.ndarray) -> bool:
    """Whether the first decisions have a better F1 than the second in SURE of the draws of records. All bool (n,)."""
    if np.array_equal(one, other):
        return False
    drawn = bootstrap_weights(np.arange(len(targets)), N_DRAWS)
    first, second = (
        drawn @ (found & targets) / np.maximum(drawn @ (found.astype(float) + targets), 1) for found in (one, other)
    )
    return bool(np.mean(first > second) >= SURE)


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
