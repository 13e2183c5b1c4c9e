"""What the table of measurements shows of a wave: which message says it, and with which numbers."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from cardiac.measurements.criteria import Q_ANY_MS, Q_MS, Q_MV, ST_DEPRESSION_MV, st_limits_mv
from cardiac.measurements.limits import range_of
from cardiac.measurements.measure import Measurements

PROGRESSION = ("V1", "V2", "V3", "V4")
WIDE_QRS_MS = 120.0  # from here on (bundle branch block) the limits of the Universal Definition do not hold
LOW_R_MV = 0.3  # R of V3, up to which R progresses poorly (Zema and Kligfield 1982, Arch. Intern. Med. 142:1145)
HARDLY_R_MV = 0.1  # a QRS that begins with no more R than this, and goes down, is next to a QS
R_LEADS = ("I", "II", "aVF", "V2", "V3", "V4", "V5", "V6")  # in which R is not low by nature or by the axis alone
LEVEL_ST_MV = 0.05
# T is inverted from -0.1 mV on, and low where it is under a tenth of R (Rautaharju et al. 2009, Circulation 119:e241).
FLAT_T_MV, LOW_T_SHARE = 0.1, 0.1


@dataclass(frozen=True)
class State:
    """What a lead shows. message : of `sign_words.MESSAGES`.  lead : "" for what is of the record.

    values : the numbers of the sentence that may differ between its leads (with `_in` at the end they are said of each lead),
    limits : those that may not; as they are said.
    """

    message: str
    lead: str
    values: Mapping[str, Any] = field(default_factory=dict)
    limits: Mapping[str, float] = field(default_factory=dict)


class LeadStates:
    """The states of a record's leads. measurements : of the twelve leads, with a beat."""

    def __init__(self, measurements: Measurements) -> None:
        self.measurements = measurements
        self.rows = {
            lead: {name: float(column[index]) for name, column in measurements.table.items()}
            for index, lead in enumerate(measurements.leads)
        }
        self.limits_mv = dict(
            zip(
                measurements.leads,
                st_limits_mv(measurements.leads, measurements.sex, measurements.age_years),
                strict=True,
            )
        )
        qrs_ms = measurements.values["qrs_ms"]
        narrow = qrs_ms is not None and qrs_ms < WIDE_QRS_MS
        self.criteria = measurements.criteria() if narrow else None

    def of(self, lead: str, wave: str) -> State | None:
        """What a lead shows of a wave of `signs.WAVES`; None where there is nothing to say."""
        row = self.rows[lead]
        if lead == "aVR" and not (wave == "ST" or (wave == "T" and row["t_mv"] >= FLAT_T_MV)):
            return None
        if wave in ("ST", "T"):
            return self._st(lead, row) if wave == "ST" else _t(lead, row)
        if row["qs"] > 0:
            return State("qs", lead)
        if wave in ("Q", "start") and row["q_mv"] < 0:
            return self._q(lead, row)
        if wave == "R'":
            return State("r2", lead, {"r2_mv": _mv(row["r2_mv"])}) if row["r2_mv"] > 0 else None
        if not row["r_mv"] > 0:
            return None
        if row["r_mv"] <= HARDLY_R_MV and row["s_mv"] <= -row["r_mv"] and not row["q_mv"] < 0:
            return State("r_hardly", lead, {"r_mv": _mv(row["r_mv"])})
        if wave == "Q":
            return State("q_none", lead)
        return _qrs(lead, row) if wave == "QRS" else _r(lead, row)

    def _q(self, lead: str, row: Mapping[str, float]) -> State:
        """Q against table 3 of the Universal Definition, which has no limit for V1."""
        q_ms, q_mv = row["q_ms"], -row["q_mv"]
        if self.criteria is None or lead in ("V1", "aVR"):
            is_small = q_ms < Q_MS or q_mv < Q_MV
            return State("q_small" if is_small else "q", lead, {"q_ms": round(q_ms), "q_mv": _mv(q_mv)})
        if lead in ("V2", "V3"):
            over = q_ms > Q_ANY_MS
            shown = {"q_ms": max(round(q_ms), round(Q_ANY_MS) + 1) if over else round(q_ms), "q_mv": _mv(q_mv)}
            return State("q_wide" if over else "q_narrow", lead, shown, {"limit_ms": round(Q_ANY_MS)})
        over = q_ms >= Q_MS and q_mv >= Q_MV
        message = "q_under" if not over else "q_over" if lead in self.criteria["pathological_q"] else "q_alone"
        shown = {"q_ms": round(_under(q_ms, Q_MS, 0)), "q_mv": _under(q_mv, Q_MV, 2)}
        return State(message, lead, shown, {"limit_ms": round(Q_MS), "limit_mv": Q_MV})

    def _st(self, lead: str, row: Mapping[str, float]) -> State | None:
        """ST at J against table 2 of the Universal Definition, which has no limit of elevation for aVR."""
        at_j, limit_mv = row["st_j_mv"], float(self.limits_mv[lead])
        if math.isnan(at_j):
            return None
        if at_j >= LEVEL_ST_MV:
            if self.criteria is None or lead == "aVR":
                return State("st_raised_free", lead, {"st_j_mv": _mv(at_j)})
            over = "st_raised" if lead in self.criteria["st_elevation"] else "st_raised_alone"
            message = over if at_j >= limit_mv else "st_raised_under"
            return State(message, lead, {"st_j_mv": _under(at_j, limit_mv, 2)}, {"limit_mv": limit_mv})
        if at_j <= -LEVEL_ST_MV:
            depth = {"st_j_mv": _mv(-at_j)}
            if self.criteria is None or lead not in self.criteria["st_depression"]:
                return State("st_lowered_free", lead, depth)
            return State("st_lowered", lead, depth, {"limit_mv": ST_DEPRESSION_MV})
        later = row["st_j80_mv"]
        if abs(later) >= 2 * LEVEL_ST_MV:
            return State("st_rising" if later > 0 else "st_falling", lead, {"st_j80_mv": _mv(abs(later))})
        return State("st_level", lead, {"st_j_mv": _within(at_j, LEVEL_ST_MV)})


