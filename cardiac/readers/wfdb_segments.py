"""The segments of a WFDB record, and the files that hold their samples, which must be there and long enough."""

import re
from dataclasses import dataclass
from pathlib import Path

from cardiac.errors import RecordError, extra
from cardiac.messages import Message
from cardiac.readers.kinds import beside
from cardiac.readers.raw import Note
from cardiac.readers.wfdb_header import Header, Signal, read_header

GAP = "~"  # in place of a segment's name, or of a file's
LEAST_BITS = 0.5  # of a sample, compressed
PACKED = ("508", "516", "524")  # FLAC
BITS = {"8": 8, "16": 16, "24": 24, "32": 32, "61": 16, "80": 8, "160": 16, "212": 12, "310": 32 / 3, "311": 32 / 3}
BITS |= dict.fromkeys(PACKED, LEAST_BITS)
MATLAB_5_BYTES = 128  # of header, which a file of version 4 has not


@dataclass(frozen=True)
class Segment:
    """A header and where its files are: {as the header names them: path}. header : None for a gap."""

    header: Header | None
    files: dict[str, Path]
    n_frames: int

    @property
    def late_frames(self) -> int:
        """By how many frames its latest signal is stored behind its first."""
        skews = [each.skew for each in self.header.signals] if self.header else [0]
        return max(skews) - min(skews)


def find_segments(header: Header, folder: Path) -> tuple[list[Segment], list[Note]]:
    """All segments in order, one for a record without any. Raises RecordError for what is missing or too short."""
    if not header.segments:
        return _one(header, folder, header.n_frames)
    segments: list[Segment] = []
    notes: list[Note] = []
    for index, (name, n_frames) in enumerate(header.segments):
        if name == GAP:
            if n_frames is None:
                raise RecordError("its header states no length for a gap: copy it again")
            segments.append(Segment(None, {}, n_frames))
            continue
        own = read_header(_required_file(folder, f"{name}.hea", Message("segment")), is_segment=True)
        if own.segments:
            raise RecordError("one of its segments consists of segments: give the record that holds the samples")
        if own.fs_hz not in (None, header.fs_hz):
            raise RecordError(
                "its segment {name} is sampled at {fs_hz:g} Hz, unlike the record: export all at one rate",
                name=name[:40],
                fs_hz=own.fs_hz,
            )
        if n_frames == 0 and index == 0:
            segments.append(Segment(own, {}, 0))  # the list of all signals that other segments have
        elif n_frames != 0:
            if None not in (n_frames, own.n_frames) and n_frames != own.n_frames:
                raise RecordError(
                    "its segment {name} states another length than the record: copy it again", name=name[:40]
                )
            own_segments, own_notes = _one(own, folder, n_frames or own.n_frames)
            segments, notes = segments + own_segments, notes + own_notes
    total = sum(each.n_frames for each in segments)
    if header.n_frames not in (None, total):
        raise RecordError(
            "its header states {n_frames} samples and its segments {total}: copy it again",
            n_frames=header.n_frames,
            total=total,
        )
    return segments, notes[:1]


def _one(header: Header, folder: Path, n_frames: int | None) -> tuple[list[Segment], list[Note]]:
    """A segment with its files; where the header leaves its length open, by the files' size, and a note says so."""
    of_file: dict[str, list[Signal]] = {}
    for each in header.signals:
        of_file.setdefault(each.file, []).append(each)
    files = {name: _signal_file(folder, name, signals[0]) for name, signals in of_file.items()}
    notes = []
    if n_frames is None:
        lengths = {_frames_in(files[name], signals) for name, signals in of_file.items()}
        if len(lengths) > 1:
            raise RecordError(
                "its header states no length and its signal files differ in theirs: write the true one there"
            )
        n_frames = lengths.pop()
        notes = [Note("info", "its header states no length: read to the end of its signal file")]
        if not n_frames:
            raise RecordError("its signal file holds no sample: copy it again")
    n_bytes = sum(path.stat().st_size for path in files.values())
    for name, signals in of_file.items():
        claimed = n_frames * sum(each.per_frame for each in signals)
        offset = 0 if signals[0].form in PACKED else signals[0].offset
        if offset + int(claimed * BITS[signals[0].form] / 8) > files[name].stat().st_size:
            claimed = n_frames * sum(each.per_frame for each in header.signals)
            raise RecordError(
                "its header states {claimed} samples and its files hold {n_bytes} bytes: copy it again",
                claimed=claimed,
                n_bytes=n_bytes,
            )
    return [Segment(header, files, n_frames)], notes


def _frames_in(path: Path, signals: list[Signal]) -> int:
    """Frames that a signal file holds."""
    first, per_frame = signals[0], sum(each.per_frame for each in signals)
    if first.form not in PACKED:
        return max(int((path.stat().st_size - first.offset) * 8 / BITS[first.form]), 0) // per_frame
    soundfile = extra("soundfile", "requirements.txt", RecordError)  # comes with wfdb
    try:
        return soundfile.info(str(path)).frames // first.per_frame
    except RuntimeError as error:
        raise RecordError("its signal file {file} is damaged: copy it again", file=path.name) from error


def _signal_file(folder: Path, name: str, signal: Signal) -> Path:
    if signal.form not in BITS or name in (GAP, "-"):
        where = (
            Message("in no file")
            if name in (GAP, "-") or signal.form == "0"
            else Message("in format {form}", form=signal.form[:10])
        )
        raise RecordError(
            "its header states samples {where}, which are not supported: save the record in format 16", where=where
        )
    path = _required_file(folder, name, Message("signal file"))
    with path.open("rb") as file:
        start = file.read(10)
    if start in (b"MATLAB 5.0", b"MATLAB 7.3") and signal.offset < MATLAB_5_BYTES:
        raise RecordError(
            "its signal file {file} is not of MATLAB's version 4, as WFDB's are: save it with -v4", file=path.name
        )
    return path


def _required_file(folder: Path, name: str, what: str) -> Path:
    """The file of this name in the folder, whatever its case; nothing outside of the folder is ever looked at."""
    if name in ("", ".", "..") or re.search(r"[/\\\x00]", name):
        where = Message("its {what} {name} lies outside its folder", what=what, name=name[:80])
        raise RecordError(
            "cannot be read as a WFDB record ({where}): put it beside the header and correct its name there",
            where=where,
        )
    path = beside(folder, name)
    if path is None and beside(folder, f"{name}.gz"):
        raise RecordError("its {what} {name} is compressed ({name}.gz): unpack it", what=what, name=name)
    if path is None:
        raise RecordError("its {what} {name} is missing: put it beside the header", what=what, name=name[:80])
    return path
