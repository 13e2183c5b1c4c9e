"""Long recordings, read in pieces: the same answer as at once, in flat memory, from every format that can."""

import numpy as np
import pytest

from cardiac.errors import RecordError, RecordRejected
from cardiac.long_signals import LongSignal, PreparedSignal
from cardiac.quality.assess import assess_quality, require_usable
from cardiac.records import Record, read_record, record_from_array
from cardiac.signals import SignalSpec, prepare_signal
from cardiac.simulate import simulate_record
from tests.writers import WRITERS, twelve_minutes

SPEC = SignalSpec(100.0, (0.5, 45.0))


@pytest.fixture(scope="module")
def minutes(healthy):
    return twelve_minutes(healthy.record.signal)


@pytest.mark.parametrize("fs_hz", [250.0, 500.0, 360.0, 257.0])
def test_pieces_are_the_whole(fs_hz, minutes, monkeypatch):
    monkeypatch.setattr("cardiac.long_signals.PIECE_S", 47.3)
    minutes = minutes[:, :60_000].astype(np.float32)
    minutes /= np.abs(minutes).max()  # to 1 mV: the bound is of the largest sample
    whole = prepare_signal(minutes, fs_hz, SPEC)
    pieces = PreparedSignal(LongSignal(minutes, lambda part: part), fs_hz, SPEC)
    assert pieces.shape == whole.shape
    for first in range(0, whole.shape[1], 977):
        assert np.abs(pieces[..., first : first + 1_000] - whole[:, first : first + 1_000]).max() < 1e-5


@pytest.mark.parametrize("kind", ["npy", "wfdb 16", "challenge .mat", "edf", "edf+"])
def test_every_format_in_pieces_gives_the_same(kind, minutes, tmp_path):
    path = WRITERS[kind](tmp_path / "long", minutes, 250)
    long = read_record(path, fs_hz=250)
    assert isinstance(long.signal, LongSignal)
    assert long.duration_s == 720
    for first in (0, 3, 77_777, 179_000):
        assert np.abs(long.signal[:, first : first + 1_000] - minutes[:, first : first + 1_000]).max() < 2e-3


LEADS_ASKED = [(...,), (slice(None),), (3,), (slice(2, 5),), ([4, 0],), (np.arange(12) == 7,)]


@pytest.mark.parametrize("rows", LEADS_ASKED, ids=str)
def test_leads_are_chosen_as_of_an_array(rows, minutes):
    """Of a long signal, of one that is prepared, and of one in a batch."""
    minutes = minutes.astype(np.float32)
    long = LongSignal(minutes, np.array)
    part = slice(700, 900)
    assert np.array_equal(long[(*rows, part)], minutes[(*rows, part)])
    prepared = PreparedSignal(long, 250.0, SPEC)
    assert np.array_equal(prepared[(*rows, part)], prepared[:, part][(*rows, slice(None))])
    batched = PreparedSignal(long, 250.0, SPEC, batched=True)
    assert np.array_equal(batched[(0, *rows, part)], prepared[(*rows, part)])
    assert batched[..., part].shape == batched[:, :, part].shape == (1, 12, 200)


@pytest.mark.parametrize(
    "key", [0, slice(5), (0, 5), (0, slice(0, 10, 2)), (None, slice(5)), (0, 0, slice(5)), (slice(5),)]
)
def test_what_is_no_piece_is_refused(key, minutes):
    long = LongSignal(minutes, np.array)
    for signal in (long, PreparedSignal(long, 250.0, SPEC)):
        with pytest.raises(IndexError, match=r"ask for signal\[leads, first:last\]"):
            signal[key]


def test_what_cannot_be_settled_is_said_whenever_it_comes(minutes):
    torn = minutes.copy()
    torn[4, 100_321] = np.nan
    record = record_from_array(torn, 250, record_id="torn")
    with pytest.raises(RecordError, match="torn: 1 samples are NaN"):
        assess_quality(record)


@pytest.fixture(scope="module")
def ten_minutes():
    """A healthy heart, 250 Hz, and its R peaks."""
    return simulate_record(4, 250.0, 600.0, noise=0.3)


def test_silence_is_no_heart_rate(ten_minutes):
    """Ten silent minutes and ten of a heart: its rate, and where no beats are found."""
    signal = ten_minutes.record.signal
    rate_bpm = 60 * 250 / np.median(np.diff(ten_minutes.r_peaks))
    for silent in (np.zeros_like(signal), np.random.default_rng(0).normal(0, 0.003, signal.shape)):
        for parts in ([silent, signal], [signal, silent]):
            quality = require_usable(assess_quality(record_from_array(np.hstack(parts), 250)))
            assert quality.rate_bpm == pytest.approx(rate_bpm, rel=0.01)
            (pause,) = [reason for reason in quality.reasons if reason.kind == "no_beats"]
            assert pause.end_s - pause.start_s == pytest.approx(600, abs=2)


def test_a_heart_for_a_little_while_is_not_enough(ten_minutes):
    signal = np.zeros((12, 300_000), np.float32)
    signal[:, 150_000:200_000] = ten_minutes.record.signal[:, :50_000]
    with pytest.raises(RecordRejected):
        require_usable(assess_quality(record_from_array(signal, 250)))
    noise = np.random.default_rng(0).normal(0, 0.003, (12, 75_000))
    noise[:, :10_000] += ten_minutes.record.signal[:, :10_000]
    with pytest.raises(RecordRejected, match=r"no beats are found for 2\d\d of 300 s: too little is left"):
        require_usable(assess_quality(record_from_array(noise, 250)))


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
