"""What each lead adds to the networks' logits: Shapley values from the logits of a few coalitions of leads.

A coalition is the leads that are left; a lead that is taken away is flat, as the networks met it in training. With 4,096
coalitions the values would be exact (Shapley 1953). Here they are the main effects of a two-level factorial design: twelve
coalitions that a Hadamard matrix of order 12 names, all leads among them (Plackett and Burman 1946, Biometrika 33:305),
and their complements (Box and Wilson 1951). Half of the difference within a pair of complements is blind to whatever two
leads do only together, in equal parts for each; so the values are exact where leads act by themselves or in pairs, and
fewer than 24 coalitions cannot be (Webb 1968, Technometrics 10:291). They sum to the logit with all leads less that with none.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from cardiac.windows import LEAST, WindowPlan, logit, pool_windows

# signals (b, 12, n) -> of each stage logits (b, networks, windows, outputs)
LogitsOf = Callable[[np.ndarray], list[np.ndarray]]
FLAT_MV = 1e-3  # a lead that nowhere leaves zero further than this has no signal
SQUARES = (0, 1, 3, 4, 5, 9)  # modulo 11


@dataclass(frozen=True)
class Coalitions:
    """Which leads are left: kept, bool (n, 12), all of them in the first.  weights : (12, n), by which logits are values."""

    kept: np.ndarray
    weights: np.ndarray


@cache
def balanced_coalitions() -> Coalitions:
    """All leads, eleven times six of them, and the complements of these twelve: none at the end.

    Each lead is left in half of the coalitions, and each two, and each three, leads in all ways equally often.
    """
    first = np.where(np.isin(np.arange(11), SQUARES), 1, -1)
    circulant = np.array(
        [np.roll(first, by) for by in range(11)]
    )  # Paley 1933: each row is at right angles to the others
    hadamard = np.vstack([np.ones(12, int), np.column_stack([np.full(11, -1), circulant])])
    signs = np.concatenate([hadamard, -hadamard[::-1]])  # (24, 12)
    return Coalitions(signs > 0, signs.T / 12)


def lead_values(
    signal: np.ndarray,
    logits_of: LogitsOf,
    plans: Sequence[WindowPlan],
    coalitions: Coalitions | None = None,
    together: bool = True,
) -> tuple[np.ndarray, list[np.ndarray]]:
    """Value of every lead for every output's logit, (7, 12), and what the networks say of all leads.

    signal : prepared, (12, n).  coalitions : by default `balanced_coalitions`.  together : as `output_logits` has it.
    The second, of each stage: logits (networks, windows, outputs).
    """
    coalitions = coalitions or balanced_coalitions()
    stage_logits = logits_of(signal * coalitions.kept[:, :, None].astype(signal.dtype))
    values = (coalitions.weights @ output_logits(stage_logits, plans, together)).T
    return _without_flat(values, np.abs(signal).max(axis=1) <= FLAT_MV), [each[0] for each in stage_logits]


def _without_flat(values: np.ndarray, flat: np.ndarray) -> np.ndarray:
    """The values with 0 for leads without signal; what more than two other leads left there is shared out among these."""
    if not flat.any() or flat.all():
        return values
    left = values[:, flat].sum(axis=1, keepdims=True)
    return np.where(flat, 0.0, values + left / (~flat).sum())


def output_logits(stage_logits: Sequence[np.ndarray], plans: Sequence[WindowPlan], together: bool = True) -> np.ndarray:
    """Logits of the pooled probabilities of an infarction, and of an infarction at each site. Returns (b, 7).

    stage_logits : as `LogitsOf` gives it. The second stage's probability is that of the site given an infarction, for
    which a healthy chest lead would speak as loudly as a sick inferior one; times that of an infarction it is what is
    asked. Not `together`, it stays that of the site given an infarction, as it is joined with the trees.
    """
    p = np.concatenate([pool_windows(*each) for each in zip(stage_logits, plans, strict=True)], axis=1)
    if together:
        p[:, 1:] *= p[:, :1]
    return logit(p, 1e-7 if together else LEAST)
