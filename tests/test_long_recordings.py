"""Findings of recordings that are read in pieces: the same as at once, in flat memory."""

import tracemalloc

import numpy as np
import pytest

from cardiac.errors import RecordError
from cardiac.records import read_record, record_from_array
from inference import explain_record, predict_record
from tasks.mi.pictures import draw_ecg
from tasks.mi.simulate import simulate_record
from tests.writers import WRITERS, twelve_minutes


@pytest.fixture(scope="module")
def minutes(inferior):
    return twelve_minutes(inferior.record.signal)


def test_in_pieces_as_at_once(minutes, tmp_path, detector, monkeypatch):
    found = predict_record(read_record(WRITERS["npy"](tmp_path / "long", minutes, 250), fs_hz=250), detector)
    monkeypatch.setattr("cardiac.records.LONG_S", 1e9)
    at_once = predict_record(record_from_array(minutes, 250), detector)
    assert abs(found.mi.probability - at_once.mi.probability) < 1e-5


def test_evidence_is_of_the_most_telling_seconds(minutes, detector, tmp_path, monkeypatch):
    """A healthy recording with one infarcted stretch: that is what is explained and drawn."""
    healthy = np.tile(simulate_record(3, None).record.signal[:, ::2], 72)
    healthy[:, 100_000:104_000] = minutes[:, 100_000:104_000]
    record = record_from_array(healthy, 250)
    finding = predict_record(record, detector)
    evidence = explain_record(record, finding, detector)["mi"]
    assert 398 <= evidence.starts_s[0] <= 408
    assert evidence.starts_s[-1] - evidence.starts_s[0] < 10
    drawn = []
    monkeypatch.setattr("tasks.mi.pictures.draw_lead", lambda axes, shown, *rest: drawn.append(shown.signal))
    draw_ecg(record, finding, evidence)
    first = round(evidence.starts_s[0] * 250)
    assert np.array_equal(drawn[0], healthy[:, first : first + 2_500].astype(np.float32))
    assert draw_ecg(record, finding).axes


def test_what_cannot_be_settled_is_said_whenever_it_comes(minutes, detector):
    torn = minutes.copy()
    torn[4, 100_321] = np.nan
    record = record_from_array(torn, 250, record_id="torn")
    with pytest.raises(RecordError, match="torn: 1 samples are NaN"):
        predict_record(record, detector)


@pytest.mark.slow
def test_a_day_in_flat_memory(tmp_path, inferior, detector):
    """24 hours at 500 Hz, 1 GB of samples."""
    part = (inferior.record.signal * 1_000).round().astype("<i2")
    path = tmp_path / "day.npy"
    day = np.lib.format.open_memmap(path, "w+", "<i2", (12, 43_200_000))
    for first in range(0, day.shape[1], part.shape[1]):
        day[:, first : first + part.shape[1]] = part
    day.flush()
    tracemalloc.start()
    finding = predict_record(path, detector, 500)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert finding.duration_s == 86_400
    assert finding.mi.present
    assert peak < 400e6, f"{peak / 1e6:.0f} MB"
