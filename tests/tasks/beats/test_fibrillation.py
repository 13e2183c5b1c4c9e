"""Stretches made to fibrillate: no P wave, no regular interval, no S; and what they are worth to a classifier."""

import numpy as np

from tasks.beats.early import early_against_late
from tasks.beats.features import FEATURES, stretch_features
from tasks.beats.fibrillation import LEAST_NORMAL, MOST_BEATS, fibrillating_form
from tasks.beats.labels import CLASSES
from tasks.beats.shapes import cut_stretches
from tests.tasks.beats.made_up_hearts import made_up

COLUMN = {name: index for index, name in enumerate(FEATURES)}
N, S, V = (CLASSES.index(each) for each in "NSV")


def regular(n=500):
    """Beats of a regular heart with a P wave, and what they are: some S, some V."""
    times = (1 + 0.8 * np.arange(n)).tolist()
    classes = np.full(n, N)
    classes[20::50], classes[30::50] = S, V
    record, positions = made_up(times, wide=np.flatnonzero(classes == V), premature=np.flatnonzero(classes == S))
    (stretch,) = cut_stretches(record, positions)
    return stretch.beats, classes


def test_p_waves_and_regular_intervals_are_gone_and_the_qrs_is_not():
    beats, classes = regular()
    before = stretch_features(beats, np.full(len(beats) + 1, 0.8))
    features, told = fibrillating_form(beats, classes, np.random.default_rng(0))
    assert len(told) < MOST_BEATS and set(told) == {N, V}
    normal, was = told == N, classes == N
    for name, least in (("p_like_most", 0.8), ("regular_share50", 0.9)):
        assert np.median(before[was, COLUMN[name]]) > least > 1.5 * np.median(features[normal, COLUMN[name]])
    assert np.median(features[normal, COLUMN["qrs_like_most"]]) > 0.99
    told_by_p = early_against_late(
        *(features[:, COLUMN[name]] for name in ("before_to_long50", "apart_normal", "p_like_most"))
    )
    assert told_by_p[0] > 0.4 and abs(told_by_p[1] - 0.5) < 0.15


def test_the_same_draw_makes_the_same_and_the_record_is_left_as_it_was():
    beats, classes = regular()
    kept = beats.copy()
    one, two = (fibrillating_form(beats, classes, np.random.default_rng(3))[0] for _ in range(2))
    np.testing.assert_array_equal(one, two)
    np.testing.assert_array_equal(beats, kept)


def test_few_normal_beats_make_none():
    beats, _ = regular(LEAST_NORMAL + 2)
    assert fibrillating_form(beats, np.full(len(beats), V), np.random.default_rng(0)) is None
