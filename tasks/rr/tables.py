"""RR intervals in text: the case's CSV, another program's table, a phone's export, or one interval a line.

What a file says of itself decides: the names of its columns and the units in them. What cannot be known is refused.
"""

import io
import warnings
from pathlib import Path

import numpy as np
import pandas as pd

from cardiac.errors import RecordError, first_line
from tasks.rr.layouts import FEW, SNIFFED_BYTES, WIDE, Column, Layout, decoded, is_utf_8, layout_of
from tasks.rr.studies import Study
from tasks.rr.units import UNITS, refuse_grouped, refuse_unit, refuse_units

ENDINGS = (".csv", ".tsv", ".txt", ".rr", ".ibi", ".dat")
MOST_BYTES = 400 * 2**20
LONGEST_MS, LATEST = 86_400_000.0, 1e15  # a day; and no time is further off, whatever its unit
BARE = (
    "one number a line, taken to be RR intervals in ms: where they are samples of a recording, give their rate (--fs)"
)


def holds_intervals(path: Path, bare: bool = True) -> bool:
    """Whether a file is a table of RR intervals, as far as its name and its first lines tell; nothing is refused here.

    bare : whether numbers without a header may be intervals, and are not the samples of a recording.
    """
    if path.suffix.lower() not in ENDINGS or not path.is_file():
        return False
    try:
        with path.open("rb") as file:
            content = file.read(SNIFFED_BYTES)
        is_wide = content.startswith(WIDE)
        whole = content[: len(content) // 2 * 2] if is_wide else content[: content.rfind(b"\n") + 1] or content
        text = decoded(whole, "") if is_wide or is_utf_8(whole) else whole.decode("latin-1")  # refused when it is read
    except (RecordError, OSError):
        return False
    try:
        layout = layout_of(text, path.name)
        return layout is not None and (bare or not layout.is_bare)
    except RecordError:
        return True  # of intervals, but not clear which: `read_studies` says so


def read_studies(path: Path, name: str | None = None) -> list[Study]:
    """The studies in a table, in its order. name : of the only study of a file without an id; the file's where not given.

    Raises RecordError, with the file, the line and what to do, for what could be read wrongly.
    """
    try:
        size = path.stat().st_size
        if size > MOST_BYTES:
            raise RecordError(
                f"{path.name}: has {size >> 20} MB, more than the {MOST_BYTES >> 20} MB that are read: cut it into parts"
            )
        text = decoded(path.read_bytes(), path.name)
    except OSError as error:
        raise RecordError(f"{path.name}: cannot be opened ({error.strerror}): check the path") from error
    layout = layout_of(text, path.name)
    if layout is None:
        raise RecordError(
            f"{path.name}: has no column of RR intervals: name it rr_ms (or rr_s), or x beside id and time"
        )
    table = _table(text, layout, path.name)
    intervals = _intervals(table, layout, path.name)
    return _studies(table, layout, intervals, path.name, name or path.stem)


def _table(text: str, layout: Layout, name: str) -> pd.DataFrame:
    """The known columns as text, by kind; the index is the line in the file."""
    lines = io.StringIO(text)
    for _ in range(layout.header):
        lines.readline()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore", pd.errors.ParserWarning
            )  # of lines with more cells, which are refused below
            table = pd.read_csv(
                lines,
                sep=layout.separator or "\x01",
                header=None,
                names=range(layout.n_columns + 1),
                dtype=str,
                keep_default_na=False,
                na_filter=False,
                skip_blank_lines=False,
                index_col=False,
                on_bad_lines="error",
                engine="c",
            )
    except (ValueError, OverflowError, MemoryError) as error:  # pandas' own errors are ValueErrors
        raise RecordError(
            f"{name}: is no table ({first_line(error)[:120]}): give every line the same columns"
        ) from error
    table.index = table.index + layout.header + 1
    if (more := table[layout.n_columns].fillna("") != "").any():
        line = table.index[int(np.argmax(more))]
        raise RecordError(f"{name}, line {line}: has more columns than the header names: correct the line")
    table = pd.DataFrame({kind: table[each.place].fillna("").str.strip() for kind, each in layout.columns.items()})
    return table[(table != "").any(axis=1)]


def _numbers(texts: pd.Series, what: str, name: str) -> np.ndarray:
    """Raises RecordError that names the first line without a number."""
    values = pd.to_numeric(texts, errors="coerce").to_numpy(float)
    bad = np.isnan(values)
    if bad.any():
        values = pd.to_numeric(texts.str.replace(",", ".", regex=False), errors="coerce").to_numpy(float)
        bad = np.isnan(values)
    bad |= ~(np.abs(values) <= LATEST)
    if bad.any():
        place = int(np.argmax(bad))
        told = texts.iloc[place][:30]
        is_told = f"{told!r} is no number" if told else f"the {what} is missing"
        raise RecordError(f"{name}, line {texts.index[place]}: {is_told}: correct the line or take it away")
    return values


