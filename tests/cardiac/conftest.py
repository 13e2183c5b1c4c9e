"""What the core's tests start from: a healthy heart; no diagnosis, no network."""

import numpy as np
import pytest

from cardiac.simulate import Simulated, simulate_record


@pytest.fixture(scope="session")
def healthy() -> Simulated:
    """A healthy heart without noise."""
    return simulate_record(7, noise=0.0)


@pytest.fixture(scope="session")
def signal(healthy) -> np.ndarray:
    return healthy.record.signal
