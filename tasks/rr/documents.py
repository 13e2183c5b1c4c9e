"""What is written of studies: intervals.csv, runs.csv and rr.json."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from cardiac import NOTICE
from cardiac.files import documents_file, harmless, rows_file
from tasks.rr.findings import RRFinding, as_plain, run_row

INTERVALS, RUNS, JSON = "intervals.csv", "runs.csv", "rr.json"
FORMAT = 1  # of rr.json's objects
INTERVAL_COLUMNS = ("id", "time", "x", "probability", "anomaly", "error")
SHOWN_LETTERS = 60  # of a name, where it is printed
RUN_COLUMNS = ("id", "start", "end", "number", "mean_probability")


def interval_rows(finding: RRFinding) -> Iterator[dict[str, Any]]:
    """The rows of intervals.csv, in order: times and intervals in ms."""
    name = safe_id(finding.record_id)
    columns = (finding.time_ms, finding.intervals_ms, finding.probabilities, finding.anomalies, finding.errors)
    for time, interval, told, anomaly, error in zip(*(each.tolist() for each in columns), strict=True):
        yield {
            "id": name,
            "time": as_plain(time),
            "x": as_plain(interval),
            "probability": f"{told:.4f}",
            "anomaly": int(anomaly),
            "error": int(error),
        }


def run_rows(finding: RRFinding) -> Iterator[dict[str, Any]]:
    """The rows of runs.csv, in order."""
    for run in finding.runs:
        yield {"id": safe_id(finding.record_id), **run_row(finding, run)}


def safe_id(record_id: str) -> str:
    """A study's id as it came, but for one that a spreadsheet would run; a number is none, whatever it begins with."""
    try:
        float(record_id)
    except ValueError:
        return harmless(record_id)
    return record_id


class Documents:
    """The files of a run, into which studies are written one by one; see `open_documents`."""

    def __init__(self, bundle: Mapping[str, Any], write: Callable[..., None], *write_rows: Callable[..., None]) -> None:
        self._bundle, self._write, (self._write_interval, self._write_run) = bundle, write, write_rows
        self.lines: list[str] = []  # of the summary

    def add(self, finding: RRFinding, source: str) -> None:
        """Write one study. source : the file that it came from."""
        for row in interval_rows(finding):
            self._write_interval(row)
        for row in run_rows(finding):
            self._write_run(row)
        self._write(
            {"format": FORMAT, "source": source, **finding.to_dict(), "bundle": dict(self._bundle), "notice": NOTICE}
        )
        self.lines.append(line_of(finding))

    def add_error(self, source: str, error: Exception) -> None:
        """Write that a file could not be read: nothing is said of what is in it."""
        self._write({"format": FORMAT, "source": source, "error": str(error), "notice": NOTICE})


def line_of(finding: RRFinding) -> str:
    """A study in one line, for people."""
    n, runs = len(finding.intervals_ms), len(finding.runs)
    said = f"{int(finding.anomalies.sum())} anomalies in {runs} run{'s' * (runs != 1)}" if runs else "no anomaly"
    name = finding.record_id if len(finding.record_id) <= SHOWN_LETTERS else f"{finding.record_id[:SHOWN_LETTERS]}…"
    return f"{name}: {n} interval{'s' * (n != 1)}, {said}, {int(finding.errors.sum())} errors"


@contextmanager
def open_documents(folder: Path, bundle: Mapping[str, Any]) -> Iterator[Documents]:
    """intervals.csv, runs.csv and rr.json, which are put in place at the end. bundle : what names the detector."""
    with ExitStack() as stack:
        write = stack.enter_context(documents_file(folder / JSON))
        write_interval = stack.enter_context(rows_file(folder / INTERVALS, INTERVAL_COLUMNS))
        write_run = stack.enter_context(rows_file(folder / RUNS, RUN_COLUMNS))
        yield Documents(bundle, write, write_interval, write_run)
