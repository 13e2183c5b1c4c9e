"""WFDB records (physionet.org/physiotools/wag): .hea with .dat or .mat, one segment or several, by the wfdb library."""

import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from cardiac.errors import RecordError, extra, first_line
from cardiac.readers.raw import LONG_S, SEXES, Note, Raw, check_length, check_rate

SCANNED = 10_000  # samples from which a long record's gains are known
MOST_PER_MV = 1e5  # a step of 10 nV, finer than any electrocardiograph's
LEAST_SWING_MV = 0.02
GEORGIA = 4_880
LEAST_BITS = 0.5  # of a sample in the densest WFDB format, compressed


def read_wfdb(path: Path) -> Raw:
    """The record whose header, or whose signal file, this is. Raises RecordError where rate or gain are not stated."""
    wfdb = extra("wfdb", "requirements.txt", RecordError)  # heavy, and needed for this format alone

    stem = path.with_suffix("")
    if not stem.with_name(f"{stem.name}.hea").is_file():
        raise RecordError(f"is a signal file without its header {stem.name}.hea: put that beside it")
    with _faults_named(), _plainly_named(stem) as named:
        header = wfdb.rdheader(str(named))
        _check_text(named.with_name(f"{named.name}.hea"))
        if not header.n_sig or not header.fs:
            raise RecordError("its header lists no signal: give a waveform record")
        _check_header(header, named)
    if (header.sig_len or 0) / header.fs > LONG_S:
        samples = _Samples(stem, header.sig_len)
        names, units, notes = samples.names, samples.units, samples.notes
    else:
        samples, names, units, notes = _read(stem)
    age, sex = _patient(header.comments or [])
    return Raw(samples, float(header.fs), names, units, tuple(notes), age, sex)


def _read(stem: Path, first: int = 0, last: int | None = None) -> tuple[np.ndarray, tuple, tuple, list[Note]]:
    """Samples (n_leads, last - first) in their units, names, units and notes; the whole record is checked by its sums."""
    wfdb = extra("wfdb", "requirements.txt", RecordError)

    with _faults_named(), _plainly_named(stem) as named:
        content = wfdb.rdrecord(str(named), sampfrom=first, sampto=last, physical=False, m2s=False)
        segments = getattr(content, "segments", [content])
        held = [segment for segment in segments if segment is not None and segment.d_signal is not None]
        if last is None:
            _check_sums(held)
        notes = _correct_gains(held)
        if segments[0] is content:
            content.dac(inplace=True)
        elif notes:
            raise RecordError(f"{notes[0].text}, in segments: write the true gain there")
        else:  # segments differ in gain, and wfdb joins them rightly in mV alone
            content = wfdb.rdrecord(str(named), sampfrom=first, sampto=last)
    if content.p_signal is None:
        raise RecordError("the WFDB record holds no signal: give a waveform record")
    return content.p_signal.T, tuple(map(str, content.sig_name)), tuple(map(str, content.units)), notes


class _Samples:
    """Samples of a long record in their units, of which `[:, first:last]` reads a part."""

    def __init__(self, stem: Path, n_samples: int) -> None:
        samples, self.names, self.units, self.notes = _read(stem, 0, SCANNED)
        self.stem, self.shape, self.dtype = stem, (len(samples), n_samples), np.dtype(float)

    def __getitem__(self, key: tuple[slice, slice]) -> np.ndarray:
        first, last, _ = key[1].indices(self.shape[1])
        return _read(self.stem, first, last)[0]


@contextmanager
def _faults_named() -> Iterator[None]:
    try:
        yield
    except (RecordError, OSError, MemoryError):
        raise
    except Exception as error:  # wfdb raises what its parsing runs into: any of them means an unreadable record
        raise RecordError(f"cannot be read as a WFDB record ({first_line(error)}): check .hea and .dat") from error


@contextmanager
def _plainly_named(stem: Path) -> Iterator[Path]:
    """The record's stem; where its header names it with an ending, as some of PhysioNet's do, that of a copy without."""
    text = stem.with_name(f"{stem.name}.hea").read_text(encoding="utf-8", errors="replace")
    named = re.match(r"((?:\s*#[^\n]*\n)*\s*)([\w-]+)\.(?:mat|dat|hea)(?=[ /\t])", text)
    if not named:
        yield stem
        return
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / stem.name
        copy.with_name(f"{stem.name}.hea").write_text(named[1] + stem.name + text[named.end() :], encoding="utf-8")
        for name in set(re.findall(r"^([\w.-]+\.(?:mat|dat))[ \t]", text[named.end() :], re.MULTILINE)):
            if (stem.parent / name).is_file():
                (Path(folder) / name).symlink_to((stem.parent / name).resolve())
        yield copy


