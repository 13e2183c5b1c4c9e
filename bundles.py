"""Bundles: a folder with the card that says how networks are used, and their weights. Needs no torch to be read.

    python bundles.py check FOLDER   # prints the checksum that findings report, or says what is wrong
    python bundles.py seal FOLDER    # after changing card.json on purpose, a threshold say

A bundle's folder holds `card.json`, the weights for torch (`weights.safetensors`) and, once `export.py` has written it,
the same networks as an ONNX graph, which ONNX Runtime runs in half the time; and where trees decide with the networks,
these as plain arrays (`trees.npz`). The card holds the checksums of all and one of itself, which is the bundle's.
Whatever else lies in the folder is not looked at.
"""

import argparse
import hashlib
import json
import sys
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cardiac.errors import BundleError, extra, first_line
from cardiac.files import replace_file
from cardiac.trees import Trees
from cardiac.windows import WindowPlan
from cards import CARD, SEAL, Card, checksum, parse_card, seal_again, sealed_card
from runtimes import Forward, onnx_forward, rebuild_networks, run_sections, torch_forward, weights_of
from utils import run_command

if TYPE_CHECKING:
    from torch import nn

ROOT = Path(__file__).resolve().parent
WEIGHTS, GRAPH, TREES = "weights.safetensors", "network.onnx", "trees.npz"
FILES = (CARD, WEIGHTS, TREES, GRAPH)  # all that a bundle is made of, as far as it has them
RUNTIMES = ("onnx", "torch")


@dataclass(frozen=True)
class Bundle:
    """The card, and what runs its networks.

    networks : torch's modules, in evaluation mode; empty where ONNX Runtime runs them.  trees : that decide with them, or
    None.
    """

    card: Card
    forward: Forward
    runtime: str
    networks: "list[nn.Module]" = field(default_factory=list)
    trees: Trees | None = None

    @property
    def sha256(self) -> str:
        """The checksum of the card, and thereby of weights and graph as well; the same by either runtime."""
        return self.card.sha256


def read_card(folder: str | Path) -> Card:
    """A bundle's card. Raises BundleError where it is missing, not as it was sealed, or cannot be used."""
    return parse_card(_card_file(Path(folder)), Path(folder))


def open_bundle(folder: Path, with_graph: bool = True) -> tuple[Card, dict[str, bytes]]:
    """The card of a bundle and the contents of the files that it names, WEIGHTS, TREES and GRAPH, all checked.

    with_graph : False leaves the graph aside, for what writes it anew.
    Raises BundleError where one of them is missing or another than when the bundle was made.
    """
    card = read_card(folder)
    return card, _read_files(folder, card, with_graph)


def _card_file(folder: Path) -> bytes:
    try:
        return (folder / CARD).read_bytes()
    except OSError as error:
        raise BundleError(f"{folder}: {CARD} is missing or unreadable: give a bundle's folder with --bundle") from error


def _read_files(folder: Path, card: Card, with_graph: bool = True) -> dict[str, bytes]:
    files = {WEIGHTS: read_checked(folder, WEIGHTS, card.weights_sha256)}
    if card.trees is not None:
        files[TREES] = read_checked(folder, TREES, card.trees.get("sha256"))
    if card.onnx is None or not with_graph:
        return files
    if card.onnx.get("made_from") != card.networks_sha256:
        raise BundleError(
            f"{folder}: {GRAPH} was made from other networks than {CARD} describes: copy the bundle again"
        )
    remedy = f"copy the bundle again, or run `python export.py --bundle {folder}`"
    return files | {GRAPH: read_checked(folder, GRAPH, card.onnx.get("sha256"), remedy)}


def read_checked(
    folder: Path, name: str, sha256: object, remedy: str = "copy the bundle again", card: str = CARD
) -> bytes:
    """The content of a bundle's file, which is the one of the card. card : what holds the checksum. Raises BundleError."""
    try:
        content = (folder / name).read_bytes()
    except OSError as error:
        raise BundleError(f"{folder}: {name} is missing or unreadable: {remedy}") from error
    if hashlib.sha256(content).hexdigest() != sha256:
        raise BundleError(f"{folder}: {name} does not match the checksum in {card}: {remedy}")
    return content


def shipped_bundles() -> list[Path]:
    """The folders of the bundles that come with the program, in order."""
    return sorted(path.parent for path in (ROOT / "checkpoints").rglob(CARD))


def bundle_checksum(folder: Path) -> str:
    """The checksum that findings by this bundle report. Raises BundleError as `open_bundle` does."""
    return open_bundle(folder)[0].sha256


def seal_bundle(folder: Path) -> str:
    """Seal a card that was changed on purpose, or made before cards were sealed; the bundle's new checksum.

    Raises BundleError where the files beside it are not those that it names, or it cannot be written.
    """
    content = _card_file(folder)
    _read_files(folder, parse_card(content, folder, changed=True))
    replace_file(folder / CARD, seal_again(content, folder))
    return bundle_checksum(folder)


