"""EDF and BDF as programs write them: every field odd or left out, and the signal that was written is read."""

import numpy as np
import pytest

from cardiac.errors import RecordError
from cardiac.records import read_record
from tests.cardiac.readers.edf_writer import Form, Signal, leads, write_edf

FS_HZ = 500
WIDE = ("-8000", "8000", "-8388608", "8388607")


@pytest.fixture
def short(signal):
    return signal[:, :3000].astype(float)


def written(folder, short, form=None, n_records=6, label="{}", name="rec.edf", **more):
    return write_edf(folder / name, leads(short, label, **more), n_records, form or Form())


def same(path, short, fs_hz=FS_HZ, warned=False):
    record = read_record(path)
    assert record.fs_hz == pytest.approx(fs_hz, rel=1e-6)
    assert record.signal.shape == short.shape
    assert np.abs(record.signal - short).max() < 1e-4
    assert any(note.level == "warning" for note in record.notes) == warned
    return [note.text for note in record.notes]


def refused(path, told):
    with pytest.raises(RecordError, match=told) as caught:
        read_record(path)
    text = str(caught.value)
    assert text.startswith(f"{path.name}: ")
    assert "\n" not in text
    assert "internal error" not in text
    return text


LABELS = [
    "{}",
    "ECG {}",
    "ECG-{}",
    "EKG {}",
    "EKG-{}",
    "Lead {}",
    "Lead-{}",
    "ECG Lead {}",
    "ecg_{}",
    "EKG{}",
    "{}-Ref",
]
LABELS += ["Ableitung {}", "Abl. {}", "ECG:{}", "MDC_ECG_{}", "{} (mV)", "ECG {} raw"]


@pytest.mark.parametrize("label", LABELS)
@pytest.mark.parametrize("case", [str, str.lower, str.upper])
def test_labels(label, case, tmp_path, short):
    signals = [Signal(case(each.label), each.values) for each in leads(short, label)]
    assert not any("turned" in note for note in same(write_edf(tmp_path / "rec.edf", signals, 6, Form()), short))


@pytest.mark.parametrize("separator", ["-", "- "])
def test_a_minus_that_stands_alone_turns_a_lead(separator, tmp_path, short):
    signals = leads(short)
    signals[3] = Signal(f"{separator}aVR", -signals[3].values)
    assert "turned back: aVR" in same(write_edf(tmp_path / "rec.edf", signals, 6, Form()), short)[0]


UNITS = {
    "uV": 1, "µV": 1, "uv": 1, "UV": 1, "microV": 1, "µVolt": 1, "mV": 1e-3, "MV": 1e-3, "mv": 1e-3, "V": 1e-6, "Volt": 1e-6,
    "nV": 1e3, "мкВ": 1, "μV": 1, "[uV]": 1, " uV": 1, "": 1e-3,
}  # fmt: skip


@pytest.mark.parametrize("encoding", ["latin-1", "utf-8", "cp1251"])
@pytest.mark.parametrize("unit", UNITS)
def test_units(unit, encoding, tmp_path, short):
    """µ is the byte B5 in Latin-1, as most programs write it; Cyrillic units are read in UTF-8."""
    try:
        content = unit.encode(encoding)
    except UnicodeEncodeError:
        return
    if encoding == "cp1251" and "к" in unit:
        refused(written(tmp_path, short, unit=content), "is not a known unit of voltage: use mV, µV or V")
        return
    factor, signals = UNITS[unit], leads(short)
    ranges = (f"{-8000 * factor:.5g}"[:8], f"{8000 * factor:.5g}"[:8], "-8388608", "8388607")
    signals = [Signal(each.label, each.values * factor, content, ranges) for each in signals]
    same(write_edf(tmp_path / "rec.bdf", signals, 6, Form(is_bdf=True)), short)


def test_leads_of_different_units(tmp_path, short):
    signals = leads(short)
    signals[:6] = [
        Signal(each.label, each.values / 1000, "mV", ("-3.2768", "3.2767", "-32768", "32767")) for each in signals[:6]
    ]
    same(write_edf(tmp_path / "rec.edf", signals, 6, Form()), short)


