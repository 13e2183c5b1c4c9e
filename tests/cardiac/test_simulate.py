"""The simulator of healthy hearts against what hearts do."""

import numpy as np
import pytest

from cardiac.leads import LEADS
from cardiac.simulate import simulate_record


def test_r_peaks_are_where_the_truth_says():
    simulated = simulate_record(11, noise=0)
    lead = np.abs(simulated.record.signal[LEADS.index("V5")])
    for peak in simulated.r_peaks[1:-1]:
        near = lead[peak - 100 : peak + 100]
        assert abs(int(np.argmax(near)) - 100) <= 8  # 16 ms


def test_heart_rate_varies_within_what_hearts_do():
    for seed in range(20):
        rr_s = np.diff(simulate_record(seed).r_peaks) / 500
        assert 0.5 < rr_s.mean() < 1.3
        assert 0.002 < rr_s.std() < 0.15


def test_limb_leads_follow_from_two():
    """Einthoven and Goldberger, to the rounding of 1 µV."""
    first, second, third, avr, avl, avf = simulate_record(5).record.signal[:6].astype(float)
    assert np.abs(third - (second - first)).max() < 0.002
    assert np.abs(avr + (first + second) / 2).max() < 0.002
    assert np.abs(avl - (first - third) / 2).max() < 0.002
    assert np.abs(avf - (second + third) / 2).max() < 0.002


def test_same_arguments_same_record_others_others():
    once, again = simulate_record(4), simulate_record(4)
    assert once.record.signal.tobytes() == again.record.signal.tobytes()
    assert not np.array_equal(once.record.signal, simulate_record(5).record.signal)
    assert not np.array_equal(once.record.signal, simulate_record(4, kind=1).record.signal)


@pytest.mark.parametrize(("fs_hz", "duration_s"), [(100, 10), (1000, 4), (257, 30)])
def test_any_rate_and_length(fs_hz, duration_s):
    simulated = simulate_record(1, fs_hz, duration_s)
    assert simulated.record.signal.shape == (12, round(fs_hz * duration_s))
    assert np.isfinite(simulated.record.signal).all()
    assert np.diff(simulated.r_peaks).min() > 0.4 * fs_hz
