"""What the door lets in, and the sentence for what it does not."""

import io
import os
import re
import struct

import numpy as np
import pytest
import wfdb
from hypothesis import given, settings
from hypothesis import strategies as st

from cardiac.errors import RecordError
from cardiac.leads import LEADS
from cardiac.records import read_record, record_from_array


def save(path, array):
    np.save(path, array)
    return path


def write_wfdb(folder, signal, leads=LEADS, units="mV", fs=500, name="record"):
    wfdb.wrsamp(
        name, fs=fs, units=[units] * len(leads), sig_name=list(leads), p_signal=signal.T.astype(float),
        fmt=["16"] * len(leads), write_dir=str(folder),
    )  # fmt: skip
    return folder / f"{name}.hea"


def test_npy_is_read_as_it_is(tmp_path, signal):
    record = read_record(save(tmp_path / "a.npy", signal))
    assert record.record_id == "a"
    assert np.array_equal(record.signal, signal)
    assert record.signal.dtype == np.float32
    assert record.fs_hz == 500
    assert [note.level for note in record.notes] == ["info"]
    assert "500 Hz" in record.notes[0].text
    assert read_record(tmp_path / "a.npy", fs_hz=250).duration_s == 20
    assert read_record(tmp_path / "a.npy", fs_hz=250).notes == ()


@pytest.mark.parametrize("dtype", ["<f8", ">f4", "<f2", "<i2", ">i4"])
def test_any_number_type(tmp_path, signal, dtype):
    in_uv = np.dtype(dtype).kind == "i"
    record = read_record(save(tmp_path / "a.npy", (signal * 1000 if in_uv else signal).round(3).astype(dtype)))
    assert np.abs(record.signal - signal).max() < 2e-3


def test_column_major_is_read(tmp_path, signal):
    assert np.array_equal(read_record(save(tmp_path / "a.npy", np.asfortranarray(signal))).signal, signal)


def test_npy_and_wfdb_agree(tmp_path, signal):
    of_wfdb = read_record(write_wfdb(tmp_path, signal))
    assert np.abs(of_wfdb.signal - signal).max() < 1e-4
    assert of_wfdb.fs_hz == 500
    assert of_wfdb.notes == ()  # a header states rate, unit and names


def test_wfdb_leads_go_by_name_and_unit_by_header(tmp_path, signal):
    order = np.random.default_rng(1).permutation(12)
    names = [LEADS[place].upper() for place in order]
    shuffled = read_record(write_wfdb(tmp_path, signal[order] * 1000, names, "uV", 1000))
    assert np.abs(shuffled.signal - signal).max() < 1e-3
    assert shuffled.fs_hz == 1000


def test_extra_leads_are_left_aside_and_said(tmp_path, signal):
    record = read_record(write_wfdb(tmp_path, np.vstack([signal[:3], signal]), ["vx", "vy", "vz", *LEADS]))
    assert np.abs(record.signal - signal).max() < 1e-4
    assert "vx, vy, vz" in record.notes[0].text


def test_named_leads_in_any_order(signal):
    order = np.random.default_rng(0).permutation(12)
    record = record_from_array(signal[order], 500, [LEADS[place] for place in order])
    assert np.array_equal(record.signal, signal)


def test_turned_array_is_turned_back_and_said(tmp_path, signal):
    record = read_record(save(tmp_path / "a.npy", signal.T))
    assert np.array_equal(record.signal, signal)
    assert any("samples x leads" in note.text and note.level == "warning" for note in record.notes)


@pytest.mark.parametrize("turned", [False, True])
def test_a_record_of_an_array_has_its_own_samples(signal, turned):
    array = signal.T.copy() if turned else signal.copy()
    record = record_from_array(array, 500)
    array[:] = 0
    assert np.array_equal(record.signal, signal)


@pytest.mark.parametrize("scale", [1, 1000])
@pytest.mark.parametrize("units", ["mV", "uV"])
def test_single_and_double_precision_give_one_record(signal, scale, units):
    """Whether or not something is to be reckoned: by a unit, by the amplitude, by a lead that is missing."""
    for rows in (slice(None), [0, 1, 6, 7, 8, 9, 10, 11]):
        array, leads = signal[rows] * np.float32(scale), np.array(LEADS)[rows]
        unit = units if scale == 1000 else "mV"
        single, double = (record_from_array(array.astype(kind), 500, leads, unit=unit) for kind in ("f4", "f8"))
        assert single.signal.dtype == double.signal.dtype == np.float32
        assert single.notes == double.notes
        assert np.array_equal(single.signal, double.signal)


