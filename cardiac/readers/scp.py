"""SCP-ECG files (EN 1064 / ISO 11073-91064, protocol versions 1 and 2); clauses are those of EN 1064:2005."""

import struct
from binascii import crc_hqx
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np

from cardiac.errors import RecordError
from cardiac.messages import Message
from cardiac.readers.identity import Identity, moment, stated_identity
from cardiac.readers.raw import Note, Raw
from cardiac.readers.scp_huffman import Table, read_tables
from cardiac.readers.scp_rhythm import (
    NO_BEATS,
    Block,
    Lead,
    add_reference,
    decimation,
    is_filled_up,
    read_beats,
    read_block,
    read_rows,
    shortened,
    unpack,
)

FILE_HEADER = 6
SECTION_HEADER = 16
SECTIONS = (1, 2, 3, 4, 5, 6, 12)  # patient, tables, leads, beats, reference beat, rhythm; 12 only to report it
UNCHECKED = (0, 0xFFFF)  # in place of a checksum that was never calculated
LARGEST_BYTES = 16 * 2**20
MOST_SAMPLES = 4_000_000  # of all leads; 65,535 bytes a lead, all that the format has room for, seldom hold a tenth
OLDEST_YEARS = 130.0

# Clause 5.6, table of leads, from number 1 on; "-aVR" is the inverted one, and a "d" stands before derived leads.
LEADS_IN_ORDER = """
I II V1 V2 V3 V4 V5 V6 V7 V2R V3R V4R V5R V6R V7R X Y Z CC5 CM5 LA RA LL fI fE fC fA fM fF fH
dI dII dV1 dV2 dV3 dV4 dV5 dV6 dV7 dV2R dV3R dV4R dV5R dV6R dV7R dX dY dZ dCC5 dCM5 dLA dRA dLL
dfI dfE dfC dfA dfM dfF dfH III aVR aVL aVF -aVR V8 V9 V8R V9R D A J Defib Extern A1 A2 A3 A4
dV8 dV9 dV8R dV9R dD dA dJ Chest V VR VL VF MCL MCL1 MCL2 MCL3 MCL4 MCL5 MCL6
CC CC1 CC2 CC3 CC4 CC6 CC7 CM CM1 CM2 CM3 CM4 CM6
"""
LEAD_NAMES = tuple(LEADS_IN_ORDER.split())

SEXES = {1: "male", 2: "female"}
YEARS_IN = {1: 1.0, 2: 1 / 12, 3: 7 / 365.25, 4: 1 / 365.25, 5: 1 / 8766}  # years, months, weeks, days, hours


def read_scp_file(path: Path) -> Raw:
    """The recording in a file. Raises RecordError and OSError."""
    if path.stat().st_size > LARGEST_BYTES:
        raise RecordError(
            "holds more than {most:,} bytes, which no SCP-ECG recording needs: copy it again", most=LARGEST_BYTES
        )
    return read_scp(path.read_bytes())


