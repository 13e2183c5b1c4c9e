"""The only door in for recordings: any file -> Record, with leads in order, in mV, and what was settled on the way."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.lib import format as npy_format

from cardiac.errors import RecordError, first_line, naming
from cardiac.labels import LEADS, lead_name
from cardiac.signals import flat_leads

TASK_FS_HZ = 500.0
FS_RANGE_HZ = (100.0, 10_000.0)
LONGEST_S = 3_600.0  # a longer recording does not fit into memory with all its windows
MOST_SAMPLES = 7_200_000  # a lead: an hour at 2,000 Hz
LARGEST_BYTES = 2 * 2**30
LARGEST_MV = 100.0  # from the lead's median; the largest of the real records is 27
SUFFIXES = (".npy", ".hea")

# Peak-to-peak amplitude of the middle lead over 1,681 + 449 real records: 0.4 to 5.7 mV. What lies far outside is in
# another unit; what lies in between could be either and is refused rather than guessed.
MV_RANGE = (0.02, 20.0)
LEAD_SWING_MV = 50.0  # of any one lead; the largest of the real records is 32
UV_RANGE = (50.0, 50_000.0)
MV_PER_UNIT = {"mv": 1.0, "uv": 1e-3, "µv": 1e-3, "μv": 1e-3, "v": 1e3, "nv": 1e-6}


@dataclass(frozen=True)
class Note:
    """Something the reader of a finding must know. level : "info" (settled as usual) or "warning" (look at it)."""

    level: str
    text: str


@dataclass(frozen=True)
class Record:
    """One recording.

    signal : float32 (12, n_samples), mV, leads in the order of `labels.LEADS`.  fs_hz : sampling rate.
    """

    record_id: str
    signal: np.ndarray
    fs_hz: float
    notes: tuple[Note, ...] = field(default=())

    @property
    def duration_s(self) -> float:
        return self.signal.shape[1] / self.fs_hz


def read_record(source: "str | Path | Record", fs_hz: float | None = None, record_id: str | None = None) -> Record:
    """The recording in a .npy or WFDB (.hea) file; a Record comes back as it is.

    fs_hz : rate of a .npy file, which carries none; without it the task's 500 Hz are taken and a note says so. A WFDB
        header states its own.  record_id : the record's name, else the file's without its ending.
    Raises RecordError for whatever cannot be read as twelve finite leads.
    """
    if isinstance(source, Record):
        return source
    path = Path(source)
    record_id = record_id or path.stem
    suffix = path.suffix.lower()
    with naming(path.name):
        try:
            if not path.exists():
                raise RecordError("there is no such file: check the path")
            if not path.is_file():
                raise RecordError("is not a plain file: give a recording or a folder of them")
            if suffix == ".npy":
                return _settle(record_id, _read_npy(path), fs_hz)
            if suffix in (".hea", ".dat"):
                return _settle(record_id, *_read_wfdb(path.with_suffix("")))
        except OSError as error:
            raise RecordError(f"cannot be opened ({error.strerror}): check path and permissions") from error
        except MemoryError as error:
            raise RecordError("does not fit into memory: cut it into parts") from error
        raise RecordError("files of this kind are not read: give a .npy file or a WFDB header (.hea)")


def find_records(folder: str | Path) -> list[Path]:
    """All recordings under a folder (.npy and .hea), by path; hidden files and folders are passed over.

    Raises RecordError where there is none.
    """
    folder = Path(folder)
    found = sorted(
        path
        for path in folder.rglob("*")
        if path.suffix in SUFFIXES
        and path.is_file()
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    )
    if not found:
        raise RecordError(f"{folder}: no recording (.npy or .hea) lies in this folder: check the path")
    return found


def record_from_array(
    array: np.ndarray,
    fs_hz: float | None = None,
    leads: Sequence[str] | None = None,
    record_id: str = "array",
    unit: str = "mV",
) -> Record:
    """A Record from samples in memory, checked and put in order.

    array : (12, n_samples), or (n_samples, 12), which is turned and noted.  leads : names of the array's leads, in any
    order; without them the order of `labels.LEADS`.  unit : mV, µV or V.
    Raises RecordError.
    """
    with naming(record_id):
        if isinstance(array, np.ma.MaskedArray):
            array = array.astype(np.float64).filled(np.nan)  # what is masked is missing
        try:
            samples = np.asarray(array)
        except ValueError as error:
            raise RecordError("its rows are not of one length: give one recording as 12 leads x samples") from error
        return _settle(record_id, samples, fs_hz, leads, unit)


def _settle(
    record_id: str, array: np.ndarray, fs_hz: float | None, leads: Sequence[str] | None = None, unit: str = "mV"
) -> Record:
    """Rate, orientation, length, leads, finiteness, unit and range, in this order; see `record_from_array`."""
    notes: list[Note] = []
    if fs_hz is None:
        fs_hz = TASK_FS_HZ
        notes.append(Note("info", f"the file states no sampling rate: read as {TASK_FS_HZ:g} Hz"))
    fs_hz = _check_rate(fs_hz)
    signal = _orient(array, len(LEADS) if leads is None else len(leads), notes)
    _check_length(signal.shape[1], fs_hz)
    signal = _order_leads(signal, leads, notes)
    _check_finite(signal)
    signal = _settle_unit(signal.astype(np.float64), unit, notes)
    _check_range(signal)
    flat = flat_leads(signal)
    if flat:
        notes.append(Note("warning", f"no signal on {', '.join(flat)}: the decision rests on the other leads"))
    return Record(record_id, signal.astype(np.float32), fs_hz, tuple(notes))


def _read_npy(path: Path) -> np.ndarray:
    """The array of a .npy file, whose header is believed only as far as the file's own size bears it out."""
    with path.open("rb") as file:
        shape, column_major, dtype = _read_npy_header(file)
        if dtype.hasobject or dtype.kind not in "fiu":
            raise RecordError(f"holds {dtype} and not plain numbers, and is never unpickled: save it as float32")
        if len(shape) != 2 or not all(type(size) is int and size >= 0 for size in shape):
            raise RecordError(f"has shape {shape!s:.40}: give one recording as 12 leads x samples")
        if 0 in shape:
            raise RecordError(f"holds no sample (shape {shape!s:.40}): export the recording again")
        needed, present = math.prod(shape) * dtype.itemsize, path.stat().st_size - file.tell()
        if needed != present:
            raise RecordError(f"its header states {needed} bytes of samples and {present} are there: copy it again")
        if present > LARGEST_BYTES:
            raise RecordError(f"holds {present / 2**30:.1f} GiB and up to 2 GiB are read: cut it into parts")
        samples = np.fromfile(file, dtype=dtype, count=math.prod(shape))
    return samples.reshape(shape, order="F" if column_major else "C")


