"""The only door in for recordings: any file -> Record, with leads in order, in mV, and what was settled on the way."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from cardiac.errors import RecordError, faults_are_ours, naming
from cardiac.isolation import read_isolated
from cardiac.leads import LEADS, lead_and_sign, lead_name, twelve_leads
from cardiac.long_signals import LongSignal
from cardiac.order_statistics import percentiles
from cardiac.readers.aecg import read_aecg
from cardiac.readers.arrays import read_npy, read_npz
from cardiac.readers.dicom import read_dicom
from cardiac.readers.edf import read_edf_file
from cardiac.readers.kinds import kind_of
from cardiac.readers.matlab import read_matlab
from cardiac.readers.muse import read_muse
from cardiac.readers.raw import FS_RANGE_HZ, LONG_S, Note, Raw, check_length, check_rate
from cardiac.readers.scp import read_scp_file
from cardiac.readers.sierra import read_sierra
from cardiac.readers.tables import read_text, read_xlsx
from cardiac.readers.units import mv_per_unit
from cardiac.readers.wfdb_files import read_wfdb

__all__ = ["FS_RANGE_HZ", "Note", "Record", "read_record", "record_from_array"]

READERS: dict[str, Callable[[Path], Raw]] = {
    "npy": read_npy,
    "npz": read_npz,
    "text": read_text,
    "xlsx": read_xlsx,
    "wfdb": read_wfdb,
    "matlab": read_matlab,
    "edf": read_edf_file,
    "dicom": read_dicom,
    "aecg": read_aecg,
    "muse": read_muse,
    "sierra": read_sierra,
    "scp": read_scp_file,
}
ISOLATED = {"text", "xlsx", "dicom", "aecg", "muse", "sierra", "scp", "matlab"}  # what a file may make of its reader
TASK_FS_HZ = 500.0
N_SAMPLED = 24  # places of a long recording
PULSE_S = 0.1  # from so long on, all leads alike at an end are a calibration pulse or padding, and no heart
LARGEST_MV = 100.0  # from the lead's median; the largest of the real records is 27
# Peak-to-peak amplitude of the middle lead over 1,681 + 449 real records: 0.4 to 5.7 mV. What lies far outside is in
# another unit; what lies in between could be either and is refused rather than guessed.
SWING_PERCENTS = (0.1, 99.9)
MV_RANGE = (0.02, 20.0)
LEAD_SWING_MV = 50.0  # of any one lead; the largest of the real records is 32
UV_RANGE = (50.0, 50_000.0)


@dataclass(frozen=True)
class Record:
    """One recording.

    signal : float32 (12, n_samples), mV, leads in the order of `labels.LEADS`; of more than ten minutes a LongSignal, of
    which `[:, first:last]` reads a part.  fs_hz : sampling rate.  age_years, sex
    ("female", "male") : of the patient, where the file states them.
    """

    record_id: str
    signal: np.ndarray | LongSignal
    fs_hz: float
    notes: tuple[Note, ...] = field(default=())
    age_years: float | None = None
    sex: str | None = None

    @property
    def duration_s(self) -> float:
        return self.signal.shape[1] / self.fs_hz


def read_record(source: "str | Path | Record", fs_hz: float | None = None, record_id: str | None = None) -> Record:
    """The recording in a file of any kind in `READERS`, known by its content; a Record comes back as it is.

    fs_hz : rate of a file that states none; without it the task's 500 Hz are taken and a note says so.  record_id : the
    record's name, else the file's without its ending.
    Raises RecordError for whatever cannot be read as twelve finite leads.
    """
    if isinstance(source, Record):
        return source
    path = Path(source)
    with naming(path.name):
        try:
            if not path.exists():
                raise RecordError("there is no such file: check the path")
            if not path.is_file():
                raise RecordError("is not a plain file: give a recording or a folder of them")
            kind = kind_of(path)
            if kind == "archive":
                raise RecordError("is an archive and no single recording: unpack it, or give it to inference.py")
            if kind not in READERS:
                raise RecordError(f"is a {kind} file, which is not read: export it in another format")
            with faults_are_ours("reading"):
                raw = read_isolated(READERS[kind], path) if kind in ISOLATED else READERS[kind](path)
                return _settle(record_id or path.stem, raw, fs_hz)
        except OSError as error:
            raise RecordError(f"cannot be opened ({error.strerror}): check path and permissions") from error
        except MemoryError as error:
            raise RecordError("does not fit into memory: cut it into parts") from error


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
        names = None if leads is None else tuple(map(str, leads))
        return _settle(
            record_id, Raw(samples, None, names, (unit,) * (len(LEADS) if names is None else len(names))), fs_hz
        )


@np.errstate(all="ignore")  # what overflows is refused as not finite
def _settle(record_id: str, raw: Raw, fs_hz: float | None) -> Record:
    """Rate, orientation, length, units, ends, leads, finiteness, amplitude, in this order; see `record_from_array`.

    fs_hz : taken where the file states no rate.
    """
    notes = [*raw.notes]
    rate = check_rate(_settle_rate(raw, fs_hz, notes))
    samples = _orient(raw.samples, len(LEADS) if raw.leads is None else len(raw.leads), notes)
    check_length(samples.shape[1], rate)
    is_long = samples.shape[1] / rate > LONG_S
    signal = _settle_part(_sample(samples, rate) if is_long else _cut_ends(samples, rate, notes), raw, notes)
    signal, factor = _settle_unit(signal, notes)
    _check_range(signal)

    def settle(part: np.ndarray) -> np.ndarray:
        with naming(record_id), np.errstate(all="ignore"):
            settled = _settle_part(part, raw, []) * factor
            _check_range(settled)
            return settled.astype(np.float32)

    whole = LongSignal(samples, settle) if is_long else signal.astype(np.float32)
    return Record(record_id, whole, rate, tuple(notes), raw.age_years, raw.sex)


def _settle_rate(raw: Raw, fs_hz: float | None, notes: list[Note]) -> float:
    """The file's rate, else the one given, else the task's where the file says nothing about time."""
    if raw.fs_hz is not None:
        if fs_hz is not None and abs(raw.fs_hz / fs_hz - 1) > 0.01:
            notes.append(Note("info", f"the file's own {raw.fs_hz:g} Hz were taken, not the {fs_hz:g} Hz given"))
        return raw.fs_hz
    if raw.doubt:
        if fs_hz is None:
            raise RecordError(f"{raw.doubt}: give the sampling rate with --fs-hz")
        notes.append(Note("warning", f"{raw.doubt}: read at the {fs_hz:g} Hz given"))
    elif fs_hz is None:
        notes.append(Note("info", f"the file states no sampling rate: read as {TASK_FS_HZ:g} Hz"))
    return TASK_FS_HZ if fs_hz is None else fs_hz


def _sample(samples: Any, fs_hz: float) -> np.ndarray:
    """Ten seconds from each of some places of a long recording, side by side: by these unit and gain are settled."""
    length = round(10 * fs_hz)
    starts = np.linspace(0, samples.shape[1] - length, N_SAMPLED).astype(int)
    return np.concatenate([np.asarray(samples[:, start : start + length]) for start in starts], axis=1)


def _settle_part(samples: np.ndarray, raw: Raw, notes: list[Note]) -> np.ndarray:
    """The twelve leads in order, finite, in mV as the file states it, float64."""
    signal = _order_leads(_to_mv(samples, raw), raw.leads, notes)
    _check_finite(signal)
    return signal


def _orient(array: Any, expected: int, notes: list[Note]) -> Any:
    if array.dtype.kind not in "fiu":
        raise RecordError(f"holds {array.dtype} and not numbers: give float32 samples in mV")
    if 0 in array.shape:
        raise RecordError(f"holds no sample (shape {array.shape}): export the recording again")
    if len(array.shape) != 2:
        raise RecordError(f"has shape {array.shape}: give one recording as {expected} leads x samples")
    if array.shape[0] == expected:
        return array
    if array.shape[1] == expected and array.shape[0] > array.shape[1]:
        notes.append(Note("warning", f"stored as samples x leads {array.shape}: turned to leads x samples"))
        return array.T
    n_leads = min(array.shape)
    raise RecordError(f"has {n_leads} leads (shape {array.shape}) where {expected} are needed: give all {expected}")


def _to_mv(signal: np.ndarray, raw: Raw) -> np.ndarray:
    """Each lead in mV by its own unit, float64; other signals as they are, and all where no unit is stated."""
    factors = np.ones(len(signal))
    for place, unit in enumerate(raw.units or ()):
        is_lead = raw.leads is None or lead_and_sign(raw.leads[place]) is not None
        if is_lead and unit.strip():
            factor = mv_per_unit(unit)
            if factor is None:
                raise RecordError(f"its unit {unit!r} is no voltage that is known: give mV, µV or V")
            factors[place] = factor
    return signal.astype(np.float64) * factors[:, None]


def _cut_ends(signal: np.ndarray, fs_hz: float, notes: list[Note]) -> np.ndarray:
    """Without what stands alike on all leads at either end: a calibration pulse or padding (III is II less I)."""
    alike = (signal == signal[0]).all(axis=0)
    apart = np.flatnonzero(~alike)
    if len(apart) == 0:
        return signal
    first, last = int(apart[0]), int(apart[-1]) + 1
    first = first if first >= PULSE_S * fs_hz else 0
    last = last if signal.shape[1] - last >= PULSE_S * fs_hz else signal.shape[1]
    if last - first < signal.shape[1]:
        cut_s = (signal.shape[1] - last + first) / fs_hz
        notes.append(Note("info", f"{cut_s:.2g} s alike on all leads (a calibration pulse or padding) were cut off"))
    return signal[:, first:last]


def _order_leads(signal: np.ndarray, leads: Sequence[str] | None, notes: list[Note]) -> np.ndarray:
    """The twelve leads in order; limb leads that are missing follow from two others (Einthoven, Goldberger)."""
    if leads is None:
        return signal
    found = [lead_and_sign(lead) for lead in leads]
    names = [each[0] if each else lead for each, lead in zip(found, leads, strict=True)]
    if not any(found):
        raise RecordError(
            f"holds {', '.join(names)[:120]} and none of the twelve leads: give an ECG with its leads' names"
        )
    repeated = sorted({name for name in names if names.count(name) > 1 and name in LEADS})
    if repeated:
        raise RecordError(f"lead {', '.join(repeated)} is listed twice: name every lead once")
    limbs = [lead for lead in LEADS[:6] if lead in names]
    missing = [lead for lead in LEADS if lead not in names]
    if len(limbs) < 2 or any(lead not in LEADS[:6] for lead in missing):
        told = ", ".join(lead_name(lead) for lead in leads)
        raise RecordError(f"lead {', '.join(missing)} is missing among {told[:200]}: give all twelve leads")
    extra = [name for name in names if name not in LEADS]
    if extra:
        notes.append(Note("info", f"left aside: {', '.join(extra)}"))
    turned = [lead for lead in LEADS if (lead, -1) in found]
    if turned:
        notes.append(Note("info", f"stored turned round and turned back: {', '.join(turned)}"))
    given = {each[0]: signal[place] * each[1] for place, each in enumerate(found) if each}
    if missing:
        notes.append(Note("info", f"{', '.join(missing)} from {' and '.join(limbs[:2])} (Einthoven, Goldberger)"))
        relations = twelve_leads(np.eye(2))[[LEADS.index(lead) for lead in limbs[:2]]]  # to I and II
        i_and_ii = np.linalg.solve(relations, np.stack([given[lead] for lead in limbs[:2]]))
        derived = twelve_leads(i_and_ii)
        given |= {lead: derived[LEADS.index(lead)] for lead in missing}
    return np.stack([given[lead] for lead in LEADS])


def _check_finite(signal: np.ndarray) -> None:
    bad = ~np.isfinite(signal)
    if bad.any():
        lead, sample = np.argwhere(bad)[0]
        raise RecordError(
            f"{int(bad.sum())} samples are NaN or infinite, the first in lead {LEADS[lead]} at sample {sample}: "
            "export the recording without gaps"
        )


def _settle_unit(signal: np.ndarray, notes: list[Note]) -> tuple[np.ndarray, float]:
    """The signal in mV, and the factor it took; what is declared is checked against what a heart can give."""
    moving = np.ptp(signal, axis=1) > 0
    if not moving.any():
        raise RecordError("no lead carries a signal (all are flat): check the electrodes or the export")
    low, high = percentiles(signal[moving].astype(np.float32), SWING_PERCENTS)
    swing = float(np.median(high - low))
    if MV_RANGE[0] <= swing <= MV_RANGE[1]:
        return signal, 1.0
    if UV_RANGE[0] <= swing <= UV_RANGE[1]:
        if ((high - low) < MV_RANGE[0] * 1_000 / 2).sum() > 1:
            raise RecordError("some leads look like microvolts and some like millivolts: give all in mV")
        notes.append(
            Note("warning", f"amplitudes of {swing:.0f} look like microvolts, not millivolts: divided by 1,000")
        )
        return signal / 1_000.0, 1e-3
    raise RecordError(
        f"amplitudes of {swing:.3g} mV (peak to peak, middle lead) are not an ECG's (0.4 to 6 mV): "
        "check unit, gain and electrodes, and give mV"
    )


def _check_range(signal: np.ndarray) -> None:
    """Refuse what no lead of a body gives: another unit on one lead, or a spike out of all proportion."""
    if np.ptp(signal, axis=1).max() <= LEAD_SWING_MV:
        return
    swings = np.subtract(*reversed(percentiles(signal, SWING_PERCENTS)))
    if swings.max() > LEAD_SWING_MV:
        lead = LEADS[int(swings.argmax())]
        alone = ", unlike the others" if np.median(swings) <= MV_RANGE[1] else ""
        raise RecordError(f"lead {lead} swings by {swings.max():.3g} mV{alone}: check its unit and gain")
    deviation = np.abs(signal - np.median(signal, axis=1, keepdims=True))
    largest = deviation.max()
    if largest > LARGEST_MV:
        lead, sample = np.unravel_index(deviation.argmax(), signal.shape)
        raise RecordError(
            f"holds {largest:.3g} mV in lead {LEADS[lead]} at sample {sample}, which no electrode gives: export it again"
        )
