"""WFDB headers as programs write them: each optional field there, odd or left out, and nothing of the signal changes."""

import gzip

import numpy as np
import pytest
import wfdb

from cardiac.errors import RecordError
from cardiac.leads import LEADS
from cardiac.records import read_record

NAMES = [lead.upper() if lead.startswith("aV") else lead for lead in LEADS]


@pytest.fixture
def steps(signal):
    return (signal[:, :3000] * 1000).round().astype("<i2")


def lines(steps, form="16", gain="1000(0)/mV", name="rec", file="rec.dat", head="12 500 3000", names=NAMES):
    sums = steps.sum(axis=1, dtype=np.int16)
    rows = [
        f"{file} {form} {gain} 16 0 {row[0]} {total} 0 {lead}"
        for row, total, lead in zip(steps, sums, names, strict=True)
    ]
    return [f"{name} {head}", *rows]


def write(folder, text, content=b"", encoding="utf-8", name="rec", ending=".hea", data="rec.dat"):
    (folder / data).write_bytes(content)
    path = folder / f"{name}{ending}"
    path.write_bytes(("\n".join(text) + "\n").encode(encoding) if not isinstance(text, bytes) else text)
    return path


def packed(steps, per_frame=1):
    """Frames of `per_frame` samples of one lead after the other."""
    n_leads, n = steps.shape
    return steps.reshape(n_leads, n // per_frame, per_frame).transpose(1, 0, 2).astype("<i2").tobytes()


def same(path, steps, fs_hz=500.0, warned=False):
    record = read_record(path)
    assert record.fs_hz == pytest.approx(fs_hz)
    assert record.signal.shape == steps.shape
    assert np.abs(record.signal - steps / 1000).max() < 1e-5
    assert any(note.level == "warning" for note in record.notes) == warned
    return [note.text for note in record.notes]


HEADS = {
    "length 0": "12 500 0",
    "length left out": "12 500",
    "length -1": "12 500 -1",
    "time in place of the length": "12 500 12:30:45",
    "date in place of the length": "12 500 12:30:45 01/02/2020",
    "length with a point": "12 500 3000.0",
    "rate with decimals": "12 500.000 3000",
    "rate with an exponent": "12 5e2 3000",
    "rate with a decimal comma": "12 500,0 3000",
    "rate with its unit": "12 500Hz 3000",
    "counter": "12 500/250 3000",
    "counter and base": "12 500/250(0) 3000",
    "counter with decimals and a negative base": "12 500/250.5(-1.25) 3000",
    "time": "12 500 3000 12:30:45",
    "time with decimals": "12 500 3000 12:30:45.123456789 31/12/1999",
    "time of one-digit parts": "12 500 3000 1:2:3 1/2/2020",
    "time over 24 hours": "12 500 3000 26:61:99",
    "time and date in brackets": "12 500 3000 [12:30:45.000 01/01/2020]",
    "date in words": "12 500 3000 14:50:55 15-May-2020",
    "date alone": "12 500 3000 15-May-2020 14:50:55",
    "date of ISO": "12 500 3000 12:30:45 2020-01-31",
    "date that cannot be": "12 500 3000 12:30:45 99/99/9999",
    "year of two digits": "12 500 3000 12:30:45 01/02/20",
    "words in place of a time": "12 500 3000 unknown",
    "several spaces and tabs": "\t12  500 \t 3000  ",
}


@pytest.mark.parametrize("head", HEADS)
def test_record_lines(head, tmp_path, steps):
    same(write(tmp_path, lines(steps, head=HEADS[head]), packed(steps)), steps)


GAINS = ["1000", "1000.0(0)/mV", "1e3(0)/mV", "1/uV", "1/µV", "1/μV", "1000,0(0)/mV", "1000.(0)", "1000 (0)/mV"]
GAINS += ["+1000/mV", "1.0E+03(0.0)/mV", "1000000/V", "1000000(0)/V", "1000(0)/MV", "1000(0)/mv", ".001/nV", "1000mV"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1", "utf-16"])
@pytest.mark.parametrize("gain", GAINS)
def test_gains(gain, encoding, tmp_path, steps):
    if "μ" in gain and encoding == "latin-1":
        return
    same(write(tmp_path, lines(steps, gain=gain), packed(steps), encoding), steps)


@pytest.mark.parametrize("n_fields", range(6))
@pytest.mark.parametrize("named", [True, False])
def test_fields_left_out(n_fields, named, tmp_path, steps):
    """Bits, zero, first value, sum and block may end anywhere, and the name may still follow."""
    text = lines(steps)
    for place, lead in enumerate(NAMES, 1):
        fields = text[place].split()
        text[place] = " ".join(fields[: 3 + n_fields] + [lead] * named)
    notes = same(write(tmp_path, text, packed(steps)), steps, warned=not named)
    assert any("names no lead" in note for note in notes) != named


def test_the_zero_of_the_converter_is_the_baseline_where_none_is_stated(tmp_path, steps):
    text = [line.replace("1000(0)/mV 16 0 ", "1000/mV 16 100 ") for line in lines(steps + 100)]
    same(write(tmp_path, text, packed(steps + 100)), steps)


NAMINGS = {
    "with a prefix": "ECG lead {}",
    "with an explanation": "{} (Goldberger, or chest)",
    "as MDC": "MDC_ECG_LEAD_{}",
    "lower case": "{}",
}


@pytest.mark.parametrize("naming", NAMINGS)
def test_names_of_several_words(naming, tmp_path, steps):
    names = [NAMINGS[naming].format(lead.lower() if naming == "lower case" else lead) for lead in LEADS]
    order = [*range(12)][::-1]
    text = lines(steps[order], names=[names[place] for place in order])
    same(write(tmp_path, text, packed(steps[order])), steps)


def test_the_librarys_own_names_of_signals_without_one(tmp_path, steps):
    names = [f"record rec, signal {place}" for place in range(12)]
    assert "names no lead" in same(write(tmp_path, lines(steps, names=names), packed(steps)), steps, warned=True)[0]


@pytest.mark.parametrize("per_frame", [2, 3, 4, 10])
@pytest.mark.parametrize("length", ["stated", "0"])
def test_several_samples_a_frame(per_frame, length, tmp_path, steps):
    head = f"12 {500 / per_frame} {3000 // per_frame if length == 'stated' else 0}"
    text = lines(steps, form=f"16x{per_frame}", head=head)
    same(write(tmp_path, text, packed(steps, per_frame)), steps)


@pytest.mark.parametrize("slow_first", [True, False])
def test_a_slower_channel_is_left_aside(slow_first, tmp_path, steps):
    frames = steps.reshape(12, 1500, 2).transpose(1, 0, 2).reshape(1500, 24)
    resp = np.arange(1500, dtype="<i2")[:, None] % 100
    content = np.hstack([resp, frames] if slow_first else [frames, resp]).tobytes()
    text = lines(steps, form="16x2", head="13 250 1500")
    text.insert(1 if slow_first else 13, "rec.dat 16 10/pm 16 0 0 0 0 RESP")
    assert "left aside, sampled at another rate: RESP" in same(write(tmp_path, text, content), steps)


def test_leads_at_several_rates_are_refused(tmp_path, steps):
    text = lines(steps, form="16x2", head="12 250 0")
    text[12] = text[12].replace("16x2", "16")
    with pytest.raises(RecordError, match="its leads are sampled at 250, 500 Hz: export all at one rate"):
        read_record(write(tmp_path, text, packed(steps, 2)))


def test_skewed_leads_are_put_together(tmp_path, steps):
    late = [3 * (place % 2) for place in range(12)]
    stored = np.stack([np.roll(row, shift) for row, shift in zip(steps, late, strict=True)])
    text = [line.replace(" 16 ", f" 16:{shift} ", 1) for line, shift in zip(lines(stored)[1:], late, strict=True)]
    path = write(tmp_path, ["rec 12 500 3000", *text], packed(stored))
    assert "6 ms" in same(path, steps[:, :-3])[0] or "0.006 s apart" in same(path, steps[:, :-3])[0]


@pytest.mark.parametrize("at_all", [True, False])
@pytest.mark.parametrize("length", [3000, 0])
def test_bytes_before_the_samples(at_all, length, tmp_path, steps):
    text = lines(steps, head=f"12 500 {length}")
    for place in range(1, 13 if at_all else 2):
        text[place] = text[place].replace(" 16 ", " 16+24 ", 1)
    same(write(tmp_path, text, b"x" * 24 + packed(steps)), steps)


@pytest.mark.parametrize("form", ["16", "24", "32", "80", "160", "212", "310", "311", "508", "516", "524"])
def test_length_0_in_every_format(form, tmp_path, steps):
    """The samples are written by the library, or (where it does not write) by hand."""
    whole = (steps // 32 if form in ("80", "508") else steps // 8).astype(np.int64)
    groups = [whole[:8], whole[8:]] if form.startswith("5") else [whole]  # FLAC holds eight channels
    text = ["rec 12 500 0"]
    for place, rows in enumerate(groups):
        if form in ("160", "310", "311"):
            (tmp_path / f"p{place}.dat").write_bytes(by_hand(rows, form))
        else:
            wfdb.io._signal.wr_dat_file(
                f"p{place}.dat", form, rows.T.copy(), 0, True, [*rows], [1] * len(rows), str(tmp_path)
            )
        text += [f"p{place}.dat {form} {1000 / (32 if form in ('80', '508') else 8)}(0)/mV" for _ in rows]
    text[1:] = [f"{line} 16 0 0 0 0 {lead}" for line, lead in zip(text[1:], LEADS, strict=True)]
    record = read_record(write(tmp_path, text))
    assert record.signal.shape == steps.shape
    assert np.abs(record.signal - whole / (1000 / (32 if form in ("80", "508") else 8))).max() < 1e-5


def by_hand(rows, form):
    """Formats that wfdb reads and does not write, by the manual's page signal(5)."""
    flat = rows.T.ravel()
    if form == "160":
        return (flat + 32768).astype("<u2").tobytes()
    a, b, c = (flat.reshape(-1, 3) & 0x3FF).T
    if form == "311":
        return (a | b << 10 | c << 20).astype("<u4").tobytes()
    words = [a << 1 | (c & 0x1F) << 11, b << 1 | (c >> 5 & 0x1F) << 11]
    return np.stack(words, axis=1).astype("<u2").tobytes()


def test_differences_are_summed(tmp_path, steps):
    rows = np.clip(np.diff(steps.astype(int), axis=1, prepend=steps[:, :1]), -128, 127)
    text = lines(steps, form="8", head="12 500 0")
    text = [text[0], *(" ".join([*line.split()[:6], "0", "0", line.split()[-1]]) for line in text[1:])]
    expected = np.cumsum(rows, axis=1) + steps[:, :1]
    same(write(tmp_path, text, rows.T.astype(np.int8).tobytes()), expected)


TEXTS = {
    "comments first": lambda text: ["# made by hand", "#Age: 61", "", *text],
    "comments between": lambda text: [text[0], "# the leads", "", *text[1:]],
    "blank lines behind": lambda text: [*text, "", " ", ""],
    "Windows' lines": lambda text: [f"{line}\r" for line in text],
    "old Macintosh's lines": lambda text: ["\r".join(text)],
    "tabs": lambda text: [line.replace(" ", "\t") for line in text],
    "spaces around": lambda text: [f"  {line}  " for line in text],
    "Latin letters in a comment": lambda text: [*text, "# Größe: 1,80 m, é"],
    "more lines than signals": lambda text: [*text, "rec.dat 16 1000/mV 16 0 0 0 0 X"],
    "a name with an ending": lambda text: [text[0].replace("rec ", "rec.hea "), *text[1:]],
    "another name": lambda text: [text[0].replace("rec ", "some-other.name "), *text[1:]],
    "a name in letters of another alphabet": lambda text: [text[0].replace("rec ", "Запись "), *text[1:]],
}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1251", "utf-16-le", "utf-16"])
@pytest.mark.parametrize("kind", TEXTS)
def test_texts(kind, encoding, tmp_path, steps):
    text = TEXTS[kind](lines(steps))
    try:
        encoded = ("\ufeff" * (encoding == "utf-16-le") + "\n".join(text)).encode(encoding)
    except UnicodeEncodeError:
        return
    same(write(tmp_path, encoded, packed(steps)), steps)


@pytest.mark.parametrize("given", ["header", "samples"])
@pytest.mark.parametrize(("header", "data"), [(".HEA", "REC.DAT"), (".hea", "rec.DAT"), (".Hea", "Rec.dat")])
def test_endings_in_another_case(header, data, given, tmp_path, steps):
    path = write(tmp_path, lines(steps), packed(steps), ending=header, data=data)
    same(path if given == "header" else (tmp_path / data), steps)


def test_age_and_sex_as_data_sets_write_them(tmp_path, steps):
    for comments in (
        ["# age: 61", "# sex: female"],
        ["#Age: 61", "#Sex: F"],
        ["# <age>: 61  <sex>: F  <diagnoses> (none)"],
    ):
        record = read_record(write(tmp_path, [*lines(steps), *comments], packed(steps)))
        assert (record.age_years, record.sex) == (61.0, "female")
    record = read_record(write(tmp_path, [*lines(steps), "# Age: NaN", "# sex:"], packed(steps)))
    assert (record.age_years, record.sex) == (None, None)


def test_a_negative_gain_turns_a_lead_and_is_said(tmp_path, steps):
    turned = steps.copy()
    turned[6] *= -1
    text = lines(turned)
    text[7] = text[7].replace("1000(0)", "-1000(0)")
    assert "negative gain for V1" in same(write(tmp_path, text, packed(turned)), steps, warned=True)[0]


def test_segments_of_unknown_length_with_several_samples_a_frame(tmp_path, steps):
    for name, part in (("a", steps[:, :1000]), ("b", steps[:, 1000:])):
        text = lines(part, form="16x2", head="12 250 0", file=f"{name}.dat", name=name)
        write(tmp_path, text, packed(part, 2), name=name, data=f"{name}.dat")
    path = write(tmp_path, ["rec/2 12 250 1500", "a 500", "b 1000"])
    same(path, steps)
    same(write(tmp_path, ["rec/2 12 250", "a", "b"]), steps)
    same(write(tmp_path, ["rec/2 12 250 0 12:00:00", "a 500", "b 1000"]), steps)


def test_segments_whose_leads_stand_in_another_order(tmp_path, steps):
    """A variable layout: the first segment, of no length, lists the leads."""
    write(tmp_path, ["layout 12 500 0", *(f"~ 0 1000/mV 16 0 0 0 0 {lead}" for lead in NAMES)], name="layout")
    for name, part, order in (("a", steps[:, :1000], range(12)), ("b", steps[:, 1000:], range(11, -1, -1))):
        order = [*order]
        text = lines(part[order], head=f"12 500 {part.shape[1]}", file=f"{name}.dat", names=[NAMES[at] for at in order])
        write(tmp_path, text, packed(part[order]), name=name, data=f"{name}.dat")
    same(write(tmp_path, ["rec/3 12 500 3000", "layout 0", "a 1000", "b 2000"]), steps)


WRONG = {
    "no rate": (lambda text: ["rec 12", *text[1:]], "no sampling rate"),
    "words as the rate": (lambda text: ["rec 12 fast 3000", *text[1:]], "no sampling rate"),
    "rate 0": (lambda text: ["rec 12 0 3000", *text[1:]], "sampling rate of 0"),
    "a rate no ECG has": (lambda text: ["rec 12 50 3000", *text[1:]], "sampling rate of 50"),
    "words as the length": (lambda text: ["rec 12 500 30OO", *text[1:]], "'30OO' as number of samples"),
    "too long": (lambda text: ["rec 12 500 3001", *text[1:]], "states 36012 samples and its files hold 72000 bytes"),
    "fewer lines": (lambda text: text[:-1], "states 12 signals and lists 11"),
    "no gain": (lambda text: [line.replace("1000(0)/mV", "0") for line in text], "states no gain"),
    "another format": (lambda text: [line.replace(" 16 ", " 99 ", 1) for line in text], "in format 99"),
    "two formats": (lambda text: [*text[:-1], text[-1].replace(" 16 ", " 24 ", 1)], "two formats"),
    "another sum": (lambda text: [*text[:-1], text[-1].replace(" 0 V6", "0 0 V6")], "checksum"),
    "no file": (lambda text: [line.replace("rec.dat", "other.dat") for line in text], "other.dat is missing"),
    "no file at all": (lambda text: [line.replace("rec.dat", "~") for line in text], "in no file"),
    "nothing": (lambda _: [""], "is empty"),
    "comments alone": (lambda _: ["# nothing"], "is empty"),
    "no segment": (lambda text: ["rec/0 12 500 3000", *text[1:]], "states 0 segments"),
    "words as segments": (lambda text: ["rec/x 12 500 3000", *text[1:]], "its header has 'x' as number of segm"),
    "a gain without end": (lambda text: [line.replace("1000(0)", "1e999") for line in text], "an impossible gain"),
    "a gain next to 0": (lambda text: [line.replace("1000(0)", "1e-300") for line in text], "an impossible gain"),
    "a baseline without end": (lambda text: [line.replace("(0)", "(1e99)") for line in text], "an impossible gain"),
    "words as the gain": (lambda text: [line.replace("1000(0)", "x") for line in text], "states no gain"),
    "no signal": (lambda _: ["rec 0 500 3000"], "lists no signal"),
    "a skew beyond its end": (lambda text: [text[0], text[1].replace(" 16 ", " 16:9000 ", 1), *text[2:]], "shifts"),
    "a frame beyond sense": (
        lambda text: [line.replace(" 16 ", " 16x999999999999 ", 1) for line in text],
        "is not valid",
    ),
    "bytes that are not there": (
        lambda text: [line.replace(" 16 ", " 16+90000 ", 1) for line in text],
        "copy it again",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_headers_get_the_true_reason(case, tmp_path, steps):
    change, told = WRONG[case]
    with pytest.raises(RecordError, match=told) as caught:
        read_record(write(tmp_path, change(lines(steps)), packed(steps)))
    assert "\n" not in str(caught.value)


def test_a_compressed_or_newer_signal_file_is_named(tmp_path, steps):
    path = write(tmp_path, lines(steps), packed(steps))
    (tmp_path / "rec.dat.gz").write_bytes(gzip.compress((tmp_path / "rec.dat").read_bytes()))
    (tmp_path / "rec.dat").unlink()
    with pytest.raises(RecordError, match=r"is compressed \(rec.dat.gz\): unpack it"):
        read_record(path)
    content = b"MATLAB 5.0 MAT-file".ljust(128) + packed(steps)
    text = [line.replace("rec.dat 16 ", "rec.mat 16+24 ") for line in lines(steps)]
    with pytest.raises(RecordError, match="not of MATLAB's version 4"):
        read_record(write(tmp_path, text, content, data="rec.mat"))


def test_lengths_that_differ_between_files_are_not_guessed(tmp_path, steps):
    text = lines(steps, head="12 500 0")
    text[7:] = [line.replace("rec.dat", "two.dat") for line in text[7:]]
    write(tmp_path, text, packed(steps[6:, :2000]), data="two.dat")
    with pytest.raises(RecordError, match="signal files differ"):
        read_record(write(tmp_path, text, packed(steps[:6])))
