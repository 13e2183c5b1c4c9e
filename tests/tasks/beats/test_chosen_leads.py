"""Which leads are looked at, and what is said of it."""

import numpy as np
import pytest

from cardiac.long_signals import LongSignal
from cardiac.records import Record, read_record
from cardiac.simulate import simulate_record
from tasks.beats.leads import PACED, choose_leads

RHYTHM = "NNNNVNNNNNNSNNNNNN"


def texts(record):
    return [note.text for note in record.notes]


@pytest.mark.parametrize("n_leads", [1, 2])
def test_one_lead_or_two_stay_as_they_are(make, n_leads):
    record = make(RHYTHM, n_leads=n_leads).record
    chosen = choose_leads(record)
    assert chosen.leads == record.leads
    assert np.array_equal(chosen.signal, record.signal)
    assert chosen.notes == record.notes


def test_of_twelve_those_are_taken_that_are_good_and_the_note_names_them():
    record = simulate_record(3, duration_s=30).record
    chosen = choose_leads(record)
    assert chosen.leads == ("II", "V1")
    assert np.array_equal(chosen.signal, record.signal[[record.leads.index("II"), record.leads.index("V1")]])
    assert texts(chosen) == ["the beats are told from leads II and V1 of 12, where QRS stand out well"]


def test_noise_clipping_or_silence_in_a_lead_turns_the_choice_away_from_it():
    record = simulate_record(3, duration_s=30).record
    signal, rng = record.signal.copy(), np.random.default_rng(0)
    ii, v1 = record.leads.index("II"), record.leads.index("V1")
    signal[ii] += rng.normal(0, 0.4, signal.shape[1]).astype(np.float32)
    signal[v1, : 2 * signal.shape[1] // 3] = 0.1
    chosen = choose_leads(Record("noisy", signal, record.fs_hz))
    assert not {"II", "V1"} & set(chosen.leads)
    assert "left out, as without a signal for half the time or more: V1" in texts(chosen)


def test_channels_of_unknown_names_are_taken_by_their_beats_alone(make):
    made = make(RHYTHM, n_leads=2)
    rng = np.random.default_rng(1)
    noise = rng.normal(0, 0.05, (3, made.signal.shape[1])).astype(np.float32)
    signal = np.concatenate([noise, made.signal])
    chosen = choose_leads(Record("sleep", signal, 360.0, leads=("C3", "C4", "EOG", "a", "b")))
    assert set(chosen.leads) == {"a", "b"}


def test_a_lead_whose_waves_hide_the_beats_is_not_taken_for_its_height(make):
    made = make(RHYTHM)
    waves = 1.5 * np.sin(2 * np.pi * 3 * np.arange(made.signal.shape[1]) / 360)
    signal = np.concatenate([waves[None].astype(np.float32), made.signal])
    chosen = choose_leads(Record("r", signal, 360.0, leads=("waves", "a", "b")))
    assert chosen.leads == ("a", "b")


def test_a_flat_lead_and_one_that_is_missing_are_left_out(make):
    for value in (0.3, np.nan):
        made = make(RHYTHM)
        made.signal[1] = value
        chosen = choose_leads(Record("r", made.signal, 360.0, leads=("II", "V1")))
        assert chosen.leads == ("II",)
        assert "left out, as without a signal for half the time or more: V1" in texts(chosen)
        assert np.isfinite(chosen.signal).all()


def test_some_missing_samples_stand_at_zero_and_are_told(make):
    made = make(RHYTHM)
    made.signal[1, 100:120] = np.nan
    chosen = choose_leads(Record("r", made.signal, 360.0, leads=("II", "V1")))
    assert chosen.leads == ("II", "V1")
    assert texts(chosen) == ["samples that are missing stand at 0 mV: 20 in V1"]


def test_with_nothing_in_any_lead_there_is_still_a_record():
    chosen = choose_leads(Record("r", np.zeros((3, 3600), np.float32), 360.0, leads=("a", "b", "c")))
    assert chosen.leads == ("a", "b")


def test_impulses_of_a_pacemaker_are_told():
    record = simulate_record(4, duration_s=20)
    signal = record.record.signal.copy()
    for peak in record.r_peaks[1:]:
        signal[:, peak - 60 : peak - 58] += 3.0
    assert PACED in texts(choose_leads(Record("paced", signal, 500.0)))
    assert PACED not in texts(choose_leads(record.record))


def test_of_a_long_recording_the_leads_are_read_in_pieces(tmp_path, make):
    made = make(RHYTHM * 50, fs_hz=200.0, n_leads=3)
    assert made.record.duration_s > 600
    np.save(tmp_path / "a.npy", made.signal)
    record = read_record(tmp_path / "a.npy", 200.0, leads=None)
    assert isinstance(record.signal, LongSignal)
    chosen = choose_leads(record)
    assert isinstance(chosen.signal, LongSignal)
    assert chosen.signal.shape == (2, made.signal.shape[1])
    rows = [record.leads.index(lead) for lead in chosen.leads]
    assert np.array_equal(chosen.signal[:, 500:900], made.signal[rows, 500:900])
