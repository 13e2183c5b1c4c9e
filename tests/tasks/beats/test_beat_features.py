"""What is measured of a beat, on made-up recordings of which it is known."""

import numpy as np
import pytest

from tasks.beats.features import FEATURES, beat_features
from tasks.beats.rhythm import RHYTHM, rhythm_features
from tests.tasks.beats.made_up_hearts import made_up

FS_HZ = 250.0
COLUMN = {name: index for index, name in enumerate(FEATURES)}


REGULAR = (1 + 0.8 * np.arange(60)).tolist()


def test_a_wide_beat_is_unlike_the_normal_ones_and_wider():
    record, positions = made_up(REGULAR, wide=(20, 40))
    features = beat_features(record, positions)
    wide = np.isin(np.arange(60), (20, 40))
    for name in ("qrs_apart_most", "width_most", "apart_normal", "spread_most"):
        values = features[:, COLUMN[name]]
        assert values[wide].min() > values[~wide].max(), name
    assert (features[:, COLUMN["is_normal"]] == ~wide).all()


def test_a_beat_too_early_without_its_p_wave_is_seen_by_both():
    times = list(REGULAR)
    times[30] -= 0.3
    record, positions = made_up(times, premature=(30,))
    features = beat_features(record, positions)
    for name in ("before_to_upper", "before_to_mean10", "p_like_most"):
        assert features[:, COLUMN[name]].argmin() == 30, name


def test_the_normal_beat_is_the_one_of_the_long_intervals_even_where_it_is_rare():
    """Runs of wide early beats, most of all, and a normal one after each run."""
    times, wide, time = [], [], 1.0
    for index in range(120):
        times.append(time)
        wide += [index] if index % 4 else []
        time += 1.0 if index % 4 == 3 else 0.45
    record, positions = made_up(times, wide=wide)
    normal = beat_features(record, positions)[:, COLUMN["is_normal"]] == 1
    assert (normal == ~np.isin(np.arange(120), wide)).all()


@pytest.mark.parametrize("n_leads", [1, 2, 3])
@pytest.mark.parametrize("n_beats", [0, 1, 2, 3, 60])
def test_any_number_of_beats_and_leads_gives_finite_numbers(n_beats, n_leads):
    record, positions = made_up(REGULAR[:n_beats], n_leads=n_leads)
    features = beat_features(record, positions)
    assert features.shape == (n_beats, len(FEATURES)) and np.isfinite(features).all()


def test_beats_at_the_very_ends_and_a_flat_lead():
    record, _ = made_up(REGULAR)
    record.signal[1] = 0
    positions = np.array([0, 1, 200, record.signal.shape[1] - 1])
    assert np.isfinite(beat_features(record, positions)).all()


@pytest.mark.parametrize("fs_hz", [128.0, 360.0, 1000.0])
def test_the_rate_changes_little(fs_hz):
    times = list(REGULAR)
    times[30] -= 0.3
    one, other = (beat_features(*made_up(times, wide=(20,), fs_hz=rate, seed=1)) for rate in (FS_HZ, fs_hz))
    names = ["before_to_upper", "apart_normal", "width_most", "height_most"]
    columns = [COLUMN[name] for name in names]
    np.testing.assert_allclose(one[:, columns], other[:, columns], atol=0.15)


def test_a_run_of_early_beats_is_short_beside_what_is_around_it():
    """Twelve regular early beats in a row: within the run their intervals are like each other."""
    times, time = [], 1.0
    for index in range(100):
        times.append(time)
        time += 0.4 if 40 <= index < 52 else 0.9
    record, positions = made_up(times)
    features = beat_features(record, positions)
    run = (np.arange(100) > 40) & (np.arange(100) <= 52)
    assert (features[run, COLUMN["before_to_long50"]] < -0.7).all()
    assert (np.abs(features[~run, COLUMN["before_to_long50"]]) < 0.05).all()
    assert features[run, COLUMN["own_common50"]].max() < features[~run, COLUMN["own_common50"]].min()


def test_fibrillation_has_no_common_interval_and_bigeminy_has_two():
    rng = np.random.default_rng(0)
    fibrillation, bigeminy = rng.uniform(0.4, 1.1, 200), np.tile([0.5, 1.0], 100)
    of_both = [rhythm_features(rr)[:, RHYTHM.index("common50")] for rr in (fibrillation, bigeminy)]
    assert of_both[0].max() < 0.25 < 0.4 < of_both[1].min()


def test_long_recordings_are_measured_in_stretches_and_no_beat_is_lost(monkeypatch):
    from tasks.beats import shapes

    record, positions = made_up(REGULAR)
    whole = beat_features(record, positions)
    monkeypatch.setattr(shapes, "STRETCH_S", 20.0)
    stretches = list(shapes.cut_stretches(record, positions))
    assert [each.first for each in stretches[1:]] == [each.last for each in stretches[:-1]]
    assert (len(stretches), stretches[0].first, stretches[-1].last) == (3, 0, 60)
    assert beat_features(record, positions).shape == whole.shape
