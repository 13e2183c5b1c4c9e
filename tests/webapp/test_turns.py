"""Recordings that are read together: by few calls of the networks, in order, none lost, doubled or blamed for another."""

import os
import signal
from contextlib import contextmanager
from functools import partial

import numpy as np
import pytest
from sqlalchemy import event, select
from sqlalchemy.exc import IntegrityError

import webapp.worker
from cardiac import pipeline
from inference import Detector
from tests.webapp.builders import ONE_DATABASE, npy_bytes, zip_bytes
from tests.webapp.forked_workers import ForkedWorker, killed_while_reading
from webapp import reading, work_loop
from webapp.storage import jobs, turns
from webapp.storage.files import Files
from webapp.storage.jobs import ask_evidence
from webapp.storage.tables import Record, Task
from webapp.work_loop import Pace
from webapp.worker import Worker

N = 12


class Panic(BaseException):
    """As a library in Rust raises it."""


@pytest.fixture(autouse=True)
def no_hurry(monkeypatch):
    """However slow the machine is, as many are read together as may be."""
    monkeypatch.setattr(work_loop, "TURN_S", 1e9)
    monkeypatch.setattr(reading, "STORE_S", 1e9)


@pytest.fixture
def together(site):
    """A site whose worker reads all that it may together."""
    site.worker.pace = Pace(work_loop.MOST_AT_ONCE)
    return site


@pytest.fixture
def calls(monkeypatch):
    """How many records the networks were given at each of their calls."""
    counts, run = [], Detector.logits

    def counted(detector, signals):
        counts.append(len(signals) if signals.ndim == 3 else 1)
        return run(detector, signals)

    monkeypatch.setattr(Detector, "logits", counted)
    return counts


@pytest.fixture
def changed(recordings):
    """A recording of a name that no other has in its samples: number by number somewhat larger."""
    return lambda number, kind="healthy", n=5_000: npy_bytes(recordings[kind][:, :n] * np.float32(1 + number / 1_000))


@pytest.fixture
def alike(changed):
    """A zip of recordings of one length."""
    return zip_bytes({f"r{place:02}.npy": changed(place) for place in range(N)})


def opened(site, *files):
    """The job of an upload whose recordings wait."""
    job = site.send(*files)
    assert site.worker.work() == 1
    return job


def rows(site):
    with site.store.database.reading() as session:
        return session.scalars(select(Record).order_by(Record.id)).all()


def attempts(site):
    with site.store.database.reading() as session:
        return dict(session.execute(select(Task.name, Task.attempts).where(Task.kind == "read")).all())


def restarted(site):
    return Worker(site.store.database, site.store.files, detector=site.worker.detector, pace=Pace(32))


@contextmanager
def counting(site):
    """Counts statements and committed transactions."""
    engine, counts = site.store.database.engine, {"statements": 0, "commits": 0}

    def statement(*_):
        counts["statements"] += 1

    def commit(*_):
        counts["commits"] += 1

    event.listen(engine, "after_cursor_execute", statement)
    event.listen(engine, "commit", commit)
    yield counts
    event.remove(engine, "after_cursor_execute", statement)
    event.remove(engine, "commit", commit)


def test_what_is_alike_is_read_by_one_call(together, alike, calls):
    job = opened(together, ("a.zip", alike))
    assert together.worker.work() == N
    assert calls == [N] and N <= pipeline.MAX_BATCH
    found = together.job(job)
    names = [f"r{place:02}" for place in range(N)]
    assert (found["state"], found["records"], found["refused"]) == ("done", names, [])
    assert [row.name for row in rows(together)] == names  # the newest is the last one
    assert len(together.files()) == N  # and no upload


def test_together_as_alone(together, alike, changed):
    """The same findings, word by word; probabilities but for the last digits of a float."""
    more = ("long.npy", changed(1, n=9_000)), ("short.npy", changed(2, n=100)), ("bad.npy", b"junk")
    found = together.job(together.read(("a.zip", alike), *more)["job"])
    before = {row.name: row.document for row in rows(together)}
    with together.store.database.writing() as session:
        for row in session.scalars(select(Record)):
            session.delete(row)
    together.worker.pace = Pace(1, most=1)
    alone = together.job(together.read(("a.zip", alike), *more)["job"])
    after = {row.name: row.document for row in rows(together)}
    assert found["records"] == alone["records"] and found["refused"] == alone["refused"]
    assert len(found["refused"]) == 2 and len(before) == N + 1
    for name, document in before.items():
        assert same(document, after[name]), name


