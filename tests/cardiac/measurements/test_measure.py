import json
from dataclasses import replace

import numpy as np
import pytest

from cardiac.assessment import assess_record
from cardiac.leads import LEADS
from cardiac.measurements.measure import (
    FEW_BEATS,
    NO_BEATS,
    NO_P,
    PACED,
    VALUES,
    Measurements,
    beat_document,
    measure_record,
)
from cardiac.measurements.waves import COLUMNS
from cardiac.quality.assess import Quality, assess_quality
from cardiac.quality.reasons import Reason
from cardiac.records import Record, record_from_array
from tests.cardiac.measurements.made import HEIGHTS, Truth, make_record


def measured(record: Record) -> Measurements:
    return measure_record(record, assess_quality(record))


@pytest.mark.parametrize("fs_hz", [100.0, 128.0, 250.0, 257.0, 360.0, 500.0, 1000.0])
@pytest.mark.parametrize(
    "truth",
    [Truth(), Truth(pr_ms=220, p_ms=120), Truth(q_ms=30, r_ms=60, s_ms=40, qt_ms=440), Truth(rate_bpm=85, qt_ms=350)],
)
def test_intervals_are_those_that_were_made(truth, fs_hz):
    """Within what two careful readers differ by (CSE: two standard deviations of 10 to 31 ms)."""
    values = measured(make_record(truth, fs_hz)).values
    slack = 4 if fs_hz < 200 else 0
    assert values["heart_rate_bpm"] == pytest.approx(truth.rate_bpm, abs=1.5)
    assert values["qrs_ms"] == pytest.approx(truth.qrs_ms, abs=14 + slack)
    assert values["pr_ms"] == pytest.approx(truth.pr_ms, abs=18 + slack)
    assert values["qt_ms"] == pytest.approx(truth.qt_ms, abs=28 + slack)
    assert values["qtc_fridericia_ms"] == pytest.approx(values["qt_ms"] / (60 / values["heart_rate_bpm"]) ** (1 / 3))
    assert values["qtc_bazett_ms"] == pytest.approx(values["qt_ms"] / (60 / values["heart_rate_bpm"]) ** 0.5)


def test_a_longer_interval_is_measured_longer():
    """What is shorter and longer by 30 ms is told apart, whatever the network's own bias."""
    pr = [measured(make_record(Truth(pr_ms=each))).values["pr_ms"] for each in (140, 170, 200, 230)]
    qt = [measured(make_record(Truth(qt_ms=each))).values["qt_ms"] for each in (360, 390, 420, 450)]
    qrs = [measured(make_record(Truth(r_ms=each))).values["qrs_ms"] for each in (40, 60, 80, 100)]
    for values in (pr, qt):
        assert np.diff(values) == pytest.approx(30, abs=14)
    assert np.diff(qrs) == pytest.approx(20, abs=10)


@pytest.mark.parametrize("fs_hz", [250.0, 500.0, 1000.0])
def test_amplitudes_and_durations_of_every_lead_are_those_that_were_made(fs_hz):
    truth, found = Truth(q_ms=40, r_ms=60, s_ms=40), measured(make_record(Truth(q_ms=40, r_ms=60, s_ms=40), fs_hz))
    for lead, (_, q, r, s, t) in zip(("I", "II", *LEADS[6:]), HEIGHTS, strict=True):
        own = {name: column[LEADS.index(lead)] for name, column in found.table.items()}
        for name, height in (("q", q), ("r", r), ("s", s)):
            if abs(height) >= 0.05:
                assert own[f"{name}_mv"] == pytest.approx(height, rel=0.1, abs=0.025), (lead, name)
            if abs(height) >= 0.2:
                length = {"q": truth.q_ms, "r": truth.r_ms, "s": truth.s_ms}[name]
                assert own[f"{name}_ms"] == pytest.approx(length, abs=6), (lead, name)
        if q == 0:
            assert np.isnan(own["q_mv"])
            assert np.isnan(own["q_ms"])
        assert own["t_mv"] == pytest.approx(t, abs=0.04), lead
        assert own["st_j60_mv"] == pytest.approx(0, abs=0.04)
        assert not own["qs"]


