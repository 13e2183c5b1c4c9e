"""What the networks learn from: the beats of records with what they are, and blocks of them. Needs no torch."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from cardiac.errors import DatasetError
from cardiac.records import Record, read_record
from tasks.beats.annotations import read_annotations
from tasks.beats.labels import PACED
from tasks.beats.net_inputs import BeatInputs, Blocks, beat_inputs

N_OUTPUTS = 4  # N S V F: of Q, which DS1 has eight of, nothing can be learnt


@dataclass(frozen=True)
class Beats:
    """Beats of several records, one stretch behind another.

    stretches : the inputs.  positions, classes : of all beats, (n,).  record_ids : of the stretches.
    firsts : of each stretch, its first beat among all, and behind them how many there are.
    """

    stretches: tuple[BeatInputs, ...]
    positions: np.ndarray
    classes: np.ndarray
    record_ids: tuple[str, ...]

    @property
    def firsts(self) -> np.ndarray:
        return np.concatenate([[0], np.cumsum([len(each) for each in self.stretches])]).astype(int)

    @property
    def record_of_beat(self) -> np.ndarray:
        return np.repeat(np.array(self.record_ids), [len(each) for each in self.stretches])

    @property
    def sha256(self) -> str:
        """A checksum of all that is learnt from."""
        told = hashlib.sha256("".join(self.record_ids).encode())
        for array in (self.positions, self.classes, *(each.beats for each in self.stretches)):
            told.update(np.ascontiguousarray(array).tobytes())
        return told.hexdigest()


def read_beats(folder: Path, names: Sequence[str]) -> Beats:
    """Records of the MIT-BIH database with their beats. Raises DatasetError for a paced one or where none is there."""
    if not (folder / f"{names[0]}.hea").is_file():
        raise DatasetError(f"{folder}: has no {names[0]}.hea: give the MIT-BIH database's folder with --data")
    if set(names) & set(PACED):
        raise DatasetError("records with a pacemaker teach nothing about the classes: leave them out")
    return gather_beats(_annotated(folder, each) for each in tqdm(names, desc="reading mitdb", unit="record"))


def _annotated(folder: Path, name: str) -> tuple[str, Record, np.ndarray, np.ndarray]:
    told = read_annotations(folder / name)
    return name, read_record(folder / f"{name}.hea", leads=None), told.positions, told.classes


def gather_beats(records: Iterable[tuple[str, Record, np.ndarray, np.ndarray]]) -> Beats:
    """Beats of records: each its name, the recording, the samples of its beats and which of CLASSES they are, (n,) both."""
    stretches, positions, classes, ids = [], [], [], []
    for name, record, at, own in records:
        parts = [*beat_inputs(record, at)]
        stretches += parts
        ids += [name] * len(parts)
        positions.append(at)
        classes.append(own)
    return Beats(tuple(stretches), np.concatenate(positions), np.concatenate(classes), tuple(ids))


@dataclass(frozen=True)
class BlockTable:
    """Every block of a training, a row each.

    stretch : which of the stretches, int (n,).  start : its first answered beat, within the stretch, int (n,).
    rarest : the rarest class among its answered beats, int (n,); 0 where all are N, or Q.
    """

    stretch: np.ndarray
    start: np.ndarray
    rarest: np.ndarray


def block_table(beats: Beats, blocks: Blocks) -> BlockTable:
    """The blocks of all stretches, in order."""
    stretch, start, rarest = [], [], []
    rank = np.array([0, 2, 1, 3, 0])  # F is the rarest, then S, V, N
    of_rank = np.array([0, 2, 1, 3])
    for index, (inputs, first) in enumerate(zip(beats.stretches, beats.firsts, strict=False)):
        starts = np.arange(0, len(inputs), blocks.hop)
        ranks = rank[beats.classes[first : first + len(inputs)]]
        start.append(starts)
        stretch.append(np.full(len(starts), index))
        rarest.append(of_rank[np.maximum.reduceat(ranks, starts)])
    return BlockTable(*(np.concatenate(each) for each in (stretch, start, rarest)))


def epoch_rows(
    table: BlockTable, allowed: np.ndarray, thin: int, sampling: str, rng: np.random.Generator
) -> np.ndarray:
    """The rows that an epoch takes of those that are allowed, each as often as it is taken.

    thin : of blocks of N alone one in so many.  sampling : "natural"; or "balanced", as many in all, but as many of each
    class (by a block's rarest).
    """
    rows = np.flatnonzero(allowed)
    of_class = [rows[table.rarest[rows] == each] for each in range(N_OUTPUTS)]
    of_class[0] = of_class[0][::thin]
    if sampling == "balanced":
        there = [each for each in of_class if len(each)]
        n_each = sum(map(len, there)) // len(there)
        of_class = [rng.permutation(np.resize(rng.permutation(each), n_each)) for each in there]
    return np.sort(np.concatenate(of_class))
