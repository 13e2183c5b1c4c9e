"""All that is measured of a recording: rate, intervals, axes and voltages, and the waves lead by lead."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from cardiac.beats import GAP_S, heart_rate_bpm
from cardiac.measurements.axes import angle_between_deg, cornell_mv, frontal_axis_deg, sokolow_lyon_mv, transition
from cardiac.measurements.criteria import inverted_t, lowered_st, pathological_q, raised_st, zero_for_nan
from cardiac.measurements.delineation import middle_intervals
from cardiac.measurements.fiducials import Fiducials, find_fiducials
from cardiac.measurements.limits import Range, outside
from cardiac.measurements.median_beat import BEFORE, GRID_HZ, BeatGroup, group_beats
from cardiac.measurements.wave_network import FIDUCIALS, QRS
from cardiac.measurements.waves import COLUMNS, SAMPLE_MS, LeadWaves, measure_waves
from cardiac.messages import Message
from cardiac.order_statistics import median
from cardiac.quality.assess import Quality
from cardiac.records import Record

VALUES = (
    "heart_rate_bpm", "rr_sd_ms", "p_ms", "pr_ms", "qrs_ms", "qt_ms", "qtc_fridericia_ms", "qtc_bazett_ms", "p_axis_deg",
    "qrs_axis_deg", "t_axis_deg", "qrs_t_angle_deg", "r_transition", "sokolow_lyon_mv", "cornell_mv",
)  # fmt: skip
OF_RHYTHM, OF_PACING = ("heart_rate_bpm", "rr_sd_ms"), ("p_ms", "pr_ms", "p_axis_deg")
LEAST_BEATS = 3
MEASURED_S = 60.0  # of a longer recording so much is measured, from its middle
NOISE_SHARE = 0.15  # of the QRS' height: a median beat that is noisier is not measured
DIGITS = {"bpm": 0, "ms": 0, "deg": 0, "mv": 3, "s": 2}

NO_BEATS = Message("no beats were found")
FEW_BEATS = Message("fewer than {n} beats of one shape", n=LEAST_BEATS)
NOISY = Message("the beats are too noisy")
PACED = Message("a pacemaker's impulses")
NO_P = Message("no P wave stands out: atrial fibrillation, another rhythm without P, or P within the T wave before")
NO_T = Message("the end of T cannot be told")
NO_QRS = Message("the QRS cannot be delimited")
NO_LEADS = Message("the leads that it is measured in are not all there, or nothing is left of it in them")
NO_RATE = Message("no two beats follow each other")
NO_PAIR = Message("no two measured beats follow each other")
NO_RHYTHM = {"heart_rate_bpm": NO_RATE, "rr_sd_ms": NO_PAIR}
NO_TRANSITION = Message("R is lower than S is deep in all chest leads, or not all six are there")


@dataclass(frozen=True)
class Measurements:
    """What was measured of a recording; a value that could not be is None, and `reasons` says why.

    values : by name, in the order of VALUES; ms, mV, degrees, beats a minute, and the name of a lead.  leads, table : names,
    and for each of COLUMNS its values, (n_leads,), NaN where a lead has no such wave or no beat was measured.
    fiducials, group : of the median beat; None where there is none.  n_beats : all that were found.  span_s : measured.
    sex, age_years : of the patient, which ranges and limits ask for; None where not known.
    """

    values: Mapping[str, float | str | None]
    reasons: Mapping[str, str]
    leads: tuple[str, ...]
    table: Mapping[str, np.ndarray]
    n_beats: int
    span_s: tuple[float, float]
    sex: str | None = None
    age_years: float | None = None
    group: BeatGroup | None = field(default=None, repr=False)
    fiducials: Fiducials | None = None

    @property
    def is_paced(self) -> bool:
        """Whether a pacemaker makes the beats."""
        return self.reasons.get("pr_ms") == PACED

    @property
    def outside(self) -> dict[str, Range]:
        """The values that lie outside their usual range, with it."""
        return outside(self.values, self.sex)

    def criteria(self) -> dict[str, list[str]] | None:
        """Leads over the limits of the Fourth Universal Definition of Myocardial Infarction, by name of the limit.

        None where nothing was measured, or a pacemaker makes the beats: the limits do not hold then.
        """
        if self.group is None or self.is_paced:
            return None
        st_j_mv = self.table["st_j_mv"]
        return {
            "pathological_q": [*pathological_q(self.leads, self.table)],
            "st_elevation": [*raised_st(self.leads, st_j_mv, self.sex, self.age_years)],
            "st_depression": [*lowered_st(self.leads, st_j_mv, self.table["st_slope_mv_per_s"])],
            "t_inversion": [*inverted_t(self.leads, self.table)],
        }

    def to_dict(self) -> dict[str, Any]:
        """The measurements as plain data, rounded; None in place of what could not be measured. The same object each time."""
        return self._document

    @cached_property
    def _document(self) -> dict[str, Any]:
        document: dict[str, Any] = {name: _rounded(name, value) for name, value in self.values.items()}
        ranges = {name: {"low": each.low, "high": each.high} for name, each in self.outside.items()}
        measured = {"measured": len(self.group.indices) if self.group else 0, "found": self.n_beats}
        rows = zip(*_rounded_columns(self.table), strict=True)
        by_lead = {lead: dict(zip(self.table, row, strict=True)) for lead, row in zip(self.leads, rows, strict=False)}
        return document | {
            "reasons": dict(self.reasons),
            "outside": ranges,
            "criteria": self.criteria(),
            "beats": measured | {"from_s": round(self.span_s[0], 3), "to_s": round(self.span_s[1], 3)},
            "leads": by_lead,
        }


def _rounded(name: str, value: Any) -> Any:
    """A value as it is written: None for what is not a number, whole ms, degrees and beats, and mV to the microvolt."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if not np.isfinite(value):
        return None
    digits = DIGITS[name.rsplit("_", 1)[1]]
    return round(float(value), digits) if digits else round(float(value))


