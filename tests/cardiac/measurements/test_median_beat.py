"""Lines between levels, and places at the very edge of the median beat."""

import numpy as np
import pytest

from cardiac.measurements.median_beat import group_beats, level_lines
from cardiac.measurements.wave_network import FIDUCIALS, N_TIMES, TIMES_S, likely_places
from cardiac.quality.assess import assess_quality
from tests.cardiac.measurements.made import make_record


@pytest.mark.parametrize("centres", [[5.0], [-3.5, 4.5, 20.5, 21.5, 90.0], [0.0, 99.0], [150.0]])
def test_lines_between_levels(centres):
    levels = np.random.default_rng(0).normal(size=(3, len(centres))).astype(np.float32)
    expected = [np.interp(np.arange(100), centres, row) for row in levels]
    assert np.allclose(level_lines(np.array(centres), levels, 100), expected, atol=1e-5)


def test_a_place_at_the_edge_counts_every_time_once():
    over_time = np.full((1, len(FIDUCIALS), N_TIMES), -9.0, dtype=np.float32)
    over_time[:, :, -2:] = 5.0  # as likely at the last time as at the one before
    places, absent = likely_places(over_time, np.zeros((1, len(FIDUCIALS))))
    assert places == pytest.approx((TIMES_S[-1] + TIMES_S[-2]) / 2, abs=1e-4)
    assert np.all(absent < 0.01)


def test_the_dominant_shape_alone_is_the_first_of_all():
    record = make_record()
    beats = assess_quality(record).beats
    every = group_beats(record.signal, record.fs_hz, beats)
    (dominant,) = group_beats(record.signal, record.fs_hz, beats, most=1)
    assert np.array_equal(dominant.beat, every[0].beat)
    assert np.array_equal(dominant.indices, every[0].indices)
