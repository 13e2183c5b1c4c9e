"""What the trees are told: spikes are where they were put, a study's rows are its own, and nothing odd is not a number."""

import numpy as np
import pytest

from tasks.rr.features import NO_SPIKE, feature_names, interval_features
from tasks.rr.rule import marked_by_rule
from tasks.rr.simulate import simulate_study
from tasks.rr.spikes import known_median, rhythm_of, spikes_of

LEVEL, PLACE = 800.0, 40


@pytest.fixture
def spiked():
    """A calm rhythm with one spike."""
    intervals = LEVEL + 4.0 * (np.arange(80) % 3)
    intervals[PLACE] += 80
    intervals[PLACE + 1] -= 70
    return intervals


def column(features, name):
    return features[:, feature_names().index(name)]


def test_a_spike_is_found_where_it_is(spiked):
    spikes = spikes_of(rhythm_of(spiked))
    assert spikes.strength.argmax() == PLACE and (spikes.strength > 0.05).sum() == 1
    assert spikes.rise[PLACE] == pytest.approx(84 / 804 - 0.0, abs=0.01) and spikes.fall[PLACE] == pytest.approx(
        0.087, abs=0.01
    )


def test_a_dip_before_a_peak_is_no_spike(spiked):
    assert spikes_of(rhythm_of(spiked[::-1])).strength.max() < 0.05


def test_rows_near_a_spike_know_how_far_it_is(spiked):
    offset = column(interval_features(spiked), "spike_offset")
    assert offset[PLACE - 5 : PLACE + 6].tolist() == [*range(5, -6, -1)]
    assert (offset[:20] == NO_SPIKE).all()


def test_the_rhythm_s_rate_does_not_change_what_is_relative(spiked):
    rows, faster = interval_features(spiked), interval_features(spiked * 0.75)
    for name in ("usable+0", "given-3", "step+1", "spike_strength", "spike+1", "rmssd8", "study_off", "off30"):
        assert column(rows, name) == pytest.approx(column(faster, name), abs=1e-5), name


def test_a_fault_does_not_move_the_level(spiked):
    faulty = spiked.copy()
    faulty[[10, 30]] = 40_900, 12
    rhythm = rhythm_of(faulty)
    assert np.flatnonzero(~rhythm.usable).tolist() == [10, 30]
    assert np.abs(rhythm.level - rhythm_of(spiked).level).max() <= 4
    assert spikes_of(rhythm).strength[PLACE] > 0.05


@pytest.mark.parametrize(
    "intervals", [[800.0], [12.0], [40_900, 12], [1e-9, 1e9], [500] * 3, [100] * 60, [299, 1401] * 9]
)
def test_whatever_comes_gives_numbers(intervals):
    features = interval_features(np.array(intervals, float))
    assert features.shape == (len(intervals), len(feature_names())) and np.isfinite(features).all()


def test_the_median_of_what_is_known_is_numpy_s():
    values = np.random.default_rng(0).normal(size=(50, 7))
    values[np.random.default_rng(1).random(values.shape) < 0.4] = np.nan
    values[3] = np.nan
    told = known_median(values, -9.0)
    assert told[3] == -9.0
    assert np.delete(told, 3) == pytest.approx(np.nanmedian(np.delete(values, 3, axis=0), axis=1))


def test_the_rule_marks_a_spike_and_what_is_round_it(spiked):
    assert np.flatnonzero(marked_by_rule(spiked)).tolist() == [*range(PLACE - 4, PLACE + 6)]


def test_the_rule_leaves_a_zigzag_alone(spiked):
    zigzag = LEVEL + 70.0 * (-1.0) ** np.arange(60)
    assert not marked_by_rule(zigzag).any()


def test_a_made_up_study_is_its_seed_s():
    one, same, other = simulate_study(1), simulate_study(1), simulate_study(2)
    assert np.array_equal(one.intervals_ms, same.intervals_ms) and not np.array_equal(one.targets, other.targets)
    assert one.targets.any() and not one.targets.all() and one.intervals_ms.min() > 0
