"""Stretches of a record for a viewer, and the small picture of lists, against the samples themselves."""

import io
import json
import re

import numpy as np

from cardiac.assessment import assess_record
from cardiac.leads import LEADS
from cardiac.measurements.measure import beat_document
from cardiac.records import Record
from cardiac.simulate import simulate_record
from cardiac.tracing import median_beat, samples_document, samples_file, small_tracing


def test_a_stretch_as_plain_data(inferior):
    document = json.loads(json.dumps(samples_document(inferior.record, 1.0, 0.5)))
    samples = document.pop("samples")
    assert document == {
        "record": inferior.record.record_id, "fs_hz": 500.0, "unit": "mV", "leads": [*LEADS], "start_s": 1.0,
        "duration_s": 10.0,
    }  # fmt: skip
    assert np.shape(samples) == (12, 250)
    assert np.abs(np.array(samples) - inferior.record.signal[:, 500:750]).max() <= 0.5001e-4  # to 0.1 µV
    assert np.array(samples)[1, 7] == round(float(inferior.record.signal[1, 507]), 4)


def test_the_same_stretch_as_a_file(inferior):
    samples = np.load(io.BytesIO(samples_file(inferior.record, 1.0, 0.5)))
    assert samples.dtype == np.float32
    assert np.array_equal(samples, inferior.record.signal[:, 500:750])


def test_a_stretch_ends_where_the_record_does(inferior):
    assert np.shape(samples_document(inferior.record, 9.9, 5.0)["samples"]) == (12, 50)
    assert np.load(io.BytesIO(samples_file(inferior.record, 12.0, 5.0))).shape == (12, 0)


def test_the_median_beat_is_that_which_was_measured():
    """Also of a recording that is long, of which no more is read than is measured and its margins."""
    for duration_s in (10.0, 150.0):
        record = simulate_record(3, duration_s=duration_s).record
        assert median_beat(record) == beat_document(assess_record(record).measurements, record.fs_hz)
    read = []

    class Watched(np.ndarray):
        def __getitem__(self, key):
            read.append(key[1].stop - key[1].start)
            return np.asarray(self)[key]

    long = Record("long", record.signal.view(Watched), record.fs_hz)
    assert median_beat(long) is not None
    assert max(read) <= 100 * record.fs_hz and len(read) == 2


def test_of_a_flat_line_there_is_no_median_beat():
    assert median_beat(with_waves(10)) is None


def points(path: str) -> np.ndarray:
    """The corners of an SVG's path, (n, 2)."""
    return np.array([[float(each) for each in pair] for pair in re.findall(r"(-?[\d.]+),(-?[\d.]+)", path)])


def with_waves(seconds: float, **waves: float) -> Record:
    """A flat record, with samples of lead II in mV at a second each, and all of lead I high."""
    signal = np.zeros((12, round(500 * seconds)), np.float32)
    signal[0] = 3.0
    for at, height in waves.items():
        signal[LEADS.index("II"), round(500 * float(at.removeprefix("at")))] = height
    return Record("a", signal, 500.0)


def test_the_small_picture_is_lead_ii_to_scale():
    """A millivolt is 14 high, three seconds are 150 wide; what leaves the picture is cut at its edge."""
    corners = points(small_tracing(with_waves(10, at1=1.0, at2=-0.5, at0=9.0, at5=1.0)))
    assert (corners[0, 0], corners[-1, 0], len(corners)) == (0, 149, 150)
    heights = dict(corners)
    assert (heights[50], heights[100], heights[0]) == (12, 33, 1)
    assert [x for x, y in corners if y != 26] == [0, 50, 100]


def test_the_small_picture_of_a_short_record_is_narrow():
    corners = points(small_tracing(with_waves(1.6)))
    assert corners[-1, 0] == 79  # of 80
    assert set(corners[:, 1]) == {26}
