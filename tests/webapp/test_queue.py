"""The queue of work: whatever is killed, every recording is stored once and whole, or not there yet."""

import errno
import os
import signal
import threading
from functools import partial

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import OperationalError

from cardiac.errors import CardiacError, ConfigError
from inference import predict_record
from tests.patience import wait_until
from tests.webapp.builders import on_server, zip_bytes
from tests.webapp.forked_workers import ForkedWorker, busy_after_ten_tasks
from webapp import create_app
from webapp.settings import Settings
from webapp.storage import database, files, jobs
from webapp.storage.database import DatabaseGone
from webapp.storage.files import Files
from webapp.storage.tables import Record, Signal, Task
from webapp.work_loop import Pace
from webapp.worker import Worker

MANY, FEW = 24, 5


class Killed(BaseException):
    """Stands for a process that is gone at once."""


@pytest.fixture
def many(npy) -> bytes:
    """A zip of as many recordings, of which only two differ."""
    return zipped(npy, MANY)


def zipped(npy, n: int) -> bytes:
    kinds = [npy["healthy"], npy["inferior"]]
    return zip_bytes({f"r{place:02}.npy": kinds[place % 2] for place in range(n)})


def check_whole(site) -> int:
    """Every record that is there is there wholly, and once; how many there are."""
    with site.store.database.reading() as session:
        rows = session.scalars(select(Record)).all()
        done = session.scalar(select(func.count()).select_from(Task).where(Task.record.is_not(None)))
        assert {row.signal for row in rows} <= set(session.scalars(select(Signal.sha256)))
    names = [row.name for row in rows]
    assert len(set(names)) == len(names) == done
    for row in rows:
        assert row.document["record"] == row.name and site.store.files.signal(row.signal).is_file()
        assert site.client.get(f"/api/v1/records/{row.name}/samples?length_s=1").status_code == 200
    return len(rows)


def check_all_done(site, job: str, n: int = MANY) -> None:
    found = site.job(job)
    assert (found["state"], found["done"], found["total"], found["refused"]) == ("done", n, n, [])
    assert found["records"] == [f"r{place:02}" for place in range(n)]
    assert check_whole(site) == n
    assert len(site.files()) == 2  # two samples; the upload is gone


def sweep_now(site, monkeypatch) -> None:
    """Take away what killed processes were writing, as a server does when it is an hour old."""
    monkeypatch.setattr(files, "ORPHAN_S", -1.0)
    with site.store.database.reading() as session:
        site.store.files.sweep(session, jobs.unfinished_jobs(session))


def is_done(site, job: str, least: int) -> bool:
    return site.job(job)["done"] >= least


def test_a_killed_process_leaves_nothing_half(site, many, settings, monkeypatch):
    job = site.send(("many.zip", many))
    for least in (3, 9):
        process = ForkedWorker(settings, busy_after_ten_tasks)
        wait_until(partial(is_done, site, job, least), every_s=0.01)
        process.ended(signal.SIGKILL)
        assert least <= check_whole(site) < MANY
    monkeypatch.setattr(jobs, "ALIVE_S", 0.0)  # the killed ones are known to be dead at once
    site.worker.work_until_idle()
    sweep_now(site, monkeypatch)
    check_all_done(site, job)


STEPS = {
    "samples written": (files.Files, "keep_signal"),
    "samples in place": (files.Files, "place_signals"),
    "records stored": (None, "store_records"),
    "tasks taken off": (jobs, "finish_reading"),
}


@pytest.mark.parametrize("at_once", [1, 3])
@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("step", [*STEPS])
def test_killed_at_every_step(site, npy, monkeypatch, step, before, at_once):
    import webapp.worker as worker

    job = site.send(("few.zip", zipped(npy, FEW)))
    site.worker.pace = Pace(1)
    site.worker.work()  # opens the upload
    site.worker.work()
    site.worker.pace = Pace(at_once)
    place, name = STEPS[step]
    place = place or worker
    whole = getattr(place, name)

    def cut(*args, **named):
        if not before:
            whole(*args, **named)
        raise Killed

    with monkeypatch.context() as during:
        during.setattr(place, name, cut)
        during.setattr(jobs, "put_back", lambda *_, **__: None)  # which a killed process does not do
        with pytest.raises(Killed):
            site.worker.work()
    assert check_whole(site) == 1
    monkeypatch.setattr(jobs, "ALIVE_S", 0.0)
    Worker(site.store.database, site.store.files, detector=site.worker.detector).work_until_idle()
    sweep_now(site, monkeypatch)
    check_all_done(site, job, FEW)


