"""The only door in for recordings: any file -> Record, with leads in order, in mV, and what was settled on the way."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from pathlib import Path
from typing import Any

import numpy as np

from cardiac.amplitudes import check_finite, check_range, settle_unit
from cardiac.channels import settle_leads
from cardiac.errors import RecordError, faults_are_ours, naming
from cardiac.isolation import read_isolated
from cardiac.leads import LEADS
from cardiac.long_signals import LongSignal
from cardiac.messages import Message
from cardiac.readers.by_kind import reader_of
from cardiac.readers.identity import UNSTATED, Identity
from cardiac.readers.kinds import kind_of
from cardiac.readers.raw import FS_RANGE_HZ, LONG_S, Note, Raw, check_length, check_rate
from cardiac.settled_samples import SettledSamples

__all__ = ["FS_RANGE_HZ", "Note", "Record", "read_record", "record_from_array"]

READ_HERE = {"npy", "npz", "wfdb", "edf"}  # what other files may make of their reader, they do in a process of its own
UNSTATED_FS_HZ = 500.0  # of twelve leads in a file that states no rate
N_SAMPLED = 24  # stretches of a long recording
PULSE_S = 0.1  # from so long on, all leads alike at an end are a calibration pulse or padding, and no heart


@dataclass(frozen=True)
class Record:
    """One recording.

    signal : float32 (n_leads, n_samples), mV; of more than ten minutes a LongSignal, of which `[:, first:last]` reads a
    part.  fs_hz : sampling rate.  age_years, sex ("female", "male") : of the patient, where the file states them.
    leads : names of the signal's rows, the twelve in order where nothing else was asked for.  identity : who was recorded and
    when, where the file states it; nothing that is written of a record has it but the site's own table.
    """

    record_id: str
    signal: np.ndarray | LongSignal
    fs_hz: float
    notes: tuple[Note, ...] = field(default=())
    age_years: float | None = None
    sex: str | None = None
    leads: tuple[str, ...] = LEADS
    identity: Identity = UNSTATED

    @property
    def duration_s(self) -> float:
        return self.signal.shape[1] / self.fs_hz


def read_record(
    source: "str | Path | Record",
    fs_hz: float | None = None,
    record_id: str | None = None,
    leads: Sequence[str] | None = LEADS,
) -> Record:
    """The recording in a file of any kind that `reader_of` knows, known by its content; a Record comes back as it is.

    fs_hz : rate of a file that states none; without it twelve leads are read at 500 Hz and a note says so.  record_id :
    the record's name, else the file's without its ending.  leads : the twelve, others by name, or None for every voltage
    channel under the file's own name (the standard one, where it stands for a lead). Of the twelve, padding is cut off
    the ends; of others every sample stays, so that sample numbers are those of the file.
    Raises RecordError for whatever cannot be read as these leads, all samples finite.
    """
    wanted = None if leads is None else tuple(leads)
    if isinstance(source, Record):
        if wanted not in (None, source.leads):
            raise RecordError(
                "{record_id}: has the leads {leads} instead of {wanted}: read its file again",
                record_id=source.record_id,
                leads=", ".join(source.leads),
                wanted=", ".join(wanted),
            )
        return source
    path = Path(source)
    with naming(path.name):
        try:
            if not path.is_file():
                if path.exists():
                    raise RecordError("is not a plain file: give a recording or a folder of recordings")
                raise RecordError("there is no such file: check the path")
            kind = kind_of(path)
            if kind == "archive":
                raise RecordError("is an archive, not a single recording: unpack it, or pass it to inference.py")
            reader = reader_of(kind, wanted == LEADS)
            with faults_are_ours("reading"):
                raw = reader(path) if kind in READ_HERE else read_isolated(reader, path)
                return _settle(record_id or path.stem, raw, fs_hz, wanted)
        except OSError as error:
            raise RecordError(
                "cannot be opened ({reason}): check path and permissions", reason=error.strerror
            ) from error
        except MemoryError as error:
            raise RecordError("does not fit into memory: cut it into parts") from error


def record_from_array(
    array: np.ndarray,
    fs_hz: float | None = None,
    leads: Sequence[str] | None = None,
    record_id: str = "array",
    unit: str = "mV",
    wanted: Sequence[str] | None = LEADS,
) -> Record:
    """A Record from samples in memory, checked and put in order.

    array : (n_leads, n_samples), or (n_samples, n_leads), which is turned and noted.  leads : names of the array's leads,
    in any order; without them twelve are in the order of `leads.LEADS`.  unit : mV, µV or V.  wanted : which leads the
    Record has, as in `read_record`.
    Raises RecordError.
    """
    with naming(record_id):
        if isinstance(array, np.ma.MaskedArray):
            array = array.astype(np.float64).filled(np.nan)  # what is masked is missing
        try:
            samples = np.asarray(array)
        except ValueError as error:
            raise RecordError("its rows differ in length: save one recording as 12 leads x samples") from error
        names, wanted = (None if each is None else tuple(map(str, each)) for each in (leads, wanted))
        n_leads = len(names) if names is not None else len(LEADS) if wanted == LEADS else min(samples.shape, default=0)
        return _settle(record_id, Raw(samples, None, names, (unit,) * n_leads), fs_hz, wanted)


@np.errstate(all="ignore")  # what overflows is refused as not finite
def with_missing_at_rest(record: Record) -> Record:
    """What is missing of a signal in memory stands at 0, and a note says of how many samples. A file's are all finite."""
    if isinstance(record.signal, LongSignal) or np.isfinite(record.signal).all():
        return record
    missing = ~np.isfinite(record.signal)
    by_lead = zip(record.leads, missing.sum(axis=1), strict=True)
    counts = reduce(
        lambda before, after: Message("{before}, {after}", before=before, after=after),
        [Message("{n} in {lead}", n=int(n), lead=lead) for lead, n in by_lead if n],
    )
    note = Note("warning", Message("samples that are missing stand at 0 mV: {counts}", counts=counts))
    return replace(record, signal=np.where(missing, np.float32(0), record.signal), notes=(*record.notes, note))