def same(one, other):
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    return one == (pytest.approx(other, abs=1e-6) if isinstance(other, float) else other)


@ONE_DATABASE
def test_a_turn_is_one_transaction(together, alike):
    opened(together, ("a.zip", alike))
    with counting(together) as counts:
        assert together.worker.work() == N
    assert counts["commits"] == 2  # one takes them, one stores them
    assert counts["statements"] < 3 * N


def test_a_bad_recording_stops_none(together, changed):
    members = {f"r{place:02}.npy": changed(place) for place in range(5)}
    members |= {"r01.npy": b"junk", "r03.npy": npy_bytes(np.zeros((12, 5_000), np.float32))}
    found = together.read(("a.zip", zip_bytes(members)))
    assert (found["state"], found["records"]) == ("done", ["r00", "r02", "r04"])
    assert [each["name"] for each in found["refused"]] == ["r01", "r03"]


@pytest.mark.parametrize("error", [Panic, ValueError, MemoryError])
def test_a_fault_of_ours_over_one_stops_none(together, alike, monkeypatch, error):
    """Over one recording of a turn, wherever it arises; it is told as if the recording had been read alone."""
    whole = reading.read_record

    def faulty(path, *given):
        if path.name == "r04.npy":
            raise error
        return whole(path, *given)

    monkeypatch.setattr(reading, "read_record", faulty)
    job = opened(together, ("a.zip", alike))
    for _ in range(3):
        work_loop.work_once(together.worker)
    found = together.job(job)
    assert found["state"] == "done" and len(found["records"]) == N - 1
    (refused,) = found["refused"]
    expected = {
        Panic: jobs.ENDED_THE_READER,
        ValueError: "internal error (ValueError) while reading r04: please report it",
        MemoryError: "does not fit into memory: cut it into parts",
    }
    assert refused["name"] == "r04" and refused["reason"].endswith(expected[error])


def test_where_reading_together_fails_each_is_read_alone(together, alike, monkeypatch, caplog):
    def broken(*_, **__):
        raise Panic("r04 of Petrova")

    monkeypatch.setattr(reading, "predict_all", broken)
    found = together.read(("a.zip", alike))
    assert (found["state"], len(found["records"])) == ("done", N)
    assert "reading together failed: Panic at broken" in caplog.text and "Petrova" not in caplog.text


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
@pytest.mark.parametrize("after", [0, 5])
def test_killed_in_the_middle_of_a_turn(site, settings, alike, monkeypatch, after):
    """Nothing of the turn is half; nothing of it is lost, doubled, or refused."""
    job = opened(site, ("a.zip", alike))
    process = ForkedWorker(settings, partial(killed_while_reading, "any", after))
    assert process.ended() == -signal.SIGKILL
    assert rows(site) == [] and site.job(job)["state"] == "running"
    assert set(attempts(site).values()) == {1}
    monkeypatch.setattr(jobs, "ALIVE_S", 0.0)
    turns_taken = []
    work = Worker._do_all
    monkeypatch.setattr(Worker, "_do_all", lambda worker, tasks: (turns_taken.append(len(tasks)), work(worker, tasks)))
    restarted(site).work_until_idle()
    assert turns_taken == [1] * N  # as any of them may have been to blame
    found = site.job(job)
    assert (found["state"], found["done"], found["refused"]) == ("done", N, [])
    assert found["records"] == [row.name for row in rows(site)] == [f"r{place:02}" for place in range(N)]


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_what_ends_its_worker_twice_is_refused_alone(site, settings, alike, monkeypatch):
    job = opened(site, ("a.zip", alike))
    monkeypatch.setattr(jobs, "ALIVE_S", 0.0)
    for _ in range(2):
        process = ForkedWorker(settings, partial(killed_while_reading, "r04", 0))
        assert process.ended() == -signal.SIGKILL
        with site.store.database.writing() as session:
            session.execute(jobs.delete(jobs.Worker))
    restarted(site).work_until_idle()
    found = site.job(job)
    assert (found["state"], len(found["records"])) == ("done", N - 1)
    assert found["refused"] == [{"name": "r04", "reason": f"r04: {jobs.ENDED_THE_READER}"}]


