"""What leaves the site: the submission in its form's order, findings as JSON and CSV, reviews as labels, a zip of all."""

import csv
import io
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import closing
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from cardiac import NOTICE
from cardiac.files import harmless, json_lines
from tasks.mi.documents import FINDINGS_CSV, table_row
from tasks.mi.findings import Finding
from tasks.mi.labels import COLUMNS, RECORD_COLUMN
from tasks.mi.submission import submission_row
from webapp.storage.files import Files
from webapp.storage.records import Query, every_record, latest_reviews
from webapp.storage.tables import Form, Record, sites_of

PIECE, PIECE_BYTES = 500, 2**20  # records, and bytes of samples, that are held at once


def submission_csv(session: Session, workspace: str) -> str:
    """The uploaded form with the rows of the records that were read filled in; without a form, all records by name."""
    statement = select(Record.name, Record.sites, Record.present).where(Record.workspace == workspace)
    rows = {name: submission_row(sites_of(mask), not present) for name, mask, present in session.execute(statement)}
    form = session.get(Form, workspace)
    if form is None:
        columns = [RECORD_COLUMN, *COLUMNS.values()]
        return csv_text(columns, ([name, *rows[name].values()] for name in sorted(rows)))
    name_column = form.columns.index(RECORD_COLUMN)
    filled = (
        [{RECORD_COLUMN: row[name_column], **rows[row[name_column]]}[column] for column in form.columns]
        if row[name_column] in rows
        else row
        for row in form.rows
    )
    return csv_text(form.columns, filled)


def labels_csv(session: Session, workspace: str) -> str:
    """The reviews as labels in the task's own columns; what a reader could not read has none."""
    rows = []
    for name, review in latest_reviews(session, workspace):
        if review.verdict != "unreadable":
            sites = sites_of(review.sites)  # a finding of an infarction always has a site
            rows.append([name, *submission_row(sites, is_norm=not sites).values()])
    return csv_text([RECORD_COLUMN, *COLUMNS.values()], rows)


def findings_json(session: Session, workspace: str, query: Query) -> Iterator[str]:
    """The documents as findings.json has them, in pieces."""
    before = "["
    for row in _pieces(session, workspace, query):
        yield before + "\n" + " " + json_lines(row.document, 1)
        before = ","
    yield "[]\n" if before == "[" else "\n]\n"


def findings_csv(session: Session, workspace: str, query: Query) -> Iterator[str]:
    """A row a record: decision, probabilities and thresholds, quality, in pieces."""
    yield csv_text([*FINDINGS_CSV, "bundle_sha256", "notice"], [])
    for row in _pieces(session, workspace, query):
        cells = table_row(Finding.from_dict(row.document), FINDINGS_CSV)
        cells |= {"sites": " ".join(cells["sites"]), "reasons": "; ".join(cells["reasons"])}
        plain = (int(cell) if isinstance(cell, bool) else cell for cell in cells.values())
        yield csv_text([*plain, row.document["bundle"]["sha256"], NOTICE], [])


def everything_zip(session: Session, files: Files, workspace: str, query: Query) -> Iterator[bytes]:
    """A zip of what a filter shows: findings.json, findings.csv, and every record's samples, in pieces."""
    pipe = _Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED, allowZip64=True) as archive:
        archive.writestr("README.txt", f"{NOTICE}\n")
        for name, pieces in (
            ("findings.json", findings_json(session, workspace, query)),
            ("findings.csv", findings_csv(session, workspace, query)),
        ):
            with archive.open(name, "w", force_zip64=True) as member:
                for piece in pieces:
                    member.write(piece.encode("utf-8", "replace"))
                    yield pipe.taken()
        for row in _pieces(session, workspace, query):
            try:
                source = files.signal(row.signal).open("rb")
            except FileNotFoundError:  # deleted while this was being sent
                continue
            kept_as = zipfile.ZipInfo(f"signals/{_file_name(row.name)}.npy")  # stored as it is
            with source, archive.open(kept_as, "w", force_zip64=True) as member:
                while piece := source.read(PIECE_BYTES):
                    member.write(piece)
                    yield pipe.taken()
    yield pipe.taken()


def documents_zip(documents: Iterable[tuple[str, bytes]]) -> Iterator[bytes]:
    """A zip of documents, as (name, content), in pieces; they are packed already."""
    pipe = _Pipe()
    with zipfile.ZipFile(pipe, "w", allowZip64=True) as archive:
        for name, content in documents:
            archive.writestr(_file_name(name), content)
            yield pipe.taken()
    yield pipe.taken()


def csv_text(columns: Iterable[Any], rows: Iterable[Iterable[Any]]) -> str:
    """A table as CSV, in which nothing can be taken for a formula."""
    content = io.StringIO()
    writer = csv.writer(content, lineterminator="\n")
    writer.writerows([harmless(cell) for cell in row] for row in (columns, *rows))
    return content.getvalue()


def _pieces(session: Session, workspace: str, query: Query) -> Iterator[Record]:
    statement = every_record(workspace, query).execution_options(yield_per=PIECE)
    with closing(session.scalars(statement)) as rows:  # also where nobody waits for the rest
        yield from rows


def _file_name(name: str) -> str:
    """A record's name as a file's in an archive."""
    return name.replace("%", "%25").replace("/", "%2F").replace(":", "%3A")


class _Pipe(io.RawIOBase):
    """A file that is only written to, of which what was written is taken."""

    def __init__(self) -> None:
        super().__init__()
        self._written = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, content: Any) -> int:
        self._written += content
        return len(content)

    def taken(self) -> bytes:
        """What was written since the last time."""
        content, self._written = bytes(self._written), bytearray()
        return content
