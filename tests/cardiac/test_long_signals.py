"""Long recordings, read in pieces: the same answer as at once, in flat memory, from every format that can."""

import tracemalloc

import numpy as np
import pytest

from cardiac.errors import RecordError, RecordRejected
from cardiac.long_signals import LongSignal, PreparedSignal
from cardiac.quality.assess import assess_quality
from cardiac.records import Record, read_record, record_from_array
from cardiac.signals import SignalSpec, prepare_signal
from inference import explain_record, judge, predict_record
from tasks.mi.pictures import draw_ecg
from tasks.mi.simulate import simulate_record
from tests.writers import WRITERS

SPEC = SignalSpec(100.0, (0.5, 45.0))


@pytest.fixture(scope="module")
def minutes(inferior):
    """Twelve minutes at 250 Hz, drifting, in steps of 5 µV."""
    signal = np.tile(inferior.record.signal[:, ::2], 72)
    drift = np.sin(np.arange(signal.shape[1]) / 4_000)[None] * np.linspace(0.1, 0.3, 12)[:, None]
    signal = ((signal + drift) * 200).round() / 200
    signal[2:6] = [
        signal[1] - signal[0],
        -(signal[0] + signal[1]) / 2,
        signal[0] - signal[1] / 2,
        signal[1] - signal[0] / 2,
    ]
    return signal


@pytest.mark.parametrize("fs_hz", [250.0, 500.0, 360.0, 257.0])
def test_pieces_are_the_whole(fs_hz, minutes, monkeypatch):
    monkeypatch.setattr("cardiac.long_signals.PIECE_S", 47.3)
    minutes = minutes[:, :60_000].astype(np.float32)
    whole = prepare_signal(minutes, fs_hz, SPEC)
    pieces = PreparedSignal(LongSignal(minutes, lambda part: part), fs_hz, SPEC)
    assert pieces.shape == whole.shape
    for first in range(0, whole.shape[1], 977):
        assert np.abs(pieces[..., first : first + 1_000] - whole[:, first : first + 1_000]).max() < 1e-5


@pytest.mark.parametrize("kind", ["npy", "wfdb 16", "challenge .mat", "edf", "edf+"])
def test_every_format_in_pieces_gives_the_same(kind, minutes, tmp_path, detector, monkeypatch):
    path = WRITERS[kind](tmp_path / "long", minutes, 250)
    long = read_record(path, fs_hz=250)
    assert isinstance(long.signal, LongSignal)
    assert long.duration_s == 720
    for first in (0, 3, 77_777, 179_000):
        assert np.abs(long.signal[:, first : first + 1_000] - minutes[:, first : first + 1_000]).max() < 2e-3
    if kind == "npy":
        found = predict_record(long, detector)
        monkeypatch.setattr("cardiac.records.LONG_S", 1e9)
        at_once = predict_record(record_from_array(minutes, 250), detector)
        assert abs(found.mi.probability - at_once.mi.probability) < 1e-5


def test_evidence_is_of_the_most_telling_seconds(minutes, detector, tmp_path, monkeypatch):
    """A healthy recording with one infarcted stretch: that is what is explained and drawn."""
    healthy = np.tile(simulate_record(3, None).record.signal[:, ::2], 72)
    healthy[:, 100_000:104_000] = minutes[:, 100_000:104_000]
    record = record_from_array(healthy, 250)
    finding = predict_record(record, detector)
    evidence = explain_record(record, finding, detector)["mi"]
    assert 398 <= evidence.starts_s[0] <= 408
    assert evidence.starts_s[-1] - evidence.starts_s[0] < 10
    drawn = []
    monkeypatch.setattr("tasks.mi.pictures.draw_lead", lambda axes, shown, *rest: drawn.append(shown.signal))
    draw_ecg(record, finding, evidence)
    first = round(evidence.starts_s[0] * 250)
    assert np.array_equal(drawn[0], healthy[:, first : first + 2_500].astype(np.float32))
    assert draw_ecg(record, finding).axes


def test_what_cannot_be_settled_is_said_whenever_it_comes(minutes, detector):
    torn = minutes.copy()
    torn[4, 100_321] = np.nan
    record = record_from_array(torn, 250, record_id="torn")
    with pytest.raises(RecordError, match="torn: 1 samples are NaN"):
        predict_record(record, detector)


