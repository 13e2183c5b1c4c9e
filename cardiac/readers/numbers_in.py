"""Whether a file holds a long run of numbers, as a recording does, or words, as labels and forms do; it is not read for that."""

import html
import re
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO

from cardiac.leads import lead_and_sign
from cardiac.readers.kinds import HEAD, encoding_of
from cardiac.readers.zips import open_zip

LEAST_ROWS = 50  # of numbers one after another: a tenth of a second at 500 Hz
LEAST_NUMBERS = 500  # where the rows are long, as with one row a lead
MOST_LETTERS = 8 * 2**20  # that are looked through for such a run
LONGEST_LINE = 100_000
LONGEST_CELL = 40
MOST_HEADINGS = 2_000  # lines in which leads' names are looked for
LEAST_LABELS = 3  # columns of a label table: "Age, 54" may stand over samples
WHOLE = 8  # leads of a recording, whatever else its columns are
N_LEADS = 6  # named in one line: a recording's headings, whatever follows
NUMBER = re.compile(
    r"[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?(?:[munµμ]?v|m?s)?|[-+]?(?:nan|inf)|n/?a|null|-+|\*+"
    r"|\[?\d{1,4}(?:[:./-]\d{1,6})+(?:t\d\d)?(?:[:.]\d+)*z?\]?",  # the last: times and dates
    re.IGNORECASE,
)
BETWEEN = re.compile(r"[\s,;|]+")
LABELS = {
    "record_name", "record", "record_id", "recording", "patient", "patient_id", "subject", "subject_id", "subject_ids", "ecg_id",
    "study_id", "filename", "file_name", "filename_hr", "file", "path", "label", "labels", "target", "diagnosis",
    "diagnoses", "scp_codes", "age", "sex", "gender", "fold", "strat_fold", "split",
}  # fmt: skip
LISTED = re.compile(r"\d+(?:\.\d+)?(?:e[-+]?\d+)?", re.IGNORECASE)
GAP = re.compile(r"[\[\]{}\s,;-]*(?:\"[^\"]*\"\s*:\s*)?[\[\]{}\s,;-]*")
LONGEST_GAP = 60  # between two numbers of one list, a key among it
PACKED = re.compile(r"[A-Za-z0-9+/]{60,}")  # bytes written as letters (base64)
OURS = re.compile(r"\s*\[\s*\{\s*\"record\"\s*:")  # findings.json
VALUE = re.compile(r"<(?:v|t)\b[^<>]*>([^<]*)<")
SHEET_BYTES = 4 * 2**20
LEAST_SHEET = 2_000  # letters of a sheet that holds anything


def text_holds_samples(path: Path) -> bool:
    """Whether a text has some fifty rows of numbers anywhere, with no labels' names above them; or has leads' names."""
    rows = (line.strip() for line in _lines(path) if line.strip() and not line.lstrip().startswith("#"))
    return _rows_hold_samples([cell.strip("\"'()") for cell in BETWEEN.split(row)] for row in rows)


def json_holds_samples(path: Path) -> bool:
    """Whether a JSON text that is not one of our findings.json has a long list of numbers."""
    text = "".join(_lines(path))
    return not OURS.match(text) and _has_list(text)


def xml_holds_samples(path: Path) -> bool:
    """Whether an XML text has a long list of numbers, or of bytes as letters."""
    text, n_packed = "".join(_lines(path)), 0
    for word in re.split(r"[\s<>\"'=]+", text):
        n_packed = n_packed + len(word) if PACKED.fullmatch(word) else 0
        if n_packed >= 2 * LEAST_NUMBERS:
            return True
    return _has_list(text)


def workbook_holds_samples(path: Path) -> bool:
    """The same as `text_holds_samples` of an .xlsx file; True where its sheets are not written as usual. Raises RecordError."""
    with open_zip(path) as book:
        names = [name for name in book.namelist() if re.fullmatch(r"xl/worksheets/[^/]+\.xml", name)]
        try:
            strings = [_value(each) for each in _part(book, "xl/sharedStrings.xml").split("</si>")]
            return not names or any(_sheet_holds_samples(_part(book, name), strings) for name in names)
        except (zipfile.BadZipFile, NotImplementedError, RuntimeError, ValueError, EOFError, OSError):
            return True  # so that reading it reports what is wrong


