"""MiniRocket as aeon fits it, and its features as plain arrays; needs the environment of tasks/ppg/requirements.txt."""

from typing import Any

import numpy as np

from cardiac.errors import ConfigError, extra
from tasks.ppg.kernels import COMBINATIONS, Kernels

REQUIREMENTS = "tasks/ppg/requirements.txt (make ppg-train does it)"


def fit_kernels(steps: np.ndarray, n_kernels: int, dilations: int, seed: int) -> tuple[Kernels, Any]:
    """Kernels with their biases, quantiles of responses to some of the segments, and aeon's own transform of them.

    steps : int16 (n, n_samples).  dilations : at most, of each kernel.
    """
    module = extra("aeon.transformations.collection.convolution_based", REQUIREMENTS, ConfigError)
    transform = module.MiniRocket(n_kernels=n_kernels, max_dilations_per_kernel=dilations, random_state=seed, n_jobs=1)
    transform.fit(_cases(steps))
    return kernels_of(transform), transform


def features_of(transform: Any, steps: np.ndarray) -> np.ndarray:
    """aeon's features, float32 (n, k)."""
    return np.asarray(transform.transform(_cases(steps)), np.float32)


def kernels_of(transform: Any) -> Kernels:
    """A fitted MiniRocket as plain arrays."""
    _, _, dilations, per_dilation, biases = transform.parameters
    n_kernels = len(COMBINATIONS)
    dilation = np.repeat(dilations, n_kernels * per_dilation)
    turn = np.repeat(np.arange(len(dilations)), n_kernels * per_dilation)
    kernel = np.concatenate([np.repeat(np.arange(n_kernels), each) for each in per_dilation])
    padded = (turn + kernel) % 2 == 0  # every second kernel reaches over the ends
    return Kernels(dilation.astype(np.int32), kernel.astype(np.int16), padded, np.asarray(biases, np.float32))


def _cases(steps: np.ndarray) -> np.ndarray:
    return steps.astype(np.float32)[:, None]  # (n, n_samples) -> (n, 1, n_samples)
