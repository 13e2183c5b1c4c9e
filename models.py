"""Networks, and nothing else: `build_model("hybrid", n_leads=12, n_outputs=[1, 6], windows=[160, 140])` gives one.

Every network is a `WindowNetwork`: it takes signals (batch, n_leads, n_samples) in mV and, for each of its stages, where
its windows start; it gives for each stage logits (batch, n_windows, n_outputs). No network knows a file, a threshold or a
sampling rate: those stand in the bundle's card.
"""

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, pad, scaled_dot_product_attention

Starts = Sequence[Tensor]  # one a stage: first samples of the windows, (n_windows,) int64
TOKEN = 4  # features of the stem a token
SHAPE_MV, FLAT_MV = 0.15, 0.02  # a lead's deviation after scaling, and that of a lead without signal
NOWHERE = -1e4  # score of a token that is not looked at
LEAST_SCORE = -80.0  # from the greatest


class Convolution(nn.Conv1d):
    """A convolution over time of images of one row: ONNX Runtime keeps its fastest kernels for images.

    (b, c_in, 1, t) -> (b, c_out, 1, t / stride).
    """

    def forward(self, x: Tensor) -> Tensor:
        return conv2d(x, self.weight.unsqueeze(2), self.bias, (1, *self.stride), (0, *self.padding))


