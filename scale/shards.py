"""The output folder of a run: its listing, cut into shards, and of every shard that is done a Parquet file with its rows.

A shard is written under a temporary name and then put in place, so it is there whole or not at all; whoever does it a
second time writes the same. What a shard's file is not there for is still to be done.
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

from bundles import FILES
from cardiac.errors import ConfigError, extra
from cardiac.files import open_folder, replace_file
from cardiac.sources import Recording
from scale.cluster import REQUIREMENTS
from tasks.mi.documents import PARQUET, table_row
from tasks.mi.findings import FIELDS, Finding

LISTING, RUN, LOCK, BUNDLE = "_listing.parquet", "_run.json", ".lock", "_bundle"  # readers of Parquet pass over these
PART_SIZE = 500  # recordings a shard: some seconds of work, which is what a worker that ends loses
ATTEMPT = "-\n"  # in a shard's marks, before the recordings of an attempt
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


def begin(out: Path, settings: Mapping[str, Any], recordings: Iterable[Recording], shard_size: int) -> int:
    """Write the listing, or take the one that a run of the same kind left here; how many shards there are.

    settings : what makes two runs the same, as plain data; shard_size : records a shard.
    Raises ConfigError where another kind of run was begun here, or CardiacError where the disk is full.
    """
    settings = {**settings, "part_size": shard_size, "columns": [*PARQUET]}
    if (out / RUN).is_file():
        try:
            before = json.loads((out / RUN).read_text(encoding="utf-8"))
        except ValueError as error:
            raise ConfigError(f"{out / RUN}: cannot be read: choose another --out") from error
        other = [key for key in settings if before.get(key) != settings[key]]
        if other and (other[0] not in before or other[0] == "columns"):
            raise ConfigError(f"{out}: was begun by another version of this program: choose another --out")
        if other:
            raise ConfigError(
                f"{out}: was begun with another {other[0]} ({before[other[0]]!r}): take that again, "
                "or choose another --out"
            )
        return before["n_parts"]
    if any(out.glob("part=*")):
        raise ConfigError(f"{out}: holds parts of a run that is not known here: choose another --out")
    n_records = write_listing(out / LISTING, recordings, shard_size)
    if n_records == 0:
        raise ConfigError(f"{settings['source']}: names no recording: check it")
    n_shards = -(-n_records // shard_size)
    replace_file(out / RUN, json.dumps({**settings, "n_records": n_records, "n_parts": n_shards}, indent=1).encode())
    return n_shards


def keep_bundle(out: Path, bundle: Path) -> Path:
    """A copy of the bundle's files in the output folder, where every worker finds it."""
    kept = out / BUNDLE
    kept.mkdir(exist_ok=True)
    for name in FILES:
        if (bundle / name).is_file():
            replace_file(kept / name, (bundle / name).read_bytes())
    return kept


def write_listing(path: Path, recordings: Iterable[Recording], shard_size: int) -> int:
    """The names and places of all recordings, a shard a row group, so that a worker reads its own; how many they are."""
    arrow, parquet = _arrow()
    schema = arrow.schema([("record_id", arrow.string()), ("place", arrow.string()), ("fs_hz", arrow.float64())])
    temporary, n = path.with_name(f".{uuid.uuid4().hex}"), 0
    remaining = iter(recordings)
    try:
        with parquet.ParquetWriter(temporary, schema) as writer:
            while batch := list(islice(remaining, shard_size)):
                rows = [(each.record_id, str(each.path), each.fs_hz) for each in batch]
                columns = [*map(list, zip(*rows, strict=True))]
                writer.write_table(arrow.table(columns, schema=schema), row_group_size=shard_size)
                n += len(batch)
        temporary.replace(path)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written ({error.strerror}): make room or choose another --out") from error
    finally:
        temporary.unlink(missing_ok=True)
    return n


def read_listing(out: Path, shard: int) -> list[Recording]:
    """The recordings of one shard."""
    _, parquet = _arrow()
    rows = parquet.ParquetFile(out / LISTING).read_row_group(shard).to_pylist()
    return [Recording(row["place"], row["record_id"], row["fs_hz"]) for row in rows]


def shard_file(out: Path, shard: int) -> Path:
    """Where the rows of a shard lie."""
    return out / f"part={shard:06}" / "findings.parquet"


def shards_to_do(out: Path, n_shards: int) -> list[int]:
    """The shards that are not done."""
    return [shard for shard in range(n_shards) if not shard_file(out, shard).is_file()]


def finding_row(recording: Recording, finding: Finding | None, error: str | None) -> dict[str, Any]:
    """One row. Where a recording could not be read only its names and `error` are filled in: never a "norm"."""
    own = {"record_id": recording.record_id, "place": str(recording.path), "error": error}
    return own if finding is None else table_row(finding, PARQUET) | own


def write_shard(out: Path, shard: int, rows: Sequence[Mapping[str, Any]], bundle_sha256: str) -> None:
    """Put the rows of a shard in place, and take away its marks. Raises OSError where the disk is full."""
    arrow, parquet = _arrow()
    target = shard_file(out, shard)
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
    _marks(out, shard).unlink(missing_ok=True)


def begin_shard(out: Path, shard: int) -> list[int] | None:
    """Note that a worker takes this shard. None at first; else the recordings that workers were at as they ended."""
    marks = _marks(out, shard)
    try:
        attempts = marks.read_text(encoding="ascii").split(ATTEMPT)
    except FileNotFoundError:
        marks.touch()
        return None
    with marks.open("a", encoding="ascii") as file:
        file.write(ATTEMPT)
    return [int(attempt.split()[-1]) for attempt in attempts if attempt.strip()]


def mark(out: Path, shard: int, index: int) -> None:
    """Note that this recording of the shard is being read."""
    with _marks(out, shard).open("a", encoding="ascii") as file:
        file.write(f"{index}\n")
        file.flush()
        os.fsync(file.fileno())


def _marks(out: Path, shard: int) -> Path:
    return out / f".part-{shard:06}"


def _schema(arrow: Any) -> Any:
    text = arrow.string()
    types = {str: text, float: arrow.float64(), bool: arrow.bool_(), list[str]: arrow.list_(text)}
    of_finding = {name: types[FIELDS[field]] for name, field in PARQUET.items()}
    return arrow.schema({"record_id": text, "place": text, **of_finding, "error": text}.items())


def _arrow() -> tuple[Any, Any]:
    return extra("pyarrow", REQUIREMENTS, ConfigError), extra("pyarrow.parquet", REQUIREMENTS, ConfigError)
