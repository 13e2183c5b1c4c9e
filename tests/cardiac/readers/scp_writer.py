"""A writer of SCP-ECG files for the tests, straight from the layout of the standard; it shares nothing with the reader."""

import struct
from itertools import pairwise

import numpy as np

from cardiac.leads import LEADS

NUMBERS = dict(zip(LEADS, (1, 2, 61, 62, 63, 64, 3, 4, 5, 6, 7, 8), strict=True))


def crc(data):
    """CRC-CCITT, bit by bit."""
    value = 0xFFFF
    for byte in data:
        value ^= byte << 8
        for _ in range(8):
            value = (value << 1 ^ 0x1021 if value & 0x8000 else value << 1) & 0xFFFF
    return value


def summed(data, checked):
    return struct.pack("<H", crc(data) if checked else 0) + data


def section(number, body, checked=True):
    body += b"\0" * (len(body) % 2)
    name = b"SCPECG" if number == 0 else bytes(6)
    return summed(struct.pack("<HIBB", number, 16 + len(body), 20, 20) + name + body, checked)


def scp(bodies, order=None, checked=True):
    """A file of section number -> body, laid down in `order`; sections up to 11 that are not given are listed empty."""
    numbers = range(max([*bodies, 11]) + 1)
    at, pointers, content = 6 + 16 + 10 * len(numbers), {0: (16 + 10 * len(numbers), 7)}, b""
    for number in order or bodies:
        part = section(number, bodies[number], checked)
        pointers[number] = (len(part), at + len(content) + 1)
        content += part
    listed = b"".join(struct.pack("<HII", number, *pointers.get(number, (0, 0))) for number in numbers)
    content = section(0, listed, checked) + content
    return summed(struct.pack("<I", 6 + len(content)) + content, checked)


def lead_section(leads, first=1, last=None, flags=0):
    spans = last if isinstance(last, list) else [(first, last)] * len(leads)
    rows = (struct.pack("<IIB", *span, NUMBERS.get(lead, lead)) for lead, span in zip(leads, spans, strict=True))
    return struct.pack("<BB", len(leads), flags) + b"".join(rows)


def data_section(parts, step_nv=2500, interval_us=2000, order=0, bimodal=0):
    sizes = struct.pack(f"<{len(parts)}H", *map(len, parts))
    return struct.pack("<HHBB", step_nv, interval_us, order, bimodal) + sizes + b"".join(parts)


def differences(values, order):
    values = [int(value) for value in values]
    if order == 1:
        return values[:1] + [b - a for a, b in pairwise(values)]
    if order == 2:
        return values[:2] + [c - 2 * b + a for a, b, c in zip(values, values[1:], values[2:], strict=False)]
    return values


def plain(values):
    return struct.pack(f"<{len(values)}h", *values)


