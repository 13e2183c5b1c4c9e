"""Why a tracing is not to be trusted: one reason each, with its leads, its seconds and how grave it is."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from cardiac.leads import LEADS
from cardiac.messages import ALL, ENGLISH, Message

MOST_SPANS = 5  # more stretches of one kind than this are reported in one sentence
JOINED_S = 2.0  # stretches nearer to each other than this are one
WHOLE_SHARE = 0.5  # what holds in so many of the windows holds for the whole lead
MOST_NAMED = 3  # all leads of a recording with no more of them are listed by their names
LEAST_BEATS = 3  # for anything that is read off a middle beat


@dataclass(frozen=True)
class Reason:
    """One thing that is wrong with a tracing.

    kind : "flat", "muscle_noise" and so on, as in `quality.KINDS`.  leads : names; empty where it is the record.
    start_s, end_s : the stretch it applies to; None for the whole recording.  severity : "warning" or "rejected".
    text : a sentence in plain English, as a Message where it is to be said in other languages too.
    """

    kind: str
    leads: tuple[str, ...]
    severity: str
    text: str
    start_s: float | None = None
    end_s: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """The reason as plain data, its text in English."""
        return asdict(self) | {"text": str(self.text)}


@dataclass(frozen=True)
class Fault:
    """What is wrong with the windows of one kind. where : bool (n_leads, n_windows); reported whole, or by stretches.

    name, advice : Messages.  whole : bool (n_leads,), leads for which it holds throughout.
    """

    kind: str
    name: str
    advice: str
    whole: np.ndarray
    where: np.ndarray


def said_leads(leads: tuple[str, ...], among: tuple[str, ...] = LEADS) -> list[str] | str:
    """The leads as a message has them: "all" of more than three. among : all leads."""
    return ALL if len(leads) == len(among) > MOST_NAMED else [*leads]


def named(leads: tuple[str, ...], among: tuple[str, ...] = LEADS) -> str:
    """The leads in English words: "lead V2", "leads I and V2"; "all leads" of more than three. among : all leads."""
    return ENGLISH.formatter.format_field(said_leads(leads, among), "leads")


def lead_names(mask: np.ndarray, among: tuple[str, ...] = LEADS) -> tuple[str, ...]:
    """Names of the leads of a mask, bool (n_leads,). among : all leads."""
    return tuple(lead for lead, is_one in zip(among, mask, strict=True) if is_one)


def reasons_of(fault: Fault, edges_s: np.ndarray, among: tuple[str, ...] = LEADS) -> list[Reason]:
    """Warnings of one kind: one for the leads it holds for throughout, one for every stretch of the others.

    edges_s : (n_windows + 1,), where the windows begin and end.  among : all leads.
    """
    reasons: list[Reason] = []
    if not fault.where.any() and not fault.whole.any():
        return reasons
    said = {"fault": fault.name, "advice": fault.advice}
    if fault.whole.any():
        leads = lead_names(fault.whole, among)
        reasons.append(
            Reason(
                fault.kind,
                leads,
                "warning",
                Message("{fault} in {leads:leads}: {advice}", leads=said_leads(leads, among), **said),
            )
        )
    partial = fault.where & ~fault.whole[:, None]
    stretches = _stretches(partial.any(axis=0), edges_s)
    if len(stretches) > MOST_SPANS:
        leads, start_s, end_s = (
            lead_names(partial.any(axis=1), among),
            edges_s[stretches[0][0]],
            edges_s[stretches[-1][1]],
        )
        text = Message(
            "{fault} {n} times in {leads:leads}: {advice}", n=len(stretches), leads=said_leads(leads, among), **said
        )
        return [*reasons, Reason(fault.kind, leads, "warning", text, float(start_s), float(end_s))]
    for first, end in stretches:
        leads, start_s, end_s = lead_names(partial[:, first:end].any(axis=1), among), edges_s[first], edges_s[end]
        text = Message(
            "{fault} in {leads:leads} from {start_s:.1f} to {end_s:.1f} s: {advice}",
            leads=said_leads(leads, among),
            start_s=start_s,
            end_s=end_s,
            **said,
        )
        reasons.append(Reason(fault.kind, leads, "warning", text, float(start_s), float(end_s)))
    return reasons


def mostly(where: np.ndarray) -> np.ndarray:
    """Leads for which it holds in half of the windows or more. bool (n_leads, n_windows) -> bool (n_leads,)."""
    return np.count_nonzero(where, axis=1) >= WHOLE_SHARE * where.shape[1]


def runs(mask: np.ndarray) -> list[tuple[int, int]]:
    """First and end (one past) of every run of True. bool (n,)."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], mask, [False]]).astype(np.int8)))
    return [(int(first), int(end)) for first, end in zip(edges[::2], edges[1::2], strict=True)]


def _stretches(mask: np.ndarray, edges_s: np.ndarray) -> list[tuple[int, int]]:
    joined: list[tuple[int, int]] = []
    for first, end in runs(mask):
        if joined and edges_s[first] - edges_s[joined[-1][1]] < JOINED_S:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((first, end))
    return joined
