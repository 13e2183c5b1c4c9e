"""A backup holds everything, and comes back as it was: from either database, into either."""

import json
import os
import stat
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from types import SimpleNamespace

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from tests.webapp.builders import at, on_server
from tests.webapp.conftest import NO_POSTGRES, Site
from tests.webapp.people import PASSWORD
from tests.webapp.servers import command as run_command
from tests.webapp.servers import running
from webapp import create_app
from webapp import main as command
from webapp.backup import make_backup
from webapp.restore import restore_backup
from webapp.settings import Settings
from webapp.storage import accounts
from webapp.storage.database import Database
from webapp.storage.files import Files, NoRoom
from webapp.storage.schema import upgrade
from webapp.storage.tables import Base, Event, Job, Login, Record, Worker
from webapp.storage.trail import check_chain
from webapp.worker import Worker as Reader

FORM = "record_name,перегородочный,передний,боковой,передне-боковой,передне-перегородочный,нижний,норма\na,,,,,,,\n"

OLD_ROW = "INSERT INTO audit (at, workspace, \"user\", action, record) VALUES (1.5, 'local', 'x', 'saw', 'имя')"


@contextmanager
def empty_place(kind, folder):
    """Settings of an empty data folder and an empty database of a kind."""
    if kind == "sqlite":
        yield Settings(data=folder)
        return
    if "ECG_POSTGRES" not in os.environ:
        pytest.skip(NO_POSTGRES)
    server, name = os.environ["ECG_POSTGRES"], f"ecg_{uuid.uuid4().hex}"
    on_server(server, f"CREATE DATABASE {name}")
    try:
        yield Settings(data=folder, database_url=at(server, name))
    finally:
        on_server(server, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def lived_in(site, npy):
    """A site with findings, evidence, reviews, a form, users, a token, a session that is open, and a job half done."""
    site.read(("a.npy", npy["inferior"]), ("Ёлка №1.npy", npy["healthy"]))
    site.client.get("/api/v1/records/a/evidence")
    site.worker.work_until_idle()
    site.client.post("/api/v1/records/a/review", json={"verdict": "correct", "sites": ["septal"], "comment": "да"})
    site.post("/template", ("form.csv", FORM.encode()))
    with site.store.database.writing() as db:
        accounts.add_user(db, "ада", PASSWORD, "admin", "clinic")
        accounts.add_token(db, "ада", "key")
        user = accounts.named_user(db, "ада").id
        db.add(Login(digest="0" * 64, user_id=user, address="", created_at=1, seen_at=1))
    site.unread = site.send(("b.npy", npy["anterior"]), ("c.npy", npy["healthy"]))
    site.worker.work()  # opens it, and reads neither
    return site


def rows_of(database):
    """Every row of every table that a backup holds."""
    with database.reading() as db:
        tables = [table for table in Base.metadata.sorted_tables if table.name not in ("logins", "workers")]
        return {table.name: sorted(map(repr, db.execute(select(table)))) for table in tables}


def back_up(site, tmp_path, **options):
    target = tmp_path / "kept" / "site.backup"
    target.parent.mkdir(exist_ok=True)
    make_backup(site.store.database, site.store.files, target, **options)
    return target


@pytest.mark.parametrize("into", ["sqlite", "postgresql"])
def test_everything_comes_back(lived_in, tmp_path, into, detector, npy):
    before, kept_files = rows_of(lived_in.store.database), lived_in.files()
    target = back_up(lived_in, tmp_path)
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert [path.name for path in target.parent.iterdir()] == ["site.backup"]
    assert lived_in.files() == kept_files  # nothing is left of the making
    with empty_place(into, tmp_path / "other") as settings:
        restore_backup(target, settings.data, settings.url)
        with closing(Database(settings.url)) as database:
            assert rows_of(database) == before
            with database.reading() as db:
                assert db.scalar(select(func.count()).select_from(Login)) == 0
                assert db.scalar(select(func.count()).select_from(Worker)) == 0
            with database.snapshot() as db:
                chain = check_chain(db)
            assert chain.wrong is None and chain.n_rows == len(before["audit"]) > 3
        app = create_app(settings)
        store = app.extensions["store"]
        other = Site(app, app.test_client(), Reader(store.database, store.files, detector=detector))
        assert other.files() == kept_files
        assert (settings.data / "secret_key").read_text() == lived_in.store.files.secret_key()
        for address in (
            "/api/v1/records/a",
            "/api/v1/records/a/evidence",
            "/api/v1/export.csv",
            "/api/v1/export/labels.csv",
        ):
            assert other.client.get(address).data == lived_in.client.get(address).data, address
        assert other.worker.work_until_idle() == 2 and other.job(lived_in.unread)["records"] == ["b", "c"]
        assert other.read(("d.npy", npy["healthy"]))["records"] == ["d"]  # numbers go on
        with other.store.database.reading() as db:
            assert accounts.check_password(db, "ада", PASSWORD).workspace == "clinic"
        with other.store.database.snapshot() as db:
            assert check_chain(db).wrong is None
        store.database.close()


def test_a_backup_of_an_upload_that_was_not_opened(site, npy, tmp_path, detector):
    job = site.send(("a.npy", npy["inferior"]), ("b%2F..ё.npy", npy["healthy"]))
    target = back_up(site, tmp_path)
    settings = Settings(data=tmp_path / "other")
    restore_backup(target, settings.data, settings.url)
    app = create_app(settings)
    store = app.extensions["store"]
    other = Site(app, app.test_client(), Reader(store.database, store.files, detector=detector))
    other.worker.work_until_idle()
    assert other.job(job)["state"] == "done" and other.names() == ["a", "b%2F..ё"]
    store.database.close()


def test_a_backup_while_recordings_come_in(tmp_path, npy):
    """Made again and again from a server that reads and deletes; each comes back whole."""
    data, n = tmp_path / "data", 0
    with running(data, "--workers", "2") as server:
        for round_ in range(3):
            sent = [server.send((f"r{round_} {place}.npy", npy["healthy"])) for place in range(6)]
            target = tmp_path / f"{round_}.backup"
            assert target.name in run_command(data, "backup", str(target))
            with suppress(json.JSONDecodeError):  # 204 has no text; or it is not read yet
                server.ask("DELETE", f"/api/v1/records/r{round_}%200")
            other = tmp_path / f"other {round_}"
            assert "unbroken" in run_command(other, "restore", str(target))
            with closing(Database(Settings(data=other).url)) as database, database.reading() as db:
                signals = db.scalars(select(Record.signal)).all()
                unread = db.scalars(select(Job.id).where(Job.state.in_(("queued", "running")))).all()
                assert all((other / "signals" / each[:2] / f"{each}.npy").is_file() for each in signals)
                assert all((other / "uploads" / each).is_dir() for each in unread)
                assert db.scalar(select(func.count()).select_from(Job)) == 6 * (round_ + 1)
            n += len([each for each in sent if server.ended(each)["state"] == "done"])
    assert n == 18
    trail = run_command(data, "audit")
    assert trail.count("made a backup") == 3 and "restored" in run_command(tmp_path / "other 2", "audit")


@contextmanager
def restored(target: Path, data: Path) -> Iterator[Session]:
    """What a backup holds, in a data folder of its own: a session on the database that it was restored into."""
    url = Settings(data=data).url
    restore_backup(target, data, url)
    with closing(Database(url)) as database, database.reading() as session:
        yield session


def test_a_deletion_while_it_is_made_makes_it_again(lived_in, tmp_path, monkeypatch):
    from webapp import backup

    pieces, done = backup._pieces, []

    def deleting(path):
        if path.suffix == ".npy" and "signals" in path.parts and not done:
            done.append(lived_in.client.post("/patients/delete", data={"confirm": "delete"}).status_code)
        return pieces(path)

    monkeypatch.setattr(backup, "_pieces", deleting)
    target = back_up(lived_in, tmp_path)
    assert done == [302]
    with restored(target, tmp_path / "other") as db:
        assert db.scalar(select(func.count()).select_from(Record)) == 0
        assert db.scalars(select(Event.action).order_by(Event.id.desc())).first() == "deleted everything"


def test_an_upload_that_ends_while_its_files_are_listed_makes_it_again(lived_in, tmp_path, monkeypatch):
    listed, done = Path.rglob, []

    def ending(path, pattern):
        for each in listed(path, pattern):
            yield each
            if "uploads" in path.parts and not done:
                done.append(lived_in.worker.work_until_idle())

    monkeypatch.setattr(Path, "rglob", ending)
    target = back_up(lived_in, tmp_path)
    assert done == [2]
    with restored(target, tmp_path / "other") as db:
        assert db.scalar(select(func.count()).select_from(Record)) == 4


def test_an_upload_that_is_half_gone_as_its_files_are_listed_makes_it_again(lived_in, tmp_path, monkeypatch):
    listed, gone = Path.rglob, []

    def halve(files, job):
        gone.append(next(listed(files.upload(job), "*.npy")))
        gone[0].unlink()

    def ending(path, pattern):
        if "uploads" in path.parts and not gone:
            assert lived_in.client.post(f"/jobs/{lived_in.unread}/cancel").status_code == 302
        yield from listed(path, pattern)

    monkeypatch.setattr(Files, "drop_upload", halve)
    monkeypatch.setattr(Path, "rglob", ending)
    target = back_up(lived_in, tmp_path)
    assert len(gone) == 1
    with restored(target, tmp_path / "other") as db:
        assert db.get(Job, lived_in.unread).state == "cancelled"


def test_samples_that_were_lost_stop_no_backup(lived_in, tmp_path):
    next(lived_in.store.files.folder.glob("signals/*/*.npy")).unlink()
    target = tmp_path / "site.backup"
    assert make_backup(lived_in.store.database, lived_in.store.files, target).n_lost == 1
    restore_backup(target, tmp_path / "other", Settings(data=tmp_path / "other").url)


def test_nothing_is_replaced_unless_it_is_asked_for(lived_in, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("DATABASE_URL", lived_in.store.settings.database_url)
    line = ["--data", str(lived_in.store.settings.data), "backup", str(tmp_path / "x")]
    (tmp_path / "x").write_text("mine")
    assert command.main(line) == 2 and "--force" in capsys.readouterr().err
    assert (tmp_path / "x").read_text() == "mine"
    assert command.main([*line, "--force"]) == 0 and (tmp_path / "x").stat().st_size > 1_000
    line[-1] = str(tmp_path / "no such folder/x")
    assert command.main(line) == 2 and "give another place" in capsys.readouterr().err
    assert command.main(["--data", str(tmp_path / "nothing"), *line[2:-1], str(tmp_path / "y")]) == 2
    assert not (tmp_path / "y").exists()
    assert "restore" not in capsys.readouterr().err


def test_a_full_disk_is_told_and_leaves_nothing(lived_in, tmp_path, monkeypatch):
    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("webapp.backup.os.fsync", full)
    with pytest.raises(NoRoom, match="make room"):
        back_up(lived_in, tmp_path)
    assert [*(tmp_path / "kept").iterdir()] == []


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_nothing_that_is_there_is_written_over(lived_in, tmp_path, kind):
    target = back_up(lived_in, tmp_path)
    with empty_place(kind, tmp_path / "other") as settings:
        settings.data.mkdir()
        (settings.data / "mine").write_text("mine")
        with pytest.raises(command.ConfigError, match="data folder other/ is not empty"):
            restore_backup(target, settings.data, settings.url)
        (settings.data / "mine").unlink()
        if kind == "postgresql":
            with closing(Database(settings.url)) as database, database.engine.begin() as connection:
                connection.execute(text("CREATE TABLE mine (x int)"))
            with pytest.raises(command.ConfigError, match="database is not empty"):
                restore_backup(target, settings.data, settings.url)
            assert [*settings.data.iterdir()] == []


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_backup_of_an_older_version_is_brought_to_todays(tmp_path, kind):
    data = tmp_path / "old"
    with empty_place(kind, data) as old:
        data.mkdir()
        with closing(Database(old.url)) as database:
            with database.engine.begin() as connection:
                upgrade(connection, "0002")
                connection.execute(text(OLD_ROW))
            store = SimpleNamespace(database=database, files=Files(data))
            target = back_up(SimpleNamespace(store=store), tmp_path)
    into = Settings(data=tmp_path / "other")
    restore_backup(target, into.data, into.url)
    with closing(Database(into.url)) as database, database.snapshot() as db:
        assert check_chain(db).n_rows == 1 and check_chain(db).wrong is None
        assert db.scalars(select(Event.record)).one() != "имя"
