"""Hand-made cases of what is compared with what."""

import math

import numpy as np
import pytest

from tasks.beats.ec57 import NONE, class_scores, confusion, macro_f1, match_beats, outside
from tasks.beats.labels import CLASSES, DS1, DS2, PACED

N, S, V, F, Q = range(5)


@pytest.mark.parametrize(
    ("reference", "found", "pairs", "missed", "extra"),
    [
        ([], [], [], [], []),
        ([100], [], [], [0], []),
        ([], [100], [], [], [0]),
        ([100], [154], [[0, 0]], [], []),
        ([100], [155], [], [0], [0]),
        ([100, 400], [90, 110, 395], [[0, 0], [1, 2]], [], [1]),
        ([100], [60, 110], [[0, 1]], [], [0]),
        ([60, 110], [100], [[1, 0]], [0], []),
        ([100, 400, 700], [100, 700], [[0, 0], [2, 1]], [1], []),
        ([0, 1000], [0, 1000], [[0, 0], [1, 1]], [], []),
    ],
)
def test_which_beat_is_which(reference, found, pairs, missed, extra):
    matched = match_beats(np.array(reference, int), np.array(found, int), 54)  # 150 ms at 360 Hz
    assert matched.pairs.tolist() == pairs
    assert matched.missed.tolist() == missed
    assert matched.extra.tolist() == extra


def test_every_beat_is_counted_once():
    random = np.random.default_rng(0)
    for _ in range(50):
        reference, found = (np.unique(random.integers(0, 5_000, random.integers(0, 40))) for _ in range(2))
        matched = match_beats(reference, found, 54)
        assert sorted([*matched.pairs[:, 0], *matched.missed]) == [*range(len(reference))]
        assert sorted([*matched.pairs[:, 1], *matched.extra]) == [*range(len(found))]
        assert np.all(np.abs(reference[matched.pairs[:, 0]] - found[matched.pairs[:, 1]]) <= 54)


def test_a_missed_beat_is_no_beat_and_an_extra_one_is_a_false_alarm():
    reference, classes = np.array([100, 400, 700, 1000]), np.array([N, V, S, F])
    found, told = np.array([101, 402, 850, 1001]), np.array([N, N, V, V])
    counts = confusion(match_beats(reference, found, 54), classes, told)
    assert counts.sum() == 5
    assert counts[N, N] == counts[V, N] == counts[S, NONE] == counts[NONE, V] == counts[F, V] == 1
    scores = class_scores(counts)
    assert scores["N"].sensitivity == 1
    assert scores["N"].predictivity == scores["N"].n_reference / scores["N"].n_found == 0.5
    assert scores["N"].f1 == pytest.approx(2 / 3)
    assert scores["V"].f1 == scores["S"].sensitivity == 0
    assert math.isnan(scores["S"].predictivity)
    assert math.isnan(scores["Q"].f1)
    assert macro_f1(counts) == pytest.approx(2 / 3 / 4)
    assert (scores["V"].n_found, class_scores(counts, spared=True)["V"].n_found) == (2, 1)


def test_flutter_is_left_out_with_a_margin():
    assert outside(np.array([10, 95, 100, 150, 204, 206]), ((100, 200),), 5).tolist() == [
        True,
        False,
        False,
        False,
        False,
        True,
    ]


def test_nobody_trains_and_tests():
    assert not {*DS1} & {*DS2}
    assert not {*DS1, *DS2} & {*PACED}
    assert len(DS1) == len(DS2) == 22
    assert len(CLASSES) == 5
