"""Thresholds of probabilities, and the band of doubt about one, fitted on records that the networks were not taught.

Throughout: probabilities float and targets bool, (n,) of one output or (n, n_outputs) of all. A probability that reaches
its threshold is let in.
"""

import numpy as np

# With fewer positives than this an output's own best threshold is chance: it takes the one fitted over all outputs.
MIN_POSITIVES = 10


def best_threshold(probabilities: np.ndarray, targets: np.ndarray) -> float:
    """The threshold of greatest F1: the middle of the gap below the last probability that is let in.

    (n,), (n,). Without a positive nothing can be fitted and the threshold is 1: never present.
    """
    if not targets.any():
        return 1.0
    order = np.argsort(-probabilities, kind="stable")
    ranked = probabilities[order]
    true_positives = np.cumsum(targets[order])
    f1 = 2 * true_positives / (np.arange(1, len(ranked) + 1) + targets.sum())
    f1[:-1][ranked[:-1] == ranked[1:]] = -1.0  # equal probabilities are let in together
    last = int(np.argmax(f1))
    below = ranked[last + 1] if last + 1 < len(ranked) else 0.0
    return float((ranked[last] + below) / 2)


def expected_threshold(probabilities: np.ndarray) -> float:
    """The threshold of greatest expected F1 if the probabilities are true: half of that F1 (Lipton et al. 2014). (n,)."""
    ranked = -np.sort(-probabilities)
    f1 = 2 * np.cumsum(ranked) / (np.arange(1, len(ranked) + 1) + ranked.sum())
    return float(f1.max() / 2)


def shrunk_threshold(probabilities: np.ndarray, targets: np.ndarray, shrink: float) -> float:
    """The best threshold drawn by `shrink` (0 to 1) towards the one that calibrated probabilities make one expect.

    (n,), (n,). Without a positive it is 1, as `best_threshold`.
    """
    if not targets.any():
        return 1.0
    best = best_threshold(probabilities, targets)
    return best if shrink == 0 else (1 - shrink) * best + shrink * expected_threshold(probabilities)


def fit_thresholds(
    probabilities: np.ndarray, targets: np.ndarray, shrink: float = 0.0, min_positives: int = MIN_POSITIVES
) -> np.ndarray:
    """Thresholds of greatest F1, one an output. (n, n_outputs), multi-hot (n, n_outputs) -> (n_outputs,).

    shrink : 0 to 1, how far each is drawn from the best of these records towards the one expected of calibrated probabilities.
    An output with fewer than `min_positives` positives takes the threshold fitted over all outputs together.
    """
    shared = shrunk_threshold(probabilities.ravel(), targets.ravel(), shrink)
    return np.array(
        [
            shrunk_threshold(probabilities[:, output], targets[:, output], shrink)
            if targets[:, output].sum() >= min_positives
            else shared
            for output in range(targets.shape[1])
        ]
    )


def fit_doubt(
    probabilities: np.ndarray, targets: np.ndarray, threshold: float, npv: float, ppv: float
) -> tuple[float, float]:
    """The narrowest band about the threshold outside of which decisions were as often right as asked for: (low, high).

    (n,), (n,). npv, ppv : of the records under the band the share that is negative, and of those at or over it the share
    that is positive; 0 to 1. A bound that no record would lie beyond is 0 or 1.
    """
    bounds = np.unique(np.append(probabilities, threshold))
    order = np.argsort(probabilities, kind="stable")
    under = np.searchsorted(probabilities[order], bounds)  # records under each bound
    over = len(order) - under
    missed = np.r_[0, np.cumsum(targets[order])][under]
    free = (under > 0) & (missed / np.maximum(under, 1) <= 1 - npv)
    sure = (over > 0) & ((targets.sum() - missed) / np.maximum(over, 1) >= ppv)
    lows, highs = bounds[free & (bounds <= threshold)], bounds[sure & (bounds >= threshold)]
    return float(lows.max(initial=0.0)), float(highs.min(initial=1.0))
