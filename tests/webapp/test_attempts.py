"""Whatever a task does to its worker, it does it twice at most, and others' work goes on; a stop is no attempt."""

import os
import signal
from functools import partial

import pytest
from sqlalchemy import select
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from cardiac.errors import CardiacError
from inference import predict_record
from tests.webapp import forked_workers
from tests.webapp.forked_workers import ForkedWorker, read_by
from tests.webapp.people import put_record, site_with_people
from webapp import work_loop
from webapp.storage import jobs
from webapp.storage.database import DatabaseGone
from webapp.storage.jobs import ask_evidence
from webapp.storage.tables import Job, Record, Task
from webapp.worker import Worker

KINDS = ("open", "read", "explain")
STOPS = (KeyboardInterrupt, SystemExit, DatabaseGone)


class Panic(BaseException):
    """As a library in Rust raises it: no Exception, and no stop either."""


@pytest.fixture(autouse=True)
def one_at_a_time(monkeypatch):
    """What is read together has tests of its own, in test_turns.py."""
    monkeypatch.setattr("webapp.worker.Pace", lambda: work_loop.Pace(1, most=1))


@pytest.fixture
def deadly(site, npy, monkeypatch):
    """Makes a task of a kind that does what it is told to, and counts how often; its job and that of a good one."""
    done = []

    def make(kind, act):
        if kind == "explain":
            job = site.read(("deadly.npy", npy["healthy"]))["job"]
            with site.store.database.writing() as session:
                ask_evidence(session, session.scalar(select(Record.id)))
        else:
            job = site.send(("deadly.npy", npy["healthy"]))
            if kind == "read":
                site.worker.work()
        whole = getattr(Worker, f"_{kind}")

        def worked(worker, task):
            if task.kind == "explain" or task.job_id == job:
                done.append(task.id)
                act()
            return whole(worker, task)

        monkeypatch.setattr(Worker, f"_{kind}", worked)
        return job, site.send(("good.npy", npy["inferior"]))

    make.done = done
    return make


def raising(kind):
    def act():
        raise kind("the patient's name")

    return act


def restarted(site):
    """A worker as the next process is one."""
    return Worker(site.store.database, site.store.files, detector=site.worker.detector)


def work_on(site, stopped_by=BaseException, most=20):
    """Start worker after worker until nothing is left to do; how many were ended by something."""
    for n in range(most):
        try:
            restarted(site).work_until_idle()
        except stopped_by:
            continue
        return n
    raise AssertionError("it never ends")


