"""The classifier as it is shipped: a sealed card (kinds in order, filter, window, checksums) and arrays. Nothing is unpickled."""

import hashlib
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bundles import ROOT, TREES, read_checked, read_sealed, write_sealed
from cardiac.errors import BundleError, first_line
from cardiac.files import replace_file
from cardiac.trees import Trees
from cards import SEAL
from tasks.ppg.classifier import Classifier, Joining, Ridge
from tasks.ppg.filters import KINDS
from tasks.ppg.kernels import Kernels
from tasks.ppg.pulses import pulse_names

SHIPPED = ROOT / "checkpoints" / "ppg" / "rhythms"
CARD, ARRAYS, FORMAT = "classifier.json", "kernels.npz", 1
USE = "pulse waves by kind; research and a second look, no medical device"
INPUTS = ("segments", "differences")
RIDGE = ("middle", "spread", "weights", "base")


@dataclass(frozen=True)
class Bundle:
    """A classifier with what must be known to use it. kinds : in the order of its outputs.  card : plain data."""

    classifier: Classifier
    kinds: tuple[str, ...]
    window_s: float
    filter: str
    card: Mapping[str, Any]

    @property
    def sha256(self) -> str:
        """Of the card, and so of all files."""
        return self.card[SEAL]


def save_bundle(
    folder: Path,
    classifier: Classifier,
    kinds: tuple[str, ...],
    window_s: float,
    filter_: str,
    training: Mapping[str, Any],
) -> None:
    """Write card, arrays and trees, each put in place whole. training : plain data."""
    folder.mkdir(parents=True, exist_ok=True)
    arrays, trees = _arrays(classifier), classifier.trees.to_bytes()
    joining = classifier.joining
    card = {
        "format": FORMAT,
        "task": "ppg",
        "use": USE,
        "kinds": list(kinds),
        "window_s": float(window_s),
        "filter": filter_,
        "pulse_features": list(pulse_names()),
        "joining": {
            "trees": float(joining.trees),
            "ridge": float(joining.ridge),
            "offsets": [*map(float, joining.offsets)],
        },
        "arrays_sha256": hashlib.sha256(arrays).hexdigest(),
        "trees_sha256": hashlib.sha256(trees).hexdigest(),
        "training": dict(training),
    }
    replace_file(folder / ARRAYS, arrays)
    replace_file(folder / TREES, trees)
    write_sealed(folder, CARD, card)


def load_bundle(folder: str | Path = SHIPPED) -> Bundle:
    """What lies in a bundle's folder. Raises BundleError where a file is missing, damaged or of another program."""
    folder = Path(folder)
    card = read_sealed(folder, CARD, FORMAT, "a classifier of pulse waves")
    contents = {name: read_checked(folder, name, card.get(key), card=CARD) for name, key in _CHECKSUMS.items()}
    try:
        trees = Trees.from_bytes(contents[TREES])
        with np.load(io.BytesIO(contents[ARRAYS]), allow_pickle=False) as file:
            arrays = {name: file[name] for name in file}
        joined = card["joining"]
        joining = Joining(joined["trees"], joined["ridge"], np.array(joined["offsets"], float))
        kernels = tuple(Kernels.from_arrays(arrays, each) for each in INPUTS)
        classifier = Classifier(kernels, Ridge(*(arrays[f"ridge_{each}"] for each in RIDGE)), trees, joining)
        bundle = Bundle(classifier, tuple(card["kinds"]), float(card["window_s"]), card["filter"], card)
        _check(bundle)
    except Exception as error:  # NumPy raises whatever a damaged archive makes it run into
        raise BundleError(f"{folder}: cannot be used ({first_line(error)}): train it again") from error
    return bundle


_CHECKSUMS = {ARRAYS: "arrays_sha256", TREES: "trees_sha256"}


def _check(bundle: Bundle) -> None:
    """Raise ValueError where the parts do not fit each other."""
    own, n_kinds, n_pulses = bundle.classifier, len(bundle.kinds), len(pulse_names())
    if bundle.card["pulse_features"] != list(pulse_names()) or own.trees.feature.max(initial=-1) >= n_pulses:
        raise ValueError("it was trained on other measurements than this program makes")
    shape = (sum(map(len, own.kernels)) + n_pulses, n_kinds)
    fits = own.ridge.weights.shape == shape and own.ridge.base.shape == own.joining.offsets.shape == (n_kinds,)
    fits &= own.ridge.middle.shape == own.ridge.spread.shape == (n_pulses,) and len(own.trees.base) == n_kinds
    if not fits or bundle.filter not in KINDS or not bundle.window_s > 0:
        raise ValueError("its parts do not fit each other")


def _arrays(classifier: Classifier) -> bytes:
    arrays = {f"ridge_{each}": getattr(classifier.ridge, each) for each in RIDGE}
    for name, kernels in zip(INPUTS, classifier.kernels, strict=True):
        arrays |= kernels.arrays(name)
    content = io.BytesIO()
    np.savez_compressed(content, **arrays)
    return content.getvalue()
