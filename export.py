"""Write a bundle's networks as an ONNX graph beside its weights, and note it in the card.

python export.py [--bundle checkpoints/mi/hybrid]      # needs requirements-export.txt

The graph takes signals of any number and length; it is checked against torch on noise before it is put in place.
"""

import argparse
import hashlib
import logging
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from bundles import GRAPH, LOGITS, ROOT, SIGNALS, STARTS, Bundle, load_graph, made_from, run_sections
from cardiac.errors import BundleError, CardiacError, extra
from cardiac.files import replace_file
from cardiac.windows import WindowPlan, sigmoid, window_starts
from cards import CARD, sealed_card
from utils import load_bundle, run_networks

OPSET = 20  # the first with GELU
CLOSE = 1e-5  # in probability
TRIED = (1, 3)  # batches


class Members(nn.Module):
    """A bundle's networks as one: logits of each stage, (b, n_networks, n_windows, n_outputs)."""

    def __init__(self, networks: Sequence[nn.Module]) -> None:
        super().__init__()
        self.networks = nn.ModuleList(networks).requires_grad_(False).cpu().eval()

    def forward(self, signals: Tensor, *starts: Tensor) -> tuple[Tensor, ...]:
        found = [network(signals, starts) for network in self.networks]
        return tuple(torch.stack(of_stage, dim=1) for of_stage in zip(*found, strict=True))


def export_bundle(folder: str | Path) -> Path:
    """Write the graph of a bundle's networks, note its checksum in the card and seal that anew; where the graph lies.

    Raises BundleError where the bundle cannot be read, or the graph does not give what torch gives.
    """
    folder = Path(folder)
    extra("onnxscript", "requirements-export.txt", BundleError)
    bundle = load_bundle(folder, with_graph=False)
    plans = {name: WindowPlan.of(stage) for name, stage in bundle.card["stages"].items()}
    graph = _graph(bundle, plans)
    card = bundle.card
    told = {"sha256": hashlib.sha256(graph).hexdigest(), "made_from": made_from(card), "opset": OPSET}
    before = [(folder / name).read_bytes() if (folder / name).is_file() else None for name in (GRAPH, CARD)]
    replace_file(folder / GRAPH, graph)
    replace_file(folder / CARD, sealed_card({**card, "onnx": told}))
    try:
        _check(bundle, load_graph(folder), plans)
    except BundleError:
        for name, content in zip((GRAPH, CARD), before, strict=True):
            if content is None:
                (folder / name).unlink()
            else:
                replace_file(folder / name, content)
        raise
    return folder / GRAPH


def _graph(bundle: Bundle, plans: dict[str, WindowPlan]) -> bytes:
    length = bundle.card["signal"]["section"] + 3  # a length that no stride divides, so that padding is in the graph
    starts = [torch.from_numpy(window_starts(length, plan)) for plan in plans.values()]
    free = torch.export.Dim.DYNAMIC
    shapes = ({0: free, 2: free}, tuple({0: free} for _ in starts))  # signals, *starts
    blank = torch.zeros(3, len(bundle.card["signal"]["leads"]), length)
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
        names = [name.format(stage) for name in (STARTS, LOGITS) for stage in plans]
        found = torch.onnx.export(
            program,
            dynamo=True,
            input_names=[SIGNALS, *names[: len(plans)]],
            output_names=names[len(plans) :],
            opset_version=OPSET,
            verbose=False,
        )
    return _plain(found.model_proto).SerializeToString(deterministic=True)


def _plain(model: Any) -> Any:
    """The graph without the exporter's notes on where in whose folder each node comes from."""
    graph = model.graph
    parts = [model, graph, *graph.node, *graph.input, *graph.output, *graph.value_info, *graph.initializer]
    parts += [each for function in model.functions for each in (function, *function.node, *function.value_info)]
    for part in parts:
        part.doc_string = ""
        del part.metadata_props[:]
    return model


def _check(ours: Bundle, graph: Bundle, plans: dict[str, WindowPlan]) -> None:
    """Raise BundleError where the graph gives other probabilities than torch, over several batches and lengths."""
    section, rng = ours.card["signal"]["section"], np.random.default_rng(0)
    widest = max(plan.window for plan in plans.values())
    for n_samples in (section, widest, (section + widest) // 2 + 1):
        for n in TRIED:
            signals = rng.standard_normal((n, len(ours.card["signal"]["leads"]), n_samples)).astype(np.float32)
            told = signals, [*plans.values()], section
            for one, other in zip(run_networks(ours.networks, *told), run_sections(graph.run, *told), strict=True):
                apart = np.abs(sigmoid(one) - sigmoid(other)).max()
                if one.shape != other.shape or not apart < CLOSE:
                    raise BundleError(f"{GRAPH} gives other probabilities than torch (by {apart:.2g}): not written")


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line. 0, or 2 with one sentence."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bundle", type=Path, default=ROOT / "checkpoints/mi/hybrid", help="the bundle's folder")
    options = parser.parse_args(arguments)
    try:
        written = export_bundle(options.bundle)
    except CardiacError as error:
        print(error, file=sys.stderr)
        return 2
    print(f"{written}: {written.stat().st_size / 2**20:.1f} MiB, opset {OPSET}, any number and length of signals")
    return 0


if __name__ == "__main__":
    sys.exit(main())
