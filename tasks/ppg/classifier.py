"""What says of filtered windows of which kind they are: MiniRocket's kernels and the pulses in a ridge, trees on the pulses.

NumPy and SciPy alone; every array of it comes from a bundle (see `bundle`). What is said of a window does not depend on the
others that are asked with it, to the last bit.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from cardiac.trees import Trees
from tasks.ppg.kernels import Kernels, to_steps
from tasks.ppg.pulses import alike, pulse_features
from tasks.ppg.segments import to_rate

MOST_AWAY = 4.0  # standard deviations that a pulse's measurement may be off in the ridge
TOGETHER = 256  # windows at once


@dataclass(frozen=True)
class Ridge:
    """Scores of each kind: a straight sum of kernels' shares and pulses' measurements.

    middle, spread : float (n_pulse_features,), by which these are brought together.  weights : float (n_features, n_kinds).
    base : float (n_kinds,).
    """

    middle: np.ndarray
    spread: np.ndarray
    weights: np.ndarray
    base: np.ndarray

    def pulses(self, measured: np.ndarray) -> np.ndarray:
        """Measurements as the ridge takes them, float (n, n_pulse_features)."""
        return np.clip((measured - self.middle) / self.spread, -MOST_AWAY, MOST_AWAY)

    def __call__(self, shares: np.ndarray, measured: np.ndarray) -> np.ndarray:
        """(n, n_kernels), (n, n_pulse_features) -> (n, n_kinds). A matrix product would round by how many rows there are."""
        features = np.concatenate([shares.astype(float), self.pulses(measured)], axis=1)
        return (
            np.stack([(features * own).sum(axis=1) for own in np.ascontiguousarray(self.weights.T)], axis=1) + self.base
        )


@dataclass(frozen=True)
class Joining:
    """Probabilities from the two stages: softmax of a weighted sum, by greatest likelihood on what taught neither.

    trees, ridge : weights.  offsets : float (n_kinds,).
    """

    trees: float
    ridge: float
    offsets: np.ndarray

    def __call__(self, of_trees: np.ndarray, of_ridge: np.ndarray) -> np.ndarray:
        """(n, n_kinds) each -> (n, n_kinds)."""
        logits = self.trees * of_trees + self.ridge * of_ridge + self.offsets
        odds = np.exp(logits - logits.max(axis=1, keepdims=True))
        return odds / odds.sum(axis=1, keepdims=True)


@dataclass(frozen=True)
class Classifier:
    """kernels : of the segments, and of their first differences."""

    kernels: tuple[Kernels, Kernels]
    ridge: Ridge
    trees: Trees
    joining: Joining

    def probabilities(self, windows: np.ndarray, fs_hz: float) -> np.ndarray:
        """Of filtered windows of one length, (n, n_samples), none of them flat: float (n, n_kinds)."""
        return self.answers(windows, fs_hz)[0]

    def answers(self, windows: np.ndarray, fs_hz: float) -> tuple[np.ndarray, np.ndarray]:
        """Probabilities, (n, n_kinds), and how alike the pulses of each window are, (n,), see `segments.LEAST_ALIKE`.

        One thread: of two, each would wait for the interpreter between the other's short steps. Two processes take half the time.
        """
        parts = [windows[first : first + TOGETHER] for first in range(0, len(windows), TOGETHER)]
        if not parts:
            return np.zeros((0, len(self.ridge.base))), np.zeros(0)
        done = [self.stages(each, fs_hz) for each in parts]
        probabilities = [self.joining(of_trees, of_ridge) for of_trees, of_ridge, _ in done]
        return np.concatenate(probabilities), np.concatenate([alike for _, _, alike in done])

    def stages(self, windows: np.ndarray, fs_hz: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """What trees and ridge say, (n, n_kinds) each, and how alike the pulses are, (n,)."""
        segments = to_rate(windows, fs_hz)
        measured = pulse_features(segments)
        shares = [own(each) for own, each in zip(self.kernels, steps_of(segments), strict=True)]
        return self.trees(measured), self.ridge(np.concatenate(shares, axis=1), measured), alike(measured)


def steps_of(segments: np.ndarray) -> Iterator[np.ndarray]:
    """What the two sets of kernels see: the segments and their first differences, int16. (n, n_samples)."""
    yield to_steps(segments)
    yield to_steps(np.diff(segments, axis=1))
