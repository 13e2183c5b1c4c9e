"""Sentences about what was measured: true to the table, with the limits that hold, one for the leads that show the same."""

import re
from dataclasses import replace

import numpy as np
import pytest

from cardiac.assessment import assess_record
from cardiac.leads import LEADS
from cardiac.measurements.measure import Measurements
from tasks.mi.features import FEATURES, features_of
from tasks.mi.sign_states import LeadStates, state_of_progression, state_of_record
from tasks.mi.sign_words import MESSAGES, lead_words, say
from tasks.mi.signs import WAVES, Sign, name_signs
from tasks.mi.simulate import simulate_record

NOTHING = float("nan")


@pytest.fixture(scope="module")
def healthy() -> Measurements:
    return assess_record(simulate_record(3, None, noise=0.0).record).measurements


def with_table(measurements: Measurements, lead: str, **values: float) -> Measurements:
    """The measurements with other values in the table of one lead."""
    table = {name: column.copy() for name, column in measurements.table.items()}
    for name, value in values.items():
        table[name][LEADS.index(lead)] = value
    return replace(measurements, table=table)


def named(measurements: Measurements, features: np.ndarray | None = None, **values: float) -> tuple[Sign, ...]:
    """The signs where these features contribute so much, and the others nothing."""
    contributions = np.zeros(len(FEATURES))
    for name, value in values.items():
        contributions[FEATURES.index(name)] = value
    return name_signs(measurements, features_of(measurements) if features is None else features, contributions)


def texts(measurements: Measurements, **values: float) -> list[str]:
    return [sign.text for sign in named(measurements, **values)]


def with_q(measurements: Measurements, lead: str, q_ms: float, q_mv: float) -> Measurements:
    return with_table(measurements, lead, q_ms=q_ms, q_mv=q_mv, qs=False, r_mv=0.5)


def test_leads_with_the_same_sign_share_a_sentence(healthy):
    both = with_q(with_q(healthy, "III", 44.2, -0.301), "aVF", 38.0, -0.25)
    assert texts(both, III_q=0.4, aVF_q_ms=0.3, aVF_qs=0.1) == [
        "Q 38 to 44 ms wide and 0.25 to 0.30 mV deep in III and aVF (counts from 30 ms and 0.10 mV)"
    ]
    (sign,) = named(both, III_q=0.4, aVF_q_ms=0.3, aVF_qs=0.1)
    assert (sign.message, sign.leads, sign.value) == ("q_over", ("III", "aVF"), pytest.approx(0.8))
    assert sign.arguments == {"q_ms": [38, 44], "q_mv": [0.25, 0.3], "limit_ms": 30, "limit_mv": 0.1}


def test_a_q_counts_where_the_definition_has_it(healthy):
    alone = with_q(healthy, "III", 44, -0.3)
    assert texts(alone, III_q=0.4) == [
        "Q 44 ms wide and 0.30 mV deep in III (counts from 30 ms and 0.10 mV in two leads side by side)"
    ]
    assert texts(with_q(healthy, "III", 29.8, -0.3), III_q=0.4) == [
        "small Q, 29 ms wide and 0.30 mV deep, in III (counts from 30 ms and 0.10 mV)"
    ]
    assert texts(with_q(healthy, "III", 44, -0.0996), III_q=0.4) == [
        "small Q, 44 ms wide and 0.09 mV deep, in III (counts from 30 ms and 0.10 mV)"
    ]
    assert texts(with_q(healthy, "V2", 20.3, -0.3), V2_q=0.4) == [
        "Q 21 ms wide and 0.30 mV deep in V2 (counts over 20 ms)"
    ]
    assert texts(with_q(healthy, "V2", 20.0, -0.3), V2_q=0.4) == [
        "small Q, 20 ms wide and 0.30 mV deep, in V2 (counts over 20 ms)"
    ]
    assert texts(with_q(healthy, "V1", 44, -0.3), V1_q=0.4) == ["Q 44 ms wide and 0.30 mV deep in V1"]