@pytest.mark.parametrize("fs_hz", [500.0, 257.0])
@pytest.mark.parametrize(("before_s", "after_s"), [(0, 0), (0.09, 0.09), (0.11, 0), (0, 0.11), (0.11, 0.09), (1, 2)])
def test_what_stands_alike_on_all_leads_is_cut_off(signal, fs_hz, before_s, after_s):
    """From a tenth of a second on."""
    before, after = (np.full((12, round(seconds * fs_hz)), 0.3) for seconds in (before_s, after_s))
    record = record_from_array(np.hstack([before, signal, after]), fs_hz)
    kept = np.hstack([before if before_s < 0.1 else before[:, :0], signal, after if after_s < 0.1 else after[:, :0]])
    assert np.array_equal(record.signal, kept.astype(np.float32))
    assert ["cut off" in note.text for note in record.notes] == [True] * (max(before_s, after_s) > 0.1)


def test_microvolts_are_divided_and_said(tmp_path, signal):
    record = read_record(save(tmp_path / "a.npy", signal * 1000))
    assert np.array_equal(record.signal, (signal * 1000).astype(np.float32) / np.float32(1000))
    assert any("microvolts" in note.text and note.level == "warning" for note in record.notes)


def _with(signal, value, lead=3, sample=77):
    changed = signal.copy()
    changed[lead, sample] = value
    return changed


WRONG_ARRAYS = {
    "11 leads": (lambda s: s[:11], "11 leads"),
    "13 leads": (lambda s: np.vstack([s, s[:1]]), "13 leads"),
    "one lead": (lambda s: s[0], "one recording as 12 leads"),
    "two recordings": (lambda s: np.stack([s, s]), "one recording as 12 leads"),
    "NaN": (lambda s: _with(s, np.nan), "1 samples are NaN or infinite, the first in lead aVR at sample 77"),
    "infinite": (lambda s: _with(s, np.inf), "NaN or infinite"),
    "all flat": (np.zeros_like, "all are flat"),
    "all constant": (lambda s: np.ones_like(s) * np.arange(12)[:, None], "all are flat"),
    "volts": (lambda s: s / 1000, "check unit, gain"),
    "between units": (lambda s: s * 40, "check unit, gain"),
    "nanovolts": (lambda s: s * 1e6, "check unit, gain"),
    "a spike beyond float32": (lambda s: _with(s.astype(float), 1e300), r"1e\+300 mV in lead aVR at sample 77"),
    "a spike of two volts": (lambda s: _with(s, -2000), "2e.03 mV in lead aVR"),
    "one lead in another unit": (lambda s: s * np.where(np.arange(12) == 6, 1000, 1)[:, None], "lead V1 swings by"),
    "half the leads in another unit": (
        lambda s: s * np.where(np.arange(12) > 5, 1000, 1)[:, None],
        "some leads look like microvolts",
    ),
    "text": (lambda s: np.full((12, 5000), "a"), "not plain numbers"),
    "complex": (lambda s: s.astype(complex), "not plain numbers"),
    "truth values": (lambda s: s > 0, "not plain numbers"),
    "records": (lambda s: np.zeros((12, 5000), dtype=[("a", "f4")]), "not plain numbers"),
    "nothing": (lambda s: np.zeros((12, 0)), "no sample"),
}


@pytest.mark.parametrize("case", WRONG_ARRAYS)
def test_wrong_arrays_get_one_sentence(tmp_path, signal, case):
    change, told = WRONG_ARRAYS[case]
    with pytest.raises(RecordError, match=told) as caught:
        read_record(save(tmp_path / "bad.npy", change(signal)))
    assert str(caught.value).startswith("bad.npy: ")
    assert "\n" not in str(caught.value)


class Trap:
    """Unpickling this would leave a mark."""

    opened = False

    def __reduce__(self):
        return (setattr, (Trap, "opened", True))


def test_pickled_arrays_are_never_loaded(tmp_path):
    np.save(tmp_path / "a.npy", np.array([Trap()], dtype=object), allow_pickle=True)
    with pytest.raises(RecordError, match="never unpickled"):
        read_record(tmp_path / "a.npy")
    assert not Trap.opened