def _rounded_columns(table: Mapping[str, np.ndarray]) -> list[list[Any]]:
    """The columns of a table by lead, as `_rounded` has each of their values; those of as many digits are rounded together."""
    columns = {name: values.tolist() for name, values in table.items() if values.dtype == bool}
    by_digits: dict[int, list[str]] = {}
    for name in table.keys() - columns.keys():
        by_digits.setdefault(DIGITS.get(name.rsplit("_", 1)[-1], 0), []).append(name)
    for digits, names in by_digits.items():
        rounded = np.round(np.array([table[name] for name in names], dtype=float), digits) + 0.0  # no -0.0
        for name, values in zip(names, rounded.tolist(), strict=True):
            columns[name] = [None if each != each else each if digits else int(each) for each in values]
    return [columns[name] for name in table]


def measure_record(record: Record, quality: Quality) -> Measurements:
    """The measurements of a recording of any leads whose quality is known; of a long one, of a minute in its middle."""
    signal, beats, first = _measured_part(record, quality.beats)
    span_s = (first / record.fs_hz, first / record.fs_hz + signal.shape[1] / record.fs_hz)
    groups = group_beats(signal, record.fs_hz, beats, most=1)
    rhythm = _rhythm(quality, beats, groups, record.fs_hz)
    why = _why_not(beats, groups)
    paced = any(reason.kind == "pacemaker" for reason in quality.reasons)
    if why is None:
        group = groups[0]
        rr_s = middle_intervals(group, beats, record.fs_hz)
        fiducials = find_fiducials(group, rr_s)
        if np.isfinite([fiducials["qrs_onset"], fiducials["qrs_end"]]).all():
            waves = measure_waves(group.beat, fiducials)
            measured = rhythm | _intervals(fiducials, rr_s[0])
            values, reasons = _values(record.leads, group, fiducials, waves, measured, paced)
            return Measurements(
                values,
                reasons,
                record.leads,
                waves.table,
                len(beats),
                span_s,
                record.sex,
                record.age_years,
                group,
                fiducials,
            )
        why = NO_QRS
    values = {name: rhythm.get(name) for name in VALUES}
    reasons = {name: why for name in VALUES if name not in OF_RHYTHM} | _missing_rhythm(rhythm)
    empty = {name: np.full(len(record.leads), np.nan) for name in COLUMNS}
    return Measurements(values, reasons, record.leads, empty, len(beats), span_s, record.sex, record.age_years)


