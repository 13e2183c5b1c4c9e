"""What a run reads: a folder, a manifest or an object store -> names and places of recordings, one after another."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from cardiac.errors import ConfigError, RecordError, extra, first_line
from cardiac.readers.kinds import SUFFIXES
from cardiac.readers.scratch import scratch_folder
from cardiac.sources import list_folder, printable
from scale.cluster import REQUIREMENTS

COMPANIONS = (".dat", ".mat")  # of a WFDB header
STORED = SUFFIXES | {".xml"}  # objects are known by their names, unopened
MANIFESTS = (".csv", ".parquet")
BATCH = 10_000


class Place(NamedTuple):
    """A recording: its name, where it lies (a path or a URL), and its sampling rate where the manifest tells it."""

    record_id: str
    place: str
    fs_hz: float | None = None


def list_source(source: str) -> Iterator[Place]:
    """Every recording of a folder, a manifest (.csv or .parquet of paths) or an object store's URL, each once.

    A manifest has a column `path` (a path, relative ones from its folder, or a URL) and may have `record_id`, else the
    path, and `fs_hz`. Raises ConfigError where there is no such source, or none of its columns is a path.
    """
    if "://" in source:
        yield from _list_store(source)
    elif source.endswith(MANIFESTS) and Path(source).is_file():
        yield from _list_manifest(Path(source))
    elif Path(source).is_dir():
        folder = Path(source)
        try:
            found = list_folder(folder)
        except RecordError as error:
            raise ConfigError(str(error)) from error
        for path in found:
            name, place = path.relative_to(folder).as_posix(), str(path.resolve())
            yield Place(printable(name), printable(place))  # a name that is not UTF-8 is not found again: an error row
    else:
        raise ConfigError(f"{source}: is no folder, manifest (.csv, .parquet) or URL: check it")


def _list_store(url: str) -> Iterator[Place]:
    """Objects whose names end as recordings' do. Credentials and endpoint come from fsspec's own settings."""
    fs, root = filesystem(url)
    try:
        found = sorted(fs.find(root))
    except Exception as error:  # every store has errors of its own
        raise ConfigError(
            f"{url}: cannot be listed ({first_line(error)}): check the URL and the credentials"
        ) from error
    known = [path for path in found if PurePosixPath(path).suffix.lower() in STORED]
    if not known:
        raise ConfigError(f"{url}: no recording lies in it: check the URL")
    for path in known:
        name = PurePosixPath(path).relative_to(root) if path != root else PurePosixPath(path).name
        yield Place(str(name), fs.unstrip_protocol(path))


def _list_manifest(path: Path) -> Iterator[Place]:
    seen: set[str] = set()
    for row in _manifest_rows(path):
        told = str(row["path"]).strip() if row.get("path") is not None else ""
        if not told:
            raise ConfigError(f"{path.name}: a row names no path: fill in the column path")
        place = told if "://" in told else str((path.parent / told).resolve())
        name, rate = str(row.get("record_id") or told), row.get("fs_hz")
        if name in seen:
            raise ConfigError(f"{path.name}: {name!r} stands there twice: give every recording a record_id of its own")
        seen.add(name)
        try:
            yield Place(name, place, float(rate) if rate not in (None, "") else None)
        except ValueError as error:
            raise ConfigError(f"{path.name}: the fs_hz of {name!r} is {rate!r} and no number: mend the row") from error


def _manifest_rows(path: Path) -> Iterator[dict[str, Any]]:
    arrow_csv = extra("pyarrow.csv", REQUIREMENTS, ConfigError)
    parquet = extra("pyarrow.parquet", REQUIREMENTS, ConfigError)
    arrow = extra("pyarrow", REQUIREMENTS, ConfigError)
    texts = arrow_csv.ConvertOptions(column_types={"path": arrow.string(), "record_id": arrow.string()})
    try:
        if path.suffix == ".csv":
            tables = arrow_csv.open_csv(path, convert_options=texts)
        else:
            tables = parquet.ParquetFile(path).iter_batches(BATCH)
        for batch in tables:
            if "path" not in batch.schema.names:
                raise ConfigError(f"{path.name}: column 'path' is missing: a manifest names where recordings lie")
            yield from batch.to_pylist()
    except (arrow.ArrowException, OSError) as error:
        raise ConfigError(f"{path.name}: cannot be read as a manifest ({first_line(error)}): check the file") from error


def filesystem(url: str) -> tuple[Any, str]:
    """fsspec's file system of a URL, and the path in it. Raises ConfigError where none is known or installed."""
    fsspec = extra("fsspec", REQUIREMENTS, ConfigError)
    try:
        return fsspec.core.url_to_fs(url)
    except (ImportError, ValueError) as error:
        raise ConfigError(f"{url}: cannot be opened ({first_line(error)}): check the URL") from error


@contextmanager
def brought_here(place: str) -> Iterator[Path]:
    """Where the recording can be read for as long as this lasts: a path as it is, an object in a temporary folder.

    Raises RecordError where it cannot be fetched.
    """
    if "://" not in place:
        yield Path(place)
        return
    with scratch_folder() as folder:
        try:
            fs, path = filesystem(place)
            target = folder / PurePosixPath(path).name
            fs.get_file(path, str(target))
            for ending in COMPANIONS if target.suffix == ".hea" else ():
                other = str(PurePosixPath(path).with_suffix(ending))
                if fs.exists(other):
                    fs.get_file(other, str(target.with_suffix(ending)))
        except Exception as error:  # every store has errors of its own
            if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise  # a full disk here is no fault of the recording's
            raise RecordError(f"cannot be fetched ({first_line(error)}): check the store and the name") from error
        yield target
