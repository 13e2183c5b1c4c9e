"""The output folder of a run: its listing, cut into parts, and of every part that is done a Parquet file with its rows.

A part is written under a temporary name and then put in place, so it is there whole or not at all; whoever does it a
second time writes the same. What a part's file is not there for is still to be done.
"""

import fcntl
import json
import os
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import Any

from bundles import CARD, GRAPH, WEIGHTS
from cardiac.errors import ConfigError, extra
from cardiac.files import open_folder, replace_file
from cardiac.sources import Recording
from scale.cluster import REQUIREMENTS
from tasks.mi.documents import PARQUET, table_row
from tasks.mi.findings import FIELDS, Finding

LISTING, RUN, LOCK, BUNDLE = "_listing.parquet", "_run.json", ".lock", "_bundle"  # readers of Parquet pass over these
ATTEMPT = "-\n"  # in a part's marks, before the recordings of an attempt
FAILED_TWICE = 2  # a recording during which a worker ended so often is not tried again


@contextmanager
def alone_in(out: Path) -> Iterator[None]:
    """Hold the output folder for as long as this lasts. Raises ConfigError where another run holds it."""
    open_folder(out)
    with (out / LOCK).open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise ConfigError(f"{out}: another run is writing here: wait for it, or choose another --out") from error
        yield


def begin(out: Path, told: Mapping[str, Any], recordings: Iterable[Recording], part_size: int) -> int:
    """Write the listing, or take the one that a run of the same kind left here; how many parts there are.

    told : what makes two runs the same, as plain data; part_size : records a part.
    Raises ConfigError where another kind of run was begun here, or CardiacError where the disk is full.
    """
    told = {**told, "part_size": part_size}
    if (out / RUN).is_file():
        try:
            before = json.loads((out / RUN).read_text(encoding="utf-8"))
        except ValueError as error:
            raise ConfigError(f"{out / RUN}: cannot be read: choose another --out") from error
        other = [key for key in told if before.get(key) != told[key]]
        if other and other[0] not in before:
            raise ConfigError(f"{out}: was begun by another version of this program: choose another --out")
        if other:
            raise ConfigError(
                f"{out}: was begun with another {other[0]} ({before[other[0]]!r}): take that again, "
                "or choose another --out"
            )
        return before["n_parts"]
    if any(out.glob("part=*")):
        raise ConfigError(f"{out}: holds parts of a run that is not known here: choose another --out")
    n_records = write_listing(out / LISTING, recordings, part_size)
    if n_records == 0:
        raise ConfigError(f"{told['source']}: names no recording: check it")
    n_parts = -(-n_records // part_size)
    replace_file(out / RUN, json.dumps({**told, "n_records": n_records, "n_parts": n_parts}, indent=1).encode())
    return n_parts


def keep_bundle(out: Path, bundle: Path) -> Path:
    """A copy of the bundle's files in the output folder, where every worker finds it."""
    kept = out / BUNDLE
    kept.mkdir(exist_ok=True)
    for name in (CARD, GRAPH, WEIGHTS):
        if (bundle / name).is_file():
            replace_file(kept / name, (bundle / name).read_bytes())
    return kept


def write_listing(path: Path, recordings: Iterable[Recording], part_size: int) -> int:
    """The names and places of all recordings, a part a row group, so that a worker reads its own; how many they are."""
    arrow, parquet = _arrow()
    schema = arrow.schema([("record_id", arrow.string()), ("place", arrow.string()), ("fs_hz", arrow.float64())])
    temporary, n = path.with_name(f".{uuid.uuid4().hex}"), 0
    remaining = iter(recordings)
    try:
        with parquet.ParquetWriter(temporary, schema) as writer:
            while some := list(islice(remaining, part_size)):
                rows = [(each.record_id, str(each.path), each.fs_hz) for each in some]
                columns = [*map(list, zip(*rows, strict=True))]
                writer.write_table(arrow.table(columns, schema=schema), row_group_size=part_size)
                n += len(some)
        temporary.replace(path)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written ({error.strerror}): make room or choose another --out") from error
    finally:
        temporary.unlink(missing_ok=True)
    return n


def read_listing(out: Path, part: int) -> list[Recording]:
    """The recordings of one part."""
    _, parquet = _arrow()
    rows = parquet.ParquetFile(out / LISTING).read_row_group(part).to_pylist()
    return [Recording(row["place"], row["record_id"], row["fs_hz"]) for row in rows]


def part_file(out: Path, part: int) -> Path:
    """Where the rows of a part lie."""
    return out / f"part={part:06}" / "findings.parquet"


def parts_to_do(out: Path, n_parts: int) -> list[int]:
    """The parts that are not done."""
    return [part for part in range(n_parts) if not part_file(out, part).is_file()]


def finding_row(recording: Recording, finding: Finding | None, error: str | None) -> dict[str, Any]:
    """One row. Where a recording could not be read only its names and `error` are filled in: never a "norm"."""
    own = {"record_id": recording.record_id, "place": str(recording.path), "error": error}
    return own if finding is None else table_row(finding, PARQUET) | own


def write_part(out: Path, part: int, rows: Sequence[Mapping[str, Any]], bundle_sha256: str) -> None:
    """Put the rows of a part in place, and take away its marks. Raises OSError where the disk is full."""
    arrow, parquet = _arrow()
    target = part_file(out, part)
    target.parent.mkdir(exist_ok=True)
    temporary = target.with_name(f".{uuid.uuid4().hex}")
    schema = _schema(arrow).with_metadata({"bundle_sha256": bundle_sha256})
    try:
        parquet.write_table(arrow.Table.from_pylist(list(rows), schema=schema), temporary, compression="zstd")
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.replace(target)
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
    _marks(out, part).unlink(missing_ok=True)


def begin_part(out: Path, part: int) -> list[int] | None:
    """Note that a worker takes this part. None at first; else the recordings that workers were at as they ended."""
    marks = _marks(out, part)
    try:
        attempts = marks.read_text(encoding="ascii").split(ATTEMPT)
    except FileNotFoundError:
        marks.touch()
        return None
    with marks.open("a", encoding="ascii") as file:
        file.write(ATTEMPT)
    return [int(attempt.split()[-1]) for attempt in attempts if attempt.strip()]


def mark(out: Path, part: int, row: int) -> None:
    """Note that this recording of the part is being read."""
    with _marks(out, part).open("a", encoding="ascii") as file:
        file.write(f"{row}\n")
        file.flush()
        os.fsync(file.fileno())


def _marks(out: Path, part: int) -> Path:
    return out / f".part-{part:06}"


def _schema(arrow: Any) -> Any:
    text = arrow.string()
    types = {str: text, float: arrow.float64(), bool: arrow.bool_(), list[str]: arrow.list_(text)}
    of_finding = {name: types[FIELDS[field]] for name, field in PARQUET.items()}
    return arrow.schema({"record_id": text, "place": text, **of_finding, "error": text}.items())


def _arrow() -> tuple[Any, Any]:
    return extra("pyarrow", REQUIREMENTS, ConfigError), extra("pyarrow.parquet", REQUIREMENTS, ConfigError)
