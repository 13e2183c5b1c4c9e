"""MATLAB files as people save them: shapes, structs, keys, types; and what stops the reading."""

import numpy as np
import pytest
from scipy.io import savemat

from cardiac.errors import RecordError
from cardiac.leads import LEADS
from cardiac.records import read_record

MIXED = [*LEADS[6:], *LEADS[:6]]


pytestmark = pytest.mark.usefixtures("read_here")


@pytest.fixture
def short(signal):
    return signal[:, :900].round(3).astype(np.float64)


def saved(path, **variables):
    savemat(path / "record.mat", variables)
    return path / "record.mat"


def read_as(path, truth, fs_hz=500, given=None):
    record = read_record(path, given)
    assert record.fs_hz == pytest.approx(fs_hz)
    assert record.signal.shape == truth.shape
    assert np.abs(record.signal - truth).max() < 2e-3
    return record


def told_of(path):
    with pytest.raises(RecordError) as caught:
        read_record(path)
    told = str(caught.value)
    assert told.startswith(f"{path.name}: ") and "\n" not in told and "internal" not in told and "Error" not in told
    return told


def cells(texts):
    return np.array(list(texts), dtype=object)


@pytest.mark.parametrize("form", ["4", "5"])
@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("key", ["val", "data", "ECG", "signal", "x"])
def test_a_matrix_of_any_name_and_turn_without_a_rate_is_read_at_the_tasks(key, turned, packed, form, short, tmp_path):
    path = tmp_path / "record.mat"
    savemat(path, {key: short.T if turned else short}, format=form, do_compression=packed and form == "5")
    record = read_as(path, short)
    assert any("states no sampling rate" in note.text for note in record.notes)
    assert read_record(path, 250).fs_hz == 250


@pytest.mark.parametrize("sex", ["Male", "Female", "M", "f", "male"])
@pytest.mark.parametrize("age", [61, 61.0, "61", np.uint8(61)])
def test_the_struct_of_a_challenge(age, sex, short, tmp_path):
    """China Physiological Signal Challenge 2018: ECG.sex, ECG.age, ECG.data."""
    record = read_as(saved(tmp_path, ECG={"sex": sex, "age": age, "data": short}), short)
    assert (record.age_years, record.sex) == (61.0, "female" if sex[0] in "Ff" else "male")


@pytest.mark.parametrize("age", [np.nan, -1, 999, "unknown", [1, 2]])
def test_an_age_that_nobody_has_is_not_taken(age, short, tmp_path):
    assert read_as(saved(tmp_path, ECG={"age": age, "data": short}), short).age_years is None


RATE_KEYS = [
    "fs",
    "Fs",
    "fs_Hz",
    "sfreq",
    "srate",
    "SamplingRate",
    "sampling_frequency",
    "sampleRate",
    "samp_freq",
    "freq",
]


@pytest.mark.parametrize("value", [250, 250.0, "250", "250 Hz", np.uint16(250), [[250.0]], cells(["250"])])
@pytest.mark.parametrize("key", RATE_KEYS)
@pytest.mark.parametrize("in_struct", [False, True])
def test_rates_under_many_keys(in_struct, key, value, short, tmp_path):
    variables = {"data": short, key: value}
    read_as(saved(tmp_path, **({"rec": variables} if in_struct else variables)), short, 250)


@pytest.mark.parametrize("of", [{"rec": {"info": {"fs": 250}}}, {"fs": {"value": 250}}, {"hdr": {"Fs": 250}}])
def test_rates_in_structs_within_structs(of, short, tmp_path):
    read_as(saved(tmp_path, data=short, **of), short, 250)


@pytest.mark.parametrize("column", [False, True])
@pytest.mark.parametrize(("key", "factor"), [("t", 1), ("time", 1), ("time_ms", 1e3), ("tm", 1), ("Zeit", 1)])
def test_times_beside_the_samples(key, factor, column, short, tmp_path):
    times = np.arange(900) / 250 * factor
    read_as(saved(tmp_path, data=short, **{key: times[:, None] if column else times}), short, 250)


@pytest.mark.parametrize(("key", "value"), [("dt", 0.004), ("sampling_interval", "4 ms"), ("sampling_interval_ms", 4)])
def test_steps(key, value, short, tmp_path):
    read_as(saved(tmp_path, data=short, **{key: value}), short, 250)


@pytest.mark.parametrize(
    ("beside", "told"),
    [({"fs": "fast"}, "'fs'"), ({"fs": [250, 500]}, "'fs'"), ({"fs": 250, "dt": 0.002}, "disagree"),
     ({"sampling_rate": 5}, "'sampling_rate'"), ({"fs": 500, "t": np.arange(900) / 250}, "disagree"),
     ({"fs": cells([np.ones((2, 2)), "x"])}, "'fs'")],
)  # fmt: skip
def test_what_speaks_of_time_and_is_not_understood_asks_for_the_rate(beside, told, short, tmp_path):
    path = saved(tmp_path, data=short, **beside)
    sentence = told_of(path)
    assert told in sentence and "--fs-hz" in sentence
    read_as(path, short, 360, given=360)