def _measured_part(record: Record, beats: np.ndarray) -> tuple[np.ndarray, np.ndarray, int]:
    """The part of the recording that is measured, its beats, from its first sample, and which that is."""
    n, length = record.signal.shape[1], round(MEASURED_S * record.fs_hz)
    first = max(0, (n - length) // 2)
    end = min(n, first + length)
    inside = beats[(beats >= first) & (beats < end)] - first
    return np.asarray(record.signal[:, first:end], dtype=np.float32), inside, first


def _why_not(beats: np.ndarray, groups: list[BeatGroup]) -> str | None:
    """Why no beat is measured, or None."""
    if len(beats) == 0 or not groups:
        return NO_BEATS
    group = groups[0]
    if len(group.indices) < LEAST_BEATS:
        return FEW_BEATS
    heights = np.ptp(group.beat[:, QRS], axis=1)
    noise = group.noise / np.sqrt(len(group.indices))
    return NOISY if median(noise) > NOISE_SHARE * max(median(heights), 1e-6) else None


def _rhythm(quality: Quality, beats: np.ndarray, groups: list[BeatGroup], fs_hz: float) -> dict[str, float | None]:
    """Rate, of all beats, and the standard deviation of the intervals between beats of the dominant shape (ESC/NASPE 1996)."""
    rate = quality.rate_bpm if quality.rate_bpm else heart_rate_bpm(beats, fs_hz)
    if not groups:
        return {"heart_rate_bpm": rate, "rr_sd_ms": None}
    intervals = np.diff(groups[0].positions)[np.diff(groups[0].indices) == 1] / fs_hz
    intervals = intervals[intervals <= GAP_S]
    return {"heart_rate_bpm": rate, "rr_sd_ms": 1000 * float(np.std(intervals)) if len(intervals) > 1 else None}


def _missing_rhythm(rhythm: Mapping[str, float | None]) -> dict[str, str]:
    return {name: NO_RHYTHM[name] for name in OF_RHYTHM if rhythm[name] is None}


def _values(
    leads: tuple[str, ...],
    group: BeatGroup,
    fiducials: Fiducials,
    waves: LeadWaves,
    measured: Mapping[str, float | None],
    paced: bool,
) -> tuple[dict[str, Any], dict[str, str]]:
    """The values in the order of VALUES, and why those that are None could not be measured.

    measured : rhythm and intervals.
    """
    r_mv = zero_for_nan(np.fmax(waves.table["r_mv"], waves.table["r2_mv"]))
    s_mv = zero_for_nan(np.fmin(waves.table["s_mv"], waves.table["q_mv"]))  # the deepest, before R or after it
    found = {
        **measured,
        **_axes(leads, group, fiducials, waves),
        "r_transition": transition(leads, r_mv, s_mv),
        "sokolow_lyon_mv": sokolow_lyon_mv(leads, r_mv, s_mv),
        "cornell_mv": cornell_mv(leads, r_mv, s_mv),
    }
    if paced:
        found |= dict.fromkeys(OF_PACING)
    no_p = PACED if paced else NO_P if np.isnan(fiducials["p_onset"]) else NO_LEADS
    no_t = NO_T if np.isnan(fiducials["t_end"]) else NO_LEADS
    why = dict.fromkeys(VALUES, NO_LEADS) | dict.fromkeys(OF_PACING, no_p) | {"r_transition": NO_TRANSITION}
    why |= dict.fromkeys(("qt_ms", "t_axis_deg", "qrs_t_angle_deg"), no_t)
    no_qt = NO_T if found["qt_ms"] is None else NO_RATE
    why |= dict.fromkeys(("qtc_fridericia_ms", "qtc_bazett_ms"), no_qt) | NO_RHYTHM
    return {name: found[name] for name in VALUES}, {name: why[name] for name in VALUES if found[name] is None}


def _intervals(fiducials: Fiducials, rr_s: float) -> dict[str, float | None]:
    """P, PR, QRS and QT over all leads, and QT for the rate: Fridericia 1920 (by the cube root of RR), Bazett 1920 (the root).

    rr_s : the middle interval before the measured beats, NaN where unknown.
    """
    qt_ms = _interval_ms(fiducials, "qrs_onset", "t_end")
    return {
        "p_ms": _interval_ms(fiducials, "p_onset", "p_end"),
        "pr_ms": _interval_ms(fiducials, "p_onset", "qrs_onset"),
        "qrs_ms": _interval_ms(fiducials, "qrs_onset", "qrs_end"),
        "qt_ms": qt_ms,
        "qtc_fridericia_ms": qt_ms / rr_s ** (1 / 3) if qt_ms and rr_s > 0 else None,
        "qtc_bazett_ms": qt_ms / rr_s**0.5 if qt_ms and rr_s > 0 else None,
    }


def _interval_ms(fiducials: Fiducials, begin: str, end: str) -> float | None:
    length_ms = 1000 * (fiducials[end] - fiducials[begin])
    return length_ms if length_ms > 0 else None  # NaN is not above 0


def _axes(leads: tuple[str, ...], group: BeatGroup, fiducials: Fiducials, waves: LeadWaves) -> dict[str, float | None]:
    qrs = frontal_axis_deg(leads, waves.qrs_net_mv_ms)
    p = frontal_axis_deg(leads, _net(group, fiducials, waves, "p_onset", "p_end"))
    t = frontal_axis_deg(leads, _net(group, fiducials, waves, "qrs_end", "t_end"))
    angle = None if qrs is None or t is None else angle_between_deg(qrs, t)
    return {"p_axis_deg": p, "qrs_axis_deg": qrs, "t_axis_deg": t, "qrs_t_angle_deg": angle}


def _net(group: BeatGroup, fiducials: Fiducials, waves: LeadWaves, begin: str, end: str) -> np.ndarray:
    """Net areas of a wave, mV ms, (n_leads,), from the level at the onset of the QRS; zeros where it is absent."""
    edges = fiducials[begin], fiducials[end]
    if not np.isfinite(edges).all():
        return np.zeros(len(group.beat))
    first, last = (round(each * GRID_HZ) + BEFORE for each in edges)
    return (group.beat[:, max(first, 0) : last + 1] - waves.level[:, None]).sum(axis=1) * SAMPLE_MS


def beat_document(measurements: Measurements, fs_hz: float) -> dict[str, Any] | None:
    """The median beat for drawing, as plain data; None where none was measured.

    fs_hz : of the recording. Samples in mV at `fs_hz` of the document, from its level before the QRS; times in ms from the
    reference point, which stands `before` samples from the first; `at_s`, where the measured beats' reference points lie.
    """
    group, fiducials = measurements.group, measurements.fiducials
    if group is None or fiducials is None:
        return None

    def milliseconds(places: np.ndarray) -> dict[str, int | None]:
        return {name: _rounded("_ms", 1000 * each) for name, each in zip(FIDUCIALS, places, strict=True)}

    at_s = group.positions / fs_hz + measurements.span_s[0]
    return {
        "fs_hz": GRID_HZ,
        "before": BEFORE,
        "leads": {
            lead: np.round(row, 3).astype(float).tolist()
            for lead, row in zip(measurements.leads, group.beat, strict=True)
        },
        "fiducials_ms": milliseconds(fiducials.overall),
        "fiducials_by_lead_ms": {
            lead: milliseconds(row) for lead, row in zip(measurements.leads, fiducials.by_lead, strict=True)
        },
        "at_s": np.round(at_s, 3).tolist(),
    }