def test_limits_are_left_out_where_the_qrs_is_wide(healthy):
    wide = replace(with_q(healthy, "III", 44, -0.3), values={**healthy.values, "qrs_ms": 120.0})
    assert texts(wide, III_q=0.4) == ["Q 44 ms wide and 0.30 mV deep in III"]
    small = with_q(wide, "V2", 12, -0.05)
    assert texts(small, III_q=0.4, V2_q=0.3) == [
        "Q 44 ms wide and 0.30 mV deep in III",
        "small Q, 12 ms wide and 0.05 mV deep, in V2",
    ]
    raised = replace(with_table(wide, "V2", st_j_mv=0.31), values=wide.values)
    assert texts(raised, V2_st_j=0.4) == ["ST raised by 0.31 mV at J in V2"]


def test_a_q_that_is_not_there_is_no_q(healthy):
    bare = with_table(healthy, "aVF", q_mv=NOTHING, q_ms=NOTHING, qs=False, r_mv=0.5)
    assert texts(bare, aVF_q=-0.4) == ["no Q in aVF"]
    features = features_of(bare).copy()
    features[FEATURES.index("aVF_q")] = 0.0
    assert [sign.text for sign in named(bare, features, aVF_q=0.4)] == ["no Q in aVF"]
    features[FEATURES.index("aVF_q")] = 0.01  # a dip that nobody could measure is not said to be no Q
    assert named(bare, features, aVF_q=0.4) == ()


def test_qs_and_next_to_it(healthy):
    chest = healthy
    for lead in ("V1", "V2", "V3"):
        chest = with_table(chest, lead, qs=True, q_mv=-1.0, q_ms=80, r_mv=NOTHING, s_mv=NOTHING)
    assert texts(chest, V1_q=0.3, V2_r=0.3, V3_initial_40=0.3) == ["QS in V1 to V3"]
    hardly = with_table(healthy, "V2", qs=False, q_mv=NOTHING, r_mv=0.041, s_mv=-1.2)
    assert texts(hardly, V2_r=0.3, V2_qs=0.4) == ["hardly any R before S in V2 (0.04 mV)"]
    assert texts(with_table(hardly, "V2", s_mv=NOTHING), V2_r=0.3) == ["R only 0.04 mV in V2"]
    assert texts(with_table(hardly, "V2", s_mv=-0.03), V2_r=0.3) == ["R only 0.04 mV in V2"]


def test_r_is_said_of_each_lead(healthy):
    chest = with_table(with_table(healthy, "V2", r_mv=0.121, q_mv=NOTHING), "V3", r_mv=0.3, q_mv=NOTHING)
    assert texts(chest, V2_r=0.3, V3_r_share=0.2) == ["R only 0.12 mV in V2 and 0.30 mV in V3"]
    assert texts(with_table(chest, "V3", r_mv=0.31), V3_r=-0.3) == ["R 0.31 mV in V3"]
    assert texts(with_table(healthy, "III", r_mv=0.12, q_mv=NOTHING), III_r=0.3) == ["R 0.12 mV in III"]


def test_st_against_the_limit_of_its_lead(healthy):
    man = replace(healthy, sex="male", age_years=60.0)
    raised = with_table(with_table(man, "V2", st_j_mv=0.21), "V3", st_j_mv=0.214)
    assert texts(raised, V2_st_j=0.3, V3_st_60=0.2) == ["ST raised by 0.21 mV at J in V2 and V3 (limit 0.20)"]
    young = replace(raised, age_years=30.0)
    assert texts(young, V2_st_j=0.3, V3_st_60=0.2) == [
        "ST raised by 0.21 mV at J in V2 and V3, under the limit of 0.25"
    ]
    assert texts(with_table(man, "V3", st_j_mv=0.1999), V3_st_j=0.3) == [
        "ST raised by 0.19 mV at J in V3, under the limit of 0.20"
    ]
    low = with_table(man, "V4", st_j_mv=0.0)
    low = with_table(
        with_table(low, "V5", st_j_mv=-0.08, st_slope_mv_per_s=0.0), "V6", st_j_mv=-0.06, st_slope_mv_per_s=0
    )
    assert texts(low, V5_st_j=0.3, V6_st_j=0.3) == ["ST lowered by 0.06 to 0.08 mV at J in V5 and V6 (limit 0.05)"]
    rising = with_table(man, "V2", st_j_mv=0.02, st_j80_mv=0.16)
    assert texts(rising, V2_st_80=0.3) == ["ST level at J and raised by 0.16 mV 80 ms after it in V2"]


