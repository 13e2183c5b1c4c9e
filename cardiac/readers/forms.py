"""How the rows of a text are written: separator, decimal sign, quotes, where the body begins."""

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass

WINDOW = 8  # lines of one form that make a body
SEPARATORS = ("\t", ";", "|", ", ", ",", " ")
NUMBER = re.compile(r"[-+\u2212]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
MISSING = {"", "-", "--", "nan", "na", "n/a", "null", "none", "#n/a", "?", "."}


@dataclass(frozen=True)
class Form:
    """How the rows of a text are written. first : the line that the body begins at."""

    separator: str
    decimal: str
    quote: str
    first: int
    n_columns: int


def cells_of(line: str, separator: str, quote: str = '"') -> list[str]:
    """The line's cells without quotes and spaces around them."""
    if separator == " ":
        cells = line.split()
    elif quote in line and len(separator) == 1:
        cells = next(csv.reader([line], delimiter=separator, quotechar=quote, skipinitialspace=True), [])
    else:
        cells = line.split(separator)
    return [_unquoted(cell.strip(" \t\r\n\ufeff")) for cell in cells]


def _unquoted(cell: str) -> str:
    is_quoted = len(cell) > 1 and cell[0] in "'\"" and cell[-1] == cell[0]
    return cell[1:-1].strip() if is_quoted else cell


def find_form(lines: Sequence[str]) -> Form | None:
    """How the rows are written and where they begin: the first separator that cuts some lines on end into as many cells."""
    indices = [index for index, line in enumerate(lines) if line.strip() and not line.lstrip().startswith("#")]
    for share in (1.0, 0.75, 0.5):
        last = max(min(len(indices), WINDOW), round(share * len(indices)))
        window = [lines[index] for index in indices[max(0, last - WINDOW) : last]]
        for separator in SEPARATORS:
            form = _form_of(window, separator)
            if form:
                first = last - 1
                numbers = _number_columns(window, form)
                while first > 0 and _goes_on(lines[indices[first - 1]], form, numbers):
                    first -= 1
                return Form(form.separator, form.decimal, form.quote, indices[first], form.n_columns)
    return None


def _form_of(window: Sequence[str], separator: str) -> Form | None:
    quote = "'" if sum(line.count("'") for line in window) > sum(line.count('"') for line in window) else '"'
    rows = [cells_of(line, separator, quote) for line in window]
    counts = {len(row) for row in rows}
    if not rows or max(counts) < 2 or (separator == ", " and not any(re.search(r"\d,\d", line) for line in window)):
        return None
    cells = [cell for row in rows for cell in row]
    has_commas = any(re.fullmatch(r"[-+\u2212]?\d*,\d+(?:[eE][-+]?\d+)?", cell) for cell in cells)
    decimal = "," if has_commas and separator != "," else "."
    if separator == "," and has_commas:
        decimal = ","  # in quotes
    if decimal == "," and any(re.fullmatch(r"[-+]?\d*\.\d+", cell) for cell in cells):
        return None
    form = Form(separator, decimal, quote, 0, max(counts))
    return form if all(is_row(line, form) for line in window) else None


def _number_columns(window: Sequence[str], form: Form) -> set[int]:
    """Columns that hold numbers in all rows."""
    rows = [cells_of(line, form.separator, form.quote) for line in window]
    columns = [[row[index] for row in rows if index < len(row)] for index in range(form.n_columns)]
    filled = [[cell for cell in column if cell.lower() not in MISSING] for column in columns]
    return {
        index for index, cells in enumerate(filled) if cells and all(is_number(cell, form.decimal) for cell in cells)
    }


def _goes_on(line: str, form: Form, numbers: set[int]) -> bool:
    """Whether a line above the body's is a row like them, with no text where they have numbers."""
    cells = cells_of(line, form.separator, form.quote)
    is_text = any(
        column in numbers and cell.lower() not in MISSING and not is_number(cell, form.decimal)
        for column, cell in enumerate(cells)
    )
    return not is_text and is_row(line, form)


def is_row(line: str, form: Form) -> bool:
    """Whether a line has as many cells as the body's rows (or one less, of a row cut short), half of them numbers."""
    cells = cells_of(line, form.separator, form.quote)
    n_numbers = sum(is_number(cell, form.decimal) for cell in cells)
    n_missing = sum(cell.lower() in MISSING for cell in cells)
    is_ended = len(cells) == form.n_columns + 1 and not cells[-1]
    is_long = len(cells) == form.n_columns or is_ended or (len(cells) == form.n_columns - 1 and n_missing == 0)
    is_blank = n_missing == len(cells) == form.n_columns > 1  # a sample that is missing in all leads
    return is_blank or (is_long and n_numbers >= 1 and 2 * (n_numbers + n_missing) >= len(cells))


def is_number(cell: str, decimal: str = ".") -> bool:
    """Whether a cell holds a number."""
    return NUMBER.fullmatch(cell.replace(",", ".") if decimal == "," else cell) is not None


def text_columns(rows: Sequence[Sequence[str]], form: Form) -> set[int]:
    """Columns in which some cell is neither a number nor missing."""
    return {
        column
        for row in rows[1:] or rows  # the first may be headings that are numbers
        for column, cell in enumerate(row)
        if cell.lower() not in MISSING and not is_number(cell, form.decimal)
    }
