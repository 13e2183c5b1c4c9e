"""The delineator's network for training: `cardiac.measurements.wave_network` in torch, weight for weight."""

import numpy as np
import torch
from torch import nn
from torch.nn.functional import relu

from cardiac.measurements.wave_network import DILATIONS, FIDUCIALS, N_TIMES, WaveNetwork

N_CHANNELS, STEM_WIDTH = 5, 8


class TrainedWaveNetwork(nn.Module):
    """As `WaveNetwork`, for batches. width : channels.  kernel : of all layers but the first."""

    def __init__(self, width: int = 16, kernel: int = 5) -> None:
        super().__init__()
        n = len(FIDUCIALS)
        self.stem = nn.Conv1d(N_CHANNELS, width, STEM_WIDTH, stride=2, padding=STEM_WIDTH // 2)
        self.layers = nn.ModuleList(
            nn.Conv1d(
                width if index == 0 else 2 * width, width, kernel, padding=kernel // 2 * dilation, dilation=dilation
            )
            for index, dilation in enumerate(DILATIONS)
        )
        self.head = nn.Conv1d(2 * width, n, kernel, padding=kernel // 2)
        self.absent = nn.Linear(2 * width, n)

    def forward(self, channels: torch.Tensor) -> torch.Tensor:
        """Of every fiducial logits over time, last that of its absence: (b, n_leads, 5, n) -> (b, n_leads, 7, N_TIMES + 1)."""
        n_records, n_leads = channels.shape[:2]
        hidden = relu(self.stem(channels.flatten(0, 1)))[..., :N_TIMES]  # (b * n_leads, width, N_TIMES)
        hidden = hidden + relu(self.layers[0](hidden))
        for layer in self.layers[1:]:
            hidden = hidden + relu(layer(_beside_mean(hidden, n_leads)))
        both = _beside_mean(hidden, n_leads)
        logits = torch.cat([self.head(both), self.absent(both.amax(dim=-1))[..., None]], dim=-1)
        return logits.view(n_records, n_leads, len(FIDUCIALS), N_TIMES + 1)


def _beside_mean(hidden: torch.Tensor, n_leads: int) -> torch.Tensor:
    """Every lead's channels and behind them the mean lead's. (b * n_leads, c, n) -> (b * n_leads, 2 c, n)."""
    by_record = hidden.unflatten(0, (-1, n_leads))
    mean = by_record.mean(dim=1, keepdim=True).expand_as(by_record)
    return torch.cat([by_record, mean], dim=2).flatten(0, 1)


def plain_network(network: TrainedWaveNetwork) -> WaveNetwork:
    """The same network in NumPy."""
    state = {name: tensor.detach().cpu().numpy().astype(np.float32) for name, tensor in network.state_dict().items()}
    width = len(state["stem.bias"])
    own = [state["layers.0.weight"], *(state[f"layers.{index}.weight"][:, :width] for index in (1, 2))]
    return WaveNetwork(
        {
            "stem": state["stem.weight"],
            "stem_bias": state["stem.bias"],
            "layers": np.stack(own),
            "layers_bias": np.stack([state[f"layers.{index}.bias"] for index in range(len(DILATIONS))]),
            "shared": np.stack([state[f"layers.{index}.weight"][:, width:] for index in (1, 2)]),
            "head": state["head.weight"][:, :width],
            "shared_head": state["head.weight"][:, width:],
            "head_bias": state["head.bias"],
            "absent": state["absent.weight"],
            "absent_bias": state["absent.bias"],
        }
    )