@pytest.mark.parametrize(
    ("t_mv", "r_mv", "text"),
    [
        (-0.15, 0.5, "T upside down in III (-0.15 mV)"),
        (-0.099, 0.5, "T flat in III (-0.09 mV)"),
        (-0.004, 0.5, "T flat in III (0.00 mV)"),
        (0.12, 1.3, "T low in III (0.12 mV, under a tenth of R)"),
        (0.12, 1.1, "T upright in III (0.12 mV)"),
    ],
)
def test_t(healthy, t_mv, r_mv, text):
    assert texts(with_table(healthy, "III", t_mv=t_mv, r_mv=r_mv, r2_mv=NOTHING), III_t=0.3, III_t_min=0.1) == [text]


def test_what_is_of_the_record(healthy):
    out = replace(healthy, values={**healthy.values, "qrs_axis_deg": -52.4, "qrs_ms": 96.0, "pr_ms": None})
    assert texts(out, qrs_axis_deg=0.5, qrs_ms=0.4, pr_ms=0.3) == ["QRS axis -52° (usual -30 to 90)", "QRS 96 ms wide"]
    assert texts(out, sokolow_lyon=-0.2) == [
        f"S in V1 and R in V5 or V6 together {healthy.values['sokolow_lyon_mv']:.2f} mV"
    ]


@pytest.mark.parametrize(
    ("r_mv", "text"),
    [
        ((0.1, 0.2, 0.31, 0.9), "R grows from V1 to V4 (0.10, 0.20, 0.31 and 0.90 mV)"),
        ((0.1, 0.2, 0.30, 0.9), "poor progression of R from V1 to V4 (0.10, 0.20, 0.30 and 0.90 mV)"),
        ((0.1, 0.8, 0.6, 0.9), "R does not grow steadily from V1 to V4 (0.10, 0.80, 0.60 and 0.90 mV)"),
        ((NOTHING, 0.2, 0.6, 0.9), "R grows from V1 to V4 (0.00, 0.20, 0.60 and 0.90 mV)"),
    ],
)
def test_progression_of_r(healthy, r_mv, text):
    for lead, value in zip(("V1", "V2", "V3", "V4"), r_mv, strict=True):
        healthy = with_table(healthy, lead, r_mv=value)
    assert texts(healthy, least_r_23=0.2, transition=0.1) == [text]


def test_counts_are_said_with_the_leads_that_are_counted(healthy):
    both = with_q(with_q(with_q(healthy, "III", 44, -0.3), "aVF", 44, -0.3), "II", 12, -0.05)
    (sign,) = named(both, q_inferior=0.4)
    assert sign.leads == ("III", "aVF")
    assert sign.value == pytest.approx(0.4)
    hardly = with_table(healthy, "aVF", q_mv=NOTHING, r_mv=0.04, s_mv=-0.5, qs=False)
    for lead in ("II", "III"):
        hardly = with_table(hardly, lead, q_mv=NOTHING, r_mv=0.5, qs=False)
    assert texts(hardly, q_inferior=0.4) == ["hardly any R before S in aVF (0.04 mV)"]


