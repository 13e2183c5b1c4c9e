"""Headers of EDF, EDF+ and BDF files (edfplus.info, biosemi.com): what they state, checked against the file's size."""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cardiac.errors import RecordError
from cardiac.messages import Message
from cardiac.readers.byte_ranges import ByteRanges
from cardiac.readers.xml_files import number_of

FIXED, EACH = 256, 256  # bytes of header, and a signal
MOST_SIGNALS = 512
WIDTHS = (16, 80, 8, 8, 8, 8, 8, 80, 8, 32)  # of a signal's fields
LONGEST_RECORD_S = 86_400.0
LONGEST_ONSET = 64  # bytes


@dataclass(frozen=True)
class Channel:
    """One signal. at : its first byte in a data record.  n : its samples there."""

    label: str
    unit: str
    physical: tuple[str, str]
    digital: tuple[str, str]
    n: int
    at: int

    @property
    def is_annotation(self) -> bool:
        return self.label.upper() in ("EDF ANNOTATIONS", "BDF ANNOTATIONS")

    def gain(self) -> tuple[float, float]:
        """What a step is worth, and what 0 is. Raises RecordError where the ranges do not give it."""
        low, high = (
            number_of(text, Message("physical range of {label}", label=self.label[:20])) for text in self.physical
        )
        least, most = (
            number_of(text, Message("digital range of {label}", label=self.label[:20])) for text in self.digital
        )
        if most < least:
            fault = Message(
                "states a digital range that runs down, from {least:g} to {most:g}, for {label}",
                least=least,
                most=most,
                label=self.label[:20],
            )
            raise RecordError("{fault}: export it again", fault=fault)
        if most == least or low == high:
            raise RecordError(
                "states no gain for {label} (a range of one value): export it again", label=self.label[:20]
            )
        step = (high - low) / (most - least)
        return step, low - least * step


@dataclass(frozen=True)
class EdfHeader:
    """What a header states of the whole file.

    width : bytes a sample.  record_s : duration of a data record, as written.  form : "EDF+C" and the like.
    is_open : whether the number of data records is not stated, and follows from the file's size.  patient, recording, start :
    local identifications, and day and time, as written.
    """

    width: int
    begin: int
    n_records: int
    record_bytes: int
    record_s: float
    form: str
    patient: str
    recording: str
    start: tuple[str, str]
    channels: tuple[Channel, ...]
    is_open: bool


def read_edf_header(path: Path) -> EdfHeader:
    """Raises RecordError for a header that claims other bytes than the file has."""
    n_bytes = path.stat().st_size
    with path.open("rb") as file:
        fixed = file.read(FIXED)
        if len(fixed) < FIXED:
            raise RecordError("holds {n_bytes} bytes, too few for a header of EDF: copy it again", n_bytes=len(fixed))
        width = 3 if fixed[:1] == b"\xff" else 2
        n_signals = round(number_of(_text(fixed[252:256]), Message("number of signals")))
        begin = FIXED + EACH * n_signals
        if not 1 <= n_signals <= MOST_SIGNALS:
            raise RecordError(
                "its header states {n_signals} signals, and 1 to {most} are read: copy it again",
                n_signals=n_signals,
                most=MOST_SIGNALS,
            )
        if n_bytes < begin:
            raise RecordError(
                "its header states {n_signals} signals and is cut short: copy it again", n_signals=n_signals
            )
        channels = _channels(file.read(EACH * n_signals), n_signals, width)
    n_records = round(number_of(_text(fixed[236:244]), Message("number of data records")))
    size, present = width * sum(each.n for each in channels), n_bytes - begin
    is_open = n_records < 0 < size <= present
    if is_open:
        n_records = present // size  # the writer left it open
    elif size <= 0 or n_records <= 0 or n_records * size != present:
        raise RecordError(
            "its header states {stated} bytes of samples and {present} are there: copy it again",
            stated=max(n_records, 0) * size,
            present=present,
        )
    duration = _text(fixed[244:252])
    record_s = number_of(duration, Message("duration of a data record")) if duration else 0.0
    form, patient = re.sub(r"\s", "", _text(fixed[192:236])).upper()[:5], _text(fixed[8:88])
    recording, start = _text(fixed[88:168]), (_text(fixed[168:176]), _text(fixed[176:184]))
    return EdfHeader(width, begin, n_records, size, record_s, form, patient, recording, start, channels, is_open)


def _channels(content: bytes, n_signals: int, width: int) -> tuple[Channel, ...]:
    fields, begin = [], 0
    for size in WIDTHS:
        fields.append([_text(content[begin + size * index :][:size]) for index in range(n_signals)])
        begin += size * n_signals
    channels, at = [], 0
    for label, _, unit, low, high, least, most, _, count, _ in zip(*fields, strict=True):
        n = round(number_of(count, Message("number of samples")))
        if n < 0:
            raise RecordError(
                "its header states {n} samples a data record for {label}: copy it again", n=n, label=label[:20]
            )
        channels.append(Channel(label, unit, (low, high), (least, most), n, at))
        at += n * width
    return tuple(channels)


def _text(field: bytes) -> str:
    """A field without what fills it up. The standard asks for ASCII; programs write UTF-8 and Latin-1."""
    bare = field.split(b"\0")[0].strip()
    try:
        return bare.decode("utf-8").strip()
    except UnicodeDecodeError:
        return bare.decode("latin-1").strip()


def check_gaps(header: EdfHeader, path: Path) -> bool:
    """Whether the file is marked as one with gaps and has none. Raises RecordError where it has one, or may have.

    Every data record of EDF+ begins its annotations with its own start in seconds: "+2.5", 20, 20, 0.
    """
    if header.form not in ("EDF+D", "BDF+D"):
        return False
    notes = next((each for each in header.channels if each.is_annotation), None)
    fault = Message("is a recording with gaps ({form})", form=header.form)
    if notes is None:
        raise RecordError(
            "{fault}, as its header says, and states no times of its parts: export it as one piece (EDF+C)", fault=fault
        )
    file, n_bytes = ByteRanges(path), min(LONGEST_ONSET, notes.n * header.width)
    expected, allowed_s = None, 0.001 * max(header.record_s, 0.5)
    for index in range(header.n_records):
        begin = header.begin + index * header.record_bytes + notes.at
        onset = _onset(file.read(begin, (n_bytes,), np.uint8).tobytes())
        if onset is None:
            raise RecordError(
                "{fault}, and part {part} states no time: export it as one piece (EDF+C)", fault=fault, part=index + 1
            )
        if expected is not None and abs(onset - expected) > allowed_s:
            gap_s = onset - expected
            kind = (
                Message("one of {gap_s:.4g} s", gap_s=gap_s)
                if gap_s > 0
                else Message("and goes back by {gap_s:.4g} s", gap_s=-gap_s)
            )
            raise RecordError(
                "{fault}, {kind} after {at_s:.4g} s: export it as one piece (EDF+C)",
                fault=fault,
                kind=kind,
                at_s=index * header.record_s,
            )
        expected = onset + header.record_s
    return True


def _onset(content: bytes) -> float | None:
    text = content.split(b"\x14")[0].decode("latin-1").replace(",", ".")
    try:
        onset = float(text) if text[:1] in ("+", "-") else None
    except ValueError:
        return None
    return onset if onset is not None and abs(onset) < 1e9 else None
