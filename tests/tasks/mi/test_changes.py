"""What changed between two recordings of one heart, to which a known change was made between them."""

import re
from pathlib import Path

import numpy as np
import pytest

from cardiac import simulate
from cardiac.beats import find_beats
from cardiac.leads import INDEPENDENT, LEADS
from cardiac.measurements.measure import measure_record
from cardiac.quality.assess import Quality
from cardiac.simulate import gaussians, since_beat
from cardiac.windows import sigmoid
from tasks.mi import changes as module
from tasks.mi.change_words import LANGUAGES, MESSAGES, MESSAGES_RU, change_document, say_change
from tasks.mi.changes import LIMITS, Change, changes

DOCS = Path(__file__).parents[3] / "docs"


def measured(seed, add=None, noise=0.3):
    record = simulate.simulate_record(seed, 500.0, 10.0, noise, add).record
    beats = find_beats(record.signal, record.fs_hz)
    return measure_record(record, Quality((), beats, None)).to_dict()


def added(lead_mv, wave):
    """Adds a wave of so many mV in some of the independent leads."""

    def add(rng, beats_s, rr_s, n_samples, fs_hz):
        heights = np.array([lead_mv.get(lead, 0.0) for lead in INDEPENDENT])[:, None]
        return heights * wave(beats_s, rr_s, n_samples, fs_hz)

    return add


def q_wave(beats_s, rr_s, n_samples, fs_hz):
    return -gaussians(beats_s - 0.03, np.full(len(beats_s), 0.013), n_samples, fs_hz)


def st_segment(beats_s, rr_s, n_samples, fs_hz):
    return sigmoid((0.125 - np.abs(since_beat(beats_s, n_samples, fs_hz) - 0.14)) / 0.01)


def t_wave(beats_s, rr_s, n_samples, fs_hz):
    stretch = np.sqrt(rr_s / simulate.LOOP_RR_S)
    return gaussians(beats_s + 0.255 * stretch, 0.045 * stretch, n_samples, fs_hz)


def by_message(found):
    return {each.message: each for each in found}


@pytest.mark.parametrize("seed", [3, 4, 5])
def test_a_new_q_in_the_inferior_leads_is_seen_and_seen_to_go(seed):
    before, after = measured(seed), measured(seed, added({"II": 0.45, "I": -0.1}, q_wave))
    new, gone = by_message(changes(before, after)), by_message(changes(after, before))
    leads = {lead for name in ("q_new", "qs_new") if name in new for lead in new[name].leads}
    assert "III" in leads and leads <= {"II", "III", "aVF"}
    assert set(gone["q_gone"].leads) == leads and not {"q_new", "qs_new"} & gone.keys()


@pytest.mark.parametrize("seed", [3, 4, 5])
def test_st_that_fell_in_v2_is_said_with_by_how_much(seed):
    found = by_message(changes(measured(seed), measured(seed, added({"V2": -0.25}, st_segment))))
    fell = found["st_fell"]
    assert fell.leads == ("V2",) and fell.arguments["change_mv_in"][0] == pytest.approx(0.25, abs=0.06)
    assert "st_rose" not in found
    back = by_message(changes(measured(seed, added({"V2": -0.25}, st_segment)), measured(seed)))
    assert back["st_rose"].leads == ("V2",)


@pytest.mark.parametrize("seed", [3, 4])
def test_t_that_turned_over_in_the_lateral_leads(seed):
    before, after = measured(seed), measured(seed, added({"V5": -0.9, "V6": -0.9}, t_wave))
    assert set(by_message(changes(before, after))["t_inverted"].leads) == {"V5", "V6"}
    assert set(by_message(changes(after, before))["t_upright"].leads) == {"V5", "V6"}


@pytest.mark.parametrize("seed", range(3, 11))
def test_another_recording_of_the_same_heart_has_no_change(seed):
    assert changes(measured(seed, noise=1.0), measured(seed, noise=0.2)) == []


VALUES = {"heart_rate_bpm": 70, "pr_ms": 160, "qrs_ms": 90, "qtc_fridericia_ms": 410, "qrs_axis_deg": 60, "p_ms": 100}
WAVES = {"q_ms": None, "q_mv": None, "qs": False, "r_mv": 1.0, "r2_mv": None, "st_j_mv": 0.0, "t_mv": 0.3}


def document(leads=(), pathological_q=(), **values):
    rows = {lead: {**WAVES, **dict(leads).get(lead, {})} for lead in LEADS}
    criteria = {"pathological_q": [*pathological_q]}
    return VALUES | {"leads": rows, "criteria": criteria, "beats": {"measured": 9, "found": 9}} | values


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"qrs_ms": 114}, None),
        ({"qrs_ms": 115}, "qrs_wider"),
        ({"pr_ms": 130}, "pr_shorter"),
        ({"qtc_fridericia_ms": 474}, None),
        ({"qtc_fridericia_ms": 475}, "qtc_longer"),
        ({"heart_rate_bpm": 89}, None),
        ({"heart_rate_bpm": 50}, "rate_lower"),
        ({"qrs_axis_deg": 31}, None),
        ({"qrs_axis_deg": 30}, "axis_left"),
        ({"qrs_axis_deg": -150}, "axis_right"),  # the shorter way is that of half a turn less 1
        ({"p_ms": None, "pr_ms": None}, "p_gone"),
    ],
)
def test_values_change_from_their_limits_on(values, message):
    if message == "axis_right":
        values = {"qrs_axis_deg": 175}
    assert [each.message for each in changes(document(), document(**values))] == ([message] if message else [])


