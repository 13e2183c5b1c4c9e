"""Files put in place whole or not at all, output folders, documents, tables and pictures."""

import csv
import io
import json
import os
import tempfile
import uuid
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from cardiac.errors import CardiacError, DatasetError, RecordError, extra, first_line

if TYPE_CHECKING:
    import pandas as pd

LONGEST_NAME = 120  # bytes, of a file that was sent
RUN_BY_SHEETS = tuple("=+-@＝＋－＠\t\r\n")  # a spreadsheet takes a cell that begins so for a formula


def open_folder(folder: str | Path) -> Path:
    """The folder, made where it is missing and tried by writing into it. Raises CardiacError where that fails."""
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        trial = folder / f".trial.{os.getpid()}"
        trial.touch()
        trial.unlink()
    except OSError as error:
        raise CardiacError(
            "{folder}: cannot be written to ({reason}): choose another folder", folder=folder, reason=error.strerror
        ) from error
    return folder


@contextmanager
def new_file(path: Path) -> Iterator[IO[bytes]]:
    """A file to write into, put in place at the end: a reader sees the old one or the new one, never a part.

    Raises CardiacError where that fails (disk full, folder gone); the old file stays, as it does where the caller fails.
    """
    temporary = path.with_name(f".{uuid.uuid4().hex}")
    try:
        with temporary.open("wb") as file:
            yield file
        temporary.replace(path)
    except OSError as error:
        reason = f"{path}: cannot be written ({error.strerror}): make room or choose another folder"
        raise CardiacError(reason) from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def replace_file(path: Path, content: bytes) -> None:
    """Write a file whole or not at all. Raises CardiacError as `new_file`."""
    with new_file(path) as file:
        file.write(content)


@contextmanager
def documents_file(path: Path) -> Iterator[Callable[[Mapping[str, Any] | str], None]]:
    """A JSON array of documents, UTF-8: gives what writes one; all are put in place at the end, or none.

    Raises CardiacError at the end where the disk was full meanwhile; the old file stays.
    """
    with _text_file(path) as append, documents_array(append) as write:
        yield write


@contextmanager
def documents_array(append: Callable[[str], Any]) -> Iterator[Callable[[Mapping[str, Any] | str], None]]:
    """A JSON array of documents, as its text is appended: gives what writes one.

    A document is plain data, or what `json_lines` made of it at an indent of 1.
    """
    n_written = 0

    def write(document: Mapping[str, Any] | str) -> None:
        nonlocal n_written
        text = document if isinstance(document, str) else json_lines(document, indent=1)
        append(f"{',' if n_written else '['}\n {text}")
        n_written += 1

    yield write
    append("\n]\n" if n_written else "[]\n")


_ON_ONE_LINE = json.JSONEncoder(ensure_ascii=False).encode


def json_lines(value: Any, indent: int = 0) -> str:
    """Plain data as JSON for people too: an object or list that holds others is spread over lines, what holds none is one line.

    indent : spaces before all lines but the first.
    """
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    if not any(isinstance(each, dict | list) for each in inner):
        return _ON_ONE_LINE(value)
    before = "\n" + " " * (indent + 1)
    if isinstance(value, dict):
        rows = [f"{_ON_ONE_LINE(str(key))}: {json_lines(each, indent + 1)}" for key, each in value.items()]
    else:
        rows = [json_lines(each, indent + 1) for each in value]
    opening, closing = "{}" if isinstance(value, dict) else "[]"
    return f"{opening}{before}{(',' + before).join(rows)}{before[:-1]}{closing}"


@contextmanager
def rows_file(path: Path, columns: Sequence[str]) -> Iterator[Callable[[Mapping[str, Any]], None]]:
    """A CSV table, UTF-8, with these columns: gives what writes one row by their names; put in place as `documents_file` does.

    What is None stands as an empty cell. Raises CardiacError as `documents_file`.
    """

    def write(row: Mapping[str, Any]) -> None:
        line = io.StringIO()
        csv.writer(line, lineterminator="\n").writerow([row[name] for name in columns])
        append(line.getvalue())

    with _text_file(path) as append:
        write(dict(zip(columns, columns, strict=True)))
        yield write


