"""WFDB: several samples a frame in every format, beside slower channels, in one file and in several, skewed or cut."""

import numpy as np
import pytest

from cardiac.errors import RecordError
from cardiac.leads import LEADS
from cardiac.readers.wfdb_files import read_wfdb
from cardiac.records import read_record

N = 2400  # four samples a frame, three of a format in a word
GAIN = {"80": 40}  # steps a mV; eight bits hold no more


def stored(values, form):
    """The bytes of these numbers in a format of the manual's page signal(5), one after another."""
    values = np.asarray(values).ravel().astype(np.int64)
    if form == "80":
        return (values + 128).astype("u1").tobytes()
    if form == "160":
        return (values + 32768).astype("<u2").tobytes()
    if form in ("16", "32", "61"):
        return values.astype({"16": "<i2", "32": "<i4", "61": ">i2"}[form]).tobytes()
    if form == "24":
        return values.astype("<i4").view("u1").reshape(-1, 4)[:, :3].tobytes()
    if form == "212":
        first, second = (values.reshape(-1, 2) & 0xFFF).T
        return np.stack([first & 0xFF, first >> 8 | second >> 8 << 4, second & 0xFF], 1).astype("u1").tobytes()
    a, b, c = (values.reshape(-1, 3) & 0x3FF).T
    if form == "311":
        return (a | b << 10 | c << 20).astype("<u4").tobytes()
    return np.stack([a << 1 | (c & 0x1F) << 11, b << 1 | (c >> 5) << 11], 1).astype("<u2").tobytes()


FORMS = ["16", "24", "32", "61", "80", "160", "212", "310", "311"]


@pytest.fixture
def mv(signal):
    return signal[:, :N].astype(float)


def frames(rows, per_frame):
    """(n_frames, n_signals * per_frame): what stands in a file, a frame after the other."""
    return np.asarray(rows).reshape(len(rows), -1, per_frame).transpose(1, 0, 2).reshape(-1, len(rows) * per_frame)


def steps_of(mv, form):
    return (mv * GAIN.get(form, 100)).round().astype(int)


def line(form, per_frame, name, file="rec.dat", extra=""):
    gain = GAIN.get(form, 100)
    return f"{file} {form}{f'x{per_frame}' if per_frame > 1 else ''}{extra} {gain}(0)/mV 12 0 0 0 0 {name}"


def header(folder, head, lines, name="rec"):
    path = folder / f"{name}.hea"
    path.write_text("\n".join([f"{name} {head}", *lines]) + "\n")
    return path


def same(path, steps, form, fs_hz=500):
    record = read_record(path)
    assert record.fs_hz == pytest.approx(fs_hz)
    assert record.signal.shape == steps.shape
    assert np.abs(record.signal - steps / GAIN.get(form, 100)).max() < 1e-5
    assert not any(note.level == "warning" for note in record.notes)
    return [note.text for note in record.notes]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("per_frame", [1, 2, 3, 4])
@pytest.mark.parametrize("length", ["stated", "0", "left out"])
def test_frames_in_every_format(length, per_frame, form, tmp_path, mv):
    steps = steps_of(mv, form)
    (tmp_path / "rec.dat").write_bytes(stored(frames(steps, per_frame), form))
    told = {"stated": f" {N // per_frame}", "0": " 0", "left out": ""}[length]
    path = header(tmp_path, f"12 {500 / per_frame}{told}", [line(form, per_frame, lead) for lead in LEADS])
    assert ("read to the end of its signal file" in " ".join(same(path, steps, form))) == (length != "stated")


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("per_frame", [2, 4])
@pytest.mark.parametrize("own_file", [True, False])
@pytest.mark.parametrize("length", ["stated", "0"])
def test_a_slow_channel_beside(length, own_file, per_frame, form, tmp_path, mv):
    """RESP and the like: in the leads' file between them, or in one of its own, in another format."""
    steps, n = steps_of(mv, form), N // per_frame
    resp = (np.arange(n) % 90)[:, None]
    leads = [line(form, per_frame, lead) for lead in LEADS]
    if own_file:
        (tmp_path / "resp.dat").write_bytes(stored(resp, "16"))
        content, lines = frames(steps, per_frame), [*leads, line("16", 1, "RESP", "resp.dat")]
    else:
        content = np.hstack([frames(steps[:5], per_frame), resp, frames(steps[5:], per_frame)])
        lines = [*leads[:5], line(form, 1, "RESP"), *leads[5:]]
    content = np.pad(content.ravel(), (0, -content.size % 6))  # to whole words of a format
    (tmp_path / "rec.dat").write_bytes(stored(content[: n * (12 * per_frame + (not own_file))], form) if form not in (
        "212", "310", "311") else stored(content, form))  # fmt: skip
    path = header(tmp_path, f"13 {500 / per_frame} {n if length == 'stated' else 0}", lines)
    assert "left aside, sampled at another rate: RESP" in same(path, steps, form)


