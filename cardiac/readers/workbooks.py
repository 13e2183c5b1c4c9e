"""Excel workbooks (.xlsx) -> the sheet that holds samples as a Grid, and what the other sheets say."""

import re
import zipfile
import zlib
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from cardiac.errors import RecordError, first_line
from cardiac.messages import Message
from cardiac.readers.forms import MISSING, WINDOW, is_number
from cardiac.readers.grids import NO_ROWS, Grid
from cardiac.readers.zips import open_zip

MOST_PACKED = 30  # times its size that a workbook may grow, over the first megabyte
MOST_BYTES = 512 * 2**20
MOST_CELLS = 6_000_000  # of a sheet's rectangle, from its first used cell to its last
MOST_COLUMNS, MOST_ROWS = 16_384, 1_048_576  # Excel's own
LEAST_ROWS = 50  # of a sheet of samples
CELL = re.compile(rb'<(?:\w+:)?(?:c|row|dimension)\s[^>]*?\br(?:ef)?="([^"]{1,40})"')
PIECE = 2**20


def read_workbook(path: Path) -> Grid:
    """The one sheet with samples, the others' cells among its lines. Raises RecordError."""
    from python_calamine import CalamineError, CalamineWorkbook  # needed for this format alone

    _check_extent(path)
    try:
        book = CalamineWorkbook.from_path(str(path))
        sheets = [rows for name in book.sheet_names if (rows := book.get_sheet_by_name(name).to_python())]
    except (CalamineError, OSError, ValueError, zlib.error) as error:
        raise RecordError(
            "cannot be read as a workbook ({fault}): save the samples as .csv", fault=first_line(error)
        ) from error
    bodies = [_first_row(rows) for rows in sheets]
    with_samples = [index for index, first in enumerate(bodies) if first is not None]
    if len(with_samples) != 1:
        raise RecordError(
            "holds {n_sheets} sheets of samples: save one recording per workbook",
            n_sheets=len(with_samples) or Message("no"),
        )
    grid = _grid_of(sheets[with_samples[0]], bodies[with_samples[0]])
    others = [line for index, rows in enumerate(sheets) if index != with_samples[0] for line in _lines(rows[:200])]
    return Grid((*grid.lines, *others), grid.rows, grid.body, grid.texts)


def _check_extent(path: Path) -> None:
    """Refuse a workbook by what its sheets claim, before a library makes room for it."""
    with open_zip(path) as file:
        members = file.infolist()
        grown = sum(each.file_size for each in members)
        if grown > min(MOST_BYTES, MOST_PACKED * path.stat().st_size + 2**20):
            raise RecordError("would grow to many times its size: save the samples as .csv")
        for member in members:
            if re.fullmatch(r"xl/worksheets/[^/]+\.xml", member.filename):
                try:
                    with file.open(member) as content:
                        _check_sheet(content)
                except (
                    zlib.error,
                    zipfile.BadZipFile,
                    EOFError,
                    RuntimeError,
                    NotImplementedError,
                    ValueError,
                ) as error:
                    raise RecordError(
                        "cannot be read as a workbook ({fault}): save the samples as .csv", fault=first_line(error)
                    ) from error


def _check_sheet(content: Any) -> None:
    columns, rows, before = [MOST_COLUMNS + 1, 0], [MOST_ROWS + 1, 0], b""
    while piece := content.read(PIECE):
        for name in CELL.findall(before + piece):
            for part in name.decode("ascii", "replace").split(":"):
                _stretch(part, columns, rows)
        before = piece[-200:]
    extent = max(columns[1] - columns[0] + 1, 0) * max(rows[1] - rows[0] + 1, 0)
    if extent > MOST_CELLS:
        raise RecordError(
            "its sheet reaches over {extent:,} cells and up to {most:,} are read: delete cells far from the samples",
            extent=extent,
            most=MOST_CELLS,
        )


