"""The classifier of beats as it is shipped: a bundle's folder read, its files checked, and what it says of a recording.

A bundle holds `trees.npz` and `classifier.json`, the card: which features the trees ask for, the operating points, what they
were trained on, and the checksums. Needs no library but NumPy and SciPy.
"""

import hashlib
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from bundles import ROOT, TREES, read_sealed, write_sealed
from cardiac.errors import BundleError, ConfigError, first_line
from cardiac.files import replace_file
from cardiac.records import Record
from cardiac.trees import Trees
from cards import SEAL
from tasks.beats.ectopic import Ectopic
from tasks.beats.features import FEATURES, features_in_parts
from tasks.beats.labels import CLASSES

SHIPPED = ROOT / "checkpoints" / "beats" / "trees"
CARD = "classifier.json"  # no `card.json`: that is of networks, and the core's own
FORMAT = 1
PREFER = ("f1", "recall")
CHUNK = 20_000  # beats


@dataclass(frozen=True)
class Classifier:
    """Which of CLASSES each beat of a recording is.

    trees : whose sums are a logit of each class against the others.  offsets : of each operating point what is added to
    the logarithms of the probabilities before the largest decides, (5,).  prefer : the operating point.
    ectopic : what answers in stretches of which many beats are S; None: the trees there too.
    sha256 : of the card, and so of the bundle.  card : plain data.
    """

    trees: Trees
    offsets: Mapping[str, np.ndarray]
    prefer: str = "f1"
    sha256: str = ""
    card: Mapping[str, Any] = field(default_factory=dict, compare=False)
    ectopic: Ectopic | None = None

    def __call__(self, record: Record, positions: np.ndarray) -> np.ndarray:
        """Probabilities of CLASSES, (n, 5). positions : samples of the recording, in order, int (n,)."""
        parts = [self.of_features(features) for features in features_in_parts(record, positions)]
        return np.concatenate(parts) if parts else np.zeros((0, len(CLASSES)))

    def of_features(self, features: np.ndarray) -> np.ndarray:
        """Probabilities of CLASSES, (n, 5). features : as `beat_features` gives them."""
        parts = [self._of_some(features[at : at + CHUNK]) for at in range(0, len(features), CHUNK)]
        return np.concatenate(parts) if parts else np.zeros((0, len(CLASSES)))

    def _of_some(self, features: np.ndarray) -> np.ndarray:
        probabilities = to_probabilities(self.trees(features))
        return self.ectopic.joined(probabilities, features) if self.ectopic else probabilities

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
    check_prefer(prefer)
    folder = Path(folder)
    card = read_card(folder)
    fits = card.get("features") == list(FEATURES)
    trees, offsets = open_trees(folder, card, len(FEATURES), fits)
    try:
        ectopic = Ectopic.from_dict(card["ectopic"]) if card.get("ectopic") else None
    except (ValueError, KeyError, TypeError) as error:
        raise BundleError(f"{folder}: cannot be used ({first_line(error)}): train it again") from error
    return Classifier(trees, offsets, prefer, card[SEAL], card, ectopic)


def check_prefer(prefer: str) -> None:
    """Raise ConfigError for an unknown operating point."""
    if prefer not in PREFER:
        raise ConfigError(f"no operating point is called {prefer!r}: use {' or '.join(PREFER)}")


def open_trees(
    folder: Path, card: Mapping[str, Any], n_features: int, fits: bool, name: str = CARD, what: str = "a classifier"
) -> tuple[Trees, dict[str, np.ndarray]]:
    """Trees and offsets of a bundle whose card was read. Raises BundleError as `load_classifier`.

    n_features : that the trees may ask for.  fits : whether the card's features are this program's.  name, what : as `read_card`.
    """
    content = _read(folder, TREES, what)
    if hashlib.sha256(content).hexdigest() != card.get("trees_sha256"):
        raise BundleError(f"{folder}: {TREES} does not match the checksum in {name}: copy the bundle again")
    try:
        trees = Trees.from_bytes(content)
        offsets = {each: np.array([card["offsets"][each][label] for label in CLASSES], float) for each in PREFER}
    except (ValueError, KeyError, TypeError, OSError, zipfile.BadZipFile) as error:
        raise BundleError(f"{folder}: cannot be used ({first_line(error)}): copy the bundle again") from error
    fits = fits and card.get("classes") == list(CLASSES) and len(trees.base) == len(CLASSES)
    if not fits or trees.feature.max(initial=-1) >= n_features:
        raise BundleError(f"{folder}: was trained on other features than this program measures: train it again")
    return trees, offsets


def read_card(folder: Path, name: str = CARD, what: str = "a classifier") -> dict[str, Any]:
    """The card, its seal checked. name : of its file.  what : the bundle is, for whom it is missing. Raises BundleError."""
    return read_sealed(folder, name, FORMAT, what)


def _read(folder: Path, name: str, what: str) -> bytes:
    try:
        return (folder / name).read_bytes()
    except OSError as error:
        raise BundleError(f"{folder}: {name} is missing or unreadable: give the folder of {what}") from error


def save_classifier(
    folder: Path,
    trees: Trees,
    offsets: Mapping[str, np.ndarray],
    training: Mapping[str, Any],
    ectopic: Ectopic | None = None,
) -> None:
    """Write trees and card, each put in place whole. training : what the card says of it, plain data."""
    use = "every heartbeat of a recording of one lead or two as N, S, V, F or Q (ANSI/AAMI EC 57); research, no device"
    measured = {"features": list(FEATURES), "ectopic": ectopic.to_dict() if ectopic else None}
    put_trees(folder, CARD, trees, offsets, training, {"kind": "trees", "use": use}, measured)


def put_trees(
    folder: Path,
    name: str,
    trees: Trees,
    offsets: Mapping[str, np.ndarray],
    training: Mapping[str, Any],
    kind: Mapping[str, str],
    features: Mapping[str, Any],
) -> None:
    """Write trees and a card of this name. kind : "kind" and "use".  features : what the card says of them."""
    folder.mkdir(parents=True, exist_ok=True)
    content = trees.to_bytes()
    card = {
        "format": FORMAT,
        "task": "beats",
        **kind,
        "classes": list(CLASSES),
        **features,
        "offsets": {key: dict(zip(CLASSES, map(float, each), strict=True)) for key, each in offsets.items()},
        "training": dict(training),
        "trees_sha256": hashlib.sha256(content).hexdigest(),
    }
    replace_file(folder / TREES, content)
    write_sealed(folder, name, card)
