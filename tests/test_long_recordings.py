"""Findings of recordings that are read in pieces: the same as at once, in flat memory."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from cardiac.errors import RecordError
from cardiac.readers.byte_ranges import ByteRanges
from cardiac.records import read_record, record_from_array
from inference import explain_record, predict_record
from tasks.mi import pictures
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
    whole = pictures.lead_levels
    monkeypatch.setattr(pictures, "lead_levels", lambda shown, *rest: drawn.append(shown.signal) or whole(shown, *rest))
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


@pytest.mark.parametrize("kind", ["npy", "turned", "wfdb 16", "edf"])
def test_each_sample_is_read_twice(kind, minutes, tmp_path, detector, monkeypatch):
    """For quality and for the networks; and more often what is beside the parts' borders, sampled and measured.

    A part of ten minutes is read with 20 s to either side for its beats, and with 10 s for the filter.
    """
    minutes = np.tile(minutes, 2)
    if kind == "turned":
        kind, minutes = "npy", minutes.T
    monkeypatch.setattr("cardiac.readers.arrays.MOST_AT_ONCE", 100_000)
    path = WRITERS[kind](tmp_path / "long", minutes.astype(np.float32), 250)
    n_bytes, read = [], ByteRanges._read_some
    monkeypatch.setattr(ByteRanges, "_read_some", lambda *given: n_bytes.append(read(*given)) or n_bytes[-1])
    assert predict_record(path, detector, 250).duration_s == 1_440
    a_second = max(each.stat().st_size for each in tmp_path.iterdir()) / 1_440
    sampled_s, measured_s, margins_s = 240, 60, 2 * 20 + 2 * 10
    borders = sum(n_bytes) / a_second - 2 * 1_440 - sampled_s - measured_s
    assert -1 < borders < 3 * margins_s  # of three parts each


READ_HOURS = """
import sys
from cardiac.records import read_record
def most_mb():
    (line,) = (line for line in open("/proc/self/status") if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024
signal = read_record(sys.argv[1]).signal
part = signal[:, :300_000]
before = most_mb()
for first in range(0, signal.shape[1], 300_000):
    part = signal[:, first : first + 300_000]
print(most_mb() - before)
"""


def write_hours(path, part, hours, dtype="<f4", turned=False):
    """A .npy of so many hours at 500 Hz, of the same ten seconds, leads x samples or turned."""
    n = round(hours * 1_800_000)
    with path.open("wb") as file:
        header = {"descr": dtype, "fortran_order": False, "shape": (n, 12) if turned else (12, n)}
        np.lib.format.write_array_header_1_0(file, header)
        for row in [part.T] if turned else part:
            for _ in range(n // part.shape[1]):
                file.write(np.ascontiguousarray(row, dtype).tobytes())
    return path


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")
@pytest.mark.parametrize("turned", [False, True])
def test_memory_stays_flat_while_hours_are_read(turned, tmp_path, inferior, root):
    """Resident memory as well, in which a mapped file would count: 260 MB of it."""
    path = write_hours(tmp_path / "hours.npy", inferior.record.signal, 3, turned=turned)
    done = subprocess.run(
        [sys.executable, "-c", READ_HOURS, path], cwd=root, capture_output=True, text=True, check=True
    )
    assert float(done.stdout) < 60


PREDICT_DAY = """
import sys
from inference import Detector, predict_record
def most_mb():
    (line,) = (line for line in open("/proc/self/status") if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024
detector = Detector.load()
predict_record(sys.argv[1], detector, 500)
before = most_mb()
finding = predict_record(sys.argv[2], detector, 500)
print(finding.duration_s, finding.mi.present, most_mb() - before)
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")
def test_a_day_in_flat_memory(tmp_path, inferior, root):
    """24 hours at 500 Hz, 1 GB of samples: less than 400 MB over what ten seconds take."""
    part = (inferior.record.signal * 1_000).round()
    np.save(tmp_path / "short.npy", inferior.record.signal)
    day = write_hours(tmp_path / "day.npy", part, 24, "<i2")
    command = [sys.executable, "-c", PREDICT_DAY, tmp_path / "short.npy", day]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)
    duration_s, is_present, more_mb = done.stdout.split()
    assert (float(duration_s), is_present) == (86_400, "True")
    assert float(more_mb) < 400