def _stretch(name: str, columns: list[int], rows: list[int]) -> None:
    match = re.fullmatch(r"\$?([A-Za-z]*)\$?(\d*)", name)
    column = 0
    for letter in match[1].upper() if match else "":
        column = min(column * 26 + ord(letter) - 64, 10**9)
    row = int(match[2][:12] or 0) if match else 0
    if match is None or column > MOST_COLUMNS or row > MOST_ROWS:
        raise RecordError("names a cell {name!r} that no sheet has: save the samples as .csv", name=name[:20])
    if column:
        columns[:] = [min(columns[0], column), max(columns[1], column)]
    if row:
        rows[:] = [min(rows[0], row), max(rows[1], row)]


def _first_row(rows: Sequence[Sequence[Any]]) -> int | None:
    """Where rows of numbers begin that go on for some while; None where there are none."""
    kinds = [_is_row(row) for row in rows]
    if sum(kinds) < min(LEAST_ROWS, max(WINDOW, len(rows) - WINDOW)):
        return None
    for index in range(len(kinds)):
        if all(kinds[index : index + WINDOW]):
            below = rows[index + 1] if index + 1 < len(rows) else rows[index]
            is_heading = any(
                _is_text(cell) and _is_number(under) for cell, under in zip(rows[index], below, strict=False)
            )
            return index + is_heading
    return None


def _is_row(row: Sequence[Any]) -> bool:
    numbers = sum(_is_number(cell) for cell in row)
    return numbers >= 2 and numbers > sum(map(_is_text, row))


def _is_text(cell: Any) -> bool:
    return isinstance(cell, str) and not _is_number(cell) and cell.strip().lower() not in MISSING


def _is_number(cell: Any) -> bool:
    if isinstance(cell, str):
        return is_number(cell.strip(), ",")
    return isinstance(cell, int | float | date | time | timedelta) and not isinstance(cell, bool)


def _grid_of(rows: Sequence[Sequence[Any]], first: int | None) -> Grid:
    if first is None:
        raise RecordError(NO_ROWS)
    last = max(index for index, row in enumerate(rows) if any(_is_number(cell) for cell in row)) + 1
    some = rows[first:last][:LEAST_ROWS]
    kept = [
        column
        for column in range(len(rows[0]))
        if any(_is_number(row[column]) for row in rows[first:last])
        or 2 * sum(_is_text(row[column]) for row in some) > len(some)
    ]
    texts: dict[int, list[str]] = {}
    body = np.full((last - first, len(kept)), np.nan)
    for index, column in enumerate(kept):
        cells = [row[column] for row in rows[first:last]]
        if any(isinstance(cell, date | time) for cell in cells) or not any(map(_is_number, cells)):
            texts[index] = [_shown(cell) for cell in cells]
        else:
            body[:, index] = [_number(cell, first + number) for number, cell in enumerate(cells)]
    header = [[_shown(row[column]) for column in kept] for row in rows[:first] if any(_shown(cell) for cell in row)]
    lines = _lines([*rows[:first], *rows[last:][:50]])
    return Grid(tuple(lines), tuple(map(tuple, header)), body, texts)


def _number(cell: Any, row: int) -> float:
    if isinstance(cell, timedelta):
        return cell.total_seconds()
    if isinstance(cell, str):
        text = cell.strip().replace(",", ".").replace("\u2212", "-")
        if text.lower() in MISSING:
            return np.nan
        if not is_number(text):
            raise RecordError(
                "its rows are not all numbers (row {row}: {cell!r}): export the samples alone",
                row=row + 1,
                cell=cell[:40],
            )
        return float(text)
    return float(cell)


def _shown(cell: Any) -> str:
    if isinstance(cell, datetime | time):
        return cell.isoformat()
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell).strip()


def _lines(rows: Sequence[Sequence[Any]]) -> list[str]:
    """Rows as lines of text, cells parted by tabs."""
    return [line for row in rows if (line := "\t".join(text for cell in row if (text := _shown(cell))))]
