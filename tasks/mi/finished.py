"""What the command line writes of each record: its document in findings.json, its row of measurements, its picture.

A record is finished where it was decided on, which may be another process than the one that writes the files.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cardiac.errors import CardiacError, extra
from cardiac.files import documents_file, json_lines, rows_file
from cardiac.pipeline import Outcome
from tasks.mi.documents import MEASUREMENTS_CSV, error_document, finding_document, measurements_row
from tasks.mi.findings import Brief

FINDINGS, MEASUREMENTS = "findings.json", "measurements.csv"


@dataclass(frozen=True)
class Finished:
    """What is kept of a record until all are written: a finding's brief, its document as JSON, and its row of measurements.

    error : why there is no finding.  complaints : sentences about its evidence and picture.  status : of the command line.
    """

    document: str
    brief: Brief | None = None
    row: Mapping[str, Any] | None = None
    error: str | None = None
    complaints: tuple[str, ...] = ()
    status: int = 0


def finish_outcome(
    outcome: Outcome, decided_by: Mapping[str, str], measurements: bool = False, pictures: Path | None = None
) -> Finished:
    """What the command line writes of an outcome, whose picture is drawn now. pictures : the folder for it."""
    if outcome.finding is None:
        document: Mapping[str, Any] = error_document(outcome.record_id, outcome.error)
        row = measurements_row(document) if measurements else None
        return Finished(json_lines(document, 1), row=row, error=str(outcome.error))
    document = finding_document(outcome.finding, decided_by, outcome.evidence)
    complaints = [(2, each) for each in _draw(outcome, pictures)] if pictures else []
    if outcome.error:  # of the evidence
        complaints.append((1, str(outcome.error)))
    row = measurements_row(document) if measurements else None
    status = max((status for status, _ in complaints), default=0)
    sentences = tuple(sentence for _, sentence in complaints)
    return Finished(json_lines(document, 1), outcome.finding.brief, row, None, sentences, status)


def _draw(outcome: Outcome, folder: Path) -> list[str]:
    """Draw one record; the sentences about what cannot be written, which stops none of the others."""
    name = outcome.record_id.replace("%", "%25").replace("/", "%2F")  # so that no two names meet in one file
    try:
        extra("matplotlib", "requirements.txt")
        from tasks.mi.pictures import write_ecg  # matplotlib is slow to import, and only pictures need it

        write_ecg(outcome.record, outcome.finding, folder / f"{name}.png", outcome.evidence)
    except CardiacError as error:
        return [str(error)]
    return []


@contextmanager
def written_files(out: Path, measurements: bool) -> Iterator[Callable[[Finished], None]]:
    """findings.json, and measurements.csv where asked for: gives what writes one record into both."""
    with ExitStack() as stack:
        write = stack.enter_context(documents_file(out / FINDINGS))
        write_row = stack.enter_context(rows_file(out / MEASUREMENTS, MEASUREMENTS_CSV)) if measurements else None

        def write_both(finished: Finished) -> None:
            write(finished.document)
            if write_row:
                write_row(finished.row)

        yield write_both
