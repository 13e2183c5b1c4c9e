"""Q waves and ST of a record held against the Fourth Universal Definition of Myocardial Infarction.

Thygesen et al. 2018, Circulation 138:e618: table 2 (ST elevation and depression, T inversion) and table 3 (Q waves).
What is NaN, a wave that a lead does not have, is over no limit.
These are limits of amplitudes and durations, not a diagnosis: the definition asks for symptoms, biomarkers and change.
"""

import itertools
from collections.abc import Mapping

import numpy as np

from cardiac.leads import LEADS

CONTIGUOUS = (("aVL", "I"), ("II", "aVF"), ("aVF", "III"), ("II", "III"), *itertools.pairwise(LEADS[6:]))
Q_GROUPS = (("I", "aVL"), ("V1", "V2", "V3", "V4", "V5", "V6"), ("II", "III", "aVF"))
Q_ANY_MS, Q_MS, Q_MV = 20.0, 30.0, 0.1
Q_LEADS = ("I", "II", "aVL", "aVF", "V4", "V5", "V6")
ST_MV, ST_DEPRESSION_MV, T_INVERSION_MV = 0.1, 0.05, 0.1
LEVEL_MV_PER_S = 0.3  # ST that rises by no more than 0.024 mV in 80 ms is level
YOUNG_YEARS = 40.0


def pathological_q(leads: tuple[str, ...], table: Mapping[str, np.ndarray]) -> tuple[str, ...]:
    """Leads whose Q counts: in V2 and V3 any over 20 ms or a QS; in I, II, III, aVL, aVF, V4 to V6 one of 30 ms and 0.1 mV, or a
    QS, in two leads of a group.

    table : columns q_ms, q_mv, qs, each (n_leads,). III counts beside II or aVF alone, as table 3 has its group.
    """
    q_ms, q_mv, qs = table["q_ms"], table["q_mv"], np.asarray(table["qs"]) > 0
    wide = dict(zip(leads, ((q_ms > Q_ANY_MS) | qs).tolist(), strict=True))
    full = dict(zip(leads, ((q_ms >= Q_MS) & (-q_mv >= Q_MV) | qs).tolist(), strict=True))
    counted = {lead for lead in ("V2", "V3") if wide.get(lead)}
    for group in Q_GROUPS:
        over = [lead for lead in group if full.get(lead) and lead not in ("V1",)]
        if len(over) >= 2 and any(lead in Q_LEADS for lead in over):
            counted.update(lead for lead in over if lead in (*Q_LEADS, "III"))
    return tuple(lead for lead in leads if lead in counted)


def st_limits_mv(leads: tuple[str, ...], sex: str | None = None, age_years: float | None = None) -> np.ndarray:
    """From where ST at J counts as raised, (n_leads,): 0.1 mV, but in V2 and V3 0.15 in women, 0.2 in men of 40 and more and
    0.25 in younger ones. Where sex or age is not known, the higher of the limits that may apply.
    """
    if sex == "female":
        chest = 0.15
    elif age_years is not None and age_years >= YOUNG_YEARS:
        chest = 0.2
    else:
        chest = 0.25
    return np.array([chest if lead in ("V2", "V3") else ST_MV for lead in leads])


def raised_st(
    leads: tuple[str, ...], st_j_mv: np.ndarray, sex: str | None = None, age_years: float | None = None
) -> tuple[str, ...]:
    """Leads whose ST at J is raised to its limit together with a neighbour's; aVR has none (the definition leaves it out)."""
    over = st_j_mv >= st_limits_mv(leads, sex, age_years)
    return _with_neighbour(leads, over)


def lowered_st(leads: tuple[str, ...], st_j_mv: np.ndarray, st_slope_mv_per_s: np.ndarray) -> tuple[str, ...]:
    """Leads whose ST at J is lowered by 0.05 mV and more, and then level or falling, together with a neighbour's."""
    return _with_neighbour(leads, (st_j_mv <= -ST_DEPRESSION_MV) & (st_slope_mv_per_s <= LEVEL_MV_PER_S))


def inverted_t(leads: tuple[str, ...], table: Mapping[str, np.ndarray]) -> tuple[str, ...]:
    """Leads whose T is inverted by more than 0.1 mV together with a neighbour's, with R higher than S is deep."""
    r_mv, s_mv = zero_for_nan(table["r_mv"]), zero_for_nan(table["s_mv"])
    return _with_neighbour(leads, (table["t_mv"] < -T_INVERSION_MV) & (r_mv > -s_mv))


def _with_neighbour(leads: tuple[str, ...], over: np.ndarray) -> tuple[str, ...]:
    by_lead = dict(zip(leads, over.tolist(), strict=True))
    kept = {lead for pair in CONTIGUOUS if all(by_lead.get(each) for each in pair) for lead in pair}
    return tuple(lead for lead in leads if lead in kept)


def zero_for_nan(values: np.ndarray) -> np.ndarray:
    """The values with 0 for those that are missing: `numpy.nan_to_num` of what is never infinite, in a third of its time."""
    return np.where(np.isnan(values), 0.0, values)