def forged(header: str) -> bytes:
    text = header.encode() + b" " * (-(len(header) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not an array",
        b"\x93NUMPY",
        b"\x93NUMPY\x09\x00" + b"\x00" * 20,
        forged("{'descr': '<f4', 'fortran_order': False, 'shape': (12, 5000000000000), }"),
        forged("{'descr': '<f4', 'fortran_order': False, 'shape': (12, -5), }"),
        forged("{'descr': '<f4', 'fortran_order': False, 'shape': (True, 5000), }"),
        forged("{'descr': '<f4', 'fortran_order': False, 'shape': (12, 5000), }") + b"\x00" * 100,
        forged("{'descr': '<f4', 'fortran_order': False, 'shape': (-12, -5000), }") + b"\x00" * 240_000,
        forged("{'descr': '<f4', 'fortran_order': False, 'shape': (True, 4), }") + b"\x00" * 16,
        forged("{'descr': '<f4', 'fortran_order': False, 'shape': (0, 100000000000000000000000), }"),
        forged("{'descr': '<f4', 'fortran_order': False, 'shape': (" + "1, " * 100 + "), }") + b"\x00" * 4,
        forged("{'descr': 'O', 'fortran_order': False, 'shape': (12, 5000), }"),
        forged("{'descr': '<f4', 'shape': (12, 5000), }"),
        forged("__import__('os').abort()"),
        forged("(" * 3000),
    ],
)
def test_forged_and_truncated_files(tmp_path, content):
    (tmp_path / "a.npy").write_bytes(content)
    with pytest.raises(RecordError, match=r"a\.npy: "):
        read_record(tmp_path / "a.npy")


@settings(max_examples=200)
@given(st.binary(max_size=300))
def test_no_bytes_give_anything_but_a_record_or_a_sentence(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "fuzz.npy"
    whole = io.BytesIO()
    np.save(whole, np.zeros((12, 3), np.float32))
    path.write_bytes(whole.getvalue()[: 300 - len(content)] + content)
    with pytest.raises(RecordError):
        read_record(path)


def test_wfdb_faults(tmp_path, signal):
    header = write_wfdb(tmp_path, signal)
    text = header.read_text()
    header.write_text(text.replace("record.dat", "../record.dat"))
    with pytest.raises(RecordError, match="cannot be read as a WFDB record"):
        read_record(header)
    header.write_text(text.replace("12 500 5000", "12 500 900000000000"))
    with pytest.raises(RecordError, match=r"900000000000|copy it again"):
        read_record(header)
    header.write_text("nonsense\n")
    with pytest.raises(RecordError, match="cannot be read as a WFDB record"):
        read_record(header)
    header.write_text(text)
    (tmp_path / "record.dat").unlink()
    with pytest.raises(RecordError, match=r"record\.dat is missing"):
        read_record(header)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("12 500 5000", "12 -5 5000", "no sampling rate"),
        ("12 500 5000", "12", "no sampling rate"),
        ("record.dat 16 ", "record.dat 16:40000000 ", "copy it again|cannot be read"),
        ("record.dat 16 ", "record.dat 212 ", "checksum|cannot be read"),
        ("/mV", "x/mV", "is not a known unit of voltage"),
    ],
)
def test_wfdb_headers_that_lie(tmp_path, signal, old, new, told):
    header = write_wfdb(tmp_path, signal)
    header.write_text(header.read_text().replace(old, new))
    with pytest.raises(RecordError, match=told):
        read_record(header)


def test_wfdb_without_a_gain(tmp_path, signal):
    header = write_wfdb(tmp_path, signal)
    lines = header.read_text().splitlines()
    lines[3] = re.sub(r" [\d.]+\(", " 0(", lines[3], count=1)
    header.write_text("\n".join(lines) + "\n")
    with pytest.raises(RecordError, match="states no gain"):
        read_record(header)


def blank(path, first, last):
    """Set the file's bytes from `first` up to `last` to nothing."""
    content = bytearray(path.read_bytes())
    content[first:last] = bytes(last - first)
    path.write_bytes(content)


def test_wfdb_samples_that_are_not_those_of_the_header(tmp_path, signal):
    header = write_wfdb(tmp_path, signal)
    blank(tmp_path / "record.dat", 30_000, 90_000)
    with pytest.raises(RecordError, match="checksum"):
        read_record(header)


def write_segments(folder, signal):
    """Two segments, which wfdb gives each its own gains, under one header."""
    for name, part in (("first", signal[:, :2500]), ("second", signal[:, 2500:])):
        write_wfdb(folder, part, name=name)
    (folder / "whole.hea").write_text("whole/2 12 500 5000\nfirst 2500\nsecond 2500\n")
    return folder / "whole.hea"


def test_wfdb_segments_are_joined_each_by_its_own_gain(tmp_path, signal):
    assert np.abs(read_record(write_segments(tmp_path, signal)).signal - signal).max() < 1e-4


