"""Two detectors on the same records: each one's figures, their paired difference, and whether the new one is better."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from cardiac import metrics
from cardiac.metrics import Figure
from cardiac.thresholds import MIN_POSITIVES
from tasks.mi.labels import SITES
from tasks.mi.ladder import Decided, Looks

LOSS, F1, SITES_F1 = "log loss", "F1", "sites' F1"
RULE = (
    f"Better means: the whole interval of the difference in {LOSS} lies under 0, or that in {SITES_F1} over 0, and none of "
    f"{LOSS}, {F1} and {SITES_F1} is worse by more than chance."
)
Measure = Callable[[np.ndarray], float]  # of weights (n,)


@dataclass(frozen=True)
class Compared:
    """A figure of the shipped detector, of the new one, and their paired difference, new minus shipped."""

    shipped: Figure
    new: Figure
    difference: Figure


def auc_within_folds(scores: np.ndarray, targets: np.ndarray, folds: np.ndarray, weights: np.ndarray) -> float:
    """The area under the ROC curve over pairs of records of one fold, whose probabilities one calibration gave.

    Pairs of two folds would measure how alike their calibrations are. (n,), bool (n,), int (n,), (n,).
    """
    areas, pairs = [], []
    for fold in np.unique(folds):
        own = folds == fold
        areas.append(metrics.roc_auc(scores[own], targets[own], weights[own]))
        pairs.append((weights[own] @ targets[own]) * (weights[own] @ ~targets[own]))
    return float(np.dot(areas, pairs) / max(sum(pairs), 1.0))


def measures(
    decided: Decided, infarction: np.ndarray, sites: np.ndarray, folds: np.ndarray
) -> dict[str, tuple[Measure, np.ndarray]]:
    """By name what is measured of decisions on records, as a function of weights (n,), and what counts as positive.

    Of the sites the mean F1 on true infarctions over those with at least MIN_POSITIVES; none of them is left out in silence
    where none has as many.
    """
    chances, present = decided.probabilities[:, 0], decided.present
    found = {
        "AUC": partial(auc_within_folds, chances, infarction, folds),
        F1: partial(metrics.f1_score, present, infarction),
        "sensitivity": partial(metrics.sensitivity, present, infarction),
        "specificity": partial(metrics.specificity, present, infarction),
        "calibration error": partial(metrics.calibration_error, chances, infarction),
        LOSS: partial(metrics.log_loss, chances, infarction),
    }
    named = {name: (measure, infarction) for name, measure in found.items()}
    counted = sites[infarction].sum(axis=0) >= MIN_POSITIVES
    if counted.any():
        over, truth = decided.over[infarction][:, counted], sites[infarction][:, counted]
        named[SITES_F1] = (lambda w: float(metrics.f1_scores(over, truth, w[infarction]).mean()), truth)
        for site in np.flatnonzero(counted):
            pair = decided.over[infarction, site], sites[infarction, site]
            named[SITES[site]] = (lambda w, pair=pair: metrics.f1_score(*pair, w[infarction]), pair[1])
    return named


def compare(shipped: Decided, new: Decided, looks: Looks, n_draws: int = metrics.N_DRAWS) -> dict[str, Compared]:
    """Every measure of both, with 95 % intervals over draws of patients, the same draws for both."""
    weights = np.vstack([np.ones(len(looks.folds)), metrics.bootstrap_weights(looks.patients, n_draws)])
    before, after = (measures(each, looks.infarction, looks.sites, looks.folds) for each in (shipped, new))
    compared = {}
    for name, (measure, positives) in before.items():
        values = np.array([[measure(draw), after[name][0](draw)] for draw in weights]).T
        figures = (_figure(each, positives) for each in (*values, values[1] - values[0]))
        compared[name] = Compared(*figures)
    return compared


def _figure(values: np.ndarray, positives: np.ndarray) -> Figure:
    """values : of the records as they are, and of every draw, (1 + n_draws,)."""
    low, high = np.percentile(values[1:], [2.5, 97.5])
    return Figure(float(values[0]), float(low), float(high), len(positives), int(positives.sum()))


def is_better(compared: dict[str, Compared]) -> bool:
    """Whether the new detector is better, as RULE has it."""
    differences = {name: each.difference for name, each in compared.items()}
    worse = differences[LOSS].low > 0 or any(
        differences[name].high < 0 for name in (F1, SITES_F1) if name in differences
    )
    sites_better = SITES_F1 in differences and differences[SITES_F1].low > 0
    return (differences[LOSS].high < 0 or sites_better) and not worse


def format_compared(compared: dict[str, Compared], n_records: int, n_patients: int) -> list[str]:
    """The lines of a Markdown table: shipped, new, their difference with its interval, and the positives."""
    lines = [
        f"| {n_records} records of {n_patients} patients | shipped | new | difference (95 % interval) | positives |",
        "|---|---|---|---|---|",
    ]
    for name, each in compared.items():
        label = f"F1 of {name}" if name in SITES else name
        by = f"{each.difference.value:+.3f} ({each.difference.low:+.3f} to {each.difference.high:+.3f})"
        lines.append(f"| {label} | {each.shipped.value:.3f} | {each.new.value:.3f} | {by} | {each.new.positives} |")
    return lines


def sites_line(sites: np.ndarray) -> str:
    """Which sites are not measured, in a sentence; "" where all are. sites : bool (n, 6)."""
    few: Sequence[str] = [f"{name} {n}" for name, n in zip(SITES, sites.sum(axis=0), strict=True) if n < MIN_POSITIVES]
    return f"Too few for a figure of their own (under {MIN_POSITIVES}): {', '.join(few)}." if few else ""
