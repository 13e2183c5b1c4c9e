"""Beats told apart by a network: `load_net_classifier()(record, positions)` gives probabilities of N, S, V, F and Q.

As `tasks.beats.classifier` does it with trees; run by ONNX Runtime, which needs no torch, or by torch.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.special import softmax

from bundles import ROOT
from cardiac.errors import ConfigError
from cardiac.records import Record
from tasks.beats.labels import CLASSES
from tasks.beats.net_bundle import Forward, NetCard, load_forward, read_card
from tasks.beats.net_decisions import decide
from tasks.beats.net_inputs import BeatInputs, beat_inputs, network_inputs

FOLDER = ROOT / "checkpoints" / "beats" / "context"
AT_ONCE = 1024  # beats in one call of the network


@dataclass(frozen=True)
class NetClassifier:
    """A network with its card. prefer : which of the card's decisions is taken, "f1" or "recall"."""

    card: NetCard
    forward: Forward
    prefer: str = "f1"

    def __call__(self, record: Record, positions: np.ndarray) -> np.ndarray:
        """Probabilities of CLASSES, (n, 5); those of a class that the network does not tell apart are 0.

        record : its first two leads are looked at, or its only one.  positions : samples, in order, int (n,).
        """
        found = np.zeros((len(positions), len(CLASSES)))
        columns = [CLASSES.index(each) for each in self.card.outputs]
        for inputs in beat_inputs(record, positions):
            logits = np.concatenate(list(self._logits(inputs)))[: len(inputs)].astype(float)
            found[inputs.first : inputs.first + len(inputs), columns] = softmax(logits, axis=1)
        return found

    def _logits(self, inputs: BeatInputs) -> Iterator[np.ndarray]:
        """Those of the beats in order, (k, n_outputs), and at the end some of none."""
        blocks = self.card.blocks
        inner = slice(blocks.around, blocks.around + blocks.hop)
        starts = np.arange(0, len(inputs), blocks.hop)
        for some in np.array_split(starts, -(-len(starts) * blocks.width // AT_ONCE)):
            rows, present = blocks.rows(some, len(inputs))
            taken = network_inputs(inputs.beats[rows], inputs.references[0], inputs.rhythm[rows], present)
            yield self.forward(*taken)[:, inner].reshape(-1, len(self.card.outputs))

    def decide(self, probabilities: np.ndarray) -> np.ndarray:
        """Which of CLASSES each beat is, int (n,), by the operating point."""
        columns = [CLASSES.index(each) for each in self.card.outputs]
        offsets = np.asarray(self.card.decisions[self.prefer])
        return np.array(columns)[decide(np.asarray(probabilities)[:, columns], offsets)]


def load_net_classifier(folder: Path = FOLDER, prefer: str = "f1", runtime: str | None = None) -> NetClassifier:
    """The network in a bundle's folder. Raises BundleError as `net_bundle` does, ConfigError for what cannot be preferred."""
    card = read_card(Path(folder))
    if prefer not in card.decisions:
        raise ConfigError(f"{prefer!r} cannot be preferred: use one of {', '.join(card.decisions)}")
    return NetClassifier(card, load_forward(Path(folder), card, runtime), prefer)
