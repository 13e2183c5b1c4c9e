"""The headings of a table: which row names the leads, what unit each has, which lines name channels one below the other."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cardiac.errors import RecordError
from cardiac.leads import is_decoration, lead_and_sign
from cardiac.readers.forms import is_number
from cardiac.readers.grids import Grid
from cardiac.readers.times import counts_rows, rises_evenly
from cardiac.readers.units import folded, mv_per_unit

COUNTS = {
    "adc",
    "adu",
    "count",
    "counts",
    "lsb",
    "digit",
    "digits",
    "bit",
    "bits",
    "raw",
    "au",
    "a.u.",
    "arb",
    "steps",
    "raw units",
}
_LABEL = re.compile(
    r"\W*(?:(?:channel|ch|lead|signal|column|col|kanal|spalte|canal|канал)?\W*(?:#|no|nr)?\W*\d*\W*(?:label|name|title|lead|"
    r"channel|signal|bezeichnung|nom|nombre|nome|имя|название|column)?)\W*[:=\t]\W*(.+)",
    re.IGNORECASE,
)
_UNIT_LINE = re.compile(
    r"(?:units?|unitname|einheit\w*|unites?|unidad\w*|unidade\w*|unita|единиц\w*|单位|単位|"
    r"(?:values?|samples|data|amplitudes?) in)"
    r"\W+(?:of \w+\W+)?([a-zμмквnв]+)(?!\w)"
)
_BIT_STEP = re.compile(r"([\d.,]+(?:e-?\d+)?)\s*([unmμ]v)\s*(?:/|per)\s*(?:bit|lsb|count|adu|digit|step|unit)")
_STEPS_MV = re.compile(r"([\d.,]+)\s*(?:lsb|bits?|counts?|adu|adc|steps?|units?|digits?)?\s*(?:/|per)\s*mv(?!\w)")
_KEYED = re.compile(r"\W*(?:range|scale|max|min|gain|sensitivity|offset|top|bottom|low|high)", re.IGNORECASE)
LABSYSTEM_RANGE = re.compile(r"range:\s*([\d.]+)\s*mv", re.IGNORECASE)
MOST_CHANCE = 3  # words in a line that may be leads' names by chance
LABSYSTEM_STEPS = 32_768  # of 16 bits, that its range in mV covers


@dataclass(frozen=True)
class Headings:
    """names : of the columns, None where the table names none.  units : a unit's text for each column, "" where none is stated.

    below : the cells of the row of units.  lines : of the header, without those two rows.
    """

    names: tuple[str, ...] | None
    units: tuple[str, ...]
    below: tuple[str, ...]
    lines: tuple[str, ...]


def read_headings(grid: Grid, any_names: bool = False) -> Headings:
    """Names and units of the columns. Raises RecordError where there are headings and none names a lead.

    any_names : headings that name no lead are names too.
    """
    n = grid.body.shape[1]
    rows = [aligned for row in _rows(grid, n) if (aligned := _align(row, n, grid))]
    names = max(rows, key=_n_leads, default=None)
    if names is None or _n_leads(names) == 0:
        names = next((row for row in reversed(rows) if _are_words(row)), None) if any_names else None
    below = next((row for row in rows if row is not names and _is_unit_row(row)), ("",) * n)
    used = {"\t".join(names or ()), "\t".join(below)}
    lines = tuple(line for line in grid.lines if _joined(line) not in {_joined(each) for each in used if each.strip()})
    if names is None:
        _refuse_misfit(grid, n)
    units = tuple(_unit(names[column] if names else "", below[column]) for column in range(n))
    return Headings(names, units, below, lines)


def refuse_unnamed(grid: Grid) -> None:
    """Raise RecordError where the columns have headings that name no lead."""
    n = grid.body.shape[1]
    for line in grid.lines:
        tokens = re.split(r"[\s,;|]+", line)
        if len({signed_lead[0] for token in tokens if (signed_lead := lead_and_sign(token))}) > MOST_CHANCE:
            raise RecordError(
                "its line {line!r} names leads, but not one per column: name every column", line=line.strip()[:60]
            )
    for row in _rows(grid, n):
        aligned = _align(row, n, grid)
        words = [cell for cell in aligned or () if cell and not is_number(cell, ",")]
        if aligned and 2 * len(words) >= n and not _is_unit_row(aligned) and not _KEYED.match(aligned[0]):
            raise RecordError(
                "its headings {words} name none of the twelve leads: name the columns I, II, ..., V6, or remove "
                "the headings where the columns are in this order",
                words=", ".join(words)[:160],
            )


def names_in_lines(lines: Sequence[str], n: int) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
    """Names of n channels, and their units, that lines name one below the other, or all in one line."""
    for line in lines:
        value = (_LABEL.fullmatch(line) or [line, line])[1]
        for pattern in (r"[,;|\t]+", r"[\s,;|]+"):
            cells = [cell.strip(" '\"[]()") for cell in re.split(pattern, value.strip(" '\"[](),;"))]
            if len(cells) == n > 1 and sum(lead_and_sign(cell) is not None for cell in cells) >= min(8, n):
                return tuple(cells), ("",) * n
    names, units = [], []
    for index, line in enumerate(lines):
        match = _LABEL.fullmatch(line)
        value = next((each for each in (match[1] if match else "", line) if lead_and_sign(each)), None)
        if value and len(line) < 80:
            names.append(value.strip())
            after = lines[index + 1] if index + 1 < len(lines) else ""
            units.append(after if mv_per_unit(after) and not re.search(r"\d", after) else "")
    leads = {lead_and_sign(each)[0] for each in names}
    return (tuple(names), tuple(units)) if len(names) == n == len(leads) else None


def unit_in_lines(lines: Sequence[str], body: np.ndarray) -> str:
    """The unit that a line states for all samples; of whole numbers also the step of one; "" where there is none."""
    text = "\n".join(lines)
    if lines and lines[0].strip() == "[Header]" and (ranges := set(LABSYSTEM_RANGE.findall(text))):
        if len(ranges) > 1:
            raise RecordError("its channels have several ranges: export all leads with one range")
        return f"{float(ranges.pop()) / LABSYSTEM_STEPS:.12g} mV"
    for line in map(folded, lines):
        if (match := _UNIT_LINE.search(line)) and (mv_per_unit(match[1]) or match[1] in COUNTS):
            return match[1]
    if np.isfinite(body).any() and (np.nan_to_num(body) % 1 == 0).all():
        for line in map(folded, lines):
            if match := _BIT_STEP.search(line):
                return f"{match[1]} {match[2]}"
            if (match := _STEPS_MV.search(line)) and "mm" not in line:
                return f"{1 / float(match[1].replace(',', '')):.12g} mV"
    return ""


def _rows(grid: Grid, n: int) -> list[tuple[str, ...]]:
    """The header's rows as cells, also cut in other ways than the body where that gives as many."""
    rows = list(grid.rows)
    for line in grid.lines[-60:]:
        for pattern in (r"\t", r";", r",", r"\s{2,}", r"\s+(?![(\[])"):
            cells = tuple(cell.strip().strip("'\"") for cell in re.split(pattern, line.strip("# ")))
            if len(cells) in (n - 1, n, n + 1) and _n_leads(cells) > 1:
                rows.append(cells)
    return rows


