"""Recordings of other leads than the twelve, read, cut, assessed, stored and shown by the core alone."""

from dataclasses import replace

import numpy as np
import openpyxl
import pyedflib
import pytest
import wfdb

from cardiac.errors import RecordError, RecordRejected
from cardiac.leads import LEADS
from cardiac.long_signals import LongSignal, prepare
from cardiac.paper import lead_levels
from cardiac.quality.assess import assess_quality, require_usable
from cardiac.records import Record, read_record, record_from_array
from cardiac.signals import SignalSpec
from cardiac.simulate import simulate_record
from cardiac.stored_signals import stored_record, write_signal
from cardiac.tracing import samples_document, small_tracing
from cardiac.windows import cut_windows

FS_HZ, MINUTES = 360.0, 30
NAMES = ("MLII", "V5")
ROWS = [LEADS.index("II"), LEADS.index("V5")]
FLAT_S, HUM_S = (700.0, 820.0), (1_300.0, 1_500.0)  # of V5, of MLII
NEAR_S = 0.05


@pytest.fixture(scope="module")
def half_hour():
    """Two leads of a healthy heart, mV in steps of 5 µV, with V5 off for two minutes and MLII humming; the R peaks."""
    simulated = simulate_record(11, FS_HZ, 60.0 * MINUTES, noise=0.3)
    signal = simulated.record.signal[ROWS].astype(float)
    flat, hum = (slice(*(round(each * FS_HZ) for each in span)) for span in (FLAT_S, HUM_S))
    signal[1, flat] = 0.0
    signal[0, hum] += 0.1 * np.sin(2 * np.pi * 60 * np.arange(hum.start, hum.stop) / FS_HZ)
    return np.round(signal * 200) / 200, simulated.r_peaks


@pytest.fixture(scope="module")
def path(half_hour, tmp_path_factory):
    """As the MIT-BIH Arrhythmia Database stores it."""
    folder = tmp_path_factory.mktemp("mitdb")
    wfdb.wrsamp(
        "100", fs=360, units=["mV"] * 2, sig_name=[*NAMES], p_signal=half_hour[0].T, fmt=["212"] * 2,
        adc_gain=[200.0] * 2, baseline=[0] * 2, write_dir=str(folder),
    )  # fmt: skip
    return folder / "100.hea"


@pytest.fixture(scope="module")
def record(path) -> Record:
    return read_record(path, leads=None)


@pytest.fixture(scope="module")
def quality(record):
    return assess_quality(record)


def test_every_channel_is_kept_as_it_was_written(record, half_hour):
    signal, _ = half_hour
    assert (record.leads, record.fs_hz, record.signal.shape) == (NAMES, FS_HZ, signal.shape)
    assert isinstance(record.signal, LongSignal)
    for first in (0, 200_001, signal.shape[1] - 5_000):
        assert np.array_equal(
            record.signal[:, first : first + 5_000], signal[:, first : first + 5_000].astype(np.float32)
        )


def test_its_beats_are_those_that_were_simulated(quality, half_hour):
    peaks, found = half_hour[1], quality.beats
    after = np.clip(np.searchsorted(found, peaks), 1, len(found) - 1)
    apart = np.minimum(np.abs(found[after] - peaks), np.abs(found[after - 1] - peaks))
    assert (apart <= NEAR_S * FS_HZ).mean() > 0.999
    others = found[np.abs(found[:, None] - peaks).min(axis=1) > NEAR_S * FS_HZ] / FS_HZ
    assert np.abs(others[:, None] - [*FLAT_S, *HUM_S]).min(axis=1).max(initial=0) < 4  # T waves, where a fault sets in
    assert quality.rate_bpm == pytest.approx(60 * FS_HZ / np.median(np.diff(peaks)), rel=0.01)


def test_windows_are_where_the_beats_are(record, half_hour):
    signal, peaks = half_hour
    before, width = 90, 200
    starts = (peaks - before)[(peaks >= before) & (peaks - before + width <= signal.shape[1])]
    windows = cut_windows(record.signal, starts, width)
    assert windows.shape == (len(starts), 2, width)
    for place in (0, 700, len(starts) - 1):
        own = signal[:, starts[place] : starts[place] + width]
        assert np.array_equal(windows[place], own.astype(np.float32))
    middle = np.median(windows, axis=0)
    assert np.abs(np.abs(middle - np.median(middle, axis=1)[:, None]).argmax(axis=1) - before).max() <= 6


def test_faults_are_told_with_their_lead_and_time(quality):
    assert quality.status == "warning"
    assert {reason.kind for reason in quality.reasons} == {"lead_off", "hum"}
    for kind, lead, span in (("lead_off", "V5", FLAT_S), ("hum", "MLII", HUM_S)):
        (reason,) = [each for each in quality.reasons if each.kind == kind]
        assert reason.leads == (lead,) and f"lead {lead}" in reason.text
        assert (reason.start_s, reason.end_s) == (pytest.approx(span[0], abs=2), pytest.approx(span[1], abs=2))


