"""What is measured of a beat, on made-up recordings of which it is known."""

import numpy as np
import pytest

from cardiac.records import Record
from tasks.beats.features import FEATURES, beat_features

FS_HZ = 250.0
COLUMN = {name: index for index, name in enumerate(FEATURES)}


def made_up(times_s, wide=(), premature=(), n_leads=2, fs_hz=FS_HZ, seed=0):
    """A Record with a P wave and a narrow QRS at each time; without P where premature, wide and turned over where wide."""
    n = round((max(times_s, default=0) + 2) * fs_hz)
    t = np.arange(n) / fs_hz
    signal = np.random.default_rng(seed).normal(0, 0.01, (n_leads, n))
    for index, time in enumerate(times_s):
        sign, width = (-1.4, 0.045) if index in wide else (1.0, 0.015)
        wave = sign * np.exp(-0.5 * ((t - time) / width) ** 2) + 0.2 * np.exp(-0.5 * ((t - time - 0.3) / 0.05) ** 2)
        if index not in wide and index not in premature:
            wave += 0.15 * np.exp(-0.5 * ((t - time + 0.16) / 0.02) ** 2)
        signal += wave * np.linspace(1, 0.6, n_leads)[:, None]
    record = Record("made-up", signal.astype(np.float32), fs_hz, leads=("MLII", "V1", "V5")[:n_leads])
    return record, np.round(np.array(times_s) * fs_hz).astype(int)


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
