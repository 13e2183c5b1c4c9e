"""The Huffman codes of SCP-ECG files (EN 1064 / ISO 11073-91064, clause 5.5 and annex C)."""

import struct
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from cardiac.errors import RecordError

DEFAULT_TABLES = 19999  # in place of the number of tables where the standard's own is used
LONGEST_PREFIX = 32  # a code is stored in four bytes
MOST_EXTRA_BITS = 24  # the default table takes 16; with more, second differences could pass 64 bits


@dataclass(frozen=True)
class Code:
    """One code: its bits, how many bits of a number follow them, and the value it encodes.

    window : the prefix, first bit highest, at the upper end of 32 bits.  value : of the sample, to which the number
    that follows is added; of a switch the number of the table that holds from there on, as it is stored.
    """

    window: int
    prefix: int
    extra: int
    is_switch: bool
    value: int

    @property
    def end(self) -> int:
        """The first window above all those that begin with this code's prefix."""
        return self.window + (1 << LONGEST_PREFIX - self.prefix)


@dataclass(frozen=True)
class Table:
    """Codes in the order of their windows; `starts` are these windows."""

    starts: tuple[int, ...]
    codes: tuple[Code, ...]

    @property
    def leads_to(self) -> set[int]:
        """The numbers of the tables that its codes switch to."""
        return {code.value for code in self.codes if code.is_switch}


def make_table(rows: list[tuple[int, int, int, int, int]]) -> Table:
    """A table of rows as they are stored: bits of the prefix, bits in all, mode, base value, base code.

    Raises RecordError where no decoding can follow from them.
    """
    codes = sorted((_make_code(*row) for row in rows), key=lambda code: code.window)
    if any(before.end > after.window for before, after in pairwise(codes)):
        raise RecordError("one of its Huffman codes begins with another: export the recording again")
    return Table(tuple(code.window for code in codes), tuple(codes))


def _make_code(prefix: int, total: int, mode: int, value: int, code: int) -> Code:
    if not 1 <= prefix <= LONGEST_PREFIX or not 0 <= total - prefix <= MOST_EXTRA_BITS:
        raise RecordError(
            "has a Huffman code of {prefix} bits out of {total}: export the recording again", prefix=prefix, total=total
        )
    first_bit_lowest = code & (1 << prefix) - 1
    window = int(f"{first_bit_lowest:0{LONGEST_PREFIX}b}"[::-1], 2)
    return Code(window, prefix, total - prefix, mode == 0, value)


def _default_rows() -> list[tuple[int, int, int, int, int]]:
    """Annex C: 0 as `0`, +-n up to 8 as n ones, a zero and the sign, then ten bits before a number of 8 or 16 bits."""
    rows = [(1, 1, 1, 0, 0b0)]
    for size in range(1, 9):
        ones = (1 << size) - 1
        rows += [(size + 2, size + 2, 1, size, ones), (size + 2, size + 2, 1, -size, ones | 1 << size + 1)]
    return [*rows, (10, 18, 1, 0, 0b0111111111), (10, 26, 1, 0, 0b1111111111)]


DEFAULT_TABLE = make_table(_default_rows())


def read_tables(body: bytes) -> dict[int, Table]:
    """Number -> table of section 2, in whose first one decoding begins; none where the samples are not encoded.

    body : the section behind its header.  Raises RecordError.
    """
    number, at = _count(body, 0), 2
    if number == DEFAULT_TABLES:
        return {1: DEFAULT_TABLE}
    tables = []
    for _ in range(number):
        n_codes, at = _count(body, at), at + 2
        if at + 9 * n_codes > len(body):
            raise RecordError("its Huffman tables (section 2) are cut short: copy it again")
        tables.append(make_table(list(struct.iter_unpack("<BBBhI", body[at : at + 9 * n_codes]))))
        at += 9 * n_codes
    # The standard counts them from 1; some programs count from 0, and then one leads to 0 or, so it seems, to itself.
    first = 0 if any({0, index} & table.leads_to for index, table in enumerate(tables, 1)) else 1
    numbered = dict(enumerate(tables, first))
    if any(not table.leads_to <= set(numbered) for table in tables):
        raise RecordError("one of its Huffman tables refers to another that is missing: export the recording again")
    return numbered


def _count(body: bytes, at: int) -> int:
    if at + 2 > len(body):
        raise RecordError("its Huffman tables (section 2) are cut short: copy it again")
    return struct.unpack_from("<H", body, at)[0]


def decode(data: bytes, tables: Mapping[int, Table], most: int) -> np.ndarray:
    """Up to `most` numbers from the bits of one lead, int64; fewer where the bits end or are no code."""
    padded = np.frombuffer(data + bytes(4), np.uint8).astype(np.int64)
    words = sum(padded[shift : shift + len(data)] << 32 - 8 * shift for shift in range(5)) if data else []
    words = list(map(int, words))  # forty bits from every byte on; as Python's numbers three times as fast
    n_bits, at, values = 8 * len(data), 0, []
    table = tables[min(tables)]
    for _ in range(2 * most):  # a switch before every sample at most
        if len(values) == most or at >= n_bits:
            break
        window = words[at >> 3] >> 8 - (at & 7) & 0xFFFFFFFF
        index = bisect_right(table.starts, window) - 1
        code = table.codes[index] if index >= 0 else None
        if code is None or window >= code.end or at + code.prefix + code.extra > n_bits:
            break
        at += code.prefix
        if code.is_switch:
            table = tables[code.value]
        elif code.extra:
            number = int.from_bytes(data[at >> 3 : (at >> 3) + 4].ljust(4, b"\0"), "big")
            number = number >> 32 - code.extra - (at & 7) & (1 << code.extra) - 1
            values.append(code.value + number - (number >> code.extra - 1 << code.extra))
            at += code.extra
        else:
            values.append(code.value)
    return np.array(values, dtype=np.int64)
