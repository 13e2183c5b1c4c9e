"""The paper's way on made-up leads, whose R, T and targets are known."""

import numpy as np
import pytest

from cardiac.records import record_from_array
from tasks.beats.annotations import Annotations
from tasks.beats.row_recipe import (
    FS_HZ,
    WIDTH,
    annotated_rows,
    cut_rows,
    find_peaks,
    lead_of,
    paper_rows,
    periods_at,
    rows_at,
)

RR = 100  # samples at 125 Hz


def spikes(n=2500, places=None, height=1.0, noise=0.0):
    """A lead with one smooth R at each place, 80 ms wide."""
    places = np.arange(60, n, RR) if places is None else places
    time = np.arange(n)
    signal = sum(height * np.exp(-(((time - each) / 4.0) ** 2)) for each in places)
    return signal + noise * np.random.default_rng(0).standard_normal(n), np.asarray(places)


def record_of(*leads, fs_hz=FS_HZ, names=("MLII", "V1")):
    return record_from_array(np.array(leads), fs_hz, leads=names[: len(leads)], wanted=None)


def beats(positions, classes=None, flutter=()):
    classes = np.zeros(len(positions), int) if classes is None else np.asarray(classes)
    return Annotations(np.asarray(positions), classes, tuple("N" * len(positions)), flutter)


def test_r_and_t_are_found():
    signal, places = spikes()
    positions, periods = find_peaks(signal)
    assert positions.tolist() == places.tolist()
    assert set(periods) == {RR}


def test_in_each_window_the_highest_ones_alone_are_r():
    signal, places = spikes()
    signal[1250:] *= 0.3  # a window is normalised by itself
    assert find_peaks(signal)[0].tolist() == places.tolist()
    lower, _ = spikes(places=places[3:4])
    assert find_peaks(signal - 0.15 * lower)[0].tolist() == np.delete(places, 3).tolist()  # 0.85 of the highest


def test_a_notch_is_no_second_beat():
    signal, places = spikes()
    notched = signal.copy()
    notched[places] -= 0.08
    found = find_peaks(notched)[0]
    assert len(found) == len(places)
    assert np.abs(found - places).max() <= 4


@pytest.mark.parametrize(
    "signal", [np.zeros(2600), np.full(2600, 3.0), spikes(1250, [600])[0], np.zeros(1), np.zeros(0)]
)
def test_where_there_is_no_t_there_are_no_rows(signal):
    positions, periods = find_peaks(signal)
    assert len(positions) == len(periods) == 0


def test_a_row_begins_at_r_is_1_2_t_long_and_zero_behind():
    signal, places = spikes()
    rows = cut_rows(signal - 5, places, np.full(len(places), float(RR)))  # the level does not matter
    assert rows.shape == (len(places), WIDTH)
    assert rows.dtype == np.float32
    assert np.all(rows[:, 0] > 0.99)
    assert np.all(rows[:, RR][places + RR < 2500] > 0.99)  # the next R, within 1.2 T
    assert np.all(rows[:, 120:] == 0)
    assert rows.min() == 0
    assert rows.max() <= 1
    np.testing.assert_allclose(rows[0, :120], signal[60:180], atol=0.01)


def test_long_t_is_cut_and_the_end_of_the_recording_is_padded():
    signal, places = spikes(1300, [50, 700, 1290])
    rows = cut_rows(signal + 1, places, np.full(3, 590.0))
    assert rows.shape == (3, WIDTH)
    assert np.all(rows[2, 10:] == 0)
    assert rows[2, 0] > 0.99


def test_what_is_higher_behind_the_windows_end_stays_within_0_and_1():
    signal, places = spikes(2500, [1240, 1260])
    signal[1255:] *= 3
    rows = cut_rows(signal, places, np.full(2, 100.0))
    assert rows.max() == 1


def test_t_of_annotated_beats_is_the_median_of_their_window():
    assert periods_at(np.array([0, 100, 200, 320, 1300, 1500])).tolist() == [110.0] * 4 + [200.0] * 2
    assert periods_at(np.array([700])).tolist() == [FS_HZ]
    assert periods_at(np.array([], int)).tolist() == []


def test_every_position_gives_a_row_of_the_right_lead_at_any_rate():
    signal, places = spikes()
    at_500 = np.interp(np.arange(0, 2500, 0.25), np.arange(2500), signal)
    record = record_of(np.zeros(10000), at_500, fs_hz=500.0, names=("V1", "MLII"))
    assert lead_of(record) == 1
    rows = rows_at(record, places * 4)
    np.testing.assert_allclose(rows, rows_at(record_of(signal), places), atol=0.02)
    assert len(rows_at(record, np.array([0, 9999]))) == 2
    assert rows_at(record, np.array([], int)).shape == (0, WIDTH)
    assert lead_of(record_of(signal, signal, names=("V5", "V2"))) == 0


def test_targets_are_those_of_the_annotated_beats():
    signal, places = spikes()
    classes = np.arange(len(places)) % 5
    kept = np.delete(np.arange(len(places)), 4)  # nobody has annotated the fifth
    annotations = beats(places[kept] + 3, classes[kept], flutter=((2300, 2500),))
    rows = paper_rows(record_of(signal), annotations)
    inside = places[kept] < 2300 - 0.15 * FS_HZ
    assert rows.targets.tolist() == classes[kept][inside].tolist()
    np.testing.assert_allclose(rows.values[0, :120], signal[60:180], atol=0.01)
    assert annotated_rows(record_of(signal), annotations).targets.tolist() == classes[kept][inside].tolist()


def test_an_annotated_beat_of_low_height_has_a_row_of_its_own():
    signal, places = spikes()
    signal -= 0.5 * spikes(places=places[6:7])[0]
    annotations = beats(places, (np.arange(len(places)) == 6) * 2)
    assert 2 in annotated_rows(record_of(signal), annotations).targets
    assert 2 not in paper_rows(record_of(signal), annotations).targets
