"""The network that tells spikes of the rhythm: dilated convolutions, a recurrence both ways, attention to the neighbourhood."""

from collections.abc import Sequence
from copy import deepcopy

import torch
from torch import Tensor, nn

from models import BandedAttention


class DilatedBlock(nn.Module):
    """A normalised convolution with gaps, beside a shortcut. (b, width, t) -> (b, width, t)."""

    def __init__(self, width: int, kernel: int, dilation: int, dropout: float) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv1d(width, width, kernel, padding=kernel // 2 * dilation, dilation=dilation, bias=False),
            nn.BatchNorm1d(width),
            nn.GELU(),
            nn.Dropout(dropout),
        )

    def forward(self, x: Tensor, present: Tensor) -> Tensor:
        return (x + self.body(x)) * present


class SpikeNet(nn.Module):
    """A logit for every interval. (b, n_channels, t), the last channel 1 where there is an interval -> (b, t)."""

    def __init__(
        self,
        n_channels: int,
        width: int = 32,
        kernel: int = 5,
        dilations: tuple[int, ...] = (1, 2, 4, 8),
        recurrent: int = 24,
        heads: int = 2,
        span: int = 24,
        dropout: float = 0.2,
    ) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv1d(n_channels, width, kernel, padding=kernel // 2, bias=False), nn.BatchNorm1d(width), nn.GELU()
        )
        self.blocks = nn.ModuleList(DilatedBlock(width, kernel, each, dropout) for each in dilations)
        self.recurrence = nn.GRU(width, recurrent, batch_first=True, bidirectional=True)
        self.attention = BandedAttention(2 * recurrent, heads, span)
        self.head = nn.Sequential(
            nn.LayerNorm(2 * recurrent + width), nn.Dropout(dropout), nn.Linear(2 * recurrent + width, 1)
        )

    def forward(self, inputs: Tensor) -> Tensor:
        present = inputs[:, -1:]
        frames = self.stem(inputs) * present
        for block in self.blocks:
            frames = block(frames, present)
        own = frames.transpose(1, 2)  # (b, width, t) -> (b, t, width)
        tokens = self.attention(self.recurrence(own)[0])
        return self.head(torch.cat([tokens, own], dim=2)).squeeze(2)


def build_network(**arguments: object) -> nn.Module:
    """The network with fresh weights. Raises TypeError for an argument that it does not have."""
    return SpikeNet(**arguments)


class GraphGRU(nn.Module):
    """A recurrence both ways as the one operator that ONNX has for it: written out step by step it would be 100 times longer.

    It can only be exported, not run. ONNX orders the gates update, reset, new; torch reset, update, new.
    """

    def __init__(self, gru: nn.GRU) -> None:
        super().__init__()
        self.hidden = gru.hidden_size
        ways = ("l0", "l0_reverse")
        for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
            both = torch.stack([self._in_order(getattr(gru, f"{name}_{way}").detach()) for way in ways])
            self.register_buffer(name, both)
        self.register_buffer("bias", torch.cat([self.bias_ih, self.bias_hh], dim=1))

    def _in_order(self, gates: Tensor) -> Tensor:
        reset, update, new = gates.chunk(3)
        return torch.cat([update, reset, new])

    def forward(self, tokens: Tensor) -> tuple[Tensor]:
        b, t, _ = tokens.shape
        states = torch.onnx.ops.symbolic(
            "GRU",
            (tokens.transpose(0, 1), self.weight_ih, self.weight_hh, self.bias),
            {"hidden_size": self.hidden, "direction": "bidirectional", "linear_before_reset": 1},
            dtype=tokens.dtype,
            shape=(t, 2, b, self.hidden),
        )
        return (states.permute(2, 0, 1, 3).flatten(2),)  # (t, 2, b, hidden) -> (b, t, 2 hidden)


class MeanOf(nn.Module):
    """Several networks as one that can be exported, which gives the mean of their logits."""

    def __init__(self, networks: Sequence[nn.Module]) -> None:
        super().__init__()
        self.networks = nn.ModuleList(deepcopy(each) for each in networks)
        for each in self.networks:
            each.recurrence = GraphGRU(each.recurrence)

    def forward(self, inputs: Tensor) -> Tensor:
        return torch.stack([each(inputs) for each in self.networks]).mean(dim=0)