def outcome(site, kind, job):
    """What was told of a task that was given up: the reason, and whether anything was read of it."""
    found = site.job(job)
    if kind == "explain":
        answer = site.client.get("/api/v1/records/deadly/evidence")
        assert answer.status_code == 422 and found["records"] == ["deadly"]
        return answer.json["detail"]
    assert (found["state"], found["records"], len(found["refused"])) == ("done", [], 1)
    assert found["refused"][0]["name"] == ("deadly.npy" if kind == "open" else "deadly")
    return found["refused"][0]["reason"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("error", [Panic, RuntimeError, MemoryError, RecursionError, SQLAlchemyError, CardiacError])
def test_two_attempts_and_no_more(site, deadly, kind, error):
    job, good = deadly(kind, raising(error))
    assert work_on(site) == len(deadly.done) == 2
    told = outcome(site, kind, job)
    is_ours = issubclass(error, Exception)
    assert (f"internal error ({error.__name__})" in told) == is_ours == ("please report it" in told)
    assert ("ended the program" in told) != is_ours and "patient" not in told and told.isprintable()
    assert site.job(good)["records"] == ["good"]
    assert not [path for path in site.files() if path.startswith("uploads/")]
    assert restarted(site).work_until_idle() == 0


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("stop", STOPS)
def test_a_stop_is_no_attempt(site, deadly, kind, stop):
    stops = iter([stop("stopped")] * 10)

    def act():
        for each in stops:
            raise each

    job, good = deadly(kind, act)
    assert work_on(site, stop) == 10
    assert len(deadly.done) == 11
    assert site.job(job)["records"] == ["deadly"] and site.job(good)["records"] == ["good"]
    if kind == "explain":
        assert site.client.get("/api/v1/records/deadly/evidence").status_code == 200


def test_a_stop_between_two_failures_hides_neither(site, deadly):
    acts = iter([Panic(), KeyboardInterrupt(), SystemExit(), Panic()])

    def act():
        raise next(acts)

    job, _ = deadly("read", act)
    work_on(site)
    assert len(deadly.done) == 4 and "ended the program" in outcome(site, "read", job)


def test_a_lost_database_is_no_attempt_also_when_that_cannot_be_noted(site, deadly, monkeypatch):
    """The worker that lost it notes it when the database is back."""
    release, lost = jobs.release_task, []

    def gone(*_):
        if lost:
            raise DatabaseGone("still lost")
        release(*_)

    def act():
        if len(deadly.done) <= 5:
            lost.append(True)
            raise DatabaseGone("lost")

    monkeypatch.setattr(jobs, "release_task", gone)
    job, _ = deadly("read", act)
    for _ in range(5):
        with pytest.raises(DatabaseGone, match=r"^lost"):
            site.worker.work_until_idle()
        with site.store.database.reading() as session:
            task = session.scalar(select(Task).where(Task.job_id == job, Task.kind == "read"))
            assert (task.state, task.attempts) == ("running", 1)
        lost.clear()
    site.worker.work_until_idle()
    assert len(deadly.done) == 6 and site.job(job)["records"] == ["deadly"]


@pytest.mark.parametrize("sqlstate", ["54000", "54001", "54011"])
def test_what_a_database_never_takes_is_no_lost_database(site, sqlstate):
    class Original(Exception):
        pass

    Original.sqlstate = sqlstate
    with pytest.raises(OperationalError), site.store.database.writing():
        raise OperationalError("insert", {}, Original())


def test_what_failed_goes_behind_others(make_site, monkeypatch, npy):
    """Also those of another workspace that came later."""
    site, order = site_with_people(make_site, monkeypatch), []

    def noted(record, detector):
        order.append(record.record_id)
        if record.record_id == "deadly":
            raise Panic
        return predict_record(record, detector)

    monkeypatch.setattr("webapp.reading.predict_record", noted)
    with monkeypatch.context() as during:
        during.setattr(site.worker, "work_until_idle", lambda: None)
        put_record(site, "clinic", "deadly", npy["healthy"])
        for workspace, name in (("clinic", "own"), ("other", "a"), ("other", "b")):
            put_record(site, workspace, name, npy["inferior"])
    assert work_on(site) == 2
    assert order == ["deadly", "own", "a", "b", "deadly"]
    with site.store.database.reading() as session:
        assert {each.state for each in session.scalars(select(Job))} == {"done"}
        assert session.scalars(select(Task.record).where(Task.record.is_not(None))).all() == ["own", "a", "b"]


def test_one_process_outlives_what_a_task_does(site, deadly, caplog):
    job, good = deadly("read", raising(Panic))
    while site.job(job)["state"] != "done" or site.job(good)["state"] != "done":
        assert work_loop.work_once(site.worker)
    assert len(deadly.done) == 2 and site.job(good)["records"] == ["good"]
    assert caplog.text.count("Panic at act") == 2 and "patient" not in caplog.text
    assert not work_loop.work_once(site.worker)


@pytest.mark.parametrize("stop", [KeyboardInterrupt, SystemExit])
def test_a_stop_ends_the_process(site, deadly, stop):
    deadly("read", raising(stop))
    with pytest.raises(stop):
        work_loop.serve(site.worker, os.getppid())
    with site.store.database.reading() as session:
        task = session.scalar(select(Task).where(Task.name == "deadly"))
        assert (task.state, task.attempts, task.worker) == ("queued", 0, None)


DEATHS = {
    "killed": (forked_workers.kill, -signal.SIGKILL),
    "aborted": (os.abort, -signal.SIGABRT),
    "hung": (forked_workers.hang, 1),
    "hung in a library, with the interpreter's lock": (forked_workers.hang_with_lock, 1),
}


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
@pytest.mark.parametrize(
    ("settings", "death"), [("postgresql", "killed"), *(("sqlite", death) for death in DEATHS)], indirect=["settings"]
)
def test_a_worker_that_dies_twice(site, settings, npy, monkeypatch, death):
    act, status = DEATHS[death]
    job = site.send(("deadly.npy", npy["healthy"]))
    site.worker.work()
    monkeypatch.setattr(jobs, "ALIVE_S", 0.0)  # the dead ones are known to be dead at once
    for _ in range(2):
        process = ForkedWorker(settings, partial(read_by, act, 1 if "hung" in death else 600))
        assert (process.told(), process.ended()) == ("deadly", status)
        assert site.job(job)["state"] == "running"
        with site.store.database.writing() as session:
            session.execute(jobs.delete(jobs.Worker))
    good = site.send(("good.npy", npy["inferior"]))
    site.worker.work_until_idle()
    assert site.job(job)["refused"] == [{"name": "deadly", "reason": f"deadly: {jobs.ENDED_THE_READER}"}]
    assert site.job(good)["records"] == ["good"]
    assert not [path for path in site.files() if path.startswith("uploads/")]


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_a_process_that_is_stopped_blames_no_task(site, settings, npy, stop):
    """As often as a task is attempted: a third attempt would not be made."""
    job = site.send(("slow.npy", npy["healthy"]))
    site.worker.work()
    for _ in range(jobs.MOST_ATTEMPTS):
        process = ForkedWorker(settings, partial(read_by, forked_workers.hang, 600))
        assert (process.told(), process.ended(stop)) == ("slow", 128 + stop)
    site.worker.work_until_idle()  # at once: nobody waits for a sign of life
    assert site.job(job)["records"] == ["slow"]
