"""How far are the leads' values from the exact ones? Ways of choosing coalitions, against all 4,096 of them.

    python -m benchmarks.coalitions --data data/aiijc --records 40     # fifteen seconds of one core a record

Of the training part: two infarctions, then a record without, and so on. It is the networks' values that are compared, in
logits: those of the trees are exact.
"""

import argparse
import sys
from math import factorial

import numpy as np
from tqdm import tqdm

from benchmarks.arguments import add_data_and_bundle
from cardiac.errors import CardiacError
from cardiac.leads import LEADS
from cardiac.records import read_record
from cardiac.signals import prepare_signal
from inference import Detector
from tasks.mi.datasets import Dataset, read_dataset
from tasks.mi.labels import OUTPUTS
from tasks.mi.lead_values import Coalitions, balanced_coalitions, output_logits

N_LEADS = len(LEADS)
SEEDS = range(10)
AT_ONCE = 64


def lead_orders(n_orders: int, seed: int = 0) -> np.ndarray:
    """Orders in which leads are taken away, (n_orders, 12): drawn once, every second the reverse of that before."""
    rng = np.random.default_rng(seed)
    drawn = [rng.permutation(N_LEADS) for _ in range(-(-n_orders // 2))]
    return np.array([order for each in drawn for order in (each, each[::-1])][:n_orders])


def coalitions_of_orders(n_orders: int, seed: int = 0) -> Coalitions:
    """Values as means over orders of what the logit loses as each lead goes (Strumbelj and Kononenko 2014)."""
    orders = lead_orders(n_orders, seed)
    kept = np.ones((n_orders, N_LEADS + 1, N_LEADS), dtype=bool)  # before any lead goes, after the first, ...
    for index, order in enumerate(orders):
        for gone, lead in enumerate(order):
            kept[index, gone + 1 :, lead] = False
    coalitions, at = np.unique(kept.reshape(-1, N_LEADS), axis=0, return_inverse=True)
    at, weights = at.reshape(n_orders, -1), np.zeros((N_LEADS, len(coalitions)))
    for order, before, after in zip(orders, at[:, :-1], at[:, 1:], strict=True):
        np.add.at(weights, (order, before), 1 / n_orders)
        np.add.at(weights, (order, after), -1 / n_orders)
    return Coalitions(coalitions[::-1], weights[:, ::-1])  # all leads first


def all_coalitions(n_leads: int = N_LEADS) -> Coalitions:
    """Every coalition, and the weights of the exact values (Shapley 1953)."""
    kept = (np.arange(2**n_leads)[::-1, None] >> np.arange(n_leads)) & 1 > 0
    size = kept.sum(axis=1)
    share = np.array([factorial(k) * factorial(n_leads - k - 1) / factorial(n_leads) for k in range(n_leads)])
    weights = np.where(kept.T, share[size - 1], -share[np.minimum(size, n_leads - 1)])
    return Coalitions(kept, weights)


def numbers_of(kept: np.ndarray) -> np.ndarray:
    """Where coalitions stand in `all_coalitions`. kept : bool (n, 12)."""
    return 2**N_LEADS - 1 - kept @ (1 << np.arange(N_LEADS))


def logits_of_all(signal: np.ndarray, detector: Detector) -> np.ndarray:
    """The logits, not `together`, of every coalition of a prepared signal's leads, (4096, 7)."""
    kept = all_coalitions().kept.astype(np.float32)
    return np.concatenate(
        [
            output_logits(detector.logits(signal * part[:, :, None]), detector.plans, together=False)
            for part in np.array_split(kept, len(kept) // AT_ONCE)
        ]
    )


def draw_rows(dataset: Dataset, n: int) -> list[int]:
    """Rows of two infarctions, then of a record without one, and so on."""
    rng = np.random.default_rng(7)
    sick, healthy = (rng.permutation(np.flatnonzero(own)) for own in (dataset.infarction, ~dataset.infarction))
    return [int(row) for index in range(n) for row in (*sick[2 * index : 2 * index + 2], healthy[index])][:n]


def errors(logits: np.ndarray, coalitions: Coalitions) -> np.ndarray:
    """By how much values are off. logits : of every coalition, (n, 4096, 7). Returns (n, 7, 12)."""
    exact, own = all_coalitions().weights, logits[:, numbers_of(coalitions.kept)]
    return np.swapaxes(coalitions.weights @ own - exact @ logits, 1, 2)


def print_errors(logits: np.ndarray) -> None:
    """Root mean square of the errors, by way of choosing; of orders also over ten draws of them."""
    values = all_coalitions().weights @ logits
    print(f"| coalitions | asked | {' | '.join(OUTPUTS)} | all | orders drawn ten times |")
    print("|---" * (len(OUTPUTS) + 4) + "|")
    ways = {"balanced": [balanced_coalitions()]}
    for n in (2, 4, 8, 16):
        ways[f"{n} orders"] = [coalitions_of_orders(n, seed) for seed in SEEDS]
    for name, drawn in ways.items():
        squares = [errors(logits, each) ** 2 for each in drawn]
        cells = [*np.sqrt(squares[0].mean(axis=(0, 2))), np.sqrt(squares[0].mean())]
        again = f"{np.sqrt(np.mean(squares)):.3f}" if len(drawn) > 1 else ""
        print(f"| {name} | {len(drawn[0].kept)} | {' | '.join(f'{cell:.3f}' for cell in cells)} | {again} |")
    cells = [*np.sqrt((values**2).mean(axis=(0, 1))), np.sqrt((values**2).mean())]
    print(f"| the values themselves | {logits.shape[1]} | {' | '.join(f'{cell:.3f}' for cell in cells)} | |")


def main() -> int:
    """Print the table. 0, or 1 with a sentence on standard error."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_data_and_bundle(parser)
    parser.add_argument("--records", type=int, default=40, help="how many records (%(default)s)")
    options = parser.parse_args()
    try:
        dataset, detector = read_dataset(options.data), Detector.load(options.bundle)
        logits = []
        for row in tqdm(draw_rows(dataset, options.records), unit="record", disable=None):
            record = read_record(dataset.sources[row])
            logits.append(logits_of_all(prepare_signal(record.signal, record.fs_hz, detector.spec), detector))
    except CardiacError as error:
        print(error, file=sys.stderr)
        return 1
    print_errors(np.array(logits))
    return 0


if __name__ == "__main__":
    sys.exit(main())
