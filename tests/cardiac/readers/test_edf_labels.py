"""EDF and BDF from a second writer: labels, units, durations and gaps as programs differ in them."""

import numpy as np
import pytest

from cardiac.errors import RecordError
from cardiac.leads import LEADS
from cardiac.records import read_record

FS = 500
UNITS = {"mV": 1.0, "uV": 1e3, "\u00b5V": 1e3, "V": 1e-3, "MV": 1.0, "nV": 1e6, "microV": 1e3}


@pytest.fixture
def short(signal):
    return signal[:, : 6 * FS].astype(np.float64)


def field(text, size):
    return str(text).encode("latin-1").ljust(size)[:size]


def write(path, signal, *, record_s=1.0, told_s=None, label="ECG {}", unit="mV", form="", width=2, n_records=None, slow=False,
          onsets=None, comma=False, fs=FS, rates=None):  # fmt: skip
    """An EDF or BDF file of a (12, n) signal in mV. onsets : of each record's annotations, for EDF+D."""
    n = round(record_s * fs)
    total = signal.shape[1] // n
    steps = 2 ** (8 * width - 1) - 1
    most = float(
        f"{np.abs(signal).max() * UNITS.get(unit, 1.0) * 1.05:.2g}"
    )  # short, so that its eight letters are all of it
    digits = np.round(signal * UNITS.get(unit, 1.0) / most * steps).astype(np.int64)
    shown = f"{most:.0f}" if most > 1e4 else f"{most:.6g}"  # of eight letters
    shown = shown.replace(".", ",") if comma else shown
    rows = [(label.format(lead), unit, f"-{shown}", shown, -steps, steps, n) for lead in LEADS]
    rows += [("Resp", "%", 0, 100, 0, 100, 10)] if slow else []
    rows += [("EDF Annotations", "", -1, 1, -32768, 32767, 30)] if onsets is not None else []
    if rates:
        rows[3] = (*rows[3][:6], rates)
    head = (b"\xffBIOSEMI" if width == 3 else field("0", 8)) + field("X F X X", 80) + field("Startdate X X X X", 80)
    head += field("01.01.24", 8) + field("10.00.00", 8) + field(256 * (len(rows) + 1), 8) + field(form, 44)
    told = record_s if told_s is None else told_s
    head += field(total if n_records is None else n_records, 8)
    head += field(f"{told:g}" if isinstance(told, float) else told, 8) + field(len(rows), 4)
    sizes = (16, None, 8, 8, 8, 8, 8, None, 8, None)
    widths = {1: 80, 7: 80, 9: 32}
    values = [(row[0], "", row[1], row[2], row[3], row[4], row[5], "", row[6], "") for row in rows]
    for place, size in enumerate(sizes):
        head += b"".join(field(row[place], size or widths[place]) for row in values)
    body = b""
    for record in range(total):
        part = digits[:, record * n : (record + 1) * n]
        for place, row in enumerate(part):
            body += pack(row[:rates] if rates and place == 3 else row, width)
        body += pack(np.arange(10), width) if slow else b""
        if onsets is not None:
            body += f"+{onsets[record]:g}\x14\x14\x00".encode().ljust(30 * width, b"\0")
    path.write_bytes(head + body)
    return path


def pack(row, width):
    if width == 2:
        return row.astype("<i2").tobytes()
    return row.astype("<i4").view(np.uint8).reshape(-1, 4)[:, :3].tobytes()


def read_as(path, short, fs=FS):
    record = read_record(path)
    assert record.fs_hz == fs
    assert record.signal.shape == short.shape
    assert np.abs(record.signal - short).max() < 2e-3
    return [note.text for note in record.notes]


def refused(path, told):
    with pytest.raises(RecordError, match=told) as caught:
        read_record(path)
    assert "\n" not in str(caught.value)
    assert "internal error" not in str(caught.value)