def _t(lead: str, row: Mapping[str, float]) -> State | None:
    t_mv, r_mv = row["t_mv"], _highest_r(row)
    if math.isnan(t_mv):
        return None
    low = t_mv < LOW_T_SHARE * r_mv
    message = "t_inverted" if t_mv <= -FLAT_T_MV else "t_flat" if t_mv < FLAT_T_MV else "t_low" if low else "t_upright"
    return State(message, lead, {"t_mv": _within(t_mv, FLAT_T_MV) if message == "t_flat" else _mv(t_mv)})


def _r(lead: str, row: Mapping[str, float]) -> State:
    low = lead in R_LEADS and row["r_mv"] <= LOW_R_MV
    return State("r_low" if low else "r", lead, {"r_mv_in": _mv(row["r_mv"])})


def _qrs(lead: str, row: Mapping[str, float]) -> State:
    """Which of R and what goes downwards is the greater."""
    r_mv = _highest_r(row)
    s_mv, q_mv = (-row[name] if row[name] < 0 else 0.0 for name in ("s_mv", "q_mv"))
    if max(s_mv, q_mv) > r_mv:
        deeper = {"s_mv": _mv(s_mv)} if s_mv >= q_mv else {"q_mv": _mv(q_mv)}
        return State("s_over_r" if s_mv >= q_mv else "q_over_r", lead, {**deeper, "r_mv": _mv(r_mv)})
    if s_mv == 0:
        return State("r_without_s", lead, {"r_mv": _mv(r_mv)})
    return State("r_over_s", lead, {"r_mv": _mv(r_mv), "s_mv": _mv(s_mv)})


def state_of_record(measurements: Measurements, name: str) -> State | None:
    """A value of the record, with its range where it is out of it; None where it could not be measured."""
    value = measurements.values[name]
    if value is None:
        return None
    shown = _mv(value) if name.endswith("_mv") else round(value)
    usual = range_of(name, measurements.sex) if name in measurements.outside else None
    limits = {} if usual is None else {"low": usual.low, "high": usual.high}
    sides = {side: limit for side, limit in limits.items() if limit is not None}
    return State(name, "", {"value" if name[-3:] != "_mv" else "value_mv": shown}, sides)


def state_of_progression(measurements: Measurements) -> State:
    """R from V1 to V4; a lead without R has 0."""
    rows = [measurements.leads.index(lead) for lead in PROGRESSION]
    r_mv = [_mv(each) for each in np.nan_to_num(measurements.table["r_mv"][rows])]
    grows = "r_grows" if (np.diff(r_mv) > 0).all() else "r_does_not_grow"
    return State("r_poor" if r_mv[PROGRESSION.index("V3")] <= LOW_R_MV else grows, "", {"each_mv": r_mv})


def _highest_r(row: Mapping[str, float]) -> float:
    """The higher of R and R', 0 where there is neither."""
    return max(each if each > 0 else 0.0 for each in (row["r_mv"], row["r2_mv"]))


def _mv(value: float) -> float:
    return round(float(value), 2) + 0.0  # no -0


def _under(value: float, limit: float, digits: int) -> float:
    """A value as it is said: one that is under its limit is said to be so."""
    shown, step = round(float(value), digits), 10.0**-digits
    return round(shown - step, digits) if value < limit <= shown else shown


def _within(value: float, limit: float) -> float:
    """Millivolts that are nearer to 0 than a limit, as they are said."""
    return math.copysign(_under(abs(value), limit, 2), value) + 0.0
