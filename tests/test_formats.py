"""One recording in every format has one finding."""

import subprocess
import sys

import pytest

from inference import predict_record
from tests.writers import WRITERS


@pytest.mark.parametrize("kind", sorted(set(WRITERS) - {"npy"}))
def test_the_same_finding_from_every_format(kind, tmp_path, inferior, detector):
    signal = inferior.record.signal.astype(float)
    expected = predict_record(WRITERS["npy"](tmp_path / "plain", signal, 500), detector)
    finding = predict_record(WRITERS[kind](tmp_path / "record", signal, 500), detector)
    assert finding.sites == expected.sites
    assert abs(finding.mi.probability - expected.mi.probability) < 1e-3


def test_the_program_may_lie_and_be_called_anywhere(tmp_path, signal, root):
    """A file beside the recordings that is named as a library is not taken for it, and a path may be relative."""
    (tmp_path / "pandas.py").write_text("raise SystemExit")
    (tmp_path / "numpy.py").write_text("raise SystemExit")
    WRITERS["csv"](tmp_path / "a", signal, 500)
    done = subprocess.run(
        [sys.executable, root / "inference.py", "a.csv", "--out", "out"], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
