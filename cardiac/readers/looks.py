"""What a file in a folder is, before it is read: a recording to try, an archive, a part of another, or nothing of the kind.

Whatever is not known to be no recording is tried, so that it is read or refused with a reason.
"""

import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from cardiac.errors import RecordError
from cardiac.readers.endings import ANNOTATIONS, OF_ONE_KIND, SIGNALS
from cardiac.readers.foreign import JSON
from cardiac.readers.kinds import HEAD, NoRecording, Unknown, decoded, kind_of
from cardiac.readers.numbers_in import (
    json_holds_samples,
    text_holds_samples,
    workbook_holds_samples,
    xml_holds_samples,
)

RECORDING, ARCHIVE, PART, PASSED_OVER = "recording", "archive", "part", "passed over"
# Endings of what people and programs write for themselves; a text of another ending is looked into.
WRITINGS = {
    ".md", ".rst", ".tex", ".bib", ".html", ".htm", ".css", ".js", ".ts", ".py", ".pyi", ".pyc", ".ipynb", ".toml", ".yaml",
    ".yml", ".ini", ".cfg", ".sh", ".bat", ".ps1", ".c", ".h", ".cc", ".cpp", ".java", ".rb", ".go", ".rs", ".sql", ".svg",
    ".lock", ".url", ".lnk", ".md5", ".sha1", ".sha256", ".sha512", ".license", ".rtf", ".ttf", ".ico", ".mp3", ".emf", ".wmf",
}  # fmt: skip
READ_MES = re.compile(
    r"(?:read[ _-]?me|licen[cs]e|copying|notice|authors|contributors|changes|changelog|citation|todo)[ _-]?[\w-]*"
    r"(?:\.(?:txt|asc|1st))?|makefile|dockerfile|(?:records|annotators|checksums|(?:sha|md5)\d*sums?)(?:-[\w-]+)?(?:\.txt)?",
    re.IGNORECASE,
)
LITTER = {"thumbs.db", "ehthumbs.db", "desktop.ini", "dicomdir", "icon\r"}
LITTER_FOLDERS = {"__macosx", "__pycache__", "$recycle.bin", "system volume information", "lost+found", "@eadir"}
NAMED = re.compile(r"^([^\s#/\\]+)[ \t]+\d", re.MULTILINE)  # a file at the beginning of a header's line
MARKED_UP = {
    ".xml",
    ".xls",
    ".xlsx",
    ".csv",
    ".tsv",
    ".asc",
    ".ecg",
}  # endings of recordings that may be XML or a web page
HEADER_BYTES = 65_536


def is_litter(name: str, is_folder: bool) -> bool:
    """Whether a file or folder is hidden, or one that a system keeps for itself."""
    return name.startswith((".", "~$")) or name.lower() in (LITTER_FOLDERS if is_folder else LITTER)


def look_at(path: Path, stems: Iterable[str]) -> str:
    """RECORDING, ARCHIVE, PART or PASSED_OVER. stems : of the WFDB headers in the same folder, a set."""
    suffix = path.suffix.lower()
    if is_litter(path.name, is_folder=False):
        return PASSED_OVER
    if suffix in OF_ONE_KIND:
        return RECORDING
    if path.stem in stems and suffix in SIGNALS:
        return PART
    if not path.is_file():
        return RECORDING  # reading it says what it is
    try:
        looks = _by_content(path, suffix)
    except OSError:
        return RECORDING
    if looks is None:
        return PART if path.stem in stems else PASSED_OVER if suffix in ANNOTATIONS else RECORDING
    return looks


def named_in_headers(headers: Iterable[Path]) -> set[str]:
    """Names of the files in which these WFDB headers say that their samples lie."""
    names = set()
    for each in headers:
        with suppress(OSError), each.open("rb") as file:
            names |= set(NAMED.findall(file.read(HEADER_BYTES).decode("utf-8", "replace")))
    return names


def _by_content(path: Path, suffix: str) -> str | None:
    """What the file is by its content; None for binary content of no known kind."""
    quiet = suffix in WRITINGS or READ_MES.fullmatch(path.name) is not None
    try:
        kind = kind_of(path)
    except NoRecording:
        return PASSED_OVER
    except Unknown:
        return PASSED_OVER if quiet else None
    except RecordError:
        return PASSED_OVER if quiet else _of_no_kind(path, suffix)
    if kind == "text" and quiet:
        return PASSED_OVER
    holds: Mapping[str, bool] = {"text": text_holds_samples, "xlsx": workbook_holds_samples}
    if kind in holds:
        return RECORDING if holds[kind](path) else PASSED_OVER
    return ARCHIVE if kind == "archive" else RECORDING


def _of_no_kind(path: Path, suffix: str) -> str:
    """The same of a file that no reader takes: what may hold samples all the same is tried, and reported."""
    with path.open("rb") as file:
        text = decoded(file.read(HEAD)) or ""
    if JSON.match(text):
        return RECORDING if json_holds_samples(path) else PASSED_OVER
    if text.lstrip().startswith("<"):
        return RECORDING if suffix in MARKED_UP or xml_holds_samples(path) else PASSED_OVER
    return RECORDING
