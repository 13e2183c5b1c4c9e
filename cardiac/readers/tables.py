"""Tables of samples: text and Excel of any form, with or without headings, units and times -> one recording."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from cardiac.errors import RecordError
from cardiac.leads import LEADS, lead_and_sign
from cardiac.messages import Message
from cardiac.readers.forms import is_number
from cardiac.readers.grids import Grid, read_grid
from cardiac.readers.headings import Headings, names_in_lines, read_headings, refuse_unnamed, unit_in_lines
from cardiac.readers.raw import Note, Raw
from cardiac.readers.stated import Statement, settle_rate, statements_in, statements_of
from cardiac.readers.times import (
    are_times,
    counts_rows,
    is_count_heading,
    is_time_heading,
    rises_evenly,
    seconds_of,
    state_rate,
)
from cardiac.readers.workbooks import read_workbook

MOST_LEADS = 64  # rows of a table that has its leads in rows
IDS = {
    "patient", "patientid", "subject", "subjectid", "record", "recordid", "recordname", "recording", "recordingid", "ecgid",
    "studyid", "filename", "file", "caseid", "case", "patientnr", "patientno",
}  # fmt: skip
STEP = re.compile(r"step|interval|sampl", re.IGNORECASE)  # of times, and no time itself
LEAST_NUMBERED = 8  # headings 0, 1, 2, ...


@dataclass(frozen=True)
class Columns:
    """What the columns are. leads : indices of those that are or may be samples.  statements : what others say of time."""

    leads: tuple[int, ...]
    statements: tuple[Statement, ...]
    notes: tuple[Note, ...]


def read_text(path: Path) -> Raw:
    """The samples of a text file. Raises RecordError where its lines are not rows of as many numbers."""
    return settle_grid(read_grid(path))


def read_xlsx(path: Path) -> Raw:
    """The samples of the one sheet with numbers of an Excel workbook. Raises RecordError."""
    return settle_grid(read_workbook(path))


def read_text_channels(path: Path) -> Raw:
    """The same where headings that name no lead name channels."""
    return settle_grid(read_grid(path), any_names=True)


def read_xlsx_channels(path: Path) -> Raw:
    """The same of an Excel workbook."""
    return settle_grid(read_workbook(path), any_names=True)


def settle_grid(grid: Grid, any_names: bool = False) -> Raw:
    """Leads, units, rate and samples of a table. Raises RecordError where headings or times cannot be understood."""
    grid = _without_numbers_above(_upright(grid))
    headings = read_headings(grid, any_names)
    grid, headings = _without_empty_end(grid, headings)
    if headings.names is None and _lies_across(grid):
        return _across(grid, headings)
    columns = _columns(grid, headings)
    names, units = _names(grid, headings, columns)
    samples = grid.body[:, list(columns.leads)].T
    unnamed = LEADS if len(samples) == len(LEADS) else ("",) * len(samples)
    _refuse_empty(samples, names or unnamed, columns.leads)
    if names is not None:
        kept = [i for i, name in enumerate(names) if np.isfinite(samples[i]).any() or not lead_and_sign(name)]
        samples, names = samples[kept], tuple(names[index] for index in kept)
        units = units and tuple(units[index] for index in kept)
    statements = [*columns.statements, *_heading_statements(headings), *statements_in(headings.lines)]
    rate = settle_rate(statements, samples.shape[1])
    notes = (*rate.notes, *columns.notes)
    if names is None:
        notes += (
            Note(
                "info", Message("its columns have no leads' names: taken in the order {leads}", leads=", ".join(LEADS))
            ),
        )
    return Raw(samples, rate.fs_hz, names, units, notes, doubt=rate.doubt)


def _upright(grid: Grid) -> Grid:
    """With leads in columns, where a column of the table names its rows after leads."""
    if len(grid.body) > MOST_LEADS:
        return grid
    for names_column, cells in grid.texts.items():
        if sum(lead_and_sign(cell) is not None for cell in cells) >= max(2, len(cells) // 2):
            kept = [column for column in range(grid.body.shape[1]) if column not in grid.texts]
            above = [row for row in grid.rows if len(row) == grid.body.shape[1]]
            numbers = next((row for row in above if all(is_number(row[column], ",") for column in kept)), None)
            body, names = grid.body[:, kept].T, tuple(cells)
            if numbers is not None:  # times, or numbers, above the samples
                times = [float(numbers[column].replace(",", ".")) for column in kept]
                body, names = np.column_stack([times, body]), (numbers[names_column], *names)
            lines = [line for row, line in zip(grid.rows, grid.lines, strict=False) if row is not numbers]
            return Grid((*lines, "\t".join(names)), (names,), body)
    return grid


def _without_numbers_above(grid: Grid) -> Grid:
    """Without a first row that numbers the columns, or (some programs) states how many samples each has."""
    first, n = grid.body[0], grid.body.shape[1]
    for begin, end in ((0, n), (1, n), (0, n - 1)):
        part, rest = first[begin:end], np.delete(first, np.s_[begin:end])
        is_numbered = len(part) >= LEAST_NUMBERED and any(
            np.array_equal(part, np.arange(len(part)) + one) for one in (0, 1)
        )
        if is_numbered and not np.isfinite(rest).any():
            return _without_first(grid)
    counts = first[np.isfinite(first)]
    is_count = len(grid.body) > LEAST_NUMBERED and len(counts) >= n - 1 and bool((counts == len(grid.body) - 1).all())
    return _without_first(grid) if is_count else grid


def _without_first(grid: Grid) -> Grid:
    return replace(grid, body=grid.body[1:], texts={column: cells[1:] for column, cells in grid.texts.items()})


def _without_empty_end(grid: Grid, headings: Headings) -> tuple[Grid, Headings]:
    """Without the column that a separator at the end of every line makes."""
    last = grid.body.shape[1] - 1
    is_empty = last > 0 and last not in grid.texts and not np.isfinite(grid.body[:, last]).any()
    is_lead = headings.names is not None and bool(headings.names[last])
    if not is_empty or is_lead or (headings.names is None and last + 1 == len(LEADS)):
        return grid, headings
    shorter = replace(
        headings,
        names=headings.names[:last] if headings.names else None,
        units=headings.units[:last],
        below=headings.below[:last],
    )
    return replace(grid, body=grid.body[:, :last]), shorter


def _lies_across(grid: Grid) -> bool:
    """Whether the rows are leads: a dozen of them, over many columns, without names."""
    n_rows, n_columns = grid.body.shape
    return n_rows in (len(LEADS), 8) and n_columns > 4 * len(LEADS) and not grid.texts


def _across(grid: Grid, headings: Headings) -> Raw:
    """A table of twelve rows without names; a first column that numbers them is none of their samples."""
    body = grid.body[:, 1:] if counts_rows(grid.body[:, 0]) else grid.body
    if not np.isfinite(body[:, -1]).any():
        body = body[:, :-1]
    rate = settle_rate(statements_in(headings.lines), body.shape[1])
    unit = unit_in_lines(headings.lines, body)
    note = Note("info", Message("its rows have no leads' names: taken in the order {leads}", leads=", ".join(LEADS)))
    return Raw(body, rate.fs_hz, None, (unit,) * len(body) if unit else None, (*rate.notes, note), doubt=rate.doubt)


def _columns(grid: Grid, headings: Headings) -> Columns:
    """Which columns are times, numbers of samples, statements, and which are left for leads."""
    leads, statements, notes = [], [], []
    names = headings.names or ("",) * grid.body.shape[1]
    for column, name in enumerate(names):
        if lead_and_sign(name):
            leads.append(column)
            continue
        subject = (
            Message("its column {name!r}", name=name) if name else Message("its column {number}", number=column + 1)
        )
        _refuse_several(name, grid.texts.get(column) or grid.body[:, column])
        if column in grid.texts:
            seconds = seconds_of(grid.texts[column]) if are_times(grid.texts[column]) else None
            if seconds is not None and (np.ptp(seconds) > 0 or is_time_heading(name)):
                statements.append(state_rate(seconds, name or "times", "s"))
            else:
                notes.append(Note("info", Message("{subject} holds no numbers and was left aside", subject=subject)))
            continue
        values = grid.body[:, column]
        finite = values[np.isfinite(values)]
        if len(finite) == 0 and headings.names is not None:
            continue
        stated = statements_of({name: finite[0]}) if name and len(finite) and np.ptp(finite) == 0 else []
        is_time = is_time_heading(name) or (not name and is_time_heading(headings.below[column]))
        if stated and not (is_time and not STEP.search(name)):
            statements += stated
        elif is_time:
            statements.append(state_rate(values, name, headings.below[column]))
        elif counts_rows(values) and (is_count_heading(name) or not name):
            notes.append(Note("info", Message("{subject} numbers the samples and was left aside", subject=subject)))
        elif rises_evenly(values) and len(values) > LEAST_NUMBERED:
            statements.append(_rising(values, name, subject))
        else:
            leads.append(column)
    return Columns(tuple(leads), tuple(statements), tuple(notes))


def _refuse_several(name: str, cells: Sequence[str] | np.ndarray) -> None:
    """Raise RecordError where a column names several patients or records."""
    if re.sub(r"[\W_]", "", name.lower()) in IDS and len({str(cell) for cell in cells}) > 1:
        raise RecordError("its column {name!r} names several of them: save one recording per file", name=name)


def _heading_statements(headings: Headings) -> list[Statement]:
    """What headings say of the rate: of a column without samples as a line does; beside a lead's name, a filter's perhaps."""
    statements = statements_in(
        [name for name in headings.names or () if not lead_and_sign(name) and re.search(r"\d", name)]
    )
    leads = [
        name for name in headings.names or () if lead_and_sign(name) and re.search(r"\d\s*k?hz", name, re.IGNORECASE)
    ]
    ranges = [name for name in leads if not re.search(r"\d\s*(?:-|to|–)\s*\d", name)]
    return [*statements, *(Statement(Message("its heading {name!r}", name=name)) for name in ranges[:1])]


def _rising(values: np.ndarray, name: str, subject: str) -> Statement:
    """A column that rises evenly under no heading, or one that is not known: seconds where it goes up by parts of one."""
    step = (values[-1] - values[0]) / (len(values) - 1)
    if name or (float(values[1] - values[0]).is_integer() and step >= 1):
        return Statement(Message("{subject} (it rises by {step:g})", subject=subject, step=step))
    return replace(state_rate(values, ""), subject=subject)


def _names(grid: Grid, headings: Headings, columns: Columns) -> tuple[tuple[str, ...] | None, tuple[str, ...] | None]:
    """Names and units of the lead columns. Raises RecordError where headings name no lead, or some units are missing."""
    lead_columns = columns.leads
    units = tuple(headings.units[column] for column in lead_columns)
    names = tuple(headings.names[column] for column in lead_columns) if headings.names else None
    if names is None:
        in_lines = names_in_lines(headings.lines, len(lead_columns))
        if in_lines:
            names, units = in_lines[0], tuple(own or of_line for own, of_line in zip(units, in_lines[1], strict=True))
        else:
            refuse_unnamed(grid)
    return names, _whole_units(names, units, unit_in_lines(headings.lines, grid.body[:, list(lead_columns)]))


def _whole_units(names: Sequence[str] | None, units: Sequence[str], of_all: str) -> tuple[str, ...] | None:
    """A unit for every lead: its own, else that of all; where the others agree, theirs. Other columns have their own."""
    is_lead = [names is None or lead_and_sign(name) is not None for name in names or units]
    of_leads = {unit for unit, lead in zip(units, is_lead, strict=True) if lead}
    stated = of_leads - {""}
    if not stated:
        return tuple(own or of_all for own in units) if of_all or any(units) else None
    if "" in of_leads and len(stated) > 1:
        bare = next(names[index] for index, unit in enumerate(units) if is_lead[index] and not unit)
        raise RecordError(
            "states units of {n_stated} kinds and none for {name!r}: state every lead's unit",
            n_stated=len(stated),
            name=bare[:20],
        )
    common = next(iter(stated))
    return tuple(unit or (common if lead else of_all) for unit, lead in zip(units, is_lead, strict=True))


def _refuse_empty(samples: np.ndarray, names: Sequence[str], columns: Sequence[int]) -> None:
    """Raise RecordError where columns of leads hold nothing that could follow from the others."""
    empty = [index for index, row in enumerate(samples) if not np.isfinite(row).any()]
    signed_leads = {index: lead_and_sign(names[index]) for index in empty}
    leads = [each[0] for each in signed_leads.values() if each]
    filled = {each[0] for index, name in enumerate(names) if index not in empty and (each := lead_and_sign(name))}
    limbs = filled & set(LEADS[:6])
    if not empty or (len(leads) == len(empty) and set(leads) <= set(LEADS[:6]) and len(limbs) >= 2):
        return  # limb leads that follow from two others
    if not leads:
        return
    which = Message("the chest leads") if leads == list(LEADS[6:]) else Message("lead {leads}", leads=", ".join(leads))
    numbers = [columns[index] + 1 for index in empty]
    is_run = len(numbers) > 1 and numbers[-1] - numbers[0] == len(numbers) - 1
    shown = (
        Message("columns {first} to {last}", first=numbers[0], last=numbers[-1])
        if is_run
        else Message("column {numbers}", numbers=", ".join(map(str, numbers)))
    )
    raise RecordError("{which} ({shown}) hold no samples: export all twelve leads", which=which, shown=shown)
