"""Medians and percentiles of many short rows: what NumPy gives, by one sort, several times as fast on these sizes.

NumPy's own select their values one after another and check more; its sort uses the processor's vectors.
"""

from collections.abc import Sequence

import numpy as np


def median(values: np.ndarray, axis: int = -1) -> np.ndarray:
    """`numpy.median` along an axis of finite numbers. (..., n, ...) -> (..., ...)."""
    ordered = np.sort(values, axis=axis)
    n = ordered.shape[axis]
    middle = ordered.take(n // 2, axis=axis)
    return middle if n % 2 else (ordered.take(n // 2 - 1, axis=axis) + middle) / 2


def percentiles(values: np.ndarray, percents: Sequence[float], axis: int = -1) -> list[np.ndarray]:
    """`numpy.percentile` along an axis of finite numbers, interpolated linearly: an array for each of the percents."""
    ordered = np.sort(values, axis=axis)
    last, results = ordered.shape[axis] - 1, []
    for percent in percents:
        position = percent / 100 * last
        below = int(position)
        low, high = ordered.take(below, axis=axis), ordered.take(min(below + 1, last), axis=axis)
        results.append(low + (high - low) * (position - below))
    return results