@pytest.mark.parametrize("unit", ["%", "bpm", "mmHg", "digits"])
def test_a_unit_that_is_no_voltage_is_refused(unit, tmp_path, short):
    refused(written(tmp_path, short, unit=unit), f"its unit '{unit}' is not a known unit of voltage")


RANGES = {
    "decimal commas": ("-3276,8", "3276,7", "-32768", "32767"),
    "decimals in the digital range": ("-3276.8", "3276.7", "-32768.0", "32767.0"),
    "exponents": ("-3.3e3", "3.3E+3", "-3.3e4", "33000"),
    "plus signs": ("-3276.8", "+3276.7", "-32768", "+32767"),
    "12 bits": ("-2048", "2047", "-2048", "2047"),
    "unsigned": ("-3276.8", "3276.7", "0", "30000"),
    "not about 0": ("-3000", "4000", "-32768", "32767"),
    "leading blanks": ("  -3000", "   3000", "  -30000", "  30000"),
}


@pytest.mark.parametrize("case", RANGES)
def test_ranges(case, tmp_path, short):
    short = short.round(3) if case == "12 bits" else short
    record = read_record(written(tmp_path, short, ranges=RANGES[case]))
    step_mv = (float(RANGES[case][1].replace(",", ".")) - float(RANGES[case][0].replace(",", "."))) / 1000
    step_mv /= float(RANGES[case][3]) - float(RANGES[case][2])
    assert np.abs(record.signal - short).max() <= 0.51 * step_mv


def test_a_range_that_runs_down_turns_its_lead_and_is_said(tmp_path, short):
    signals = leads(short)
    signals[7] = Signal("V2", signals[7].values, ranges=("3276.7", "-3276.8", "-32768", "32767"))
    assert "negative gain for V2" in same(write_edf(tmp_path / "rec.edf", signals, 6, Form()), short, warned=True)[0]


DURATIONS = {
    "a second": (1.0, 6, None), "whole": (6.0, 1, None), "three": (3.0, 2, None), "half": (0.5, 12, None),
    "half, decimal comma": (0.5, 12, "0,5"), "two tenths": (0.2, 30, ".2"), "a sample": (0.002, 3000, None),
    "an exponent": (0.1, 60, "1e-1"), "as a decimal": (1.0, 6, "1.000000"), "plus": (1.0, 6, "+1"),
}  # fmt: skip


@pytest.mark.parametrize("case", DURATIONS)
@pytest.mark.parametrize("is_bdf", [True, False])
def test_durations_of_a_data_record(case, is_bdf, tmp_path, short):
    record_s, n_records, text = DURATIONS[case]
    form = Form(record_s, text, is_bdf=is_bdf)
    same(written(tmp_path, short, form, n_records, ranges=WIDE if is_bdf else RANGES["exponents"]), short)


@pytest.mark.parametrize("text", ["-1", "0", "", "0.0", "-0.5", "nan", "inf", "one", "1e9", "1:00", "1 s"])
def test_durations_that_give_no_rate(text, tmp_path, short):
    told = refused(written(tmp_path, short, Form(duration=text)), "duration of a data record")
    assert ("no sampling rate: write the true one there" in told) or "not a number" in told or "is not valid" in told


def test_a_rate_that_no_ecg_has(tmp_path, short):
    refused(written(tmp_path, short, Form(duration="100")), "a sampling rate of 5.0 Hz is outside 100 to 10000 Hz")


@pytest.mark.parametrize("tail", [b"", b"x" * 700])
@pytest.mark.parametrize("is_bdf", [True, False])
def test_an_open_number_of_data_records(tail, is_bdf, tmp_path, short):
    """As a recorder leaves it that was stopped: the whole records are read, and a note says so."""
    form = Form(n_records="-1", tail=tail, is_bdf=is_bdf)
    path = written(tmp_path, short, form, ranges=WIDE if is_bdf else RANGES["exponents"])
    assert "number of data records open" in same(path, short)[0]


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"n_records": "7"}, "states 84000 bytes of samples and 72000 are there"),
        ({"n_records": "5"}, "states 60000 bytes of samples and 72000 are there"),
        ({"n_records": "0"}, "states 0 bytes of samples and 72000 are there"),
        ({"n_records": ""}, "number of data records '' is not a number"),
        ({"n_records": "six"}, "number of data records 'six' is not a number"),
        ({"n_records": "nan"}, "number of data records 'nan' is not valid"),
        ({"n_records": "1e99"}, "number of data records '1e99' is not valid"),
        ({"tail": b"x"}, "states 72000 bytes of samples and 72001 are there"),
    ],
)
def test_numbers_of_data_records_that_lie(more, told, tmp_path, short):
    refused(written(tmp_path, short, Form(**more)), told)