@pytest.mark.parametrize("counts", [[1] * 6 + [2] * 6, [1, 2, 3, 4] * 3, [4] * 11 + [2]])
def test_leads_of_several_rates_are_refused(counts, tmp_path, mv):
    steps = steps_of(mv, "16")
    parts = [row[: N // 4 * count].reshape(-1, count) for row, count in zip(steps, counts, strict=True)]
    (tmp_path / "rec.dat").write_bytes(stored(np.hstack(parts), "16"))
    lines = [line("16", count, lead) for lead, count in zip(LEADS, counts, strict=True)]
    rates = ", ".join(str(125 * count) for count in sorted(set(counts)))
    with pytest.raises(RecordError, match=f"its leads are sampled at {rates} Hz: export all at one rate"):
        read_record(header(tmp_path, "12 125 0", lines))


@pytest.mark.parametrize("form", ["16", "24", "80", "212"])
@pytest.mark.parametrize("per_frame", [1, 2, 4])
@pytest.mark.parametrize("skews", [[0, 3] * 6, [2] * 12, [5] + [0] * 11, [0] * 11 + [1], [0, -2] * 6])
def test_skewed_frames_are_put_together(skews, per_frame, form, tmp_path, mv):
    """A lead of skew k stands k frames later in the file than what it was recorded with."""
    steps = steps_of(mv, form)
    rolled = [np.roll(row, skew * per_frame) for row, skew in zip(steps, skews, strict=True)]
    (tmp_path / "rec.dat").write_bytes(stored(frames(rolled, per_frame), form))
    lines = [line(form, per_frame, lead, extra=f":{skew}") for lead, skew in zip(LEADS, skews, strict=True)]
    record = read_record(header(tmp_path, f"12 {500 / per_frame} {N // per_frame}", lines))
    least, late = min(skews), max(skews) - min(skews)
    kept = N - late * per_frame
    expected = np.roll(steps, least * per_frame, axis=1)[:, :kept] / GAIN.get(form, 100)
    assert record.signal.shape == (12, kept)
    assert np.abs(record.signal - expected).max() < 1e-5
    assert any("put together" in note.text for note in record.notes) == bool(late)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("offset", [1, 24, 512])
def test_bytes_before_the_samples_in_every_format(offset, form, tmp_path, mv):
    steps = steps_of(mv, form)
    (tmp_path / "rec.dat").write_bytes(b"x" * offset + stored(frames(steps, 1), form))
    for length in ("", " 0", f" {N}"):
        lines = [line(form, 1, lead, extra=f"+{offset}") for lead in LEADS]
        same(header(tmp_path, f"12 500{length}", lines), steps, form)


@pytest.mark.parametrize("form", FORMS)
def test_a_file_cut_short_is_refused(form, tmp_path, mv):
    content = stored(frames(steps_of(mv, form), 1), form)
    (tmp_path / "rec.dat").write_bytes(content[:-20])
    told = f"its header states {12 * N} samples and its files hold {len(content) - 20} bytes: copy it again"
    with pytest.raises(RecordError, match=told):
        read_record(header(tmp_path, f"12 500 {N}", [line(form, 1, lead) for lead in LEADS]))


@pytest.mark.parametrize("length", ["", " 0", f" {N}"])
def test_a_signal_file_that_is_missing_or_empty(length, tmp_path, mv):
    path = header(tmp_path, f"12 500{length}", [line("16", 1, lead) for lead in LEADS])
    with pytest.raises(RecordError, match=r"^rec.hea: its signal file rec.dat is missing: put it beside the header$"):
        read_record(path)
    (tmp_path / "rec.dat").write_bytes(b"")
    with pytest.raises(RecordError, match=r"(holds no sample|files hold 0 bytes): copy it again"):
        read_record(path)


def test_samples_without_their_header(tmp_path, mv):
    (tmp_path / "rec.dat").write_bytes(stored(frames(steps_of(mv, "16"), 1), "16"))
    with pytest.raises(RecordError, match=r"is a signal file without its header rec.hea: put the header beside it"):
        read_record(tmp_path / "rec.dat")


NAMES = {
    "as they are": "{}", "with a space": "lead {}", "in quotes": "'{}'", "with its unit": "{} (mV)", "with a number": "7: {}",
    "with a hyphen": "ECG-{}", "with an underscore": "ECG_{}", "with a colon": "ECG: {}", "with a comma": "ECG, {}",
    "behind a tab": "\t{}", "Latin-1": "Dérivation {}",
}  # fmt: skip


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1", "utf-8-sig"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\n\n"])
@pytest.mark.parametrize("naming", NAMES)
def test_descriptions(naming, end, encoding, tmp_path, mv):
    steps = steps_of(mv, "16")
    (tmp_path / "rec.dat").write_bytes(stored(frames(steps[::-1], 1), "16"))
    lines = [line("16", 1, NAMES[naming].format(lead)) for lead in reversed(LEADS)]
    text = end.join(["# made by hand", f"rec 12 500 {N} 12:00:00", *lines, "#Age: 61", "#Sex: F"])
    (tmp_path / "rec.hea").write_bytes(text.encode(encoding))
    same(tmp_path / "rec.hea", steps, "16")
    assert read_record(tmp_path / "rec.hea").age_years == 61


@pytest.mark.parametrize("per_frame", [1, 2, 3, 4])
@pytest.mark.parametrize("skew", [0, 2])
def test_a_long_recording_is_read_in_parts_that_fit(skew, per_frame, tmp_path, mv):
    """Beyond ten minutes samples are read as they are asked for, also from within a frame."""
    steps = np.tile(steps_of(mv, "16"), 130)
    late = [skew * (place % 2) for place in range(12)]
    rolled = [np.roll(row, each * per_frame) for row, each in zip(steps, late, strict=True)]
    (tmp_path / "rec.dat").write_bytes(stored(frames(rolled, per_frame), "16"))
    lines = [line("16", per_frame, lead, extra=f":{each}") for lead, each in zip(LEADS, late, strict=True)]
    samples = read_wfdb(header(tmp_path, f"12 {500 / per_frame} 0", lines)).samples
    assert samples.shape == (12, steps.shape[1] - skew * per_frame)
    for first, last in ((0, 10), (1, 2), (7, 1_003), (150_001, 150_007), (samples.shape[1] - 5, samples.shape[1])):
        assert np.abs(samples[:, first:last] - steps[:, first:last] / 100).max() < 1e-9
    assert samples[:, 5:5].shape == (12, 0)
