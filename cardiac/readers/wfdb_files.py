"""WFDB records (physionet.org/physiotools/wag): .hea with .dat or .mat, one segment or several, by the wfdb library."""

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from cardiac.errors import RecordError, extra
from cardiac.leads import lead_and_sign
from cardiac.messages import Message
from cardiac.readers.byte_ranges import Stamp, require_unchanged, stamp_of
from cardiac.readers.kinds import beside
from cardiac.readers.raw import LONG_S, SEXES, Note, Raw, check_length, check_rate
from cardiac.readers.units import mv_per_unit
from cardiac.readers.wfdb_header import SWAPPED, Signal, patient, plain_header, read_header
from cardiac.readers.wfdb_identity import identity_of
from cardiac.readers.wfdb_segments import Segment, find_segments
from cardiac.readers.wfdb_words import MISSING_WORD, WORDS, read_words

SCANNED = 10_000  # frames from which a long record's gains are known
MOST_PER_MV = 1e5  # a step of 10 nV, finer than any electrocardiograph's
LEAST_SWING_MV = 0.02
GEORGIA = 4_880


def read_wfdb(path: Path) -> Raw:
    """The record whose header, or whose signal file, this is. Raises RecordError where rate or gain are not stated."""
    header = read_header(_header_of(path))
    segments, notes = find_segments(header, path.parent)
    recording = _Recording(segments, header.fs_hz)
    n_samples, fs_hz = recording.shape[1], check_rate(header.fs_hz * recording.per_frame)
    at_once = recording.is_of_differences
    check_length(n_samples, fs_hz, at_once=at_once)
    is_whole = n_samples / fs_hz <= LONG_S or at_once
    samples = recording.read(0, recording.n_frames if is_whole else SCANNED)
    age, sex = patient(header.comments)
    return Raw(
        samples if is_whole else recording,
        fs_hz,
        recording.names,
        recording.units,
        (*notes, *recording.notes),
        age,
        SEXES.get(sex),
        identity=identity_of(header),
    )


