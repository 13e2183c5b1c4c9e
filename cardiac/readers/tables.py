"""Tables of samples: CSV, TSV and other text with or without a header and a time column, and Excel of the same form."""

import io
import re
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from cardiac.errors import RecordError, extra, first_line
from cardiac.labels import LEADS, lead_and_sign
from cardiac.readers.kinds import decoded
from cardiac.readers.raw import Note, Raw

LARGEST_BYTES = 2**30
MOST_HEADER_LINES = 50
MOST_PACKED = 20  # times its size that a workbook may grow
SEPARATORS = ("\t", ";", ",", " ")
TIME = re.compile(
    r"(?:elapsed[ _]?)?(?:time|timestamp|t|sample|samples|index|)[ _#]*(?:(?:in )?(?:ms|msec|milliseconds|s|sec|seconds))?\W*",
    re.IGNORECASE,
)
RATE = re.compile(r"\b(?:fs|fs[_ ]?hz|sampl\w*[ _]?(?:rate|freq\w*))\b\D{0,12}?([\d.]+)", re.IGNORECASE)
UNIT = re.compile(r"[(\[]\s*([a-zµμ]{1,10})\s*[)\]]\s*$", re.IGNORECASE)
KNOWN_UNITS = ("mv", "uv", "µv", "μv", "v", "nv")


def read_text(path: Path) -> Raw:
    """The samples of a text file. Raises RecordError where its lines are not rows of as many numbers."""
    if path.stat().st_size > LARGEST_BYTES:
        raise RecordError("holds more than 1 GiB of text: save it as .npy, or cut it into parts")
    text = decoded(path.read_bytes())
    if text is None:
        raise RecordError("is neither text nor of another kind that is read: see the README's table of formats")
    lines = text[:200_000].splitlines()[:MOST_HEADER_LINES]
    separator = _separator(lines)
    decimal = "," if separator in ("\t", ";", " ") and "." not in "".join(lines[-5:]) else "."
    first = next((place for place, line in enumerate(lines) if _is_row(line, separator, decimal)), None)
    if first is None:
        raise RecordError("holds no rows of numbers: give samples as a table, one column a lead")
    pd = extra("pandas", "requirements.txt", RecordError)  # slow to import, and needed for this format alone
    try:
        table = pd.read_csv(
            io.StringIO(text),
            sep=r"\s+" if separator == " " else separator,
            header=None,
            skiprows=first,
            decimal=decimal,
            comment="#",
            skip_blank_lines=True,
            dtype=np.float64,
            skipinitialspace=True,
            na_values=["-", "NaN", "nan", ""],
        )
    except (ValueError, OverflowError, pd.errors.ParserError) as error:
        raise RecordError(f"its rows are not all numbers ({first_line(error)}): export the samples alone") from error
    if separator != " " and table.shape[1] > 1 and table.iloc[:, -1].isna().all():
        table = table.iloc[:, :-1]  # every line ends in a separator
    header = [_cells(line.lstrip("# "), separator) for line in lines[:first] if line.strip()]
    return _settle_table(table.to_numpy(), header, " ".join(lines[:first]))


def is_table(path: Path) -> bool:
    """Whether a text file begins as a table of samples does: rows of eight numbers or more."""
    with path.open("rb") as file:
        text = decoded(file.read(65_536))
    lines = (text or "").splitlines()[:MOST_HEADER_LINES]
    separator = _separator(lines)
    rows = [line for line in lines if line.strip() and _is_row(line, separator, ",")]
    return len(rows) > len(lines) / 2 and len(_cells(rows[-1], separator)) >= 8


def read_xlsx(path: Path) -> Raw:
    """The samples of the one sheet with numbers of an Excel workbook. Raises RecordError."""
    from python_calamine import CalamineError, CalamineWorkbook  # needed for this format alone

    with zipfile.ZipFile(path) as file:
        if sum(each.file_size for each in file.infolist()) > MOST_PACKED * path.stat().st_size + 2**20:
            raise RecordError("would grow to many times its size: save the samples as .csv")
    try:
        book = CalamineWorkbook.from_path(str(path))
        sheets = [rows for name in book.sheet_names if (rows := book.get_sheet_by_name(name).to_python())]
    except (CalamineError, OSError, ValueError) as error:
        raise RecordError(f"cannot be read as a workbook ({first_line(error)}): save the samples as .csv") from error
    sheets = [rows for rows in sheets if len(rows) > MOST_HEADER_LINES]
    if len(sheets) != 1:
        raise RecordError(f"holds {len(sheets) or 'no'} sheets of samples: give a workbook of one recording")
    rows = sheets[0]
    first = next((place for place, row in enumerate(rows) if all(isinstance(cell, int | float) for cell in row)), None)
    if first is None or first > MOST_HEADER_LINES:
        raise RecordError("holds no rows of numbers: give samples as a table, one column a lead")
    try:
        body = np.array([[np.nan if cell == "" else cell for cell in row] for row in rows[first:]], dtype=np.float64)
    except (ValueError, TypeError) as error:
        raise RecordError("its rows are not all numbers: export the samples alone") from error
    header = [[str(cell) for cell in row] for row in rows[:first]]
    return _settle_table(body, header, " ".join(cell for row in header for cell in row))


