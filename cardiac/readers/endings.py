"""What the ending of a file's name says before the file is opened, and which files a WFDB header brings along."""

from pathlib import PurePath
from typing import TypeVar

HEADER = ".hea"  # of a WFDB record
SIGNALS = (".dat", ".mat")  # of the samples that a header may name after itself
ANNOTATIONS = {".atr", ".qrs", ".wqrs", ".gqrs", ".ann", ".ari", ".xws"}  # WFDB's, which hold no samples
SENT_ALONG = {".atr"}  # of these, where a browser sends a record's files one by one
OF_ONE_KIND = {".npy", ".npz", HEADER, ".edf", ".bdf", ".dcm", ".scp"}  # recordings', which no other kind of file has
STORED = OF_ONE_KIND | {".xml"}  # of recordings in an object store, which are known by their names, unopened

AnyPath = TypeVar("AnyPath", bound=PurePath)


def signal_files(path: AnyPath) -> list[AnyPath]:
    """Where the samples of a WFDB header may lie that are called as it is; none for any other file."""
    return [path.with_suffix(ending) for ending in SIGNALS] if path.suffix == HEADER else []
