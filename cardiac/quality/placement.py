"""Do the electrodes sit where the leads' names say? Read off the beats, where the leads are consistent among themselves.

An exchange of electrodes, an inverted or exchanged chest lead, is a known linear change of the eight independent leads.
So the mean products of the leads over P, QRS and T, which are known of many right tracings, tell which change makes a
tracing likelier than it is as it stands. Leads are compared as Kors and van Herpen 2001 (Am. J. Cardiol. 88:396)
compare them by reconstruction; here by the angular central Gaussian (Tyler 1987, Biometrika 74:579), which asks for no
amplitude and gives unlikely tracings little weight.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import combinations
from typing import Any

import numpy as np

from cardiac.leads import INDEPENDENT, LEADS
from cardiac.messages import Message
from cardiac.order_statistics import median

N_LEADS = len(INDEPENDENT)
BEFORE_S, AFTER_S = 0.26, 0.46  # of the R peak
REST_S = (-0.08, -0.05)  # the level that the template is measured from
SEGMENTS_S = {"P": (-0.24, -0.08), "QRS": (-0.06, 0.07), "T": (0.10, 0.43)}
QUICK_RR_S = 0.6  # beats nearer to each other than this: P lies in the T wave before, and only QRS is compared
# Between two legs there is nothing to see: size of the lead over the largest of I, II and III. Folds 0 to 2 have 0.26 of
# lead II at least and 0.16 of lead III (`python -m benchmarks.quality --fit`).
LEG_SHARES = {"II": (1, 0.16, "right"), "III": (2, 0.09, "left")}
LEG_TEXTS = {
    "right": "lead {lead} shows next to nothing of the heart, as where the right arm electrode is exchanged with the "
    "right leg's: check the electrodes",
    "left": "lead {lead} shows next to nothing of the heart, as where the left arm electrode is exchanged with the "
    "right leg's: check the electrodes",
}
LEAST_LEG_MV = 0.03
FLOOR_MV = 0.01  # added as noise of each lead, so that what is next to nothing says nothing

# Tyler's scatter of I, II, V1 to V6 over P, QRS and T (lower triangles, trace 8): the 1,009 records of folds 0 to 2.
# `python -m benchmarks.quality --fit` prints them.
SCATTER = (
    (
        1.0829,
        1.3886, 2.6694,
        -0.2139, -0.1879, 0.5011,
        0.3862, 0.6643, 0.2368, 0.5996,
        0.6511, 1.1720, 0.0872, 0.5449, 0.8144,
        0.7506, 1.3257, -0.0237, 0.4748, 0.7297, 0.8580,
        0.7529, 1.2893, -0.0932, 0.3886, 0.6469, 0.7308, 0.7762,
        0.7270, 1.2212, -0.1274, 0.3291, 0.5770, 0.6648, 0.6593, 0.6983,
    ),
    (
        0.5163,
        0.3539, 0.4621,
        -0.4424, -0.3679, 0.7069,
        -0.1999, -0.2204, 0.7357, 1.3353,
        0.2423, 0.2539, 0.2148, 0.9169, 1.2707,
        0.6121, 0.6331, -0.3492, 0.2495, 1.0546, 1.5353,
        0.6834, 0.6790, -0.5783, -0.1785, 0.6352, 1.3005, 1.3238,
        0.5703, 0.5613, -0.5656, -0.3433, 0.3067, 0.8955, 1.0133, 0.8496,
    ),
    (
        0.3639,
        0.3791, 0.5437,
        -0.0127, 0.0260, 0.2512,
        0.6223, 0.7702, 0.4059, 2.1154,
        0.6791, 0.8691, 0.3028, 2.0035, 2.1422,
        0.5863, 0.7452, 0.1256, 1.4193, 1.5986, 1.3438,
        0.4769, 0.5933, 0.0113, 0.9367, 1.0883, 0.9683, 0.7859,
        0.3634, 0.4528, -0.0228, 0.6408, 0.7514, 0.6837, 0.5731, 0.4539,
    ),
)  # fmt: skip
# Evidence that makes a finding: over the 99.8th percentile of folds 0 to 2 as they stand (the same command prints it),
# and 0.1 at least. Where a fault and its absence overlap (V5 and V6, gains of a half and two, left arm and left leg)
# few are blamed and many missed. Left bundle branch blocks come near to the reversed order.
EVIDENCE = {
    "arms_exchanged": 0.1,
    "arm_leg_exchanged": 0.1,
    "left_arm_leg_exchanged": 0.35,
    "chest_order": 0.15,
    "chest_order, V5 and V6": 0.5,
    "chest_order, reversed": 0.45,
    "lead_inverted": 0.12,
    "wrong_gain, 0.1": 0.12,
    "wrong_gain, 0.5": 0.35,
    "wrong_gain, 2": 0.5,
    "wrong_gain, 10": 0.5,
}
THREE_BEHIND = 0.07  # three cables wrong at once are rarer than two, and differ from two by I and II alone
LEAST_USABLE = 3  # leads; two alone always go together somehow
QUICK_EVIDENCE = 0.4  # more is asked for where only QRS are compared


EXCHANGED = (
    "chest leads {first} and {second} look exchanged, or {other}a bundle branch block makes the beats unusual: "
    "check the electrodes and the leads' names"
)
REVERSED = (
    "the chest leads look reversed (V6 to V1), or {other}a bundle branch block makes the beats unusual: "
    "check the electrodes and the leads' names"
)
INVERTED = (
    "lead {lead} looks upside down, or {other}a bundle branch block makes the beats unusual: "
    "check the electrodes and the leads' names"
)
SCALED = "lead {lead} looks {gain:g} times as large as it should be beside the others: check its gain"


@dataclass(frozen=True, eq=False)
class Change:
    """One way in which electrodes or leads can be wrong.

    matrix : (8, 8), from the right leads to what is recorded.  kind, leads : as in a reason.  evidence : how much
    likelier than as it stands (mean over the segments of the log of the ratio of quadratic forms, and of the
    determinant) makes it a finding.  behind : by how much another change goes before it, being commoner.
    text, arguments : a message's, whose {other} is what is sought besides.
    """

    kind: str
    leads: tuple[str, ...]
    text: str
    matrix: np.ndarray
    evidence: float
    behind: float = 0.0
    arguments: Mapping[str, Any] = field(default_factory=dict)

    def sentence(self, sought: str | None) -> str:
        """What is seen, and what else it may be. sought : what is looked for, in words."""
        if "{other}" not in self.text:
            return Message(self.text, **self.arguments)
        other = Message("{sought} or ", sought=sought) if sought else ""
        return Message(self.text, **self.arguments, other=other)


# Exchanges of the limb electrodes as changes of I and II: kind, what is seen, matrix.
LIMB_CHANGES = (
    (
        "arms_exchanged",
        Message(
            "right and left arm electrodes are probably exchanged (I upside down, II and III, aVR and aVL exchanged), "
            "or the heart lies on the right"
        ),
        ((-1, 0), (-1, 1)),
    ),
    (
        "arm_leg_exchanged",
        Message(
            "right arm and left leg electrodes are probably exchanged (II upside down, I and III exchanged and upside down)"
        ),
        ((1, -1), (0, -1)),
    ),
    (
        "arm_leg_exchanged",
        Message("the three limb electrodes are probably each one place on (right arm's on the left arm)"),
        ((-1, 1), (-1, 0)),
    ),
    (
        "arm_leg_exchanged",
        Message("the three limb electrodes are probably each one place back (right arm's on the leg)"),
        ((0, -1), (1, -1)),
    ),
    (
        "left_arm_leg_exchanged",
        Message(
            "left arm and left leg electrodes may be exchanged (I and II, aVL and aVF exchanged), which is hard to tell "
            "from a heart's axis: compare with an earlier tracing"
        ),
        ((0, 1), (1, 0)),
    ),
)


@lru_cache(maxsize=1)
def changes() -> tuple[Change, ...]:
    """All changes that are tried."""
    exchanges = []
    for kind, text, of_i_ii in LIMB_CHANGES:
        matrix = np.eye(N_LEADS)
        matrix[:2, :2] = of_i_ii
        behind = THREE_BEHIND * text.startswith("the three")
        exchanges.append(
            Change(kind, LEADS[:6], "{fault}; check the electrodes", matrix, EVIDENCE[kind], behind, {"fault": text})
        )
    return (*exchanges, *_chest_changes())


def _chest_changes() -> list[Change]:
    chest_changes = []
    chest = range(2, N_LEADS)
    for first, second in combinations(chest, 2):
        order = list(range(N_LEADS))
        order[first], order[second] = second, first
        names = (INDEPENDENT[first], INDEPENDENT[second])
        pair = {"first": names[0], "second": names[1]}
        needed = EVIDENCE["chest_order, V5 and V6" if names == ("V5", "V6") else "chest_order"]
        chest_changes.append(Change("chest_order", names, EXCHANGED, np.eye(N_LEADS)[order], needed, arguments=pair))
    reverse = np.eye(N_LEADS)[[0, 1, *reversed(chest)]]
    chest_changes.append(Change("chest_order", INDEPENDENT[2:], REVERSED, reverse, EVIDENCE["chest_order, reversed"]))
    for row in chest:
        name = INDEPENDENT[row]
        upside_down, needed = _scaled(row, -1), EVIDENCE["lead_inverted"]
        chest_changes.append(Change("lead_inverted", (name,), INVERTED, upside_down, needed, arguments={"lead": name}))
        for gain in (0.1, 0.5, 2.0, 10.0):
            scaled, needed = _scaled(row, gain), EVIDENCE[f"wrong_gain, {gain:g}"]
            chest_changes.append(
                Change("wrong_gain", (name,), SCALED, scaled, needed, arguments={"lead": name, "gain": gain})
            )
    return chest_changes


def _scaled(row: int, gain: float) -> np.ndarray:
    matrix = np.eye(N_LEADS)
    matrix[row, row] = gain
    return matrix


def segment_products(beat: np.ndarray, at_s: np.ndarray) -> np.ndarray:
    """Mean products of the leads over P, QRS and T, mV², (3, n_leads, n_leads).

    beat : (n_leads, n), mV, one beat (the middle one of many).  at_s : (n,), seconds from its R peak.
    """
    moved = beat - median(beat[:, within(at_s, *REST_S)])[:, None]
    products = np.empty((len(SEGMENTS_S), len(beat), len(beat)))
    for product, segment in zip(products, SEGMENTS_S.values(), strict=True):
        part = moved[:, within(at_s, *segment)]
        np.matmul(part, part.T / part.shape[1], out=product)
    return products + FLOOR_MV**2 * np.eye(len(beat))


def within(at_s: np.ndarray, first_s: float, last_s: float) -> slice:
    """The samples from one time to another, both included. at_s : (n,), in order, no nearer than 5 ms to each other."""
    return slice(bisect_right(at_s, first_s - 0.005), bisect_left(at_s, last_s + 0.005))


def evidence(products: np.ndarray, usable: np.ndarray, quick: bool = False) -> np.ndarray:
    """How much likelier each change makes the tracing; -inf where it touches a lead that is not usable. (n_changes,)

    products : (3, 8, 8), from `segment_products`.  usable : bool (8,).  quick : only QRS are compared.
    """
    kept = tuple(np.flatnonzero(usable).tolist())
    segments = (1,) if quick else (0, 1, 2)
    seen = products[segments, :, :][:, kept][:, :, kept].reshape(len(segments), -1, 1)
    forms, log_sizes, spoilt = _forms(kept, segments)
    sizes = (forms @ seen)[..., 0]  # (n_segments, 1 + n_changes): of the tracing as it stands and mended
    sizes[:, 1:][:, spoilt] = 1.0  # 0 where nothing usable is left of it
    total = np.log(sizes[:, :1] / sizes[:, 1:]).sum(axis=0) / len(segments) - log_sizes
    total[spoilt] = -np.inf
    return total


@lru_cache(maxsize=16)
def _forms(kept: tuple[int, ...], segments: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What `evidence` takes of the usable leads and the segments, whatever the tracing.

    The quadratic form tr(S^-1 B P B') of every segment and change is linear in the products P, so it is written out once:
    (n_segments, 1 + n_changes, n_kept**2), of no change first.  What a change of the gain would make likelier by itself,
    (n_changes,).  Changes that touch a lead that is not usable, bool (n_changes,).
    """
    back, touched, log_sizes = _stacked()
    back = np.concatenate([np.eye(N_LEADS)[None], back])[:, np.array(kept)[:, None], kept]
    spoilt = np.delete(touched, kept, axis=1).any(axis=1)
    likely = np.stack([np.linalg.inv(scatter(segment)[np.ix_(kept, kept)]) for segment in segments])
    forms = back.transpose(0, 2, 1) @ likely[:, None] @ back
    return forms.reshape(len(segments), len(back), -1), 2 / len(kept) * log_sizes, spoilt


