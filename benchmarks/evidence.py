"""Is the evidence true to the detector? Leads taken away by it and at random, moments read alone, leads of each site.

    python -m benchmarks.evidence --data data/aiijc

Over all true infarctions of the training part, which the shipped networks were taught: this asks whether the evidence
says what the networks look at, not whether they are right.
"""

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from tqdm import tqdm

from cardiac.errors import CardiacError
from cardiac.leads import LEADS
from cardiac.metrics import bootstrap_weights, with_interval
from cardiac.records import read_record
from cardiac.signals import prepare_signal
from cardiac.windows import pool_windows, sigmoid, window_starts
from inference import Detector
from tasks.mi import BUNDLE
from tasks.mi.datasets import Dataset, read_dataset
from tasks.mi.evidence import lead_values, output_logits
from tasks.mi.labels import SITES

TAKEN = (1, 2, 3, 4, 6)  # leads taken away
PIECE_S = 2.5  # of a recording, read by itself
EXPECTED = {"inferior": ("II", "III", "aVF"), "anteroseptal": ("V1", "V2", "V3", "V4")}


def occlusion_values(signal: np.ndarray, detector: Detector) -> np.ndarray:
    """Logit with all leads less that without each one alone, (7, 12)."""
    plans = detector.plans
    kept = np.concatenate([np.ones((1, 12)), 1 - np.eye(12)])
    logits = output_logits(detector.logits(signal * kept[:, :, None].astype(np.float32)), plans)
    return (logits[:1] - logits[1:]).T


def probability_without(signal: np.ndarray, orders: np.ndarray, detector: Detector) -> np.ndarray:
    """Probability of infarction after the first 1, 2, 3, 4 and 6 leads of each order are flat, (n_orders, 5)."""
    kept = np.ones((len(orders), len(TAKEN), 12), np.float32)
    for index, order in enumerate(orders):
        for step, count in enumerate(TAKEN):
            kept[index, step, order[:count]] = 0
    outputs = detector.logits(signal * kept.reshape(-1, 12, 1))
    return sigmoid(output_logits(outputs, detector.plans)[:, 0]).reshape(len(orders), len(TAKEN))


def probability_of_pieces(signal: np.ndarray, detector: Detector) -> np.ndarray:
    """Probability of each 2.5 s of a recording: of its windows in the whole, and of it read alone, (2, n_pieces)."""
    plan, length = detector.plans[0], round(PIECE_S * detector.spec.fs_hz)
    firsts = np.arange(0, signal.shape[1] - length + 1, length)
    windows = sigmoid(detector.logits(signal[None])[0][0]).mean(axis=0)[:, 0]
    starts = window_starts(signal.shape[1], plan)
    in_whole = [windows[(starts >= first) & (starts + plan.window <= first + length)].mean() for first in firsts]
    pieces = np.stack([signal[:, first : first + length] for first in firsts])
    return np.array([in_whole, [pool_windows(each, plan)[0] for each in detector.logits(pieces)[0]]])


