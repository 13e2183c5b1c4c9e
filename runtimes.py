"""What computes logits: ONNX Runtime over a graph, or torch over networks. Each is imported where it is used."""

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np

from cardiac.cores import n_cores
from cardiac.windows import WindowPlan, cut_sections

if TYPE_CHECKING:
    from torch import nn

AT_ONCE = 4  # signals in one call of ONNX Runtime: what is in between of more does not stay near the processor
MOST_BY_ONE_THREAD = 16  # signals; calls over more are shared among threads
SIGNALS = "signals"  # the graph's first input; then first samples of the windows, and logits, by stage
STARTS, LOGITS = "starts_{}", "logits_{}"
# One pass over a batch: signals float32 (b, n_leads, n) and, of each stage, its windows' first samples, int64
# (n_windows,) -> of each stage logits float32 (b, n_networks, n_windows, n_outputs)
Forward = Callable[[np.ndarray, Sequence[np.ndarray]], list[np.ndarray]]


def run_sections(forward: Forward, signals: np.ndarray, plans: Sequence[WindowPlan], section: int) -> list[np.ndarray]:
    """Logits of every window of one signal or of several of one length.

    signals : (n_leads, n_samples) or (b, n_leads, n_samples).  section : how many samples are run over at once.
    Returns for each plan float32 (n_networks, n_windows, n_outputs), or (b, n_networks, n_windows, n_outputs).
    """
    parts = []
    for each in cut_sections(signals, plans, section):
        batch = each.signal[None] if signals.ndim == 2 else each.signal
        parts.append(forward(np.ascontiguousarray(batch, np.float32), each.starts))
    joined = [
        np.concatenate(of_stage, axis=2) if len(parts) > 1 else of_stage[0] for of_stage in zip(*parts, strict=True)
    ]
    return [logits[0] for logits in joined] if signals.ndim == 2 else joined


def torch_forward(networks: "Sequence[nn.Module]") -> Forward:
    """Networks of torch, in evaluation mode, where they are."""
    import torch

    device = next(networks[0].parameters()).device

    @torch.inference_mode()
    def forward(signals: np.ndarray, starts: Sequence[np.ndarray]) -> list[np.ndarray]:
        inputs = torch.from_numpy(signals).to(device)
        at = [torch.from_numpy(each).to(device) for each in starts]
        outputs = [network.eval()(inputs, at) for network in networks]
        return [torch.stack(of_stage, dim=1).float().cpu().numpy() for of_stage in zip(*outputs, strict=True)]

    return forward


def weights_of(networks: "Sequence[nn.Module]") -> bytes:
    """The networks' tensors as safetensors: names as in each one's state, behind its number."""
    from safetensors.torch import save

    tensors = {
        f"{member}.{name}": tensor.detach().cpu().contiguous()
        for member, network in enumerate(networks)
        for name, tensor in network.state_dict().items()
    }
    return save(tensors)


def rebuild_networks(network: Mapping[str, Any], members: int, weights: bytes) -> "list[nn.Module]":
    """The networks whose weights `weights_of` wrote, in evaluation mode. network : arguments of `models.build_model`.

    Raises whatever a network has against its arguments, or torch against the weights.
    """
    from safetensors.torch import load

    from models import build_model
    from utils import pick_device

    tensors, networks = load(weights), []
    for member in range(members):
        built, prefix = build_model(**network), f"{member}."
        built.load_state_dict({name.removeprefix(prefix): t for name, t in tensors.items() if name.startswith(prefix)})
        networks.append(built.to(pick_device()).eval())
    return networks


def onnx_forward(graph: bytes, stages: Sequence[str]) -> Forward:
    """A graph run by ONNX Runtime, by several threads where there is more than one call's worth.

    Raises ValueError where its inputs and outputs are not those of the stages, and ONNX Runtime's own errors.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    starts, logits = ([name.format(stage) for stage in stages] for name in (STARTS, LOGITS))
    if [each.name for each in session.get_inputs()] != [SIGNALS, *starts]:
        raise ValueError(f"its inputs are not {', '.join([SIGNALS, *starts])}")
    if [each.name for each in session.get_outputs()] != logits:
        raise ValueError(f"its outputs are not {', '.join(logits)}")
    threads = n_threads()

    def forward(signals: np.ndarray, at: Sequence[np.ndarray]) -> list[np.ndarray]:
        windows = dict(zip(starts, at, strict=True))

        def run_part(part: np.ndarray) -> list[np.ndarray]:
            return session.run(None, {SIGNALS: part, **windows})

        calls = np.array_split(signals, -(-len(signals) // AT_ONCE))
        if len(signals) <= MOST_BY_ONE_THREAD or threads == 1:
            parts = [*map(run_part, calls)]
        else:
            with ThreadPoolExecutor(threads, "networks") as pool:  # kept ones would not survive a fork
                parts = [*pool.map(run_part, calls)]
        return [np.concatenate(of_stage) for of_stage in zip(*parts, strict=True)]

    return forward


def n_threads() -> int:
    """How many threads the networks may take: OMP_NUM_THREADS, else the cores that this process may use, at most 4.

    Networks as small as these gain nothing by more.
    """
    stated = os.environ.get("OMP_NUM_THREADS", "")
    return int(stated) if stated.isdigit() and int(stated) > 0 else min(4, n_cores())