def most_likely(products: np.ndarray, usable: np.ndarray, quick: bool = False) -> Change | None:
    """The change that the tracing speaks for, or None. Arguments as in `evidence`."""
    if np.count_nonzero(usable) < LEAST_USABLE:
        return None
    ratios = evidence(products, usable, quick)
    needed, behind = _needed()
    enough = ratios >= needed + QUICK_EVIDENCE * quick
    return changes()[int(np.argmax(np.where(enough, ratios - behind, -np.inf)))] if enough.any() else None


@lru_cache(maxsize=1)
def _needed() -> tuple[np.ndarray, np.ndarray]:
    """Of all changes the evidence that makes a finding, and by how much each is behind."""
    return np.array([change.evidence for change in changes()]), np.array([change.behind for change in changes()])


def limb_sizes(beat: np.ndarray, at_s: np.ndarray) -> np.ndarray:
    """How large I, II and III are from P to T, root of the mean square, mV, (3,). Arguments as in `leg_electrode`."""
    leads = np.vstack([beat, beat[1] - beat[0]])
    moved = leads - median(leads[:, within(at_s, *REST_S)])[:, None]
    inside = moved[:, within(at_s, SEGMENTS_S["P"][0], SEGMENTS_S["T"][1])]
    return np.sqrt(np.square(inside).sum(axis=1) / inside.shape[1])


