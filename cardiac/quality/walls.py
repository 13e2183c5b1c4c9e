"""Is enough of the heart seen? Of a wall that no lead shows nothing can be found, and nothing ruled out.

The leads of each wall are those of the Fourth Universal Definition (Thygesen 2018, Circulation 138:e618), which asks for
two neighbouring leads. Without V1 to V4, or with a single chest lead, and without II, III and aVF the network's own
decisions break down (`python -m benchmarks.robustness`); without I, aVL, V5 and V6 they do not.
"""

import numpy as np

from cardiac.leads import LEADS
from cardiac.messages import Message
from cardiac.quality.reasons import Reason, lead_names, said_leads

CHEST = np.array([lead.startswith("V") for lead in LEADS])
WALLS = {
    Message("nothing is seen of the anterior wall"): ("V1", "V2", "V3", "V4"),
    Message("nothing is seen of the inferior wall"): ("II", "III", "aVF"),
}
# A decision is worthless where so many of the twelve leads carry no signal for half the time or are buried in noise.
REJECTED_LEADS = 7


def wall_reasons(empty: np.ndarray, buried: np.ndarray, hidden: np.ndarray, sought: str | None) -> list[Reason]:
    """Why too little of the heart is seen for a decision; the empty list where enough is.

    All bool (12,), each for half the time or more: leads without signal, buried in noise, and without a beat to see.
    sought : what is looked for, in words.
    """
    reasons = []
    no_signal = Message("carry no signal for half the time or more (or all is in volts)")
    or_buried = Message("carry no signal for half the time or more or are buried in noise")
    for mask, kind, text in ((empty, "flat", no_signal), (empty | buried, "muscle_noise", or_buried)):
        if np.count_nonzero(mask) >= REJECTED_LEADS and not reasons:
            leads = lead_names(mask)
            if kind == "muscle_noise" and not (empty & mask).any():
                text = Message("are so noisy that the beats are buried")
            reasons.append(
                Reason(
                    kind,
                    leads,
                    "rejected",
                    Message("{leads:leads} {fault}: record it again", leads=said_leads(leads), fault=text),
                )
            )
    if reasons:
        return reasons
    unseen = empty | buried | _hidden_alone(empty | buried, hidden)
    wall = _unseen_wall(unseen, sought)
    if wall is None:
        return []
    what, leads = wall
    mask = np.isin(LEADS, leads)
    text = Message(
        "{unseen}: {leads:leads} {fault}: check the electrodes and record it again",
        unseen=what,
        leads=said_leads(leads),
        fault=_why(empty[mask], buried[mask]),
    )
    kind = "flat" if empty[mask].all() else "muscle_noise" if (buried & ~empty)[mask].all() else "lead_off"
    return [Reason(kind, leads, "rejected", text)]


def lost_reasons(spoilt: np.ndarray, hidden: np.ndarray, reasons: list[Reason]) -> list[Reason]:
    """Chest leads that move and show no beats: their electrode hangs in the air.

    spoilt, hidden : bool (12,), leads without signal or buried in noise, and without a beat to see.  reasons : what is
    reported already. A limb lead at right angles to the heart's axis shows next to none either, and is not blamed.
    """
    leads = lead_names(_hidden_alone(spoilt, hidden) & CHEST)
    reported = {lead for reason in reasons if reason.kind in ("flat", "lead_off") for lead in reason.leads}
    reported |= {lead for reason in reasons if reason.severity == "rejected" for lead in reason.leads}
    leads = tuple(lead for lead in leads if lead not in reported)
    if not leads:
        return []
    text = Message("no beats stand out in {leads:leads}: check the electrode and cable", leads=said_leads(leads))
    return [Reason("lead_off", leads, "warning", text)]


def _hidden_alone(spoilt: np.ndarray, hidden: np.ndarray) -> np.ndarray:
    """Leads in which no beat stands out, while half of the other leads show them: else it is the rhythm."""
    return hidden if np.count_nonzero(hidden | spoilt) <= REJECTED_LEADS else np.zeros_like(hidden)


def _unseen_wall(unseen: np.ndarray, sought: str | None) -> tuple[str, tuple[str, ...]] | None:
    """What is not seen, and the leads that should show it."""
    dark = set(lead_names(unseen))
    chest = lead_names(unseen & CHEST)
    if len(chest) == np.count_nonzero(CHEST):
        return Message("nothing is seen of the anterior wall"), chest
    if len(chest) == np.count_nonzero(CHEST) - 1:
        (left,) = (lead for lead in lead_names(CHEST) if lead not in dark)
        if not sought:
            return Message("lead {lead} alone is left of the chest leads", lead=left), chest
        text = "lead {lead} alone is left of the chest leads, where {sought} shows in two neighbours"
        return Message(text, lead=left, sought=sought), chest
    for nothing_seen, leads in WALLS.items():
        if dark >= set(leads):
            return nothing_seen, leads
    return None


def _why(empty: np.ndarray, buried: np.ndarray) -> str:
    if empty.all():
        return Message("carry no signal for half the time or more")
    if buried.all():
        return Message("are so noisy that the beats are buried")
    return Message("show no beats for half the time or more (no signal, or noise alone)")