def _align(row: Sequence[str], n: int, grid: Grid) -> tuple[str, ...] | None:
    """A row of n cells; where the heading of a leading column of numbers or times is left out, with an empty one."""
    row = tuple(row)
    if len(row) == n + 1 and not row[-1]:
        return row[:-1]
    if len(row) == n + 1 and re.fullmatch(r"\W*[A-Za-z ]+[=:]\W*", row[0]):  # "ChannelTitle="
        return row[1:]
    if len(row) == n - 1:
        is_open = not np.isfinite(grid.body[:, -1]).any() and n - 1 not in grid.texts
        counts = 0 in grid.texts or counts_rows(grid.body[:, 0]) or rises_evenly(grid.body[:, 0])
        return (*row, "") if is_open else ("", *row) if counts else None
    return row if len(row) == n else None


def _are_words(row: Sequence[str]) -> bool:
    return all(cell and not is_number(cell, ",") for cell in row) and not _is_unit_row(row)


def _n_leads(row: Sequence[str]) -> int:
    return len({signed_lead[0] for cell in row if (signed_lead := lead_and_sign(cell))})


def _is_unit_row(row: Sequence[str]) -> bool:
    units = [cell for cell in row if mv_per_unit(cell) and not re.search(r"\d", cell)]
    counts = [cell for cell in row if cell.lower() in COUNTS]
    return len(units) + len(counts) >= 2 and not _KEYED.match(row[0])


def _unit(name: str, below: str) -> str:
    """The unit of a column by its heading, or by the cell below; of a lead also a word for counts, which is refused later."""
    for part in re.findall(r"[(\[{<]([^()\[\]{}<>]*)[)\]}>]", name):
        if mv_per_unit(part):
            return part
        is_other = bool(lead_and_sign(part)) or is_decoration(part)
        if not is_other and folded(part) in COUNTS:
            return part
    tokens = [token for token in re.split(r"[\s_/,:;.|-]+", name.strip(" )]}'\"")) if token]
    if len(tokens) > 1 and mv_per_unit(tokens[-1]) and lead_and_sign(" ".join(tokens[:-1])):
        return tokens[-1]
    if len(tokens) > 1 and mv_per_unit(tokens[0]):
        return tokens[0]
    glued = re.search(r"(?i)(mv|[uµμ]v|nv)$", name.strip())
    if glued and lead_and_sign(name.strip()[: -len(glued[1])]):
        return glued[1]
    below = below.strip("()[] ")
    return below if mv_per_unit(below) or folded(below) in COUNTS else ""


def _refuse_misfit(grid: Grid, n: int) -> None:
    for row in grid.rows:
        cells = [cell for cell in row if cell]
        if _n_leads(row) >= 2 and len(row) != n and _n_leads(row) >= len(cells) / 2:
            raise RecordError(
                "has {n_cells} headings and {n} columns, so it is unclear which lead is which: export one "
                "heading per column",
                n_cells=len(cells),
                n=n,
            )


def _joined(line: str) -> str:
    return re.sub(r"[\W_]+", "", line)