class Watched:
    """Samples of which the longest stretch that was asked for is known."""

    def __init__(self, samples: np.ndarray) -> None:
        self.samples, self.shape, self.longest = samples, samples.shape, 0

    def __getitem__(self, key: tuple[slice, slice]) -> np.ndarray:
        part = self.samples[key]
        self.longest = max(self.longest, part.shape[1])
        return part


def test_no_more_than_a_part_is_in_memory(half_hour, record):
    """A recording twice as long is read in stretches that are no longer."""
    longest = []
    for times in (1, 2):
        watched = Watched(np.tile(half_hour[0].astype(np.float32), times))
        long = replace(record, signal=LongSignal(watched, np.array))
        beats = assess_quality(long).beats
        cut_windows(long.signal, beats[2:-2] - 90, 180)
        assert prepare(long.signal, FS_HZ, SignalSpec(100.0, (0.5, 45.0), NAMES))[:, :60_000].shape == (2, 60_000)
        longest.append(watched.longest)
    assert max(longest) <= 300_000  # fourteen minutes, of half an hour and of an hour


@pytest.mark.parametrize("kind", ["csv", "edf"])
def test_a_minute_in_other_formats(kind, half_hour, tmp_path):
    signal = half_hour[0][:, : round(60 * FS_HZ)]
    path = WRITERS[kind](tmp_path, signal)
    record = read_record(path, leads=None)
    assert (record.leads, record.fs_hz, record.signal.shape) == (NAMES, FS_HZ, signal.shape)
    assert np.abs(record.signal - signal).max() < 2e-4
    assert np.array_equal(read_record(path, leads=("V5",)).signal, record.signal[1:])
    assert assess_quality(record).status == "ok"
    with pytest.raises(RecordError, match="lead V1 is missing among MLII, V5"):
        read_record(path, leads=("V1",))
    with pytest.raises(RecordError, match="export all twelve leads"):
        read_record(path)


def as_csv(folder, signal):
    """In µV, beside a channel that is no voltage."""
    columns = [np.arange(signal.shape[1]) / FS_HZ, *signal * 1_000, np.full(signal.shape[1], 36.6)]
    heading = "time (s),MLII (uV),V5 (uV),temperature (C)"
    np.savetxt(folder / "a.csv", np.column_stack(columns), delimiter=",", header=heading, comments="", fmt="%.5f")
    return folder / "a.csv"


def as_edf(folder, signal):
    path = folder / "a.edf"
    with pyedflib.EdfWriter(str(path), 3, file_type=pyedflib.FILETYPE_EDFPLUS) as file:
        for place, (label, unit) in enumerate((("MLII", "mV"), ("V5", "uV"), ("Resp", "Ohm"))):
            most = 5_000 if unit == "uV" else 5
            file.setSignalHeader(place, {
                "label": label, "dimension": unit, "sample_frequency": 360, "physical_min": -most, "physical_max": most,
                "digital_min": -32_768, "digital_max": 32_767, "transducer": "", "prefilter": "",
            })  # fmt: skip
        file.writeSamples([signal[0], signal[1] * 1_000, np.sin(np.arange(signal.shape[1]) / 500)])
    return path


WRITERS = {"csv": as_csv, "edf": as_edf}


def test_three_leads_of_a_table(half_hour, tmp_path):
    signal = simulate_record(3, FS_HZ, 20.0, noise=0.3).record.signal[[1, 7, 10]]
    table = np.column_stack([np.arange(signal.shape[1]) / FS_HZ, *signal])
    np.savetxt(tmp_path / "a.csv", table, delimiter=",", header="time,II,V2,V5", comments="", fmt="%.6f")
    record = read_record(tmp_path / "a.csv", leads=None)
    assert (record.leads, record.fs_hz) == (("II", "V2", "V5"), FS_HZ)
    assert np.allclose(record.signal, signal, atol=1e-6)
    spoilt = record.signal.copy()
    spoilt[1, 2_000:4_000] = 0
    (reason,) = assess_quality(replace(record, signal=spoilt)).reasons
    assert (reason.kind, reason.leads) == ("lead_off", ("V2",))
    assert "lead V2 from 6.0 to 11.0 s" in reason.text


@pytest.mark.parametrize(
    ("heading", "leads"), [("time,ECG1,ECG2", ("ECG1", "ECG2")), ("time,MLII,MLIII", ("MLII", "MLIII"))]
)
@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_headings_that_name_no_lead_are_names(kind, heading, leads, tmp_path):
    signal = simulate_record(3, FS_HZ, 5.0, noise=0.3).record.signal[[1, 2]]
    table = np.column_stack([np.arange(signal.shape[1]) / FS_HZ, *signal])
    path = tmp_path / f"a.{kind}"
    if kind == "csv":
        np.savetxt(path, table, delimiter=",", header=heading, comments="", fmt="%.6f")
    else:
        book = openpyxl.Workbook()
        for row in (heading.split(","), *table.tolist()):
            book.active.append(row)
        book.save(path)
    record = read_record(path, leads=None)
    assert (record.leads, record.fs_hz) == (leads, FS_HZ)
    assert np.allclose(record.signal, signal, atol=1e-5)
    with pytest.raises(RecordError, match="name none of the twelve leads"):
        read_record(path)


