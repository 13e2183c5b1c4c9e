"""Is the evidence true to the detector? Leads taken away by it and at random, moments read alone, leads and signs of each site.

    python -m benchmarks.evidence --data data/aiijc                     # ten minutes of one core
    python -m benchmarks.evidence --data data/aiijc --records 100

Over the true infarctions of the training part, which the shipped detector was taught: this asks whether the evidence says
what the detector looks at, not whether it is right. A lead that is taken away is flat for the networks, and for the trees
the record is measured again with that lead flat.
"""

import argparse
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from tqdm import tqdm

from benchmarks.arguments import add_data_and_bundle
from benchmarks.coalitions import coalitions_of_orders
from cardiac.errors import CardiacError
from cardiac.leads import LEADS
from cardiac.measurements.measure import measure_record
from cardiac.metrics import bootstrap_weights, with_interval
from cardiac.quality.assess import Quality, assess_quality
from cardiac.records import Record, read_record
from cardiac.signals import prepare_signal
from cardiac.windows import pool_windows, sigmoid, window_starts
from inference import Detector
from tasks.mi.datasets import Dataset, read_dataset
from tasks.mi.evidence import BesideNetwork, gather_evidence, joint_parts, leads_of_features
from tasks.mi.features import features_of
from tasks.mi.joining import joint
from tasks.mi.labels import OUTPUTS, SITES
from tasks.mi.lead_values import Coalitions, balanced_coalitions, lead_values, output_logits
from tasks.mi.signs import Sign

TAKEN = (1, 2, 3, 4, 6)  # leads taken away
PIECE_S = 2.5  # of a recording, read by itself
CHOSEN = {
    "Shapley, 24 coalitions": balanced_coalitions(),
    "Shapley, 4 orders": coalitions_of_orders(4),
    "Shapley, 16 orders": coalitions_of_orders(16),
}
EXPECTED = {"inferior": ("II", "III", "aVF"), "anteroseptal": ("V1", "V2", "V3", "V4")}
TERRITORY = {
    **EXPECTED,
    "septal": ("V1", "V2"),
    "anterior": ("V2", "V3", "V4"),
    "lateral": ("I", "aVL", "V5", "V6"),
    "anterolateral": ("I", "aVL", "V3", "V4", "V5", "V6"),
}
NAMED = {  # by limit of the definition, the messages that say so
    "pathological_q": ("q", "q_over", "q_wide", "q_alone", "qs"),
    "t_inversion": ("t_inverted",),
    "st_elevation": ("st_raised", "st_raised_alone", "st_raised_free"),
}
LESSER = ("q_small", "q_under", "q_narrow", "q_alone", "r_hardly", "r_low", "r_poor")


@dataclass(frozen=True)
class FlatLeads:
    """What a detector says of a record of which some leads are flat. signal : prepared, (12, n).  quality : of the whole."""

    detector: Detector
    record: Record
    signal: np.ndarray
    quality: Quality

    def probabilities(self, kept: np.ndarray) -> np.ndarray:
        """Joint probabilities before calibration, (n, 7). kept : bool (n, 12)."""
        stage_logits = self.detector.logits(self.signal * kept[:, :, None].astype(np.float32))
        pooled = [pool_windows(*each) for each in zip(stage_logits, self.detector.plans, strict=True)]
        decisions, trees = self.detector.decisions, None
        if self.detector.bundle.trees:
            trees = np.array([self._trees(each) for each in kept])
        return joint(np.concatenate(pooled, axis=1), trees, decisions.shares, decisions.reach)

    def _trees(self, kept: np.ndarray) -> np.ndarray:
        """What the trees say, (7,); NaN where nothing is left to be measured."""
        flat = replace(self.record, signal=self.record.signal * kept[:, None].astype(np.float32))
        features = features_of(measure_record(flat, self.quality))
        return np.full(1 + len(SITES), np.nan) if features is None else self.detector.bundle.trees(features)[0]

    def logits(self, kept: np.ndarray) -> np.ndarray:
        """Joint logits of an infarction and of one at each site, (n, 7)."""
        p = self.probabilities(kept)
        p[:, 1:] *= p[:, :1]
        return np.log(p) - np.log1p(-p)


@dataclass(frozen=True)
class SiteSigns:
    """The signs named for an infarction at a labelled site, and the record's leads over each limit of the definition."""

    row: int
    site: str
    signs: tuple[Sign, ...]
    criteria: Mapping[str, Sequence[str]]

    def is_over(self, limit: str) -> bool:
        """Whether a lead of the site's territory is over the limit."""
        return bool({*self.criteria[limit]} & {*TERRITORY[self.site]})

    def is_named(self, messages: Sequence[str]) -> bool:
        """Whether one of these speaks for the site, in a lead of its territory."""
        return any(
            sign.value > 0 and sign.message in messages and ({*sign.leads} & {*TERRITORY[self.site]} or not sign.leads)
            for sign in self.signs
        )

    @property
    def is_strongest_there(self) -> bool:
        """Whether what speaks most for the site is in its territory, by at least half of the leads that it names."""
        if not self.signs or self.signs[0].value <= 0:
            return False
        leads = self.signs[0].leads
        return len({*leads} & {*TERRITORY[self.site]}) * 2 >= max(len(leads), 1)