@pytest.mark.parametrize("n_bytes", [1, 100, 255])
def test_half_a_header(n_bytes, tmp_path, short):
    path = written(tmp_path, short)
    path.write_bytes(path.read_bytes()[:n_bytes])
    refused(path, f"holds {n_bytes} bytes, too few for a header of EDF")


@pytest.mark.parametrize("n_bytes", [256, 1000, 256 * 13 - 1])
def test_half_a_list_of_signals(n_bytes, tmp_path, short):
    path = written(tmp_path, short)
    path.write_bytes(path.read_bytes()[:n_bytes])
    refused(path, "states 12 signals and is cut short")


@pytest.mark.parametrize(
    "reserved", ["", "EDF", "EDF+C", "edf+c", "24BIT", "BIOSEMI", "\0" * 44, "EDF+X", "?\xb5?", "Dummy"]
)
def test_reserved_fields(reserved, tmp_path, short):
    assert same(written(tmp_path, short, Form(reserved=reserved)), short) == []


@pytest.mark.parametrize("ending", ["rec.EDF", "rec.rec", "rec", "rec.bdf"])
def test_other_endings(ending, tmp_path, short):
    same(written(tmp_path, short, name=ending), short)


@pytest.mark.parametrize(
    ("patient", "sex"),
    [
        ("X F 01-JAN-1960 X", "female"),
        ("X M X X", "male"),
        ("X X X X", None),
        ("", None),
        ("Name", None),
        ("X f", "female"),
        ("JOHN F KENNEDY", None),
        ("P-4711 M 02-FEB-1950 Smith_Ann", "male"),
    ],
)
def test_sex(patient, sex, tmp_path, short):
    assert read_record(written(tmp_path, short, Form(patient=patient))).sex == sex


MARKS = ["EDF+D", "edf+d", "EDF+D ", "EDF +D", "EDF+D, made by hand"]


def _mark(mark, is_bdf):
    return mark.replace("EDF", "BDF").replace("edf", "bdf") if is_bdf else mark


@pytest.mark.parametrize("is_bdf", [True, False])
@pytest.mark.parametrize("record_s", [1.0, 0.5, 1 / 3, 1.5])
@pytest.mark.parametrize("start", [0, 0.25, 3600])
@pytest.mark.parametrize("mark", MARKS)
def test_marked_with_gaps_and_without_any(mark, start, record_s, is_bdf, tmp_path, signal):
    """EDF+D may be contiguous, and programs mark every file so."""
    n_records = 6
    short = signal[:, : round(n_records * record_s * 498)].astype(float)  # a whole number of samples in a third
    onsets = [f"+{start + place * record_s:.6f}".rstrip("0").rstrip(".") for place in range(n_records)]
    form = Form(record_s, reserved=_mark(mark, is_bdf), onsets=onsets, is_bdf=is_bdf)
    path = written(tmp_path, short, form, n_records, ranges=WIDE if is_bdf else RANGES["exponents"])
    assert "has none: read as one piece" in same(path, short, 498)[0]


GAPS = {
    (1, 4.0): "one of 4 s after 1 s",
    (3, 0.5): "one of 0.5 s after 3 s",
    (5, 0.004): "one of 0.004 s after 5 s",
    (2, -1.0): "and goes back by 1 s after 2 s",
}


@pytest.mark.parametrize("is_bdf", [True, False])
@pytest.mark.parametrize("mark", MARKS)
@pytest.mark.parametrize(("at", "gap_s"), GAPS)
def test_gaps_are_refused_and_their_place_is_said(at, gap_s, mark, is_bdf, tmp_path, short):
    onsets = [f"+{place + gap_s * (place >= at):g}" for place in range(6)]
    form = Form(reserved=_mark(mark, is_bdf), onsets=onsets, is_bdf=is_bdf)
    path = written(tmp_path, short, form, ranges=WIDE if is_bdf else RANGES["exponents"])
    refused(path, rf"with gaps \({'BDF' if is_bdf else 'EDF'}\+D\), {GAPS[at, gap_s]}: export it as one piece")


