"""What one record by the command line does not import: what is loaded is time at every start."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parent.parent
FOR_OTHERS = {
    "scipy", "pandas", "torch", "matplotlib", "PIL", "sklearn", "lightgbm", "onnx", "safetensors", "tqdm", "multiprocessing",
    "xml", "defusedxml", "pydicom", "wfdb", "email", "socket", "ssl", "http", "asyncio", "unittest", "numpy.ma", "numpy.f2py",
    "numpy.testing", "tasks.mi.evidence", "tasks.mi.pictures", "cardiac.readers.tables", "cardiac.readers.stated", "models",
}  # fmt: skip
MOST_MODULES = 180  # beside those of NumPy and ONNX Runtime; 154 when this was written
PRINT_MODULES = "print('modules:', *sorted(sys.modules))"


def modules_of(program: str) -> set[str]:
    """The modules that are loaded at the end of a program, whose standard error is no terminal."""
    done = subprocess.run(
        [sys.executable, "-c", f"import sys\n{program}\n{PRINT_MODULES}"],
        cwd=ROOT,
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    assert done.stderr == ""
    return set(done.stdout.rpartition("modules:")[2].split())


def over(recording: Path, *options: str) -> set[str]:
    """The modules that the command line has loaded when it has read a recording."""
    arguments = [str(recording), "--out", str(recording.parent / "out"), *options]
    return modules_of(f"import inference\nassert inference.main({arguments!r}) == 0")


@pytest.fixture(scope="module")
def recording(inferior, tmp_path_factory):
    """Twelve leads at 500 Hz, ten seconds."""
    pytest.importorskip("onnxruntime")
    path = tmp_path_factory.mktemp("start") / "one.npy"
    np.save(path, inferior.record.signal)
    return path


@pytest.fixture(scope="module")
def usual(recording):
    return over(recording)


def test_what_other_uses_need_is_not_imported(usual):
    assert usual & FOR_OTHERS == set()
    assert {"onnxruntime", "cardiac.readers.arrays", "tasks.mi.findings"} <= usual


def test_few_modules_are_loaded_beside_the_two_libraries(usual):
    assert len(usual - modules_of("import numpy, onnxruntime")) <= MOST_MODULES


def test_what_is_asked_for_is_imported(recording):
    """So that the list above can fail: its names are those that are loaded where they are of use."""
    assert over(recording, "--evidence", "--plots") >= {"matplotlib", "tasks.mi.evidence", "tasks.mi.pictures"}


def test_rates_that_are_no_multiple_need_scipy_and_no_others(recording):
    path = recording.with_name("rates.npy")
    np.save(path, np.load(recording))
    assert "scipy" in over(path, "--fs-hz", "360")
    assert "scipy" not in over(path, "--fs-hz", "1000")
