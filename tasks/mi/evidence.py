"""Which leads and which moments carried a finding.

Leads: each lead's Shapley value for the logit of the pooled probability, a lead that is taken away being flat, as the
networks met it in training (Strumbelj and Kononenko 2014, over a few fixed orders and their reverses). The values sum
to the logit with all leads less that with none. Moments: the probability that each window gives by itself.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cardiac.leads import LEADS
from cardiac.windows import WindowPlan, pool_windows, sigmoid, window_starts
from tasks.mi.labels import OUTPUTS, SITES

# signals (b, 12, n) -> of each stage logits (b, networks, windows, outputs)
LogitsOf = Callable[[np.ndarray], list[np.ndarray]]
N_ORDERS = 4  # orders of the leads, every second one the reverse of that before


@dataclass(frozen=True)
class Evidence:
    """For one output (`mi`, or an infarction at a site): what each lead adds to its logit, and what each window says.

    leads : (12,), in the order of `leads.LEADS`; above 0 speaks for the output.  starts_s, probabilities :
    (n_windows,).  window_s : length of a window.  Probabilities are the networks' own, before calibration; a site's
    are given an infarction.
    """

    output: str
    leads: np.ndarray
    starts_s: np.ndarray
    window_s: float
    probabilities: np.ndarray


def lead_orders(n_orders: int, seed: int = 0) -> np.ndarray:
    """Orders in which leads are taken away, (n_orders, 12): drawn once, every second the reverse of that before."""
    rng = np.random.default_rng(seed)
    drawn = [rng.permutation(len(LEADS)) for _ in range(-(-n_orders // 2))]
    return np.array([order for each in drawn for order in (each, each[::-1])][:n_orders])


def lead_values(
    signal: np.ndarray, logits_of: LogitsOf, plans: Sequence[WindowPlan], n_orders: int = N_ORDERS
) -> tuple[np.ndarray, list[np.ndarray]]:
    """Shapley value of every lead for every output's logit, (7, 12), and what the networks say of all leads.

    signal : prepared, (12, n). The second, of each stage: logits (networks, windows, outputs).
    """
    orders = lead_orders(n_orders)
    kept = np.ones((n_orders, len(LEADS) + 1, len(LEADS)), dtype=bool)  # before any lead goes, after the first, ...
    for order_index, order in enumerate(orders):
        for gone, lead in enumerate(order):
            kept[order_index, gone + 1 :, lead] = False
    coalitions, index = np.unique(kept.reshape(-1, len(LEADS)), axis=0, return_inverse=True)
    stage_logits = logits_of(signal * coalitions[:, :, None].astype(signal.dtype))
    logits = output_logits(stage_logits, plans)
    steps = -np.diff(logits[index.ravel()].reshape(n_orders, len(LEADS) + 1, -1), axis=1)  # (orders, 12, 7)
    values = np.zeros((len(OUTPUTS), len(LEADS)))
    for order, step in zip(orders, steps, strict=True):
        values[:, order] += step.T / n_orders
    return values, [each[index.ravel()[0]] for each in stage_logits]  # the first coalition of an order is all leads


def output_logits(stage_logits: Sequence[np.ndarray], plans: Sequence[WindowPlan]) -> np.ndarray:
    """Logits of the pooled probabilities of an infarction, and of an infarction at each site. Returns (b, 7).

    stage_logits : as `LogitsOf` gives it. The second stage's probability is that of the site given an infarction, for
    which a healthy chest lead would speak as loudly as a sick inferior one; times that of an infarction it is what is
    asked.
    """
    p = np.concatenate([pool_windows(*each) for each in zip(stage_logits, plans, strict=True)], axis=1)
    p[:, 1:] *= p[:, :1]
    p = np.clip(p, 1e-7, 1 - 1e-7)
    return np.log(p) - np.log1p(-p)


def gather_evidence(
    signal: np.ndarray, logits_of: LogitsOf, plans: Sequence[WindowPlan], fs_hz: float, outputs: Sequence[str]
) -> dict[str, Evidence]:
    """Evidence for the named outputs of a prepared signal (12, n) at fs_hz."""
    values, whole = lead_values(signal, logits_of, plans)
    of_windows = [sigmoid(logits).mean(axis=0) for logits in whole]  # (windows, outputs) a stage
    gathered = {}
    for name in outputs:
        stage, column = (0, 0) if name == "mi" else (1, SITES.index(name))
        starts_s = window_starts(signal.shape[1], plans[stage]) / fs_hz
        gathered[name] = Evidence(
            name, values[OUTPUTS.index(name)], starts_s, plans[stage].window / fs_hz, of_windows[stage][:, column]
        )
    return gathered


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
            "leads": {lead: round(float(value), 4) for lead, value in zip(LEADS, evidence.leads, strict=True)},
            "windows": {
                "start_s": [round(float(start), 3) for start in evidence.starts_s],
                "length_s": round(evidence.window_s, 3),
                "probability": [round(float(probability), 4) for probability in evidence.probabilities],
            },
        }
        for name, evidence in gathered.items()
    }


def evidence_of(document: Mapping[str, Mapping[str, Any]]) -> dict[str, Evidence]:
    """The evidence that `evidence_document` wrote as plain data."""
    return {
        name: Evidence(
            name,
            np.array([each["leads"][lead] for lead in LEADS]),
            np.array(each["windows"]["start_s"]),
            each["windows"]["length_s"],
            np.array(each["windows"]["probability"]),
        )
        for name, each in document.items()
    }