def packed(bits):
    """Bits as bytes, filled up to a whole number of them."""
    bits += "0" * (-len(bits) % 8)
    return int(bits or "0", 2).to_bytes(len(bits) // 8, "big")


def by_default_table(values):
    return packed("".join(map(default_code, values)))


def default_code(value):
    if value == 0:
        return "0"
    if abs(value) <= 8:
        return "1" * abs(value) + "0" + ("1" if value < 0 else "0")
    if -128 <= value < 128:
        return "1" * 9 + "0" + f"{value & 0xFF:08b}"
    return "1" * 10 + f"{value & 0xFFFF:016b}"


DEFAULT = struct.pack("<H", 19999)
# Two tables of our own: what a code stands for, the bits of a number that follow it, and the table it leads to.
OWN = (
    {"0": (0, 0, None), "100": (1, 0, None), "101": (-1, 0, None), "110": (0, 12, None), "111": (2, 0, 2)},
    {"00": (5, 0, None), "01": (-5, 0, None), "100": (20, 6, None), "101": (0, 16, None), "11": (1, 0, 1)},
)


def own_tables(first=1):
    """first : number of the first table."""
    body = struct.pack("<H", len(OWN))
    for table in OWN:
        body += struct.pack("<H", len(table))
        for bits, (value, extra, leads_to) in table.items():
            value += (first - 1) * (leads_to is not None)
            body += struct.pack("<BBBhI", len(bits), len(bits) + extra, leads_to is None, value, int(bits[::-1], 2))
    return body


def by_own_tables(values):
    """Every hundred samples the other table."""
    bits, table = "", 0
    for index, value in enumerate(values):
        if index % 100 == 99:
            bits += next(code for code, row in OWN[table].items() if row[2])
            table = 1 - table
        for code, (base, extra, leads_to) in OWN[table].items():
            half = 1 << extra >> 1
            if leads_to is None and (-half <= value - base < half if extra else value == base):
                bits += code + (f"{value - base & (1 << extra) - 1:0{extra}b}" if extra else "")
                break
        else:
            raise ValueError(value)
    return packed(bits)


def waves(n_leads=12, n_samples=1000, seed=0):
    """Steps of an ECG-like signal: beats of 0.1 s, slow waves, noise."""
    rng = np.random.default_rng(seed)
    places = np.arange(n_samples)
    beats = np.exp(-(((places % 400 - 200) / 12) ** 2))
    rows = [rng.normal(0, 300) * beats + 40 * np.sin(places / 90 + lead) for lead in range(n_leads)]
    return np.round(np.array(rows) + rng.normal(0, 2, (n_leads, n_samples))).astype(int)


def simple(steps, order=0, encode=plain, tables=None, leads=LEADS, checked=True, **more):
    bodies = {1: patient(), 3: lead_section(leads, 1, steps.shape[1])}
    bodies |= {2: tables} if tables else {}
    bodies[6] = data_section([encode(differences(row, order)) for row in steps], order=order, **more)
    return scp(bodies, checked=checked)


def tag(number, data):
    return struct.pack("<BH", number, len(data)) + data


def patient(*tags):
    return tag(0, b"Secretname\0") + b"".join(tags) + tag(255, b"")


WAYS = {
    "plain": (plain, None),
    "default": (by_default_table, DEFAULT),
    "own": (by_own_tables, own_tables()),
    "from 0": (by_own_tables, own_tables(0)),
}


ZONES = [(150, 260), (555, 660), (1001, 1100), (1370, 1499), (1780, 2000)]
FIDUCIALS = [200, 600, 1040, 1420, 1840]
KINDS = [0, 0, 1, 0, 0]  # the third is not like the reference beat, and nothing is taken from it
WAVE_FIDUCIAL = 120


def compressed(n_leads=3, n_samples=2000, factor=4, bimodal=1, is_subtracted=True, whole_rests=True, checked=True):
    """A file with bimodal compression and reference beats, and the µV that it stands for.

    Residuals are constant between protected areas, so that every way to bridge left-out samples gives the same.
    """
    rng = np.random.default_rng(1)
    wave = waves(n_leads, 300, seed=2)
    residual = np.zeros((n_leads, n_samples), int)
    whole = np.zeros(n_samples, bool)
    edges = [1, *(edge for first, last in ZONES for edge in (first, last + 1)), n_samples + 1]
    for index, (first, last) in enumerate(pairwise(edges)):
        shape = (n_leads, last - first) if index % 2 else (n_leads, 1)
        residual[:, first - 1 : last - 1] = rng.integers(-30, 30, shape)
        whole[first - 1 : last - 1] = index % 2
    kept, place = [], 0
    while place < n_samples:
        run = next((end for end in range(place, n_samples) if whole[end]), n_samples) - place
        kept.append(place)
        rest = 1 if whole_rests else run
        place += 1 if whole[place] else factor if run >= factor else rest
    microvolts = residual * 1.0
    beats = b""
    for kind, fiducial in zip(KINDS, FIDUCIALS, strict=True):
        beats += struct.pack("<HIII", kind, fiducial - 100, fiducial, fiducial + 150)
        if is_subtracted and kind == 0:
            from_wave = wave[:, WAVE_FIDUCIAL - 1 - 100 : WAVE_FIDUCIAL + 150] * 5.0
            stop = min(fiducial + 150, n_samples)
            microvolts[:, fiducial - 101 : stop] += from_wave[:, : stop - fiducial + 101]
    bodies = {
        2: DEFAULT,
        3: lead_section(LEADS[:n_leads], 1, n_samples, flags=int(is_subtracted)),
        4: struct.pack("<HHH", 600, WAVE_FIDUCIAL, len(ZONES))
        + beats
        + b"".join(struct.pack("<II", *z) for z in ZONES),
        5: data_section([by_default_table(differences(row, 2)) for row in wave], 5000, order=2),
        6: data_section(
            [by_default_table(differences(row[kept], 1)) for row in residual], 1000, 2000 * factor, 1, bimodal
        ),
    }
    return scp(bodies, checked=checked), microvolts
