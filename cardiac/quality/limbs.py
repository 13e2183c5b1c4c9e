"""Do the six limb leads belong together? Each is a sum of two (Einthoven 1912, Goldberger 1942); which one does not fit?

All is read off the leads' products summed over time, so a window counts as little or as much as an hour.
"""

from dataclasses import dataclass
from functools import cache
from itertools import combinations

import numpy as np

from cardiac.leads import LEADS
from cardiac.messages import Message

# The six limb leads from I and II.
FROM_I_II = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 1.0], [-0.5, -0.5], [1.0, -0.5], [-0.5, 1.0]])
N_LIMB = 6
TOLERANCE_MV = 0.005  # steps of 1 µV keep within 2; devices that round to 5 µV differ by up to this
TOLERANCE_SHARE = 0.03  # of the leads' own size: channels of one device agree to a few percent in gain
SAME = 0.97  # correlation from which one lead is another
GAIN_RANGE = (0.9, 1.1)


@dataclass(frozen=True)
class LimbFault:
    """What ails the limb leads. kind : as in `quality.KINDS`.  leads : indices.  text : the likely cause.

    good : indices of the limb leads that belong together; empty where no four do.
    """

    kind: str
    leads: tuple[int, ...]
    text: str
    good: tuple[int, ...]


def misfit(products: np.ndarray, kept: tuple[int, ...] = tuple(range(N_LIMB))) -> np.ndarray:
    """How far the kept limb leads are from belonging together, 1 at what is tolerated.

    products : (..., 12, 12), mean products of the leads (mV²), of differences or otherwise free of a mean.
    """
    at, weights = _apart_and_all(kept)
    sizes = products.reshape(*products.shape[:-2], -1)[..., at] @ weights  # (..., 2), squared
    apart, size = np.moveaxis(np.sqrt(np.maximum(sizes, 0.0)), -1, 0)
    return apart / (TOLERANCE_MV + TOLERANCE_SHARE * size)


@cache  # of at most 2 ** 6
def _apart_and_all(kept: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """What of these limb leads cannot be made of I and II, and how large they are, from their products.

    Returns where these stand among all (n_kept**2,), and their weights (n_kept**2, 2): a projection's, and the mean's.
    """
    n, rows = len(kept), FROM_I_II[list(kept)]
    projection = np.eye(n) - rows @ np.linalg.pinv(rows)
    at = np.ravel_multi_index(np.ix_(kept, kept), (len(LEADS), len(LEADS))).ravel()
    return at, np.stack([projection.ravel() / (n - 2), np.eye(n).ravel() / n], axis=1)


def explain(products: np.ndarray) -> LimbFault | None:
    """Why the limb leads do not belong together; None where they do. products : (12, 12), as in `misfit`."""
    if misfit(products) <= 1:
        return None
    everything = range(N_LIMB)
    fits = {lead: float(misfit(products, tuple(i for i in everything if i != lead))) for lead in everything}
    lead = min(fits, key=fits.__getitem__)
    if fits[lead] <= 1:
        return _explain_one(products, lead)
    for pair in combinations(everything, 2):
        rest = tuple(i for i in everything if i not in pair)
        if misfit(products, rest) > 1:
            continue
        first, second = pair
        if all(_like(products, rest, *order) for order in ((first, second), (second, first))):
            text = Message(
                "lead {first} is what {second} should be and the other way round: exchanged in the file",
                first=LEADS[first],
                second=LEADS[second],
            )
            return LimbFault("leads_exchanged", pair, text, rest)
        if all(_like(products, rest, each, each, sign=-1) for each in pair):
            text = Message("leads {first} and {second} are upside down", first=LEADS[first], second=LEADS[second])
            return LimbFault("lead_inverted", pair, text, rest)
    text = Message(
        "the limb leads do not follow from each other: they were not recorded together, are in another order, "
        "or more than one of them is wrong"
    )
    return LimbFault("limb_leads_disagree", tuple(everything), text, ())


def limb_estimate(signal: np.ndarray, good: tuple[int, ...]) -> np.ndarray:
    """Leads I and II from the limb leads that belong together, least squares. (12, ...) -> (2, ...)."""
    return np.tensordot(_to_i_ii(good), signal[list(good)], axes=1)


@cache
def _to_i_ii(good: tuple[int, ...]) -> np.ndarray:
    return np.linalg.pinv(FROM_I_II[list(good)])


def _explain_one(products: np.ndarray, lead: int) -> LimbFault:
    rest = tuple(i for i in range(N_LIMB) if i != lead)
    name = LEADS[lead]
    likeness, gain = _compare(products, rest, lead, lead)
    if likeness > SAME and not GAIN_RANGE[0] < gain < GAIN_RANGE[1]:
        return LimbFault(
            "wrong_gain",
            (lead,),
            Message("lead {lead} is {gain:.2g} times what the others make it", lead=name, gain=gain),
            rest,
        )
    if likeness < -SAME:
        text = Message("lead {lead} is upside down", lead=name)
        if not GAIN_RANGE[0] < -gain < GAIN_RANGE[1]:
            text = Message("{fault} and {gain:.2g} times too large", fault=text, gain=-gain)
        if name == "aVR":
            text = Message("{fault} (Cabrera's -aVR, or exported so)", fault=text)
        return LimbFault("lead_inverted", (lead,), text, rest)
    for chest in range(N_LIMB, len(LEADS)):
        if _like(products, rest, chest, lead):
            text = Message(
                "lead {first} is what {second} should be: exchanged in the file", first=LEADS[chest], second=name
            )
            return LimbFault("leads_exchanged", (lead, chest), text, rest)
    for other in rest:
        if _like(products, rest, lead, other):
            text = Message("lead {first} is a copy of {second}", first=name, second=LEADS[other])
            return LimbFault("limb_leads_disagree", (lead,), text, rest)
    return LimbFault(
        "limb_leads_disagree", (lead,), Message("lead {lead} is not what the other limb leads make it", lead=name), rest
    )


def _compare(products: np.ndarray, good: tuple[int, ...], lead: int, wanted: int) -> tuple[float, float]:
    """Correlation of a lead with what the good ones make of the wanted one, and its gain to that."""
    makes = FROM_I_II[wanted] @ _to_i_ii(good)
    together = float(makes @ products[list(good), lead])
    size = float(makes @ products[np.ix_(good, good)] @ makes)
    own = float(products[lead, lead])
    return together / np.sqrt(max(size * own, 1e-18)), together / max(size, 1e-12)


def _like(products: np.ndarray, good: tuple[int, ...], lead: int, wanted: int, sign: int = 1) -> bool:
    likeness, gain = _compare(products, good, lead, wanted)
    return sign * likeness > SAME and GAIN_RANGE[0] < sign * gain < GAIN_RANGE[1]