def test_an_axis_turns_the_short_way_round():
    (turned,) = changes(document(qrs_axis_deg=170), document(qrs_axis_deg=-160))
    assert (turned.message, turned.arguments) == ("axis_right", {"change": 30, "before": 170, "after": -160})


def test_a_q_that_only_crosses_its_limit_is_no_new_one():
    small, large = ({"III": {"q_ms": ms, "q_mv": mv}} for ms, mv in ((28, -0.2), (32, -0.24)))
    crossed = changes(document(small.items()), document(large.items(), ["III"]))
    assert crossed == []
    deeper = changes(document(small.items()), document({"III": {"q_ms": 40, "q_mv": -0.35}}.items(), ["III"]))
    assert deeper == [Change("q_new", ("III",), {"q_ms": [40, 40], "q_mv": [0.35, 0.35]})]


def test_q_is_not_compared_in_bundle_branch_block_or_of_paced_beats():
    counted = document({"V2": {"q_ms": 60, "q_mv": -0.9, "qs": True, "r_mv": 1.0}}.items(), ["V2"])
    assert by_message(changes(document(), counted))["qs_new"].leads == ("V2",)
    for values in ({"qrs_ms": 130}, {"criteria": None}, {"qrs_ms": None}):
        messages = by_message(changes(document(), counted | values)).keys()
        assert "q_not_compared" in messages and not {"q_new", "qs_new", "p_gone"} & messages


def test_r_must_halve_and_by_more_than_its_error():
    low, half = ({"V3": {"r_mv": each}}.items() for each in (0.6, 0.5))
    assert changes(document(), document(low)) == []
    assert changes(document(), document(half)) == [Change("r_lower", ("V3",), {"change_mv_in": [0.5]})]
    assert changes(document({"aVL": {"r_mv": 0.2}}.items()), document()) == []  # by the axis alone


def test_without_a_measured_beat_nothing_is_compared():
    empty = document(beats={"measured": 0, "found": 3})
    for other in (empty, None, {}):
        assert changes(other, document()) == [Change("earlier_unmeasured")]
        assert changes(document(), other) == [Change("later_unmeasured")]


def test_every_message_is_there_in_both_languages_and_no_other():
    written = set(re.findall(r'"([a-z]+_[a-z_]+)"', Path(module.__file__).read_text(encoding="utf-8")))
    assert MESSAGES.keys() == MESSAGES_RU.keys() and LANGUAGES.keys() == {"en", "ru"}
    assert MESSAGES.keys() <= written
    fields = {name: set(re.findall(r"{(\w+)}", text)) for name, text in MESSAGES.items()}
    assert fields == {name: set(re.findall(r"{(\w+)}", text)) for name, text in MESSAGES_RU.items()}


@pytest.mark.parametrize(
    ("change", "english", "russian"),
    [
        (
            Change("q_new", ("III",), {"q_ms": [40, 40], "q_mv": [0.25, 0.25]}),
            "new Q in III (40 ms wide, 0.25 mV deep)",
            "новый зубец Q в III (ширина 40 мс, глубина 0,25 мВ)",
        ),
        (
            Change("st_fell", ("II", "V2"), {"change_mv_in": [0.1, 0.2]}),
            "ST at J fell by 0.10 mV in II and 0.20 mV in V2",
            "ST в точке J снизился на 0,10 мВ во II и 0,20 мВ в V2",
        ),
        (
            Change("axis_left", (), {"change": 75, "before": 45, "after": -30}),
            "QRS axis turned by 75° to the left (from 45° to -30°)",
            "ось QRS повернулась влево на 75° (с 45° до \N{MINUS SIGN}30°)",
        ),
    ],
)
def test_sentences(change, english, russian):
    assert say_change(change) == english and say_change(change, "ru") == russian
    assert change_document(change, "ru")["text"] == russian
    assert change_document(change)["leads"] == [*change.leads]


def rows_of(page, beginning):
    lines = (DOCS / page).read_text(encoding="utf-8").partition(beginning)[2].split("\n\n", 1)[0].splitlines()
    return {
        cells[0].strip("` "): cells
        for line in lines
        if len(cells := [each.strip() for each in line.strip("|").split("|")]) > 4
    }


def test_no_limit_lies_within_the_errors_of_two_measurements():
    """By the standard deviations against hand-drawn waves, and by what the halves of recordings differ."""
    drawn = rows_of("delineation.md", "| own, global, all, 159 records |")
    deviation = {name: float(cells[7].split(" ")[0]) for name, cells in drawn.items() if cells[7][:1].isdigit()}
    for name, edges in {
        "qrs_ms": ("QRS onset", "QRS end"),
        "pr_ms": ("P onset", "QRS onset"),
        "qtc_fridericia_ms": ("QRS onset", "T end"),
    }.items():
        of_one = np.hypot(*(deviation[edge] for edge in edges))
        assert LIMITS[name] >= 2 * np.sqrt(2) * of_one, name
    halves = rows_of("changes.md", "| measurement | compared |")
    assert {name for name in halves if name in LIMITS} == LIMITS.keys()
    for name, limit in LIMITS.items():
        assert limit == float(halves[name][5]) > float(halves[name][4]), name
