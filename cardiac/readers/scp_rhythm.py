"""Samples of SCP-ECG files: sections 4 to 6 of EN 1064 and the compression that they share (clause 6, annex C)."""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from cardiac.errors import RecordError
from cardiac.readers.scp_huffman import Table, decode

BEAT = np.dtype([("kind", "<u2"), ("first", "<u4"), ("fiducial", "<u4"), ("last", "<u4")])
ZONE = np.dtype([("first", "<u4"), ("last", "<u4")])
MOST_DECIMATION = 10  # the standard's own are 1 to 4


@dataclass(frozen=True)
class Lead:
    """Name and span of a lead; the first sample of a recording is number 1, and `last` still belongs to the lead."""

    name: str
    first: int
    last: int

    @property
    def length(self) -> int:
        return self.last - self.first + 1


@dataclass(frozen=True)
class Block:
    """Section 5 or 6: amplitude of one step, time between samples, order of the differences, bytes of every lead."""

    step_nv: int
    interval_us: int
    order: int
    is_bimodal: bool
    parts: tuple[bytes, ...]


@dataclass(frozen=True)
class Beats:
    """Section 4. length_ms, fiducial : of the reference beat.  beats : of dtype BEAT.  zones : of ZONE, protected."""

    length_ms: int
    fiducial: int
    beats: np.ndarray
    zones: np.ndarray


@dataclass(frozen=True)
class Layout:
    """Which samples of a lead are stored, and the index that each sample takes its value from; counted from 0."""

    stored: np.ndarray
    sources: np.ndarray


NO_BEATS = Beats(0, 0, np.empty(0, BEAT), np.empty(0, ZONE))


def unpack(form: str, body: bytes, at: int, number: int) -> tuple[int, ...]:
    """Numbers of a section; RecordError where they would lie behind its end."""
    if at + struct.calcsize(form) > len(body):
        raise RecordError("its section {number} is cut short: copy it again", number=number)
    return struct.unpack_from(form, body, at)


def read_block(body: bytes, number: int, n_leads: int) -> Block:
    """Section 5 or 6 (clauses 5.8 and 5.9), its samples still encoded; 5, which many files need not, is not checked.

    Raises RecordError.
    """
    step_nv, interval_us, order, bimodal = unpack("<HHBB", body, 0, number)
    sizes = unpack(f"<{n_leads}H", body, 6, number)
    at = 6 + 2 * n_leads
    if number == 6 and at + sum(sizes) > len(body):
        raise RecordError("its rhythm data (section 6) are cut short: copy it again")
    if number == 6 and not (step_nv and interval_us):
        raise RecordError("states no sampling rate or no amplitude (0 in section 6): export the recording again")
    if number == 6 and order > 2:
        raise RecordError(
            "holds differences of order {order}, and only 0 to 2 are supported: export the recording again", order=order
        )
    ends = np.cumsum([at, *sizes]).tolist()
    parts = tuple(body[begin:end] for begin, end in pairwise(ends))
    return Block(step_nv, interval_us, order, bimodal == 1, parts)


def read_beats(body: bytes) -> Beats:
    """Section 4 (clause 5.7); where it lists no protected areas, as in version 1, the subtraction zones are they."""
    length_ms, fiducial, number = unpack("<HHH", body, 0, 4)
    at = 6 + BEAT.itemsize * number
    if at > len(body):
        raise RecordError("its section 4 is cut short: copy it again")
    beats = np.frombuffer(body, BEAT, number, 6)
    if number and at + ZONE.itemsize * number <= len(body):
        return Beats(length_ms, fiducial, beats, np.frombuffer(body, ZONE, number, at))
    zones = np.empty(number, ZONE)
    zones["first"], zones["last"] = beats["first"], beats["last"]
    return Beats(length_ms, fiducial, beats, zones)


def decimation(rhythm: Block, reference: Block | None) -> int:
    """How many times slower the rhythm data are sampled than the reference beat, which keeps the recording's rate."""
    if reference is None or not reference.interval_us or rhythm.interval_us <= reference.interval_us:
        return 1
    ratio, rest = divmod(rhythm.interval_us, reference.interval_us)
    is_usual = not rest and ratio <= MOST_DECIMATION
    if rhythm.is_bimodal and not is_usual:
        raise RecordError("states an unusual decimation (sections 5 and 6): export it without compression")
    return ratio if is_usual else 1


