"""How the networks that tell beats apart learn: the `Training` that `learning.cross_validate` is given."""

from collections import defaultdict
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from learning.cross_validate import Training
from learning.network import Batch
from tasks.beats.net_decisions import cross_fitted, scores_of
from tasks.beats.net_examples import N_OUTPUTS, Beats, BlockTable, block_table, epoch_rows
from tasks.beats.net_inputs import N_CHANNELS, N_RHYTHM, Blocks, network_inputs
from tasks.beats.networks import build_network
from tasks.beats.out_of_fold import f1_of, search_scores
from utils import Config

NOTHING = -1  # in the place of a class: nothing is learnt from it
MOST_SHIFT = 2  # samples that a block's beats are moved by in training
AT_ONCE = 3072  # beats


@dataclass(frozen=True)
class BeatTraining(Training):
    """A `learning.cross_validate.Training`: a row is a block of neighbouring beats (of one, for nets of single beats).

    name : which of `networks.NETWORKS`, whose section of the config says how it learns.  fold_of_record : by its name.
    accuracies : of the batches since they were last taken, by "train" and "held".  told : of each fold that was scored
    probabilities and which of all beats they are of.
    """

    config: Config
    name: str
    beats: Beats
    fold_of_record: dict[str, int]
    accuracies: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    told: dict[int, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)

    @cached_property
    def settings(self) -> dict[str, Any]:
        return self.config["train"] | self.config[self.name]

    @cached_property
    def blocks(self) -> Blocks:
        return Blocks(self.settings["hop"], self.settings["around"])

    @cached_property
    def table(self) -> BlockTable:
        return block_table(self.beats, self.blocks)

    @cached_property
    def folds(self) -> np.ndarray:
        of_stretch = np.array([self.fold_of_record[each] for each in self.beats.record_ids])
        return of_stretch[self.table.stretch]

    @cached_property
    def weights(self) -> np.ndarray:
        """How much each class counts, float32 (N_OUTPUTS,); N counts 1."""
        counts = np.bincount(self.beats.classes, minlength=N_OUTPUTS)[:N_OUTPUTS]
        return ((counts[0] / np.maximum(counts, 1)) ** self.settings["class_power"]).astype(np.float32)

    @property
    def arguments(self) -> dict[str, Any]:
        """What the network is built of, for the card."""
        return {"n_channels": N_CHANNELS, "n_rhythm": N_RHYTHM, "n_classes": N_OUTPUTS}

    def rows(self, fold: int | None) -> np.ndarray:
        allowed = self.folds != (-1 if fold is None else fold)
        rng = np.random.default_rng(self.settings["seed"])
        return epoch_rows(self.table, allowed, self.settings["thin"], self.config["data"]["sampling"], rng)

    def network(self, rows: np.ndarray, rng: np.random.Generator) -> nn.Module:
        return build_network(self.name, **self.arguments)

    def draw(self, rows: np.ndarray, rng: np.random.Generator) -> Batch:
        return self._batch(rows, rng)

    def held_out_batch(self, rows: np.ndarray) -> Batch:
        return self._batch(rows[::4], None)

    def _batch(self, rows: np.ndarray, rng: np.random.Generator | None) -> Batch:
        made = [self._example(row, rng) for row in rows]
        beats, references, rhythm, present, classes = (np.stack(each) for each in zip(*made, strict=True))
        return *network_inputs(beats, references[:, None], rhythm, present), classes

    def _example(self, row: int, rng: np.random.Generator | None) -> tuple[np.ndarray, ...]:
        """Beats, reference, rhythm, presence and classes of one block, changed at random as training wants it."""
        which = self.table.stretch[row]
        inputs, first = self.beats.stretches[which], self.beats.firsts[which]
        start = int(self.table.start[row])
        if rng is not None:
            start = self._other_start(row, start, len(inputs), rng)
        taken, present = (each[0] for each in self.blocks.rows(np.array([start]), len(inputs)))
        classes = self.beats.classes[first + taken]
        classes = np.where(present & (classes < N_OUTPUTS), classes, NOTHING)
        beats, reference = inputs.beats[taken], inputs.references[0]
        if rng is not None:
            beats, reference = self._changed(beats, inputs.references, rng)
        return beats, reference, inputs.rhythm[taken], present, classes

    def _other_start(self, row: int, start: int, n_beats: int, rng: np.random.Generator) -> int:
        """A block is taken a little earlier or later; a single N stands for all N of its recording."""
        if self.blocks.hop > 1:
            reach = self.blocks.hop // 2
            return int(np.clip(start + rng.integers(-reach, reach + 1), 0, n_beats - 1))
        normal = self._normal_beats[self.table.stretch[row]]
        return int(rng.choice(normal)) if self.table.rarest[row] == 0 and len(normal) else start

    @cached_property
    def _normal_beats(self) -> list[np.ndarray]:
        """Of each stretch the beats that are N, within it."""
        firsts = self.beats.firsts
        return [
            np.flatnonzero(self.beats.classes[firsts[each] : firsts[each + 1]] == 0) for each in range(len(firsts) - 1)
        ]

    def _changed(
        self, beats: np.ndarray, references: np.ndarray, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Beats and the reference that they are held against, both as another recording could show them."""
        settings = self.settings
        other = len(references) > 1 and rng.random() < settings["other_reference"]
        reference = references[rng.integers(1, len(references)) if other else 0]
        beats = np.roll(beats, rng.integers(-MOST_SHIFT, MOST_SHIFT + 1), axis=-1)
        gain = np.exp(rng.normal(0, settings["gain"]))
        beats, reference = beats * gain, reference * gain
        if rng.random() < settings["one_lead"]:
            lead = rng.integers(2)
            alone = np.zeros_like(beats), np.zeros_like(reference)
            alone[0][:, 0], alone[1][0] = beats[:, lead], reference[lead]
            return alone
        return beats, reference

    def loss(self, network: nn.Module, batch: tuple[torch.Tensor, ...]) -> torch.Tensor:
        shapes, rhythm, present, classes = batch
        logits = network(shapes, rhythm, present).flatten(0, 1)
        known, settings = classes.flatten() != NOTHING, self.settings
        logits, truth = logits[known], classes.flatten()[known]
        weights = torch.from_numpy(self.weights).to(logits)[truth]
        losses = cross_entropy(logits, truth, reduction="none", label_smoothing=settings["smoothing"])
        if settings["focal"]:
            right = logits.detach().softmax(dim=1).gather(1, truth[:, None])[:, 0]
            weights = weights * (1 - right) ** settings["focal"]
        kind = "train" if torch.is_grad_enabled() else "held"
        self.accuracies[kind].append(float((logits.argmax(dim=1) == truth).float().mean()))
        return (losses * weights).sum() / weights.sum().clamp_min(1e-6)

    def predict(self, networks: list[nn.Module], rows: np.ndarray) -> np.ndarray:
        """Probabilities of the answered beats, float (len(rows), hop, N_OUTPUTS); NaN where there is none."""
        inner, parts = slice(self.blocks.around, self.blocks.around + self.blocks.hop), []
        device = next(networks[0].parameters()).device
        for some in np.array_split(rows, max(1, len(rows) * self.blocks.width // AT_ONCE)):
            *inputs, _ = self._batch(some, None)
            with torch.inference_mode():
                tensors = [torch.from_numpy(each).to(device) for each in inputs]
                of_each = torch.stack([each(*tensors)[:, inner].softmax(dim=2) for each in networks])
            mean = of_each.mean(dim=0).cpu().numpy().astype(float)
            mean[inputs[2][:, inner] == 0] = np.nan
            parts.append(mean)
        return np.concatenate(parts)

    def score(self, predicted: np.ndarray, rows: np.ndarray) -> dict[str, float]:
        probabilities, beats = self.told[int(self.folds[rows[0]])] = self.by_beat(predicted, rows)
        found = scores_of(probabilities.argmax(axis=1), self.beats.classes[beats])
        return {"score": found["macro"], **found}

    def scores_so_far(self) -> dict[str, float]:
        """What a search compares settings by: F1 of all beats that were scored, by offsets chosen on the other folds."""
        probabilities, beats = (np.concatenate(each) for each in zip(*self.told.values(), strict=True))
        folds = np.repeat([*self.told], [len(each) for _, each in self.told.values()])
        classes = self.beats.classes[beats]
        return search_scores(f1_of(classes, cross_fitted(probabilities, classes, folds, "f1")))

    def by_beat(self, predicted: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Probabilities of beats, (n, N_OUTPUTS), and which of all beats they are, (n,), from those of blocks."""
        firsts = self.beats.firsts[self.table.stretch[rows]] + self.table.start[rows]
        beats = firsts[:, None] + np.arange(self.blocks.hop)
        there = np.isfinite(predicted[..., 0])
        return predicted[there], beats[there]