class _Recording:
    """Samples in their units of the signals that have the leads' rate; `[:, first:last]` reads a part.

    names, units : of these signals; names None where twelve have none.  notes : on what was settled.
    """

    def __init__(self, segments: Sequence[Segment], fs_hz: float) -> None:
        headers = [each.header for each in segments if each.header is not None]
        if not headers:
            raise RecordError("the WFDB record holds no signal: use a waveform record")
        signals = headers[0].signals
        rates = {each.per_frame for each in signals if lead_and_sign(each.name)} or {each.per_frame for each in signals}
        if len(rates) > 1:
            listed = ", ".join(f"{fs_hz * rate:g}" for rate in sorted(rates))
            raise RecordError("its leads are sampled at {listed} Hz: export all at one rate", listed=listed)
        self.segments, self.per_frame, self.factor = segments, rates.pop(), 0.0
        self.stamps = {path: stamp_of(path) for each in segments for path in each.files.values()}
        self.kept = [each for each in signals if each.per_frame == self.per_frame]
        self.names, self.notes = _names(self.kept)
        slow = [each.name or each.file for each in signals if each.per_frame != self.per_frame]
        if slow:
            self.notes.append(
                Note("info", Message("left aside, sampled at another rate: {names}", names=", ".join(slow)[:120]))
            )
        self.units = tuple(each.unit for each in self.kept)
        self.is_of_differences = any(each.form == "8" for header in headers for each in header.signals)
        self.n_frames = sum(each.n_frames for each in segments) - self._late_frames(fs_hz)
        self.shape, self.dtype = (len(self.kept), self.n_frames * self.per_frame), np.dtype(float)

    def _late_frames(self, fs_hz: float) -> int:
        """By how many frames the latest lead is stored behind the first."""
        late = max((each.late_frames for each in self.segments), default=0)
        skews = [abs(each.skew) for segment in self.segments if segment.header for each in segment.header.signals]
        if max(skews) > sum(each.n_frames for each in self.segments):
            raise RecordError("its header shifts a lead by more than the recording is long: copy it again")
        if not late:
            return 0
        if len(self.segments) > 1:
            raise RecordError(
                "its header shifts leads within its segments (skew), which is not supported: save it as one segment"
            )
        if late >= self.segments[0].n_frames:
            raise RecordError("its header shifts a lead by more than the recording is long: copy it again")
        self.notes.append(
            Note(
                "info",
                Message(
                    "its leads are stored up to {apart_s:.3g} s apart, and were put together", apart_s=late / fs_hz
                ),
            )
        )
        return late

    def __getitem__(self, key: tuple[slice, slice]) -> np.ndarray:
        first, last, _ = key[1].indices(self.shape[1])
        begin, end = first // self.per_frame, -(-last // self.per_frame)
        return self.read(begin, end)[:, first - begin * self.per_frame :][:, : max(last - first, 0)]

    def read(self, first: int, last: int) -> np.ndarray:
        """Frames `first` to `last`, float64 (n_kept, n); where a segment is read whole, its sums are checked."""
        parts, start = [], 0
        for segment in self.segments:
            begin, end = max(first - start, 0), min(last - start, segment.n_frames)
            start += segment.n_frames
            if begin < end:
                parts.append(self._part(segment, begin, end))
        return parts[0] if len(parts) == 1 else np.concatenate([np.empty((len(self.kept), 0)), *parts], axis=1)

    def _part(self, segment: Segment, first: int, last: int) -> np.ndarray:
        n_samples = (last - first) * self.per_frame
        part = np.full((len(self.kept), n_samples), np.nan)
        if segment.header is None:
            return part
        signals = segment.header.signals
        rows = _digital(segment, first, min(last + segment.late_frames, segment.n_frames), self.stamps)
        least = min(each.skew for each in signals)
        for row, at in enumerate(_indices(self.kept, signals)):
            if at is not None:
                begin = (signals[at].skew - least) * self.per_frame
                part[row] = rows[at][begin : begin + n_samples]
        if not self.factor:
            self._settle_gain(part, signals)
        for row, at in enumerate(_indices(self.kept, signals)):
            if at is not None:
                factor = _to_unit(signals[at].unit, self.units[row]) * self.factor
                _scale(part[row], signals[at], factor)
        return part

    def _settle_gain(self, part: np.ndarray, signals: Sequence[Signal]) -> None:
        """Right two gains that PhysioNet's Challenge headers are known to have wrong, and say so.

        A step finer than any device's, where nothing larger is recorded, is one of a volt (their copies of PTB); 4,880 a
        mV is in the headers of 2020 of the Georgia records, whose samples are microvolts, as those of 2021 say.
        """
        gains = [abs(each.gain) for each in signals if each.unit.lower() == "mv"]
        finest, self.factor = max(gains, default=0.0), 1.0
        swing = float(np.median(np.ptp(np.nan_to_num(part), axis=1))) / (finest or 1)
        if finest >= MOST_PER_MV and swing < LEAST_SWING_MV:
            self.factor, claim = (
                1_000.0,
                Message("{steps:,.0f} steps a mV, finer than any device's: read as so many a volt", steps=finest),
            )
        elif set(gains) == {GEORGIA}:
            self.factor = GEORGIA / 1_000
            claim = Message("4,880 steps a mV, as PhysioNet's first headers of Georgia: read as 1,000")
        else:
            return
        if len(self.segments) > 1:
            raise RecordError("its header states {claim}, in segments: write the true gain there", claim=claim)
        self.notes.append(Note("warning", Message("its header states {claim}", claim=claim)))


def _scale(row: np.ndarray, signal: Signal, factor: float) -> None:
    """From steps to the record's unit, in place: of what changes nothing no pass is made over the samples."""
    if signal.baseline:
        row -= signal.baseline
    row /= signal.gain
    if factor != 1:
        row *= factor


def _names(signals: Sequence[Signal]) -> tuple[tuple[str, ...] | None, list[Note]]:
    """The signals' names; None, with a warning, where none of them has one."""
    notes = [
        Note(
            "warning",
            Message(
                "its header states a negative gain for {name}, which turns it round", name=each.name or each.file[:40]
            ),
        )
        for each in signals
        if each.gain < 0
    ]
    if not any(each.name for each in signals):
        notes.append(Note("warning", "its header names no lead: read in the order I, II, III, aVR, aVL, aVF, V1 to V6"))
        return None, notes
    return tuple(each.name or f"signal {index}" for index, each in enumerate(signals)), notes


def _indices(kept: Sequence[Signal], signals: Sequence[Signal]) -> list[int | None]:
    """Index of each of the kept signals in a segment's own list; None where it is not there."""
    names = [each.name for each in signals]
    if names == [each.name for each in kept]:
        return [*range(len(names))]
    indices = [names.index(each.name) if each.name in names else None for each in kept]
    if any(at is not None and signals[at].per_frame != each.per_frame for at, each in zip(indices, kept, strict=True)):
        raise RecordError("its segments are sampled at several rates: export all at one rate")
    return indices