def _read_npy_header(file: BinaryIO) -> tuple[tuple[int, ...], bool, np.dtype]:
    try:
        version = npy_format.read_magic(file)
        read = npy_format.read_array_header_1_0 if version == (1, 0) else npy_format.read_array_header_2_0
        return read(file)
    except Exception as error:  # NumPy hands the header to Python's own parser, which raises whatever it runs into
        raise RecordError(f"is not a NumPy array ({first_line(error)}): save it with numpy.save") from error


def _read_wfdb(stem: Path) -> tuple[np.ndarray, float, list[str], str]:
    """Samples (n_leads, n_samples), rate, lead names and unit of a WFDB record."""
    import wfdb  # heavy, and needed for this format alone

    try:
        header = wfdb.rdheader(str(stem))
        _check_wfdb_text(stem.with_name(f"{stem.name}.hea"))
        _check_wfdb_header(header, stem)
        content = wfdb.rdrecord(str(stem), physical=False, m2s=False)
        segments = getattr(content, "segments", [content])
        _check_wfdb_sums([segment for segment in segments if segment is not None and segment.d_signal is not None])
        if segments[0] is content:
            content.dac(inplace=True)
        else:
            content = wfdb.rdrecord(str(stem))  # segments differ in gain, and wfdb joins them rightly in mV alone
    except (RecordError, OSError, MemoryError):
        raise
    except Exception as error:  # wfdb raises what its parsing runs into: any of them means an unreadable record
        raise RecordError(f"cannot be read as a WFDB record ({first_line(error)}): check .hea and .dat") from error
    if content.p_signal is None:
        raise RecordError("the WFDB record holds no signal: give a waveform record")
    named = list(zip(content.sig_name, content.units, strict=True))
    units = {unit.strip().lower() for name, unit in named if lead_name(name) in LEADS}
    if not units:
        raise RecordError(f"holds {', '.join(map(str, content.sig_name))} and none of the twelve leads: give an ECG")
    if len(units) > 1:
        raise RecordError(f"its leads are in different units ({', '.join(sorted(units))}): give one unit")
    return content.p_signal.T, content.fs, content.sig_name, units.pop()


