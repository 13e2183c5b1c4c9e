"""Write a bundle's networks as an ONNX graph beside its weights, and note it in the card.

python export.py [--bundle FOLDER]      # needs requirements-export.txt

The graph takes signals of any number and length; it is checked against torch on noise before it is put in place.
"""

import argparse
import hashlib
import logging
import sys
import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from bundles import GRAPH, Bundle, load_bundle, run_networks, shipped_bundles
from cardiac.errors import BundleError, extra
from cardiac.files import replace_file
from cardiac.windows import sigmoid, window_starts
from cards import CARD, sealed_card
from runtimes import LOGITS, SIGNALS, STARTS, run_sections
from utils import run_command

OPSET = 20  # the first with GELU
CLOSE = 1e-5  # in probability
TRIED = (1, 3)  # batches


class Members(nn.Module):
    """A bundle's networks as one: logits of each stage, (b, n_networks, n_windows, n_outputs)."""

    def __init__(self, networks: Sequence[nn.Module]) -> None:
        super().__init__()
        self.networks = nn.ModuleList(networks).requires_grad_(False).cpu().eval()

    def forward(self, signals: Tensor, *starts: Tensor) -> tuple[Tensor, ...]:
        outputs = [network(signals, starts) for network in self.networks]
        return tuple(torch.stack(of_stage, dim=1) for of_stage in zip(*outputs, strict=True))


def export_bundle(folder: str | Path) -> Path:
    """Write the graph of a bundle's networks, note its checksum in the card and seal that anew; where the graph lies.

    Raises BundleError where the bundle cannot be read, or the graph does not give what torch gives.
    """
    folder = Path(folder)
    extra("onnxscript", "requirements-export.txt", BundleError)
    bundle = load_bundle(folder, "torch", with_graph=False)
    return write_graph(folder, bundle, _graph(bundle))


def write_graph(folder: Path, bundle: Bundle, graph: bytes) -> Path:
    """Put a graph beside the weights that it was made from, and its checksum into the card; where it lies.

    bundle : run by torch. Raises BundleError where the graph gives other probabilities: all is then as it was before.
    """
    card = bundle.card
    entry = {"sha256": hashlib.sha256(graph).hexdigest(), "made_from": card.networks_sha256, "opset": OPSET}
    before = [(folder / name).read_bytes() if (folder / name).is_file() else None for name in (GRAPH, CARD)]
    replace_file(folder / GRAPH, graph)
    replace_file(folder / CARD, sealed_card(replace(card, onnx=entry)))
    try:
        _check(bundle, load_bundle(folder, "onnx"))
    except BundleError:
        for name, content in zip((GRAPH, CARD), before, strict=True):
            if content is None:
                (folder / name).unlink()
            else:
                replace_file(folder / name, content)
        raise
    return folder / GRAPH


def _graph(bundle: Bundle) -> bytes:
    card = bundle.card
    length = card.section + 3  # a length that no stride divides, so that padding is in the graph
    starts = [torch.from_numpy(window_starts(length, plan)) for plan in card.plans]
    free = torch.export.Dim.DYNAMIC
    shapes = ({0: free, 2: free}, tuple({0: free} for _ in starts))  # signals, *starts
    blank = torch.zeros(3, len(card.signal.leads), length)
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # that torchvision is not installed is no news
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=FutureWarning)  # of torch about itself
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        program = torch.export.export(
            Members(bundle.networks),
            (blank, *starts),
            dynamic_shapes=shapes,
            prefer_deferred_runtime_asserts_over_guards=True,
        )
        names = [name.format(stage) for name in (STARTS, LOGITS) for stage in card.stages]
        exported = torch.onnx.export(
            program,
            dynamo=True,
            input_names=[SIGNALS, *names[: len(starts)]],
            output_names=names[len(starts) :],
            opset_version=OPSET,
            verbose=False,
        )
    return _plain(exported.model_proto).SerializeToString(deterministic=True)


def _plain(model: Any) -> Any:
    """The graph without the exporter's notes on where in whose folder each node comes from."""
    graph = model.graph
    parts = [model, graph, *graph.node, *graph.input, *graph.output, *graph.value_info, *graph.initializer]
    parts += [each for function in model.functions for each in (function, *function.node, *function.value_info)]
    for part in parts:
        part.doc_string = ""
        del part.metadata_props[:]
    return model


def _check(ours: Bundle, graph: Bundle) -> None:
    """Raise BundleError where the graph gives other probabilities than torch, over several batches and lengths."""
    plans, section, rng = ours.card.plans, ours.card.section, np.random.default_rng(0)
    widest = max(plan.window for plan in plans)
    for n_samples in (section, widest, (section + widest) // 2 + 1):
        for n in TRIED:
            signals = rng.standard_normal((n, len(ours.card.signal.leads), n_samples)).astype(np.float32)
            by_torch = run_networks(ours.networks, signals, plans, section)
            for one, other in zip(by_torch, run_sections(graph.forward, signals, plans, section), strict=True):
                apart = np.abs(sigmoid(one) - sigmoid(other)).max()
                if one.shape != other.shape or not apart < CLOSE:
                    raise BundleError(f"{GRAPH} gives other probabilities than torch (by {apart:.2g}): not written")


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line. 0, or 2 with one sentence."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bundle", type=Path, help="the bundle's folder")
    options = parser.parse_args(arguments)
    shipped = shipped_bundles()
    if options.bundle is None and len(shipped) != 1:
        parser.error(f"name the bundle with --bundle: there are {', '.join(map(str, shipped)) or 'none'}")
    folder = options.bundle or shipped[0]

    def export() -> int:
        written = export_bundle(folder)
        print(f"{written}: {written.stat().st_size / 2**20:.1f} MiB, opset {OPSET}, any number and length of signals")
        return 0

    return run_command(export)


if __name__ == "__main__":
    sys.exit(main())
