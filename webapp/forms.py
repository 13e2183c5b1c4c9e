"""Forms as they are sent, taken apart within bounds: whatever is sent, a form takes a few megabytes of the memory."""

import csv
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, Any

from werkzeug.datastructures import Headers
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.formparser import FormDataParser, MultiPartParser
from werkzeug.sansio.multipart import File

from cardiac.errors import DatasetError

MOST_FIELD_BYTES = 2**18  # of one field that is no file
MOST_FIELDS = 20  # that are no files; sites of a review, token, comment
MOST_PLAIN_BYTES = 2**16  # of a form without files, which is read as a whole
MOST_HEADER_LETTERS = 2**21  # of all files' names and kinds together
MOST_ROWS, MOST_COLUMNS, LONGEST_ROW = 25_000, 20, 2**16  # of a submission form, which has 8 columns
ONE_FORM = threading.Lock()  # one submission form is in the memory at a time
_READER = ThreadPoolExecutor(1)  # and one thread reads them all: every thread keeps what pandas once took


class BoundedFormParser(FormDataParser):
    """Forms, whose files go to the disk; of all the rest there is little."""

    def _parse_multipart(self, stream: IO[bytes], mimetype: str, content_length: int | None, options: Any) -> Any:
        boundary = options.get("boundary", "").encode("ascii")
        if not boundary:
            raise ValueError("no boundary")
        parser = _BoundedParts(
            stream_factory=self.stream_factory,
            max_form_memory_size=self.max_form_memory_size,
            max_form_parts=self.max_form_parts,
            cls=self.cls,
        )
        return stream, *parser.parse(stream, boundary, content_length)


class _BoundedParts(MultiPartParser):
    _n_fields = _n_letters = 0

    def get_part_charset(self, headers: Headers) -> str:
        """Asked of every field when it has been read."""
        self._n_fields += 1
        if self._n_fields > MOST_FIELDS:
            raise RequestEntityTooLarge
        return super().get_part_charset(headers)

    def start_file_streaming(self, event: File, total_content_length: int | None) -> IO[bytes]:
        """Asked for every file before it is read."""
        self._n_letters += sum(len(name) + len(value) for name, value in event.headers)
        if self._n_letters > MOST_HEADER_LETTERS:
            raise RequestEntityTooLarge
        return super().start_file_streaming(event, total_content_length)


def read_form_rows(path: Path) -> tuple[list[str], list[list[Any]]]:
    """Columns and rows of a submission form. Raises DatasetError naming the column or row that is wrong."""
    return _READER.submit(_read_form_rows, path).result()


def _read_form_rows(path: Path) -> tuple[list[str], list[list[Any]]]:
    from tasks.mi.submission import read_template  # pandas is slow to import and large, and only forms need it

    _check_form(path)
    table = read_template(path)
    columns = [table[name].tolist() for name in table.columns]
    return list(table.columns), [list(row) for row in zip(*columns, strict=True)]


def _check_form(path: Path) -> None:
    """Raises DatasetError for what is no form, before it is read as a table."""
    with path.open(encoding="latin-1") as file:
        for number, row in enumerate(_rows_of(file, path.name), start=1):
            if number == 1 and len(next(csv.reader(row.splitlines()), ())) > MOST_COLUMNS:
                raise DatasetError(
                    "{file}: has more than {most} columns, and a form has 8: check the file",
                    file=path.name,
                    most=MOST_COLUMNS,
                )
            if number > MOST_ROWS + 1:
                raise DatasetError(
                    "{file}: has more than {most:,} rows: give it in parts", file=path.name, most=MOST_ROWS
                )


def _rows_of(file: IO[str], name: str) -> Iterator[str]:
    """The rows of a table as text; a cell between quotation marks may go over several lines. Raises DatasetError."""
    row, is_open, n = "", False, 1
    while line := file.readline(LONGEST_ROW + 1):
        row, is_open = row + line, is_open != bool(line.count('"') % 2)
        if len(row) > LONGEST_ROW:
            raise DatasetError(
                "{name}: row {n} is longer than a form's, or a quotation mark in it is not closed", name=name, n=n
            )
        if not is_open:
            yield row
            row, n = "", n + 1
    if row:
        raise DatasetError("{name}: row {n} has a quotation mark that is not closed: close it", name=name, n=n)