@pytest.mark.parametrize("onset", ["", "1", "one", "+", "+nan", "+inf", "+1e99", "+-1"])
def test_parts_without_a_time(onset, tmp_path, short):
    onsets = ["+0", "+1", onset, "+3", "+4", "+5"]
    refused(written(tmp_path, short, Form(reserved="EDF+D", onsets=onsets)), "part 3 states no time")


def test_marked_with_gaps_and_without_times(tmp_path, short):
    refused(written(tmp_path, short, Form(reserved="EDF+D")), "states no times of its parts")


def test_annotations_of_one_piece_are_no_lead(tmp_path, short):
    onsets = [f"+{place}" for place in range(6)]
    assert same(written(tmp_path, short, Form(reserved="EDF+C", onsets=onsets)), short) == []


@pytest.mark.parametrize("others_first", [True, False])
@pytest.mark.parametrize("is_bdf", [True, False])
def test_other_signals_of_other_rates_are_left_aside(others_first, is_bdf, tmp_path, short):
    others = [
        Signal("RESP", np.zeros(150), "Ohm"),
        Signal("SpO2", np.ones(6), "%"),
        Signal("Status", np.zeros(6000), ""),
    ]
    form = Form(others=others, others_first=others_first, is_bdf=is_bdf)
    notes = same(written(tmp_path, short, form, ranges=WIDE if is_bdf else RANGES["exponents"]), short)
    assert notes == ["left aside: RESP, SpO2, Status"]


def test_a_signal_without_a_range_beside_the_leads(tmp_path, short):
    path = tmp_path / "rec.edf"
    signals = [*leads(short), Signal("Marker", np.zeros(6), "", ("-1", "1", "-1", "1"))]
    write_edf(path, signals, 6, Form())
    content = bytearray(path.read_bytes())
    for field in range(4):
        place = 256 + 13 * (16 + 80 + 8 + 8 * field) + 12 * 8
        content[place : place + 8] = b"x       "
    path.write_bytes(content)
    assert same(path, short) == ["left aside: Marker"]


def test_leads_at_several_rates_are_refused(tmp_path, short):
    signals = leads(short)
    signals[6:] = [Signal(each.label, each.values[::2]) for each in signals[6:]]
    refused(
        write_edf(tmp_path / "rec.edf", signals, 6, Form()),
        "its leads are sampled at 250, 500 Hz: export all at one rate",
    )


WRONG = {
    "a range of one value": (("5", "5", "-32768", "32767"), "states no gain for V1"),
    "a digital range of one value": (("-5", "5", "7", "7"), "states no gain for V1"),
    "a digital range that runs down": (("-5", "5", "32767", "-32768"), "runs down, from 32767 to -32768, for V1"),
    "words": (("low", "5", "-32768", "32767"), "physical range of V1 'low' is not a number"),
    "nothing": (("-5", "", "-32768", "32767"), "physical range of V1 '' is not a number"),
    "digital words": (("-5", "5", "-32768", "x"), "digital range of V1 'x' is not a number"),
    "no number": (("-5", "nan", "-32768", "32767"), "physical range of V1 'nan' is not valid"),
}


@pytest.mark.parametrize("case", WRONG)
def test_ranges_that_state_no_gain(case, tmp_path, short):
    ranges, told = WRONG[case]
    path = written(tmp_path, short)
    content = bytearray(path.read_bytes())
    for field, text in enumerate(ranges):
        place = 256 + 12 * (16 + 80 + 8 + 8 * field) + 6 * 8
        content[place : place + 8] = text.encode().ljust(8)
    path.write_bytes(content)
    refused(path, told)


@pytest.mark.parametrize(
    ("text", "told"), [("-5", "states -5 samples"), ("many", "number of samples 'many'"), ("", "number of samples ''")]
)
def test_numbers_of_samples_that_cannot_be(text, told, tmp_path, short):
    path = written(tmp_path, short)
    content = bytearray(path.read_bytes())
    place = 256 + 12 * (16 + 80 + 8 + 32 + 80)
    content[place : place + 8] = text.encode().ljust(8)
    path.write_bytes(content)
    refused(path, told)
