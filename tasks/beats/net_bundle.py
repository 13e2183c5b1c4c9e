"""A network of beats as files: its weights, the same as an ONNX graph, and a card with checksums of both and of itself.

The card's file has a name of its own, since its networks take beats and not signals as `bundles.py` has them.
"""

import hashlib
import json
import logging
import warnings
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bundles import read_checked
from cardiac.errors import BundleError, ConfigError, extra, first_line
from cardiac.files import replace_file
from cards import SEAL, checksum, take, take_list
from tasks.beats.labels import CLASSES
from tasks.beats.net_inputs import N_CHANNELS, N_RHYTHM, WIDTH, Blocks
from tasks.beats.rhythm import RHYTHM
from tasks.beats.shapes import AFTER, BEFORE, SPEC

if TYPE_CHECKING:
    from torch import nn

CARD, WEIGHTS, GRAPH = "beats.json", "weights.safetensors", "network.onnx"
FORMAT, OPSET, CLOSE = 1, 20, 1e-5
RUNTIMES = ("onnx", "torch")
INPUTS, LOGITS = ("shapes", "rhythm", "present"), "logits"
# shapes (b, t, channels, width), rhythm (b, t, k), present (b, t) -> logits (b, t, n_outputs), all float32
Forward = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]


@dataclass(frozen=True)
class NetCard:
    """What a network of beats is, and how it is used.

    network : name and arguments of `networks.build_network`.  outputs : which of CLASSES it tells apart, in order.
    blocks : how many beats it takes at once.  decisions : by what is preferred, what is added to the logarithm of each
    output's probability.  training : plain data.  The checksums are filled in by `write_bundle`.
    """

    name: str
    network: Mapping[str, Any]
    outputs: tuple[str, ...]
    blocks: Blocks
    decisions: Mapping[str, list[float]]
    training: Mapping[str, Any] = field(default_factory=dict)
    weights_sha256: str = ""
    onnx_sha256: str = ""
    sha256: str = field(default="", compare=False)

    def to_json(self) -> dict[str, Any]:
        """The card as plain data in the order of its file, without its seal."""
        return {
            "format": FORMAT,
            "task": "beats",
            "name": self.name,
            "labels": list(CLASSES),
            "outputs": list(self.outputs),
            "signal": {"fs_hz": SPEC.fs_hz, "band_hz": list(SPEC.band_hz), "before": BEFORE, "after": AFTER},
            "rhythm": list(RHYTHM),
            "blocks": asdict(self.blocks),
            "network": dict(self.network),
            "decisions": dict(self.decisions),
            "training": dict(self.training),
            "weights_sha256": self.weights_sha256,
            "onnx_sha256": self.onnx_sha256,
        }

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "NetCard":
        """The card in plain data. Raises ConfigError that names what is missing, wrong, or other than this program's."""
        blocks = take(content, "blocks", dict)
        decisions = take(content, "decisions", dict)
        card = cls(
            name=take(content, "name", str),
            network=take(content, "network", dict),
            outputs=take_list(content, "outputs", str),
            blocks=Blocks(take(blocks, "hop", int, "blocks"), take(blocks, "around", int, "blocks")),
            decisions={key: list(take_list(decisions, key, float, "decisions")) for key in decisions},
            training=take(content, "training", dict, default={}),
            weights_sha256=take(content, "weights_sha256", str),
            onnx_sha256=take(content, "onnx_sha256", str),
            sha256=take(content, SEAL, str),
        )
        ours = card.to_json()
        for key in ("format", "labels", "signal", "rhythm"):
            if content.get(key) != ours[key]:
                raise ConfigError(f"{key} is not this program's {ours[key]!r}")
        if set(card.outputs) - set(CLASSES) or any(len(each) != len(card.outputs) for each in card.decisions.values()):
            raise ConfigError("outputs and decisions do not fit each other")
        return card


def write_bundle(folder: Path, network: "nn.Module", card: NetCard) -> NetCard:
    """Weights, graph and card, each put in place whole; the card with its checksums.

    Raises BundleError where the graph does not give what torch gives, or ONNX's exporter is not installed.
    """
    from safetensors.torch import save

    network = network.cpu().eval()
    weights = save({name: tensor.detach().contiguous() for name, tensor in network.state_dict().items()})
    graph = export_graph(network, card.blocks)
    shapes = _noise(card.blocks, 3)
    apart = np.abs(torch_forward(network)(*shapes) - onnx_forward(graph)(*shapes)).max()
    if not apart < CLOSE:
        raise BundleError(f"{GRAPH} gives other logits than torch (by {apart:.2g}): not written")
    card = replace(
        card, weights_sha256=hashlib.sha256(weights).hexdigest(), onnx_sha256=hashlib.sha256(graph).hexdigest()
    )
    content = card.to_json()
    content[SEAL] = checksum(content)
    folder.mkdir(parents=True, exist_ok=True)
    replace_file(folder / WEIGHTS, weights)
    replace_file(folder / GRAPH, graph)
    replace_file(folder / CARD, (json.dumps(content, indent=1) + "\n").encode())
    return replace(card, sha256=content[SEAL])