def measure(
    dataset: Dataset, detector: Detector, n_random: int
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Of true infarctions: by way of choosing leads the loss of probability (n, 5) and the leads' values (n, 7, 12),
    and by way of choosing 2.5 s their probability when read alone (n,).
    """
    ways: dict[str, list[np.ndarray]] = {}
    values: dict[str, list[np.ndarray]] = {}
    alone: dict[str, list[np.ndarray]] = {"that the windows name": [], "at random": [], "that they name last": []}
    plans = detector.plans
    rng = np.random.default_rng(0)
    for source in tqdm(
        [dataset.sources[row] for row in np.flatnonzero(dataset.infarction)], unit="record", disable=None
    ):
        record = read_record(source)
        signal = prepare_signal(record.signal, record.fs_hz, detector.spec)
        orders = {f"Shapley, {n} orders": lead_values(signal, detector.logits, plans, n)[0] for n in (2, 4, 16)}
        orders["occlusion of single leads"] = occlusion_values(signal, detector)
        for name, each in orders.items():
            values.setdefault(name, []).append(each)
        chosen = [np.argsort(-each[0]) for each in orders.values()]
        drawn = [rng.permutation(12) for _ in range(n_random)]
        whole = probability_without(signal, np.zeros((1, 0), int), detector)[0, 0]
        lost = whole - probability_without(signal, np.array([*chosen, *drawn]), detector)
        for name, each in zip(orders, lost, strict=False):
            ways.setdefault(name, []).append(each)
        ways.setdefault("at random", []).append(lost[len(orders) :].mean(axis=0))
        in_whole, read = probability_of_pieces(signal, detector)
        for each, probability in zip(
            alone.values(), (read[in_whole.argmax()], read.mean(), read[in_whole.argmin()]), strict=True
        ):
            each.append(probability)
    return tuple({name: np.stack(each) for name, each in measured.items()} for measured in (ways, values, alone))


def means_with_interval(patients: np.ndarray) -> Callable[[np.ndarray], str]:
    """A function that writes the mean of a number a record with its 95 % interval over patients."""
    weights = bootstrap_weights(patients)

    def cell(values: np.ndarray) -> str:
        mean: Callable[[np.ndarray], float] = lambda weight: float(weight @ values / weight.sum())  # noqa: E731
        figure = with_interval(mean, weights, np.ones(len(values), bool))
        return f"{figure.value:.3f} ({figure.low:.3f} to {figure.high:.3f})"

    return cell


def print_faithfulness(ways: dict[str, np.ndarray], cell: Callable[[np.ndarray], str]) -> None:
    """Mean loss of probability, and how much more than at random."""
    print("| leads taken away by | " + " | ".join(f"{count}" for count in TAKEN) + " |")
    print("|---" * (1 + len(TAKEN)) + "|")
    for name, lost in ways.items():
        print(f"| {name} | " + " | ".join(cell(lost[:, step]) for step in range(len(TAKEN))) + " |")
    for name, lost in ways.items():
        if name != "at random":
            more = lost - ways["at random"]
            print(
                f"| {name}, more than at random | "
                + " | ".join(cell(more[:, step]) for step in range(len(TAKEN)))
                + " |"
            )


def print_moments(alone: dict[str, np.ndarray], cell: Callable[[np.ndarray], str]) -> None:
    """Mean probability of 2.5 s read alone, by how they were chosen, and how much more than at random."""
    print("| 2.5 s of the recording | probability, read alone | more than at random |")
    print("|---|---|---|")
    for name, each in alone.items():
        more = "" if name == "at random" else cell(each - alone["at random"])
        print(f"| {name} | {cell(each)} | {more} |")


def print_lead_weights(values: np.ndarray, sites: np.ndarray) -> None:
    """Share of what speaks for a site that each lead holds, over the infarctions at that site."""
    print("| site | records | " + " | ".join(LEADS) + " | three strongest |")
    print("|---" * (3 + len(LEADS)) + "|")
    for index, site in enumerate(SITES):
        mean = values[sites[:, index], 1 + index].mean(axis=0)
        share = np.maximum(mean, 0) / max(np.maximum(mean, 0).sum(), 1e-9)
        strongest = ", ".join(LEADS[lead] for lead in np.argsort(-mean)[:3])
        cells = " | ".join(f"{each:.2f}" for each in share)
        print(f"| {site} | {sites[:, index].sum()} | {cells} | {strongest} |")
        if site in EXPECTED:
            together = share[[LEADS.index(lead) for lead in EXPECTED[site]]].sum()
            print(f"| {site}: {', '.join(EXPECTED[site])} together | | {together:.2f}" + " |" * (1 + len(LEADS)))


def main() -> int:
    """Print the tables. 0, or 1 with a sentence on standard error."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = Path(os.environ.get("ECG_DATA", "data")) / "aiijc"
    parser.add_argument("--data", type=Path, default=default, help="the data set's folder (%(default)s)")
    parser.add_argument("--bundle", type=Path, default=BUNDLE, help="folder of the weights and their card")
    parser.add_argument("--random", type=int, default=10, help="random orders a record (%(default)s)")
    options = parser.parse_args()
    try:
        dataset, detector = read_dataset(options.data), Detector.load(options.bundle)
        ways, values, alone = measure(dataset, detector, options.random)
    except CardiacError as error:
        print(error, file=sys.stderr)
        return 1
    true = dataset.infarction
    print(
        f"Mean loss of the probability of infarction over {true.sum()} true infarctions, 95 % intervals over patients.\n"
    )
    cell = means_with_interval(dataset.patients[true])
    print_faithfulness(ways, cell)
    print("\nMean probability of infarction of 2.5 s of each of these recordings, read alone.\n")
    print_moments(alone, cell)
    for name in ("Shapley, 16 orders", "occlusion of single leads"):
        print(f"\nShare of each lead in what speaks for a site, over the infarctions there ({name}).\n")
        print_lead_weights(values[name], dataset.sites[true])
    return 0


if __name__ == "__main__":
    sys.exit(main())
