"""What several tests start from: simulated records, the shipped detector, the real recordings where they are."""

import os
from pathlib import Path

# Before numpy and torch read it: threads that wait for others sleep, and of tests side by side each has one thread.
SIDE_BY_SIDE = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")) > 1
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
if SIDE_BY_SIDE:
    os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
else:
    os.environ.setdefault("OMP_NUM_THREADS", "2")

import numpy as np  # noqa: E402
import pytest  # noqa: E402
from hypothesis import HealthCheck, settings  # noqa: E402

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


# Tests that go one after another, in one process, where others run beside them: what measures speed or memory or
# starts Ray takes both cores as it is, and a browser, its server and its records are shared by a file's tests.
GROUPS = {
    "benchmarks/test_speed.py": "cores",
    "scale/test_batch.py": "cores",
    "scale/test_together.py": "cores",
    "scale/test_tune.py": "cores",
    "webapp/test_browser.py": "browser",
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Groups for tests side by side: those above, else a file's tests together, which share what its fixtures make."""
    for item in items:
        if item.get_closest_marker("slow"):
            item.add_marker(pytest.mark.timeout(7_200))  # a busy machine takes its time
        file = item.path.relative_to(ROOT / "tests").as_posix() if item.path.is_relative_to(ROOT / "tests") else ""
        if item.config.pluginmanager.hasplugin("xdist"):
            item.add_marker(pytest.mark.xdist_group(GROUPS.get(file, file)))
    if SIDE_BY_SIDE:
        items.sort(
            key=lambda item: item.get_closest_marker("xdist_group").args[0] not in GROUPS.values()
        )  # longest first


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def inferior():
    """An inferior infarction without noise."""
    from tasks.mi.simulate import simulate_record

    return simulate_record(7, "inferior", noise=0.0)


@pytest.fixture(scope="session")
def signal(inferior) -> np.ndarray:
    return inferior.record.signal


@pytest.fixture(scope="session")
def detector():
    from inference import Detector  # and with it torch, which the core's tests must not need

    return Detector.load()


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The unpacked real recordings."""
    if "ECG_DATA" not in os.environ:
        pytest.skip("ECG_DATA does not name the folder of unpacked recordings")
    return Path(os.environ["ECG_DATA"])
