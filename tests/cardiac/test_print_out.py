"""What is printed over a tracing: every value with its unit, what is missing, and what is out of its range."""

import pytest

from cardiac.measurements.measure import VALUES
from cardiac.print_out import Part, criteria_line, measured_parts, part_shown, range_words, remark_parts

USUAL = {
    "heart_rate_bpm": 63, "rr_sd_ms": 20, "p_ms": 100, "pr_ms": 160, "qrs_ms": 92, "qt_ms": 400, "qtc_fridericia_ms": 412,
    "qtc_bazett_ms": 415, "p_axis_deg": 45, "qrs_axis_deg": 30, "t_axis_deg": 50, "qrs_t_angle_deg": 20,
    "r_transition": "V4", "sokolow_lyon_mv": 2.1, "cornell_mv": 1.2,
}  # fmt: skip
NONE_OVER = {"pathological_q": [], "st_elevation": [], "st_depression": [], "t_inversion": []}


def document(reasons=None, outside=None, criteria=None, beats=(10, 10, 0.0), **values):
    measured, found, from_s = beats
    return USUAL | values | {
        "reasons": reasons or {},
        "outside": outside or {},
        "criteria": NONE_OVER | (criteria or {}),
        "beats": {"measured": measured, "found": found, "from_s": from_s, "to_s": from_s + 60},
    }  # fmt: skip


def words(parts: list[Part]) -> str:
    return " ".join(part.text for part in parts)


def test_the_usual_line():
    assert set(USUAL) == set(VALUES)
    parts = measured_parts(document())
    assert words(parts) == "Rate 63/min PR 160 ms QRS 92 ms QT/QTc 400/412 ms (Fridericia) P/QRS/T axis 45/30/50°"
    assert not any(part.outside for part in parts)
    assert criteria_line(document()) == ""
    assert remark_parts(document()) == []


def test_what_is_outside_has_a_mark_and_its_range():
    told = document(qrs_ms=131, pr_ms=110, qtc_fridericia_ms=480, qrs_axis_deg=-45, heart_rate_bpm=40, outside={
        "qrs_ms": {"low": None, "high": 110},
        "pr_ms": {"low": 120, "high": 200},
        "qtc_fridericia_ms": {"low": 360, "high": 450},
        "qrs_axis_deg": {"low": -30, "high": 90},
        "heart_rate_bpm": {"low": 50, "high": 100},
    })  # fmt: skip
    assert measured_parts(told) == [
        Part("Rate 40/min ↓", outside=True),
        Part("(50 to 100)", small=True),
        Part("PR 110 ms ↓", outside=True),
        Part("(120 to 200)", small=True),
        Part("QRS 131 ms ↑", outside=True),
        Part("(up to 110)", small=True),
        Part("QT/QTc 400/480↑ ms", outside=True),
        Part("(Fridericia, QTc 360 to 450)", small=True),
        Part("P/QRS/T axis 45/-45↓/50°", outside=True),
        Part("(QRS -30 to 90)", small=True),
    ]


def test_what_is_missing_is_a_dash_and_has_its_reason():
    why = "no P wave stands out: atrial fibrillation, or another rhythm"
    told = document(dict.fromkeys(("p_ms", "pr_ms", "p_axis_deg"), why), p_ms=None, pr_ms=None, p_axis_deg=None)
    assert "PR – QRS 92 ms" in words(measured_parts(told))
    assert "axis –/30/50°" in words(measured_parts(told))
    assert remark_parts(told) == [Part("Not measured: PR, P axis (no P wave stands out)")]


def test_nothing_but_the_rate():
    missing = {name: None for name in VALUES if name not in ("heart_rate_bpm", "rr_sd_ms")}
    told = document(dict.fromkeys(missing, "fewer than 3 beats of one shape"), beats=(0, 2, 0.0), **missing)
    assert words(measured_parts(told)) == "Rate 63/min PR – QRS – QT/QTc – P/QRS/T axis –"
    assert "(fewer than 3 beats of one shape)" in words(remark_parts(told))
    assert "of 2 beats" not in words(remark_parts(told))


def test_leads_over_the_limits_of_the_definition():
    over = {"pathological_q": ["III", "aVF"]}
    assert criteria_line(document(criteria=over)) == "Q waves over the limit (UDMI 2018): III, aVF"
    more = over | {"st_elevation": ["II", "III"], "t_inversion": ["V5"]}
    assert criteria_line(document(criteria=more)) == (
        "Q waves over the limit (UDMI 2018): III, aVF; ST raised: II, III; T inverted: V5"
    )
    only = {"st_depression": ["V2", "V3"]}
    assert criteria_line(document(criteria=only)) == "ST lowered (UDMI 2018): V2, V3"
    assert criteria_line(document(criteria=only, qrs_ms=120)).endswith("V3. These limits are for narrow QRS")
    assert criteria_line(document(qrs_ms=120)) == ""


def test_what_is_outside_and_not_on_the_line_and_which_beats():
    told = document(beats=(7, 17, 30.0), sokolow_lyon_mv=4.12, qrs_t_angle_deg=120, outside={
        "sokolow_lyon_mv": {"low": None, "high": 3.5}, "qrs_t_angle_deg": {"low": None, "high": 90},
    })  # fmt: skip
    assert words(remark_parts(told)) == (
        "QRS-T angle 120° ↑ (up to 90) Sokolow-Lyon 4.1 mV ↑ (up to 3.5) 7 of 17 beats measured measured from 30 to 90 s"
    )


@pytest.mark.parametrize(
    ("low", "high", "told"), [(None, 2.8, "up to 2.8"), (50, None, "from 50"), (-30, 90, "-30 to 90"), (0, 5, "0 to 5")]
)
def test_ranges_in_words(low, high, told):
    assert range_words({"low": low, "high": high}) == told


@pytest.mark.parametrize(
    ("begin_s", "shown_s", "duration_s", "said"),
    [
        (0, 10, 10.0, "10.0 s"),
        (0, 3.2, 3.2, "3.2 s"),
        (0, 10, 200, "0 to 10 s of 3:20"),
        (0.5, 10, 25.04, "0.5 to 10.5 s of 25.0 s"),
        (55, 10, 200, "0:55 to 1:05 of 3:20"),
        (5_400, 10, 86_399.6, "1:30:00 to 1:30:10 of 24:00:00"),
    ],
)
def test_a_part_of_a_recording_is_told(begin_s, shown_s, duration_s, said):
    assert part_shown(begin_s, shown_s, duration_s) == said