def _to_unit(given: str, wanted: str) -> float:
    """Factor from a segment's unit to the record's."""
    if given == wanted:
        return 1.0
    factors = mv_per_unit(given), mv_per_unit(wanted)
    if None in factors:
        raise RecordError(
            "its segments have a lead in {given} and in {wanted}: use mV, µV or V", given=given[:20], wanted=wanted[:20]
        )
    return factors[0] / factors[1]


def _digital(segment: Segment, first: int, last: int, stamps: Mapping[Path, Stamp]) -> list[np.ndarray]:
    """Steps of every signal as the files hold them, float64, NaN where one is marked as missing; sums are checked.

    stamps : of the files. Raises RecordError where one has changed since.
    """
    if all(each.form in WORDS for each in segment.header.signals):
        steps = read_words(segment, first, last, stamps)
        rows = [_doubles(each) for each in steps]
    else:
        require_unchanged(segment.files.values(), stamps)
        steps, rows = _by_library(segment, first, last)
        require_unchanged(segment.files.values(), stamps)
    if (first, last) == (0, segment.n_frames):
        _check_sums(steps, segment.header.signals)
    return rows


def _doubles(words: np.ndarray) -> np.ndarray:
    rows = words.astype(np.float64)
    rows[words == MISSING_WORD] = np.nan
    return rows


def _by_library(segment: Segment, first: int, last: int) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Steps of every signal, and the same as float64 with NaN where one is marked as missing, by the wfdb library."""
    wfdb = extra("wfdb", "requirements.txt", RecordError)  # heavy, and needed for this format alone

    with tempfile.TemporaryDirectory() as folder:
        names = {}
        for index, (name, path) in enumerate(segment.files.items()):
            names[name] = f"f{index}.dat"
            signals = [each for each in segment.header.signals if each.file == name]
            if signals[0].form == SWAPPED:
                _swap(path, Path(folder) / names[name], signals, first, last)
            else:
                (Path(folder) / names[name]).symlink_to(path.resolve())
        (Path(folder) / "r.hea").write_text(plain_header(segment.header, "r", segment.n_frames, names))
        begin = 0 if any(each.form == "8" for each in segment.header.signals) else first
        try:
            content = wfdb.rdrecord(
                str(Path(folder) / "r"), begin, last, physical=False, smooth_frames=False, ignore_skew=True
            )
            steps, rows = content.e_d_signal, content.dac(expanded=True)
        except (OSError, MemoryError):
            raise
        except Exception as error:  # wfdb raises what its decoding runs into
            forms = ", ".join(sorted({each.form for each in segment.header.signals}))
            raise RecordError(
                "its samples cannot be decoded in format {forms}: copy .hea and .dat again", forms=forms
            ) from error
    skipped = [(first - begin) * each.per_frame for each in segment.header.signals]
    return tuple([row[n:] for row, n in zip(each, skipped, strict=True)] for each in (steps, rows))


def _swap(source: Path, target: Path, signals: Sequence[Signal], first: int, last: int) -> None:
    """Write frames `first` to `last` of a file in format 61 at the same offset of one in format 16, which wfdb reads."""
    frame_bytes = 2 * sum(each.per_frame for each in signals)
    begin, n_bytes = signals[0].offset + first * frame_bytes, (last - first) * frame_bytes
    with source.open("rb") as file, target.open("wb") as other:
        file.seek(begin)
        other.seek(begin)
        other.write(np.frombuffer(file.read(n_bytes), "<i2").byteswap().tobytes())
        other.truncate(source.stat().st_size)


def _check_sums(rows: Sequence[np.ndarray], signals: Sequence[Signal]) -> None:
    """Refuse samples whose sums are not those of their header; a header that states 0 or none cannot be checked."""
    for row, each in zip(rows, signals, strict=True):
        if each.checksum and each.checksum % 65536 != int(row.sum(dtype=np.int64)) % 65536:
            raise RecordError("its samples do not match the checksum in its header: copy both again")


def _header_of(path: Path) -> Path:
    """The header that belongs to this file, whatever the case of its ending."""
    if path.suffix.lower() == ".hea":
        return path
    header = beside(path.parent, f"{path.stem}.hea")
    if header is None:
        raise RecordError("is a signal file without its header {stem}.hea: put the header beside it", stem=path.stem)
    return header
