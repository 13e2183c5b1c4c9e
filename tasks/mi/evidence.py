"""Which leads, moments and measurements carried a finding.

Leads: each lead's Shapley value for the logit of the pooled probability, as `lead_values` has it. The values sum
to the logit with all leads less that with none. Moments: the probability that each window gives by itself.

Where trees stand beside the network, the values are of the joint logit before calibration: the network's values of a lead
by its share, and the trees' exact contributions of the lead's features by theirs. What features of the whole record give
(axes, intervals, progression of R, how many leads have a Q) is of no lead and stands apart. All of it adds up:
base + leads + record = the joint logit, exactly.

Where the trees would move the network's logit of infarction beyond their reach, their share is the one with which they move
it by just the reach: of the record's own logit this is exact too, though a little more or less of a sign would change nothing.

For a site the logit is that of P(infarction) P(site | infarction), each of them joint. It is no sum of their logits: the
parts of both are weighted by the mean slopes of the product's logit along the straight line from the bases (no lead, nothing
measured) to the record (Aumann and Shapley 1974; Sundararajan et al. 2017, ICML: 3319). What is added up stays exact; that
all of an output's parts have one weight is what is linear in it.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from cardiac.leads import LEADS
from cardiac.measurements.measure import Measurements
from cardiac.trees import Trees, unit_quadrature
from cardiac.windows import WindowPlan, sigmoid, window_starts
from tasks.mi.features import FEATURES
from tasks.mi.labels import OUTPUTS, SITES
from tasks.mi.lead_values import LogitsOf, lead_values, output_logits
from tasks.mi.signs import Sign, name_signs

LEAD_OF = np.array(  # of each feature; after the last one for what is of the record
    [LEADS.index(name.split("_")[0]) if name.split("_")[0] in LEADS else len(LEADS) for name in FEATURES]
)
N_ALONG = 64  # points along a line: the slopes' mean to 1e-9 where logits are within 20


@dataclass(frozen=True)
class Parts:
    """A joint logit before calibration: base + network + trees + record, (12,) each by lead, the others one number.

    base : of no lead and nothing measured, in the shares that the record has.  record : of the trees, what is of no lead.
    """

    base: float
    network: np.ndarray
    trees: np.ndarray
    record: float


@dataclass(frozen=True)
class Evidence:
    """For one output (`mi`, or an infarction at a site): what each lead adds to its logit, and what each window says.

    leads : (12,), in the order of `leads.LEADS`; above 0 speaks for the output.  starts_s, probabilities :
    (n_windows,).  window_s : length of a window.  Probabilities are the networks' own, before calibration; a site's
    are given an infarction.  parts, signs : of the joint logit, in numbers and in words; None and empty where the network
    decided alone.
    """

    output: str
    leads: np.ndarray
    starts_s: np.ndarray
    window_s: float
    probabilities: np.ndarray
    parts: Parts | None = None
    signs: tuple[Sign, ...] = ()


@dataclass(frozen=True)
class BesideNetwork:
    """The trees that stand beside the network, and what is measured of a record. shares, reach : as `Decisions` has them."""

    trees: Trees
    shares: Sequence[float]
    reach: float
    measurements: Measurements
    features: np.ndarray


@dataclass(frozen=True)
class LogitParts:
    """A joint logit taken apart: base + the network's leads, (12,), + the trees' features, (n_features,)."""

    base: float
    leads: np.ndarray
    features: np.ndarray

    @property
    def logit(self) -> float:
        return float(self.base + self.leads.sum() + self.features.sum())


def joint_parts(
    values: np.ndarray, whole: np.ndarray, beside: BesideNetwork, outputs: Sequence[str]
) -> dict[str, LogitParts]:
    """The joint logits of the named outputs taken apart, a site's as that of an infarction there.

    values : of the leads, (7, 12), whole : the logits of all leads, (7,), both not `together`.
    """

    def parts(output: int) -> LogitParts:
        contributions, mean = beside.trees.contributions(beside.features, output)
        network = LogitParts(float(whole[output] - values[output].sum()), values[output], np.zeros(0))
        trees = LogitParts(mean, np.zeros(0), contributions)
        return joined_parts(network, trees, beside.shares[output], beside.reach if output == 0 else math.inf)

    mi = parts(0)
    return {name: mi if name == "mi" else product_parts(mi, parts(OUTPUTS.index(name))) for name in outputs}


def joined_parts(network: LogitParts, trees: LogitParts, share: float, reach: float) -> LogitParts:
    """The parts of a joint logit: network + (1 - share) (trees - network), the second of which is `reach` at most."""
    of_trees = 1 - share
    moved = of_trees * (trees.logit - network.logit)
    if abs(moved) > reach:
        of_trees *= reach / abs(moved)
    base = (1 - of_trees) * network.base + of_trees * trees.base
    return LogitParts(base, (1 - of_trees) * network.leads, of_trees * trees.features)


def product_parts(mi: LogitParts, site: LogitParts) -> LogitParts:
    """The logit of the product of two probabilities, from the parts of their logits, weighted by its mean slopes."""
    begin, end = np.array([mi.base, site.base]), np.array([mi.logit, site.logit])
    points, weights = unit_quadrature(N_ALONG)
    along = begin + np.outer(points, end - begin)  # (n_points, 2)
    first, second = weights @ (sigmoid(-along) / _without_product(along)[:, None])
    return LogitParts(
        float(np.log(sigmoid(begin)).sum() - np.log(_without_product(begin))),
        first * mi.leads + second * site.leads,
        first * mi.features + second * site.features,
    )


def _without_product(logits: np.ndarray) -> np.ndarray:
    """One less the product of two probabilities, from their logits, (..., 2), without cancellation."""
    return sigmoid(-logits[..., 0]) + sigmoid(logits[..., 0]) * sigmoid(-logits[..., 1])


def gather_evidence(
    signal: np.ndarray,
    logits_of: LogitsOf,
    plans: Sequence[WindowPlan],
    fs_hz: float,
    outputs: Sequence[str],
    beside: BesideNetwork | None = None,
) -> dict[str, Evidence]:
    """Evidence for the named outputs of a prepared signal (12, n) at fs_hz; of the joint logit where there are trees."""
    values, whole = lead_values(signal, logits_of, plans, together=beside is None)
    gathered = {
        name: Evidence(name, values[OUTPUTS.index(name)], *_moments(name, whole, plans, signal.shape[1], fs_hz))
        for name in outputs
    }
    if beside is None:
        return gathered
    logits = output_logits([each[None] for each in whole], plans, together=False)[0]
    taken_apart = joint_parts(values, logits, beside, outputs)
    return {name: _with_trees(each, taken_apart[name], beside) for name, each in gathered.items()}


def _moments(
    name: str, whole: Sequence[np.ndarray], plans: Sequence[WindowPlan], n_samples: int, fs_hz: float
) -> tuple[np.ndarray, float, np.ndarray]:
    """Where the windows of an output begin, s, how long they are, and their probabilities."""
    stage, column = (0, 0) if name == "mi" else (1, SITES.index(name))
    plan = plans[stage]
    return window_starts(n_samples, plan) / fs_hz, plan.window / fs_hz, sigmoid(whole[stage]).mean(axis=0)[:, column]


def _with_trees(evidence: Evidence, taken_apart: LogitParts, beside: BesideNetwork) -> Evidence:
    """The evidence of the joint logit in place of the network's."""
    trees, record = leads_of_features(taken_apart.features)
    return replace(
        evidence,
        leads=taken_apart.leads + trees,
        parts=Parts(taken_apart.base, taken_apart.leads, trees, record),
        signs=name_signs(beside.measurements, beside.features, taken_apart.features),
    )