def occlusion_values(leads: FlatLeads) -> np.ndarray:
    """Logit with all leads less that without each one alone, (7, 12)."""
    logits = leads.logits(np.concatenate([np.ones((1, 12), bool), ~np.eye(12, dtype=bool)]))
    return (logits[:1] - logits[1:]).T


def shapley_values(leads: FlatLeads, beside: BesideNetwork | None, chosen: Coalitions | None = None) -> np.ndarray:
    """The leads' values as `Detector.explain` gives them, but from these coalitions, (7, 12)."""
    detector = leads.detector
    values, whole = lead_values(leads.signal, detector.logits, detector.plans, chosen, together=beside is None)
    if beside is None:
        return values
    logits = output_logits([each[None] for each in whole], detector.plans, together=False)[0]
    taken_apart = joint_parts(values, logits, beside, OUTPUTS)
    return np.array([each.leads + leads_of_features(each.features)[0] for each in taken_apart.values()])


def probability_without(orders: np.ndarray, leads: FlatLeads) -> np.ndarray:
    """Probability of infarction after the first 1, 2, 3, 4 and 6 leads of each order are flat, (n_orders, 5)."""
    kept = np.ones((len(orders), len(TAKEN), 12), bool)
    for index, order in enumerate(orders):
        for step, count in enumerate(TAKEN):
            kept[index, step, order[:count]] = False
    return leads.probabilities(kept.reshape(-1, 12))[:, 0].reshape(len(orders), len(TAKEN))


def probability_of_pieces(signal: np.ndarray, detector: Detector) -> np.ndarray:
    """Probability of each 2.5 s of a recording: of its windows in the whole, and of it read alone, (2, n_pieces)."""
    plan, length = detector.plans[0], round(PIECE_S * detector.spec.fs_hz)
    firsts = np.arange(0, signal.shape[1] - length + 1, length)
    windows = sigmoid(detector.logits(signal[None])[0][0]).mean(axis=0)[:, 0]
    starts = window_starts(signal.shape[1], plan)
    in_whole = [windows[(starts >= first) & (starts + plan.window <= first + length)].mean() for first in firsts]
    pieces = np.stack([signal[:, first : first + length] for first in firsts])
    return np.array([in_whole, [pool_windows(each, plan)[0] for each in detector.logits(pieces)[0]]])


@dataclass
class Measured:
    """Of true infarctions, by way of choosing: leads' loss of probability (n, 5) and values (n, 7, 12), and the probability of
    2.5 s read alone (n,); and of each record the signs by labelled site, with the leads over the limits.
    """

    ways: dict[str, list[np.ndarray]] = field(default_factory=dict)
    values: dict[str, list[np.ndarray]] = field(default_factory=dict)
    alone: dict[str, list[np.ndarray]] = field(
        default_factory=lambda: {"that the windows name": [], "at random": [], "that they name last": []}
    )
    signs: list[SiteSigns] = field(default_factory=list)


def measure(dataset: Dataset, rows: np.ndarray, detector: Detector, n_random: int) -> Measured:
    """All of it, of these rows."""
    measured, rng = Measured(), np.random.default_rng(0)
    for row in tqdm(rows, unit="record", disable=None):
        record = read_record(dataset.sources[row])
        signal = prepare_signal(record.signal, record.fs_hz, detector.spec)
        leads, beside = FlatLeads(detector, record, signal, assess_quality(record)), detector.beside_network(record)
        values = {name: shapley_values(leads, beside, chosen) for name, chosen in CHOSEN.items()}
        values["occlusion of single leads"] = occlusion_values(leads)
        orders = [np.argsort(-each[0]) for each in values.values()] + [rng.permutation(12) for _ in range(n_random)]
        whole = leads.probabilities(np.ones((1, 12), bool))[0, 0]
        lost = whole - probability_without(np.array(orders), leads)
        for name, own, loss in zip(values, values.values(), lost, strict=False):
            measured.values.setdefault(name, []).append(own)
            measured.ways.setdefault(name, []).append(loss)
        measured.ways.setdefault("at random", []).append(lost[len(values) :].mean(axis=0))
        in_whole, read = probability_of_pieces(signal, detector)
        told = (read[in_whole.argmax()], read.mean(), read[in_whole.argmin()])
        for each, probability in zip(measured.alone.values(), told, strict=True):
            each.append(probability)
        labelled = [site for site, is_there in zip(SITES, dataset.sites[row], strict=True) if is_there]
        measured.signs += site_signs(int(row), signal, detector, beside, labelled)
    return measured


