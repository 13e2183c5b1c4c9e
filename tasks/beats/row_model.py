"""Rows of 187 samples told apart by boosted trees: what they ask of a row, and the bundle that they are kept in.

    load_row_classifier()(record, positions)   # as `tasks.beats.classifier` of whole recordings
    load_row_classifier().of_rows(read_rows("rows.csv").values)

A bundle holds `trees.npz` and `rows.json`, the card, with checksums of both. It needs no library but NumPy and SciPy.
"""

import hashlib
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bundles import ROOT, TREES
from cardiac.errors import BundleError, ConfigError, first_line
from cardiac.files import replace_file
from cardiac.records import Record
from cardiac.trees import Trees
from tasks.beats.classifier import CHUNK, PREFER, Classifier
from tasks.beats.labels import CLASSES
from tasks.beats.row_recipe import WIDTH, rows_at

SHIPPED = ROOT / "checkpoints" / "beats" / "rows"
CARD, FORMAT, SEAL = "rows.json", 1, "card_sha256"
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
    if prefer not in PREFER:
        raise ConfigError(f"no operating point is called {prefer!r}: use {' or '.join(PREFER)}")
    folder = Path(folder)
    card, content = read_card(folder), _read(folder, TREES)
    if hashlib.sha256(content).hexdigest() != card.get("trees_sha256"):
        raise BundleError(f"{folder}: {TREES} does not match the checksum in {CARD}: copy the bundle again")
    try:
        trees = Trees.from_bytes(content)
        offsets = {name: np.array([card["offsets"][name][each] for each in CLASSES], float) for name in PREFER}
    except (ValueError, KeyError, TypeError, OSError, zipfile.BadZipFile) as error:
        raise BundleError(f"{folder}: cannot be used ({first_line(error)}): copy the bundle again") from error
    fits = (card.get("n_features"), card.get("classes")) == (N_FEATURES, list(CLASSES))
    if not fits or len(trees.base) != len(CLASSES) or trees.feature.max(initial=-1) >= N_FEATURES:
        raise BundleError(f"{folder}: was trained on other features than this program measures: train it again")
    return RowClassifier(trees, offsets, prefer, card[SEAL], card)


def read_card(folder: Path) -> dict[str, Any]:
    """The card, its seal checked. Raises BundleError."""
    try:
        card = json.loads(_read(folder, CARD).decode("utf-8"))
        intact = isinstance(card, dict) and card.get("format") == FORMAT and card.get(SEAL) == _seal(card)
    except (ValueError, RecursionError) as error:
        raise BundleError(f"{folder}: {CARD} is not JSON ({first_line(error)}): copy the bundle again") from error
    if not intact:
        raise BundleError(f"{folder}: {CARD} was changed or is of another format: copy the bundle again")
    return card


def _read(folder: Path, name: str) -> bytes:
    try:
        return (folder / name).read_bytes()
    except OSError as error:
        raise BundleError(f"{folder}: {name} is missing or unreadable: give the folder of a row classifier") from error


def _seal(card: Mapping[str, Any]) -> str:
    content = {key: value for key, value in card.items() if key != SEAL}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def save_row_classifier(
    folder: Path, trees: Trees, offsets: Mapping[str, np.ndarray], training: Mapping[str, Any]
) -> None:
    """Write trees and card, each put in place whole. training : what the card says of it, plain data."""
    folder.mkdir(parents=True, exist_ok=True)
    content = trees.to_bytes()
    card = {
        "format": FORMAT,
        "task": "beats",
        "kind": "rows",
        "use": f"rows of {WIDTH} samples at 125 Hz as N, S, V, F or Q (ANSI/AAMI EC 57); research, no device",
        "classes": list(CLASSES),
        "n_features": N_FEATURES,
        "offsets": {name: dict(zip(CLASSES, map(float, each), strict=True)) for name, each in offsets.items()},
        "training": dict(training),
        "trees_sha256": hashlib.sha256(content).hexdigest(),
    }
    card = json.loads(json.dumps(card))  # as it will be read
    replace_file(folder / TREES, content)
    replace_file(folder / CARD, (json.dumps({**card, SEAL: _seal(card)}, indent=1) + "\n").encode())