NAMES = {
    "cells": cells(MIXED), "a column of cells": cells(MIXED)[:, None], "rows of letters": np.array(MIXED),
    "one text": ", ".join(MIXED), "with prefix": cells(f"ECG-{lead}" for lead in MIXED),
    "cells of cells": cells([cells([lead]) for lead in MIXED]),
}  # fmt: skip


@pytest.mark.parametrize("key", ["leads", "lead_names", "sig_name", "channels", "chNames", "labels"])
@pytest.mark.parametrize("kind", NAMES)
def test_names_of_any_kind_put_the_leads_in_order(kind, key, short, tmp_path):
    data = short[[LEADS.index(lead) for lead in MIXED]]
    record = read_as(saved(tmp_path, rec={"data": data, key: NAMES[kind], "fs": 500}), short)
    assert not any("order" in note.text for note in record.notes)


def test_a_vector_a_lead(short, tmp_path):
    vectors = {lead: short[LEADS.index(lead)] for lead in MIXED}
    read_as(saved(tmp_path, fs=250, **vectors), short, 250)
    read_as(saved(tmp_path, ECG={"fs": 250, **{k: v[:, None] for k, v in vectors.items()}}), short, 250)


@pytest.mark.parametrize(
    ("unit", "factor"), [("uV", 1_000), ("µV", 1_000), ("mV", 1), ("V", 1e-3), ("microvolts", 1_000)]
)
@pytest.mark.parametrize("each", [False, True])
def test_units(each, unit, factor, short, tmp_path):
    read_as(saved(tmp_path, data=short * factor, fs=500, units=cells([unit] * 12) if each else unit), short)


@pytest.mark.parametrize("dtype", [np.int16, np.int32, np.float32, np.float64])
def test_types(dtype, short, tmp_path):
    read_as(saved(tmp_path, val=(short * 1_000).round().astype(dtype), units="uV"), short)


@pytest.mark.parametrize("beside", [
    {"median_beat": np.ones((12, 600))}, {"annotations": np.ones((200, 2))}, {"rpeaks": np.arange(12)},
    {"comment": "at rest"}, {"empty": np.empty((0, 0))}, {"flag": True}, {"date": "12-Mar-2019 10:11:12"},
    {"heart_rate": 71}, {"filter_freq": 50},
])  # fmt: skip
def test_what_is_no_recording_lies_beside_it(beside, short, tmp_path):
    read_as(saved(tmp_path, data=short, fs=250, **beside), short, 250)


REFUSED = {
    "two recordings": ({"a": np.ones((12, 900)), "b": np.ones((12, 900))}, r"holds 2 arrays \(a 12 x 900, b 12 x 900\)"),
    "no numbers": ({"note": "no numbers here"}, "holds note and no array of 12 leads x samples"),
    "one lead": ({"val": np.ones(900)}, "no array of 12 leads x samples"),
    "few samples": ({"val": np.ones((12, 20))}, "no array of 12 leads x samples"),
    "structs of many": ({"rec": np.zeros(3, dtype=[("data", "O")])}, "holds 3 structs in 'rec'"),
    "three directions": ({"val": np.ones((4, 12, 900))}, "is 4 x 12 x 900"),
    "eleven names": ({"val": np.ones((12, 900)), "leads": cells(LEADS[:11])}, "names 11 leads"),
    "objects for names": ({"val": np.ones((12, 900)), "leads": cells([np.ones((2, 2)), "I"])}, "no plain text"),
    "units of other leads": ({"val": np.ones((12, 900)), "units": cells(["mV"] * 5)}, "states 5 units"),
    "eleven leads": ({"val": np.ones((11, 900))}, "11 leads"),
    "complex numbers": ({"val": np.ones((12, 900)) * 1j}, "no array of 12 leads x samples"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_refusals_name_the_true_reason(name, tmp_path):
    variables, told = REFUSED[name]
    path = saved(tmp_path, **variables)
    told_of(path)
    with pytest.raises(RecordError, match=told):
        read_record(path)


@pytest.mark.parametrize("head", [b"MATLAB 7.3 MAT-file, Platform: GLNXA64", b"\x89HDF\r\n\x1a\n"])
def test_version_7_3_is_named(head, tmp_path):
    (tmp_path / "a.mat").write_bytes(head.ljust(512, b" ") + b"\x89HDF\r\n\x1a\n" + bytes(500))
    assert "HDF5" in told_of(tmp_path / "a.mat")


def test_what_is_no_matlab_at_all(tmp_path):
    (tmp_path / "a.mat").write_bytes(bytes(range(1, 200)) * 20)
    assert "a.hea" in told_of(tmp_path / "a.mat")


def test_variables_that_would_grow(tmp_path):
    savemat(tmp_path / "a.mat", {"val": np.zeros((12, 1_000_000))}, do_compression=True)
    assert "would grow" in told_of(tmp_path / "a.mat")
