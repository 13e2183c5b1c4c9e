"""Rows of 187 samples told apart by boosted trees: what they ask of a row, and the bundle that they are kept in.

    load_row_classifier()(record, positions)   # as `tasks.beats.classifier` of whole recordings
    load_row_classifier().of_rows(read_rows("rows.csv").values)

A bundle holds `trees.npz` and `rows.json`, the card, with checksums of both. It needs no library but NumPy and SciPy.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bundles import ROOT
from cardiac.records import Record
from cardiac.trees import Trees
from cards import SEAL
from tasks.beats import classifier
from tasks.beats.classifier import CHUNK, Classifier, check_prefer, open_trees, put_trees
from tasks.beats.row_recipe import WIDTH, rows_at

SHIPPED = ROOT / "checkpoints" / "beats" / "rows"
CARD, WHAT = "rows.json", "a row classifier"
QRS, BEHIND, STEPS = 42, 31, 48  # samples: of the beat itself; from where on the next one is looked for; of a whole row
N_FEATURES = 75 + (QRS - 1) + STEPS + 14


def row_features(rows: np.ndarray) -> np.ndarray:
    """What the trees ask of rows, each first brought to 0 ... 1 by itself. (n, WIDTH) -> float32 (n, N_FEATURES).

    The samples (two at a time) and their differences near R, the row at 48 steps of its own length, that length, where
    the largest and smallest samples are, where the next R is, and how the amplitudes are spread.
    """
    parts = [_features(np.asarray(rows[at : at + CHUNK], np.float32)) for at in range(0, len(rows), CHUNK)]
    return np.concatenate(parts) if parts else np.zeros((0, N_FEATURES), np.float32)


def _features(rows: np.ndarray) -> np.ndarray:
    filled = rows > 0
    length = np.where(filled.any(axis=1), WIDTH - filled[:, ::-1].argmax(axis=1), 1)[:, None]  # (n, 1)
    within = np.arange(WIDTH) < length
    low = np.where(within, rows, np.inf).min(axis=1, keepdims=True)
    high = np.where(within, rows, -np.inf).max(axis=1, keepdims=True)
    own = np.where(within, (rows - low) / np.maximum(high - low, 1e-3), 0)
    pairs = (own + np.roll(own, -1, axis=1))[:, :150:2] / 2  # (n, 75)
    steps = np.linspace(0, 1, STEPS) * (length - 1)
    before = steps.astype(int)
    share, after = steps - before, np.minimum(before + 1, WIDTH - 1)
    stretched = np.take_along_axis(own, before, 1) * (1 - share) + np.take_along_axis(own, after, 1) * share
    slopes = np.diff(own[:, :QRS], axis=1)
    early = own[:, :25]
    beat = [own[:, :30].argmax(1), own[:, :40].argmin(1), early.mean(1), early.std(1), np.abs(slopes).max(1)]
    behind = np.where(within, own, -1)[:, BEHIND:]
    at = behind.argmax(axis=1) + BEHIND
    spread = np.nanpercentile(np.where(within, own, np.nan), [10, 25, 50, 75, 90], axis=1).T
    single = [length[:, 0], *beat, at, at / length[:, 0], behind.max(axis=1), *spread.T]
    return np.concatenate([pairs, slopes, stretched, np.column_stack(single)], axis=1).astype(np.float32)


@dataclass(frozen=True)
class RowClassifier(Classifier):
    """A Classifier whose trees ask for `row_features`; everything else is as there."""

    def of_rows(self, rows: np.ndarray) -> np.ndarray:
        """Probabilities of CLASSES, (n, 5). rows : (n, WIDTH)."""
        return self.of_features(row_features(rows))

    def __call__(self, record: Record, positions: np.ndarray) -> np.ndarray:
        """Probabilities of CLASSES, (n, 5), of the rows at beats. positions : samples of the recording, in order."""
        return self.of_rows(rows_at(record, positions))


def load_row_classifier(folder: str | Path = SHIPPED, prefer: str = "f1") -> RowClassifier:
    """The classifier in a bundle's folder.

    Raises BundleError where a file is missing, damaged or of another program; ConfigError for an unknown operating point.
    """
    check_prefer(prefer)
    folder = Path(folder)
    card = read_card(folder)
    opened = open_trees(folder, card, N_FEATURES, card.get("n_features") == N_FEATURES, CARD, WHAT)
    return RowClassifier(*opened, prefer, card[SEAL], card)


def read_card(folder: Path) -> dict[str, Any]:
    """The card, its seal checked. Raises BundleError."""
    return classifier.read_card(folder, CARD, WHAT)


def save_row_classifier(
    folder: Path, trees: Trees, offsets: Mapping[str, np.ndarray], training: Mapping[str, Any]
) -> None:
    """Write trees and card, each put in place whole. training : what the card says of it, plain data."""
    use = f"rows of {WIDTH} samples at 125 Hz as N, S, V, F or Q (ANSI/AAMI EC 57); research, no device"
    put_trees(folder, CARD, trees, offsets, training, {"kind": "rows", "use": use}, {"n_features": N_FEATURES})
