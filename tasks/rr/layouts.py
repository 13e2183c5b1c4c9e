"""How a text file of RR intervals is laid out: its separator, its header, and which column is which, by what it says."""

import re
from dataclasses import dataclass

import numpy as np

from cardiac.errors import RecordError
from tasks.rr.units import MIDDLE_MS, SECONDS_UNDER, UNITS

SNIFFED_BYTES = 64 * 1024
WIDE = (b"\xff\xfe", b"\xfe\xff")  # how UTF-16 begins
SEPARATORS = (";", "\t", ",", "|")
KINDS = {
    "interval": {
        "rr", "rri", "rris", "rrs", "rrinterval", "rrintervals", "rrivalue", "interval", "intervals", "ibi", "ibis", "nn",
        "nni", "nninterval", "nnintervals", "ppi", "ppinterval", "beatinterval", "ринтервал", "rrинтервал", "интервал",
    },
    "id": {"id", "study", "studyid", "record", "recordid", "subject", "subjectid", "patient", "patientid", "series"},
    "time": {"time", "timestamp", "phonetimestamp", "datetime", "date", "t", "elapsed", "время"},
    "target": {"y", "label", "anomaly", "target"},
}  # fmt: skip
CASE = "x"  # the case's name for intervals: too short to be one without an id or a time beside it
UNIT = re.compile(
    rf"^(?P<name>.+?)(?:\s*[\[(]\s*|[\s_]+)(?P<unit>{'|'.join(sorted(UNITS, key=len, reverse=True))})\s*[\])]?$"
)
FEW = 20  # lines, by which a column without a name is told


@dataclass(frozen=True)
class Column:
    """A column that is known. kind : of KINDS.  unit : of UNITS, "" where none is said."""

    kind: str
    place: int
    unit: str
    name: str


@dataclass(frozen=True)
class Layout:
    """How a file is laid out. separator : None for one value a line.  columns : by kind.  header : lines down to its end."""

    separator: str | None
    columns: dict[str, Column]
    header: int
    n_columns: int
    is_bare: bool = False


def is_utf_8(content: bytes) -> bool:
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def decoded(content: bytes, name: str) -> str:
    encoding = "utf-16" if content.startswith(WIDE) else "utf-8-sig"
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        raise RecordError(f"{name}: is not text in UTF-8 (byte {error.start}): save it as UTF-8") from error
    if "\0" in text:
        raise RecordError(f"{name}: is not text: give a table of RR intervals")
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def layout_of(text: str, name: str) -> Layout | None:
    """None where the first lines hold no RR intervals. Raises RecordError where it is not clear which column they are."""
    lines = text[:SNIFFED_BYTES].split("\n")
    for number, line in enumerate(lines[:FEW]):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        separator = max(SEPARATORS, key=line.count)
        separator = separator if line.count(separator) else None
        cells = [_bare(cell) for cell in line.split(separator)] if separator else [_bare(line)]
        if columns := _columns(cells, name):
            return Layout(separator, columns, number + 1, len(cells))
        if len(words := line.split()) > 1 and (columns := _columns([_bare(word) for word in words], name)):
            return Layout(r"\s+", columns, number + 1, len(words))
        if _is_row(line):  # below numbers comes no header
            return _without_header(lines[number:], number)
    return None


def _is_row(line: str) -> bool:
    """Whether a line is numbers."""
    return all(not np.isnan(_number(_bare(cell))) for cell in re.split(r"[;\t|]|,\s*|\s+", line.strip()) if cell)


def _bare(cell: str) -> str:
    return cell.strip().strip("\"'").strip()


def _columns(cells: list[str], name: str) -> dict[str, Column]:
    """The known columns of a header; none where it has no intervals. Raises RecordError where two are of one kind."""
    if any("=" in cell or ":" in cell or not np.isnan(_number(cell)) for cell in cells):
        return {}  # a line that states something, as programs write them above a recording
    found: dict[str, list[Column]] = {}
    for place, cell in enumerate(cells):
        column = _column(cell, place)
        if column:
            found.setdefault(column.kind, []).append(column)
    cased = [Column("interval", place, "", cell) for place, cell in enumerate(cells) if cell.lower() == CASE]
    if cased and (found.keys() & {"id", "time"} or len(cells) == 1):
        found["interval"] = [*cased, *found.get("interval", [])]
    if "interval" not in found and {"id", "time"} <= found.keys() and sum(map(len, found.values())) == len(cells):
        raise RecordError(f"{name}: has the times of studies and no column of RR intervals: add them as rr_ms")
    if "interval" not in found:
        return {}
    for kind, columns in found.items():
        if len(columns) > 1:
            names = " and ".join(repr(each.name[:40]) for each in columns[:2])
            raise RecordError(f"{name}: the columns {names} could both be the {kind}: leave one of them")
    return {kind: columns[0] for kind, columns in found.items()}


def _column(cell: str, place: int) -> Column | None:
    lowered = cell.lower()
    match = UNIT.match(lowered)
    for text, unit in ([(match["name"], match["unit"])] if match else []) + [(lowered, "")]:
        letters = "".join(letter for letter in text if letter.isalnum())
        for kind, names in KINDS.items():
            if letters in names:
                return Column(kind, place, unit, cell)
    return None


def _without_header(lines: list[str], before: int) -> Layout | None:
    """One number a line, as many programs export intervals; None where the lines are anything else.

    With a comma in it a line may be two columns, and is not taken.
    """
    cells = [_bare(line) for line in lines[:FEW] if line.strip()]
    if any("," in cell for cell in cells):
        return None
    values = np.array([_number(cell) for cell in cells])
    if len(values) < 2 or np.isnan(values).any() or values.min() <= 0:
        return None
    middle = float(np.median(values))
    if not (MIDDLE_MS[0] <= middle <= MIDDLE_MS[1] or 0.2 <= middle < SECONDS_UNDER):
        return None
    return Layout(None, {"interval": Column("interval", 0, "", "the only column")}, before, 1, is_bare=True)


def _number(text: str) -> float:
    try:
        return float(text.replace(",", "."))
    except ValueError:
        return np.nan
