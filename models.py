"""Networks, and nothing else: `build_model("hybrid", n_leads=12, n_outputs=1)` gives a torch module.

Every network takes windows (batch, n_leads, window) in mV and gives logits (batch, n_outputs). No network knows a
file, a threshold or a sampling rate: those stand in the bundle's card.
"""

import math
from itertools import pairwise

import torch
from torch import Tensor, nn


class SqueezeExcitation(nn.Module):
    """Channels weighed by what the whole window holds (Hu et al. 2018). (b, c, t) -> (b, c, t)."""

    def __init__(self, channels: int, reduction: int = 8) -> None:
        super().__init__()
        hidden = max(channels // reduction, 4)
        self.gate = nn.Sequential(nn.Linear(channels, hidden), nn.ReLU(), nn.Linear(hidden, channels), nn.Sigmoid())

    def forward(self, x: Tensor) -> Tensor:
        return x * self.gate(x.mean(dim=2)).unsqueeze(2)  # (b, c, t) * (b, c, 1)


class ResidualBlock(nn.Module):
    """Two normalised convolutions with squeeze-excitation and a shortcut. (b, c_in, t) -> (b, c_out, t / stride)."""

    def __init__(self, c_in: int, c_out: int, kernel: int, stride: int, dropout: float) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv1d(c_in, c_out, kernel, stride, padding=kernel // 2, bias=False),
            nn.BatchNorm1d(c_out),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Conv1d(c_out, c_out, kernel, padding=kernel // 2, bias=False),
            nn.BatchNorm1d(c_out),
            SqueezeExcitation(c_out),
        )
        self.shortcut = nn.Identity()
        if stride > 1 or c_in != c_out:
            self.shortcut = nn.Sequential(
                nn.AvgPool1d(stride, ceil_mode=True) if stride > 1 else nn.Identity(),
                nn.Conv1d(c_in, c_out, 1, bias=False),
                nn.BatchNorm1d(c_out),
            )
        self.activation = nn.GELU()

    def forward(self, x: Tensor) -> Tensor:
        return self.activation(self.body(x) + self.shortcut(x))


def sinusoidal_positions(n_tokens: int, width: int) -> Tensor:
    """Positions (n_tokens, width) of Vaswani et al. 2017; a function of the place alone, so any length will do."""
    place = torch.arange(n_tokens, dtype=torch.float32).unsqueeze(1)
    rate = torch.exp(torch.arange(0, width, 2, dtype=torch.float32) * (-math.log(10_000.0) / width))
    return torch.stack([torch.sin(place * rate), torch.cos(place * rate)], dim=2).flatten(1)


class AttentionPooling(nn.Module):
    """One vector a window: the tokens' mean under learnt weights. (b, t, c) -> (b, c)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.score = nn.Linear(width, 1)

    def forward(self, tokens: Tensor) -> Tensor:
        weights = self.score(tokens).softmax(dim=1)  # (b, t, 1)
        return (weights * tokens).sum(dim=1)


class TransformerBranch(nn.Module):
    """A small pre-norm transformer over the stem's features. (b, c_in, t) -> (b, width)."""

    def __init__(self, c_in: int, width: int, depth: int, heads: int, patch: int, dropout: float) -> None:
        super().__init__()
        self.embed = nn.Conv1d(c_in, width, patch, stride=patch)
        layer = nn.TransformerEncoderLayer(
            width, heads, 2 * width, dropout, activation="gelu", batch_first=True, norm_first=True
        )
        self.encoder = nn.TransformerEncoder(layer, depth, norm=nn.LayerNorm(width), enable_nested_tensor=False)
        self.pool = AttentionPooling(width)

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.embed(x).transpose(1, 2)  # (b, c_in, t) -> (b, t / patch, width)
        positions = sinusoidal_positions(tokens.shape[1], tokens.shape[2]).to(tokens)
        return self.pool(self.encoder(tokens + positions))


class HybridNet(nn.Module):
    """A convolution branch and a transformer branch over one strided stem, joined before the classifier.

    The stem takes every tenth sample (500 Hz -> 50 features a second) and pads nothing, so the features of a window
    are those of the whole record at the same place: windows may be cut before the stem or after it. Both branches
    end in pooling over time, so no weight depends on the window's length.
    """

    def __init__(
        self,
        n_leads: int,
        n_outputs: int,
        stem_width: int = 64,
        widths: tuple[int, ...] = (64, 96, 128),
        kernel: int = 5,
        token_width: int = 96,
        token_patch: int = 4,
        depth: int = 2,
        heads: int = 4,
        dropout: float = 0.1,
        head_dropout: float = 0.3,
    ) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv1d(n_leads, stem_width // 2, 15, stride=5, bias=False),
            nn.BatchNorm1d(stem_width // 2),
            nn.GELU(),
            nn.Conv1d(stem_width // 2, stem_width, 7, stride=2, bias=False),
            nn.BatchNorm1d(stem_width),
            nn.GELU(),
        )
        ends = [stem_width, *widths]
        self.convolution = nn.Sequential(
            *(
                ResidualBlock(c_in, c_out, kernel, 1 if place == 0 else 2, dropout)
                for place, (c_in, c_out) in enumerate(pairwise(ends))
            )
        )
        self.transformer = TransformerBranch(stem_width, token_width, depth, heads, token_patch, dropout)
        self.classifier = nn.Sequential(nn.Dropout(head_dropout), nn.Linear(2 * ends[-1] + token_width, n_outputs))

    def forward(self, windows: Tensor) -> Tensor:
        features = self.stem(windows)  # (b, n_leads, window) -> (b, stem_width, window / 10)
        shapes = self.convolution(features)  # (b, widths[-1], window / 40)
        joined = torch.cat([shapes.mean(dim=2), shapes.amax(dim=2), self.transformer(features)], dim=1)
        return self.classifier(joined)


class ReferenceNet(nn.Module):
    """The network of the task's reference solution, rebuilt from its description to be trained and timed beside ours.

    Three plain convolutions and one transformer encoder layer as wide as the leads, both flattened, so that one
    linear layer of 268 x window x 128 weights holds nearly all of its 27 M parameters. Inputs are scaled by a mean and
    a deviation for every lead and sample index, which `set_scaling` takes from training windows.
    """

    def __init__(self, n_leads: int, n_outputs: int, window: int, heads: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(n_leads, window))
        self.register_buffer("deviation", torch.ones(n_leads, window))
        self.convolution = nn.Sequential(
            nn.Conv1d(n_leads, 64, 7, padding=3),
            nn.ReLU(),
            nn.Conv1d(64, 128, 5, padding=2),
            nn.ReLU(),
            nn.Conv1d(128, 256, 3, padding=1),
            nn.ReLU(),
            nn.Flatten(),
        )
        self.transformer = nn.TransformerEncoderLayer(n_leads, heads, 2048, batch_first=True)
        self.classifier = nn.Sequential(nn.Linear((256 + n_leads) * window, 128), nn.ReLU(), nn.Linear(128, n_outputs))

    def set_scaling(self, windows: Tensor) -> None:
        """Take mean and deviation of every lead and sample index from windows (n, n_leads, window)."""
        self.mean.copy_(windows.mean(dim=0))
        self.deviation.copy_(windows.std(dim=0).clamp_min(1e-6))

    def forward(self, windows: Tensor) -> Tensor:
        scaled = (windows - self.mean) / self.deviation
        attended = self.transformer(scaled.transpose(1, 2)).flatten(1)  # (b, window, n_leads) -> (b, window * n_leads)
        return self.classifier(torch.cat([self.convolution(scaled), attended], dim=1))


NETWORKS = {"hybrid": HybridNet, "reference": ReferenceNet}


def build_model(name: str, **arguments: object) -> nn.Module:
    """The network of that name, with fresh weights; `arguments` are those of its class, as the card writes them.

    Raises ValueError for an unknown name, TypeError for an unknown argument.
    """
    if name not in NETWORKS:
        raise ValueError(f"no network is called {name!r}; there are: {', '.join(NETWORKS)}")
    return NETWORKS[name](**arguments)
