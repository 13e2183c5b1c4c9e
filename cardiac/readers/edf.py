"""EDF, EDF+ and BDF (edfplus.info, biosemi.com): the signals whose labels name a lead.

Read by our own few lines, as libraries stop at headers that are out of form and have no way to read a part of BDF.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from cardiac.errors import RecordError
from cardiac.leads import lead_and_sign
from cardiac.messages import Message
from cardiac.readers.byte_ranges import ByteRanges
from cardiac.readers.edf_header import LONGEST_RECORD_S, Channel, EdfHeader, check_gaps, read_edf_header
from cardiac.readers.edf_identity import identity_of, sex_of
from cardiac.readers.raw import LONG_S, Note, Raw, check_length, check_rate
from cardiac.readers.units import mv_per_unit

MOST_TOGETHER = 2**22  # bytes of data records that are read at once
LONG_RECORD = 2**16  # bytes; of a longer data record no more than the leads' own samples are read


def read_edf_file(path: Path) -> Raw:
    """The leads of an EDF or BDF file. Raises RecordError where it holds none, is not whole, or has gaps."""
    header = read_edf_header(path)
    leads = [each for each in header.channels if lead_and_sign(each.label) is not None]
    if not leads:
        raise RecordError(
            "holds {labels} and no lead of an ECG: export a recording with twelve leads", labels=_labels(header)
        )
    return _read_channels(path, header, leads)


def read_edf_channels(path: Path) -> Raw:
    """Every channel in a unit of voltage, and every lead, that has the leads' rate. Raises RecordError as `read_edf_file`."""
    header = read_edf_header(path)
    signals = [each for each in header.channels if not each.is_annotation]
    named = [each for each in signals if lead_and_sign(each.label) is not None]
    kept = [each for each in signals if each in named or not each.unit or mv_per_unit(each.unit)]
    if not kept:
        raise RecordError("holds {labels} and no voltage: export an ECG with its unit", labels=_labels(header))
    counts = {each.n for each in named or kept}
    return _read_channels(path, header, [each for each in kept if each.n in counts])


def _labels(header: EdfHeader) -> str:
    return ", ".join(each.label for each in header.channels if not each.is_annotation)[:120] or Message(
        "annotations alone"
    )


def _read_channels(path: Path, header: EdfHeader, leads: Sequence[Channel]) -> Raw:
    if not 0 < header.record_s <= LONGEST_RECORD_S:
        fault = Message("its header states {record_s:g} s as duration of a data record", record_s=header.record_s)
        raise RecordError("{fault}, so no sampling rate: write the true one there", fault=fault)
    rates = sorted({round(each.n / header.record_s, 6) for each in leads})
    if len(rates) > 1:
        raise RecordError(
            "its leads are sampled at {rates} Hz: export all at one rate",
            rates=", ".join(f"{rate:g}" for rate in rates),
        )
    fs_hz = check_rate(rates[0])
    samples = _Samples(path, header, leads)
    n_samples = samples.shape[1]
    check_length(n_samples, fs_hz)
    notes = tuple(_notes(header, leads, has_parts=check_gaps(header, path)))
    sex = sex_of(header)
    names, units = tuple(each.label for each in leads), tuple(each.unit for each in leads)
    is_short = n_samples / fs_hz <= LONG_S
    shown = samples[:, :n_samples] if is_short else samples
    return Raw(shown, fs_hz, names, units, notes, sex=sex, identity=identity_of(header))


def _notes(header: EdfHeader, leads: Sequence[Channel], has_parts: bool) -> Iterator[Note]:
    """What the reader of a finding must know of this header."""
    if has_parts:
        yield Note(
            "info",
            Message("marked as a recording with gaps ({form}) and has none: read as one piece", form=header.form),
        )
    if header.is_open:
        yield Note("info", "its header leaves the number of data records open: read to the end of the file")
    for each in leads:
        if each.gain()[0] < 0:
            yield Note(
                "warning",
                Message("its header states a negative gain for {label}, which turns it round", label=each.label[:20]),
            )
    others = [each.label for each in header.channels if each not in leads and not each.is_annotation]
    if others:
        yield Note("info", Message("left aside: {names}", names=", ".join(others)[:120]))


class _Samples:
    """Samples of all leads in their units, float64, of which `[:, first:last]` reads a part."""

    def __init__(self, path: Path, header: EdfHeader, leads: Sequence[Channel]) -> None:
        self.file, self.header = ByteRanges(path), header
        self.leads, self.gains = leads, [each.gain() for each in leads]
        self.shape, self.dtype = (len(leads), header.n_records * leads[0].n), np.dtype(float)

    def __getitem__(self, key: tuple[slice, slice]) -> np.ndarray:
        first, last, _ = key[1].indices(self.shape[1])
        part = np.empty((len(self.leads), max(last - first, 0)))
        n = self.leads[0].n
        size = self.header.record_bytes
        together = n * (1 if size > LONG_RECORD else MOST_TOGETHER // size)
        begin = first
        while begin < last:
            end = min(begin // n * n + together, last)
            for row, stored in enumerate(self._stored(begin, end)):
                step, zero = self.gains[row]
                part[row, begin - first : end - first] = self._steps(stored) * step + zero
            begin = end
        return part

    def _stored(self, first: int, last: int) -> Iterator[np.ndarray]:
        """Bytes of the samples from first to under last, of one lead after the other: all in one data record, or in few."""
        header, n = self.header, self.leads[0].n
        begin, end = first // n, -(-last // n)
        at = header.begin + begin * header.record_bytes
        if header.record_bytes > LONG_RECORD:
            for lead in self.leads:
                offset = at + lead.at + (first - begin * n) * header.width
                yield self.file.read(offset, ((last - first) * header.width,), np.uint8)
            return
        records = self.file.read(at, (end - begin, header.record_bytes), np.uint8)
        for lead in self.leads:
            stored = records[:, lead.at : lead.at + n * header.width].reshape(-1, header.width)
            yield stored[first - begin * n : last - begin * n].reshape(-1)

    def _steps(self, stored: np.ndarray) -> np.ndarray:
        if self.header.width == 2:
            return stored.view("<i2")
        whole = np.zeros((len(stored) // 3, 4), np.uint8)  # 24 bits, put at the upper end of 32
        whole[:, 1:] = stored.reshape(-1, 3)
        return whole.view("<i4").ravel() >> 8
