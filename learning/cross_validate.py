"""Training in folds: each fold is predicted by networks that did not see it, and others learn from all. Knows no label.

What is trained is handed in as a `Training`; what it says of each record out of fold, its networks and its curves come
back. Every epoch is kept in the run's folder (see `learning.run_folder`), so a stopped run goes on from the last one.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import nn

from learning.network import Batch, History, NetworkTraining, Report, seed_of
from learning.run_folder import side_by_side, stop_without_parent
from utils import pick_device

# The fold that a training does not see, None where all records are learnt from; and the member.
Part = tuple[int | None, int]


class Training(Protocol):
    """What one detector hands in: its records, the network that learns from them, and how it is scored.

    A row is the index of a record. The first `len(folds)` are predicted out of fold; any behind them are only learnt from.

    settings : what `NetworkTraining` asks for, with `seed` and `members`, the networks a fold.
    folds : fold of each record that is predicted, int (n,) from 0.
    """

    settings: Mapping[str, Any]
    folds: np.ndarray

    def rows(self, fold: int | None) -> np.ndarray:
        """The rows that an epoch takes where this fold is held out (None: none is), each as often as it is taken."""
        ...

    def network(self, rows: np.ndarray, rng: np.random.Generator) -> nn.Module:
        """A network to be trained on these rows, its fresh weights drawn from torch's generator, all else from `rng`."""
        ...

    def draw(self, rows: np.ndarray, rng: np.random.Generator) -> Batch:
        """A batch of these rows, (b,): inputs first, then what `loss` needs; changed at random as training wants it."""
        ...

    def loss(self, network: nn.Module, batch: tuple[torch.Tensor, ...]) -> torch.Tensor:
        """What is made small, a number. batch : the arrays of `draw` or `held_out_batch`, as tensors."""
        ...

    def held_out_batch(self, rows: np.ndarray) -> Batch:
        """A batch of these rows, whose loss is drawn as a curve and chooses nothing; a draw unless a detector has its own."""
        return self.draw(rows, np.random.default_rng(0))

    def predict(self, networks: list[nn.Module], rows: np.ndarray) -> np.ndarray:
        """What networks that saw none of these rows say of each, (len(rows), ...), as inference would."""
        ...

    def score(self, predicted: np.ndarray, rows: np.ndarray) -> dict[str, float]:
        """How good `predicted` is on these rows: "score", the greater the better, and what else is worth knowing."""
        ...


@dataclass(frozen=True)
class CrossValidated:
    """What came out of a cross-validation.

    predicted : of each record by the networks that did not see its fold, (n, ...).  scores : by fold, as
    `Training.score` gives them.  networks : those that learnt from all records, in evaluation mode; none where none was
    asked for.  histories : the epochs of each training by its name, "fold0", ..., "all".
    """

    predicted: np.ndarray
    scores: dict[int, dict[str, float]]
    networks: list[nn.Module]
    histories: dict[str, History] = field(default_factory=dict)

    @property
    def training_s(self) -> float:
        """Seconds that all epochs took together."""
        return round(sum(epoch["seconds"] for history in self.histories.values() for epoch in history), 1)

    def machine(self) -> dict[str, Any]:
        """Where and how long the networks learnt, for the card."""
        return {
            "torch": torch.__version__,
            "device": str(pick_device()),
            "threads": torch.get_num_threads(),
            "training_s": self.training_s,
        }


def cross_validate(
    training: Training,
    out: Path,
    report: Report | None = None,
    jobs: int = 1,
    bundle: bool = True,
    again: Callable[[], Training] | None = None,
) -> CrossValidated:
    """Train every fold's networks and, for a bundle, those of all records; predict and score each fold.

    out : the run's folder.  report : called after every epoch with {"part", "epoch", "train_loss", "held_loss",
    "seconds"}, and after every fold with {"fold"} and its scores.  jobs : trainings at once, each in a process of its
    own, whose epochs `report` does not hear of.  again : makes the training anew in such a process, where it is too
    large to be sent there; it must be picklable.
    Raises ValueError for a training that takes a row of the fold it holds out.
    """
    if jobs > 1:
        side_by_side(train_share, (again or _Same(training), out, bundle), jobs)
    predicted, scores, histories = None, {}, {}
    networks: dict[int | None, list[nn.Module]] = {}
    for fold, member in _parts(training, bundle):
        trained = _train(training, (fold, member), out, report)
        histories[trained.part] = trained.history
        networks.setdefault(fold, []).append(trained.trained)
        if fold is not None and len(networks[fold]) == training.settings["members"]:
            held_out = np.flatnonzero(training.folds == fold)
            of_fold = training.predict(networks.pop(fold), held_out)
            if predicted is None:
                predicted = np.full((len(training.folds), *of_fold.shape[1:]), np.nan)
            predicted[held_out] = of_fold
            scores[fold] = training.score(of_fold, held_out)
            if report:
                report({"fold": fold, **scores[fold]})
    return CrossValidated(predicted, scores, networks.get(None, []), histories)


@dataclass(frozen=True)
class _Same:
    """A training that is sent to the process as it is."""

    training: Training

    def __call__(self) -> Training:
        return self.training


def train_share(again: Callable[[], Training], out: Path, bundle: bool = True, index: int = 0, jobs: int = 1) -> None:
    """In a process of its own: every `jobs`-th training from `index` on; what it learns lies in the run's folder."""
    torch.set_num_threads(max(1, torch.get_num_threads() // jobs))
    training = again()
    for part in _parts(training, bundle)[index::jobs]:
        _train(training, part, out, stop_without_parent)


def _parts(training: Training, bundle: bool) -> list[Part]:
    """Every training of a run, in the order in which they are done."""
    folds = [*map(int, np.unique(training.folds)), *([None] if bundle else [])]
    return [(fold, member) for fold in folds for member in range(training.settings["members"])]


def network_training(training: Training, part: str, rows: np.ndarray, out: Path) -> NetworkTraining:
    """The training of one network on these rows. part : its name, by which it is seeded and kept in `out`."""
    seed = seed_of(training.settings["seed"], part, 0)
    torch.manual_seed(seed)
    network = training.network(rows, np.random.default_rng(seed))
    return NetworkTraining(network, training.settings, part, rows, training.draw, training.loss, out)


def _train(training: Training, part: Part, out: Path, report: Report | None) -> NetworkTraining:
    """One training, run to its end."""
    fold, member = part
    rows = training.rows(fold)
    held_out = np.flatnonzero(training.folds == fold) if fold is not None else np.empty(0, dtype=int)
    if np.isin(held_out, rows).any():
        raise ValueError(f"the training without fold {fold} takes a record of it")
    name = ("all" if fold is None else f"fold{fold}") + (f"-{member}" if member else "")
    learning = network_training(training, name, rows, out)
    learning.run(None if fold is None else training.held_out_batch(held_out), report)
    return learning
