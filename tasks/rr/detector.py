"""The detector of anomalies as it is shipped: a bundle's folder read, its files checked, and what it says of RR intervals.

A bundle holds `detector.json`, the card (what the trees ask for, how the stages are joined, the threshold, what they were
trained on, the checksums), `trees.npz`, and the networks' files (see `net_bundle`). Nothing is unpickled.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from bundles import ROOT, TREES, read_sealed, write_sealed
from cardiac.errors import BundleError, RecordError, first_line
from cardiac.files import replace_file
from cardiac.trees import Trees
from cards import SEAL
from tasks.rr.features import feature_names, interval_features
from tasks.rr.joining import Joined
from tasks.rr.net_bundle import Networks, load_networks
from tasks.rr.net_inputs import USUAL_LENGTH

SHIPPED = ROOT / "checkpoints" / "rr" / "blend"
CARD, FORMAT = "detector.json", 1
USE = "anomalies in RR intervals as the CardioSpike case marks them; research and a second look, no medical device"
LONGEST = 4_096  # intervals that are seen as one study: no study that taught was longer than 3,661
MARGIN = 128  # intervals on either side of a part of a longer study, by which its ends are seen
BLOCK = 16_384  # intervals that are held as features at once


@dataclass(frozen=True)
class Detector:
    """How likely every interval of a study is an anomaly.

    trees, networks : the stages; None where there is none.  joined : what is made of their logits.
    every : the same without a budget.
    n_study : as if of how many intervals a study were, for the networks; None: as many as it has.
    sha256 : of the card, and so of the bundle.  card : plain data.
    """

    trees: Trees | None
    networks: Networks | None
    joined: Joined
    every: Joined | None = None
    n_study: int | None = None
    sha256: str = ""
    card: Mapping[str, Any] = field(default_factory=dict, compare=False)

    @property
    def threshold(self) -> float:
        """From this probability on an interval is called an anomaly."""
        return self.joined.threshold

    @property
    def without_budget(self) -> "Detector":
        """The same, but no study has too many: every place that looks like an anomaly is one. Raises BundleError without."""
        if self.every is None:
            raise BundleError("this detector was trained without a joining that has no budget: train it again")
        return replace(self, joined=self.every, n_study=USUAL_LENGTH)

    def probabilities(self, intervals_ms: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Of each study its intervals' probabilities, float (n,); none depends on the other studies.

        intervals_ms : of each study, finite and over 0, (n,), n at least 1. A study of more than LONGEST intervals is
        seen in parts of about that length. Raises RecordError for what is no interval.
        """
        studies = [np.asarray(each, float) for each in intervals_ms]
        for study in studies:
            if study.ndim != 1 or not study.size or not np.isfinite(study).all() or study.min() <= 0:
                raise RecordError("RR intervals are finite numbers of ms over 0, at least one of them: correct them")
        told: list[list[np.ndarray]] = [[] for _ in studies]
        for batch in _batches(studies):
            for part, probabilities in zip(batch, self._of(batch), strict=True):
                told[part.study].append(probabilities)
        return [np.concatenate(each) for each in told]

    def _of(self, batch: "Sequence[_Part]") -> list[np.ndarray]:
        """Of each part the probabilities of what lies inside its margins."""
        parts = [each.intervals_ms for each in batch]
        logits = np.zeros((sum(map(len, parts)), 2))
        with ThreadPoolExecutor(1) as beside:  # ONNX Runtime and torch leave the other processor to the trees
            of_networks = beside.submit(self.networks.logits, parts, self.n_study) if self.networks else None
            if self.trees:
                logits[:, 0] = self.trees(np.concatenate([interval_features(each) for each in parts]))[:, 0]
            if of_networks:
                logits[:, 1] = np.concatenate(of_networks.result())
        of_parts = np.split(logits, np.cumsum([len(each) for each in parts])[:-1])
        return [self.joined.probabilities(own[each.inside]) for own, each in zip(of_parts, batch, strict=True)]


class _Part(NamedTuple):
    """A stretch of one study with its margins, and where it lies inside of these."""

    study: int
    intervals_ms: np.ndarray
    inside: slice


def _batches(studies: Sequence[np.ndarray]) -> Iterator[list[_Part]]:
    """The parts of all studies in order, about BLOCK intervals at once."""
    batch, size = [], 0
    for index, study in enumerate(studies):
        ends = np.linspace(0, len(study), -(-len(study) // LONGEST) + 1).astype(int)
        for first, last in pairwise(ends):
            begin = max(0, first - MARGIN)
            batch.append(_Part(index, study[begin : last + MARGIN], slice(first - begin, last - begin)))
            size += last - first
            if size >= BLOCK:
                yield batch
                batch, size = [], 0
    if batch:
        yield batch


def save_detector(
    folder: Path,
    trees: Trees | None,
    networks: Mapping[str, Any] | None,
    joined: Joined,
    every: Joined,
    training: Mapping[str, Any],
) -> None:
    """Write trees and card, each put in place whole. networks : what `write_networks` gave.  training : plain data."""
    folder.mkdir(parents=True, exist_ok=True)
    content = trees.to_bytes() if trees else b""
    card = {
        "format": FORMAT,
        "task": "rr",
        "use": USE,
        "features": list(feature_names()),
        "joined": joined.to_dict(),
        "every": every.to_dict(),
        "networks": networks,
        "training": dict(training),
        "trees_sha256": hashlib.sha256(content).hexdigest() if trees else None,
    }
    if trees:
        replace_file(folder / TREES, content)
    write_sealed(folder, CARD, card)


def load_detector(folder: str | Path = SHIPPED, runtime: str | None = None) -> Detector:
    """The detector in a bundle's folder. runtime : of the networks, "onnx" or "torch".

    Raises BundleError where a file is missing, damaged or of another program.
    """
    folder = Path(folder)
    card = read_sealed(folder, CARD, FORMAT, "a detector of RR intervals")
    try:
        joined, every = Joined.from_dict(card["joined"]), Joined.from_dict(card["every"])
        trees = _trees(folder, card)
        networks = load_networks(folder, card["networks"], runtime) if card["networks"] else None
    except (KeyError, TypeError, ValueError) as error:
        raise BundleError(f"{folder}: {CARD} cannot be used ({first_line(error)}): train it again") from error
    return Detector(trees, networks, joined, every, None, card[SEAL], card)


def _trees(folder: Path, card: Mapping[str, Any]) -> Trees | None:
    """Raises BundleError."""
    if card["trees_sha256"] is None:
        return None
    try:
        content = (folder / TREES).read_bytes()
        intact = hashlib.sha256(content).hexdigest() == card["trees_sha256"]
        trees = Trees.from_bytes(content) if intact else None
    except Exception as error:  # NumPy raises whatever a damaged archive makes it run into
        raise BundleError(f"{folder}: {TREES} cannot be read ({first_line(error)}): copy the bundle again") from error
    if trees is None:
        raise BundleError(f"{folder}: {TREES} does not match the checksum in {CARD}: copy the bundle again")
    if card["features"] != list(feature_names()) or trees.feature.max(initial=-1) >= len(feature_names()):
        raise BundleError(f"{folder}: was trained on other features than this program measures: train it again")
    return trees