def read_scp(content: bytes) -> Raw:
    """The rhythm data of an SCP-ECG file: samples in µV over the time that all leads have in common.

    Huffman codes, differences, bimodal compression and reference-beat subtraction are undone; samples that bimodal
    compression left out are interpolated. Age, sex and identity come from section 1.
    Raises RecordError.
    """
    sections = _read_sections(bytes(content))
    if 6 not in sections and 12 in sections:
        raise RecordError(
            "keeps its samples in section 12 (SCP-ECG version 3), which is not supported: export version 2"
        )
    leads, is_subtracted = _read_leads(_needed(sections, 3, Message("names no lead")))
    rhythm = read_block(_needed(sections, 6, Message("holds no rhythm data")), 6, len(leads))
    tables = read_tables(sections[2]) if 2 in sections else {}
    reference = read_block(sections[5], 5, len(leads)) if 5 in sections else None
    ratio = decimation(rhythm, reference)
    beats = read_beats(sections[4]) if 4 in sections and (is_subtracted or ratio > 1) else NO_BEATS
    rows, factor, leads, notes = _read_rows(rhythm, tables, leads, beats.zones, ratio)
    interval_us = rhythm.interval_us / factor
    first, last = max(lead.first for lead in leads), min(lead.last for lead in leads)
    if first > last:
        raise RecordError("its leads were recorded one after another: export one with all leads recorded together")
    samples = np.stack([row[first - lead.first : last + 1 - lead.first] for row, lead in zip(rows, leads, strict=True)])
    samples *= rhythm.step_nv / 1000
    if is_subtracted:
        add_reference(samples, first, beats, reference, tables, interval_us)
    if any(lead.length > samples.shape[1] for lead in leads):
        common_s = samples.shape[1] * interval_us / 1e6
        notes.append(
            Note(
                "info",
                Message(
                    "its leads are not of one length: read where all of them run ({common_s:.3g} s)", common_s=common_s
                ),
            )
        )
    names, units = tuple(lead.name for lead in leads), ("uV",) * len(leads)
    tags = _read_tags(sections.get(1, b""))
    return Raw(samples, 1e6 / interval_us, names, units, tuple(notes), *_patient(tags), identity=_identity(tags))


def _read_rows(
    rhythm: Block, tables: Mapping[int, Table], leads: list[Lead], zones: np.ndarray, ratio: int
) -> tuple[list[np.ndarray], int, list[Lead], list[Note]]:
    """See `scp_rhythm.read_rows`; the leads, and a note, where there is one sample less than the file counts."""
    note = Note("info", "its leads are one sample shorter than it counts: read as far as they go")
    try:
        rows, factor = read_rows(rhythm, tables, leads, zones, ratio)
    except RecordError as error:
        leads = shortened(rhythm, tables, leads, ratio)
        try:
            return *read_rows(rhythm, tables, leads, zones, ratio), leads, [note]
        except RecordError:
            raise error from None
    if factor == ratio == 1 and tables and is_filled_up(rows, leads, rhythm.order):
        return [row[:-1] for row in rows], 1, [replace(lead, last=lead.last - 1) for lead in leads], [note]
    return rows, factor, leads, []