def test_a_qs_is_no_q_and_no_r():
    heights = HEIGHTS.copy()
    heights[3, 1:4] = (-0.3, -1.0, -0.2)
    found = measured(make_record(heights=heights))
    own = {name: column[LEADS.index("V2")] for name, column in found.table.items()}
    assert own["qs"]
    assert own["q_mv"] == pytest.approx(-1.0, rel=0.1)
    assert np.isnan(own["r_mv"])
    assert found.criteria()["pathological_q"] == ["V2"]


@pytest.mark.parametrize(("raised_mv", "raised"), [(0.0, False), (0.3, True)])
def test_st_is_measured_from_the_level_before_the_qrs(raised_mv, raised):
    record = make_record(Truth(rate_bpm=60))
    signal = np.array(record.signal)
    since = (np.arange(signal.shape[1]) / 500 - 0.35) % 1.0
    for lead in ("V2", "V3"):
        signal[LEADS.index(lead), (since > 0.095) & (since < 0.22)] += raised_mv
    found = measured(replace(record, signal=signal))
    column = found.table["st_j60_mv"][LEADS.index("V2")]
    assert column == pytest.approx(raised_mv, abs=0.06)
    assert (set(found.criteria()["st_elevation"]) >= {"V2", "V3"}) == raised


def test_axes_turn_with_the_heart():
    """Net areas along a known angle give that angle, and each axis its own."""
    for degrees in (-60, -20, 30, 75, 110):
        angle = np.radians(degrees)
        heights = HEIGHTS.copy()
        heights[0, 1:4] = np.array([0, 1, 0]) * np.cos(angle)
        heights[1, 1:4] = np.array([0, 1, 0]) * np.cos(angle - np.radians(60))
        found = measured(make_record(heights=heights)).values
        assert found["qrs_axis_deg"] == pytest.approx(degrees, abs=6)
        assert found["t_axis_deg"] == pytest.approx(52, abs=8)  # II 0.28 and I 0.20
        assert found["qrs_t_angle_deg"] == pytest.approx(abs(found["qrs_axis_deg"] - found["t_axis_deg"]))


def test_gain_changes_amplitudes_alone():
    record = make_record()
    one, double = measured(record), measured(replace(record, signal=record.signal * 2))
    for name in ("qrs_ms", "pr_ms", "qt_ms", "qrs_axis_deg", "t_axis_deg"):
        assert double.values[name] == pytest.approx(one.values[name], abs=4), name
    assert double.table["r_mv"] == pytest.approx(2 * one.table["r_mv"], rel=0.02)
    assert double.values["sokolow_lyon_mv"] == pytest.approx(2 * one.values["sokolow_lyon_mv"], rel=0.02)


def test_unit_and_order_of_the_leads_in_a_file_change_nothing():
    record = make_record()
    order = np.random.default_rng(0).permutation(12)
    again = record_from_array(record.signal[order], 500.0, [LEADS[each] for each in order])
    assert measured(again).to_dict() == measured(record).to_dict()
    microvolts = record_from_array(record.signal * 1000, 500.0, LEADS)
    assert measured(microvolts).values["qrs_ms"] == pytest.approx(measured(record).values["qrs_ms"], abs=1)


def test_any_leads_are_measured():
    record = make_record()
    two = replace(record, signal=record.signal[[1, 7]], leads=("II", "V2"))
    found = measured(two)
    assert found.values["qrs_ms"] == pytest.approx(Truth().qrs_ms, abs=18)
    assert found.values["qrs_axis_deg"] is None
    assert "leads" in found.reasons["qrs_axis_deg"]
    assert found.to_dict()["leads"].keys() == {"II", "V2"}


