"""Samples in files of ours: what comes back is what was written, or a sentence."""

import hashlib
from dataclasses import replace

import numpy as np
import pytest

from cardiac.errors import CardiacError, RecordError
from cardiac.long_signals import LongSignal
from cardiac.records import Record, record_from_array
from cardiac.stored_signals import stored_record, write_signal
from tests.cardiac.test_files import no_room


@pytest.mark.parametrize("piece", [300_000, 777])
def test_there_and_back(piece, inferior, tmp_path):
    record = inferior.record
    write_signal(record, tmp_path / "a", piece)
    stored = stored_record(tmp_path / "a", "name", record.fs_hz)
    assert (stored.record_id, stored.fs_hz, stored.notes) == ("name", 500, ())
    assert np.array_equal(stored.signal, record.signal)
    assert stored.signal.dtype == np.float32
    assert np.array_equal(np.load(tmp_path / "a"), record.signal)  # a plain .npy for any program


def test_the_sum_is_that_of_samples_and_rate(inferior, tmp_path):
    record = inferior.record
    other = record.signal.copy()
    other[3, 17] += 1e-3
    others = replace(record, fs_hz=250.0), replace(record, signal=other), replace(record, record_id="b")
    sums = [write_signal(each, tmp_path / "a") for each in (record, *others)]
    assert sums[0] == hashlib.sha256(b"5000 500.0 " + record.signal.tobytes()).hexdigest()
    assert sums[1] != sums[0] != sums[2]
    assert sums[3] == sums[0]  # its name is no part of it


def test_a_long_recording_stays_on_the_disk(inferior, tmp_path, monkeypatch):
    """Written and read in pieces."""
    monkeypatch.setattr("cardiac.readers.arrays.MOST_AT_ONCE", 100_000)
    long = record_from_array(np.tile(inferior.record.signal[:, ::5], 66), 100)
    write_signal(long, tmp_path / "a", piece=9_999)
    stored = stored_record(tmp_path / "a", "a", 100)
    assert isinstance(stored.signal, LongSignal)
    assert stored.signal.shape == long.signal.shape == (12, 66_000)
    for first in (0, 9_990, 65_900):
        assert np.array_equal(stored.signal[:, first : first + 100], long.signal[:, first : first + 100])


def test_what_is_not_as_it_was_written_is_refused(inferior, tmp_path):
    write_signal(inferior.record, tmp_path / "cut")
    (tmp_path / "cut").write_bytes((tmp_path / "cut").read_bytes()[:-1])
    np.save(tmp_path / "leads.npy", inferior.record.signal[:11])
    np.save(tmp_path / "doubles.npy", inferior.record.signal.astype(float))
    for name, sentence in (
        ("gone", "cannot be read"),
        ("cut", "cannot be read"),
        ("leads.npy", "are not twelve leads"),
        ("doubles.npy", "are not twelve leads"),
    ):
        with pytest.raises(RecordError, match=f"^a: its stored samples {sentence}: upload the recording again"):
            stored_record(tmp_path / name, "a", 500)


def test_no_room_for_samples(tmp_path):
    record = Record("a", np.zeros((12, 5000), np.float32), 500.0)
    with no_room(), pytest.raises(CardiacError, match=r"samples cannot be stored \(File too large\): make room"):
        write_signal(record, tmp_path / "a")