def _noise(blocks: Blocks, n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    shapes = rng.standard_normal((n, blocks.width, N_CHANNELS, WIDTH)).astype(np.float32)
    rhythm = rng.standard_normal((n, blocks.width, N_RHYTHM)).astype(np.float32)
    return shapes, rhythm, (rng.random((n, blocks.width)) < 0.9).astype(np.float32)


def export_graph(network: "nn.Module", blocks: Blocks) -> bytes:
    """The network as an ONNX graph of any number of blocks. Raises BundleError where the exporter is not installed."""
    import torch
    from torch.nn.attention import SDPBackend, sdpa_kernel

    extra("onnxscript", "requirements-export.txt", BundleError)
    tried = tuple(torch.from_numpy(each) for each in _noise(blocks, 3))
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # that torchvision is not installed is no news
    with warnings.catch_warnings(), sdpa_kernel(SDPBackend.MATH):  # of any number of blocks no other can be written out
        warnings.filterwarnings("ignore", category=FutureWarning)  # of torch about itself
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        free = torch.export.Dim.DYNAMIC
        dims = {0: free}
        program = torch.export.export(network, tried, dynamic_shapes=(dims, dims, dims))
        exported = torch.onnx.export(
            program, dynamo=True, input_names=INPUTS, output_names=(LOGITS,), opset_version=OPSET, verbose=False
        )
    model = exported.model_proto
    for part in (model, model.graph, *model.graph.node, *model.graph.value_info, *model.graph.initializer):
        part.doc_string = ""
        del part.metadata_props[:]  # the exporter's notes on whose folder each node comes from
    return model.SerializeToString(deterministic=True)


def read_card(folder: Path) -> NetCard:
    """A bundle's card. Raises BundleError where it is missing, was changed, or cannot be used."""
    try:
        content = json.loads((folder / CARD).read_text(encoding="utf-8"))
        if not isinstance(content, dict) or content.get(SEAL) != checksum(content):
            raise ConfigError("it was changed after the bundle was made")
        return NetCard.from_json(content)
    except OSError as error:
        raise BundleError(
            f"{folder}: {CARD} is missing or unreadable: give the folder of a network of beats"
        ) from error
    except (ValueError, RecursionError, ConfigError) as error:
        raise BundleError(f"{folder}: {CARD} cannot be used ({first_line(error)}): copy the bundle again") from error


def load_forward(folder: Path, card: NetCard, runtime: str | None = None) -> Forward:
    """What runs the network: ONNX Runtime or torch, by name; without a name ONNX Runtime where it is installed.

    Raises BundleError where the file is missing or another than the card's, or does not fit.
    """
    if runtime not in (None, *RUNTIMES):
        raise BundleError(f"no runtime is called {runtime!r}: use one of {', '.join(RUNTIMES)}")
    runtime = runtime or ("onnx" if _has_onnxruntime() else "torch")
    extra(
        *(("onnxruntime", "requirements-onnx.txt") if runtime == "onnx" else ("torch", "requirements.txt")), BundleError
    )
    name, sha256 = (GRAPH, card.onnx_sha256) if runtime == "onnx" else (WEIGHTS, card.weights_sha256)
    content = read_checked(folder, name, sha256, card=CARD)
    try:
        forward = onnx_forward(content) if runtime == "onnx" else torch_forward(_rebuilt(card, content))
        if forward(*_noise(card.blocks, 1)).shape != (1, card.blocks.width, len(card.outputs)):
            raise ValueError("other outputs than the card's")
    except Exception as error:  # a runtime refuses weights in whatever way it comes to notice them
        raise BundleError(f"{folder}: {name} cannot be run ({first_line(error)}): copy the bundle again") from error
    return forward


def _has_onnxruntime() -> bool:
    try:
        import onnxruntime  # noqa: F401
    except ImportError:
        return False
    return True


def _rebuilt(card: NetCard, weights: bytes) -> "nn.Module":
    from safetensors.torch import load

    from tasks.beats.networks import build_network

    network = build_network(**card.network)
    network.load_state_dict(load(weights))
    return network.eval()


def torch_forward(network: "nn.Module") -> Forward:
    """A network of torch, in evaluation mode."""
    import torch

    @torch.inference_mode()
    def forward(*inputs: np.ndarray) -> np.ndarray:
        return network(*(torch.from_numpy(each) for each in inputs)).numpy()

    return forward


def onnx_forward(graph: bytes) -> Forward:
    """A graph run by ONNX Runtime, on one thread."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])

    def forward(*inputs: np.ndarray) -> np.ndarray:
        return session.run(None, dict(zip(INPUTS, inputs, strict=True)))[0]

    return forward
