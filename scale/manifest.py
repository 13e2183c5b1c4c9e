"""What a run reads: a folder, a manifest or an object store -> its recordings, one after another, and each brought here."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

from cardiac.errors import ConfigError, RecordError, extra, first_line
from cardiac.readers.endings import signal_files
from cardiac.readers.scratch import scratch_folder
from cardiac.sources import Recording, list_folder, list_manifest, printable, stored_recordings
from scale.cluster import REQUIREMENTS

MANIFESTS = (".csv", ".parquet")
BATCH = 10_000  # rows of a manifest that are read at once


def list_source(source: str) -> Iterator[Recording]:
    """Every recording of a folder, a manifest (.csv or .parquet of paths) or an object store's URL, each once.

    A manifest has a column `path` (a path, relative ones from its folder, or a URL) and may have `record_id`, else the
    path, and `fs_hz`. Paths are text, as Parquet keeps them.
    Raises ConfigError where there is no such source, or none of its columns is a path.
    """
    if "://" in source:
        yield from _list_store(source)
    elif source.endswith(MANIFESTS) and Path(source).is_file():
        yield from list_manifest(Path(source), _manifest_rows(Path(source)))
    elif Path(source).is_dir():
        try:
            recordings = list_folder(Path(source))
        except RecordError as error:
            raise ConfigError(str(error)) from error
        for each in recordings:  # a name that is not UTF-8 is not found again: an error row
            yield replace(each, path=printable(str(Path(each.path).resolve())))
    else:
        raise ConfigError(f"{source}: is no folder, manifest (.csv, .parquet) or URL: check it")


def _list_store(url: str) -> Iterator[Recording]:
    """Objects whose names end as recordings' do. Credentials and endpoint come from fsspec's own settings."""
    fs, root = filesystem(url)
    try:
        names = sorted(fs.find(root))
    except Exception as error:  # every store has errors of its own
        raise ConfigError(
            f"{url}: cannot be listed ({first_line(error)}): check the URL and the credentials"
        ) from error
    recordings = stored_recordings(names)
    if not recordings:
        raise ConfigError(f"{url}: contains no recording: check the URL")
    for path in recordings:
        name = PurePosixPath(path).relative_to(root) if path != root else PurePosixPath(path).name
        yield Recording(fs.unstrip_protocol(path), str(name))


def _manifest_rows(path: Path) -> Iterator[dict[str, Any]]:
    """The rows of a table, of which only some are in memory. Raises ConfigError where it is none, or has no `path`."""
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
def brought_here(recording: Recording) -> Iterator[Recording]:
    """The recording with a path that can be read for as long as this lasts: its own, or an object's in a temporary folder.

    Raises RecordError where it cannot be fetched.
    """
    if "://" not in str(recording.path):
        yield replace(recording, path=Path(recording.path))
        return
    with scratch_folder() as folder:
        try:
            fs, name = filesystem(str(recording.path))
            path = PurePosixPath(name)
            fs.get_file(str(path), str(folder / path.name))
            for other in signal_files(path):
                if fs.exists(str(other)):
                    fs.get_file(str(other), str(folder / other.name))
        except Exception as error:  # every store has errors of its own
            if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise  # a full disk here is no fault of the recording's
            raise RecordError(f"cannot be fetched ({first_line(error)}): check the store and the name") from error
        yield replace(recording, path=folder / path.name)