def _rows_hold_samples(rows: Iterable[Sequence[str]]) -> bool:
    n_labels = n_lines = n_rows = n_numbers = 0  # n_labels : columns of a label table, where a line has named these
    for row in rows:
        cells = [cell for cell in row if cell]
        n, n_lines = _numbers_in_row(cells), n_lines + 1
        if n:
            n_rows, n_numbers = n_rows + 1, n_numbers + n
            if (n_rows >= LEAST_ROWS or n_numbers >= LEAST_NUMBERS) and len(cells) > n_labels + 1:
                return True
        elif n_lines <= MOST_HEADINGS and _n_leads(cells) >= N_LEADS:
            return True
        elif cells:
            n_labels = len(cells) if _are_labels(cells) else n_labels
            n_rows = n_numbers = 0
    return False


def _sheet_holds_samples(text: str, strings: Sequence[str]) -> bool:
    *rows, rest = text.split("</row>")
    if not rows:
        return len(rest) > LEAST_SHEET
    cells = [[_cell(each, strings) for each in row.split("</c>")[:-1]] for row in rows]
    return _rows_hold_samples(cells) or (_reaches_far(rows[-1]) and not _is_mostly_text(cells))


def _reaches_far(row: str) -> bool:
    """Whether the last row says that it is one of many, or its last cell one of very many."""
    row = row.rpartition("<row")[2]
    number = re.match(r"[^<>]*?\br=\"(\d+)\"", row)
    column = re.match(r"[^<>]*?\br=\"([A-Z]+)", row.rpartition("<c ")[2])
    return (number is not None and int(number[1][:9]) >= LEAST_ROWS) or (column is not None and len(column[1]) >= 3)


def _is_mostly_text(rows: Iterable[Sequence[str]]) -> bool:
    are_numbers = [_is_number(cell) for row in rows for cell in row if cell]
    return sum(are_numbers) < len(are_numbers) / 2


def _cell(part: str, strings: Sequence[str]) -> str:
    """The content of the last cell that begins in this part of a row."""
    kind = part.rpartition("<c ")[2].partition(">")[0]
    text = _value(part)
    if 't="s"' not in kind:
        return text
    return strings[int(text)] if text.isdecimal() and int(text) < len(strings) else "text"


def _value(part: str) -> str:
    return html.unescape("".join(VALUE.findall(part))).strip()


def _part(book: zipfile.ZipFile, name: str) -> str:
    """The beginning of a part of a workbook."""
    if name not in book.namelist():
        return ""
    with book.open(name) as file:
        return file.read(SHEET_BYTES).decode("utf-8", "replace")


def _lines(path: Path) -> Iterator[str]:
    """The lines of a text, of a long one the first part of each and of all."""
    with path.open("rb") as file:
        encoding = encoding_of(file.read(HEAD)) or "latin-1"
    left = MOST_LETTERS
    with path.open(encoding=encoding, errors="replace") as file:
        while left > 0 and (line := _line(file)):
            left -= len(line)
            yield line


def _line(file: IO[str]) -> str:
    return file.readline(LONGEST_LINE)


def _numbers_in_row(cells: Sequence[str]) -> int:
    """How many numbers a row of samples holds; 0 for any other row.

    A mark or a comment may follow the numbers, and a lead's name precede very many; a name before a few is a label.
    """
    n = sum(_is_number(cell) for cell in cells)
    n_words = len(cells) - n
    follows = n >= N_LEADS and n_words <= 2 and _is_number(cells[0])
    return n if not n_words or follows or (n >= 100 and n_words <= 3) else 0


def _is_number(cell: str) -> bool:
    return len(cell) <= LONGEST_CELL and NUMBER.fullmatch(cell) is not None


def _n_leads(cells: Sequence[str]) -> int:
    """How many of a line's cells name leads, where most of them do and none names what a label table does."""
    if not N_LEADS <= len(cells) <= 100:
        return 0
    n = len({cell for cell in cells if len(cell) <= LONGEST_CELL and lead_and_sign(re.sub(r"[(\[_ ].*", "", cell))})
    return n if n >= len(cells) / 2 and (n >= WHOLE or not _are_labels(cells)) else 0


def _are_labels(heading: Sequence[str]) -> bool:
    return len(heading) >= LEAST_LABELS and not LABELS.isdisjoint(cell.lower() for cell in heading)


def _has_list(text: str) -> bool:
    n = end = 0
    for match in LISTED.finditer(text):
        follows = match.start() - end <= LONGEST_GAP and GAP.fullmatch(text, end, match.start())
        n, end = n + 1 if follows else 1, match.end()
        if n >= LEAST_NUMBERS:
            return True
    return False
