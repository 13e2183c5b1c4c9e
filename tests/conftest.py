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


# Files whose tests go one after another, in one process, where others run beside them: what measures speed or memory or
# starts Ray takes both cores as it is.
CORES = (
    "scale/test_batch.py",
    "toy/test_toy.py",
    "benchmarks/test_speed.py",
    "scale/test_together.py",
    "scale/test_tune.py",
)
# The other files that take long, the longest first, so that both processes end together.
LONG = (
    "scale/test_stream_roles.py",
    "webapp/test_browser.py",
    "test_train.py",
    "webapp/test_memory.py",
    "webapp/test_lists.py",
    "test_bundles.py",
    "tasks/mi/test_second_looks.py",
    "webapp/test_attempts.py",
    "webapp/test_openapi.py",
    "webapp/test_queue.py",
    "test_hostile_files.py",
    "test_folders.py",
    "webapp/test_proxies.py",
    "webapp/test_hostile_server.py",
    "test_real_data.py",
    "tasks/beats/test_beat_networks.py",
    "tasks/beats/test_beat_classifier.py",
    "tasks/beats/test_beats_browser.py",
    "cardiac/readers/test_tables.py",
    "cardiac/test_isolation.py",
    "cardiac/readers/test_xml_texts.py",
    "cardiac/readers/test_refusals.py",
)


def unit_of(nodeid: str) -> str:
    """The tests with which a test stays, in one process: its file's, which share what its fixtures make."""
    file = nodeid.partition("::")[0]
    return "cores" if file.removeprefix("tests/") in CORES else file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log):
    """A distribution by `unit_of`: the mark `xdist_group` of pytest-xdist 3.8 does nothing beside pytest 9.2."""
    from xdist.scheduler import LoadScopeScheduling

    class Units(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return unit_of(nodeid)

    return Units(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """More time for what is slow; side by side, what takes longest first."""
    for item in items:
        if item.get_closest_marker("slow"):
            item.add_marker(pytest.mark.timeout(7_200))  # a busy machine takes its time
    if SIDE_BY_SIDE:
        first = {file: place for place, file in enumerate((*CORES, *LONG))}
        items.sort(key=lambda item: first.get(item.nodeid.partition("::")[0].removeprefix("tests/"), len(first)))


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
