"""The beats that teach: features of DS1's records, of both leads and of each alone, with what the annotations call them."""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bundles import ROOT
from cardiac.errors import DatasetError
from cardiac.records import read_record
from tasks.beats.annotations import read_annotations
from tasks.beats.features import beat_features

FORMS = ("both", "first", "second")  # of a record: both leads, or one alone
BOTH = 0


@dataclass(frozen=True)
class Taught:
    """A record as it teaches: features of its forms, each (n, n_features), and the classes of its beats, int (n,)."""

    record_id: str
    forms: tuple[np.ndarray, ...]
    classes: np.ndarray


def find_data(folder: Path | None) -> Path:
    """The database's folder: the one that is given, else $ECG_DATA/mitdb or data/mitdb. Raises DatasetError."""
    folders = [folder] if folder else [Path(os.environ.get("ECG_DATA", "data")) / "mitdb", ROOT / "data" / "mitdb"]
    for each in folders:
        if each.is_dir():
            return each
    raise DatasetError(f"{folders[0]}: there is no such folder: give the MIT-BIH database's with --data")


def read_taught(folder: Path, record_id: str) -> Taught:
    """A record's beats at their annotated positions. Raises RecordError."""
    path = folder / f"{record_id}.hea"
    beats = read_annotations(path)
    record = read_record(path, leads=None)
    alone = [read_record(path, leads=[lead]) for lead in record.leads]
    return Taught(record_id, tuple(beat_features(each, beats.positions) for each in (record, *alone)), beats.classes)