@pytest.fixture(scope="module")
def ten_minutes():
    """A healthy heart, 250 Hz, and its R peaks."""
    return simulate_record(4, None, 250.0, 600.0, noise=0.3)


def test_silence_is_no_heart_rate(ten_minutes):
    """Ten silent minutes and ten of a heart: its rate, and where no beats are found."""
    signal = ten_minutes.record.signal
    rate_bpm = 60 * 250 / np.median(np.diff(ten_minutes.r_peaks))
    for silent in (np.zeros_like(signal), np.random.default_rng(0).normal(0, 0.003, signal.shape)):
        for parts in ([silent, signal], [signal, silent]):
            quality = judge(record_from_array(np.hstack(parts), 250))
            assert quality.rate_bpm == pytest.approx(rate_bpm, rel=0.01)
            (pause,) = [reason for reason in quality.reasons if reason.kind == "no_beats"]
            assert pause.end_s - pause.start_s == pytest.approx(600, abs=2)


def test_a_heart_for_a_little_while_is_not_enough(ten_minutes):
    signal = np.zeros((12, 300_000), np.float32)
    signal[:, 150_000:200_000] = ten_minutes.record.signal[:, :50_000]
    with pytest.raises(RecordRejected):
        judge(record_from_array(signal, 250))
    noise = np.random.default_rng(0).normal(0, 0.003, (12, 75_000))
    noise[:, :10_000] += ten_minutes.record.signal[:, :10_000]
    with pytest.raises(RecordRejected, match=r"no beats are found for 2\d\d of 300 s: too little is left"):
        judge(record_from_array(noise, 250))


@pytest.mark.parametrize("shift", [-3, -1, 0, 1, 20, 45])
def test_borders_cut_and_double_no_beat(shift, ten_minutes, monkeypatch):
    """A beat at the border of every part, a little to either side, is found once."""
    peaks, signal = ten_minutes.r_peaks, ten_minutes.record.signal
    middle = peaks[len(peaks) // 2]
    signal = signal[:, max(0, 2 * (middle + shift) - signal.shape[1]) : 2 * (middle + shift)]
    moved = peaks - max(0, 2 * (middle + shift) - ten_minutes.record.signal.shape[1])
    inside = moved[(moved > 50) & (moved < signal.shape[1] - 50)]
    monkeypatch.setattr("cardiac.quality.assess.PART_S", signal.shape[1] / 250 * 0.6)
    found = assess_quality(Record("r", signal, 250.0))
    found = found.beats[(found.beats > 50) & (found.beats < signal.shape[1] - 50)]
    assert len(found) == len(inside)
    assert np.abs(found - inside).max() <= 12


@pytest.mark.parametrize("seconds", [700, 1_000, 1_300])
def test_parts_that_are_all_rejected_reject_the_recording(seconds, ten_minutes):
    """Whatever the length of the parts, and whatever the reason of each."""
    signal = np.tile(ten_minutes.record.signal, 3)[:, : seconds * 250]
    half = signal.shape[1] // 2
    signal[6:, :half] = 0  # nothing is seen of the anterior wall
    signal[[1, 2, 5], half:] = 0  # nothing is seen of the inferior wall
    quality = assess_quality(Record("r", signal, 250.0))
    assert quality.status == "rejected"
    assert quality.reasons[0].severity == "rejected"
    signal = np.tile(ten_minutes.record.signal, 3)[:, : seconds * 250]
    signal[6:, : signal.shape[1] // 4] = 0
    assert assess_quality(Record("r", signal, 250.0)).status == "warning"


@pytest.mark.slow
def test_a_day_in_flat_memory(tmp_path, inferior, detector):
    """24 hours at 500 Hz, 1 GB of samples."""
    part = (inferior.record.signal * 1_000).round().astype("<i2")
    path = tmp_path / "day.npy"
    day = np.lib.format.open_memmap(path, "w+", "<i2", (12, 43_200_000))
    for first in range(0, day.shape[1], part.shape[1]):
        day[:, first : first + part.shape[1]] = part
    day.flush()
    tracemalloc.start()
    finding = predict_record(path, detector, 500)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert finding.duration_s == 86_400
    assert finding.mi.present
    assert peak < 400e6, f"{peak / 1e6:.0f} MB"
