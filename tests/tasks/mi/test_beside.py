import json

import numpy as np
import pytest

from tasks.mi.beside import calibrated_error
from tasks.mi.elsewhere import ELSEWHERE, elsewhere_table, read_elsewhere


def test_a_calibrated_model_s_error_falls_with_the_records():
    """By the root of their number, and nothing is left of it where every probability is sure."""
    rng = np.random.default_rng(0)
    few, many = (calibrated_error(rng.random(n)) for n in (200, 20_000))
    assert few.low < few.value < few.high
    assert few.value == pytest.approx(10 * many.value, rel=0.15)
    assert calibrated_error(np.array([0.0, 1.0] * 50)).value == 0
    assert (few.n, few.positives) == (200, pytest.approx(100, abs=15))


def test_counts_are_read_and_written_as_a_table(tmp_path):
    row = {
        "negatives": 40, "false_alarms": 4, "positives": 0, "found": 0, "auc": None, "ischaemias": 3, "ischaemias_called": 1,
        "too_poor": 2,
    }  # fmt: skip
    assert read_elsewhere(tmp_path) is None
    (tmp_path / ELSEWHERE).write_text(json.dumps({"joint": {"Here": row}}))
    lines = elsewhere_table(read_elsewhere(tmp_path)["joint"], "a detector")
    assert lines[0].startswith("| a detector | specificity |")
    assert lines[2] == "| Here | 0.900 (0.769 to 0.960) | 4 of 40 |  | 0 of 0 |  | 1 of 3 | 2 |"
