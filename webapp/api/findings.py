"""A finding and its measurements as the API gives them, for the OpenAPI document: the objects of findings.json."""

from typing import Any

import marshmallow as ma
from marshmallow import validate

from cardiac.leads import LEADS
from tasks.mi.labels import SITES

FIDUCIALS = ("p_onset", "p_peak", "p_end", "qrs_onset", "qrs_end", "t_peak", "t_end")
SITES_BY = (
    "how the sites were chosen: each reached its own threshold, or none did and the closest to its own is named; null "
    "without an infarction; missing of records that an earlier version read"
)
OF_LEAD = "amplitudes are from the level at the onset of the QRS; null where the lead has no such wave"


def _whole(text: str) -> ma.fields.Integer:
    return ma.fields.Integer(required=True, allow_none=True, metadata={"description": text})


def _number(text: str) -> ma.fields.Float:
    return ma.fields.Float(required=True, allow_none=True, metadata={"description": text})


def _leads(text: str) -> ma.fields.List:
    return ma.fields.List(ma.fields.String(), required=True, metadata={"description": text})


class JudgementSchema(ma.Schema):
    """A probability, the threshold it is held against, and what was decided."""

    probability = ma.fields.Float(required=True)
    threshold = ma.fields.Float(required=True)
    present = ma.fields.Boolean(required=True)


class RangeSchema(ma.Schema):
    """The usual range in adults that a value lies outside of; null leaves a side open."""

    low = ma.fields.Float(required=True, allow_none=True)
    high = ma.fields.Float(required=True, allow_none=True)


class CriteriaSchema(ma.Schema):
    """Leads over the limits of the Fourth Universal Definition of Myocardial Infarction; limits, not a diagnosis."""

    pathological_q = _leads("Q waves that are wide and deep enough to count, or QS")
    st_elevation = _leads("ST at J raised to its limit, together with a neighbouring lead's")
    st_depression = _leads("ST at J lowered by 0.05 mV and more, together with a neighbouring lead's")
    t_inversion = _leads(
        "T inverted by more than 0.1 mV with R higher than S is deep, together with a neighbouring lead's"
    )


class BeatsSchema(ma.Schema):
    """Which beats were measured."""

    measured = ma.fields.Integer(required=True, metadata={"description": "beats of the dominant shape; 0: none"})
    found = ma.fields.Integer(required=True, metadata={"description": "all beats of the part that was measured"})
    from_s = ma.fields.Float(required=True, metadata={"description": "the part that was measured; a minute at most"})
    to_s = ma.fields.Float(required=True)


class LeadSchema(ma.Schema):
    """The waves of the median beat in one lead: amplitudes in mV, durations in ms."""

    p_mv = _number(f"P at its peak; {OF_LEAD}")
    q_mv = _number("Q, below 0")
    q_ms = _whole("duration of Q")
    r_mv = _number("R")
    r_ms = _whole("duration of R")
    s_mv = _number("S, below 0")
    s_ms = _whole("duration of S")
    r2_mv = _number("R'")
    r2_ms = _whole("duration of R'")
    qs = ma.fields.Boolean(required=True, allow_none=True, metadata={"description": "the QRS is a QS"})
    qrs_mv = _number("height of the QRS from its lowest to its highest point")
    st_j_mv = _number("ST at J, the end of the QRS")
    st_j40_mv = _number("ST 40 ms after J")
    st_j60_mv = _number("ST 60 ms after J")
    st_j80_mv = _number("ST 80 ms after J")
    st_slope_mv_per_s = _number("slope of ST from J to 80 ms after it, mV/s")
    t_mv = _number("T at its peak")
    t_max_mv = _number("the highest point between ST and the end of T")
    t_min_mv = _number("the lowest point between ST and the end of T")


class MeasurementsSchema(ma.Schema):
    """What was measured of the median beat; null where it could not be, and `reasons` says why."""

    heart_rate_bpm = _whole("beats per minute, of all beats")
    rr_sd_ms = _whole("standard deviation of the intervals between beats of the dominant shape, ms")
    p_ms = _whole("duration of P over all leads, ms")
    pr_ms = _whole("PR, ms")
    qrs_ms = _whole("QRS, ms")
    qt_ms = _whole("QT, ms")
    qtc_fridericia_ms = _whole("QT for the rate, by the cube root of RR, ms")
    qtc_bazett_ms = _whole("QT for the rate, by the square root of RR, ms")
    p_axis_deg = _whole("axis of P in the frontal plane, -180 to 180 degrees, 0 along lead I, 90 along aVF")
    qrs_axis_deg = _whole("axis of the QRS, degrees")
    t_axis_deg = _whole("axis of T, degrees")
    qrs_t_angle_deg = _whole("angle between the axes of QRS and T, 0 to 180 degrees")
    r_transition = ma.fields.String(
        required=True,
        allow_none=True,
        metadata={"description": "the first chest lead in which R is at least as high as S is deep"},
    )
    sokolow_lyon_mv = _number("S in V1 and the higher R of V5 and V6, mV")
    cornell_mv = _number("R in aVL and S in V3, mV")
    reasons = ma.fields.Dict(
        ma.fields.String(),
        ma.fields.String(),
        required=True,
        metadata={"description": "why a value is null, by its name"},
    )
    outside = ma.fields.Dict(
        ma.fields.String(),
        ma.fields.Nested(RangeSchema),
        required=True,
        metadata={"description": "values outside their usual range, by name, with the range"},
    )
    criteria = ma.fields.Nested(CriteriaSchema, required=True, allow_none=True)
    beats = ma.fields.Nested(BeatsSchema, required=True)
    leads = ma.fields.Dict(
        ma.fields.String(), ma.fields.Nested(LeadSchema), required=True, metadata={"description": "by lead"}
    )


