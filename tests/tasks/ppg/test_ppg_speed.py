"""How quick it is, by the table of its command; and that a live signal's report counts what it says."""

import re

import numpy as np

from tasks.ppg import live, speed
from tasks.ppg.bundle import SHIPPED, load_bundle
from tasks.ppg.dataset import RHYTHMS, Segments
from tasks.ppg.simulate import made_segments
from tasks.ppg.stream import load


def test_the_steps_are_timed():
    rows = speed._steps(load_bundle().classifier, made_segments(64, 10.0), "bandpass")
    assert [re.match(r"\| (\w+) \| (\d\.\d{3}) \|", each).group(1) for each in rows[2:]] == [
        "filter",
        "pulses",
        "kernels",
        "trees",
    ]


def test_a_share_is_read_after_a_first_batch():
    first, last = speed.read_share(SHIPPED, 32)
    assert 0 < last - first < 10


def test_what_is_refused_is_counted(monkeypatch):
    monkeypatch.setattr(live, "N_NOISE", 8)
    values = made_segments(12, 10.0)
    values[3] = 0.4
    segments = Segments(values.astype(np.float32), 100.0, np.zeros(12, int), RHYTHMS, np.arange(12).astype(str), True)
    rows = live.refusals_report(load(), segments).splitlines()
    assert rows[2] == "| recorded | 12 | 1 |"
    assert rows[3] == "| white noise | 8 | 8 |"
    kept = segments.take(np.arange(12) != 3)
    assert "11 segments" in live.live_report(load_bundle(), kept)
