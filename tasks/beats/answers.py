"""What the page of beats shows of one recording, as one JSON document; made by a process of its own (see `apart`).

python -m tasks.beats.answers FOLDER [HZ]     # FOLDER/given has the files as they came; HZ is of a file that states none
"""

import base64
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from cardiac.apart import answer_once
from cardiac.errors import RecordError
from cardiac.files import new_folders
from cardiac.readers.scratch import scratch_folder
from cardiac.records import Record, read_record
from cardiac.sources import Listing, Recording, list_upload, unpack_apart
from tasks.beats.classifier import Classifier, load_classifier
from tasks.beats.documents import open_documents
from tasks.beats.findings import BeatsFinding
from tasks.beats.predict import predict_record

MOST_MEMORY_BYTES = 1536 * 2**20
MOST_SHOWN = 12_000_000  # samples of all leads, 2 bytes each, that are sent to the browser
LEAST_SHOWN_HZ = 100.0
PIECE = 2**20  # samples that are held at once
N_SAMPLED = 24  # seconds of which a lead's level is taken
UV = 1_000.0  # in a mV


def answer_document(record: Record, finding: BeatsFinding, decided_by: Mapping[str, str]) -> dict[str, Any]:
    """What the page shows of a recording, as plain data: samples of the leads that were used, beats, and files to keep.

    decided_by : what names the classifier.  Raises RecordError where the recording is too long for a page.
    """
    samples, shown_hz = shown_samples(record, [record.leads.index(lead) for lead in finding.leads])
    classes = finding.classes.tolist()
    sure = finding.probabilities[np.arange(len(classes)), finding.classes]
    return {
        **finding.to_dict(),
        "remarks": finding.remarks,
        "shown": {
            "fs_hz": shown_hz,
            "leads": list(finding.leads[: len(samples)]),
            "samples": [base64.b64encode(each.astype("<i2").tobytes()).decode() for each in samples],
        },
        "beats": {
            "at_ms": np.round(1_000 * finding.at_s).astype(int).tolist(),
            "classes": classes,
            "percent": np.floor(100 * sure).astype(int).tolist(),
        },
        "runs": [
            {"beat": each.beat, "first": each.first, "n": each.n_beats, "rate_bpm": round(each.rate_bpm)}
            for each in finding.summary.episodes
            if each.kind == "run"
        ],
        "files": files_to_keep(finding, decided_by),
    }


def shown_samples(record: Record, rows: list[int]) -> tuple[list[np.ndarray], float]:
    """Leads as int16 in µV about their level, and their rate, which is lower than the recording's where that is long.

    rows : of the leads, of which a very long recording shows the first alone. Raises RecordError where even that is too much.
    """
    n = record.signal.shape[1]
    step = _step(record.fs_hz, n * len(rows))
    if n // step * len(rows) > MOST_SHOWN:
        rows = rows[:1]
        step = _step(record.fs_hz, n)
    if n // step > MOST_SHOWN:
        raise RecordError(
            f"{record.record_id}: is longer than a page shows ({MOST_SHOWN / LEAST_SHOWN_HZ / 3600:.0f} h): "
            "use python -m tasks.beats.predict"
        )
    piece, level = PIECE // step * step, _level(record)[rows]
    parts = [_in_uv(record.signal[:, first : first + piece][rows] - level, step) for first in range(0, n, piece)]
    return list(np.concatenate(parts, axis=1)), record.fs_hz / step


def _step(fs_hz: float, n: int) -> int:
    """Of how many samples one is made so that not too many are left, or the rate is as low as it may be."""
    return max(1, min(-(-n // MOST_SHOWN), int(fs_hz // LEAST_SHOWN_HZ)))


def _level(record: Record) -> np.ndarray:
    """Where each lead lies, (n_leads, 1) mV: the median of seconds from all over the recording."""
    n, length = record.signal.shape[1], max(1, round(record.fs_hz))
    starts = np.linspace(0, max(0, n - length), N_SAMPLED).astype(int)
    return np.median(
        np.concatenate([record.signal[:, at : at + length] for at in starts], axis=1), axis=1, keepdims=True
    )


def _in_uv(signal: np.ndarray, step: int) -> np.ndarray:
    """Means of every `step` samples, (n_leads, k) mV -> int16 (n_leads, k // step) µV; what is beyond 32 mV is cut off."""
    n = signal.shape[1] // step * step
    means = signal[:, :n].reshape(len(signal), -1, step).mean(axis=2)
    return np.clip(np.round(means * UV), -32_768, 32_767).astype(np.int16)


def files_to_keep(finding: BeatsFinding, decided_by: Mapping[str, str]) -> dict[str, str]:
    """The files that the command line writes, in base64, by their endings."""
    with scratch_folder() as folder:
        with open_documents(folder, decided_by) as documents:
            documents.add(finding)
        files = {path.suffix[1:]: path.read_bytes() for path in folder.iterdir() if path.suffix != ".txt"}
    return {ending: base64.b64encode(content).decode() for ending, content in files.items()}


def read_one(folder: Path, fs_hz: float | None, classifier: Classifier) -> dict[str, Any]:
    """The answer for the one recording in FOLDER/given. Raises RecordError."""
    recording = only_one(list_upload(folder / "given", new_folders(folder), unpack_apart, fs_hz))
    record = read_record(recording.path, recording.fs_hz, recording.record_id, leads=None)
    decided_by = {"sha256": classifier.sha256, "prefer": classifier.prefer}
    return answer_document(record, predict_record(record, classifier), decided_by)


def only_one(listing: Listing) -> Recording:
    """The recording that was sent. Raises RecordError where it is none, or not the only one."""
    if len(listing.recordings) == 1:
        return listing.recordings[0]
    if listing.recordings:
        raise RecordError(f"{len(listing.recordings)} recordings were sent: send one at a time")
    if listing.unread:
        raise RecordError(listing.unread[0][1])
    raise RecordError("no recording was among the files: send a .hea with its .dat, an EDF, a CSV or a .npy")


def main(arguments: list[str]) -> int:
    """The command line. The answer, or {"refused": a sentence}, goes to standard output; nothing else does."""
    folder, fs_hz = Path(arguments[0]), float(arguments[1]) if arguments[1:] else None
    return answer_once(lambda: read_one(folder, fs_hz, load_classifier()), MOST_MEMORY_BYTES)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