@pytest.mark.parametrize("width", [2, 3])
@pytest.mark.parametrize(
    "label",
    [
        "ECG {}",
        "ECG-{}",
        "EKG {}",
        "Lead {}",
        "Lead-{}",
        "{}",
        "ekg-{}",
        "ECG {}-Ref",
        "ECG_{}",
        "ECG {} [mV]",
        "Abl. {}",
    ],
)
def test_labels(label, width, short, tmp_path):
    read_as(write(tmp_path / "a.edf", short, label=label, width=width), short)


@pytest.mark.parametrize("width", [2, 3])
@pytest.mark.parametrize("unit", UNITS)
def test_units(unit, width, short, tmp_path):
    read_as(write(tmp_path / "a.edf", short, unit=unit, width=width), short)


def test_no_voltage(short, tmp_path):
    refused(write(tmp_path / "a.edf", short, unit="mmHg"), "'mmHg' is not a known unit of voltage")


@pytest.mark.parametrize("record_s", [0.1, 0.5, 1.0, 2.0, 3.0])
def test_durations_of_a_data_record(record_s, short, tmp_path):
    read_as(write(tmp_path / "a.edf", short, record_s=record_s), short)
    read_as(write(tmp_path / "b.edf", short, record_s=record_s, told_s=f"{record_s:g}".replace(".", ",")), short)
    read_as(write(tmp_path / "c.edf", short, record_s=record_s, n_records=-1), short)


@pytest.mark.parametrize("told_s", ["-1", "0", "", "abc", "nan", "inf", "1e300"])
@pytest.mark.parametrize("width", [2, 3])
def test_durations_that_cannot_be(told_s, width, short, tmp_path):
    refused(write(tmp_path / "a.edf", short, told_s=told_s, width=width), "duration of a data record")


@pytest.mark.parametrize("form", ["EDF+D", "BDF+D"])
def test_marked_as_with_gaps_and_without_any(form, short, tmp_path):
    width = 3 if form == "BDF+D" else 2
    path = write(tmp_path / "a.edf", short, form=form, width=width, onsets=range(6))
    assert any("has none: read as one piece" in note for note in read_as(path, short))
    path = write(tmp_path / "b.edf", short, form=form, width=width, onsets=[each + 100 for each in range(6)])
    read_as(path, short)


@pytest.mark.parametrize(("onsets", "told"), [
    ([0, 1, 2, 5, 6, 7], "one of 2 s after 3 s"), ([0, 1, 2, 2.5, 3.5, 4.5], "after 3 s"), ([0, 0, 0, 0, 0, 0], "after 1 s"),
])  # fmt: skip
def test_gaps_are_refused_saying_where(onsets, told, short, tmp_path):
    refused(write(tmp_path / "a.edf", short, form="EDF+D", onsets=onsets), told)


def test_gaps_without_times(short, tmp_path):
    refused(write(tmp_path / "a.edf", short, form="EDF+D"), "states no times of its parts")


@pytest.mark.parametrize("slow", [True, False])
@pytest.mark.parametrize("form", ["", "EDF+C", "24BIT", "x"])
def test_other_signals_and_reserved_fields(form, slow, short, tmp_path):
    read_as(write(tmp_path / "a.edf", short, form=form, slow=slow, onsets=range(6)), short)


def test_decimal_commas_in_ranges(short, tmp_path):
    read_as(write(tmp_path / "a.edf", short, comma=True), short)


def test_leads_of_several_rates(short, tmp_path):
    refused(write(tmp_path / "a.edf", short, rates=250), "sampled at 250, 500 Hz")


def test_what_is_not_there(short, tmp_path):
    path = write(tmp_path / "a.edf", short)
    path.write_bytes(path.read_bytes()[:-10])
    refused(path, "bytes of samples and .* are there")
    refused(write(tmp_path / "b.edf", short, n_records=7), "bytes of samples and .* are there")
    refused(write(tmp_path / "c.edf", short, label="EEG {}-x"), "no lead of an ECG")