def _check_wfdb_sums(segments: Sequence[Any]) -> None:
    """Refuse samples whose sums are not those of their header; a header that states 0 or none cannot be checked."""
    for segment in segments:
        sums = zip(segment.checksum or [], segment.calc_checksum(), strict=False)
        if any(told and told % 65536 != found % 65536 for told, found in sums):
            raise RecordError("its samples are not those that its header was written for (checksum): copy both again")


def _check_wfdb_text(path: Path, is_segment: bool = False) -> None:
    """Refuse a header that leaves rate or gain to wfdb's defaults (250 Hz, 200 a mV): they must be known."""
    text = path.read_text(encoding="utf-8", errors="replace")
    lines = [line.split() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    if not is_segment and (not lines or len(lines[0]) < 3 or not lines[0][2][0].isdigit()):
        raise RecordError("cannot be read as a WFDB record (no sampling rate in its header): write the true rate there")
    if "/" in lines[0][0]:
        if is_segment:
            raise RecordError("a segment of it is itself in segments: give the record that holds the samples")
        for name in (line[0] for line in lines[1:] if line[0] != "~"):  # "~" is a gap
            _check_wfdb_text(path.with_name(f"{name}.hea"), is_segment=True)
    elif any(len(line) < 3 or not re.match(r"0*\.?0*[1-9]", line[2]) for line in lines[1:]):
        raise RecordError("its header states no gain for a lead (0 or none): write the true gain there")


def _check_wfdb_header(header: object, stem: Path) -> None:
    """Refuse a header whose files are not there or hold fewer samples than it claims; wfdb itself refuses paths."""
    names = set(getattr(header, "file_name", None) or [])
    missing = [name for name in sorted(names) if not (stem.parent / name).is_file()]
    if missing:
        raise RecordError(f"its signal file {missing[0]} is missing: put it beside the header")
    n_bytes = sum((stem.parent / name).stat().st_size for name in names)
    claimed = (header.sig_len or 0) * header.n_sig
    if names and claimed > 16 * n_bytes:  # the densest WFDB formats hold less than sixteen samples in a byte
        raise RecordError(f"its header states {claimed} samples and its files hold {n_bytes} bytes: copy it again")
    _check_length(header.sig_len or 0, _check_rate(header.fs))
    if any(abs(skew or 0) > header.sig_len for skew in getattr(header, "skew", None) or []):
        raise RecordError("its header shifts a lead by more than the recording is long: copy it again")


def _orient(array: np.ndarray, expected: int, notes: list[Note]) -> np.ndarray:
    if array.dtype.kind not in "fiu":
        raise RecordError(f"holds {array.dtype} and not numbers: give float32 samples in mV")
    if array.size == 0:
        raise RecordError(f"holds no sample (shape {array.shape}): export the recording again")
    if array.ndim != 2:
        raise RecordError(f"has shape {array.shape}: give one recording as {expected} leads x samples")
    if array.shape[0] == expected:
        return array
    if array.shape[1] == expected and array.shape[0] > array.shape[1]:
        notes.append(Note("warning", f"stored as samples x leads {array.shape}: turned to leads x samples"))
        return array.T
    n_leads = min(array.shape)
    raise RecordError(f"has {n_leads} leads (shape {array.shape}) where {expected} are needed: give all {expected}")


def _order_leads(signal: np.ndarray, leads: Sequence[str] | None, notes: list[Note]) -> np.ndarray:
    if leads is None:
        return signal
    names = [lead_name(str(lead)) for lead in leads]
    missing = [lead for lead in LEADS if lead not in names]
    if missing:
        raise RecordError(f"lead {', '.join(missing)} is missing among {', '.join(names)}: give all twelve leads")
    repeated = sorted({name for name in names if names.count(name) > 1 and name in LEADS})
    if repeated:
        raise RecordError(f"lead {', '.join(repeated)} stands there twice: name every lead once")
    extra = [name for name in names if name not in LEADS]
    if extra:
        notes.append(Note("info", f"left aside: {', '.join(extra)}"))
    return signal[[names.index(lead) for lead in LEADS]]


def _check_finite(signal: np.ndarray) -> None:
    bad = ~np.isfinite(signal)
    if bad.any():
        lead, sample = np.argwhere(bad)[0]
        raise RecordError(
            f"{int(bad.sum())} samples are NaN or infinite, the first in lead {LEADS[lead]} at sample {sample}: "
            "export the recording without gaps"
        )


def _settle_unit(signal: np.ndarray, unit: str, notes: list[Note]) -> np.ndarray:
    """The signal in mV; what is declared is checked against what a heart can give."""
    factor = MV_PER_UNIT.get(unit.strip().lower())
    if factor is None:
        raise RecordError(f"its unit {unit!r} is not known: give mV, µV or V")
    signal = signal * factor
    moving = np.ptp(signal, axis=1) > 0
    if not moving.any():
        raise RecordError("no lead carries a signal (all are flat): check the electrodes or the export")
    low, high = np.percentile(signal[moving], [0.1, 99.9], axis=1)
    swing = float(np.median(high - low))
    if MV_RANGE[0] <= swing <= MV_RANGE[1]:
        return signal
    if UV_RANGE[0] <= swing <= UV_RANGE[1]:
        if ((high - low) < MV_RANGE[0] * 1_000 / 2).sum() > 1:
            raise RecordError("some leads look like microvolts and some like millivolts: give all in mV")
        notes.append(Note("warning", f"amplitudes of {swing:.0f} are microvolts, not millivolts: divided by 1,000"))
        return signal / 1_000.0
    raise RecordError(
        f"amplitudes of {swing:.3g} mV (peak to peak, middle lead) are not an ECG's (0.4 to 6 mV): "
        "check unit, gain and electrodes, and give mV"
    )


def _check_range(signal: np.ndarray) -> None:
    """Refuse what no lead of a body gives: another unit on one lead, or a spike out of all proportion."""
    if np.ptp(signal, axis=1).max() <= LEAD_SWING_MV:
        return
    swings = np.ptp(np.percentile(signal, [0.1, 99.9], axis=1), axis=0)
    if swings.max() > LEAD_SWING_MV:
        lead = LEADS[int(swings.argmax())]
        raise RecordError(f"lead {lead} swings by {swings.max():.3g} mV, unlike the others: check its unit and gain")
    deviation = np.abs(signal - np.median(signal, axis=1, keepdims=True))
    largest = deviation.max()
    if largest > LARGEST_MV:
        lead, sample = np.unravel_index(deviation.argmax(), signal.shape)
        raise RecordError(
            f"holds {largest:.3g} mV in lead {LEADS[lead]} at sample {sample}, which no electrode gives: export it again"
        )


def _check_length(n_samples: int, fs_hz: float) -> None:
    if n_samples > MOST_SAMPLES:
        raise RecordError(f"has {n_samples:,} samples a lead and up to {MOST_SAMPLES:,} are read: cut it into parts")
    if n_samples / fs_hz > LONGEST_S:
        raise RecordError(f"is {n_samples / fs_hz / 60:.0f} minutes long and up to 60 are read: cut it into parts")


def _check_rate(fs_hz: float) -> float:
    low, high = FS_RANGE_HZ
    if not (isinstance(fs_hz, int | float | np.number) and low <= fs_hz <= high):
        raise RecordError(f"a sampling rate of {fs_hz} Hz is outside {low:g} to {high:g} Hz: give the true rate")
    return float(fs_hz)
