"""The loss of several heads, and where a training multiplies in bfloat16."""

import numpy as np
import pytest
import torch
from torch.nn.functional import binary_cross_entropy_with_logits

from learning.network import NetworkTraining, heads_loss, in_bfloat16
from tests.learning.test_cross_validate import SETTINGS

LOGITS = [torch.tensor([[[2.0], [0.5]], [[-1.0], [0.0]]]), torch.tensor([[[0.3, -0.7]], [[1.2, 0.1]]])]
TARGETS = torch.tensor([[1.0, 0.0, 1.0], [0.0, 1.0, 0.75]])
COUNTS = torch.tensor([[1.0, 1.0, 0.0], [1.0, 0.5, 1.0]])


def by_hand() -> float:
    """Every term of the loss, one at a time."""
    total, place = 0.0, 0
    for head, weight in zip(LOGITS, (1.0, 0.5), strict=True):
        summed = counted = 0.0
        for record in range(2):
            for output in range(head.shape[2]):
                target, count = TARGETS[record, place + output], COUNTS[record, place + output]
                for logit in head[record, :, output]:
                    chance = torch.sigmoid(logit)
                    present = -torch.log(chance)
                    absent = -torch.log(1 - chance)
                    summed += count * (target * present + (1 - target) * absent) / head.shape[1]
                counted += count
        total += weight * summed / counted
        place += head.shape[2]
    return float(total)


def test_loss_by_hand():
    loss = heads_loss(LOGITS, TARGETS, COUNTS, (1.0, 0.5), 0.0)
    assert float(loss) == pytest.approx(by_hand(), rel=1e-5)


@pytest.mark.parametrize(
    ("n_heads", "weights", "n_targets"),
    [(2, (1.0,), 3), (1, (1.0, 0.5), 3), (1, (1.0,), 3), (2, (1.0, 0.5), 2)],
)
def test_heads_weights_and_targets_must_fit(n_heads, weights, n_targets):
    """A head without a weight or a target without a head would be left untrained in silence."""
    with pytest.raises(ValueError, match=f"do not fit {len(weights)} weights and {n_targets} targets"):
        heads_loss(LOGITS[:n_heads], TARGETS[:, :n_targets], COUNTS[:, :n_targets], weights, 0.0)


def test_loss_is_cross_entropy_and_smooths():
    one, targets, counts = LOGITS[:1], TARGETS[:, :1], torch.ones(2, 1)
    expected = targets[:, None].expand(2, 2, 1) * 0.9 + 0.05
    told = heads_loss(one, targets, counts, (1.0,), 0.1)
    assert torch.allclose(told, binary_cross_entropy_with_logits(one[0], expected))


@pytest.mark.parametrize(
    ("able", "precision", "expected"),
    [
        ({"amx_bf16": True}, "auto", True),
        ({"avx512_bf16": True, "amx_bf16": False}, "auto", True),
        ({"avx2": True, "avx512_bf16": False}, "auto", False),
        ({}, "bfloat16", True),
        ({"amx_bf16": True}, "float32", False),
    ],
)
def test_bfloat16_where_the_processor_has_it(able, precision, expected, monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: able)
    assert in_bfloat16({"precision": precision}, torch.device("cpu")) is expected


class Slow(torch.nn.Linear):
    """A layer that takes its time in one precision, as processors do."""

    def __init__(self, slow_in_bfloat16):
        super().__init__(4, 1)
        self.slow_in_bfloat16 = slow_in_bfloat16

    def forward(self, x):
        for _ in range(300 if torch.is_autocast_enabled("cpu") == self.slow_in_bfloat16 else 1):
            y = super().forward(x)
        return y


def mean_loss(network, batch):
    return network(batch[0]).float().mean()


@pytest.mark.parametrize("slow", [True, False])
def test_bfloat16_where_it_was_timed_to_be_faster(slow, monkeypatch, tmp_path):
    """On a processor that has it; kept with the training's state, so that one that is resumed goes on in it."""
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"amx_bf16": True})
    settings = SETTINGS | {"precision": "auto", "epochs": 1}

    def draw(rows, _):
        return (np.ones((len(rows), 4), np.float32),)

    def make():
        return NetworkTraining(Slow(slow), settings, "part", np.arange(8), draw, mean_loss, tmp_path)

    training = make()
    before, state = training.network.weight.detach().clone(), torch.random.get_rng_state()
    assert training._settle_precision() is not slow
    assert torch.equal(training.network.weight, before)
    assert torch.equal(torch.random.get_rng_state(), state)
    training.run()
    assert training.bfloat16 is not slow
    again = make()
    again.network.slow_in_bfloat16 = not slow
    again.run()
    assert again.bfloat16 is not slow
