"""How the trees and the networks are joined: a logistic regression of their logits, a study's budget, and a threshold.

All of it is fitted on studies that neither had learnt from (stacking: Wolpert 1992, Neural Networks 5:241).
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from scipy.special import expit, logit

from cardiac.thresholds import best_threshold
from tasks.rr.budget import within_budget

UNLIMITED = 1e9  # anomalies: as many as there are
SMALL, LEAST_SLOPE = 1e-9, 1e-3
WEAK_PENALTY = 100.0  # of two coefficients from tens of thousands of intervals nothing has to be shrunk


@dataclass(frozen=True)
class Joined:
    """weights : of each stage's logits.  most : anomalies that one study can have, as `within_budget` takes it.

    slope, offset : of the logits within the budget, by which probabilities become true (Platt 1999).
    """

    weights: tuple[float, ...]
    bias: float
    most: float
    threshold: float
    slope: float = 1.0
    offset: float = 0.0

    def probabilities(self, logits: np.ndarray) -> np.ndarray:
        """Of one study's intervals, (n,). logits : (n, n_stages)."""
        kept = within_budget(expit(logits @ np.array(self.weights) + self.bias), self.most)
        return expit(self.slope * _logit(kept) + self.offset)

    def to_dict(self) -> dict[str, Any]:
        """Plain data, as `from_dict` takes it."""
        return {**asdict(self), "weights": [*self.weights]}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> "Joined":
        """Raises KeyError, TypeError or ValueError for what `to_dict` did not give."""
        weights = tuple(float(each) for each in content["weights"])
        numbers = [float(content[key]) for key in ("bias", "most", "threshold", "slope", "offset")]
        is_fit = bool(weights) and np.isfinite([*weights, *numbers]).all() and 0 < numbers[2] < 1
        if not (is_fit and numbers[1] > 0 and numbers[3] > 0):
            raise ValueError("a number of the joining is not what it can be")
        return cls(weights, *numbers)


def fit_joined(logits: Sequence[np.ndarray], targets: Sequence[np.ndarray], budget: bool = True) -> Joined:
    """The joining of greatest likelihood, with the threshold of greatest F1 over all intervals together.

    logits : of each study by stages that did not learn from it, (n, n_stages).  targets : bool (n,) each.
    The budget, where there is to be one, is the most that experts marked in any of these studies.
    """
    table, truth = np.concatenate(logits), np.concatenate(targets)
    most = float(max(1, *(each.sum() for each in targets))) if budget else UNLIMITED
    if truth.all() or not truth.any():
        return Joined((1.0,) + (0.0,) * (table.shape[1] - 1), 0.0, most, 0.5)
    weights, bias = _regression(table, truth)
    joined = Joined(weights, bias, most, 0.5)
    told = np.concatenate([joined.probabilities(each) for each in logits])
    (slope,), offset = _regression(_logit(told)[:, None], truth)
    joined = replace(joined, slope=max(slope, LEAST_SLOPE), offset=offset)
    told = np.concatenate([joined.probabilities(each) for each in logits])
    return replace(joined, threshold=float(np.clip(best_threshold(told, truth), 1e-6, 1 - 1e-6)))


def _logit(probabilities: np.ndarray) -> np.ndarray:
    return logit(np.clip(probabilities, SMALL, 1 - SMALL))


def _regression(table: np.ndarray, truth: np.ndarray) -> tuple[tuple[float, ...], float]:
    """Coefficients and intercept of a logistic regression. (n, k), bool (n,)."""
    from sklearn.linear_model import LogisticRegression  # slow to import, and needed to fit alone

    fitted = LogisticRegression(C=WEAK_PENALTY, max_iter=1_000).fit(table, truth)
    return tuple(map(float, fitted.coef_[0])), float(fitted.intercept_[0])