def harmless(cell: Any) -> Any:
    """A cell that a spreadsheet shows and does not run: an apostrophe goes before what begins like a formula."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(RUN_BY_SHEETS) else cell


@contextmanager
def _text_file(path: Path) -> Iterator[Callable[[str], None]]:
    """A new file in UTF-8: gives what appends to it. A full disk is said at the end: whoever writes goes on with the rest."""
    failed = None

    def append(text: str) -> None:
        nonlocal failed
        try:
            file.write(text.encode("utf-8", "replace"))  # a file's name may hold what is not UTF-8
        except OSError as error:
            failed = failed or error

    with new_file(path) as file:
        yield append
        if failed:
            raise failed


def read_table(path: Path, needed: Sequence[str], text: Sequence[str] = (), blanks: bool = True) -> "pd.DataFrame":
    """A CSV table, UTF-8, with the needed columns, its rows in the file's order.

    text : columns read as text, which must be filled in and hold each value once.  blanks : whether "NA" means no value.
    Raises DatasetError where there is no such table, a column is missing, a row is longer than the head, or `text` does
    not hold.
    """
    pd = extra("pandas", "requirements.txt", DatasetError)  # slow to import, and only tables need it
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.reader(file)
            width = len(next(rows, ()))
            if any(any(row[width:]) for row in rows):
                raise ValueError("a row is longer than the head")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", pd.errors.ParserWarning)  # of rows that end in a comma
            table = pd.read_csv(
                path,
                dtype=dict.fromkeys(text, str),
                encoding="utf-8-sig",
                low_memory=False,
                index_col=False,
                keep_default_na=blanks,
            )
    except (OSError, ValueError, csv.Error, pd.errors.ParserError) as error:
        raise DatasetError(
            "{file}: cannot be read as a CSV table ({fault}): check the file", file=path.name, fault=first_line(error)
        ) from error
    missing = [name for name in needed if name not in table.columns]
    if missing:
        raise DatasetError(
            "{file}: column {missing!r} is missing: the table needs {needed}",
            file=path.name,
            missing=missing[0],
            needed=", ".join(needed),
        )
    for name in text:
        values, seen = table[name].tolist(), set()  # pandas' own checks of texts take megabytes
        for row, value in enumerate(values, start=2):
            if not (isinstance(value, str) and value):
                raise DatasetError(
                    "{file}: row {row} names no record: fill in {name}", file=path.name, row=row, name=name
                )
        for value in values:
            if value in seen:
                raise DatasetError(
                    "{file}: record {value!r} is listed twice: keep one row", file=path.name, value=value
                )
            seen.add(value)
    return table


def write_table(columns: Mapping[str, Sequence[object]], path: Path, float_format: str | None = None) -> None:
    """Write a CSV table as `read_table` reads it, its rows sorted by record_id.

    columns : by name, record_id among them.  float_format : such as "%.5f".  Raises CardiacError as `new_file`.
    """
    pd = extra("pandas", "requirements.txt")
    table = pd.DataFrame(columns).sort_values("record_id")
    replace_file(path, table.to_csv(index=False, float_format=float_format).encode())


def png(figure: Any) -> bytes:
    """A Matplotlib figure as PNG; the same figure gives the same bytes."""
    content = io.BytesIO()
    figure.savefig(content, format="png", metadata={"Software": None})
    return content.getvalue()


@contextmanager
def given_files(files: Sequence[Any], name: str, same_name: str) -> Iterator[Path]:
    """A folder with what was sent under `given`, which is gone at the end.

    files : each with `filename`, `stream` and `save`, as a form gives them.  name : how the folder's own begins.
    same_name : the sentence where two have one name. Raises RecordError.
    """
    beside = getattr(files[0].stream, "name", None)  # where the site puts what is being sent
    room = Path(beside).parent if isinstance(beside, str) else None
    with tempfile.TemporaryDirectory(prefix=f"{name}-", dir=room) as made:
        given = Path(made) / "given"
        given.mkdir()
        for number, each in enumerate(files):
            target = given / file_name(each.filename or "", number)
            if target.exists():
                raise RecordError(same_name)
            each.save(target)
        yield Path(made)


def new_folders(folder: Path) -> Callable[[], Path]:
    """Gives an empty folder in this one each time, for what is unpacked."""
    numbers = count(1)

    def new_folder() -> Path:
        target = folder / str(next(numbers))
        target.mkdir()
        return target

    return new_folder


def file_name(sent: str, number: int) -> str:
    """The last part of a sender's file name, or one of our own where that could mean anything but a file."""
    last = sent.replace("\\", "/").rpartition("/")[2].strip()
    last = "".join(letter if letter.isprintable() and letter not in ':*?"<>|' else "_" for letter in last)
    if not last.strip(".") or last.startswith(".") or len(os.fsencode(last)) > LONGEST_NAME:
        return f"{number}{Path(last).suffix[:8]}"
    return last
