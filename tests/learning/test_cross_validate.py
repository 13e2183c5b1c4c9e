"""The fold loop over a training that knows no ECG: four numbers a record, and a line through them."""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from learning.cross_validate import cross_validate

SETTINGS = {
    "seed": 1,
    "members": 1,
    "epochs": 3,
    "batch_size": 8,
    "learning_rate": 0.1,
    "weight_decay": 0.0,
    "one_cycle": True,
    "average_decay": 0.5,
    "clip_norm": 1.0,
    "precision": "float32",
}
INPUTS = np.random.default_rng(0).standard_normal((48, 4)).astype(np.float32)
TARGETS = (INPUTS.sum(axis=1, keepdims=True) > 0).astype(np.float32)


@dataclass
class Line:
    """A record is positive where its numbers' sum is."""

    folds: np.ndarray = field(default_factory=lambda: np.arange(40) % 3)  # the last eight records only teach
    settings: dict[str, Any] = field(default_factory=lambda: dict(SETTINGS))
    leaks: bool = False

    def rows(self, fold):
        of_all = np.append(self.folds, np.full(8, -1))
        return np.arange(48) if self.leaks else np.flatnonzero(of_all != fold)

    def network(self, rows, rng):
        return nn.Linear(4, 1)

    def draw(self, rows, rng):
        return INPUTS[rows] + 0.1 * rng.standard_normal((len(rows), 4), dtype=np.float32), TARGETS[rows]

    def held_out_batch(self, rows):
        return INPUTS[rows], TARGETS[rows]

    def loss(self, network, batch):
        return nn.functional.binary_cross_entropy_with_logits(network(batch[0]), batch[1])

    def predict(self, networks, rows):
        with torch.inference_mode():
            return np.mean([network(torch.from_numpy(INPUTS[rows])).numpy() for network in networks], axis=0)

    def score(self, predicted, rows):
        right = (predicted > 0) == (TARGETS[rows] > 0)
        return {"score": float(right.mean()), "n": float(len(rows))}


def parts(news):
    return [each["part"] for each in news if "epoch" in each]


def test_every_fold_is_predicted_by_networks_that_did_not_see_it(tmp_path):
    news = []
    done = cross_validate(Line(), tmp_path, news.append)
    assert done.predicted.shape == (40, 1)
    assert np.isfinite(done.predicted).all()
    assert parts(news) == ["fold0"] * 3 + ["fold1"] * 3 + ["fold2"] * 3 + ["all"] * 3
    assert [each["fold"] for each in news if "fold" in each] == [0, 1, 2]
    assert {fold: scores["n"] for fold, scores in done.scores.items()} == {0: 14, 1: 13, 2: 13}
    assert all(scores["score"] > 0.6 for scores in done.scores.values())
    assert len(done.networks) == 1
    assert [*done.histories] == ["fold0", "fold1", "fold2", "all"]
    assert [epoch["held_loss"] is None for epoch in done.histories["all"]] == [True] * 3
    assert done.training_s == done.machine()["training_s"] >= 0


def test_members_are_trained_each_from_its_own_weights(tmp_path):
    news = []
    training = Line(settings=SETTINGS | {"members": 2, "epochs": 1})
    done = cross_validate(training, tmp_path, news.append, bundle=False)
    assert parts(news) == ["fold0", "fold0-1", "fold1", "fold1-1", "fold2", "fold2-1"]
    assert done.networks == []
    one, other = cross_validate(training, tmp_path).networks
    assert not torch.equal(one.weight, other.weight)


def test_what_is_trained_is_not_trained_again(tmp_path):
    first, news = cross_validate(Line(), tmp_path), []
    second = cross_validate(Line(), tmp_path, news.append)
    assert parts(news) == []
    assert np.array_equal(first.predicted, second.predicted)


def test_side_by_side_is_the_same_training(tmp_path):
    news = []
    alone = cross_validate(Line(), tmp_path / "one")
    beside = cross_validate(Line(), tmp_path / "two", news.append, jobs=2)
    assert parts(news) == []
    assert np.allclose(alone.predicted, beside.predicted, atol=1e-5)


def test_another_seed_predicts_otherwise(tmp_path):
    one, same, other = (
        cross_validate(replace(Line(), settings=SETTINGS | {"seed": seed}), tmp_path / name, bundle=False).predicted
        for name, seed in (("one", 1), ("same", 1), ("other", 2))
    )
    assert np.array_equal(one, same)
    assert not np.allclose(one, other)


def test_a_training_that_sees_its_fold_is_refused(tmp_path):
    with pytest.raises(ValueError, match="without fold 0 takes a record of it"):
        cross_validate(Line(leaks=True), tmp_path)
