"""Text of any table -> its header as lines, its body as numbers: encoding, separator, decimal sign, where the body begins."""

import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from cardiac.errors import RecordError, extra
from cardiac.messages import Message
from cardiac.readers.forms import MISSING, Form, cells_of, find_form, is_number, is_row, text_columns
from cardiac.readers.kinds import encoding_of

LARGEST_BYTES = 256 * 2**20
LARGEST_CELLS = 50_000_000
HEAD_BYTES = 2**20  # in which header and form are looked for
LONGEST_LINE = 16 * 2**20
CHUNK = 4 * 2**20  # letters that are parsed at once
WIDE = 1_000  # columns from which rows are read one by one
TYPED_BY = 200  # rows by which a column holds numbers or texts
TOO_LONG = "has a line of millions of characters and no table: write one sample of all leads per line"
NO_ROWS = "holds no rows of numbers: save the samples as a table, one column per lead"


@dataclass(frozen=True)
class Grid:
    """A table as its file has it.

    lines : of the header, and of what follows the body.  rows : the header's as cells.  body : float64 (n_rows, n_columns),
    NaN where a cell is empty or a text.  texts : the cells of columns that hold texts, by column.
    """

    lines: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    body: np.ndarray
    texts: dict[int, list[str]] = field(default_factory=dict)


def text_encoding(head: bytes) -> str | None:
    """As `kinds.encoding_of`, with Cyrillic distinguished from Western letters."""
    encoding = encoding_of(head)
    if encoding in ("utf-8", "latin-1"):
        try:
            head[: max(len(head) - 4, 0) if len(head) >= HEAD_BYTES else len(head)].decode("utf-8")
        except UnicodeDecodeError:
            return _of_eight_bits(head)
    return encoding


def _of_eight_bits(head: bytes) -> str:
    """Cyrillic where the letters beyond ASCII come in runs as in words, else Western."""
    cyrillic = len(re.findall(rb"[\xc0-\xff]{3,}", head))
    return "cp1251" if cyrillic and cyrillic * 3 >= len(re.findall(rb"[\x80-\xff]+", head)) else "latin-1"


def read_grid(path: Path) -> Grid:
    """The table in a text file. Raises RecordError where its lines are not rows of as many cells."""
    size = path.stat().st_size
    if size > LARGEST_BYTES:
        raise RecordError(
            "holds more than {most} MiB of text: save it as .npy, or cut it into parts", most=LARGEST_BYTES >> 20
        )
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    encoding = text_encoding(head)
    if encoding is None:
        raise RecordError("is neither text nor another supported kind of file: see docs/formats.md")
    lines = [_without_remark(line) for line in head.decode(encoding, "replace").splitlines()]
    if size > len(head) and len(lines) > 1:
        lines = lines[:-1]  # cut short
    if size > len(head) and len(lines) == 1 and size > LONGEST_LINE:
        raise RecordError(TOO_LONG)
    form = find_form(lines)
    if form is None:
        raise RecordError(NO_ROWS)
    if sum(is_row(line, form) for line in lines[: form.first]) > 1:  # rows precede something that is no row
        raise _not_numbers(next(line for line in reversed(lines[: form.first]) if line.strip()), form.first - 1)
    is_text = text_columns(
        [cells_of(line, form.separator, form.quote) for line in lines[form.first :][:TYPED_BY]], form
    )
    body, texts, rest = _read_body(path, encoding, form, is_text)
    header = [line for line in lines[: form.first] if line.strip()]
    rows = tuple(tuple(cells_of(line.lstrip("#%!*/ "), form.separator, form.quote)) for line in header)
    return Grid((*header, *rest), rows, body, texts)


def _read_body(
    path: Path, encoding: str, form: Form, is_text: set[int]
) -> tuple[np.ndarray, dict[int, list[str]], list[str]]:
    """Numbers, texts, and the lines that follow the body."""
    parts: list[np.ndarray] = []
    texts: dict[int, list[str]] = {column: [] for column in is_text}
    n_lines = n_cells = 0
    rest: list[str] = []
    for lines in _chunks(path, encoding, form.first):
        if rest and any(is_row(line, form) for line in lines):
            raise _not_numbers(rest[0], form.first + n_lines)
        n_lines += len(lines)
        if rest:
            continue
        lines, rest = _without_rest(lines, form, form.first + n_lines - len(lines))
        if not lines:
            continue
        if form.n_columns > WIDE:
            part = _parse_wide(lines, form, is_text, texts)
        else:
            for column in _late_texts(lines, form) - is_text:
                is_text.add(column)
                texts[column] = [""] * sum(map(len, parts))
            part = _parse(lines, form, is_text, texts)
        n_cells += part.size
        if n_cells > LARGEST_CELLS:
            raise RecordError(
                "holds more than {most:,} numbers: save it as .npy, or cut it into parts", most=LARGEST_CELLS
            )
        parts.append(part)
    if not parts:
        raise RecordError(NO_ROWS)
    body = np.concatenate(parts)
    blank = 0  # rows before the first that holds anything
    while blank < len(body) - 1 and not np.isfinite(body[blank]).any():
        blank += 1
    return body[blank:], {column: cells[blank:] for column, cells in texts.items()}, rest[:50]