def _correct_gains(segments: Sequence[Any]) -> list[Note]:
    """Right two gains that PhysioNet's Challenge headers are known to have wrong, and say so.

    A step finer than any device's, where nothing larger is recorded, is one of a volt (their copies of PTB); 4,880 a mV
    stands in the headers of 2020 of the Georgia records, whose samples are microvolts, as those of 2021 say.
    """
    notes = []
    for segment in segments:
        gains = [gain for gain, unit in zip(segment.adc_gain, segment.units, strict=True) if unit.lower() == "mv"]
        finest = max(gains, default=0)
        swing = float(np.median(np.ptp(segment.d_signal, axis=0))) / (finest or 1)
        if finest >= MOST_PER_MV and swing < LEAST_SWING_MV:
            factor, told = 1_000, f"{finest:,.0f} steps a mV, finer than any device's: read as so many a volt"
        elif set(gains) == {GEORGIA}:
            factor, told = GEORGIA / 1_000, "4,880 steps a mV, as PhysioNet's first headers of Georgia: read as 1,000"
        else:
            continue
        segment.adc_gain = [gain / factor for gain in segment.adc_gain]
        notes.append(Note("warning", f"its header states {told}"))
    return notes[:1]


def _check_sums(segments: Sequence[Any]) -> None:
    """Refuse samples whose sums are not those of their header; a header that states 0 or none cannot be checked."""
    for segment in segments:
        sums = zip(segment.checksum or [], segment.calc_checksum(), strict=False)
        if any(told and told % 65536 != found % 65536 for told, found in sums):
            raise RecordError("its samples are not those that its header was written for (checksum): copy both again")


def _check_text(path: Path, is_segment: bool = False) -> None:
    """Refuse a header that leaves rate or gain to wfdb's defaults (250 Hz, 200 a mV): they must be known."""
    text = path.read_text(encoding="utf-8", errors="replace")
    lines = [line.split() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    if not is_segment and (not lines or len(lines[0]) < 3 or not lines[0][2][0].isdigit()):
        raise RecordError("cannot be read as a WFDB record (no sampling rate in its header): write the true rate there")
    if "/" in lines[0][0]:
        if is_segment:
            raise RecordError("a segment of it is itself in segments: give the record that holds the samples")
        for name in (line[0] for line in lines[1:] if line[0] != "~"):  # "~" is a gap
            _check_text(path.with_name(f"{name}.hea"), is_segment=True)
    elif any(len(line) < 3 or not re.match(r"0*\.?0*[1-9]", line[2]) for line in lines[1:]):
        raise RecordError("its header states no gain for a lead (0 or none): write the true gain there")


def _check_header(header: Any, stem: Path) -> None:
    """Refuse a header whose files are not there or hold fewer samples than it claims; wfdb itself refuses paths."""
    names = set(getattr(header, "file_name", None) or [])
    missing = [name for name in sorted(names) if not (stem.parent / name).is_file()]
    if missing:
        raise RecordError(f"its signal file {missing[0]} is missing: put it beside the header")
    n_bytes = sum((stem.parent / name).stat().st_size for name in names)
    claimed = (header.sig_len or 0) * header.n_sig
    if names and claimed * LEAST_BITS / 8 > n_bytes:
        raise RecordError(f"its header states {claimed} samples and its files hold {n_bytes} bytes: copy it again")
    check_length(header.sig_len or 0, check_rate(header.fs))
    if any(abs(skew or 0) > (header.sig_len or 0) for skew in getattr(header, "skew", None) or []):
        raise RecordError("its header shifts a lead by more than the recording is long: copy it again")


def _patient(comments: Sequence[str]) -> tuple[float | None, str | None]:
    """Age in years and sex from a header's comments, as PhysioNet's data sets write them."""
    told = {key.strip().lower(): value.strip() for key, _, value in (line.partition(":") for line in comments)}
    age, sex = told.get("age", ""), told.get("sex", "").upper()[:1]
    return float(age) if age.isdigit() else None, SEXES.get(sex)
