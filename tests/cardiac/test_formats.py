"""One recording in every format is one recording: leads, unit, rate."""

import os
from pathlib import Path

import numpy as np
import pytest

from cardiac.errors import RecordError
from cardiac.leads import LEADS
from cardiac.records import read_record
from tests.writers import WRITERS


@pytest.mark.parametrize("kind", WRITERS)
def test_the_same_recording_in_every_format(kind, tmp_path, healthy):
    signal = healthy.record.signal[:, :5000].astype(float).round(3)
    signal[2:6] = [
        signal[1] - signal[0],
        -(signal[0] + signal[1]) / 2,
        signal[0] - signal[1] / 2,
        signal[1] - signal[0] / 2,
    ]
    path = WRITERS[kind](tmp_path / "record", signal, 500)
    record = read_record(path)
    assert record.fs_hz == 500
    assert record.signal.shape == signal.shape
    assert np.abs(record.signal - signal).max() <= 0.005 * 1.01
    assert not [note.text for note in record.notes if note.level == "warning"]


@pytest.mark.parametrize("kind", ["challenge .mat", "dicom", "muse", "matlab"])
def test_age_and_sex_are_kept_where_they_are_stated(kind, tmp_path, signal):
    record = read_record(WRITERS[kind](tmp_path / "record", signal, 500))
    assert (record.age_years, record.sex) == (61.0, "female")


@pytest.mark.parametrize("fs_hz", [100, 250, 1000])
@pytest.mark.parametrize(
    "kind", ["csv", "xlsx", "edf+", "dicom", "aecg", "muse", "sierra", "scp", "challenge .mat", "matlab"]
)
def test_the_rate_is_the_files(kind, fs_hz, tmp_path, signal):
    assert read_record(WRITERS[kind](tmp_path / "record", signal[:, : 3 * fs_hz], fs_hz)).fs_hz == fs_hz


def test_leads_under_other_names_in_another_order(tmp_path, signal):
    """Cabrera's order with its turned aVR, IEC's names of the chest leads."""
    order = ["aVL", "I", "-aVR", "II", "aVF", "III", *LEADS[6:]]
    names = [name.replace("V", "C") if name[0] == "V" else name for name in order]
    rows = [-signal[3] if name == "-aVR" else signal[LEADS.index(name)] for name in order]
    path = tmp_path / "cabrera.csv"
    np.savetxt(path, np.array(rows).T, delimiter=",", header=",".join(names), comments="", fmt="%.5f")
    record = read_record(path)
    assert np.abs(record.signal - signal).max() < 1e-4
    assert any("turned back: aVR" in note.text for note in record.notes)


def test_names_in_a_comment_count_and_unknown_names_are_said(tmp_path, signal):
    order = [*reversed(LEADS)]
    np.savetxt(tmp_path / "a.txt", signal[::-1].T, delimiter="\t", header="\t".join(order), fmt="%.5f")
    assert np.abs(read_record(tmp_path / "a.txt").signal - signal).max() < 1e-4
    header = ",".join(f"channel {place}" for place in range(12))
    np.savetxt(tmp_path / "b.csv", signal.T, delimiter=",", header=header, comments="", fmt="%.5f")
    with pytest.raises(RecordError, match=r"channel 0, channel 1, .* name none of the twelve leads"):
        read_record(tmp_path / "b.csv")
    np.savetxt(tmp_path / "c.csv", signal.T, delimiter=",", fmt="%.5f")
    assert all(note.level == "info" for note in read_record(tmp_path / "c.csv").notes)


REAL = ["example.scp", "example.dcm", "example_aecg.xml", "muse_example.xml", "philips_sierra_1_04.xml"]
REAL += [f"cinc/{name}.mat" for name in ("A0004", "E00004", "JS00004", "Q0004", "S0004")]


@pytest.fixture(scope="module")
def formats():
    if "ECG_FORMATS" not in os.environ:
        pytest.skip("ECG_FORMATS names no folder of example files")
    return Path(os.environ["ECG_FORMATS"])


@pytest.mark.parametrize("name", REAL)
def test_files_of_devices_and_data_sets(name, formats):
    """Einthoven's and Goldberger's relations hold, as they only do where leads, order and gain are right."""
    record = read_record(formats / name)
    i, ii, iii, avr, avl, avf = record.signal[:6]
    assert np.abs(np.array([ii - i - iii, (i + ii) / 2 + avr, i - ii / 2 - avl, ii - i / 2 - avf])).max() < 0.008
    swings = np.ptp(record.signal, axis=1)
    assert 0.3 < np.median(swings) < 4
    assert record.duration_s >= 10
    assert record.fs_hz == (1000 if "S0004" in name else 500)


def test_the_same_tracing_in_three_devices_formats(formats):
    """The three examples of one manufacturer are one recording."""
    scp, dicom, aecg = (read_record(formats / name).signal for name in REAL[:3])
    assert np.abs(scp - dicom).max() < 2e-6
    assert np.abs(aecg - dicom).max() < 2e-6