def _separator(lines: Sequence[str]) -> str:
    """The first separator that cuts the last lines into as many fields each; a comma may also stand in a number."""
    for separator in SEPARATORS:
        counts = {len(_cells(line, separator)) for line in lines[-5:] if line.strip()}
        if len(counts) == 1 and counts.pop() > 1:
            return separator
    return " "


def _cells(line: str, separator: str) -> list[str]:
    cells = line.split() if separator == " " else line.split(separator)
    return [cell.strip().strip("'\"").strip() for cell in cells]


def _is_row(line: str, separator: str, decimal: str) -> bool:
    cells = _cells(line, separator)
    numbers = [re.fullmatch(r"[-+]?[\d.]+(?:[eE][-+]?\d+)?|nan|", cell.replace(decimal, "."), re.I) for cell in cells]
    return any(cells) and all(numbers)


def _settle_table(body: np.ndarray, header: Sequence[Sequence[str]], told: str) -> Raw:
    """Names, units, time column and rate of a table (n_rows, n_columns)."""
    n_columns = body.shape[1]
    if header and n_columns == len(header[-1]) + 1:  # a row's name stands before it, without a heading
        header = [["", *row] for row in header]
    rows = [row for row in header if len(row) == n_columns]
    names = next((row for row in rows if any(lead_and_sign(_bare(cell)) for cell in row)), None)
    unit_row = next((row for row in rows if any(cell.lower().strip("()[]") in KNOWN_UNITS for cell in row)), None)
    time = _time_column(body, names, unit_row)
    rate, notes = None, []
    if time is not None:
        rate = _rate_of(body[:, time], names[time] if names else "", unit_row[time] if unit_row else "")
    elif found := RATE.search(told):
        rate = float(found[1])
    if time is not None and rate is None:
        notes.append(Note("info", "its first column counts samples and was left aside"))
    if names is None:
        level = "warning" if any(len(row) > 1 for row in header) else "info"
        notes.append(Note(level, f"its columns have no leads' names: taken in the order {', '.join(LEADS)}"))
    kept = [place for place in range(n_columns) if place != time]
    units = [_unit(names[place] if names else "", unit_row[place] if unit_row else "") for place in kept]
    if names is None and time is None and body.shape[0] == len(LEADS) < n_columns:
        return Raw(body, rate, notes=tuple(notes))
    return Raw(
        body[:, kept].T,
        rate,
        tuple(_bare(names[place]) for place in kept) if names else None,
        tuple(units) if all(units) else None,
        tuple(notes),
    )


def _bare(name: str) -> str:
    return UNIT.sub("", name).strip()


def _unit(name: str, below: str) -> str:
    found = UNIT.search(name)
    return found[1] if found and found[1].lower() in KNOWN_UNITS else below.strip("()[]")


def _time_column(body: np.ndarray, names: Sequence[str] | None, unit_row: Sequence[str] | None) -> int | None:
    """The column of times or sample numbers: named as one, or one too many that rises by equal steps."""
    steps = np.diff(body[:10_000, 0])
    rises = len(steps) > 0 and bool(np.isfinite(steps).all()) and steps.min() > 0
    even = rises and steps.max() <= 1.5 * np.median(steps) + 1e-12
    if names is not None and lead_and_sign(_bare(names[0])) is None and TIME.fullmatch(_bare(names[0])):
        return 0
    if names is None and body.shape[1] in (len(LEADS) + 1, 9, 16) and even:
        return 0
    return 0 if unit_row is not None and unit_row[0].lower() in ("s", "sec", "seconds", "ms") and even else None


def _rate_of(times: np.ndarray, name: str, unit: str) -> float | None:
    """Samples a second from the column of times; None where it counts samples. Raises RecordError for gaps."""
    told = f"{name} {unit}".lower()
    n = len(times)
    step = (times[-1] - times[0]) / (n - 1) if n > 1 else 0.0
    if not step > 0:
        raise RecordError("its column of times does not rise: export the samples in order")
    if np.abs(np.diff(times) - step).max() > 1.5 * step:
        raise RecordError("its column of times has gaps: export the recording in one piece")
    if re.search(r"sample|index", told) or (step == 1 and not re.search(r"(?:\b|_)m?s(?:\b|ec)|milli", told)):
        return None
    in_ms = bool(re.search(r"(?:\b|_)ms|milli", told)) or (not re.search(r"(?:\b|_)s(?:\b|ec)", told) and step >= 0.1)
    rate = (1_000 if in_ms else 1) / step
    return float(round(rate)) if abs(rate - round(rate)) < 2e-3 * rate else float(rate)
