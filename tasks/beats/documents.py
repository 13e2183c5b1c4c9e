"""What is written of each recording: beats.csv, beats.json, an annotation file, and the summary for people."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from cardiac import NOTICE
from cardiac.files import documents_file, replace_file, rows_file
from tasks.beats.annotations import write_annotations
from tasks.beats.findings import TOO_POOR, BeatsFinding, error_document
from tasks.beats.labels import CLASSES
from tasks.beats.summary import summary_lines

CSV, JSON, SUMMARY = "beats.csv", "beats.json", "summary.txt"
COLUMNS = ("record", "sample", "time_s", "beat", *(f"p_{name}" for name in CLASSES))
MOST_REMARKS = 6  # in the summary; all of them stand in beats.json


def file_stem(record_id: str) -> str:
    """The name of a recording's own files, so that no two names meet in one file."""
    return record_id.replace("%", "%25").replace("/", "%2F")


def beat_rows(finding: BeatsFinding) -> Iterator[dict[str, Any]]:
    """The rows of beats.csv: one a beat, in order."""
    at_s, letters = finding.at_s.tolist(), finding.letters
    for sample, second, beat, row in zip(finding.positions.tolist(), at_s, letters, finding.probabilities, strict=True):
        told = {"record": finding.record_id, "sample": sample, "time_s": f"{second:.3f}", "beat": beat}
        yield told | {f"p_{name}": f"{value:.4f}" for name, value in zip(CLASSES, row.tolist(), strict=True)}


def finding_lines(finding: BeatsFinding) -> list[str]:
    """A recording's summary for people, its name first."""
    leads = f"lead{'s' if len(finding.leads) > 1 else ''} {' and '.join(finding.leads)}"
    lines = [f"{finding.record_id} ({finding.duration_s:.1f} s, {leads})"]
    if finding.without_beats:
        return [*lines, f"  {finding.without_beats}"]
    lines += [f"  {line}" for line in summary_lines(finding.summary)]
    return [*lines, *(f"  note: {text}" for text in remarks_in_short(finding))]


def remarks_in_short(finding: BeatsFinding) -> list[str]:
    """What must be known of the beats first, then of the tracing; no more than a few."""
    first = [each.text for each in finding.notes if each.level == "warning"]
    others = [text for text in finding.remarks if text not in first]
    first.sort(key=lambda text: text != TOO_POOR)
    left_over = len(first) + len(others) - MOST_REMARKS
    more = [f"and {left_over} more: see {JSON}"] if left_over > 0 else []
    return [*first, *others][:MOST_REMARKS] + more


class Documents:
    """The files of a run, into which recordings are written one by one; see `open_documents`."""

    def __init__(
        self, folder: Path, bundle: Mapping[str, str], write: Callable[..., None], write_row: Callable[..., None]
    ) -> None:
        self._folder, self._bundle, self._write, self._write_row = folder, bundle, write, write_row
        self.lines: list[str] = []  # of the summary

    def add(self, finding: BeatsFinding) -> None:
        """Write one recording's object, rows, annotations and lines. Raises CardiacError where its annotations cannot be."""
        for row in beat_rows(finding):
            self._write_row(row)
        self._write({**finding.to_dict(), "bundle": dict(self._bundle)})
        self.lines += finding_lines(finding)
        write_annotations(
            self._folder, file_stem(finding.record_id), finding.positions, finding.classes.tolist(), finding.fs_hz
        )

    def add_error(self, record_id: str, error: Exception) -> None:
        """Write that a recording could not be read."""
        self._write(error_document(record_id, error))
        self.lines += [record_id, f"  not read: {error}"]


@contextmanager
def open_documents(folder: Path, bundle: Mapping[str, str]) -> Iterator[Documents]:
    """beats.csv, beats.json and summary.txt, which are put in place at the end. bundle : name and sha256 of what decided."""
    with ExitStack() as stack:
        write = stack.enter_context(documents_file(folder / JSON))
        write_row = stack.enter_context(rows_file(folder / CSV, COLUMNS))
        documents = Documents(folder, bundle, write, write_row)
        yield documents
        replace_file(folder / SUMMARY, "\n".join([*documents.lines, "", NOTICE, ""]).encode("utf-8", "replace"))