def _intervals(table: pd.DataFrame, layout: Layout, name: str) -> np.ndarray:
    """In ms, (n,). Raises RecordError."""
    if table.empty:
        raise RecordError(f"{name}: has no RR intervals under its header: give at least one")
    column = layout.columns["interval"]
    values = _numbers(table["interval"], "interval", name)
    if values.min() <= 0:
        place = int(np.argmax(values <= 0))
        told = f"the interval is {values[place]:g}"
        raise RecordError(f"{name}, line {table.index[place]}: {told}: an interval is over 0, correct the line")
    refuse_unit(values, column.unit, name)
    in_ms = values * UNITS.get(column.unit, 1.0)
    if in_ms.max() > LONGEST_MS:
        place = int(np.argmax(in_ms))
        raise RecordError(f"{name}, line {table.index[place]}: the interval is longer than a day: correct the line")
    refuse_grouped(table["interval"], in_ms, name)
    return in_ms


def _studies(table: pd.DataFrame, layout: Layout, intervals: np.ndarray, file: str, name: str) -> list[Study]:
    ids = table["id"].to_numpy(str) if "id" in layout.columns else np.full(len(table), name)
    starts = np.flatnonzero(np.concatenate([[True], ids[1:] != ids[:-1]]))
    if (empty := ids[starts] == "").any():
        raise RecordError(
            f"{file}, line {table.index[starts[np.argmax(empty)]]}: the id is missing: give every interval one"
        )
    unique, counts = np.unique(ids[starts], return_counts=True)
    if counts.max() > 1:
        again = starts[np.flatnonzero(ids[starts] == unique[np.argmax(counts > 1)])[1]]
        raise RecordError(
            f"{file}, line {table.index[again]}: the study {str(ids[again])[:40]!r} goes on after another one: sort by study"
        )
    ends = np.append(starts[1:], len(table))
    refuse_units(intervals, starts, ids, file)
    times, anew = _times(table, layout, intervals, starts, file)
    bare = (BARE,) if layout.is_bare else ()
    targets = _targets(table, file) if "target" in layout.columns else None
    return [
        Study(
            str(ids[first]),
            _whole(times[first:last]),
            _whole(intervals[first:last]),
            None if targets is None else targets[first:last],
            (*anew.get(int(first), ()), *bare),
        )
        for first, last in zip(starts, ends, strict=True)
    ]


def _whole(values: np.ndarray) -> np.ndarray:
    """As whole numbers, where all are."""
    rounded = np.round(values)
    return rounded.astype(np.int64) if np.array_equal(rounded, values) and np.abs(values).max() < 2**53 else values


def _times(
    table: pd.DataFrame, layout: Layout, intervals: np.ndarray, starts: np.ndarray, file: str
) -> tuple[np.ndarray, dict[int, tuple[str, ...]]]:
    """When each interval ended, in ms; of a study whose time goes back, added up anew, with a note, by its first row."""
    whole = np.cumsum(intervals)
    before = np.repeat(np.append(0, whole)[starts], np.diff(np.append(starts, len(intervals))))
    if "time" not in layout.columns:
        return whole - before, {}
    times, notes = _clock(table["time"], layout.columns["time"], intervals, starts, file), {}
    back = np.diff(times, prepend=times[0]) < 0
    back[starts] = False
    study = np.searchsorted(starts, np.flatnonzero(back), side="right") - 1
    for index in np.unique(study):
        first, last = starts[index], np.append(starts[1:], len(times))[index]
        line = table.index[first + int(np.argmax(back[first:last]))]
        times[first:last] = (whole - before)[first:last]
        notes[int(first)] = (f"{file}, line {line}: the time goes back, so times are added up from the intervals",)
    return times, notes


def _clock(texts: pd.Series, column: Column, intervals: np.ndarray, starts: np.ndarray, file: str) -> np.ndarray:
    """Times in ms: of numbers by their unit, or by their steps, which are the intervals'; of dates since the first one."""
    few = texts[texts != ""].iloc[:FEW]
    if pd.to_numeric(few.str.replace(",", ".", regex=False), errors="coerce").isna().any():
        stamps = pd.to_datetime(texts, errors="coerce", format="ISO8601", utc=True)
        if stamps.isna().any():
            line = texts.index[int(np.argmax(stamps.isna()))]
            told = texts.loc[line][:30]
            raise RecordError(f"{file}, line {line}: {told!r} is no time: give ms, or dates as 2026-01-31T10:00:00.000")
        since = (stamps - stamps.iloc[0]).dt.total_seconds().to_numpy() * 1_000
        return np.round(since)
    times = _numbers(texts, "time", file)
    if column.unit:
        return times * UNITS[column.unit]
    steps, inside = np.diff(times), np.ones(max(len(times) - 1, 0), bool)
    inside[starts[1:] - 1] = False
    if not inside.any():
        return times
    ratio = float(np.median(steps[inside] / intervals[1:][inside]))
    return times * 1_000 if 0.0005 < ratio < 0.002 else times


def _targets(table: pd.DataFrame, file: str) -> np.ndarray:
    values = _numbers(table["target"], "mark", file)
    if (other := (values != 0) & (values != 1)).any():
        line = table.index[int(np.argmax(other))]
        raise RecordError(
            f"{file}, line {line}: the mark is {values[np.argmax(other)]:g}: give 1 for an anomaly, else 0"
        )
    return values == 1
