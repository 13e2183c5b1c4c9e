"""Bundles: the card that says how networks are used, and something that runs them. Needs no torch.

    python bundles.py check checkpoints/mi/hybrid   # prints the checksum that findings report, or says what is wrong
    python bundles.py seal FOLDER                   # after changing card.json on purpose, a threshold say

A bundle's folder holds `card.json`, the weights for torch (`weights.safetensors`, see `utils.load_bundle`) and, once
`export.py` has written it, the same networks as an ONNX graph, which ONNX Runtime runs in half the time. The card holds
the checksums of both and one of itself, which is the bundle's. Whatever else lies in the folder is not looked at.
"""

import argparse
import hashlib
import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from cardiac.errors import BundleError, CardiacError, extra, first_line
from cardiac.files import replace_file
from cardiac.windows import WindowPlan, cut_sections
from cards import CARD, SEAL, parse_card, sealed_card

ROOT = Path(__file__).resolve().parent
WEIGHTS, GRAPH = "weights.safetensors", "network.onnx"
CARD_KEYS = ("name", "signal", "network", "members", "stages", "decisions", "weights_sha256")
RUNTIMES = ("onnx", "torch")
MOST_AT_ONCE = 16  # signals in one call of ONNX Runtime, on one thread: several calls use several cores better than one
SIGNALS = "signals"  # the graph's first input; then first samples of the windows, and logits, by stage
STARTS, LOGITS = "starts_{}", "logits_{}"
# signals float32 (b, n_leads, n) and, of each stage, its windows' first samples, int64 (n_windows,)
# -> of each stage logits float32 (b, n_networks, n_windows, n_outputs)
Run = Callable[[np.ndarray, Sequence[np.ndarray]], list[np.ndarray]]


@dataclass(frozen=True)
class Bundle:
    """The card, and what runs its networks.

    sha256 : of the card, and thereby of weights and graph as well; the same by either runtime.
    networks : torch's modules, in evaluation mode; empty where ONNX Runtime runs them.
    """

    card: dict[str, Any]
    run: Run
    sha256: str
    runtime: str
    networks: list[Any] = field(default_factory=list)


def run_sections(run: Run, signals: np.ndarray, plans: Sequence[WindowPlan], section: int) -> list[np.ndarray]:
    """Logits of every window of one signal or of several of one length.

    signals : (n_leads, n_samples) or (b, n_leads, n_samples).  section : how many samples are run over at once.
    Returns for each plan float32 (n_networks, n_windows, n_outputs), or (b, n_networks, n_windows, n_outputs).
    """
    parts = []
    for each in cut_sections(signals, plans, section):
        batch = each.signal[None] if signals.ndim == 2 else each.signal
        parts.append(run(np.ascontiguousarray(batch, np.float32), each.starts))
    found = [
        np.concatenate(of_stage, axis=2) if len(parts) > 1 else of_stage[0] for of_stage in zip(*parts, strict=True)
    ]
    return [logits[0] for logits in found] if signals.ndim == 2 else found


def read_card(folder: Path, changed: bool = False) -> dict[str, Any]:
    """What a bundle's card says. Raises BundleError where it is missing, not as it was sealed, or says too little.

    changed : whether it may be another than was sealed, as for `seal_bundle`.
    """
    try:
        content = (folder / CARD).read_bytes()
    except OSError as error:
        raise BundleError(f"{folder}: {CARD} is missing or unreadable: give a bundle's folder with --bundle") from error
    card = parse_card(content, folder, changed)
    missing = [key for key in CARD_KEYS if key not in card]
    if missing:
        raise BundleError(f"{folder}: {CARD} says nothing of {missing[0]!r}: copy the bundle again")
    return card


def open_bundle(folder: Path, with_graph: bool = True) -> tuple[dict[str, Any], dict[str, bytes]]:
    """The card of a bundle and the contents of the files that it names, WEIGHTS and GRAPH, all checked.

    with_graph : False leaves the graph aside, for what writes it anew.
    Raises BundleError where one of them is missing or another than when the bundle was made.
    """
    card = read_card(folder)
    return card, _read_files(folder, card, with_graph)


def _read_files(folder: Path, card: Mapping[str, Any], with_graph: bool = True) -> dict[str, bytes]:
    files = {WEIGHTS: _read_file(folder, WEIGHTS, card["weights_sha256"], "copy the bundle again")}
    graph = card.get("onnx")
    if graph is None or not with_graph:
        return files
    if not isinstance(graph, Mapping) or graph.get("made_from") != made_from(card):
        raise BundleError(f"{folder}: {GRAPH} was made from other networks than {CARD} tells of: copy the bundle again")
    remedy = f"copy the bundle again, or run `python export.py --bundle {folder}`"
    return files | {GRAPH: _read_file(folder, GRAPH, graph.get("sha256"), remedy)}