def test_one_lead():
    simulated = simulate_record(5, FS_HZ, 30.0, noise=0.3)
    record = record_from_array(simulated.record.signal[1:2], FS_HZ, ["Lead II"], wanted=None)
    assert (record.leads, record.signal.shape) == (("II",), (1, 10_800))
    quality = assess_quality(record)
    assert quality.status == "ok"
    assert len(quality.beats) == pytest.approx(len(simulated.r_peaks), abs=1)
    dead = replace(record, signal=np.zeros_like(record.signal))
    with pytest.raises(RecordRejected, match="no signal in lead II for half the time or more"):
        require_usable(assess_quality(dead))


@pytest.mark.parametrize("fault", ["flat", "noise"])
def test_one_dead_lead_of_two_is_a_warning_and_both_are_too_many(fault, record):
    signal = record.signal[:, : round(20 * FS_HZ)].copy()
    dead = np.zeros_like(signal) if fault == "flat" else np.random.default_rng(0).normal(0, 0.6, signal.shape)
    one = assess_quality(Record("r", np.stack([signal[0], dead[1]]), FS_HZ, leads=NAMES))
    assert one.status == "warning"
    assert all("V5" in each.leads for each in one.reasons)
    both = assess_quality(Record("r", dead, FS_HZ, leads=NAMES))
    assert both.status == "rejected"


def test_beats_that_one_of_two_leads_loses(record):
    signal = record.signal[:, : round(30 * FS_HZ)].copy()
    rng = np.random.default_rng(0)
    off = slice(round(10 * FS_HZ), round(20 * FS_HZ))
    signal[1, off] = 0.01 * rng.standard_normal(off.stop - off.start)
    reasons = assess_quality(Record("r", signal, FS_HZ, leads=NAMES)).reasons
    (lost,) = [each for each in reasons if each.kind == "lead_off"]
    assert lost.leads == ("V5",)
    assert 10 <= lost.start_s <= 11.5 and 18.5 <= lost.end_s <= 20


def test_names_of_channels():
    """Standard names where they stand for a lead, turned ones turned back; equal names are told apart."""
    signal = simulate_record(2, FS_HZ, 10.0).record.signal[:4]
    record = record_from_array(signal, FS_HZ, ["ECG", "-aVR", "ECG", "C5 (chest)"], wanted=None)
    assert record.leads == ("ECG", "aVR", "ECG 2", "V5")
    assert np.array_equal(record.signal[1], -signal[1])
    assert record_from_array(signal.T, FS_HZ, wanted=None).leads == tuple(f"channel {place}" for place in range(1, 5))
    with pytest.raises(RecordError, match="lead II is listed twice"):
        record_from_array(signal[:2], FS_HZ, ["II", "Lead II"], wanted=None)
    with pytest.raises(RecordError, match="states no sampling rate"):
        record_from_array(signal, wanted=None)


def test_a_record_that_lacks_what_is_asked_for_is_refused(record):
    assert read_record(record, leads=None) is record
    with pytest.raises(RecordError, match="has the leads MLII, V5 instead of I, II, III"):
        read_record(record)


def test_ends_alike_stay_where_samples_are_counted():
    """Two leads may be alike for a while, and an annotation's sample numbers must hold."""
    signal = simulate_record(2, FS_HZ, 10.0).record.signal[:2].copy()
    signal[:, :100] = 0
    assert record_from_array(signal, FS_HZ, ["I", "II"], wanted=None).signal.shape == signal.shape


def test_stored_and_shown(record, tmp_path):
    short = replace(record, signal=record.signal[:, :3_600])
    write_signal(short, tmp_path / "a.npy")
    stored = stored_record(tmp_path / "a.npy", "a", FS_HZ, NAMES)
    assert stored.leads == NAMES and np.array_equal(stored.signal, short.signal)
    with pytest.raises(RecordError, match="not twelve leads"):
        stored_record(tmp_path / "a.npy", "a", FS_HZ)
    assert samples_document(short, 0, 1)["leads"] == [*NAMES]
    first = replace(short, signal=short.signal[:1], leads=NAMES[:1])
    assert small_tracing(short) == small_tracing(first)
    second = replace(short, signal=short.signal[::-1], leads=("V5", "II"))
    assert small_tracing(second) == small_tracing(first)
    assert len(lead_levels(short, "V5", 0.0, 5.0, 50.0)) == 1_800
