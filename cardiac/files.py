"""Files put in place whole or not at all, output folders, tables and documents."""

import csv
import io
import json
import os
import uuid
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cardiac.errors import CardiacError, DatasetError, extra, first_line

if TYPE_CHECKING:
    import pandas as pd


def replace_file(path: Path, content: bytes) -> None:
    """Write under a temporary name, then put in place: a reader sees the old file or the new one, never a part.

    Raises CardiacError where that fails (disk full, folder gone); the old file stays.
    """
    temporary = path.with_name(f".{uuid.uuid4().hex}")
    try:
        temporary.write_bytes(content)
        temporary.replace(path)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise CardiacError(
            f"{path}: cannot be written ({error.strerror}): make room or choose another folder"
        ) from error


def open_folder(folder: str | Path) -> Path:
    """The folder, made where it is missing and tried by writing into it. Raises CardiacError where that fails."""
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        trial = folder / f".trial.{os.getpid()}"
        trial.touch()
        trial.unlink()
    except OSError as error:
        raise CardiacError(f"{folder}: cannot be written to ({error.strerror}): choose another folder") from error
    return folder


@contextmanager
def documents_file(path: Path) -> Iterator[Callable[[Mapping[str, Any]], None]]:
    """findings.json, an array of documents, UTF-8: gives what writes one; all are put in place at the end, or none.

    Raises CardiacError at the end where the disk was full meanwhile; the old file stays.
    """
    temporary, n_written, failed = path.with_name(f".{uuid.uuid4().hex}"), 0, None

    def write(document: Mapping[str, Any]) -> None:
        nonlocal n_written, failed
        told = json.dumps(document, ensure_ascii=False, indent=1).replace("\n", "\n ")
        text = f"{',' if n_written else '['}\n {told}"
        n_written += 1
        try:
            file.write(text.encode("utf-8", "replace"))  # a file's name may hold what is not UTF-8
        except OSError as error:
            failed = failed or error

    try:
        with temporary.open("wb") as file:
            yield write
            file.write(b"\n]\n" if n_written else b"[]\n")
        if failed:
            raise failed
        temporary.replace(path)
    except OSError as error:
        reason = f"{path}: cannot be written ({error.strerror}): make room or choose another folder"
        raise CardiacError(reason) from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def png(figure: Any) -> bytes:
    """A figure as PNG; the same figure gives the same bytes."""
    content = io.BytesIO()
    figure.savefig(content, format="png", metadata={"Software": None})
    return content.getvalue()


def read_table(path: Path, needed: Sequence[str], text: Sequence[str] = (), blanks: bool = True) -> "pd.DataFrame":
    """A CSV table with the needed columns.

    text : columns read as text, filled in and each value once.  blanks : "NA" means no value.
    Raises DatasetError.
    """
    pd = extra("pandas", "requirements.txt", DatasetError)  # slow to import, and only tables need it
    kinds = dict.fromkeys(text, str)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.reader(file)
            width = len(next(rows, ()))
            if any(any(row[width:]) for row in rows):
                raise ValueError("a row is longer than the head")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", pd.errors.ParserWarning)  # of rows that end in a comma
            table = pd.read_csv(
                path, dtype=kinds, encoding="utf-8-sig", low_memory=False, index_col=False, keep_default_na=blanks
            )
    except (OSError, ValueError, csv.Error, pd.errors.ParserError) as error:
        raise DatasetError(
            f"{path.name}: cannot be read as a CSV table ({first_line(error)}): check the file"
        ) from error
    missing = [name for name in needed if name not in table.columns]
    if missing:
        raise DatasetError(f"{path.name}: column {missing[0]!r} is missing: the table needs {', '.join(needed)}")
    for name in text:
        empty = table[name].isna() | (table[name] == "")
        if empty.any():
            raise DatasetError(f"{path.name}: row {int(empty.argmax()) + 2} names no record: fill in {name}")
        if table[name].duplicated().any():
            twice = table[name][table[name].duplicated()].iloc[0]
            raise DatasetError(f"{path.name}: record {twice!r} stands there twice: keep one row")
    return table


def write_table(columns: Mapping[str, Sequence[object]], path: Path, float_format: str | None = None) -> None:
    """A CSV table as `read_table` reads it, its rows by record_id. columns : by name, record_id among them."""
    pd = extra("pandas", "requirements.txt")
    table = pd.DataFrame(columns).sort_values("record_id")
    replace_file(path, table.to_csv(index=False, float_format=float_format).encode())