def test_what_was_tried_before_is_read_alone(together, alike):
    """Wherever in the queue it is: a stop may have broken off its second attempt."""
    opened(together, ("a.zip", alike))
    with together.store.database.writing() as session:
        for name in ("r00", "r05"):
            session.scalar(select(Task).where(Task.name == name)).attempts = 1
    assert together.worker.work() == 1
    assert together.worker.work() == N - 2
    assert attempts(together) == {f"r{place:02}": 1 for place in range(N)} | {"r00": 2}
    assert together.worker.work() == 1


@pytest.mark.parametrize("stop", [KeyboardInterrupt, SystemExit])
def test_a_stop_in_the_middle_blames_none(together, alike, monkeypatch, stop):
    """What was stored stays, what was not is free as if it was never tried, and is read by the next worker."""
    monkeypatch.setattr(reading, "STORE_S", -1.0)  # each is stored as it comes
    store, stored = Worker._store, []

    def stopped(worker, job, results):
        if len(stored) == 5:
            raise stop
        stored.append(results[0].task.name)
        return store(worker, job, results)

    job = opened(together, ("a.zip", alike))
    with monkeypatch.context() as during:
        during.setattr(Worker, "_store", stopped)
        with pytest.raises(stop):
            together.worker.work()
    assert together.job(job)["records"] == stored == [f"r{place:02}" for place in range(5)]
    assert attempts(together) == {f"r{place:02}": int(place < 5) for place in range(N)}
    assert not [path for path in together.files() if path.startswith("incoming/")]
    assert restarted(together).work_until_idle() == N - 5
    found = together.job(job)
    assert (found["state"], found["done"], len(found["records"])) == ("done", N, N)
    assert len(rows(together)) == N


def test_progress_is_told_while_a_turn_goes_on(together, alike, monkeypatch):
    monkeypatch.setattr(reading, "STORE_S", -1.0)
    job, seen, keep = opened(together, ("a.zip", alike)), [], Files.keep_signal

    def noted(files, record):
        seen.append(together.job(job)["done"])
        return keep(files, record)

    monkeypatch.setattr(Files, "keep_signal", noted)
    assert together.worker.work() == N
    assert seen == sorted(seen) and len({*seen}) > N // 2


@pytest.mark.parametrize("n_before", [0, 7])
def test_a_job_that_is_cancelled_in_the_middle(together, alike, npy, monkeypatch, n_before, calls):
    """Nothing of the turn is stored, nothing is read again, nothing stays; another's recordings of the turn are stored."""
    job = opened(together, ("a.zip", alike))
    other = together.send(("good.npy", npy["inferior"]))
    assert together.worker.work() == 1
    keep, kept = Files.keep_signal, []

    def cancelled(files, record):
        kept.append(record.record_id)
        if len(kept) == n_before + 1:
            assert together.client.post(f"/api/v1/jobs/{job}/cancel").status_code == 200
        return keep(files, record)

    monkeypatch.setattr(Files, "keep_signal", cancelled)
    assert together.worker.work() == N + 1
    assert together.worker.work_until_idle() == 0
    assert together.job(job)["state"] == "cancelled" and together.job(job)["records"] == []
    assert together.job(other)["records"] == ["good"] == together.names()
    assert sum(calls) == N + 1 == len(kept)
    assert not [path for path in together.files() if path.startswith(("uploads/", "incoming/"))]


def test_uploads_take_turns(together, changed, calls):
    """Of two large uploads as many are read in a turn, each by a call of its own where they are not alike."""
    sizes = {"a": 5_000, "b": 4_000}
    jobs_of = {
        kind: together.send((f"{kind}.zip", zip_bytes({f"{kind}{n:02}.npy": changed(n, n=size) for n in range(20)})))
        for kind, size in sizes.items()
    }
    together.worker.pace = Pace(8, most=8)
    for _ in jobs_of:
        together.worker.work()
    for turn in range(1, 6):
        assert together.worker.work() == 8
        assert [together.job(job)["done"] for job in jobs_of.values()] == [4 * turn] * 2
    assert calls == [4, 4] * 5