def save_bundle(folder: str | Path, networks: "Sequence[nn.Module]", card: Card, trees: Trees | None = None) -> None:
    """Write weights, trees and card, each file replaced at once; the card is sealed, and names no graph of other weights.

    trees : whose `Card.trees` is without their checksum.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    weights = weights_of(networks)
    replace_file(folder / WEIGHTS, weights)
    put_trees(folder, replace(card, weights_sha256=hashlib.sha256(weights).hexdigest(), onnx=None), trees)


def put_trees(folder: Path, card: Card, trees: Trees | None) -> None:
    """Write trees beside weights that are there, and the card, sealed, with their checksum; None leaves a card without any."""
    if trees is not None:
        content = trees.to_bytes()
        replace_file(folder / TREES, content)
        card = replace(card, trees={**(card.trees or {}), "sha256": hashlib.sha256(content).hexdigest()})
    replace_file(folder / CARD, sealed_card(card))


def load_bundle(folder: str | Path, runtime: str | None = None, with_graph: bool = True) -> Bundle:
    """The bundle in a folder, its files checked against the card, its networks tried out on a blank signal.

    runtime : one of RUNTIMES; without a name ONNX Runtime where the bundle has a graph for it, else torch.
    with_graph : False leaves the ONNX graph unchecked, for what writes it anew.
    Raises BundleError where a file is missing or damaged, or weights, card and networks do not fit.
    """
    folder = Path(folder)
    card, files = open_bundle(folder, with_graph)
    runtime = runtime or ("onnx" if card.onnx is not None and _has_onnxruntime() else "torch")
    bundle = (_load_graph if runtime == "onnx" else _load_networks)(folder, card, files)
    return bundle if card.trees is None else replace(bundle, trees=_load_trees(folder, files[TREES]))


def _load_trees(folder: Path, content: bytes) -> Trees:
    try:
        return Trees.from_bytes(content)
    except (ValueError, KeyError, OSError, zipfile.BadZipFile) as error:
        raise BundleError(f"{folder}: {TREES} cannot be used ({first_line(error)}): copy the bundle again") from error


def _has_onnxruntime() -> bool:
    try:
        import onnxruntime  # noqa: F401
    except ImportError:
        return False
    return True


def _load_graph(folder: Path, card: Card, files: dict[str, bytes]) -> Bundle:
    extra("onnxruntime", "requirements-onnx.txt", BundleError)
    if GRAPH not in files:
        raise BundleError(f"{folder}: has no ONNX graph yet: run `python export.py --bundle {folder}`")
    try:
        forward = onnx_forward(files[GRAPH], [*card.stages])
        _try_out(forward, card)
    except Exception as error:  # ONNX Runtime's own errors have no common parent
        raise BundleError(f"{folder}: {GRAPH} cannot be run ({first_line(error)}): copy the bundle again") from error
    return Bundle(card, forward, "onnx")


def _load_networks(folder: Path, card: Card, files: dict[str, bytes]) -> Bundle:
    extra("torch", "requirements.txt", BundleError)
    try:
        networks = rebuild_networks(card.network, card.members, files[WEIGHTS])
        forward = torch_forward(networks)
        _try_out(forward, card)
    except Exception as error:  # a network refuses arguments and weights in whatever way it comes to notice them
        raise BundleError(
            f"{folder}: the weights do not fit the card's networks ({first_line(error)}): copy the bundle again"
        ) from error
    return Bundle(card, forward, "torch", networks)


def _try_out(forward: Forward, card: Card) -> None:
    """Raise ValueError where the networks give other outputs than the card states."""
    blank = np.zeros((len(card.signal.leads), card.section), np.float32)
    by_stage = run_sections(forward, blank, card.plans, card.section)
    for (name, stage), logits in zip(card.stages.items(), by_stage, strict=True):
        if logits.shape[2] != len(stage.outputs):
            raise ValueError(f"the network of {name} has {logits.shape[2]} outputs, its card {len(stage.outputs)}")


def read_sealed(folder: Path, name: str, format_: int, what: str) -> dict[str, Any]:
    """The plain data of a card that is not the core's own, its seal checked. what : the bundle is, for whom it is missing.

    Raises BundleError where the file is missing, was changed, or is of another format.
    """
    try:
        content = (folder / name).read_bytes()
    except OSError as error:
        raise BundleError(f"{folder}: {name} is missing or unreadable: give the folder of {what}") from error
    try:
        card = json.loads(content.decode("utf-8"))
        intact = isinstance(card, dict) and card.get("format") == format_ and card.get(SEAL) == checksum(card)
    except (ValueError, RecursionError) as error:
        raise BundleError(f"{folder}: {name} is not JSON ({first_line(error)}): copy the bundle again") from error
    if not intact:
        raise BundleError(f"{folder}: {name} was changed or is of another format: copy the bundle again")
    return card


def write_sealed(folder: Path, name: str, card: Mapping[str, Any]) -> None:
    """Write a card that is not the core's own, with its seal, put in place whole. card : plain data, without a seal."""
    card = json.loads(json.dumps(card))  # as it will be read
    replace_file(folder / name, (json.dumps({**card, SEAL: checksum(card)}, indent=1) + "\n").encode())


def run_networks(
    networks: "Sequence[nn.Module]", signals: np.ndarray, plans: Sequence[WindowPlan], section: int
) -> list[np.ndarray]:
    """Logits of every window of one signal or of several of one length, by torch, as `run_sections` gives them."""
    return run_sections(torch_forward(networks), signals, plans, section)


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line. 0, or 2 with one sentence."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("action", choices=("check", "seal"), help="what to do")
    parser.add_argument("folder", type=Path, help="the bundle's folder")
    options = parser.parse_args(arguments)

    def print_checksum() -> int:
        sha256 = (seal_bundle if options.action == "seal" else bundle_checksum)(options.folder)
        print(f"{sha256}  {options.folder}")
        return 0

    return run_command(print_checksum)


if __name__ == "__main__":
    sys.exit(main())
