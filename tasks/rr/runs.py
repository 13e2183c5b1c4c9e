"""Anomalies one after another, as one: what an expert marks is a run of intervals."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np


class Run(NamedTuple):
    """Intervals first to first + n - 1. mean_probability : of theirs."""

    first: int
    n: int
    mean_probability: float


def find_runs(probabilities: np.ndarray, threshold: float) -> Sequence[Run]:
    """The runs of intervals whose probability is at least the threshold, in order. (n,)."""
    probabilities = np.asarray(probabilities, float)
    ends = np.flatnonzero(np.diff(probabilities >= threshold, prepend=False, append=False)).reshape(-1, 2)
    return [Run(int(first), int(last - first), float(probabilities[first:last].mean())) for first, last in ends]
