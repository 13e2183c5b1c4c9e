"""Medians and percentiles of many short rows: what NumPy gives, by one sort, several times as fast on these sizes.

NumPy's own select their values one after another and check more; its sort uses the processor's vectors.
"""

from collections.abc import Sequence
from functools import cache
from types import EllipsisType

import numpy as np

FEW = 24  # up to so many values it is faster to compare whole rows than to sort the values of each
GROUP = 50  # values, of which one at most counts in `least_range`


def median(values: np.ndarray, axis: int = -1) -> np.ndarray:
    """`numpy.median` along an axis of finite numbers. (..., n, ...) -> (..., ...)."""
    ordered = np.sort(values, axis=axis)
    n = ordered.shape[axis]
    middle = ordered[_at(n // 2, axis)]
    return middle if n % 2 else (ordered[_at(n // 2 - 1, axis)] + middle) / 2


def percentiles(values: np.ndarray, percents: Sequence[float], axis: int = -1) -> list[np.ndarray]:
    """`numpy.percentile` along an axis of finite numbers, interpolated linearly: an array for each of the percents."""
    return of_ordered(np.sort(values, axis=axis), percents, axis)


def of_ordered(ordered: np.ndarray, percents: Sequence[float], axis: int = -1) -> list[np.ndarray]:
    """`percentiles` of what is in order already."""
    last, results = ordered.shape[axis] - 1, []
    for percent in percents:
        position = percent / 100 * last
        below = int(position)
        low, high = ordered[_at(below, axis)], ordered[_at(min(below + 1, last), axis)]
        results.append(low + (high - low) * (position - below))
    return results


def _at(index: int, axis: int) -> tuple[EllipsisType | slice | int, ...]:
    """One position along an axis, as an index: faster than `take` and without a copy."""
    return (slice(None),) * axis + (index,) if axis >= 0 else (..., index) + (slice(None),) * (-1 - axis)


def median_of_few(values: np.ndarray) -> np.ndarray:
    """`numpy.median` along the first axis of finite numbers. (n, ...) -> (...)."""
    n = len(values)
    if n > FEW:
        return median(np.ascontiguousarray(np.moveaxis(values, 0, -1)))
    rows = [*values]
    for lower, upper in _comparisons(n):
        rows[lower], rows[upper] = np.minimum(rows[lower], rows[upper]), np.maximum(rows[lower], rows[upper])
    return rows[n // 2] if n % 2 else (rows[n // 2 - 1] + rows[n // 2]) / 2


@cache
def _comparisons(n: int) -> list[tuple[int, int]]:
    """Which of n values are compared, one after another, until the middle ones stand in their places.

    Batcher's odd-even merging network (1968, AFIPS: 307; Knuth 5.3.4, algorithm M), less what the middle does not need.
    """
    network, span = [], 1
    while span < n:
        step = span
        while step:
            starts = range(step % span, n - step, 2 * step)
            pairs = (
                (first + each, first + each + step) for first in starts for each in range(min(step, n - step - first))
            )
            network += [pair for pair in pairs if pair[0] // (2 * span) == pair[1] // (2 * span)]
            step //= 2
        span *= 2
    needed, kept = {(n - 1) // 2, n // 2}, []
    for pair in reversed(network):
        if needed & {*pair}:
            needed |= {*pair}
            kept.append(pair)
    return kept[::-1]


def least_range(rows: np.ndarray, percent: float) -> np.ndarray:
    """What `percentiles` of (100 - percent, percent) are at least apart: for the price of two passes, without a sort.

    Of groups that share no value, the k-th largest of their maxima is a value, and k - 1 groups each have one at least as
    large: it is no larger than the k-th largest of all values. So with the minima. A group takes its values from all over
    the row, so that the neighbours in one peak fall into many groups and the bound is close.
    rows : (n_rows, n), finite.  Returns (n_rows,); 0 where the rows are too short for so many groups.
    """
    n = rows.shape[1]
    n_groups, k = n // GROUP, n - int(percent / 100 * (n - 1))  # the upper percentile is at least the k-th largest
    if n_groups < k:
        return np.zeros(len(rows))
    grouped = rows[:, : GROUP * n_groups].reshape(len(rows), GROUP, n_groups)
    largest, smallest = np.sort(grouped.max(axis=1)), np.sort(grouped.min(axis=1))
    return largest[:, -k] - smallest[:, k - 1]
