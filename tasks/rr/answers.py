"""What the page of RR intervals shows of files, as one JSON document; made by a process of its own (see `apart`).

python -m tasks.rr.answers FOLDER [HZ]     # FOLDER/given has the files as they came; HZ is of a recording that states none
"""

import base64
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cardiac.apart import answer_once
from cardiac.errors import RecordError
from cardiac.files import new_folders
from cardiac.readers.scratch import scratch_folder
from cardiac.sources import list_upload, unpack_apart
from tasks.rr.detector import Detector, load_detector
from tasks.rr.documents import open_documents
from tasks.rr.findings import RRFinding, as_plain, find_anomalies
from tasks.rr.predict import studies_in
from tasks.rr.studies import Study

MOST_MEMORY_BYTES = 2048 * 2**20
MOST_SHOWN = 150_000  # intervals of all studies: a day and a half
MOST_STUDIES = 500
PARTS = 10_000  # probabilities are sent as so many parts of one


def answer_document(
    studies: Sequence[Study], refused: Sequence[str], source: str, detector: Detector
) -> dict[str, Any]:
    """What the page shows, as plain data. refused : sentences on what could not be read.  source : the file's name.

    Raises RecordError where it is more than a page shows.
    """
    n = sum(len(each.intervals_ms) for each in studies)
    if n > MOST_SHOWN or len(studies) > MOST_STUDIES:
        raise RecordError(
            f"{source}: {len(studies)} studies with {n:,} intervals are more than a page shows ({MOST_STUDIES} with "
            f"{MOST_SHOWN:,}): use python -m tasks.rr.predict"
        )
    every = detector.without_budget
    findings, without = find_anomalies(studies, detector), find_anomalies(studies, every)
    return {
        "source": source,
        "refused": None,
        "unread": [*refused],
        "thresholds": {"marked": detector.threshold, "every": every.threshold},
        "studies": [_shown(*pair) for pair in zip(findings, without, strict=True)],
        "files": files_to_keep(findings, source, detector),
    }


def _shown(finding: RRFinding, without: RRFinding) -> dict[str, Any]:
    """A study for the page's scripts: times and intervals in ms, probabilities in parts of one."""
    return {
        "id": finding.record_id,
        "time": [as_plain(each) for each in finding.time_ms.tolist()],
        "x": [as_plain(each) for each in finding.intervals_ms.tolist()],
        "marked": in_parts(finding).tolist(),
        "every": in_parts(without).tolist(),
        "errors": np.flatnonzero(finding.errors).tolist(),
        "notes": [*finding.notes],
    }


def in_parts(finding: RRFinding) -> np.ndarray:
    """Probabilities in parts of one, int (n,); what is next to the threshold stays on its side of it."""
    parts = PARTS * finding.probabilities
    whole, limit = np.round(parts), PARTS * finding.threshold
    whole = np.where(finding.anomalies & (whole < limit), np.ceil(parts), whole)
    return np.where(~finding.anomalies & (whole >= limit), np.floor(parts), whole).astype(int)


def files_to_keep(findings: Sequence[RRFinding], source: str, detector: Detector) -> dict[str, str]:
    """The files that the command line writes, in base64, by their names."""
    with scratch_folder() as folder:
        with open_documents(folder, {"sha256": detector.sha256, "every": False}) as documents:
            for each in findings:
                documents.add(each, source)
        return {path.name: base64.b64encode(path.read_bytes()).decode() for path in sorted(folder.iterdir())}


def read_files(folder: Path, fs_hz: float | None, detector: Detector) -> dict[str, Any]:
    """The answer for what lies in FOLDER/given. Raises RecordError where none of it can be read."""
    listing = list_upload(folder / "given", new_folders(folder), unpack_apart, fs_hz)
    studies, unread = [], [sentence for _, sentence in listing.unread]
    for recording in listing.recordings:
        try:
            studies += studies_in(recording)
        except RecordError as error:
            unread.append(str(error))
    if not studies:
        raise RecordError(unread[0] if unread else "no RR intervals were among the files: send a table or a recording")
    names = [path.name for path in sorted((folder / "given").iterdir())]
    return answer_document(studies, unread, names[0] if len(names) == 1 else f"{names[0]}, …", detector)


def main(arguments: list[str]) -> int:
    """The command line. The answer, or {"refused": a sentence}, goes to standard output; nothing else does."""
    folder, fs_hz = Path(arguments[0]), float(arguments[1]) if arguments[1:] else None
    return answer_once(lambda: read_files(folder, fs_hz, load_detector()), MOST_MEMORY_BYTES)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