def _chunks(path: Path, encoding: str, skipped: int) -> Iterator[list[str]]:
    """Lines of the body, some megabytes at a time, without empty ones and remarks."""
    with path.open(encoding=encoding, errors="replace") as file:
        for _ in range(skipped):
            file.readline(LONGEST_LINE)
        while lines := file.readlines(CHUNK):
            if max(map(len, lines)) > LONGEST_LINE:
                raise RecordError(TOO_LONG)
            cleaned = [_without_remark(line.rstrip("\r\n")) for line in lines]
            yield ["" if line.startswith("#") else line for line in cleaned]


def _without_remark(line: str) -> str:
    """Without what follows a # behind numbers; a line that begins with it stays."""
    return re.sub(r"^([\d\s.,;:eE|+-]*\d[\s,;|]*)#.*", r"\1", line) if "#" in line[1:] else line


def _without_rest(lines: list[str], form: Form, before: int) -> tuple[list[str], list[str]]:
    """The rows, and what follows the last of them. Raises RecordError where rows follow something that is none."""
    bad = [index for index, line in enumerate(lines) if line.strip() and not _looks_whole(line, form)]
    if not bad:
        return [line for line in lines if line.strip()], []
    first = bad[0]
    if any(is_row(line, form) for line in lines[first + 1 :]) or _is_nearly(lines[first], form):
        raise _not_numbers(lines[first], before + first)
    return [line for line in lines[:first] if line.strip()], [line for line in lines[first:] if line.strip()]


def _looks_whole(line: str, form: Form) -> bool:
    """Whether a line may be a row, as far as counting shows; the parser checks what it holds."""
    if form.separator == " " or form.quote in line:
        return is_row(line, form)
    n_cells = line.count(form.separator) + 1
    return n_cells in (form.n_columns, form.n_columns + 1) or (n_cells == form.n_columns - 1 and is_row(line, form))


def _is_nearly(line: str, form: Form) -> bool:
    """Whether a line that is no row holds numbers all the same."""
    cells = cells_of(line, form.separator, form.quote)
    return 2 * sum(is_number(cell, form.decimal) for cell in cells) > len(cells) > 2


def _not_numbers(line: str, index: int | None = None) -> RecordError:
    where = (
        repr(line.strip()[:40])
        if index is None
        else Message("line {line}: {text!r}", line=index + 1, text=line.strip()[:40])
    )
    return RecordError("its rows are not all numbers ({where}): export the samples alone", where=where)


def _parse(lines: list[str], form: Form, is_text: set[int], texts: dict[int, list[str]]) -> np.ndarray:
    pd = extra("pandas", "requirements.txt", RecordError)  # slow to import, and needed for this format alone
    names = range(form.n_columns + 1)  # one more, so that a longer row is seen
    try:
        table = pd.read_csv(
            io.StringIO("\n".join(lines).replace("\u2212", "-")),
            sep={" ": r"\s+", ", ": r",\s+"}.get(form.separator, form.separator),
            engine="python" if form.separator == ", " else "c",
            header=None,
            names=names,
            decimal=form.decimal,
            quotechar=form.quote,
            dtype={column: str if column in is_text else np.float64 for column in names},
            skipinitialspace=True,
            keep_default_na=True,
            na_values=[*MISSING, "NULL", "None", "N/A"],
        )
    except (ValueError, OverflowError, pd.errors.ParserError) as error:
        raise _not_numbers(_first_bad(lines, form, is_text)) from error
    if table[form.n_columns].notna().any() or not isinstance(table.index, pd.RangeIndex):
        raise RecordError("its rows are not all numbers or differ in length: export the samples alone")
    for column in is_text:
        texts[column] += [cell.strip().strip("'\"") for cell in table[column].fillna("")]
    numbers = table.drop(columns=[form.n_columns])
    numbers[[*is_text]] = np.nan
    return numbers.to_numpy(np.float64)


def _late_texts(lines: Sequence[str], form: Form) -> set[int]:
    """The last column, where it holds no number and some text: a remark once in a while."""
    last = form.n_columns - 1
    if not any(line[-1:].isalpha() for line in lines):
        return set()
    cells = [row[last] for line in lines if len(row := cells_of(line, form.separator, form.quote)) > last]
    has_numbers = any(is_number(cell, form.decimal) for cell in cells)
    return {last} if not has_numbers and any(cell.lower() not in MISSING for cell in cells) else set()


def _first_bad(lines: Sequence[str], form: Form, is_text: set[int]) -> str:
    for line in lines:
        cells = cells_of(line, form.separator, form.quote)
        bad = [cell for column, cell in enumerate(cells) if column not in is_text and cell.lower() not in MISSING]
        if len(cells) > form.n_columns + 1 or not all(is_number(cell, form.decimal) for cell in bad):
            return line
    return lines[0]


def _parse_wide(lines: list[str], form: Form, is_text: set[int], texts: dict[int, list[str]]) -> np.ndarray:
    """Rows of very many cells, one by one: leads in rows."""
    if len(lines) * form.n_columns > LARGEST_CELLS:
        raise RecordError("holds more than {most:,} numbers: save it as .npy, or cut it into parts", most=LARGEST_CELLS)
    body = np.full((len(lines), form.n_columns), np.nan)
    for number, line in enumerate(lines):
        cells = cells_of(line.replace("\u2212", "-"), form.separator, form.quote)
        for column in is_text:
            texts[column].append(cells[column])
            cells[column] = "nan"
        plain = [cell.replace(",", ".") if form.decimal == "," else cell for cell in cells[: form.n_columns]]
        try:
            body[number, : len(plain)] = ["nan" if cell.lower() in MISSING else cell for cell in plain]
        except ValueError as error:
            raise _not_numbers(line) from error
    return body
