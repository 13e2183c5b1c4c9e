"""Many recordings by a detector that is handed in: none lost, none out of order, each by itself where one fails."""

import os
import signal
import sys
import threading

import numpy as np
import pytest

from cardiac import pipeline
from cardiac.errors import RecordError
from cardiac.pipeline import Outcome, predict_all
from cardiac.quality.assess import Quality
from cardiac.records import record_from_array
from cardiac.sources import Recording


class Counter:
    """A detector that finds a recording's number of samples, and refuses those of an odd one."""

    def __init__(self) -> None:
        self.assessed, self.batches = [], []

    def assess(self, record):
        self.assessed.append(record.record_id)
        return Quality((), np.zeros(0, int), None)

    def predict_batch(self, records, qualities):
        assert len(records) == len(qualities)
        self.batches.append([record.record_id for record in records])
        for record in records:
            if record.signal.shape[1] % 2:
                raise RecordError(f"{record.record_id}: is odd")
        return [record.signal.shape[1] for record in records]

    def explain(self, record, finding, assessment):
        if finding == 1_000:
            raise RecordError(f"{record.record_id}: is not explained")
        return f"{record.record_id} has {finding}"


@pytest.fixture
def write(tmp_path, signal):
    """Recordings of these lengths, one that is none where the length is 0."""

    def write(lengths):
        recordings = []
        for number, length in enumerate(lengths):
            path = tmp_path / f"{number:03}.npy"
            if length:
                np.save(path, signal[:, :length])
            else:
                path.write_bytes(b"junk")
            recordings.append(Recording(path, path.stem, 500))
        return recordings

    return write


LENGTHS = [2_000, 2_000, 1_500, 0, 1_500, 1_501, 1_501, 2_000, 0, 0, 1_000, 2_000]


def test_every_recording_has_its_outcome_in_order(write):
    recordings, detector = write(LENGTHS), Counter()
    outcomes = list(predict_all(recordings, detector))
    assert [Recording(outcome.path, outcome.record_id, 500) for outcome in outcomes] == recordings
    expected = [length if length and not length % 2 else None for length in LENGTHS]
    assert [outcome.finding for outcome in outcomes] == expected
    assert [bool(outcome.error) for outcome in outcomes] == [each is None for each in expected]
    assert detector.assessed == [each.record_id for each, length in zip(recordings, LENGTHS, strict=True) if length]


def test_what_is_alike_is_read_together_and_one_by_one_where_that_fails(write):
    detector = Counter()
    list(predict_all(write(LENGTHS), detector))
    assert detector.batches == [
        ["000", "001"], ["002", "004"], ["005", "006"], ["005"], ["006"], ["007"], ["010"], ["011"],
    ]  # fmt: skip


def test_evidence_that_cannot_be_gathered_leaves_the_finding(write):
    outcomes = list(predict_all(write([1_200, 1_000]), Counter(), evidence=True))
    assert [(outcome.finding, outcome.evidence) for outcome in outcomes] == [(1_200, "000 has 1200"), (1_000, None)]
    assert [str(outcome.error) for outcome in outcomes] == ["None", "001: is not explained"]


def test_few_large_files_are_read_ahead(write, monkeypatch):
    """Of files that weigh more than may be read ahead only one at a time is begun before it is asked for."""
    monkeypatch.setattr(pipeline, "READ_AHEAD_BYTES", 1)
    monkeypatch.setattr(pipeline, "MAX_BATCH_SAMPLES", 1)
    detector = Counter()
    outcomes = predict_all(write([2_000] * 12), detector)
    next(outcomes)
    assert len(detector.assessed) <= 6
    assert len(list(outcomes)) == 11


@pytest.mark.parametrize("most", [1, 2, 5])
def test_batches_are_as_large_as_the_networks_take(most, signal, monkeypatch, tmp_path):
    monkeypatch.setattr(pipeline, "MAX_BATCH", most)
    record = record_from_array(signal, 500)
    outcomes = [Outcome(str(number), tmp_path, record) for number in range(7)]
    batches = list(pipeline.batch_alike(outcomes))
    assert [outcome for batch in batches for outcome in batch] == outcomes
    assert [len(batch) for batch in batches[:-1]] == [most] * (len(batches) - 1)
    assert 0 < len(batches[-1]) <= most


def test_a_stop_ends_reading_too(write):
    """What has not begun is left: of a hundred recordings few are read after the first asks to stop."""
    detector, before = Counter(), threading.active_count()

    def stop(*_):
        raise KeyboardInterrupt

    detector.predict_batch = stop
    with pytest.raises(KeyboardInterrupt):
        list(predict_all(write([2_000] * 100), detector))
    assert len(detector.assessed) < 100
    assert threading.active_count() <= before


def test_other_leads_are_read_where_they_are_asked_for(tmp_path, signal):
    np.save(tmp_path / "two.npy", signal[:2, :1_000])
    recordings = [Recording(tmp_path / "two.npy", "two", 500)]
    (outcome,) = predict_all(recordings, Counter(), leads=None)
    assert outcome.record.signal.shape == (2, 1_000)
    assert outcome.finding == 1_000
    (outcome,) = predict_all(recordings, Counter())
    assert isinstance(outcome.error, RecordError)


class Fatal(Counter):
    """A detector that one recording kills, as a fault of a library does."""

    def assess(self, record):
        if record.record_id == "004":
            os.kill(os.getpid(), signal.SIGKILL)
        return super().assess(record)


def summary(outcome):
    return outcome.record_id, outcome.finding, outcome.evidence, str(outcome.error), os.getpid()


@pytest.fixture
def small_chunks(monkeypatch):
    monkeypatch.setattr(pipeline, "LEAST_FOR_PROCESSES", 1)
    monkeypatch.setattr(pipeline, "MAX_BATCH", 2)


@pytest.mark.skipif(sys.platform != "linux", reason="processes are forked on Linux alone")
def test_several_processes_give_what_threads_give(write, small_chunks):
    recordings = write(LENGTHS)
    threads = [*predict_all(recordings, Counter(), evidence=True, finish=summary)]
    processes = [*predict_all(recordings, Counter(), evidence=True, finish=summary, jobs=2)]
    assert [each[:-1] for each in processes] == [each[:-1] for each in threads]
    assert {each[-1] for each in threads} == {os.getpid()}
    assert os.getpid() not in {each[-1] for each in processes}


@pytest.mark.skipif(sys.platform != "linux", reason="processes are forked on Linux alone")
def test_a_recording_that_ends_its_process_costs_itself_alone(write, small_chunks):
    recordings = write(LENGTHS)
    outcomes = [*predict_all(recordings, Fatal(), finish=summary, jobs=2)]
    expected = [*predict_all(recordings, Counter(), finish=summary)]
    assert [each[0] for each in outcomes] == [each.record_id for each in recordings]
    assert [each[:-1] for each in outcomes if each[0] != "004"] == [each[:-1] for each in expected if each[0] != "004"]
    killed = next(each for each in outcomes if each[0] == "004")
    assert killed[1] is None
    assert "004: ended the program that read it (SIGKILL)" in killed[3]


def test_a_bar_moves_on_where_somebody_looks_and_nowhere_else(write, monkeypatch, capsys):
    recordings = write([1_000, 2_000, 0])
    assert len(list(predict_all(recordings, Counter()))) == 3
    assert capsys.readouterr().err == ""
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    assert len(list(predict_all(recordings, Counter()))) == 3
    shown = capsys.readouterr().err
    assert "0/3" in shown
    assert "3/3" in shown
