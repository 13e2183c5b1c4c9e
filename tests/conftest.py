"""What several tests start from: simulated records, the shipped detector, the real recordings where they are."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, settings

from cardiac.simulate import Simulated, simulate_record
from inference import Detector

ROOT = Path(__file__).resolve().parent.parent

# No test depends on how busy the machine is; where CI is set, none on chance either.
settings.register_profile(
    "unhurried",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    print_blob=True,
    derandomize="CI" in os.environ,
)
settings.load_profile("unhurried")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.get_closest_marker("slow"):
            item.add_marker(pytest.mark.timeout(7_200))


@pytest.fixture(scope="session", autouse=True)
def _two_threads():
    torch.set_num_threads(2)


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def inferior() -> Simulated:
    """An inferior infarction without noise."""
    return simulate_record(7, "inferior", noise=0.0)


@pytest.fixture(scope="session")
def signal(inferior) -> np.ndarray:
    return inferior.record.signal


@pytest.fixture(scope="session")
def detector() -> Detector:
    return Detector.load()


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The unpacked real recordings."""
    if "ECG_DATA" not in os.environ:
        pytest.skip("ECG_DATA does not name the folder of unpacked recordings")
    return Path(os.environ["ECG_DATA"])
