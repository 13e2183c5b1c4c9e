"""What changed between two recordings of one patient: messages with arguments, from what was measured of both.

Nothing is said that the measurements' own errors may be: every limit here is above twice the standard deviation of a
difference of two (docs/delineation.md), and above what 99 of 100 recordings differ by between their own halves
(`python -m benchmarks.halves`, docs/changes.md).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cardiac.leads import LEADS
from tasks.mi.sign_states import FLAT_T_MV, R_LEADS, WIDE_QRS_MS

LIMITS = {
    "q_ms": 30, "q_mv": 0.12, "r_mv": 0.3, "st_j_mv": 0.1, "t_mv": 0.2, "qrs_ms": 25, "pr_ms": 30,
    "qtc_fridericia_ms": 65, "qrs_axis_deg": 30, "heart_rate_bpm": 20,
}  # fmt: skip
R_SHARE = (
    0.5  # of the higher R: so much of it must have come or gone, as placing the electrodes again moves it by a third
)
VALUES = {  # of the record: what is said of one that rose, and of one that fell
    "qrs_ms": ("qrs_wider", "qrs_narrower"),
    "pr_ms": ("pr_longer", "pr_shorter"),
    "qtc_fridericia_ms": ("qtc_longer", "qtc_shorter"),
    "heart_rate_bpm": ("rate_higher", "rate_lower"),
}
Waves = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Change:
    """One change. message : of `change_words.MESSAGES`.  leads : in their order, none of what is of the whole record."""

    message: str
    leads: tuple[str, ...] = ()
    arguments: Mapping[str, Any] = field(default_factory=dict)


def changes(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> list[Change]:
    """What changed from the earlier to the later recording, waves first.

    before, after : the objects `measurements` of findings.json; None of a recording that an earlier version read.
    """
    for given, message in ((before, "earlier_unmeasured"), (after, "later_unmeasured")):
        if not given or not given["beats"]["measured"]:
            return [Change(message)]
    of_leads = before["leads"], after["leads"]
    parts = (_q(before, after), _r(*of_leads), _st(*of_leads), _t(*of_leads), _axis(before, after), _p(before, after))
    return [each for part in (*parts, _values(before, after)) for each in part]


def _q(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Change]:
    """Q that counts by the Universal Definition in one of the two alone, and is another one by more than its error."""
    if not (_has_limits(before) and _has_limits(after)):
        yield Change("q_not_compared")
        return
    for message, one, other in (("q_new", before, after), ("q_gone", after, before)):
        counted = set(other["criteria"]["pathological_q"]) - set(one["criteria"]["pathological_q"])
        grown = [lead for lead in LEADS if lead in counted and _is_other_q(one["leads"][lead], other["leads"][lead])]
        if message == "q_gone":
            yield from _of(message, grown)
            continue
        waves = other["leads"]
        yield from _of("qs_new", [lead for lead in grown if waves[lead]["qs"]])
        new = tuple(lead for lead in grown if not waves[lead]["qs"])
        if new:
            ms, mv = ([waves[lead]["q_ms"] for lead in new], [-waves[lead]["q_mv"] for lead in new])
            yield Change(message, new, {"q_ms": [min(ms), max(ms)], "q_mv": [_mv(min(mv)), _mv(max(mv))]})


def _has_limits(given: Mapping[str, Any]) -> bool:
    """Whether the limits of Q hold: of beats that no pacemaker makes, without bundle branch block."""
    return given["criteria"] is not None and given["qrs_ms"] is not None and given["qrs_ms"] < WIDE_QRS_MS


def _is_other_q(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    wider_ms, deeper_mv = (other["q_ms"] or 0) - (one["q_ms"] or 0), (one["q_mv"] or 0.0) - (other["q_mv"] or 0.0)
    return bool(other["qs"] and not one["qs"]) or wider_ms >= LIMITS["q_ms"] or deeper_mv >= LIMITS["q_mv"]


def _r(before: Waves, after: Waves) -> Iterator[Change]:
    """R that is higher or lower in leads in which it is not so by nature."""
    rows = {lead: (_highest_r(before[lead]), _highest_r(after[lead])) for lead in R_LEADS if lead in after}
    moved = {
        lead: later - sooner
        for lead, (sooner, later) in rows.items()
        if _reaches(later - sooner, "r_mv") and abs(later - sooner) >= R_SHARE * max(sooner, later)
    }
    yield from _by_side(moved, "r_higher", "r_lower")


def _highest_r(row: Mapping[str, Any]) -> float:
    return max(row["r_mv"] or 0.0, row["r2_mv"] or 0.0)


def _st(before: Waves, after: Waves) -> Iterator[Change]:
    moved = _moved(before, after, "st_j_mv")
    yield from _by_side({lead: by for lead, by in moved.items() if _reaches(by, "st_j_mv")}, "st_rose", "st_fell")


def _t(before: Waves, after: Waves) -> Iterator[Change]:
    """T that has turned over, but in aVR, where it is upside down by nature."""
    moved = _moved(before, after, "t_mv")
    for message, was, sign in (("t_inverted", 1, -1), ("t_upright", -1, 1)):
        turned = tuple(
            lead
            for lead in moved
            if lead != "aVR" and was * before[lead]["t_mv"] >= FLAT_T_MV and sign * after[lead]["t_mv"] >= FLAT_T_MV
        )
        if turned:
            levels = [after[lead]["t_mv"] for lead in turned]
            yield Change(message, turned, {"t_mv": [_mv(min(levels)), _mv(max(levels))]})


def _moved(before: Waves, after: Waves, name: str) -> dict[str, float]:
    """By how much a wave is higher now, in the leads that have it in both."""
    pairs = {lead: (before[lead][name], after[lead][name]) for lead in LEADS if lead in before and lead in after}
    return {lead: later - sooner for lead, (sooner, later) in pairs.items() if None not in (sooner, later)}


def _axis(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Change]:
    one, other = before["qrs_axis_deg"], after["qrs_axis_deg"]
    if one is None or other is None:
        return
    turned = (other - one + 180) % 360 - 180
    if _reaches(turned, "qrs_axis_deg"):
        message = "axis_right" if turned > 0 else "axis_left"
        yield Change(message, (), {"change": abs(turned), "before": one, "after": other})


def _p(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Change]:
    """Whether P stands out in one of the two alone, of beats that no pacemaker makes."""
    if before["criteria"] is None or after["criteria"] is None:
        return
    had, has = before["p_ms"] is not None, after["p_ms"] is not None
    if had != has:
        yield Change("p_new" if has else "p_gone")


def _values(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Change]:
    for name, (rose, fell) in VALUES.items():
        one, other = before[name], after[name]
        if one is not None and other is not None and _reaches(other - one, name):
            message = rose if other > one else fell
            yield Change(message, (), {"change": abs(other - one), "before": one, "after": other})


def _by_side(moved: Mapping[str, float], up: str, down: str) -> Iterator[Change]:
    """Leads in which a wave is higher now, and those in which it is lower, with by how much in each."""
    sides: tuple[tuple[str, Callable[[float], bool]], ...] = ((up, lambda by: by > 0), (down, lambda by: by < 0))
    for message, is_there in sides:
        leads = tuple(lead for lead in moved if is_there(moved[lead]))
        if leads:
            yield Change(message, leads, {"change_mv_in": [_mv(abs(moved[lead])) for lead in leads]})


def _of(message: str, leads: Sequence[str]) -> Iterator[Change]:
    if leads:
        yield Change(message, tuple(leads))


def _reaches(difference: float, name: str) -> bool:
    """Whether a difference is as large as its limit; of mV as they are written, to the microvolt."""
    return round(abs(difference), 3) >= LIMITS[name]


def _mv(value: float) -> float:
    return round(value, 2) + 0.0  # no -0
