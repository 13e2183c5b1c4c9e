"""The beats that teach: features of DS1's records, of both leads and of each alone, with what the annotations call them."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bundles import ROOT
from cardiac.errors import DatasetError
from cardiac.records import Record, read_record
from tasks.beats.annotations import read_annotations
from tasks.beats.ectopic import Form, ectopic_form
from tasks.beats.features import beat_features
from tasks.beats.rhythm import intervals
from tasks.beats.shapes import cut_stretches

FORMS = ("both", "first", "second")  # of a record: both leads, or one alone
BOTH = 0
MADE_OF = (BOTH, BOTH, BOTH, 1, 2)  # the form of each ectopic stretch that is made of a record


@dataclass(frozen=True)
class Taught:
    """A record as it teaches.

    forms : features of both leads' beats and of each lead's, (n, n_features) each.  classes : of its beats, int (n,).
    ectopic : stretches made of its S beats, none where it has few; see `ectopic`.
    """

    record_id: str
    forms: tuple[np.ndarray, ...]
    classes: np.ndarray
    ectopic: tuple[Form, ...] = ()


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
    forms = (record, *(read_record(path, leads=[lead]) for lead in record.leads))
    features = tuple(beat_features(each, beats.positions) for each in forms)
    return Taught(record_id, features, beats.classes, ectopic_forms(forms, beats.positions, beats.classes))


def ectopic_forms(forms: Sequence[Record], positions: np.ndarray, classes: np.ndarray) -> tuple[Form, ...]:
    """The stretches that are made of a record's S beats, the same ones for the same record."""
    made = []
    for seed, which in enumerate(MADE_OF[: 2 + len(forms)]):
        rr, rng = intervals(positions / forms[which].fs_hz), np.random.default_rng(seed)
        for part in cut_stretches(forms[which], positions):
            own = slice(part.first, part.last)
            made.append(ectopic_form(part.beats, rr[part.first : part.last + 1], classes[own], rng))
    return tuple(each for each in made if each is not None)