def leg_electrode(beat: np.ndarray, at_s: np.ndarray) -> tuple[str, str] | None:
    """The lead between two electrodes that both sit on a leg, and what that means; None where there is none.

    beat : leads I and II, mV, (2, n), consistent with the other limb leads.  at_s : (n,), seconds from the R peak.
    """
    sizes = limb_sizes(beat, at_s)
    if sizes.max() < LEAST_LEG_MV:
        return None
    for lead, (row, share, arm) in LEG_SHARES.items():
        if sizes[row] < share * sizes.max():
            return lead, Message(LEG_TEXTS[arm], lead=lead)
    return None


@lru_cache(maxsize=1)
def _stacked() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    matrices = np.stack([change.matrix for change in changes()])
    touched = np.abs(matrices - np.eye(N_LEADS)).sum(axis=2) > 0
    return np.linalg.inv(matrices), touched, np.log(np.abs(np.linalg.det(matrices)))


@lru_cache(maxsize=3)
def scatter(segment: int) -> np.ndarray:
    """How the leads go together in right tracings over P, QRS or T, (8, 8), of trace 8."""
    lower = np.zeros((N_LEADS, N_LEADS))
    lower[np.tril_indices(N_LEADS)] = SCATTER[segment]
    return lower + np.tril(lower, -1).T


def fit_scatter(products: np.ndarray, n_rounds: int = 50) -> np.ndarray:
    """Tyler's scatter of many tracings, (8, 8), of trace 8. products : (n, 8, 8), of one segment."""
    estimate = np.eye(N_LEADS)
    for _ in range(n_rounds):
        forms = np.einsum("ij,nji->n", np.linalg.inv(estimate), products)
        estimate = (products / forms[:, None, None]).mean(axis=0)
        estimate *= N_LEADS / np.trace(estimate)
    return estimate
