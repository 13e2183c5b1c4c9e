"""What is measured of pulses, by waves whose beats are known."""

import numpy as np
import pytest

from tasks.ppg.filters import filter_segments
from tasks.ppg.pulses import pulse_features, pulse_names
from tasks.ppg.segments import NO_NUMBERS, NO_PULSE, refusals, require_usable, to_rate
from tests.tasks.ppg.made_up import every, pulses_at


def measured(*waves):
    values = pulse_features(to_rate(filter_segments(np.stack(waves), 100), 100))
    return [dict(zip(pulse_names(), row.tolist(), strict=True)) for row in values]


@pytest.mark.parametrize("interval_s", [0.35, 0.5, 0.8, 1.0])
def test_a_regular_rhythm_is_measured_to_a_hundredth(interval_s):
    (own,) = measured(pulses_at(every(interval_s)))
    for name in ("all", "high", "steep"):
        assert own[f"{name}_median_s"] == pytest.approx(interval_s, abs=0.01)
        assert own[f"{name}_mad"] < 0.03
        assert own[f"{name}_n"] == pytest.approx(len(every(interval_s)), abs=1)
    assert own["peak_hz"] == pytest.approx(1 / interval_s, abs=0.06)


def test_an_early_low_beat_with_a_pause_is_seen():
    times, heights = every(0.8), np.ones(len(every(0.8)))
    times[6] -= 0.3
    heights[6] = 0.55
    regular, early = measured(pulses_at(every(0.8)), pulses_at(times, heights=heights))
    assert early["all_shortest_0"] == pytest.approx(0.5 / 0.8, abs=0.06)
    assert early["all_longest_0"] == pytest.approx(1.1 / 0.8, abs=0.06)
    assert early["all_earliest_pair"] == pytest.approx(1.0, abs=0.04)  # the pause makes up for it
    assert early["all_height_about_earliest_1"] < 0.75 < regular["all_height_about_earliest_1"]
    assert early["all_entropy"] > regular["all_entropy"]


def test_irregular_beats_have_a_higher_rmssd():
    rng = np.random.default_rng(3)
    irregular = np.cumsum(rng.uniform(0.45, 1.1, 12)) - 0.2
    calm, wild = measured(pulses_at(every(0.75)), pulses_at(irregular[irregular < 9.8]))
    assert wild["all_rmssd"] > 5 * calm["all_rmssd"]
    inside = np.diff(irregular[(irregular > 0.2) & (irregular < 9.8)])
    assert wild["all_sd_s"] == pytest.approx(np.std(inside), rel=0.25)


def test_neither_unit_nor_height_nor_company_changes_anything():
    waves = [
        pulses_at(every(each)) + 0.01 * np.random.default_rng(1).standard_normal(1_000) for each in (0.4, 0.7, 1.1)
    ]
    filtered = to_rate(filter_segments(np.stack(waves), 100), 100)
    together = pulse_features(np.resize(filtered, (300, 500)))
    assert np.array_equal(np.concatenate([pulse_features(each[None]) for each in filtered]), together[:3])
    assert np.array_equal(pulse_features(1024 * filtered), together[:3])
    assert np.isfinite(together).all()
    assert len(set(pulse_names())) == together.shape[1]


def test_a_wave_without_pulses_can_be_measured_and_is_refused():
    ramp = np.linspace(0, 1, 500)[None]
    assert np.isfinite(pulse_features(ramp)).all()
    flat, nan, live = np.zeros(1_000), np.full(1_000, np.nan), pulses_at(every(0.8))
    lost = np.where(np.arange(1_000) < 350, live, live[350])
    filtered = filter_segments(np.stack([flat, live, lost, np.full(1_000, 3.3), 1e-3 * live]), 100)
    assert refusals(filtered) == [NO_PULSE, None, NO_PULSE, NO_PULSE, None]
    assert refusals(nan[None]) == [NO_NUMBERS]


def test_the_first_unusable_segment_is_named():
    from cardiac.errors import RecordError

    with pytest.raises(RecordError, match="segment 2: there is no pulse"):
        require_usable(np.stack([pulses_at(every(0.8)), np.zeros(1_000)]), ["segment 1", "segment 2"])


@pytest.mark.parametrize("fs_hz", [50.0, 64.0, 125.0, 200.0, 250.0])
def test_another_rate_is_brought_to_the_bundles_own(fs_hz):
    at_100 = to_rate(filter_segments(pulses_at(every(0.8))[None], 100), 100)
    other = to_rate(filter_segments(pulses_at(every(0.8), fs_hz)[None], fs_hz), fs_hz)
    assert other.shape == at_100.shape == (1, 500)
    inner = slice(50, 450)
    assert np.abs(other - at_100)[:, inner].max() < 0.06 * np.abs(at_100).max()