def _read_file(folder: Path, name: str, sha256: object, remedy: str) -> bytes:
    try:
        content = (folder / name).read_bytes()
    except OSError as error:
        raise BundleError(f"{folder}: {name} is missing or unreadable: {remedy}") from error
    if hashlib.sha256(content).hexdigest() != sha256:
        raise BundleError(f"{folder}: {name} is not the file that {CARD} tells of (checksum): {remedy}")
    return content


def bundle_checksum(folder: Path) -> str:
    """The checksum that findings by this bundle report. Raises BundleError as `open_bundle` does."""
    return open_bundle(folder)[0][SEAL]


def seal_bundle(folder: Path) -> str:
    """Seal a card that was changed on purpose, or made before cards were sealed; the bundle's new checksum.

    Raises BundleError where the files beside it are not those that it names, or it cannot be written.
    """
    card = read_card(folder, changed=True)
    _read_files(folder, card)
    try:
        content = sealed_card(card)
    except (ValueError, RecursionError) as error:  # half a letter, say
        raise BundleError(
            f"{folder}: {CARD} cannot be sealed ({first_line(error)}): correct what was changed"
        ) from error
    replace_file(folder / CARD, content)
    return bundle_checksum(folder)


def has_graph(folder: str | Path) -> bool:
    """Whether the card in this folder names an ONNX graph and there is something to run it. Raises BundleError."""
    if read_card(Path(folder)).get("onnx") is None:
        return False
    try:
        import onnxruntime  # noqa: F401
    except ImportError:
        return False
    return True


def made_from(card: Mapping[str, Any]) -> str:
    """A checksum of all in the card that decides what a graph computes: the networks and their weights."""
    told = json.dumps([card["weights_sha256"], card["network"], card["members"]], sort_keys=True)
    return hashlib.sha256(told.encode()).hexdigest()


def n_threads() -> int:
    """How many threads the networks may take: OMP_NUM_THREADS, else the cores that this process may use, at most 4.

    Networks as small as these gain nothing by more.
    """
    told = os.environ.get("OMP_NUM_THREADS", "")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return int(told) if told.isdigit() and int(told) > 0 else min(4, cores)


def load_graph(folder: str | Path) -> Bundle:
    """The bundle in a folder, run by ONNX Runtime, its files checked against the card.

    Raises BundleError where a file is missing or damaged, or does not fit the card.
    """
    folder = Path(folder)
    card, files = open_bundle(folder)
    onnxruntime = extra("onnxruntime", "requirements-onnx.txt", BundleError)
    if GRAPH not in files:
        raise BundleError(f"{folder}: has no ONNX graph yet: python export.py --bundle {folder}")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    try:
        session = onnxruntime.InferenceSession(files[GRAPH], options, providers=["CPUExecutionProvider"])
        run = _runner(session, [*card["stages"]])
    except Exception as error:  # ONNX Runtime's own errors have no common parent
        raise BundleError(f"{folder}: {GRAPH} cannot be run ({first_line(error)}): copy the bundle again") from error
    return Bundle(card, run, card[SEAL], "onnx")


def _runner(session: Any, stages: Sequence[str]) -> Run:
    """A session as a `Run`. Raises ValueError where the graph's inputs and outputs are not those of the stages."""
    starts, logits = ([name.format(stage) for stage in stages] for name in (STARTS, LOGITS))
    if [each.name for each in session.get_inputs()] != [SIGNALS, *starts]:
        raise ValueError(f"its inputs are not {', '.join([SIGNALS, *starts])}")
    if [each.name for each in session.get_outputs()] != logits:
        raise ValueError(f"its outputs are not {', '.join(logits)}")

    threads = n_threads()
    pool = ThreadPoolExecutor(threads, "networks")

    def run(signals: np.ndarray, at: Sequence[np.ndarray]) -> list[np.ndarray]:
        told = dict(zip(starts, at, strict=True))

        def run_part(part: np.ndarray) -> list[np.ndarray]:
            return session.run(None, {SIGNALS: part, **told})

        if len(signals) <= MOST_AT_ONCE:
            return run_part(signals)
        n_parts = -(-len(signals) // (MOST_AT_ONCE * threads)) * threads
        parts = pool.map(run_part, np.array_split(signals, n_parts))
        return [np.concatenate(of_stage) for of_stage in zip(*parts, strict=True)]

    return run


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line. 0, or 2 with one sentence."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("action", choices=("check", "seal"), help="what to do")
    parser.add_argument("folder", type=Path, help="the bundle's folder")
    options = parser.parse_args(arguments)
    try:
        sha256 = (seal_bundle if options.action == "seal" else bundle_checksum)(options.folder)
    except CardiacError as error:
        print(error, file=sys.stderr)
        return 2
    print(f"{sha256}  {options.folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