def test_a_few_other_beats_change_nothing():
    record = make_record(duration_s=14)
    signal = np.array(record.signal)
    at = round(0.35 * 500) + 4 * 500
    wide = np.interp(np.arange(100), [0, 50, 99], [0, 1, 0])
    signal[:, at - 20 : at + 80] += 2.5 * wide * np.linspace(-1, 1, 12)[:, None]
    found, clean = measured(replace(record, signal=signal)), measured(record)
    assert len(found.group.indices) < found.n_beats
    for name in ("pr_ms", "qrs_ms", "qt_ms"):
        assert found.values[name] == pytest.approx(clean.values[name], abs=5)


def flat(n: int = 5000) -> Record:
    return Record("flat", np.zeros((12, n), np.float32), 500.0)


@pytest.mark.parametrize(
    ("record", "why"),
    [(flat(), NO_BEATS), (make_record(Truth(rate_bpm=30), duration_s=4.2), FEW_BEATS)],
    ids=["no beats", "two beats"],
)
def test_what_cannot_be_measured_is_none_with_its_reason(record, why):
    found = measured(record)
    for name in VALUES:
        if found.values[name] is None:
            assert found.reasons[name]
    assert found.values["pr_ms"] is None
    assert found.values["qrs_ms"] is None
    assert found.reasons["qrs_ms"] == why
    assert beat_document(found, record.fs_hz) is None
    json.dumps(found.to_dict(), allow_nan=False)


def test_without_p_there_is_no_pr():
    heights = HEIGHTS.copy()
    heights[:, 0] = 0
    found = measured(make_record(heights=heights, jitter_s=0.12, duration_s=20))
    assert found.values["pr_ms"] is None
    assert found.values["p_axis_deg"] is None
    assert found.reasons["pr_ms"] == NO_P
    assert found.values["qrs_ms"] is not None


def test_a_paced_beat_has_no_pr():
    record = make_record()
    quality = assess_quality(record)
    paced = Quality((Reason("pacemaker", (), "warning", "paced", None, None),), quality.beats, quality.rate_bpm)
    found = measure_record(record, paced)
    assert found.values["pr_ms"] is None
    assert found.reasons["pr_ms"] == PACED


def test_the_document_is_json_and_every_null_has_a_reason():
    for record in (make_record(), make_record(noise_mv=0.3, seed=1), flat(), make_record(duration_s=1.5)):
        document = json.loads(json.dumps(measured(record).to_dict(), allow_nan=False))
        assert [*document][: len(VALUES)] == [*VALUES]
        assert {name for name in VALUES if document[name] is None} == document["reasons"].keys()
        for columns in document["leads"].values():
            assert [*columns] == [*COLUMNS]


def test_a_long_recording_is_measured_in_its_middle():
    record = make_record(duration_s=90)
    found = measured(record)
    assert found.span_s == (15.0, 75.0)
    assert found.values["qrs_ms"] == pytest.approx(measured(make_record()).values["qrs_ms"], abs=4)
    drawn = beat_document(found, record.fs_hz)
    assert 15 <= min(drawn["at_s"]) < max(drawn["at_s"]) <= 75


def test_the_drawn_marks_lie_where_the_waves_were_made():
    record, truth = make_record(jitter_s=0.0), Truth()
    drawn = beat_document(measured(record), record.fs_hz)
    onset_s = drawn["at_s"][3] + drawn["fiducials_ms"]["qrs_onset"] / 1000
    nearest = round(onset_s - 0.35) + 0.35  # a beat a second
    assert onset_s == pytest.approx(nearest, abs=0.012)
    assert drawn["fiducials_ms"]["t_end"] - drawn["fiducials_ms"]["qrs_onset"] == pytest.approx(truth.qt_ms, abs=28)


def test_the_heart_rate_is_that_of_the_quality():
    record = make_record(Truth(rate_bpm=72))
    assessed = assess_record(record)
    assert assessed.measurements.values["heart_rate_bpm"] == assessed.quality.rate_bpm
    assert assessed.measurements.values["rr_sd_ms"] == pytest.approx(1000 * 0.01 * np.sqrt(2 / 3), abs=6)