def _settle(record_id: str, raw: Raw, fs_hz: float | None, wanted: tuple[str, ...] | None) -> Record:
    """Rate, orientation, length, units, ends, leads, finiteness, amplitude, in this order; see `record_from_array`.

    fs_hz : taken where the file states no rate.  wanted : see `read_record`.
    """
    notes, is_twelve = [*raw.notes], wanted == LEADS
    rate = check_rate(_settle_rate(raw, fs_hz, is_twelve, notes))
    n_leads = len(raw.leads) if raw.leads is not None else len(LEADS) if is_twelve else None
    samples = _orient(raw.samples, n_leads, notes)
    check_length(samples.shape[1], rate)
    is_long = samples.shape[1] / rate > LONG_S
    shown, numbers = _sample(samples, rate) if is_long else _whole(samples, rate, is_twelve, notes)
    signal, leads = settle_leads(shown, raw, wanted, notes)
    extents = np.ptp(signal, axis=1)  # of every lead
    check_finite(signal, extents, leads, numbers)
    factor = settle_unit(signal, extents, notes)
    if factor != 1:
        signal, extents = signal / 1_000.0, extents / 1_000.0
    check_range(signal, extents, leads, numbers)
    if is_long:
        settled = SettledSamples(record_id, samples, replace(raw, samples=None), wanted, leads, factor)
        whole = LongSignal(settled, np.asarray)
    else:
        whole = np.array(signal, np.float32)
    return Record(record_id, whole, rate, tuple(notes), raw.age_years, raw.sex, leads, raw.identity)