class SqueezeExcitation(nn.Module):
    """Channels weighed by what the whole window holds (Hu et al. 2018). (b, c, 1, t) -> (b, c, 1, t)."""

    def __init__(self, channels: int, reduction: int = 8) -> None:
        super().__init__()
        hidden = max(channels // reduction, 4)
        self.gate = nn.Sequential(nn.Linear(channels, hidden), nn.ReLU(), nn.Linear(hidden, channels), nn.Sigmoid())

    def forward(self, x: Tensor) -> Tensor:
        return x * self.gate(x.mean(dim=(2, 3)))[:, :, None, None]


class ResidualBlock(nn.Module):
    """Two normalised convolutions with squeeze-excitation and a shortcut. (b, c_in, 1, t) -> (b, c_out, 1, t / stride)."""

    def __init__(self, c_in: int, c_out: int, kernel: int, stride: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            Convolution(c_in, c_out, kernel, stride, padding=kernel // 2, bias=False),
            nn.BatchNorm2d(c_out),
            nn.GELU(),
            Convolution(c_out, c_out, kernel, padding=kernel // 2, bias=False),
            nn.BatchNorm2d(c_out),
            SqueezeExcitation(c_out),
        )
        self.shortcut = nn.Identity()
        if stride > 1 or c_in != c_out:
            self.shortcut = nn.Sequential(
                nn.AvgPool2d((1, stride), ceil_mode=True) if stride > 1 else nn.Identity(),
                Convolution(c_in, c_out, 1, bias=False),
                nn.BatchNorm2d(c_out),
            )
        self.activation = nn.GELU()

    def forward(self, x: Tensor) -> Tensor:
        return self.activation(self.body(x) + self.shortcut(x))


class BandedAttention(nn.Module):
    """A pre-norm transformer layer whose tokens look at most `span` tokens far. (b, t, width) -> (b, t, width).

    A learnt number for every head and distance stands in place of positions (Shaw et al. 2018; Press et al. 2022), so
    a beat is read alike wherever in the recording it lies and whatever the recording's length.
    """

    def __init__(self, width: int, heads: int, span: int) -> None:
        super().__init__()
        self.heads, self.span = heads, span
        self.before = nn.LayerNorm(width)
        self.queries_keys_values = nn.Linear(width, 3 * width)
        self.distance = nn.Parameter(torch.zeros(heads, 2 * span + 1))
        self.out = nn.Linear(width, width)
        self.mix = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width)
        )
        self.dropout = nn.Dropout(0.1)

    def forward(self, tokens: Tensor) -> Tensor:
        b, t, width = tokens.shape
        after = -t % self.span  # tokens are looked at in blocks of the span: none looks past the blocks next to its own
        split = self.queries_keys_values(self.before(tokens)).view(b, t, 3, self.heads, width // self.heads)
        queries, keys, values = split.permute(2, 0, 3, 1, 4)  # each (b, heads, t, width / heads)
        queries = pad(queries, (0, 0, 0, after)).unflatten(
            2, (-1, self.span)
        )  # (b, heads, blocks, span, width / heads)
        around = [
            _with_neighbours(pad(each, (0, 0, self.span, self.span + after)), self.span) for each in (keys, values)
        ]
        flat = [each.flatten(1, 2) for each in (queries, *around)]  # (b, heads blocks, span or 3 span, width / heads)
        attended = attend(*flat, self._bias(t).flatten(0, 1)).view(b, self.heads, -1, width // self.heads)[:, :, :t]
        tokens = tokens + self.dropout(self.out(attended.transpose(1, 2).reshape(b, t, width)))
        return tokens + self.mix(tokens)

    def _bias(self, t: int) -> Tensor:
        """What is added to the scores of each block's tokens with those of three blocks, (heads, blocks, span, 3 span)."""
        within, n_blocks = torch.arange(3 * self.span, device=self.distance.device), (t + self.span - 1) // self.span
        apart = within - self.span - within[: self.span, None]
        bias = self.distance[:, apart.clamp(-self.span, self.span) + self.span]  # (heads, span, 3 span)
        bias = bias.masked_fill(apart.abs() > self.span, NOWHERE)
        at = (torch.arange(n_blocks, device=within.device)[:, None] - 1) * self.span + within  # (blocks, 3 span)
        return bias[:, None] + torch.where((at < 0) | (at >= t), NOWHERE, 0.0)[:, None]


def attend(queries: Tensor, keys: Tensor, values: Tensor, bias: Tensor) -> Tensor:
    """Values by the softmax of scores and bias. (b, n, q, c), twice (b, n, k, c), (n, q, k) -> (b, n, q, c).

    What is exported has no score further than LEAST_SCORE from the greatest: that changes no float32, and the exponentials of
    lesser ones would be denormal numbers, on which processors take ten times as long.
    """
    if not torch.compiler.is_exporting():
        return scaled_dot_product_attention(queries, keys, values, attn_mask=bias[None])
    scores = queries / math.sqrt(queries.shape[3]) @ keys.transpose(2, 3) + bias
    return torch.maximum(scores, scores.amax(dim=3, keepdim=True) + LEAST_SCORE).softmax(dim=3) @ values


def _with_neighbours(padded: Tensor, size: int) -> Tensor:
    """Each block of tokens with the one before and the one after: (b, heads, (n + 2) size, c) -> (b, heads, n, 3 size, c)."""
    blocks = padded.unflatten(2, (-1, size))
    return torch.cat([blocks[:, :, :-2], blocks[:, :, 1:-1], blocks[:, :, 2:]], dim=3)


class TransformerBranch(nn.Module):
    """A small transformer over the stem's features, its tokens spread again. (b, c_in, 1, t) -> (b, width, 1, t / 2)."""

    def __init__(self, c_in: int, width: int, depth: int, heads: int, span: int) -> None:
        super().__init__()
        self.embed = Convolution(c_in, width, TOKEN, stride=TOKEN)
        self.layers = nn.ModuleList(BandedAttention(width, heads, span) for _ in range(depth))
        self.norm = nn.LayerNorm(width)

    def forward(self, features: Tensor) -> Tensor:
        tokens = self.embed(features).squeeze(2).transpose(1, 2)  # (b, c_in, 1, t) -> (b, t / TOKEN, width)
        for layer in self.layers:
            tokens = layer(tokens)
        return self.norm(tokens).repeat_interleave(TOKEN // 2, dim=1).transpose(1, 2).unsqueeze(2)


def sliding_max(frames: Tensor, length: int) -> Tensor:
    """Greatest value among each frame and the `length` - 1 after it. (b, c, t) -> (b, c, t - length + 1)."""
    reach = 1
    while 2 * reach <= length:
        frames = torch.maximum(frames[:, :, :-reach], frames[:, :, reach:])
        reach *= 2
    rest = length - reach
    return torch.maximum(frames[:, :, : frames.shape[2] - rest], frames[:, :, rest:])


def highest_in_windows(frames: Tensor, first: Tensor, length: int) -> Tensor:
    """Greatest value of each channel in each window. (b, c, t), first frames (n_windows,) -> (b, c, n_windows).

    Where there is something to learn, the value is taken from its place: four times as fast as through the maxima.
    """
    if not frames.requires_grad:
        return sliding_max(frames, length).index_select(2, first)
    with torch.no_grad():
        highest = frames.unfold(2, length, 1).index_select(2, first).argmax(dim=3) + first
    return frames.gather(2, highest)


class WindowHead(nn.Module):
    """Logits of windows from the frames inside them: mean, maximum and attention-weighted mean, then one linear layer.

    frames (b, c, t) -> logits (b, n_windows, n_outputs), float32.
    """

    def __init__(self, channels: int, n_outputs: int, n_frames: int, stride: int, dropout: float) -> None:
        super().__init__()
        if n_frames < 1:
            raise ValueError(f"a window must hold a frame of {stride} samples")
        self.n_frames, self.stride = n_frames, stride
        self.attention = nn.Conv1d(channels, 1, 1)
        self.classifier = nn.Sequential(nn.Dropout(dropout), nn.Linear(3 * channels, n_outputs))

    def forward(self, frames: Tensor, starts: Tensor) -> Tensor:
        first = starts // self.stride
        offset = torch.arange(frames.shape[2], device=frames.device)[:, None] - first  # (t, n_windows)
        inside = ((offset >= 0) & (offset < self.n_frames)).to(frames)
        scores = self.attention(frames).float()
        weights = (scores - scores.amax(dim=2, keepdim=True)).clamp_min(-15).exp()  # (b, 1, t)
        mean = (frames @ inside).float() / self.n_frames  # (b, c, n_windows)
        highest = highest_in_windows(frames, first, self.n_frames).float()
        attended = ((frames * weights.to(frames)) @ inside).float() / (weights @ inside.float())
        return self.classifier(torch.cat([mean, highest, attended], dim=1).transpose(1, 2)).float()


class WindowNetwork(nn.Module):
    """What training and inference ask of every network.

    A class takes `n_leads`, `n_outputs` and `windows` (one a stage), `n_auxiliary` and arguments of its own.
    takes_scaling : whether `set_scaling` must be called with signals of the training before the first step.
    """

    takes_scaling = False

    def forward(self, signals: Tensor, starts: Starts) -> list[Tensor]:
        """Logits of each stage's windows. (b, n_leads, n) -> of each stage (b, n_windows, n_outputs)."""
        raise NotImplementedError

    def learn(self, signals: Tensor, starts: Starts) -> list[Tensor]:
        """Logits that the loss is taken of: those of `forward`, and behind them the auxiliary ones, if there are any."""
        return self.forward(signals, starts)

    def set_scaling(self, signals: Tensor, starts: Starts) -> None:
        """Take from signals of the training, (b, n_leads, n), what inputs are scaled by: here, nothing."""


class HybridNet(WindowNetwork):
    """One trunk of convolutions and a transformer, run once over the recording; windows are cut from its frames.

    n_outputs, windows : of each stage, and its windows' length in samples.  n_auxiliary : further outputs a recording,
    learnt beside the stages' and used by nothing else.  with_shapes : the trunk also sees every lead at a like size,
    over its own standard deviation.  stem_stride : samples a feature of the stem; a frame is two of these, a token
    four.  span : how far a token looks, in tokens.
    """

    def __init__(
        self,
        n_leads: int,
        n_outputs: Sequence[int],
        windows: Sequence[int],
        n_auxiliary: int = 0,
        with_shapes: bool = False,
        stem_width: int = 48,
        stem_stride: int = 2,
        widths: Sequence[int] = (64, 96, 128),
        kernel: int = 5,
        token_width: int = 96,
        depth: int = 2,
        heads: int = 4,
        span: int = 20,
        hidden_width: int = 64,
        head_dropout: float = 0.3,
    ) -> None:
        super().__init__()
        self.with_shapes, self.padded_to = with_shapes, TOKEN * stem_stride
        kernel_of_stem, n_channels = 5 * stem_stride + 1, n_leads * (2 if with_shapes else 1)
        self.stem = nn.Sequential(
            Convolution(n_channels, stem_width, kernel_of_stem, stem_stride, padding=kernel_of_stem // 2, bias=False),
            nn.BatchNorm2d(stem_width),
            nn.GELU(),
        )
        ends = list(pairwise([stem_width, *widths]))
        self.convolution = nn.Sequential(
            *(ResidualBlock(c_in, c_out, kernel, 2 if index == 1 else 1) for index, (c_in, c_out) in enumerate(ends))
        )
        self.transformer = TransformerBranch(stem_width, token_width, depth, heads, span)
        self.join = nn.Sequential(Convolution(widths[-1] + token_width, hidden_width, 1), nn.GELU())
        stride = 2 * stem_stride
        self.stages = nn.ModuleList(
            WindowHead(hidden_width, each, window // stride, stride, head_dropout)
            for each, window in zip(n_outputs, windows, strict=True)
        )
        last = (windows[-1] // stride, stride, head_dropout)
        self.auxiliary = WindowHead(hidden_width, n_auxiliary, *last) if n_auxiliary else None

    def frames(self, signals: Tensor) -> Tensor:
        """What the heads read. (b, n_leads, n) -> (b, hidden_width, n / (2 stem_stride))."""
        if self.with_shapes:
            shapes = signals * (SHAPE_MV / (signals.std(dim=2, keepdim=True) + FLAT_MV))
            signals = torch.cat([signals, shapes], dim=1)
        signals = pad(signals, (0, -signals.shape[2] % self.padded_to)).unsqueeze(2)
        features = self.stem(signals)  # (b, stem_width, 1, n / stem_stride)
        return self.join(torch.cat([self.convolution(features), self.transformer(features)], dim=1)).squeeze(2)

    def forward(self, signals: Tensor, starts: Starts) -> list[Tensor]:
        frames = self.frames(signals)
        return [head(frames, at) for head, at in zip(self.stages, starts, strict=True)]

    def learn(self, signals: Tensor, starts: Starts) -> list[Tensor]:
        """As `forward`, and behind it the auxiliary logits of every fourth window of the last stage, if there are any."""
        frames = self.frames(signals)
        logits = [head(frames, at) for head, at in zip(self.stages, starts, strict=True)]
        if self.auxiliary is not None:
            logits.append(self.auxiliary(frames, starts[-1][::4]))
        return logits


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


class ReferencePair(WindowNetwork):
    """The reference solution's two networks, each over windows cut from the signal, under the interface of all.

    Raises ValueError for auxiliary outputs, which it does not have.
    """

    takes_scaling = True

    def __init__(
        self,
        n_leads: int,
        n_outputs: Sequence[int],
        windows: Sequence[int],
        heads: Sequence[int],
        n_auxiliary: int = 0,
    ) -> None:
        super().__init__()
        if n_auxiliary:
            raise ValueError("the reference network has no auxiliary outputs")
        self.windows = list(windows)
        sizes = zip(n_outputs, windows, heads, strict=True)
        self.stages = nn.ModuleList(ReferenceNet(n_leads, *each) for each in sizes)

    def forward(self, signals: Tensor, starts: Starts) -> list[Tensor]:
        read = zip(self.stages, self.windows, starts, strict=True)
        return [network(self.cut(signals, at, window)).unflatten(0, (len(signals), -1)) for network, window, at in read]

    def set_scaling(self, signals: Tensor, starts: Starts) -> None:
        """Take each network's scaling from the windows of signals (b, n_leads, n)."""
        for network, window, at in zip(self.stages, self.windows, starts, strict=True):
            network.set_scaling(self.cut(signals, at, window))

    @staticmethod
    def cut(signals: Tensor, starts: Tensor, window: int) -> Tensor:
        """Windows of signals, (b, n_leads, n) -> (b * n_windows, n_leads, window)."""
        windows = signals.unfold(2, window, 1)[:, :, starts]  # (b, n_leads, n_windows, window)
        return windows.transpose(1, 2).flatten(0, 1)


NETWORKS: dict[str, type[WindowNetwork]] = {"hybrid": HybridNet, "reference": ReferencePair}


def build_model(name: str, **arguments: object) -> WindowNetwork:
    """The network of that name, with fresh weights; `arguments` are those of its class, as the card writes them.

    Raises ValueError for an unknown name, TypeError for an unknown argument.
    """
    if name not in NETWORKS:
        raise ValueError(f"no network is called {name!r}; there are: {', '.join(NETWORKS)}")
    return NETWORKS[name](**arguments)
