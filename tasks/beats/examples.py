"""The beats that teach: features of DS1's records, of both leads and of each alone, with what the annotations call them."""

import os
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bundles import ROOT
from cardiac.errors import DatasetError
from cardiac.records import read_record
from tasks.beats.annotations import read_annotations
from tasks.beats.ectopic import Form, ectopic_form
from tasks.beats.features import beat_features
from tasks.beats.fibrillation import fibrillating_form
from tasks.beats.rhythm import intervals
from tasks.beats.shapes import Stretch, cut_stretches

FORMS = ("both", "first", "second")  # of a record: both leads, or one alone
BOTH = 0
MADE_OF = {"ectopic": (BOTH, BOTH, BOTH, 1, 2), "fibrillating": (BOTH, BOTH, 1, 2)}  # forms that stretches are made of


@dataclass(frozen=True)
class Taught:
    """A record as it teaches.

    forms : features of both leads' beats and of each lead's, (n, n_features) each.  classes : of its beats, int (n,).
    ectopic, fibrillating : stretches made of its beats, none where it has few; see the modules of these names.
    """

    record_id: str
    forms: tuple[np.ndarray, ...]
    classes: np.ndarray
    ectopic: tuple[Form, ...] = ()
    fibrillating: tuple[Form, ...] = ()


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
    rr = intervals(beats.positions / record.fs_hz)
    stretches = [[*cut_stretches(each, beats.positions)] for each in forms]
    made = {name: _made(name, record_id, stretches, rr, beats.classes) for name in MADE_OF}
    return Taught(record_id, features, beats.classes, **made)


def _made(
    name: str, record_id: str, stretches: Sequence[Sequence[Stretch]], rr: np.ndarray, classes: np.ndarray
) -> tuple[Form, ...]:
    """Stretches that are made of a record, the same ones for the same record. stretches : of each form."""
    made, own_seed = [], zlib.crc32(record_id.encode())
    for seed, which in enumerate(each for each in MADE_OF[name] if each < len(stretches)):
        rng = np.random.default_rng([own_seed, seed])
        for part in stretches[which]:
            own = classes[part.first : part.last]
            if name == "ectopic":
                made.append(ectopic_form(part.beats, rr[part.first : part.last + 1], own, rng))
            else:
                made.append(fibrillating_form(part.beats, own, rng))
    return tuple(each for each in made if each is not None)
