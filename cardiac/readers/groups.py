"""Which of several groups of channels is the recording: the rhythm, never the beat that was computed from it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from cardiac.errors import RecordError
from cardiac.leads import LEADS, lead_and_sign
from cardiac.messages import Message
from cardiac.readers.raw import Note

BEAT_S = 2.0  # a beat that represents all others lasts no longer than this
MUCH_LONGER = 2.0  # times; what differs by less in its length is as good a recording
LIMB, CHEST = LEADS[:6], LEADS[6:]

_RHYTHM = re.compile(r"rh?[iy]th?m|ритм|リズム|节律|節律", re.IGNORECASE)
_BEAT = re.compile(
    r"median|médian|mediaan|mittel|average|averaged|\bavg\b|\bmean\b|durchschnitt|repr[aä]sentat|represent|représent"
    r"|rappresent|template|schablone|beats?(?![^\W_])|schlag|herzschlag|battement|battito|latido|batimento|hartslag"
    r"|dominant|mediano?|promedio|moyen|medio|\bcomplex|komplex|медиан|усредн|средн|комплекс|типичн|代表|平均|中央|中位",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Group:
    """Channels that were recorded together. leads : their names.  label : what the file calls the group.

    is_derived : the file says that it was computed and not recorded.
    """

    leads: tuple[str, ...]
    duration_s: float
    label: str = ""
    is_derived: bool = False

    @property
    def is_whole(self) -> bool:
        """Whether the twelve leads are there or follow: two limb leads and the six chest leads."""
        leads = {each[0] for each in map(lead_and_sign, self.leads) if each}
        return len(leads.intersection(LIMB)) >= 2 and leads.issuperset(CHEST)

    @property
    def n_leads(self) -> int:
        return len({each[0] for each in map(lead_and_sign, self.leads) if each})


def is_beat(label: str) -> bool:
    """Whether a label speaks of a median, average or representative beat."""
    return bool(_BEAT.search(label)) and not _RHYTHM.search(label)


def choose_rhythm(groups: Sequence[Group], what: str, equal: str) -> tuple[int, tuple[Note, ...]]:
    """Index of the recording among the groups, and a note on it where there are several.

    what, equal : what the groups are called, and two recordings among them ("series", "rhythm series").
    Raises RecordError where there is none, or no single one.
    """
    named = [index for index, each in enumerate(groups) if each.n_leads]
    longest_s = max((groups[index].duration_s for index in named), default=0.0)
    rhythms = [index for index in named if not _stands_for_others(groups[index], longest_s)]
    if named and not rhythms:
        raise RecordError("holds a median or representative beat and no rhythm: export the rhythm's samples")
    whole = [index for index in rhythms if groups[index].is_whole]
    if not whole and len(rhythms) > 1:
        _refuse_parts([groups[index] for index in rhythms], what)
    candidates = whole or rhythms or [*range(len(groups))]
    original = [index for index in candidates if not groups[index].is_derived] or candidates
    original.sort(key=lambda index: -groups[index].duration_s)
    longest_s = groups[original[0]].duration_s
    rivals = [index for index in original if groups[index].duration_s * MUCH_LONGER > longest_s or not longest_s]
    if len(rivals) > 1:
        raise RecordError("holds {n_rivals} {equal}: export a single recording", n_rivals=len(rivals), equal=equal)
    chosen = groups[rivals[0]]
    if len(groups) == 1:
        return rivals[0], ()
    size = {"n_leads": chosen.n_leads, "duration_s": chosen.duration_s}
    if not (label := " ".join(chosen.label[:40].split())):
        text = Message("of {n} {what} was read ({n_leads} leads, {duration_s:.3g} s)", n=len(groups), what=what, **size)
    else:
        text = Message(
            "of {n} {what} {label!r} was read ({n_leads} leads, {duration_s:.3g} s)",
            n=len(groups),
            what=what,
            label=label,
            **size,
        )
    return rivals[0], (Note("info", text),)


def _stands_for_others(group: Group, longest_s: float) -> bool:
    if _RHYTHM.search(group.label):
        return False
    return is_beat(group.label) or (group.duration_s <= BEAT_S and longest_s > MUCH_LONGER * group.duration_s)


def _refuse_parts(groups: Sequence[Group], what: str) -> None:
    """Say that the leads were not recorded together, where no group has them all."""
    leads = {each[0] for group in groups for each in map(lead_and_sign, group.leads) if each}
    listed = "; ".join(", ".join(group.leads[:12]) + f": {group.duration_s:.3g} s" for group in groups[:4])
    if not (len(leads.intersection(LIMB)) >= 2 and leads.issuperset(CHEST)):
        raise RecordError(
            "holds {n_groups} {what} ({listed}) and none with all leads: export all twelve together",
            n_groups=len(groups),
            what=what,
            listed=listed[:160],
        )
    raise RecordError(
        "its leads are in {n_groups} {what}, not recorded together ({listed}): export one recording of all leads",
        n_groups=len(groups),
        what=what,
        listed=listed[:160],
    )
