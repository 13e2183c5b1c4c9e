import numpy as np
import pytest

from cardiac.leads import LEADS
from cardiac.measurements.axes import angle_between_deg, frontal_axis_deg, transition
from cardiac.measurements.criteria import inverted_t, lowered_st, pathological_q, raised_st, st_limits_mv
from cardiac.measurements.limits import outside, range_of


def table(**by_lead):
    """Columns of waves.COLUMNS, all usual but for what is given: lead=dict(column=value)."""
    usual = {"q_ms": np.nan, "q_mv": np.nan, "qs": 0.0, "r_mv": 1.0, "s_mv": -0.3, "t_mv": 0.3}
    columns = {name: np.full(12, value) for name, value in usual.items()}
    for lead, values in by_lead.items():
        for name, value in values.items():
            columns[name][LEADS.index(lead)] = value
    return columns


DEEP = {"q_ms": 40.0, "q_mv": -0.3}


@pytest.mark.parametrize(
    ("by_lead", "counted"),
    [
        ({}, ()),
        ({"III": DEEP}, ()),  # one lead alone
        ({"III": DEEP, "aVF": DEEP}, ("III", "aVF")),
        ({"III": DEEP, "V4": DEEP}, ()),  # not of one group
        ({"I": DEEP, "aVL": DEEP}, ("I", "aVL")),
        ({"II": {**DEEP, "q_ms": 29.0}, "aVF": DEEP}, ()),
        ({"II": {**DEEP, "q_mv": -0.09}, "aVF": DEEP}, ()),
        ({"V2": {"q_ms": 21.0, "q_mv": -0.02}}, ("V2",)),  # any Q over 20 ms in V2 and V3
        ({"V3": {"q_ms": 20.0, "q_mv": -0.5}}, ()),
        ({"V2": {"qs": 1.0, "q_mv": -0.8}}, ("V2",)),
        ({"V1": {"qs": 1.0, "q_mv": -0.8}}, ()),  # QS in V1 is common
        ({"V5": DEEP, "V6": {"qs": 1.0}}, ("V5", "V6")),
    ],
)
def test_q_waves_count_as_table_3_has_it(by_lead, counted):
    assert pathological_q(LEADS, table(**by_lead)) == counted


@pytest.mark.parametrize(
    ("sex", "age", "limit"),
    [
        ("female", 30, 0.15),
        ("female", None, 0.15),
        ("male", 50, 0.2),
        ("male", 30, 0.25),
        ("male", None, 0.25),
        (None, 60, 0.2),
        (None, None, 0.25),
    ],
)
def test_st_in_v2_and_v3_goes_by_sex_and_age(sex, age, limit):
    limits = dict(zip(LEADS, st_limits_mv(LEADS, sex, age), strict=True))
    assert limits["V2"] == limits["V3"] == limit
    assert {limits[lead] for lead in LEADS if lead not in ("V2", "V3")} == {0.1}


def st(**by_lead):
    return np.array([by_lead.get(lead, 0.0) for lead in LEADS])


def test_raised_st_asks_for_a_neighbour():
    assert raised_st(LEADS, st(II=0.12, aVF=0.11)) == ("II", "aVF")
    assert raised_st(LEADS, st(II=0.12, V5=0.11)) == ()
    assert raised_st(LEADS, st(V2=0.18, V3=0.18), "female") == ("V2", "V3")
    assert raised_st(LEADS, st(V2=0.18, V3=0.18), "male", 50) == ()
    assert raised_st(LEADS, st(V3=0.3, V4=0.1), "male", 50) == ("V3", "V4")


def test_lowered_st_must_not_rise():
    level, rising = np.zeros(12), np.full(12, 1.0)
    assert lowered_st(LEADS, st(V4=-0.06, V5=-0.05), level) == ("V4", "V5")
    assert lowered_st(LEADS, st(V4=-0.06, V5=-0.05), rising) == ()
    assert lowered_st(LEADS, st(V4=-0.06, V5=-0.04), level) == ()


def test_inverted_t_asks_for_r_over_s():
    over = {"t_mv": -0.2}
    assert inverted_t(LEADS, table(V5=over, V6=over)) == ("V5", "V6")
    assert inverted_t(LEADS, table(V5={**over, "s_mv": -1.5}, V6=over)) == ()


def test_what_is_not_measured_is_over_no_limit():
    nothing = {name: np.full(12, np.nan) for name in ("q_ms", "q_mv", "qs", "r_mv", "s_mv", "t_mv")}
    assert pathological_q(LEADS, nothing) == ()
    assert inverted_t(LEADS, nothing) == ()
    assert raised_st(LEADS, np.full(12, np.nan)) == ()


def test_ranges_go_by_sex_where_that_matters():
    assert range_of("qtc_bazett_ms", "male").high == 450
    assert range_of("qtc_bazett_ms", "female").high == range_of("qtc_bazett_ms").high == 460
    assert range_of("cornell_mv", "female").high == 2.0
    assert range_of("p_ms") is None
    values = {
        "heart_rate_bpm": 101,
        "pr_ms": 200,
        "qrs_ms": 111,
        "r_transition": "V3",
        "qt_ms": None,
        "qrs_axis_deg": -31,
    }
    assert set(outside(values)) == {"heart_rate_bpm", "qrs_ms", "qrs_axis_deg"}


def test_axes_of_known_vectors():
    for degrees in range(-170, 180, 20):
        along = np.radians(degrees)
        areas = {"I": np.cos(along), "II": np.cos(along - np.radians(60)), "III": np.cos(along - np.radians(120))}
        areas["aVF"] = (areas["II"] + areas["III"]) / 2
        for leads in (("I", "aVF"), ("I", "II"), ("I", "III")):
            found = frontal_axis_deg(leads, np.array([10 * areas[lead] for lead in leads]))
            assert found == pytest.approx(degrees, abs=1e-6), leads
    assert frontal_axis_deg(("I", "aVF"), np.zeros(2)) is None
    assert frontal_axis_deg(("II", "V2"), np.ones(2)) is None
    assert angle_between_deg(170, -170) == pytest.approx(20)


def test_transition_is_the_first_lead_with_r_over_s():
    r, s = np.zeros(12), np.zeros(12)
    r[6:], s[6:] = (0.1, 0.3, 0.6, 1.0, 1.2, 1.0), (-1.0, -1.2, -0.6, -0.3, -0.1, 0.0)
    assert transition(LEADS, r, s) == "V3"
    assert transition(LEADS, np.zeros(12), s - 0.1) is None
    assert transition(("I", "II"), np.ones(2), np.zeros(2)) is None