def _settle_rate(raw: Raw, fs_hz: float | None, is_twelve: bool, notes: list[Note]) -> float:
    """The file's rate, else the one given, else of twelve leads 500 Hz where the file says nothing about time."""
    if raw.fs_hz is not None:
        if fs_hz is not None and abs(raw.fs_hz / fs_hz - 1) > 0.01:
            notes.append(
                Note(
                    "info",
                    Message(
                        "the file's own {fs_hz:g} Hz were taken, not the {given_hz:g} Hz given",
                        fs_hz=raw.fs_hz,
                        given_hz=fs_hz,
                    ),
                )
            )
        return raw.fs_hz
    if raw.doubt:
        if fs_hz is None:
            raise RecordError("{doubt}: give the sampling rate with --fs-hz", doubt=raw.doubt)
        notes.append(Note("warning", Message("{doubt}: read at the {fs_hz:g} Hz given", doubt=raw.doubt, fs_hz=fs_hz)))
    elif fs_hz is None and not is_twelve:
        raise RecordError("the file states no sampling rate: give the true rate")
    elif fs_hz is None:
        notes.append(
            Note("info", Message("the file states no sampling rate: read as {fs_hz:g} Hz", fs_hz=UNSTATED_FS_HZ))
        )
    return UNSTATED_FS_HZ if fs_hz is None else fs_hz


def _sample(samples: Any, fs_hz: float) -> tuple[np.ndarray, Sequence[int]]:
    """Stretches of ten seconds of a long recording, side by side, and which samples they are.

    By these unit and gain are settled.
    """
    length = round(10 * fs_hz)
    starts = np.linspace(0, samples.shape[1] - length, N_SAMPLED).astype(int)
    shown = np.concatenate([np.asarray(samples[:, start : start + length]) for start in starts], axis=1)
    return shown, (starts[:, None] + np.arange(length)).ravel()


def _whole(samples: Any, fs_hz: float, is_twelve: bool, notes: list[Note]) -> tuple[np.ndarray, Sequence[int]]:
    """All samples, of the twelve leads without padding at the ends; and their numbers from the first of these."""
    samples = np.asarray(samples[:, :])
    samples = _cut_ends(samples, fs_hz, notes) if is_twelve else samples
    return samples, range(samples.shape[1])


def _orient(array: Any, expected: int | None, notes: list[Note]) -> Any:
    """The samples as leads x samples. expected : number of leads; None: whatever there are fewer of are leads."""
    if array.dtype.kind not in "fiu":
        raise RecordError("holds {dtype}, not numbers: save float32 samples in mV", dtype=array.dtype)
    if 0 in array.shape:
        raise RecordError("holds no sample (shape {shape}): export the recording again", shape=array.shape)
    if len(array.shape) != 2:
        many = f"{expected} " if expected else ""
        raise RecordError(
            "has shape {shape}: save one recording as {many}leads x samples", shape=array.shape, many=many
        )
    expected = expected or min(array.shape)
    if array.shape[0] == expected:
        return array
    if array.shape[1] == expected and array.shape[0] > array.shape[1]:
        notes.append(
            Note("warning", Message("stored as samples x leads {shape}: turned to leads x samples", shape=array.shape))
        )
        return array.T
    n_leads = min(array.shape)
    raise RecordError(
        "has {n_leads} leads (shape {shape}) where {expected} are needed: export all {expected}",
        n_leads=n_leads,
        shape=array.shape,
        expected=expected,
    )


def _cut_ends(signal: np.ndarray, fs_hz: float, notes: list[Note]) -> np.ndarray:
    """Without what stands alike on all leads at either end: a calibration pulse or padding (III is II less I)."""
    shortest = math.ceil(PULSE_S * fs_hz)
    if not any((end == end[0]).all() for end in (signal[:, :shortest], signal[:, -shortest:])):
        return signal
    alike = (signal == signal[0]).all(axis=0)
    apart = np.flatnonzero(~alike)
    if len(apart) == 0:
        return signal
    first, last = int(apart[0]), int(apart[-1]) + 1
    first = first if first >= PULSE_S * fs_hz else 0
    last = last if signal.shape[1] - last >= PULSE_S * fs_hz else signal.shape[1]
    if last - first < signal.shape[1]:
        cut_s = (signal.shape[1] - last + first) / fs_hz
        notes.append(
            Note(
                "info",
                Message("{cut_s:.2g} s alike on all leads (a calibration pulse or padding) were cut off", cut_s=cut_s),
            )
        )
    return signal[:, first:last]
