"""The task's submission: its form, its rows, and the table that a terminal shows."""

import csv
import io
import os
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cardiac.errors import DatasetError
from cardiac.files import read_table, replace_file
from tasks.mi.findings import Brief, Finding
from tasks.mi.labels import COLUMNS, NORM, RECORD_COLUMN, SITES

if TYPE_CHECKING:
    import pandas as pd

TEMPLATE = "sample_submission.csv"


def submission_row(sites: Collection[str], is_norm: bool) -> dict[str, int]:
    """The seven 0/1 columns of one record."""
    return {COLUMNS[site]: int(site in sites) for site in SITES} | {COLUMNS[NORM]: int(is_norm)}


def submission(
    findings: "Sequence[Finding | Brief]", template: "pd.DataFrame | None" = None
) -> Iterator[list[str | int]]:
    """The head and then the seven 0/1 columns by record, in the template's order of rows and columns, else by name.

    A row of the template whose record has no finding is left out: nothing was decided on it.
    """
    by_name = {finding.record_id: finding for finding in findings}
    order = sorted(by_name) if template is None else [name for name in template[RECORD_COLUMN] if name in by_name]
    names = [RECORD_COLUMN, *COLUMNS.values()] if template is None else list(template.columns)
    yield names
    for name in order:
        row = {RECORD_COLUMN: name, **submission_row(by_name[name].sites, by_name[name].norm)}
        yield [row[column] for column in names]


def write_submission(findings: "Sequence[Finding | Brief]", path: Path, template: "pd.DataFrame | None" = None) -> int:
    """submission.csv as the task asks for it; returns the number of rows."""
    text = io.StringIO()
    writer, n_lines = csv.writer(text, lineterminator="\n"), 0
    for row in submission(findings, template):
        writer.writerow(row)
        n_lines += 1
    replace_file(path, text.getvalue().encode("utf-8", "replace"))
    return n_lines - 1


def findings_table(findings: "Sequence[Finding | Brief]") -> Iterator[str]:
    """Lines of a table for a terminal: record, infarction probability and sites."""
    width = max([len(finding.record_id) for finding in findings] + [len("record")])
    yield f"{'record':<{width}}  MI prob.  finding\n"
    for finding in findings:
        conclusion = ", ".join(finding.sites) if finding.mi.present else "no infarction found"
        conclusion += " (the closest: no site reached its own threshold)" if finding.sites_by == "closest" else ""
        marks = ("  uncertain" if finding.uncertain else "") + ("  (!)" if finding.quality != "ok" else "")
        yield f"{finding.record_id:<{width}}  {finding.mi.probability:8.3f}  {conclusion}{marks}\n"


def read_template(path: str | Path) -> "pd.DataFrame":
    """The rows and columns of a submission form, in its own order.

    Raises DatasetError for a missing or unknown column, a record named twice, or no row at all.
    """
    path = Path(path)
    table = read_table(path, [RECORD_COLUMN, *COLUMNS.values()], text=[RECORD_COLUMN], blanks=False)
    unknown = [name for name in table.columns if name not in (RECORD_COLUMN, *COLUMNS.values())]
    if unknown:
        raise DatasetError(
            "{file}: column {name!r} is not one of the form's: take it out", file=path.name, name=unknown[0]
        )
    if table.empty:
        raise DatasetError("{file}: the form has no row: name the records to be filled in", file=path.name)
    return table


def find_template(paths: Sequence[Path], given: Path | None, names: Sequence[str]) -> "pd.DataFrame | None":
    """The form to fill in: the one given, or the one that lies in a folder given; every row must be a record here."""
    lying = [path / TEMPLATE for path in paths if os.path.isfile(path / TEMPLATE)]  # noqa: PTH113 (False for a name too long)
    path = given or (lying[0] if len(lying) == 1 else None)
    if path is None:
        return None
    template = read_template(path)
    unknown = sorted(set(template[RECORD_COLUMN]) - set(names))
    if unknown:
        raise DatasetError(
            "{file}: {n_unknown} of its records are not among the recordings (first {name!r}): give the "
            "folder that the form belongs to",
            file=path.name,
            n_unknown=len(unknown),
            name=unknown[0],
        )
    return template