class QualitySchema(ma.Schema):
    """How good the tracing is."""

    status = ma.fields.String(required=True, validate=validate.OneOf(["ok", "warning"]))
    reasons = ma.fields.List(ma.fields.String(), required=True)
    details = ma.fields.List(ma.fields.Dict(), required=True)
    messages = ma.fields.List(
        ma.fields.Dict(),
        metadata={"description": "of each reason its template and arguments; missing where an earlier version read it"},
    )


EXAMPLE: dict[str, Any] = {
    "heart_rate_bpm": 104,
    "rr_sd_ms": 131,
    "p_ms": None,
    "pr_ms": None,
    "qrs_ms": 92,
    "qt_ms": 324,
    "qtc_fridericia_ms": 389,
    "qtc_bazett_ms": 427,
    "p_axis_deg": None,
    "qrs_axis_deg": -12,
    "t_axis_deg": 96,
    "qrs_t_angle_deg": 108,
    "r_transition": "V4",
    "sokolow_lyon_mv": 2.114,
    "cornell_mv": 1.483,
    "reasons": dict.fromkeys(("p_ms", "pr_ms", "p_axis_deg"), "no P wave stands out: atrial fibrillation"),
    "outside": {"heart_rate_bpm": {"low": 50, "high": 100}, "qrs_t_angle_deg": {"low": None, "high": 90}},
    "criteria": {"pathological_q": ["III", "aVF"], "st_elevation": [], "st_depression": [], "t_inversion": []},
    "beats": {"measured": 15, "found": 17, "from_s": 0.0, "to_s": 10.0},
    "leads": {
        "III": {
            "p_mv": None, "q_mv": -0.312, "q_ms": 44, "r_mv": 0.418, "r_ms": 41, "s_mv": None, "s_ms": None, "r2_mv": None,
            "r2_ms": None, "qs": False, "qrs_mv": 0.73, "st_j_mv": 0.042, "st_j40_mv": 0.038, "st_j60_mv": 0.031,
            "st_j80_mv": 0.02, "st_slope_mv_per_s": -0.28, "t_mv": -0.087, "t_max_mv": 0.016, "t_min_mv": -0.088,
        }
    },
}  # fmt: skip


class FindingSchema(ma.Schema):
    """What was concluded about a record: an object of findings.json."""

    record = ma.fields.String(required=True)
    mi = ma.fields.Nested(JudgementSchema, required=True)
    localizations = ma.fields.Dict(
        ma.fields.String(validate=validate.OneOf(SITES)), ma.fields.Nested(JudgementSchema), required=True
    )
    sites_by = ma.fields.String(
        allow_none=True, validate=validate.OneOf(["threshold", "closest"]), metadata={"description": SITES_BY}
    )
    norm = ma.fields.Boolean(required=True)
    uncertain = ma.fields.Boolean(required=True, metadata={"description": "the probability lies in the band of doubt"})
    spread = ma.fields.Float(required=True)
    quality = ma.fields.Nested(QualitySchema, required=True)
    heart_rate_bpm = _whole("null where it is not known")
    fs_hz = ma.fields.Float(required=True)
    duration_s = ma.fields.Float(required=True)
    measurements = ma.fields.Nested(
        MeasurementsSchema,
        allow_none=True,
        metadata={"description": "null or missing of records that an earlier version read", "example": EXAMPLE},
    )
    bundle = ma.fields.Dict(required=True, metadata={"description": "name and checksum of what has read it"})


class PlacesSchema(ma.Schema):
    """Where the waves begin, peak and end, in ms from the reference point; null where a wave is absent."""

    p_onset = _whole("P begins")
    p_peak = _whole("P at its peak")
    p_end = _whole("P ends")
    qrs_onset = _whole("the QRS begins")
    qrs_end = _whole("the QRS ends (J)")
    t_peak = _whole("T at its peak")
    t_end = _whole("T ends")


class BeatSchema(ma.Schema):
    """The median of the beats of the dominant shape."""

    fs_hz = ma.fields.Float(
        required=True, metadata={"description": "of the samples here, whatever the recording's rate"}
    )
    before = ma.fields.Integer(required=True, metadata={"description": "samples before the reference point"})
    leads = ma.fields.Dict(
        ma.fields.String(),
        ma.fields.List(ma.fields.Float()),
        required=True,
        metadata={"description": "samples by lead, mV, from the level before the QRS"},
    )
    fiducials_ms = ma.fields.Nested(PlacesSchema, required=True, metadata={"description": "over all leads"})
    fiducials_by_lead_ms = ma.fields.Dict(ma.fields.String(), ma.fields.Nested(PlacesSchema), required=True)
    at_s = ma.fields.List(
        ma.fields.Float(),
        required=True,
        metadata={"description": "the measured beats' reference points in the recording"},
    )


BEAT_EXAMPLE: dict[str, Any] = {
    "record": "sim_04",
    "beat": {
        "fs_hz": 250.0,
        "before": 2,
        "leads": {lead: [0.0, -0.04, 0.61, 0.12, -0.08] for lead in LEADS[:2]},
        "fiducials_ms": dict(zip(FIDUCIALS, (-206, -148, -101, -62, 47, 217, 299), strict=True)),
        "fiducials_by_lead_ms": {"I": dict(zip(FIDUCIALS, (None, None, None, -60, 44, 221, 297), strict=True))},
        "at_s": [0.705, 1.461, 2.213],
    },
}


class MedianBeatSchema(ma.Schema):
    """A record's median beat; null where none could be measured."""

    record = ma.fields.String(required=True)
    beat = ma.fields.Nested(BeatSchema, required=True, allow_none=True)
