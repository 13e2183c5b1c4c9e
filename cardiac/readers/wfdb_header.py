"""Headers of WFDB records (physionet.org/physiotools/wag/header-5.htm), with every field that may be left out or odd."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from cardiac.errors import RecordError
from cardiac.messages import Message
from cardiac.readers.kinds import decoded

LARGEST_BYTES = 2**22
MOST_SIGNALS, MOST_SEGMENTS = 512, 100_000
LARGEST_GAIN = 1e15
SWAPPED = "61"  # as 16, the other byte first

_NUMBER = r"(?:\d+[.,]?\d*|[.,]\d+)(?:[eE][-+]?\d+)?"
_RATE = re.compile(rf"\+?({_NUMBER})(?:Hz)?(?:/.*)?", re.IGNORECASE)
_FORMAT = re.compile(r"(\d+)(?:x(\d+)|:([-+]?\d+)|\+(\d+))*", re.IGNORECASE)
_GAIN = re.compile(rf"([-+]?{_NUMBER})(?:\s*\(([-+]?{_NUMBER})\))?/?(\S*)")
_CLOCK = re.compile(r"\[?-?\d*[:/.-][\d:/.\w-]*\]?")  # a time or a date where the length was left out
_NO_NAME = re.compile(r"(?:record\b.*, ?)?signal \d+", re.IGNORECASE)  # what WFDB's own library writes for none


@dataclass(frozen=True)
class Signal:
    """One line of a header. gain : steps a unit.  per_frame : samples in a frame.  skew : frames by which it is late."""

    file: str
    form: str
    per_frame: int
    skew: int
    offset: int
    gain: float
    baseline: float
    unit: str
    first: int
    checksum: int
    name: str


@dataclass(frozen=True)
class Header:
    """n_frames : None where it states none.  segments : (name, frames or None), of a record that consists of others.

    start : what follows the length: time and date.
    """

    fs_hz: float | None
    n_frames: int | None
    signals: tuple[Signal, ...]
    segments: tuple[tuple[str, int | None], ...]
    comments: tuple[str, ...]
    start: tuple[str, ...] = ()


def read_header(path: Path, is_segment: bool = False) -> Header:
    """What a header states. Raises RecordError for one that is none, or leaves rate or gain open."""
    if path.stat().st_size > LARGEST_BYTES:
        raise RecordError("its header is too large for a WFDB header: give the .hea file of a WFDB record")
    text = decoded(path.read_bytes())
    if text is None:
        raise RecordError("its header is not text: give the .hea file of a WFDB record")
    lines = [line.strip() for line in text.replace("\ufeff", "").splitlines() if line.strip()]
    comments = tuple(line.lstrip("# \t") for line in lines if line.startswith("#"))
    lines = [line for line in lines if not line.startswith("#")]
    if not lines:
        raise RecordError("its header is empty: give the .hea file of a WFDB record")
    head, rest = lines[0].split(), lines[1:]
    _, _, n_segments = head[0].partition("/")
    n_signals = _whole(head[1] if len(head) > 1 else "", Message("number of signals"), MOST_SIGNALS)
    fs_hz, n_frames = _rate(head, is_segment), _length(head[3:])
    if n_segments:
        listed = _listed(rest, _whole(n_segments, Message("number of segments"), MOST_SEGMENTS), Message("segments"))
        if not listed:
            raise RecordError("its header states 0 segments: use a waveform record")
        return Header(fs_hz, n_frames, (), tuple(map(_segment, listed)), comments, tuple(head[4:]))
    if not n_signals:
        raise RecordError("its header lists no signal: use a waveform record")
    signals = tuple(_signal(line, index) for index, line in enumerate(_listed(rest, n_signals, Message("signals"))))
    return Header(fs_hz, n_frames, _of_one_file(signals), (), comments, tuple(head[4:]))


def plain_header(header: Header, name: str, n_frames: int, files: dict[str, str]) -> str:
    """The same record in the plainest form, which any program reads: no gain, rate, time or name; 16 in place of 61."""
    lines = [f"{name} {len(header.signals)} 500 {n_frames}"]
    for index, each in enumerate(header.signals):
        form = "16" if each.form == SWAPPED else each.form
        lines.append(f"{files[each.file]} {form}x{each.per_frame}+{each.offset} 1(0)/mV 0 0 {each.first} 0 0 s{index}")
    return "\n".join(lines) + "\n"


def _listed(lines: Sequence[str], number: int, what: str) -> Sequence[str]:
    if len(lines) < number:
        raise RecordError(
            "its header states {number} {what} and lists {n_lines}: copy it again",
            number=number,
            what=what,
            n_lines=len(lines),
        )
    return lines[:number]


def _whole(text: str, what: str, most: int) -> int:
    if not re.fullmatch(r"\d{1,9}", text) or int(text) > most:
        fault = Message(
            "cannot be read as a WFDB record (its header has {text!r} as {what})", text=text[:20], what=what
        )
        raise RecordError("{fault}: give the .hea file of one", fault=fault)
    return int(text)


def number(text: str) -> float:
    """A number as a header writes it, with a decimal comma too."""
    return float(text.replace(",", "."))


def _rate(head: Sequence[str], is_segment: bool) -> float | None:
    """The rate of frames; behind its slash is that of a counter. A segment may leave it to its record."""
    match = _RATE.fullmatch(head[2]) if len(head) > 2 else None
    if match is None and not is_segment:
        raise RecordError("cannot be read as a WFDB record (no sampling rate in its header): write the true rate there")
    return number(match[1]) if match else None


def _length(rest: Sequence[str]) -> int | None:
    """Frames, None where the header leaves them open: 0, -1, or a time instead."""
    if not rest or rest[0] == "-1" or (_CLOCK.fullmatch(rest[0]) and not re.fullmatch(r"\d+\.0*", rest[0])):
        return None
    if not re.fullmatch(r"\d{1,15}\.?0*", rest[0]):
        raise RecordError(
            "its header states {stated!r} as number of samples: write the true one there, or 0", stated=rest[0][:20]
        )
    return int(rest[0].partition(".")[0]) or None


def _segment(line: str) -> tuple[str, int | None]:
    name, _, length = line.partition(" ")
    length = length.split()[0] if length.split() else ""
    if length and not re.fullmatch(r"\d{1,15}", length):
        raise RecordError(
            "its segment {name} states {length!r} as number of samples: copy it again",
            name=name[:40],
            length=length[:20],
        )
    return name, int(length) if length else None


def _signal(line: str, index: int) -> Signal:
    """A line `FILE FORMATxSAMPLES:SKEW+OFFSET GAIN(BASELINE)/UNIT BITS ZERO FIRST CHECKSUM BLOCK NAME`."""
    parts = line.split(maxsplit=2)
    form = _FORMAT.fullmatch(parts[1]) if len(parts) > 1 else None
    if form is None:
        raise RecordError(
            "its header's line {line!r} describes no signal: give the .hea file of a WFDB record", line=line[:60]
        )
    rest = parts[2] if len(parts) > 2 else ""
    gain = _GAIN.match(rest)
    if gain is None or number(gain[1]) == 0:
        raise RecordError(
            "its header states no gain for a lead (0 or none) in {line!r}: write the true gain there", line=line[:60]
        )
    if not 1 / LARGEST_GAIN < abs(number(gain[1])) < LARGEST_GAIN or abs(number(gain[2] or "0")) > LARGEST_GAIN:
        raise RecordError("its header states an impossible gain in {line!r}: write the true gain there", line=line[:60])
    fields = re.match(r"((?:\s+-?\d+(?:\.\d*)?(?=\s|$)){0,5})\s*(.*)", rest[gain.end() :])
    numbers, name = [int(number(each)) for each in fields[1].split()], fields[2].strip()
    _, zero, first, checksum, _ = (numbers + [0] * 5)[:5]
    for mark, value in (("x", form[2]), (":", form[3]), ("+", form[4])):
        if value and abs(int(value)) > 10**9:
            raise RecordError(
                "its header states {mark}{value} in {line!r}, which is not valid: copy it again",
                mark=mark,
                value=value[:20],
                line=line[:60],
            )
    return Signal(
        file=parts[0],
        form=form[1],
        per_frame=int(form[2] or 1) or 1,
        skew=int(form[3] or 0),
        offset=int(form[4] or 0),
        gain=number(gain[1]),
        baseline=number(gain[2]) if gain[2] else float(zero),
        unit=gain[3] or "mV",
        first=first,
        checksum=checksum,
        name="" if _NO_NAME.fullmatch(name) else name,
    )


def _of_one_file(signals: tuple[Signal, ...]) -> tuple[Signal, ...]:
    """The signals; where only the first of a file states its offset, with that one at all of them."""
    first: dict[str, Signal] = {}
    for each in signals:
        of_file = first.setdefault(each.file, each)
        if each.form != of_file.form:
            raise RecordError("its header states two formats for the file {file}: copy it again", file=each.file[:40])
    return tuple(replace(each, offset=first[each.file].offset) for each in signals)


def patient(comments: Sequence[str]) -> tuple[float | None, str]:
    """Age in years and the first letter of the sex from a header's comments, as PhysioNet's data sets write them."""
    age, sex = None, ""
    for line in comments:
        for key, value in re.findall(
            r"(?:^|<)(age|sex|gender)\s*(?:\(\w+\))?>?\s*[:=]\s*([\w.]+)", line, re.IGNORECASE
        ):
            if key.lower() != "age":
                sex = sex or value[0].upper()
            elif age is None and re.fullmatch(r"\d{1,3}(\.\d{1,3})?", value):
                age = float(value)
    return age, sex
