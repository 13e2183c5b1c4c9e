"""How the network learns which intervals are anomalies, and when it stops: by studies that it does not learn from."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits

from cardiac.errors import CardiacError
from cardiac.files import replace_file
from learning.network import Batch, History, NetworkTraining, seed_of
from tasks.rr.net_bundle import torch_forward
from tasks.rr.net_examples import Examples
from tasks.rr.net_inputs import N_CHANNELS, answer
from tasks.rr.networks import build_network
from tasks.rr.studies import Study

# What `fit_network` is told nothing else of. patience : epochs without a smaller loss, after which a training stops.
# unmarked : how much an interval counts that lies farther than `reach` from whatever experts marked.  scale : deviation
# of the logarithm of a study's rate.  jitter_ms : at most.  artefacts : share of the intervals.  network : arguments of
# `networks.build_network`.
SETTINGS: dict[str, Any] = {
    "epochs": 25,
    "patience": 10,
    "batch_size": 32,
    "learning_rate": 1e-2,
    "weight_decay": 0.02,
    "average_decay": 0.95,
    "clip_norm": 1.0,
    "one_cycle": True,
    "precision": "float32",
    "reach": 60,
    "unmarked": 0.1,
    "scale": 0.1,
    "jitter_ms": 2.0,
    "artefacts": 0.005,
    "network": {},
}


@dataclass(frozen=True)
class FittedNetwork:
    """A network that learnt. arguments : what it is built of.  history : the loss by epoch."""

    network: nn.Module
    arguments: Mapping[str, Any]
    history: History

    def logits(self, intervals_ms: Sequence[np.ndarray], n_study: int | None = None) -> list[np.ndarray]:
        """Of each study its intervals' logits, float (n,). n_study : how long each counts as, however long it is."""
        return answer(torch_forward([self.network]), intervals_ms, n_study)


class StoppedTraining(NetworkTraining):
    """A training that stops once the loss on other studies has not become less for `patience` epochs; the best weights stay.

    It can itself be stopped and gone on with: the best weights lie beside the last epoch's state.
    """

    def __init__(self, *arguments: Any, stop_on: Sequence[Study], **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.stop_on = stop_on
        self.best = self.state.with_suffix(".best.pt")

    def run_to_best(self) -> nn.Module:
        """Train, and give the network as it was after its best epoch. Raises CardiacError for a damaged state."""
        trained = self.run(held_out=(np.concatenate([each.targets for each in self.stop_on]),))
        try:
            trained.load_state_dict(torch.load(self.best, weights_only=True, map_location=self.device))
        except Exception as error:  # a damaged file makes torch raise whatever it runs into
            raise CardiacError(f"{self.best}: cannot be read: delete it and {self.state.name} to train anew") from error
        return trained

    def _held_out_loss(self, held_out: Batch) -> float:
        told = answer(torch_forward([self.trained]), [each.intervals_ms for each in self.stop_on])
        logits = np.concatenate(told)
        return float((np.logaddexp(0, logits) - held_out[0] * logits).mean())

    def _save(self) -> None:
        if self._since_best() == 0:  # before the state: an epoch that is done again writes the same
            content = io.BytesIO()
            torch.save(self.trained.state_dict(), content)
            self.best.parent.mkdir(parents=True, exist_ok=True)
            replace_file(self.best, content.getvalue())
        super()._save()
        self._stop_if_done()

    def _load(self) -> None:
        super()._load()
        self._stop_if_done()

    def _since_best(self) -> int:
        losses = [each["held_loss"] for each in self.history]
        return len(losses) - 1 - int(np.argmin(losses))

    def _stop_if_done(self) -> None:
        if self.history and self._since_best() >= self.settings["patience"]:
            self.n_epochs = len(self.history)


def spike_loss(network: nn.Module, batch: tuple[torch.Tensor, ...]) -> torch.Tensor:
    """Binary cross-entropy of the intervals that there are."""
    inputs, targets, weights = batch
    losses = binary_cross_entropy_with_logits(network(inputs), targets, reduction="none")
    return (losses * weights).sum() / weights.sum()


def fit_network(
    studies: Sequence[Study],
    stop_on: Sequence[Study],
    settings: Mapping[str, Any],
    out: Path,
    resume: bool,
    seed: int,
    part: str = "network",
) -> FittedNetwork:
    """A network that learnt from `studies`, as it was when its loss on `stop_on` was least.

    stop_on : studies apart from those that it learns from and from those that score it.  settings : what differs from
    SETTINGS.  out : the folder of the run, where every epoch is kept.  resume : whether to go on with what lies there;
    a network that was finished is given back as it is.  part : its name there, by which its weights are drawn too.
    """
    settings = SETTINGS | dict(settings) | {"seed": seed}
    arguments = {"n_channels": N_CHANNELS} | settings["network"]
    examples = Examples(studies, settings)
    torch.manual_seed(seed_of(seed, part, 0))
    network = build_network(**arguments)
    rows = np.arange(len(examples.places))
    training = StoppedTraining(network, settings, part, rows, examples.draw, spike_loss, out, stop_on=stop_on)
    if not resume:
        for path in (training.state, training.best):
            path.unlink(missing_ok=True)
    return FittedNetwork(training.run_to_best(), arguments, training.history)
