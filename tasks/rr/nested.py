"""Nested cross-validation by study: what scores a study learnt nothing from it, and neither did what stopped or joined it.

Outer folds score. Of the studies outside an outer fold inner folds are drawn; each inner fold stops a network, and all of
them together, each seen by what did not learn from it, fit the joining and its threshold. What is shipped is learnt
in the same way from all studies, as if of an outer fold in which there is none.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from tqdm import tqdm

from cardiac.errors import CardiacError
from cardiac.files import replace_file
from cardiac.trees import Trees
from learning.run_folder import STATE
from tasks.rr.dataset import draw_folds
from tasks.rr.features import interval_features
from tasks.rr.joining import Joined, fit_joined
from tasks.rr.net_inputs import USUAL_LENGTH
from tasks.rr.studies import Study
from tasks.rr.trees import learn_trees
from utils import Config

if TYPE_CHECKING:
    from tasks.rr.net_training import FittedNetwork

STAGES = ("trees", "network")
JOININGS = {"trees": (0,), "network": (1,), "blend": (0, 1)}  # which stages are joined, and
EVERY = "every"  # the best of them without a budget, and with networks that are not told how long a study is
Part = tuple[int | None, int | None]  # outer fold, None: what is shipped; inner fold, None: trees of all that teach


@dataclass(frozen=True)
class Learnt:
    """What came of one outer fold, or of all studies.

    trees : learnt from all studies that teach; None where there are none.  networks : one of each inner fold.
    joined : by the names of JOININGS, and EVERY.
    """

    trees: Trees | None
    networks: "tuple[FittedNetwork, ...]"
    joined: Mapping[str, Joined]


@dataclass(frozen=True)
class Nested:
    """Studies, how they are cut, and what is learnt; all that is learnt lies in `out` and is found again there."""

    studies: Sequence[Study]
    config: Config
    out: Path

    @cached_property
    def features(self) -> list[np.ndarray]:
        """Of each study, what trees are told."""
        return [interval_features(each.intervals_ms) for each in self.studies]

    @cached_property
    def outer(self) -> np.ndarray:
        """The outer fold of each study, int (n,)."""
        return draw_folds(self.studies, self.config["data"]["n_folds"], self.config["data"]["seed"])

    def teaching(self, fold: int | None) -> np.ndarray:
        """The studies outside of an outer fold, as indices; all, where it is None."""
        return np.arange(len(self.studies)) if fold is None else np.flatnonzero(self.outer != fold)

    def inner(self, fold: int | None) -> np.ndarray:
        """The inner fold of each study that teaches, int (n_teaching,)."""
        seed = self.config["data"]["seed"] + 1 + (self.config["data"]["n_folds"] if fold is None else fold)
        own = [self.studies[index] for index in self.teaching(fold)]
        return draw_folds(own, self.config["data"]["inner_folds"], seed)

    def parts(self, folds: Sequence[int | None]) -> list[Part]:
        """All trainings of these outer folds, in order."""
        inner = range(self.config["data"]["inner_folds"])
        return [(fold, own) for fold in folds for own in (*inner, None)]

    def trees_of(self, part: Part) -> Trees | None:
        """Trees that learnt from all that a part teaches, or that lie there already. Raises CardiacError for a damaged file."""
        if not self.config["trees"]["n_trees"]:
            return None
        path = self.out / STATE / f"trees-{_name(part)}.npz"
        if not path.is_file():
            rows = self._taught(part)
            targets = [self.studies[index].targets for index in rows]
            trees = learn_trees([self.features[index] for index in rows], targets, self.config["trees"])
            path.parent.mkdir(parents=True, exist_ok=True)
            replace_file(path, trees.to_bytes())
        try:
            return Trees.from_bytes(path.read_bytes())
        except Exception as error:  # NumPy raises whatever a damaged archive makes it run into
            raise CardiacError(f"{path}: cannot be read: delete it to learn these trees again") from error

    def network_of(self, part: Part) -> "FittedNetwork | None":
        """The network of an inner fold, which stopped it, or that lies there already. Raises CardiacError."""
        from tasks.rr.net_training import fit_network  # torch, which trees need not wait for

        if part[1] is None or not self.config["networks"]["epochs"]:
            return None
        own, inner = self.teaching(part[0]), self.inner(part[0])
        taught, held_out = (
            [self.studies[index] for index in own[chosen]] for chosen in (inner != part[1], inner == part[1])
        )
        seed = self.config["data"]["seed"]
        return fit_network(taught, held_out, self.config["networks"], self.out, True, seed, f"network-{_name(part)}")

    def _taught(self, part: Part) -> np.ndarray:
        own = self.teaching(part[0])
        return own if part[1] is None else own[self.inner(part[0]) != part[1]]

    def learn(self, fold: int | None, after: Callable[[Part], None] = lambda part: None) -> Learnt:
        """All that is learnt without an outer fold. after : is given every part that is whole."""
        own, inner = self.teaching(fold), self.inner(fold)
        networks, logits = [], {usual: [np.zeros(0)] * len(own) for usual in (False, True)}
        for part in self.parts([fold])[:-1]:
            network, trees = self.network_of(part), self.trees_of(part)
            networks += [network] if network else []
            rows = np.flatnonzero(inner == part[1])
            for usual, told in logits.items():
                asked = self.logits(own[rows], trees, [network] if network else [], usual)
                for row, each in zip(rows, asked, strict=True):
                    told[row] = each
            after(part)
        trees = self.trees_of((fold, None))
        after((fold, None))
        targets = [self.studies[index].targets for index in own]
        joined = {
            name: fit_joined([each[:, stages] for each in logits[name == EVERY]], targets, budget=name != EVERY)
            for name, stages in self.joinings.items()
        }
        return Learnt(trees, tuple(networks), joined)

    @property
    def joinings(self) -> dict[str, tuple[int, ...]]:
        """Which stages are joined, by name: of JOININGS those whose stages are learnt, and EVERY, of the last of these."""
        is_learnt = (self.config["trees"]["n_trees"] > 0, self.config["networks"]["epochs"] > 0)
        known = {name: stages for name, stages in JOININGS.items() if all(is_learnt[stage] for stage in stages)}
        return known | {EVERY: [*known.values()][-1]}

    def logits(
        self, rows: np.ndarray, trees: Trees | None, networks: "Sequence[FittedNetwork]", usual: bool = False
    ) -> list[np.ndarray]:
        """Of studies what each stage says of their intervals, (n, n_stages); 0 of a stage that there is not.

        usual : ask the networks as if every study were as long as most are.
        """
        told = [np.zeros((len(self.studies[index].targets), len(STAGES))) for index in rows]
        for each, index in zip(told, rows, strict=True):
            each[:, 0] = trees(self.features[index])[:, 0] if trees else 0
        for network in networks:
            asked = network.logits(
                [self.studies[index].intervals_ms for index in rows], USUAL_LENGTH if usual else None
            )
            for each, own in zip(told, asked, strict=True):
                each[:, 1] += own / len(networks)
        return told

    def told_of(self, fold: int, learnt: Learnt) -> dict[str, dict[str, np.ndarray]]:
        """By joining, what is said of each study of an outer fold: probabilities (n,), by record_id."""
        rows = np.flatnonzero(self.outer == fold)
        logits = {usual: self.logits(rows, learnt.trees, learnt.networks, usual) for usual in (False, True)}
        return {
            name: {
                self.studies[index].record_id: learnt.joined[name].probabilities(each[:, stages])
                for index, each in zip(rows, logits[name == EVERY], strict=True)
            }
            for name, stages in self.joinings.items()
        }


def _name(part: Part) -> str:
    fold, inner = ("all" if each is None else str(each) for each in part)
    return f"{fold}-{inner}"


def learn_share(
    studies: Sequence[Study], config: Config, out: Path, folds: Sequence[int | None], index: int, jobs: int
) -> None:
    """In a process of its own: every `jobs`-th training from `index` on; what it learns lies in `out`."""
    if config["networks"]["epochs"]:
        import torch

        torch.set_num_threads(max(1, torch.get_num_threads() // jobs))
    nested = Nested(studies, config, out)
    own = nested.parts(folds)[index::jobs]
    for part in tqdm(
        own, desc=f"trainings, one of {jobs} shares", unit="training", disable=None if index == 0 else True
    ):
        nested.trees_of(part)
        nested.network_of(part)