def leads_of_features(values: np.ndarray) -> tuple[np.ndarray, float]:
    """Sums of the features' values by lead, (12,), and of those that are of no lead."""
    by_lead = np.bincount(LEAD_OF, values, minlength=len(LEADS) + 1)
    return by_lead[:-1], float(by_lead[-1])


def telling_part(logits: np.ndarray, plan: WindowPlan, length: int) -> int:
    """First sample of the `length` samples whose windows have the highest mean probability of the first output.

    logits : of a long signal's windows, (networks, windows, outputs).
    """
    probabilities = sigmoid(logits[..., 0]).mean(axis=0)
    n = max(1, (length - plan.window) // plan.hop + 1)
    sums = np.cumsum(np.concatenate([[0.0], probabilities]))
    return int((sums[n:] - sums[:-n]).argmax()) * plan.hop


def evidence_document(gathered: Mapping[str, Evidence]) -> dict[str, object]:
    """The evidence as plain data for findings.json."""
    return {
        name: {
            "leads": _by_lead(evidence.leads),
            "windows": {
                "start_s": [round(float(start), 3) for start in evidence.starts_s],
                "length_s": round(evidence.window_s, 3),
                "probability": [round(float(probability), 4) for probability in evidence.probabilities],
            },
        }
        | _parts_document(evidence)
        for name, evidence in gathered.items()
    }


def _parts_document(evidence: Evidence) -> dict[str, object]:
    """What the trees add to the document."""
    parts = evidence.parts
    if parts is None:
        return {}
    numbers = {"base": round(parts.base, 4), "record": round(parts.record, 4)}
    by_lead = {"network": _by_lead(parts.network), "trees": _by_lead(parts.trees)}
    return numbers | by_lead | {"measurements": [sign.to_dict() for sign in evidence.signs]}


def _by_lead(values: np.ndarray) -> dict[str, float]:
    return {lead: round(float(value), 4) for lead, value in zip(LEADS, values, strict=True)}


def evidence_of(document: Mapping[str, Mapping[str, Any]]) -> dict[str, Evidence]:
    """The evidence that `evidence_document` wrote as plain data, in this version or before there were trees."""
    return {
        name: Evidence(
            name,
            _lead_array(each["leads"]),
            np.array(each["windows"]["start_s"]),
            each["windows"]["length_s"],
            np.array(each["windows"]["probability"]),
            _parts_of(each) if "base" in each else None,
            tuple(map(Sign.from_dict, each.get("measurements", ()))),
        )
        for name, each in document.items()
    }


def _parts_of(document: Mapping[str, Any]) -> Parts:
    return Parts(document["base"], _lead_array(document["network"]), _lead_array(document["trees"]), document["record"])


def _lead_array(by_lead: Mapping[str, float]) -> np.ndarray:
    return np.array([by_lead[lead] for lead in LEADS])