def test_wfdb_segments_are_checked_as_records_are(tmp_path, signal):
    header = write_segments(tmp_path, signal)
    blank(tmp_path / "second.dat", 1000, 9000)
    with pytest.raises(RecordError, match="checksum"):
        read_record(header)
    first = (tmp_path / "first.hea").read_text()
    (tmp_path / "first.hea").write_text(re.sub(r" [\d.]+\(", " 0(", first, count=1))
    with pytest.raises(RecordError, match="states no gain"):
        read_record(header)
    for name in ("whole", "../first", "missing"):
        header.write_text(f"whole/2 12 500 5000\n{name} 2500\nsecond 2500\n")
        with pytest.raises(RecordError, match=r"whole\.hea: "):
            read_record(header)


def test_wfdb_other_signals_may_have_other_units(tmp_path, signal):
    header = write_wfdb(tmp_path, np.vstack([signal, signal[:1]]), [*LEADS, "ABP"])
    lines = header.read_text().splitlines()
    lines[-1] = lines[-1].replace("/mV", "/mmHg")
    header.write_text("\n".join(lines) + "\n")
    assert np.abs(read_record(header).signal - signal).max() < 1e-4
    none = write_wfdb(tmp_path, signal[:2], ["ABP", "RESP"], name="other")
    with pytest.raises(RecordError, match="none of the twelve leads"):
        read_record(none)


def test_python_arrays_that_are_none(signal):
    with pytest.raises(RecordError, match="differ in length"):
        record_from_array([[1.0, 2.0], [1.0]], 500)
    with pytest.raises(RecordError, match="none of the twelve leads"):
        record_from_array(signal, 500, range(12))
    with pytest.raises(RecordError, match="1 samples are NaN"):
        record_from_array(np.ma.masked_array(signal, np.arange(60_000).reshape(12, 5000) == 7), 500)


def test_names_that_no_disk_takes():
    with pytest.raises(RecordError, match="cannot be opened"):
        read_record("x" * 300 + ".npy")


def test_wfdb_missing_lead_and_unknown_unit(tmp_path, signal):
    with pytest.raises(RecordError, match="lead V6 is missing"):
        read_record(write_wfdb(tmp_path, signal[:11], LEADS[:11]))
    with pytest.raises(RecordError, match="not a known unit of voltage"):
        read_record(write_wfdb(tmp_path, signal, units="mmHg"))


@pytest.mark.parametrize("fs_hz", [0, -500, float("nan"), float("inf"), 1e6, 50])
def test_impossible_rates(signal, fs_hz):
    with pytest.raises(RecordError, match="give the true rate"):
        record_from_array(signal, fs_hz)


def test_too_long_is_refused_before_it_is_read(tmp_path, signal):
    with pytest.raises(RecordError, match="1500 minutes long and up to 1440 are read"):
        record_from_array(np.broadcast_to(signal[:, :1], (12, 9_000_000)), 100)
    header = write_wfdb(tmp_path, signal)
    header.write_text(header.read_text().replace("12 500 5000", "12 500 45000000"))
    with (tmp_path / "record.dat").open("r+b") as file:
        file.truncate(12 * 45_000_000 * 2)  # sparse
    with pytest.raises(RecordError, match="1500 minutes long"):
        read_record(header)
    with (tmp_path / "a.npy").open("wb") as file:
        file.write(forged("{'descr': '<f4', 'fortran_order': False, 'shape': (12, 100000000000), }"))
        file.truncate(file.tell() + 12 * 10**11 * 4)  # a sparse file, as large as its header says
    with pytest.raises(RecordError, match="up to 16 GiB are read"):
        read_record(tmp_path / "a.npy")


def test_doubled_lead_names(signal):
    with pytest.raises(RecordError, match="listed twice"):
        record_from_array(np.vstack([signal, signal[:1]]), 500, [*LEADS, "I"])


def test_unreadable_file(tmp_path):
    (tmp_path / "a.npy").mkdir()
    with pytest.raises(RecordError, match=r"a\.npy: is not a plain file"):
        read_record(tmp_path / "a.npy")
    os.mkfifo(tmp_path / "b.npy")  # opening it would wait for ever
    with pytest.raises(RecordError, match=r"b\.npy: is not a plain file"):
        read_record(tmp_path / "b.npy")


def test_other_kinds_and_missing_files(tmp_path):
    with pytest.raises(RecordError, match="no such file"):
        read_record(tmp_path / "a.npy")
    (tmp_path / "a.pdf").write_bytes(b"%PDF")
    with pytest.raises(RecordError, match="picture or PDF, and only samples are read"):
        read_record(tmp_path / "a.pdf")
