"""What the readers' tests share: reading without a process of its own, and limb leads that follow from two exactly."""

import numpy as np
import pytest

from cardiac.isolation import in_process


@pytest.fixture
def read_here():
    """Files are read in this process: quicker, and its memory can be traced."""
    with in_process():
        yield


def hanging_together(signal: np.ndarray, n_samples: int) -> np.ndarray:
    """The first samples of a signal whose limb leads follow from I and II, float64 (12, n_samples), mV to 1 µV."""
    rows = signal[:, :n_samples].astype(float).round(3)
    i, ii = rows[:2]
    rows[2:6] = ii - i, -(i + ii) / 2, i - ii / 2, ii - i / 2
    return rows


@pytest.fixture(scope="session")
def whole(signal) -> np.ndarray:
    """Three seconds of 500 Hz."""
    return hanging_together(signal, 1_500)
