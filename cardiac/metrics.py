"""Figures of merit, their intervals over patients, and how they are written down.

Every metric takes a weight for each record, (n,): 1 for the figure itself, the number of times its patient was drawn for
a bootstrap draw. Targets and decisions are bool, scores and probabilities float.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np

N_DRAWS = 1_000
PROTOCOL = (
    "Out of fold, folds grouped by patient; calibration and thresholds fitted on the other folds' probabilities; "
    f"95 % intervals from {N_DRAWS:,} bootstrap draws of patients."
)


@dataclass(frozen=True)
class Figure:
    """A value with its 95 % interval, and the numbers of records and positives that it stands on."""

    value: float
    low: float
    high: float
    n: int
    positives: int


Figures = dict[str, dict[str, Figure]]  # by group and name


def _ratio(numerator: np.ndarray | float, denominator: np.ndarray | float) -> np.ndarray:
    """numerator / denominator, and 0 where the denominator is 0."""
    return np.divide(numerator, denominator, out=np.zeros(np.shape(denominator)), where=np.asarray(denominator) > 0)


def f1_scores(present: np.ndarray, targets: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """F1 of each output; 0 for an output without positives, true or claimed. bool (n, k), (n, k), (n,) -> (k,)."""
    hits = weights @ (present & targets)
    return _ratio(2.0 * hits, weights @ present.astype(float) + weights @ targets.astype(float))


def f1_score(present: np.ndarray, targets: np.ndarray, weights: np.ndarray) -> float:
    """F1 of one output, as `f1_scores`. bool (n,), bool (n,), (n,)."""
    return float(f1_scores(present[:, None], targets[:, None], weights)[0])


def sensitivity(present: np.ndarray, targets: np.ndarray, weights: np.ndarray) -> float:
    """Share of the positives that are found. bool (n,), bool (n,), (n,)."""
    return float(_ratio(weights @ (present & targets), weights @ targets.astype(float)))


def specificity(present: np.ndarray, targets: np.ndarray, weights: np.ndarray) -> float:
    """Share of the negatives that are left alone. bool (n,), bool (n,), (n,)."""
    return sensitivity(~present, ~targets, weights)


def roc_auc(scores: np.ndarray, targets: np.ndarray, weights: np.ndarray) -> float:
    """Area under the ROC curve: chance that a positive scores above a negative, ties counting half (Hanley 1982).

    (n,), (n,), (n,). 0 without both a positive and a negative.
    """
    _, level = np.unique(scores, return_inverse=True)
    positives = np.bincount(level, weights * targets)
    negatives = np.bincount(level, weights * ~targets)
    below = np.cumsum(negatives) - negatives
    return float(_ratio(positives @ (below + negatives / 2), positives.sum() * negatives.sum()))


def average_precision(scores: np.ndarray, targets: np.ndarray, weights: np.ndarray) -> float:
    """Sum over thresholds of the gain in recall times the precision there, as scikit-learn defines it.

    (n,), (n,), (n,). 0 without a positive.
    """
    _, level = np.unique(-scores, return_inverse=True)
    positives = np.bincount(level, weights * targets)
    let_in = np.cumsum(np.bincount(level, weights))
    precision = _ratio(np.cumsum(positives), let_in)
    return float(_ratio(positives @ precision, positives.sum()))


def brier_score(probabilities: np.ndarray, targets: np.ndarray, weights: np.ndarray) -> float:
    """Mean squared distance of probability and truth (Brier 1950). (n,), (n,), (n,)."""
    return float(weights @ (probabilities - targets) ** 2 / weights.sum())


def log_loss(probabilities: np.ndarray, targets: np.ndarray, weights: np.ndarray) -> float:
    """Mean negative logarithm of the probability given to the truth, at least 1e-12. (n,), (n,), (n,)."""
    given = np.where(targets, probabilities, 1 - probabilities)
    return float(weights @ -np.log(np.maximum(given, 1e-12)) / weights.sum())


def calibration_error(probabilities: np.ndarray, targets: np.ndarray, weights: np.ndarray, n_bins: int = 10) -> float:
    """Expected calibration error over bins of equal width (Naeini et al. 2015). (n,), (n,), (n,)."""
    bins = np.minimum((probabilities * n_bins).astype(int), n_bins - 1)
    gaps = np.bincount(bins, weights * (probabilities - targets), minlength=n_bins)
    return float(np.abs(gaps).sum() / weights.sum())


def bootstrap_weights(patients: np.ndarray, n_draws: int = N_DRAWS, seed: int = 0) -> np.ndarray:
    """How often each record is in each draw of patients with replacement. (n,) -> (n_draws, n), float."""
    _, index = np.unique(patients, return_inverse=True)
    n_patients = index.max() + 1
    draws = np.random.default_rng(seed).integers(0, n_patients, (n_draws, n_patients))
    return np.stack([np.bincount(draw, minlength=n_patients) for draw in draws])[:, index].astype(float)


def with_interval(metric: Callable[[np.ndarray], float], weights: np.ndarray, targets: np.ndarray) -> Figure:
    """The metric over the records as they are, and between the 2.5th and 97.5th percentile of its bootstrap draws.

    metric : from weights (n,) to a number.  weights : (n_draws, n), from `bootstrap_weights`.  targets : bool (n,) or
    (n, k), counted as positives.
    """
    draws = np.array([metric(draw) for draw in weights])
    low, high = np.percentile(draws, [2.5, 97.5])
    value = metric(np.ones(weights.shape[1]))
    return Figure(float(value), float(low), float(high), len(targets), int(targets.sum()))


def format_rows(head: str, rows: dict[str, Figure]) -> list[str]:
    """The lines of a Markdown table of figures. head : of its first column."""
    lines = [f"| {head} | value | 95 % interval | positives | records |", "|---|---|---|---|---|"]
    for name, figure in rows.items():
        interval = f"{figure.low:.3f} to {figure.high:.3f}"
        lines.append(f"| {name} | {figure.value:.3f} | {interval} | {figure.positives} | {figure.n} |")
    return lines


def as_plain(figures: Figures) -> dict[str, dict[str, dict[str, float]]]:
    """The figures as plain data for metrics.json."""
    return {group: {name: asdict(figure) for name, figure in rows.items()} for group, rows in figures.items()}


def wilson(hits: int, n: int) -> tuple[float, float]:
    """95 % interval of a share (Wilson 1927, J. Am. Stat. Assoc. 22:209); 0 to 1 without any record."""
    if n == 0:
        return 0.0, 1.0
    z, share = 1.96, hits / n
    middle = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return max(0.0, float(middle - half)), min(1.0, float(middle + half))
