"""Which recordings there are: files, folders and archives -> every recording in them with a name of its own."""

import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path

from cardiac.errors import RecordError, extra
from cardiac.readers.archives import is_archive, unpacked
from cardiac.records import find_records

PTBXL_INDEX = "ptbxl_database.csv"


def open_sources(paths: Sequence[str | Path], stack: ExitStack) -> dict[Path, Path]:
    """Where each path can be read -> what it is called; archives are unpacked until the stack is closed."""
    places = {}
    for path in map(Path, paths):
        place = path
        with suppress(RecordError):  # which reading it as a file will say
            place = stack.enter_context(unpacked(path)) if is_archive(path) else path
        places[place] = path
    return places


def list_recordings(places: Mapping[Path, Path]) -> list[tuple[Path, str]]:
    """Every recording of the places of `open_sources` with its name.

    Raises RecordError where a folder holds no recording.
    """
    return name_recordings(
        (each, called / each.relative_to(place) if place != called else each)
        for place, called in places.items()
        for each in _recordings(place, called)
    )


def name_recordings(recordings: Iterable[tuple[Path, Path]]) -> list[tuple[Path, str]]:
    """Every recording with its name: the file's; where two share one, with its ending; or the whole path.

    recordings : where each can be read, and the path that it is called by. What is given twice is read once.
    """
    found: dict[str, tuple[Path, Path]] = {}  # by real path
    for each, called in recordings:
        found.setdefault(os.path.realpath(each), (each, called))
    ways = [[printable(text) for text in each] for each in ((p.stem, p.name, c.as_posix()) for p, c in found.values())]
    counts = [Counter(names) for names in zip(*ways, strict=True)]  # of stems, of whole names, of paths
    named, taken = [], Counter()
    for (path, _), names in zip(found.values(), ways, strict=True):
        name = next((name for name, count in zip(names, counts, strict=True) if count[name] == 1), names[-1])
        taken[name] += 1
        named.append((path, name if taken[name] == 1 else f"{name} ({taken[name]})"))
    return named


def _recordings(place: Path, called: Path) -> list[Path]:
    """What a path holds: a folder's recordings, those that PTB-XL's table names, or the one file."""
    if os.path.isdir(place):  # noqa: PTH112 (False for a name too long)
        return find_records(place, called)
    if place.name != PTBXL_INDEX:
        return [place]
    extra("pandas", "requirements.txt", RecordError)
    from cardiac.datasets import indexed_records  # pandas is slow to import, and only tables need it

    return indexed_records(place)


def size_on_disk(path: Path) -> int:
    """Bytes of a recording's file, with those of the signals that a WFDB header names itself after; 0 where it is gone."""
    beside = [path.with_suffix(suffix) for suffix in (".dat", ".mat")] if path.suffix == ".hea" else []
    with suppress(OSError):
        return sum(each.stat().st_size for each in (path, *beside) if each.is_file())
    return 0


def printable(name: str) -> str:
    """The name with a mark for every byte that is not UTF-8, so that it can be written and printed."""
    return os.fsencode(name).decode("utf-8", "replace")
