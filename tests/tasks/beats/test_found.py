"""What the table of found beats counts."""

import numpy as np
import pytest

from cardiac.errors import RecordError
from tasks.beats.annotations import Annotations
from tasks.beats.found import count_beats, find_all, table_row


def reference(positions: list[int], *flutter: tuple[int, int]) -> Annotations:
    return Annotations(np.array(positions), np.zeros(len(positions), int), ("N",) * len(positions), flutter)


def test_flutter_is_left_out():
    """Neither are beats in it missed, nor are those made up that are found in it or as near as a beat is matched."""
    truth = reference([100, 1_000, 5_000], (2_000, 3_000))
    found = np.array([110, 600, 1_980, 2_500, 3_050, 5_300])
    assert count_beats(truth, found, 360.0) == (1, 2, 2)
    assert count_beats(reference([100, 2_400, 5_000], (2_000, 3_000)), np.array([100, 5_000]), 360.0) == (2, 0, 0)


def test_a_line_of_the_table():
    counts = np.array([[90, 10, 0], [100, 0, 25], [0, 0, 0]])
    draws = np.array([[3, 0, 0], [0, 3, 0], [0, 0, 3]])
    line = table_row("ours", ["a", "b", "c"], counts, draws[:2])
    assert line == "| ours | 0.9500 (0.9025 to 0.9975) | 0.8837 (0.8050 to 0.9950) | 200 | 10 | 25 | a 10 | b 25 |"
    assert " (0.0450 to 0.9950) " in table_row("ours", ["a", "b", "c"], counts, draws)  # a draw without any beat


def test_a_folder_without_recordings(tmp_path):
    with pytest.raises(RecordError, match=r"has no recordings .*: --data names the folder"):
        find_all(tmp_path, lambda path: np.zeros(0, int))
