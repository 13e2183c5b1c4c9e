"""Networks that tell beats apart: `build_network("residual")` gives one.

Each takes stretches of beats: shapes (b, t, channels, samples), rhythm (b, t, k) and present (b, t), 0 where a stretch
reaches beyond the recording; it gives logits (b, t, n_classes). Those that look at single beats take stretches of one.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn

from models import BandedAttention, ResidualBlock

PICTURE = (16, 12)  # rows and columns: 8 rows a lead


def _pooled(frames: Tensor) -> Tensor:
    """Mean and maximum of each channel, (b, c, ...) -> (b, 2 c)."""
    flat = frames.flatten(2)
    return torch.cat([flat.mean(dim=2), flat.amax(dim=2)], dim=1)


def _head(n_inputs: int, hidden: int, n_classes: int, dropout: float) -> nn.Sequential:
    return nn.Sequential(nn.Linear(n_inputs, hidden), nn.GELU(), nn.Dropout(dropout), nn.Linear(hidden, n_classes))


class ResidualBeats(nn.Module):
    """A residual net over a beat's samples; its rhythm joins before the last layers."""

    def __init__(
        self,
        n_channels: int,
        n_rhythm: int,
        n_classes: int,
        widths: tuple[int, ...] = (16, 24, 32, 48),
        hidden: int = 48,
        dropout: float = 0.3,
    ) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv1d(n_channels, widths[0], 9, 2, padding=4, bias=False), nn.BatchNorm1d(widths[0]), nn.GELU()
        )
        self.blocks = nn.Sequential(*(ResidualBlock(c_in, c_out, 5, 2) for c_in, c_out in pairwise(widths)))
        self.rhythm = nn.BatchNorm1d(n_rhythm)
        self.head = _head(2 * widths[-1] + n_rhythm, hidden, n_classes, dropout)

    def forward(self, shapes: Tensor, rhythm: Tensor, present: Tensor) -> Tensor:
        features = self.stem(shapes.flatten(0, 1)).unsqueeze(2)  # (b, t, c, n) -> (b t, c, 1, n)
        seen = _pooled(self.blocks(features))  # (b t, 2 c)
        return self.head(torch.cat([seen, self.rhythm(rhythm.flatten(0, 1))], dim=1)).unflatten(0, present.shape)


class PictureBlock(nn.Module):
    """Two normalised convolutions with a shortcut. (b, c_in, h, w) -> (b, c_out, h / stride, w / stride)."""

    def __init__(self, c_in: int, c_out: int, stride: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(c_in, c_out, 3, stride, padding=1, bias=False),
            nn.BatchNorm2d(c_out),
            nn.GELU(),
            nn.Conv2d(c_out, c_out, 3, padding=1, bias=False),
            nn.BatchNorm2d(c_out),
        )
        self.shortcut = nn.Sequential(nn.Conv2d(c_in, c_out, 1, stride, bias=False), nn.BatchNorm2d(c_out))
        self.activation = nn.GELU()

    def forward(self, x: Tensor) -> Tensor:
        return self.activation(self.body(x) + self.shortcut(x))


def pictures_of(shapes: Tensor) -> Tensor:
    """The middle of each beat row by row. (b, 2 leads + 2 leads, n) -> (b, 2, 16, 12)."""
    rows, columns = PICTURE
    begin = (shapes.shape[2] - rows * columns // 2) // 2
    middle = shapes[:, :, begin : begin + rows * columns // 2]
    return middle.unflatten(1, (2, 2)).flatten(2).unflatten(2, PICTURE)


class PictureBeats(nn.Module):
    """The 2-D form: a beat as a picture of 16 x 12, its samples row by row, 96 ms each, the first lead over the second.

    The beat is one colour of it, what sets it apart from the reference the other.
    """

    def __init__(
        self,
        n_channels: int,
        n_rhythm: int,
        n_classes: int,
        widths: tuple[int, ...] = (16, 32, 48),
        hidden: int = 48,
        dropout: float = 0.3,
    ) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(n_channels // 2, widths[0], 3, padding=1, bias=False), nn.BatchNorm2d(widths[0]), nn.GELU()
        )
        self.blocks = nn.Sequential(*(PictureBlock(c_in, c_out, 2) for c_in, c_out in pairwise(widths)))
        self.rhythm = nn.BatchNorm1d(n_rhythm)
        self.head = _head(2 * widths[-1] + n_rhythm, hidden, n_classes, dropout)

    def forward(self, shapes: Tensor, rhythm: Tensor, present: Tensor) -> Tensor:
        seen = _pooled(self.blocks(self.stem(pictures_of(shapes.flatten(0, 1)))))
        return self.head(torch.cat([seen, self.rhythm(rhythm.flatten(0, 1))], dim=1)).unflatten(0, present.shape)


class ContextBeats(nn.Module):
    """A transformer over neighbouring beats, each a token: a small convolution of its samples, and its rhythm."""

    def __init__(
        self,
        n_channels: int,
        n_rhythm: int,
        n_classes: int,
        widths: tuple[int, ...] = (12, 16, 24),
        width: int = 48,
        depth: int = 2,
        heads: int = 4,
        span: int = 16,
        dropout: float = 0.3,
    ) -> None:
        super().__init__()
        self.embed = nn.Sequential(
            *(
                nn.Sequential(nn.Conv1d(c_in, c_out, 7, 2, padding=3, bias=False), nn.BatchNorm1d(c_out), nn.GELU())
                for c_in, c_out in pairwise((n_channels, *widths))
            )
        )
        self.rhythm = nn.BatchNorm1d(n_rhythm)
        self.token = nn.Linear(2 * widths[-1] + n_rhythm, width)
        self.absent = nn.Parameter(torch.zeros(width))
        self.layers = nn.ModuleList(BandedAttention(width, heads, span) for _ in range(depth))
        self.head = nn.Sequential(nn.LayerNorm(2 * width), nn.Dropout(dropout), nn.Linear(2 * width, n_classes))

    def forward(self, shapes: Tensor, rhythm: Tensor, present: Tensor) -> Tensor:
        seen = _pooled(self.embed(shapes.flatten(0, 1)))  # (b, t, c, n) -> (b t, 2 c)
        own = self.token(torch.cat([seen, self.rhythm(rhythm.flatten(0, 1))], dim=1)).unflatten(0, present.shape)
        there = present[..., None]
        own = own * there + self.absent * (1 - there)  # (b, t, width)
        tokens = own
        for layer in self.layers:
            tokens = layer(tokens)
        return self.head(torch.cat([tokens, own], dim=2))


NETWORKS: dict[str, type[nn.Module]] = {
    "residual": ResidualBeats,
    "picture": PictureBeats,
    "context": ContextBeats,
}


def build_network(name: str, **arguments: object) -> nn.Module:
    """The network of that name, with fresh weights. Raises ValueError for an unknown name, TypeError for an argument."""
    if name not in NETWORKS:
        raise ValueError(f"no network of beats is called {name!r}; there are: {', '.join(NETWORKS)}")
    return NETWORKS[name](**arguments)