def test_no_more_than_five_for_and_three_against(healthy):
    many = {
        f"{lead}_{feature}": 0.2 + 0.01 * index for index, lead in enumerate(LEADS) for feature in ("r", "st_j", "t")
    }
    many |= {"qrs_ms": 0.5, "qt_ms": 0.4, "heart_rate_bpm": 0.3, "t_axis_deg": 0.35}
    signs = named(healthy, **many)
    assert len(signs) == 5
    assert all(sign.value > 0 for sign in signs)
    assert [sign.value for sign in signs] == sorted((sign.value for sign in signs), reverse=True)
    against = named(healthy, **{name: -value for name, value in many.items()})
    assert len(against) == 3
    assert all(sign.value < 0 for sign in against)


def test_what_says_next_to_nothing_is_not_named(healthy):
    assert named(healthy, qrs_ms=0.099) == ()
    assert len(named(healthy, qrs_ms=0.1)) == 1
    (sign,) = named(with_q(with_q(healthy, "III", 44, -0.3), "aVF", 44, -0.3), III_q=0.6, aVF_q=0.19)
    assert sign.leads == ("III",)


def test_avr_and_notches_are_not_named(healthy):
    assert named(healthy, aVR_q=0.5, aVR_t=0.5, aVR_r=0.5, V2_notches=0.5, V2_r_peak_ms=0.5) == ()
    assert texts(with_table(healthy, "aVR", t_mv=0.2, r_mv=0.1, r2_mv=NOTHING), aVR_t=0.5) == [
        "T upright in aVR (0.20 mV)"
    ]


@pytest.mark.parametrize("site", [None, "inferior", "anteroseptal", "lateral"])
def test_no_number_stands_there_that_the_table_has_not(site):
    """Whatever speaks: of every lead and wave, and of the record."""
    measurements = assess_record(simulate_record(11, site, noise=0.01).record).measurements
    states, said = LeadStates(measurements), 0
    for lead in LEADS:
        row = {name: float(column[LEADS.index(lead)]) for name, column in measurements.table.items()}
        for wave in {*WAVES.values()}:
            state = states.of(lead, wave)
            for name, value in (state.values if state else {}).items():
                said += 1
                assert abs(value) == pytest.approx(
                    abs(row[name.removesuffix("_in")]), abs=1.0 if "_ms" in name else 0.01
                )
            assert state is None or (state.message == "qs") == (row["qs"] > 0 and wave not in ("ST", "T"))
            assert state is None or not state.message.startswith("q_o") or row["q_mv"] < 0
    assert said > 60
    for name in ("qrs_ms", "qrs_axis_deg", "cornell_mv", "heart_rate_bpm"):
        (value,) = state_of_record(measurements, name).values.values()
        assert value == pytest.approx(measurements.values[name], abs=0.5)
    assert state_of_progression(measurements).values["each_mv"][3] == pytest.approx(
        measurements.table["r_mv"][LEADS.index("V4")], abs=0.01
    )


def test_leads_in_words():
    assert lead_words(["V3", "V1", "V2"]) == "V1 to V3"
    assert lead_words(["aVF", "II", "III"]) == "II, III and aVF"
    assert lead_words(["V1", "V2", "V4", "V5", "V6"]) == "V1, V2 and V4 to V6"
    assert lead_words(["V2"]) == "V2"
    assert lead_words(["aVF", "V1", "V2"]) == "aVF, V1 and V2"


def test_every_message_can_be_said():
    """With the arguments that it names, and with no other."""
    for message, template in MESSAGES.items():
        names = {*re.findall(r"{(\w+)}", template)} - {"leads"}
        arguments = {name: [0.1, 0.2] for name in names}
        sentence = say(message, ["V1", "V2"], arguments)
        assert "{" not in sentence
        assert sentence[0] != " "


def test_a_sign_comes_back_from_its_document(healthy):
    for sign in named(healthy, qrs_ms=0.5, V2_r=0.4, V3_r=0.3, III_t=-0.3):
        document = sign.to_dict()
        assert list(document) == ["sign", "leads", "text", "value", "arguments"]
        again = Sign.from_dict(document)
        assert again.to_dict() == document
        assert say(again.message, again.leads, again.arguments) == sign.text