def site_signs(
    row: int, signal: np.ndarray, detector: Detector, beside: BesideNetwork | None, sites: Sequence[str]
) -> list[SiteSigns]:
    """The signs of an infarction at each of these sites; none where the network alone was asked."""
    criteria = beside.measurements.criteria() if beside else None
    if criteria is None or not sites:
        return []
    gathered = gather_evidence(signal, detector.logits, detector.plans, detector.spec.fs_hz, sites, beside)
    return [SiteSigns(row, site, each.signs, criteria) for site, each in gathered.items()]


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
        if not sites[:, index].any():
            print(f"| {site} | 0 |" + " |" * (1 + len(LEADS)))
            continue
        mean = values[sites[:, index], 1 + index].mean(axis=0)
        share = np.maximum(mean, 0) / max(np.maximum(mean, 0).sum(), 1e-9)
        strongest = ", ".join(LEADS[lead] for lead in np.argsort(-mean)[:3])
        cells = " | ".join(f"{each:.2f}" for each in share)
        print(f"| {site} | {sites[:, index].sum()} | {cells} | {strongest} |")
        if site in EXPECTED:
            together = share[[LEADS.index(lead) for lead in EXPECTED[site]]].sum()
            print(f"| {site}: {', '.join(EXPECTED[site])} together | | {together:.2f}" + " |" * (1 + len(LEADS)))


def print_signs(found: Sequence[SiteSigns], patients: np.ndarray) -> None:
    """Of each site, how often what is over a limit in its territory is named for it, and what is named where nothing is."""
    heads = [
        "strongest sign there", "Q over the limit there", "and named", "no Q over it", "but a smaller Q, or R that is lost",
        "T inverted there", "and named", "ST raised there", "and named",
    ]  # fmt: skip
    print(f"| site | records | {' | '.join(heads)} |")
    print("|---" * (2 + len(heads)) + "|")

    def mean(of: Sequence[SiteSigns], flags: Iterable[bool]) -> str:
        return means_with_interval(patients[[each.row for each in of]])(np.array([*flags], dtype=float)) if of else ""

    def share(of: Sequence[SiteSigns], messages: Sequence[str]) -> str:
        return mean(of, (each.is_named(messages) for each in of))

    for site in SITES:
        own = [each for each in found if each.site == site]
        over = {limit: [each for each in own if each.is_over(limit)] for limit in NAMED}
        cells: list[int | str] = [mean(own, (each.is_strongest_there for each in own))]
        cells += [len(over["pathological_q"]), share(over["pathological_q"], NAMED["pathological_q"])]
        rest = [each for each in own if not each.is_over("pathological_q")]
        cells += [len(rest), share(rest, LESSER)]
        for limit in ("t_inversion", "st_elevation"):
            cells += [len(over[limit]), share(over[limit], NAMED[limit])]
        print(f"| {site} | {len(own)} | {' | '.join(map(str, cells))} |")


def main() -> int:
    """Print the tables. 0, or 1 with a sentence on standard error."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_data_and_bundle(parser)
    parser.add_argument("--records", type=int, help="so many of the infarctions, drawn at random (all)")
    parser.add_argument("--random", type=int, default=10, help="random orders a record (%(default)s)")
    options = parser.parse_args()
    try:
        dataset, detector = read_dataset(options.data), Detector.load(options.bundle)
        rows = np.flatnonzero(dataset.infarction)
        if options.records and options.records < len(rows):
            rows = np.sort(np.random.default_rng(0).choice(rows, options.records, replace=False))
        measured = measure(dataset, rows, detector, options.random)
    except CardiacError as error:
        print(error, file=sys.stderr)
        return 1
    ways, alone, values = (
        {name: np.stack(each) for name, each in of.items()} for of in (measured.ways, measured.alone, measured.values)
    )
    print(
        f"Mean loss of the probability of infarction over {len(rows)} true infarctions, 95 % intervals over patients.\n"
    )
    cell = means_with_interval(dataset.patients[rows])
    print_faithfulness(ways, cell)
    print("\nMean probability of infarction of 2.5 s of each of these recordings, read alone by the networks.\n")
    print_moments(alone, cell)
    for name in ("Shapley, 16 orders", "occlusion of single leads"):
        print(f"\nShare of each lead in what speaks for a site, over the infarctions there ({name}).\n")
        print_lead_weights(values[name], dataset.sites[rows])
    if measured.signs:
        print(
            "\nWhat is over a limit of the Universal Definition in a site's territory, and what the signs say of it there.\n"
        )
        print_signs(measured.signs, dataset.patients)
    return 0


if __name__ == "__main__":
    sys.exit(main())
