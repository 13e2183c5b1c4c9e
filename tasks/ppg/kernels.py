"""MiniRocket's features (Dempster et al. 2021, KDD: 248) of many segments at once, by whole numbers and NumPy alone.

A segment is scaled to its own standard deviation and rounded to whole numbers. Sums of whole numbers are exact in whatever order
they are made, so that these features are aeon's to the last bit, and int16 is the quickest type that there is for them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from itertools import combinations, pairwise

import numpy as np

UNIT, MOST = 128, 1023  # steps of a standard deviation, and where they end: twelve times the most fits int16
TAPS = 9
COMBINATIONS = np.array([*combinations(range(TAPS), 3)])  # the taps with weight 2 of each kernel; all others have -1
TOGETHER = 256  # segments at once: what is made of them stays in the cache of the processor
COUNTED = 250  # samples that are counted in one byte


@dataclass(frozen=True)
class Kernels:
    """Features, in aeon's order: each the share of samples at which a kernel's response is over a bias.

    dilation : int (k,).  kernel : int (k,), row of COMBINATIONS.  padded : bool (k,), whether the response is taken where the
    kernel reaches over the ends too.  bias : float32 (k,).
    """

    dilation: np.ndarray
    kernel: np.ndarray
    padded: np.ndarray
    bias: np.ndarray

    def __len__(self) -> int:
        return len(self.bias)

    def __call__(self, steps: np.ndarray) -> np.ndarray:
        """Features of each segment, float32 (n, k). steps : int16 (n, n_samples), from `to_steps`."""
        parts = [steps[first : first + TOGETHER] for first in range(0, len(steps), TOGETHER)]
        return (
            np.concatenate([self._of_some(each) for each in parts]) if parts else np.zeros((0, len(self)), np.float32)
        )

    def take(self, chosen: np.ndarray) -> "Kernels":
        """Some of the features. chosen : int, rising."""
        return Kernels(*(getattr(self, each.name)[chosen] for each in fields(self)))

    def arrays(self, prefix: str) -> dict[str, np.ndarray]:
        """As named arrays, for a file."""
        return {f"{prefix}_{each.name}": getattr(self, each.name) for each in fields(self)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray], prefix: str) -> "Kernels":
        """What `arrays` gave. Raises KeyError, or ValueError for arrays that do not fit each other."""
        own = cls(*(np.asarray(arrays[f"{prefix}_{each.name}"]) for each in fields(cls)))
        shapes = {getattr(own, each.name).shape for each in fields(cls)}
        inside = len(own) == 0 or (
            own.dilation.min() > 0 and own.kernel.min() >= 0 and own.kernel.max() < len(COMBINATIONS)
        )
        if shapes != {(len(own),)} or not inside or not np.isfinite(own.bias).all():
            raise ValueError("the arrays of the kernels do not fit each other")
        return own

    def _of_some(self, steps: np.ndarray) -> np.ndarray:
        x = np.ascontiguousarray(steps.T)  # (n_samples, n): a shift in time is a slice of rows
        shares = np.empty((len(self), x.shape[1]), np.float32)
        for dilation, of_dilation in _runs(self.dilation, 0, len(self)):
            responses = _Responses(x, dilation)
            for kernel, own in _runs(self.kernel, of_dilation.start, of_dilation.stop):
                response = responses.of(kernel)
                for index in range(own.start, own.stop):
                    shares[index] = responses.share_over(response, self.bias[index], self.padded[index])
        return np.ascontiguousarray(shares.T)


class _Responses:
    """The responses of the kernels of one dilation. x : int16 (n_samples, n)."""

    def __init__(self, x: np.ndarray, dilation: int) -> None:
        self._reach = 4 * dilation
        ends = np.zeros((self._reach, x.shape[1]), np.int16)
        padded = np.concatenate([ends, x, ends])
        tripled = 3 * padded
        rows = [slice(tap * dilation, tap * dilation + len(x)) for tap in range(TAPS)]
        self._tripled = [tripled[each] for each in rows]
        self._all = np.negative(padded[rows[0]])
        for each in rows[1:]:
            self._all -= padded[each]
        self._pair, self._of_pair = (-1, -1), np.empty_like(x)
        self._response, self._over = np.empty_like(x), np.empty(x.shape, bool)

    def of(self, kernel: int) -> np.ndarray:
        """int16 (n_samples, n); overwritten by the next one."""
        first, second, third = COMBINATIONS[kernel].tolist()
        if self._pair != (first, second):  # the next kernels have these two taps too
            self._pair = first, second
            np.add(self._all, self._tripled[first], out=self._of_pair)
            self._of_pair += self._tripled[second]
        return np.add(self._of_pair, self._tripled[third], out=self._response)

    def share_over(self, response: np.ndarray, bias: np.float32, padded: bool) -> np.ndarray:
        """Share of samples over a bias, float32 (n,). padded : or only of those where no kernel reaches over the ends."""
        part = response if padded else response[self._reach : len(response) - self._reach]
        whole = np.int16(np.clip(np.floor(bias), -32768, 32767))  # over it as a whole number is over the bias
        over = np.greater(part, whole, out=self._over[: len(part)]).view(np.uint8)
        count = np.zeros(part.shape[1], np.uint32)
        for first in range(0, len(over), COUNTED):
            count += np.add.reduce(over[first : first + COUNTED], axis=0, dtype=np.uint8)
        return (count / len(over)).astype(np.float32)


def _runs(values: np.ndarray, start: int, stop: int) -> Iterator[tuple[int, slice]]:
    """Stretches of equal values between two places."""
    edges = np.flatnonzero(np.diff(values[start:stop])) + start + 1
    bounds = [start, *edges.tolist(), stop] if stop > start else []
    for first, last in pairwise(bounds):
        yield int(values[first]), slice(first, last)


def to_steps(segments: np.ndarray) -> np.ndarray:
    """Segments in steps of their own standard deviation, int16 of the same shape. (n, n_samples), none of them flat."""
    scale = UNIT / segments.std(axis=1, keepdims=True)
    return np.clip(np.rint(segments * scale), -MOST, MOST).astype(np.int16)