def test_who_looks_at_a_record_comes_between_two_turns(together, alike, npy):
    together.read(("seen.npy", npy["inferior"]))
    job = opened(together, ("a.zip", alike))
    together.worker.pace = Pace(4, most=4)
    together.worker.work()
    with together.store.database.writing() as session:
        ask_evidence(session, session.scalar(select(Record.id).where(Record.name == "seen")))
    assert together.worker.work() == 1
    assert together.client.get("/api/v1/records/seen/evidence").status_code == 200
    assert together.job(job)["done"] == 4


def test_large_files_have_a_turn_of_their_own(together, alike, monkeypatch):
    opened(together, ("a.zip", alike))
    size = len(npy_bytes(np.zeros((12, 5_000), np.float32)))
    monkeypatch.setattr(turns, "TURN_BYTES", 3 * size)
    assert [together.worker.work() for _ in range(2)] == [3, 3]
    monkeypatch.setattr(turns, "TURN_BYTES", size - 1)
    assert together.worker.work() == 1


def test_workers_share_what_is_left(together, alike):
    opened(together, ("a.zip", alike))
    with together.store.database.writing() as session:
        jobs.note_alive(session, "another")
    assert together.worker.work() == N // 2


def test_slow_recordings_are_read_by_fewer(monkeypatch):
    monkeypatch.setattr(work_loop, "TURN_S", 0.5)
    pace = Pace(4, most=32)
    for n, seconds, expected in [(4, 0.05, 8), (8, 0.1, 16), (16, 0.2, 32), (32, 0.4, 32), (32, 4.0, 4), (4, 9.0, 1)]:
        pace.note(n, seconds)
        assert pace.at_once == expected


def test_samples_of_the_api_are_read_together_too(together, recordings, calls):
    for name, signal_mv in recordings.items():
        sent = {"samples": signal_mv.tolist(), "fs_hz": 500, "record": name}
        assert together.client.post("/api/v1/records", json=sent).status_code == 202
    together.worker.work_until_idle()
    assert together.names() == sorted(recordings) and calls == [3]


def test_a_name_that_another_worker_has_just_taken(together, alike, monkeypatch):
    """The transaction is tried a second time, when its samples are in their place already."""
    finish, failed = jobs.finish_reading, []

    def once(session, results):
        done = finish(session, results)
        if not failed:
            failed.append(True)
            raise IntegrityError("insert", {}, Exception("UNIQUE"))
        return done

    job = opened(together, ("a.zip", alike))
    monkeypatch.setattr(jobs, "finish_reading", once)
    monkeypatch.setattr(webapp.worker, "read_alone", None)  # nothing is read again
    together.worker.work_until_idle()
    assert failed and len(together.job(job)["records"]) == N == len(together.files())


def test_names_that_meet_and_samples_that_are_the_same(together, npy, recordings):
    """Within one turn: the same recording twice is one record; others of its name have a number."""
    flat = {f"{folder}/x.npy": npy["healthy"] for folder in "ab"} | {
        "c/x.npy": npy["inferior"],
        "flat.zip_a_x.npy.npy": npy["inferior"],
    }
    first = together.read(("a.npy", npy["healthy"]))
    again = together.send(("a.npy", npy["healthy"]))
    twice = together.send(("a.npy", npy["inferior"]))
    third = together.send(("a.npy", npy["inferior"]))
    for _ in range(3):
        together.worker.work()
    assert together.worker.work() == 3
    assert first["records"] == together.job(again)["records"] == ["a"]
    assert together.job(twice)["records"] == together.job(third)["records"] == ["a (2)"]
    found = together.read(("flat.zip", zip_bytes(flat)))
    names = ["a_x.npy", "a_x.npy (2)", "b_x.npy", "c_x.npy"]
    assert sorted(found["records"]) == [f"flat.zip_{name}" for name in names]
    assert len(together.names()) == 6
    with together.store.database.reading() as session:
        assert len({row.signal for row in session.scalars(select(Record))}) == 2
