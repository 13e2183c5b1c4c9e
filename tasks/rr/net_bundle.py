"""Networks of spikes as files: the weights of all, and the same as one ONNX graph that gives the mean of their logits.

`write_networks` gives plain data for the card of whatever they are a part of, `load_networks` takes it. Nothing is unpickled.
"""

import hashlib
import logging
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bundles import read_checked
from cardiac.errors import BundleError, ConfigError, extra, first_line
from cardiac.files import replace_file
from cards import take
from tasks.rr.net_inputs import CHANNELS, HOP, N_CHANNELS, WIDTH, Forward, answer

if TYPE_CHECKING:
    from torch import nn

WEIGHTS, GRAPH = "networks.safetensors", "networks.onnx"
RUNTIMES = ("onnx", "torch")
OPSET, CLOSE = 20, 1e-4
INPUTS, LOGITS = "inputs", "logits"


@dataclass(frozen=True)
class Networks:
    """Networks that can be asked. forward : the mean of their logits.  runtime : what runs them, one of RUNTIMES."""

    forward: Forward
    runtime: str

    def logits(self, intervals_ms: Sequence[np.ndarray], n_study: int | None = None) -> list[np.ndarray]:
        """Of each study its intervals' logits, float (n,); none depends on what other studies are asked with it.

        n_study : how long each counts as, however long it is: of long studies experts marked a smaller share.
        """
        return answer(self.forward, intervals_ms, n_study)


def write_networks(folder: Path, networks: "Sequence[nn.Module]", arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Weights and graph, each put in place whole; plain data that says what they are, with checksums, for a card.

    arguments : of `networks.build_network`, the same for all.
    Raises BundleError where the graph does not give what torch gives, or ONNX's exporter is not installed.
    """
    from safetensors.torch import save

    networks = [each.cpu().eval() for each in networks]
    tensors = {
        f"{member}.{name}": tensor.detach().contiguous()
        for member, each in enumerate(networks)
        for name, tensor in each.state_dict().items()
    }
    files = {WEIGHTS: save(tensors), GRAPH: export_graph(networks)}
    apart = np.abs(torch_forward(networks)(_noise(4)) - onnx_forward(files[GRAPH])(_noise(4))).max()
    if not apart < CLOSE:
        raise BundleError(f"{GRAPH} gives other logits than torch (by {apart:.2g}): not written")
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        replace_file(folder / name, content)
    return {
        "channels": list(CHANNELS),
        "chunk": {"width": WIDTH, "hop": HOP},
        "network": dict(arguments),
        "members": len(networks),
        "sha256": {name: hashlib.sha256(content).hexdigest() for name, content in files.items()},
    }


def load_networks(folder: Path, described: Mapping[str, Any], runtime: str | None = None) -> Networks:
    """The networks that `write_networks` put into a folder. described : what it gave.

    runtime : one of RUNTIMES; without a name ONNX Runtime where it is installed.
    Raises BundleError where the file is missing or another than was written, or cannot be run.
    """
    if runtime not in (None, *RUNTIMES):
        raise BundleError(f"no runtime is called {runtime!r}: use one of {', '.join(RUNTIMES)}")
    runtime = runtime or ("onnx" if _has_onnxruntime() else "torch")
    extra(
        *(("onnxruntime", "requirements-onnx.txt") if runtime == "onnx" else ("torch", "requirements.txt")), BundleError
    )
    name = GRAPH if runtime == "onnx" else WEIGHTS
    content = _checked(folder, name, described)
    try:
        forward = onnx_forward(content) if runtime == "onnx" else torch_forward(_rebuilt(described, content))
        if forward(_noise(1)).shape != (1, WIDTH):
            raise ValueError("other outputs than an interval's")
    except Exception as error:  # a runtime refuses weights in whatever way it comes to notice them
        raise BundleError(f"{folder}: {name} cannot be run ({first_line(error)}): copy the bundle again") from error
    return Networks(forward, runtime)


def _checked(folder: Path, name: str, described: Mapping[str, Any]) -> bytes:
    """A file's content, which is what was written. Raises BundleError."""
    try:
        sha256 = take(take(described, "sha256", dict), name, str, "sha256")
        if described.get("channels") != list(CHANNELS) or described.get("chunk") != {"width": WIDTH, "hop": HOP}:
            raise ConfigError("the networks take other inputs than this program's")
    except ConfigError as error:
        raise BundleError(f"{folder}: the card cannot be used ({error}): copy the bundle again") from error
    return read_checked(folder, name, sha256, card="the card")


def _noise(n: int) -> np.ndarray:
    noise = np.random.default_rng(0).standard_normal((n, N_CHANNELS, WIDTH)).astype(np.float32)
    noise[:, -1] = 1
    noise[-1, :, WIDTH // 2 :] = 0  # a study that ends within its chunk
    return noise


def _has_onnxruntime() -> bool:
    try:
        import onnxruntime  # noqa: F401
    except ImportError:
        return False
    return True


def _rebuilt(described: Mapping[str, Any], weights: bytes) -> "list[nn.Module]":
    from safetensors.torch import load

    from tasks.rr.networks import build_network

    tensors, networks = load(weights), []
    for member in range(described["members"]):
        prefix = f"{member}."
        built = build_network(**described["network"])
        built.load_state_dict({name.removeprefix(prefix): t for name, t in tensors.items() if name.startswith(prefix)})
        networks.append(built.eval())
    return networks


def export_graph(networks: "Sequence[nn.Module]") -> bytes:
    """The networks as one ONNX graph, chunks (b, N_CHANNELS, WIDTH) -> mean logits (b, WIDTH), of any number of chunks.

    Raises BundleError where the exporter is not installed.
    """
    import torch
    from torch.nn.attention import SDPBackend, sdpa_kernel

    from tasks.rr.networks import MeanOf

    extra("onnxscript", "requirements-export.txt", BundleError)
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # that torchvision is not installed is no news
    with warnings.catch_warnings(), sdpa_kernel(SDPBackend.MATH):  # of any number of chunks no other can be written out
        warnings.filterwarnings("ignore", category=FutureWarning)  # of torch about itself
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        tried, dynamic = torch.from_numpy(_noise(3)), {0: torch.export.Dim.DYNAMIC}
        program = torch.export.export(MeanOf(networks).eval(), (tried,), dynamic_shapes=(dynamic,))
        exported = torch.onnx.export(
            program,
            dynamo=True,
            input_names=(INPUTS,),
            output_names=(LOGITS,),
            opset_version=OPSET,
            verbose=False,
            optimize=False,  # would write out each attention's distances, more than all weights
        )
    model = exported.model_proto
    for part in (model, model.graph, *model.graph.node, *model.graph.value_info, *model.graph.initializer):
        part.doc_string = ""
        del part.metadata_props[:]  # the exporter's notes on whose folder each node comes from
    return model.SerializeToString(deterministic=True)


def torch_forward(networks: "Sequence[nn.Module]") -> Forward:
    """The mean of networks of torch, in evaluation mode, where they are."""
    import torch

    device = next(networks[0].parameters()).device

    @torch.inference_mode()
    def forward(chunks: np.ndarray) -> np.ndarray:
        inputs = torch.from_numpy(chunks).to(device)
        return torch.stack([each.eval()(inputs) for each in networks]).mean(dim=0).cpu().numpy()

    return forward


def onnx_forward(graph: bytes) -> Forward:
    """A graph run by ONNX Runtime, on one thread."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])

    def forward(chunks: np.ndarray) -> np.ndarray:
        return session.run(None, {INPUTS: chunks})[0]

    return forward