def decode_part(part: bytes, tables: Mapping[int, Table], most: int) -> np.ndarray:
    """Up to `most` numbers of a lead, int64, which are differences where its block says so."""
    plain = np.frombuffer(part, "<i2", min(len(part) // 2, most))
    return decode(part, tables, most) if tables else plain.astype(np.int64)


def sum_up(numbers: np.ndarray, order: int) -> np.ndarray:
    """Samples in steps of the block's amplitude, of which differences of this order were stored (clause 5.8)."""
    if order == 1:
        return np.cumsum(numbers)
    if order == 2 and len(numbers) > 2:
        slopes = np.cumsum(np.concatenate([np.diff(numbers[:2]), numbers[2:]]))
        return np.cumsum(np.concatenate([numbers[:1], slopes]))
    return numbers


def read_rows(
    block: Block, tables: Mapping[int, Table], leads: Sequence[Lead], zones: np.ndarray, ratio: int
) -> tuple[list[np.ndarray], int]:
    """The samples of every lead, float64 (lead.length,), in steps; and by how much they had been decimated.

    zones : protected areas, of dtype ZONE.  ratio : between the intervals of sections 6 and 5. Where it is not 1 and
    the file does not say bimodal, the samples that are there decide what was decimated: nothing, all but the
    protected areas (some writers leave the flag out), or all. They decide too how rests were stored, on which writers
    differ; see `make_layout`.  Raises RecordError where there are fewer.
    """
    decoded = [decode_part(part, tables, lead.length) for part, lead in zip(block.parts, leads, strict=True)]
    ways = [] if block.is_bimodal and ratio > 1 else [(1, zones, True)]
    if ratio > 1:
        for areas in [zones] if block.is_bimodal else [zones, zones[:0]]:
            ways += [(ratio, areas, True), (ratio, areas, False)]
    possible = [(layouts, way[0]) for way in ways if (layouts := _lay_out(decoded, leads, *way)) is not None]
    if not possible:
        lead, row = min(zip(leads, decoded, strict=True), key=lambda pair: len(pair[1]) / pair[0].length)
        raise RecordError(
            "lead {name} holds {n_samples} samples, too few for {length}: copy it again",
            name=lead.name,
            n_samples=len(row),
            length=lead.length,
        )
    possible.sort(key=lambda layouts_factor: sum(len(layout.stored) for layout in layouts_factor[0]))
    layouts, factor = next((way for way in possible if _is_exact(decoded, way[0])), possible[-1])
    rows = [
        sum_up(numbers[: len(layout.stored)], block.order) for numbers, layout in zip(decoded, layouts, strict=True)
    ]
    return [np.interp(of.sources, of.stored, row) for of, row in zip(layouts, rows, strict=True)], factor


def shortened(block: Block, tables: Mapping[int, Table], leads: Sequence[Lead], ratio: int) -> list[Lead]:
    """The leads, without their last sample where that is all that lacks: some writers count from 0 to n.

    Where the samples are compressed in two densities, how many there must be is not known, and all are shortened.
    """
    counts = [len(decode_part(part, tables, lead.length)) for part, lead in zip(block.parts, leads, strict=True)]
    lacks = [ratio > 1 or n == lead.length - 1 for n, lead in zip(counts, leads, strict=True)]
    return [replace(lead, last=lead.last - (lack and lead.length > 1)) for lead, lack in zip(leads, lacks, strict=True)]


def is_filled_up(rows: Sequence[np.ndarray], leads: Sequence[Lead], order: int) -> bool:
    """Whether each lead's last sample is none of it, but the bits that fill up the last byte of a Huffman code.

    So it is where a writer counts from 0 to n, a round number, as if that were n samples, and where 0 was read last.
    """
    if any(lead.first != 0 or lead.last % 10 or lead.length <= order + 1 for lead in leads):
        return False
    return not any(np.diff(row[-order - 1 :], n=order)[-1] for row in rows)


def _lay_out(
    decoded: Sequence[np.ndarray], leads: Sequence[Lead], factor: int, zones: np.ndarray, whole_rests: bool
) -> list[Layout] | None:
    """A layout for every lead; None where fewer numbers are there than one of them needs."""
    if any(lead.length > factor * len(row) for lead, row in zip(leads, decoded, strict=True)):
        return None  # before anything is laid out for a length that the bytes do not bear out
    spans = {(lead.first, lead.last) for lead in leads}
    layouts = {span: make_layout(*span, zones, factor, whole_rests) for span in spans}
    of_leads = [layouts[lead.first, lead.last] for lead in leads]
    is_enough = all(len(layout.stored) <= len(row) for layout, row in zip(of_leads, decoded, strict=True))
    return of_leads if is_enough else None


def _is_exact(decoded: Sequence[np.ndarray], layouts: Sequence[Layout]) -> bool:
    """Whether nothing is left over but zeros, as bits that fill up the last byte or two are read."""
    left = [row[len(layout.stored) :] for row, layout in zip(decoded, layouts, strict=True)]
    return all(len(row) < 16 and not row.any() for row in left)


def make_layout(first: int, last: int, zones: np.ndarray, factor: int, whole_rests: bool) -> Layout:
    """How a lead from sample `first` to `last` is stored with bimodal compression (clause 6 and annex C.4).

    Protected areas are stored whole. Between two of them one sample represents every `factor`; it is put back at the
    middle (the upper one) of these, the ones between come from straight lines, and those before the first and behind
    the last repeat it. A rest of fewer than `factor` samples at the end of a stretch is stored whole, or (where
    `whole_rests` is False) as one sample that represents all of it.
    """
    length = last - first + 1
    indices = np.arange(length)
    if factor == 1:
        return Layout(indices, indices)
    begins = np.clip(zones["first"].astype(np.int64) - first, 0, length)
    ends = np.clip(zones["last"].astype(np.int64) + 1 - first, begins, length)
    depth = np.zeros(length + 1, np.int64)
    np.add.at(depth, begins, 1)
    np.add.at(depth, ends, -1)
    is_whole = np.cumsum(depth[:-1]) > 0
    edges = np.flatnonzero(np.diff(is_whole)) + 1
    starts = np.concatenate([[0], edges])
    sizes = np.diff(np.concatenate([starts, [length]]))
    into = indices - np.repeat(starts, sizes)
    grouped = np.repeat(sizes // factor * factor, sizes)
    is_rest = ~is_whole & (into >= grouped)
    is_whole |= is_rest & (whole_rests | (into == grouped))
    middle = factor // 2
    nearest = np.clip(into, middle, np.maximum(grouped - factor + middle, middle))
    sources = np.where(is_whole, indices, indices - into + np.where(is_rest, grouped, nearest))
    return Layout(np.flatnonzero(is_whole | ~is_rest & (into % factor == middle)), sources)


def add_reference(
    samples: np.ndarray,
    first: int,
    beats: Beats,
    reference: Block | None,
    tables: Mapping[int, Table],
    interval_us: float,
) -> None:
    """Put the reference beat back where it was subtracted (clauses 5.7 and 5.8).

    samples : (n_leads, n_samples) in µV, from sample number `first` on, changed in place.  Raises RecordError.
    """
    if beats is not NO_BEATS and not beats.length_ms:
        return  # some devices set the flag and have none: nothing can have been subtracted
    if reference is None or beats is NO_BEATS or not reference.step_nv or reference.order > 2:
        raise RecordError("its reference beat was subtracted and is missing (sections 4, 5): export it again")
    if reference.interval_us != interval_us:
        raise RecordError("its reference beat is sampled at another rate than its leads: export it uncompressed")
    count = round(beats.length_ms * 1000 / interval_us)
    decoded = [sum_up(decode_part(part, tables, count), reference.order) for part in reference.parts]
    length = min(map(len, decoded))
    if length < count - 1:  # its length in whole milliseconds may round to a sample more
        raise RecordError(
            "its reference beat holds {length} samples where {count} are stated: copy it again",
            length=length,
            count=count,
        )
    waves = np.stack([wave[:length] for wave in decoded]) * (reference.step_nv / 1000)
    todo = 2 * samples.shape[1]
    for kind, begin, fiducial, end in beats.beats.tolist():
        shift = beats.fiducial - fiducial + first - 1  # from an index in `samples` to one in the beat
        start, stop = max(begin - first, -shift, 0), min(end + 1 - first, length - shift, samples.shape[1])
        if kind == 0 and start < stop:
            todo -= stop - start
            if todo < 0:
                raise RecordError("its reference beats overlap (section 4): export it without compression")
            samples[:, start:stop] += waves[:, start + shift : stop + shift]