def test_two_servers_do_nothing_twice(make_site, many):
    one, other = make_site(), make_site()
    sent = [one.send(("many.zip", many)), other.send(("more.zip", zip_bytes({"x.npy": b"no"})))]
    begun = threading.Barrier(2)  # that the first to start does not do all

    def work(each):
        each.worker.work()
        begun.wait()
        each.worker.work_until_idle()

    threads = [threading.Thread(target=work, args=[each]) for each in (one, other)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    check_all_done(one, sent[0])
    assert other.job(sent[1])["refused"][0]["name"] == "x"
    with one.store.database.reading() as session:
        workers = set(session.scalars(select(Task.worker).where(Task.state == "done")))
    assert workers == {one.worker.id, other.worker.id}  # both had a part in it


def test_small_upload_does_not_wait_for_a_large_one(site, many, npy):
    site.worker.pace = Pace(4, most=4)
    large = site.send(("many.zip", many))
    for _ in range(3):
        site.worker.work()
    small = site.send(("one.npy", npy["anterior"]))
    for _ in range(2):
        site.worker.work()
    assert site.job(small)["records"] == ["one"]
    assert site.job(large)["done"] <= 11


def test_what_ends_its_reader_twice_is_refused(site, npy, monkeypatch):
    job = site.send(("deadly.npy", npy["healthy"]), ("good.npy", npy["inferior"]))
    site.worker.work()

    def deadly(record, detector):
        if record.record_id == "deadly":
            raise Killed
        return predict_record(record, detector)

    monkeypatch.setattr("webapp.reading.predict_record", deadly)
    monkeypatch.setattr(jobs, "put_back", lambda *_, **__: None)
    monkeypatch.setattr(jobs, "ALIVE_S", 0.0)
    for _ in range(2):
        with pytest.raises(Killed):
            Worker(
                site.store.database, site.store.files, detector=site.worker.detector, pace=Pace(1, most=1)
            ).work_until_idle()
    site.worker.work_until_idle()
    found = site.job(job)
    assert (found["state"], found["records"]) == ("done", ["good"])
    assert found["refused"] == [{"name": "deadly", "reason": f"deadly: {jobs.ENDED_THE_READER}"}]


def test_an_error_of_ours_is_one_sentence_and_no_loop(site, npy, monkeypatch):
    monkeypatch.setattr("webapp.reading.predict_record", lambda *_: 1 / 0)
    found = site.read(("a.npy", npy["healthy"]))
    assert (found["state"], found["records"]) == ("done", [])
    assert found["refused"][0]["reason"] == "internal error (ZeroDivisionError) while reading a: please report it"
    assert site.files() == []


def test_full_disk_while_reading(site, npy, monkeypatch):
    def full(*_):
        raise CardiacError("samples cannot be stored (No space left on device): make room on the disk")

    first = site.read(("a.npy", npy["healthy"]))
    with monkeypatch.context() as during:
        during.setattr(files, "write_signal", full)
        found = site.read(("b.npy", npy["inferior"]))
    assert (first["state"], found["state"]) == ("done", "failed")
    assert "make room" in found["error"]
    assert site.names() == ["a"] and len(site.files()) == 1
    assert site.read(("b.npy", npy["inferior"]))["records"] == ["b"]


def test_full_disk_while_sending(site, npy, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as during:
        during.setattr("pathlib.Path.replace", full)
        answer = site.post("/api/v1/records", ("a.npy", npy["healthy"]))
    assert answer.status_code == 507 and "make room" in answer.json["detail"]
    assert site.files() == [] and site.client.get("/api/v1/jobs").json["items"] == []


def test_database_gone_and_back(site, npy, settings, monkeypatch):
    site.read(("a.npy", npy["healthy"]))
    waiting = site.send(("b.npy", npy["inferior"]))

    def gone(*_, **__):
        raise OperationalError("select", {}, Exception("gone"))

    with monkeypatch.context() as during:
        during.setattr(database.Session, "execute", gone)
        during.setattr(database.Session, "scalar", gone)
        during.setattr(database.Session, "scalars", gone)
        during.setattr(database.Session, "flush", gone)
        for address in ("/api/v1/records", "/api/v1/records/a", "/api/v1/jobs", "/health"):
            answer = site.client.get(address)
            assert answer.status_code == 503 and answer.headers["Retry-After"] == "5"
        assert site.post("/api/v1/records", ("c.npy", npy["healthy"])).status_code == 503
        with pytest.raises(DatabaseGone):
            site.worker.work()
    assert site.client.get("/health").status_code == 200
    site.worker.work_until_idle()
    assert site.job(waiting)["records"] == ["b"] and site.names() == ["a", "b"]


@pytest.mark.parametrize("settings", ["postgresql"], indirect=True)
def test_postgres_cut_off_and_back(site, npy, settings):
    site.read(("a.npy", npy["healthy"]))
    name, server = settings.database_url.rpartition("/")[2], os.environ["ECG_POSTGRES"]
    on_server(server, f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
    on_server(server, f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
    answer = site.client.get("/api/v1/records")
    assert answer.status_code == 503 and "try again" in answer.json["detail"]
    on_server(server, f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
    assert site.names() == ["a"]


@pytest.mark.parametrize("settings", ["sqlite"], indirect=True)
def test_a_locked_database_is_said_and_nothing_is_lost(settings, make_site, npy, monkeypatch):
    monkeypatch.setattr(database, "BUSY_S", 0.2)
    site = make_site()
    with site.store.database._writing.connect() as held:
        held.execute(text("SELECT 1"))
        answer = site.post("/api/v1/records", ("a.npy", npy["healthy"]))
        assert answer.status_code == 503 and site.files() == []
    assert site.read(("a.npy", npy["healthy"]))["records"] == ["a"]


def test_what_killed_servers_left_is_swept(site, npy, monkeypatch):
    site.read(("a.npy", npy["healthy"]))
    waiting = site.send(("b.npy", npy["inferior"]))
    kept = site.files()
    folder = site.store.files.folder
    for left in ("incoming/x", "uploads/gone/given/x", f"signals/ab/{'ab' * 32}.npy"):
        (folder / left).parent.mkdir(parents=True, exist_ok=True)
        (folder / left).write_bytes(b"x")
    with site.store.database.reading() as session:
        site.store.files.sweep(session, jobs.unfinished_jobs(session))
    assert len(site.files()) == len(kept) + 3  # they may still be in use
    sweep_now(site, monkeypatch)
    assert site.files() == kept and waiting in " ".join(kept)


def test_samples_that_are_needed_again_while_they_go_are_there(site, npy, recordings):
    """A file that was taken away between two transactions is written again by the next record that has its samples."""
    site.read(("a.npy", npy["healthy"]))
    sha256 = site.files()[0].rpartition("/")[2].removesuffix(".npy")
    site.store.files.signal(sha256).unlink()
    site.read(("b.npy", npy["healthy"]))
    assert check_whole(site) == 2


def test_data_folder_that_is_none(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(ConfigError, match=r"the data folder file/ cannot be written to .*: choose another with --data"):
        Files(tmp_path / "file")


def test_a_database_has_one_data_folder(settings, make_site, tmp_path):
    make_site()
    url = settings.database_url or settings.url
    with pytest.raises(ConfigError, match="belongs to another data folder than other/"):
        create_app(Settings(data=tmp_path / "other", database_url=url))
    make_site()


def test_files_that_are_gone_are_said(site, npy):
    job = site.send(("a.npy", npy["healthy"]))
    site.store.files.drop_upload(job)
    site.worker.work_until_idle()
    assert (site.job(job)["state"], "send them again" in site.job(job)["error"]) == ("failed", True)


def test_a_database_of_a_newer_version(settings, site):
    with site.store.database.writing() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(ConfigError, match="made by a newer version"):
        create_app(settings)


def test_a_database_that_is_none(tmp_path):
    (tmp_path / "cardiac.db").write_bytes(b"no database at all, but long enough to be looked at as one" * 20)
    with pytest.raises(ConfigError, match="none of this program's"):
        create_app(Settings(data=tmp_path))
