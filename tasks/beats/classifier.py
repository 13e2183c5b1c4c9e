"""The classifier of beats as it is shipped: a bundle's folder read, its files checked, and what it says of a recording.

A bundle holds `trees.npz` and `classifier.json`, the card: which features the trees ask for, the operating points, what they
were trained on, and the checksums. Needs no library but NumPy and SciPy.
"""

import hashlib
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from bundles import ROOT, TREES
from cardiac.errors import BundleError, ConfigError, first_line
from cardiac.files import replace_file
from cardiac.records import Record
from cardiac.trees import Trees
from tasks.beats.features import FEATURES, beat_features
from tasks.beats.labels import CLASSES

SHIPPED = ROOT / "checkpoints" / "beats" / "trees"
CARD = "classifier.json"  # no `card.json`: that is of networks, and the core's own
FORMAT, SEAL = 1, "card_sha256"
PREFER = ("f1", "recall")
CHUNK = 20_000  # beats


@dataclass(frozen=True)
class Classifier:
    """Which of CLASSES each beat of a recording is.

    trees : whose sums are a logit of each class against the others.  offsets : of each operating point what is added to
    the logarithms of the probabilities before the largest decides, (5,).  prefer : the operating point.
    sha256 : of the card, and so of the bundle.  card : plain data.
    """

    trees: Trees
    offsets: Mapping[str, np.ndarray]
    prefer: str = "f1"
    sha256: str = ""
    card: Mapping[str, Any] = field(default_factory=dict, compare=False)

    def __call__(self, record: Record, positions: np.ndarray) -> np.ndarray:
        """Probabilities of CLASSES, (n, 5). positions : samples of the recording, in order, int (n,)."""
        return self.of_features(beat_features(record, positions))

    def of_features(self, features: np.ndarray) -> np.ndarray:
        """Probabilities of CLASSES, (n, 5). features : as `beat_features` gives them."""
        parts = [self.trees(features[at : at + CHUNK]) for at in range(0, len(features), CHUNK)]
        return to_probabilities(np.concatenate(parts) if parts else np.zeros((0, len(CLASSES))))

    def decide(self, probabilities: np.ndarray) -> np.ndarray:
        """Which of CLASSES by the operating point, int (n,). probabilities : (n, 5)."""
        return decide(probabilities, self.offsets[self.prefer])


def to_probabilities(logits: np.ndarray) -> np.ndarray:
    """Of each class against the others to shares of one, (n, 5)."""
    each = 1 / (1 + np.exp(-np.clip(logits, -30, 30)))
    return each / each.sum(axis=1, keepdims=True)


def decide(probabilities: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """The class whose logarithm and offset are largest together, int (n,). (n, 5), (5,)."""
    return (np.log(np.maximum(probabilities, 1e-12)) + offsets).argmax(axis=1)


def load_classifier(folder: str | Path = SHIPPED, prefer: str = "f1", runtime: str | None = None) -> Classifier:
    """The classifier in a bundle's folder. runtime : of networks; trees need none.

    Raises BundleError where a file is missing, damaged or of another program; ConfigError for an unknown operating point.
    """
    if prefer not in PREFER:
        raise ConfigError(f"no operating point is called {prefer!r}: use {' or '.join(PREFER)}")
    folder = Path(folder)
    card = read_card(folder)
    content = _read(folder, TREES)
    if hashlib.sha256(content).hexdigest() != card["trees_sha256"]:
        raise BundleError(f"{folder}: {TREES} does not match the checksum in {CARD}: copy the bundle again")
    try:
        trees = Trees.from_bytes(content)
        offsets = {name: np.array([card["offsets"][name][each] for each in CLASSES], float) for name in PREFER}
    except (ValueError, KeyError, TypeError, OSError, zipfile.BadZipFile) as error:
        raise BundleError(f"{folder}: cannot be used ({first_line(error)}): copy the bundle again") from error
    fits = card["features"] == list(FEATURES) and card["classes"] == list(CLASSES)
    if not fits or len(trees.base) != len(CLASSES) or trees.feature.max(initial=-1) >= len(FEATURES):
        raise BundleError(f"{folder}: was trained on other features than this program measures: train it again")
    return Classifier(trees, offsets, prefer, card[SEAL], card)


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
        raise BundleError(f"{folder}: {name} is missing or unreadable: give the folder of a classifier") from error


def _seal(card: Mapping[str, Any]) -> str:
    content = {key: value for key, value in card.items() if key != SEAL}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def save_classifier(folder: Path, trees: Trees, offsets: Mapping[str, np.ndarray], training: Mapping[str, Any]) -> None:
    """Write trees and card, each put in place whole. training : what the card says of it, plain data."""
    folder.mkdir(parents=True, exist_ok=True)
    content = trees.to_bytes()
    card = {
        "format": FORMAT,
        "task": "beats",
        "kind": "trees",
        "use": "every heartbeat of a recording of one lead or two as N, S, V, F or Q (ANSI/AAMI EC 57); research, no device",
        "classes": list(CLASSES),
        "features": list(FEATURES),
        "offsets": {name: dict(zip(CLASSES, map(float, each), strict=True)) for name, each in offsets.items()},
        "training": dict(training),
        "trees_sha256": hashlib.sha256(content).hexdigest(),
    }
    card = json.loads(json.dumps(card))  # as it will be read
    replace_file(folder / TREES, content)
    replace_file(folder / CARD, (json.dumps({**card, SEAL: _seal(card)}, indent=1) + "\n").encode())
