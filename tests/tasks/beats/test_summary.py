"""Counts, burdens and rates of rows of beats that are known."""

import itertools
import json

import numpy as np
import pytest

from tasks.beats.annotations import read_annotations
from tasks.beats.labels import CLASSES, DS1
from tasks.beats.summary import clock, irregular_share, summarize, summary_lines

N, S, V, F, Q = range(5)


def at(seconds, fs_hz=250.0):
    return np.round(np.asarray(seconds) * fs_hz).astype(int)


def test_counts_and_burdens():
    classes = np.array([N] * 94 + [S] * 1 + [V] * 4 + [Q])
    summary = summarize(at(np.arange(100)), classes, 250.0, 100.0)
    assert summary.counts == {"N": 94, "S": 1, "V": 4, "F": 0, "Q": 1}
    assert (summary.burden_percent("V"), summary.burden_percent("S")) == (4.0, 1.0)
    told = summary.to_dict()
    assert told["beats"] == 100
    assert told["runs"] == {"S": 0, "V": 1}
    assert told["episodes"] == [
        {"kind": "run", "beat": "V", "start_s": 95.0, "length_s": 3.0, "beats": 4, "rate_bpm": 60}
    ]
    json.dumps(told)


def test_slowest_and_fastest_minute():
    slow, fast = np.arange(0, 120, 1.5), np.arange(120, 240, 0.5)
    summary = summarize(at([*slow, *fast]), np.zeros(len(slow) + len(fast), int), 250.0, 240.0)
    rate = summary.rate
    assert (rate.min_bpm, rate.max_bpm) == (pytest.approx(40, abs=0.5), pytest.approx(120, abs=0.5))
    assert rate.min_at_s <= 60 and 119 <= rate.max_at_s <= 180
    assert rate.mean_bpm == pytest.approx(60 * 319 / 239.5, abs=0.1)


def test_a_silence_is_no_interval_of_the_rate_and_is_the_longest():
    seconds = [*np.arange(0, 60), *np.arange(100, 160)]
    summary = summarize(at(seconds), np.zeros(120, int), 250.0, 160.0)
    assert summary.rate.mean_bpm == pytest.approx(60)
    assert (summary.longest_rr_s, summary.longest_rr_at_s) == (41.0, 59.0)
    assert summary.to_dict()["pauses"] == 1


@pytest.mark.parametrize("n_beats", [0, 1, 2])
def test_hardly_any_beats(n_beats):
    summary = summarize(at(np.arange(n_beats)), np.zeros(n_beats, int), 250.0, 8.0)
    assert summary.n_beats == n_beats
    assert (summary.rate.mean_bpm, summary.longest_rr_s) == ((60.0, 1.0) if n_beats == 2 else (None, None))
    assert summary.rate.min_bpm is None
    assert summary.irregular_share is None
    assert summary.burden_percent("V") == 0
    assert summary_lines(summary)[0].startswith(f"{n_beats} beat{'s' * (n_beats != 1)}: N {n_beats}")
    json.dumps(summary.to_dict(), allow_nan=False)


def test_fibrillation_is_irregular_and_a_steady_rhythm_with_extra_beats_is_not():
    rng = np.random.default_rng(5)
    fibrillation = np.cumsum(rng.gamma(16, 0.6 / 16, 500))
    assert irregular_share(fibrillation, np.zeros(500, int)) == 1.0
    intervals, classes = np.full(500, 0.8) * rng.normal(1, 0.02, 500), np.zeros(500, int)
    classes[5::7], intervals[5::7], intervals[6::7] = V, 0.5, 1.1
    assert irregular_share(np.cumsum(intervals), classes) == 0.0
    assert irregular_share(fibrillation[:14], np.zeros(14, int)) == 1.0  # ten seconds of it
    assert irregular_share(np.cumsum(intervals)[20:34], classes[20:34]) == 0.0
    assert irregular_share(fibrillation[:9], np.zeros(9, int)) is None


def test_ten_seconds_of_the_real_recordings(real_data):
    """Of DS1 in pieces of ten seconds, by its reference beats: most of 201 and 203, hardly any of the others."""
    found = {True: [], False: []}
    for name in DS1:
        told = read_annotations(real_data / "mitdb" / name)
        at_s = told.positions / 360
        bounds = np.searchsorted(at_s, np.arange(0, 1800, 10)).tolist()
        shares = [irregular_share(at_s[i:j], told.classes[i:j]) for i, j in itertools.pairwise(bounds)]
        found[name in ("201", "203")] += [each for each in shares if each is not None]
    assert np.mean(found[True]) > 0.9 and len(found[True]) > 150
    assert np.mean(found[False]) < 0.01 and len(found[False]) > 2000


def test_fibrillation_of_the_real_recordings(real_data):
    """Of DS1, by its reference beats: 201 and 203 alone have it."""
    shares = {}
    for name in DS1:
        told = read_annotations(real_data / "mitdb" / name)
        shares[name] = irregular_share(told.positions / 360, told.classes)
    assert {name for name, share in shares.items() if share > 0.1} == {"201", "203"}


def test_lines_for_people():
    classes = np.zeros(200, int)
    classes[50:53], classes[100:102], classes[150:155:2] = V, S, V
    lines = summary_lines(summarize(at(np.arange(200) * 0.8), classes, 250.0, 160.0))
    assert lines == [
        "200 beats: N 192, S 2, V 6, F 0, Q 0; burden S 1.00 %, V 3.00 %",
        "S: 1 couplet",
        "V: 1 run, the longest of 3 beats in 1.6 s at 0:40.0, the fastest 75 a minute; bigeminy 1 time, 3 s in all",
        "rate 75 a minute; slowest minute 75 at 0:00.0, fastest 75 at 0:00.0; longest RR 0.80 s at 0:00.0; "
        "no pause over 2 s",
    ]
    assert len(CLASSES) == 5


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0:00.0"), (59.96, "1:00.0"), (61.25, "1:01.2"), (3_723.4, "1:02:03.4")]
)
def test_clock(seconds, text):
    assert clock(seconds) == text
