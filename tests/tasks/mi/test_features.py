from dataclasses import replace

import numpy as np
import pytest

from cardiac.leads import LEADS
from cardiac.measurements.measure import measure_record
from cardiac.quality.assess import Quality, assess_quality
from cardiac.quality.reasons import Reason
from tasks.mi.features import FEATURES, OF_LEAD, features_of
from tasks.mi.trees import monotone
from tests.cardiac.measurements.made import HEIGHTS, make_record


def features(record):
    return features_of(measure_record(record, assess_quality(record)))


def of(values, name):
    return values[FEATURES.index(name)]


def test_features_have_a_name_each_and_are_numbers():
    assert len(set(FEATURES)) == len(FEATURES)
    values = features(make_record())
    assert values.shape == (len(FEATURES),)
    assert np.isfinite(values).all()


def test_a_record_s_own_size_is_taken_out():
    """Twice the voltage is the same heart: amplitudes are shares, durations and axes stay."""
    record = make_record(noise_mv=0.001)
    one, double = features(record), features(replace(record, signal=record.signal * 2))
    amplitudes = [
        FEATURES.index(f"{lead}_{name}") for lead in LEADS for name in ("r", "s", "lowest", "net", "t", "st_60")
    ]
    assert double[amplitudes] == pytest.approx(one[amplitudes], abs=0.02)


def test_a_q_is_seen_where_it_is():
    heights = HEIGHTS.copy()
    heights[:2, 1] = (0.0, -0.4)  # of I and II, and so -0.4 in III, -0.4 in aVF
    with_q, without = features(make_record(heights=heights)), features(make_record())
    for lead in ("III", "aVF"):
        assert of(with_q, f"{lead}_q") > of(without, f"{lead}_q") + 0.2
        assert of(with_q, f"{lead}_q_ms") >= 12
    assert of(with_q, "V2_q") == pytest.approx(of(without, "V2_q"), abs=0.02)


def test_lost_r_over_the_chest_is_seen():
    heights = HEIGHTS.copy()
    heights[3:5, 2] = 0.02  # V2 and V3
    lost, usual = features(make_record(heights=heights)), features(make_record())
    assert of(lost, "least_r_23") < of(usual, "least_r_23")
    assert of(lost, "V3_r_share") < of(usual, "V3_r_share") / 3


def test_nothing_is_said_of_what_cannot_be_measured_or_is_paced():
    record = make_record()
    quality = assess_quality(record)
    paced = Quality((Reason("pacemaker", (), "warning", "paced", None, None),), quality.beats, quality.rate_bpm)
    assert features_of(measure_record(record, paced)) is None
    flat = replace(record, signal=np.zeros_like(record.signal))
    assert features(flat) is None


def test_directions_are_the_textbook_s():
    directions = monotone()
    assert directions.shape == (7, len(FEATURES))
    assert not directions[1:].any()
    by_name = dict(zip(FEATURES, directions[0], strict=True))
    assert {by_name[name] for name in ("III_q_ms", "aVF_q", "V2_qs", "q_inferior")} == {1}
    assert {by_name[name] for name in ("V3_r", "II_t", "least_r_23")} == {-1}
    assert {by_name[name] for name in ("qrs_ms", "aVR_q", "V1_r", "V2_st_j", "heart_rate_bpm")} == {0}
    assert set(OF_LEAD) >= {"q", "r", "t"}