def _read_sections(content: bytes) -> dict[int, bytes]:
    """Number -> bytes behind the header, of the sections that are there (clauses 5.2 and 5.3)."""
    if len(content) < FILE_HEADER + SECTION_HEADER:
        raise RecordError("holds {n_bytes} bytes, too few for an SCP-ECG file: copy it again", n_bytes=len(content))
    length = struct.unpack_from("<I", content, 2)[0]
    if not FILE_HEADER + SECTION_HEADER <= length <= len(content):
        raise RecordError(
            "states {length} bytes and holds {n_bytes}: copy it again", length=length, n_bytes=len(content)
        )
    content = content[:length]
    _check_sum(content)
    pointers = _read_section(content, 0, FILE_HEADER, struct.unpack_from("<I", content, FILE_HEADER + 4)[0])
    sections: dict[int, bytes] = {}
    for number, size, position in struct.iter_unpack("<HII", pointers[: len(pointers) // 10 * 10]):
        if number in SECTIONS and number not in sections and size > SECTION_HEADER:
            sections[number] = _read_section(content, number, position - 1, size)
    return sections


def _read_section(content: bytes, number: int, at: int, size: int) -> bytes:
    if at < FILE_HEADER or size < SECTION_HEADER or at + size > len(content):
        raise RecordError("its section {number} lies outside the file: copy it again", number=number)
    section = content[at : at + size]
    if struct.unpack_from("<H", section, 2)[0] != number:
        raise RecordError("does not hold section {number} where it states it: copy it again", number=number)
    _check_sum(section, number)
    return section[SECTION_HEADER:]


def _check_sum(part: bytes, section: int | None = None) -> None:
    """CRC-CCITT of all behind the two bytes that hold it. section : number of the part; without it the whole file."""
    stated = struct.unpack_from("<H", part)[0]
    if stated not in UNCHECKED and stated != crc_hqx(part[2:], 0xFFFF):
        if section is None:
            raise RecordError("is damaged (checksum): copy it again")
        raise RecordError("is damaged (checksum in section {section}): copy it again", section=section)


def _needed(sections: dict[int, bytes], number: int, fault: str) -> bytes:
    if number not in sections:
        raise RecordError(
            "{fault} (section {number} is missing): export the recording again", fault=fault, number=number
        )
    return sections[number]


def _read_tags(body: bytes) -> dict[int, bytes]:
    """The values of section 1 by tag (clause 5.4)."""
    tags: dict[int, bytes] = {}
    at = 0
    while at + 3 <= len(body) and body[at] != 255:
        tag, size = struct.unpack_from("<BH", body, at)
        tags.setdefault(tag, body[at + 3 : at + 3 + size])
        at += 3 + size
    return tags


def _identity(tags: Mapping[int, bytes]) -> Identity:
    """Patient and time of the acquisition (clause 5.4, tags 0 to 3, 25 and 26)."""
    texts = [_text(tags.get(tag, b"")) for tag in range(4)]
    day, clock = _numbers("<HBB", tags.get(25, b"")), _numbers("<BBB", tags.get(26, b""))
    recorded_at = moment(*day, *clock) or moment(*day)
    return stated_identity(texts[2], " ".join((texts[0], texts[3], texts[1])), recorded_at)


def _numbers(form: str, data: bytes) -> tuple[int, ...]:
    return struct.unpack_from(form, data) if len(data) >= struct.calcsize(form) else ()


def _text(data: bytes) -> str:
    """A text that ends in a zero; its code page is stated elsewhere or nowhere, and it is most often one of these two."""
    bare = data.split(b"\0")[0]
    try:
        return bare.decode("utf-8")
    except UnicodeDecodeError:
        return bare.decode("latin-1")


def _patient(tags: Mapping[int, bytes]) -> tuple[float | None, str | None]:
    """Age in years and sex (clause 5.4, tags 4, 5, 8 and 25); None where they are not stated, or not credible."""
    sex = SEXES.get(tags[8][0]) if tags.get(8) else None
    age = None
    if len(tags.get(4, b"")) >= 3:
        number, unit = struct.unpack_from("<HB", tags[4])
        age = number * YEARS_IN[unit] if number and unit in YEARS_IN else None
    born, taken = _read_date(tags.get(5, b"")), _read_date(tags.get(25, b""))
    if age is None and born and taken:
        age = (taken - born).days / 365.25
    return age if age is not None and 0 <= age <= OLDEST_YEARS else None, sex


def _read_date(data: bytes) -> date | None:
    try:
        return date(*struct.unpack_from("<HBB", data))
    except (struct.error, ValueError):
        return None


def _read_leads(body: bytes) -> tuple[list[Lead], bool]:
    """The leads, and whether a reference beat was subtracted from them (clause 5.6)."""
    n_leads, flags = unpack("<BB", body, 0, 3)
    leads = []
    for index in range(n_leads):
        first, last, number = unpack("<IIB", body, 2 + 9 * index, 3)
        name = LEAD_NAMES[number - 1] if 1 <= number <= len(LEAD_NAMES) else f"lead {number}"
        if last < first:
            raise RecordError("its lead {name} ends before it begins: export the recording again", name=name)
        leads.append(Lead(name, first, last))
    if not leads:
        raise RecordError("names no lead (section 3): export the recording again")
    n_samples = sum(lead.length for lead in leads)
    if n_samples > MOST_SAMPLES:
        raise RecordError(
            "states {n_samples} samples and up to {most} are read: copy it again",
            n_samples=n_samples,
            most=MOST_SAMPLES,
        )
    return leads, bool(flags & 1)
