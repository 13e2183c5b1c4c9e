"""NumPy archives as programs write them: rate, names and units under many keys and in many types."""

import numpy as np
import pytest

from cardiac.errors import RecordError
from cardiac.leads import LEADS
from cardiac.records import read_record

MIXED = [*LEADS[6:], *LEADS[:6]]


@pytest.fixture
def short(signal):
    return signal[:, :900].round(3).astype(np.float64)


def mixed(short):
    return short[[LEADS.index(lead) for lead in MIXED]]


def read_as(path, short, fs_hz, given=None):
    record = read_record(path, given)
    assert record.fs_hz == pytest.approx(fs_hz)
    assert np.abs(record.signal - short).max() < 2e-3
    return [note.text for note in record.notes]


NAMES = {"texts": MIXED, "bytes": [lead.encode() for lead in MIXED], "one text": ",".join(MIXED),
         "prefixed": [f"ECG-{lead}" for lead in MIXED],
         "one of bytes": " ".join(MIXED).encode(), "lower": [lead.lower() for lead in MIXED]}  # fmt: skip


@pytest.mark.parametrize(
    "key", ["ch_names", "leads", "lead_names", "channels", "channel_names", "labels", "sig_name", "columns"]
)
@pytest.mark.parametrize("kind", NAMES)
def test_names_of_any_type_under_any_key(kind, key, short, tmp_path):
    np.savez(tmp_path / "a.npz", data=mixed(short), fs=250, **{key: np.array(NAMES[kind])})
    notes = read_as(tmp_path / "a.npz", short, 250)
    assert not any("order" in note for note in notes)


@pytest.mark.parametrize("value", [250, 250.0, "250 Hz", b"250", [250], [[250.0]], [250] * 12, "0.25 kHz"])
@pytest.mark.parametrize("key", ["sfreq", "fs", "Fs", "sampling_rate", "samplingFrequency", "sample_rate_hz", "freq"])
def test_rates_of_any_type_under_any_key(key, value, short, tmp_path):
    np.savez(tmp_path / "a.npz", signal=short, **{key: np.array(value)})
    read_as(tmp_path / "a.npz", short, 250)


@pytest.mark.parametrize(
    ("key", "factor"), [("t", 1), ("time", 1), ("times_ms", 1e3), ("timestamps", 1e6), ("dt", None)]
)
def test_times_and_steps(key, factor, short, tmp_path):
    values = 0.004 if factor is None else np.arange(900) / 250 * factor
    np.savez(tmp_path / "a.npz", signal=short.T, **{key: values})
    read_as(tmp_path / "a.npz", short, 250)


def test_what_is_not_understood_stops(short, tmp_path):
    for extra, told in (
        ({"fs": "fast"}, "'fs'"), ({"fs": [250, 500]}, "'fs'"), ({"fs": 250, "dt": 0.002}, "disagree"),
        ({"fs": 500, "t": np.arange(900) / 250}, "disagree"), ({"sampling_rate": 5}, "'sampling_rate'"),
    ):  # fmt: skip
        np.savez(tmp_path / "a.npz", signal=short, **extra)
        with pytest.raises(RecordError, match=told) as caught:
            read_record(tmp_path / "a.npz")
        assert "--fs-hz" in str(caught.value)
        read_as(tmp_path / "a.npz", short, 360, given=360)


def test_names_that_do_not_fit_and_objects(short, tmp_path):
    np.savez(tmp_path / "a.npz", signal=short, leads=LEADS[:11])
    with pytest.raises(RecordError, match="names 11 leads"):
        read_record(tmp_path / "a.npz")
    np.savez(tmp_path / "b.npz", signal=short, leads=np.array(LEADS, dtype=object))
    with pytest.raises(RecordError, match=r"its entry 'leads'.* never unpickled"):
        read_record(tmp_path / "b.npz")


@pytest.mark.parametrize("key", ["gain", "adc_gain", "resolution"])
def test_whole_numbers_beside_a_gain_are_in_doubt(key, short, tmp_path):
    counts = (short * 200).round().astype(np.int16)
    np.savez(tmp_path / "a.npz", signal=counts, fs=250, **{key: 200.0})
    with pytest.raises(RecordError, match=f"'{key}' .200., which may be their gain"):
        read_record(tmp_path / "a.npz")
    np.savez(tmp_path / "b.npz", signal=(short * 1_000).round().astype(np.int16), fs=250, units="uV", **{key: 200.0})
    read_as(tmp_path / "b.npz", short, 250)


@pytest.mark.parametrize("unit", ["uV", b"uV", ["uV"] * 12, "µV"])
def test_units(unit, short, tmp_path):
    np.savez(tmp_path / "a.npz", signal=short * 1_000, fs=250, units=np.array(unit))
    read_as(tmp_path / "a.npz", short, 250)
