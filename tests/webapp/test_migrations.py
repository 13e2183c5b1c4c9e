"""From an older version's tables to today's: what was there is copied first, and nothing is lost."""

import os
import sqlite3
import stat
import time
from contextlib import closing

import pytest
from sqlalchemy import MetaData, insert, select, text

from webapp import create_app
from webapp.storage import database as databases
from webapp.storage.database import Database
from webapp.storage.orders import ORDERS
from webapp.storage.schema import COPIES_S, upgrade
from webapp.storage.tables import Base, Event, Job, Record
from webapp.storage.trail import check_chain, list_events

OLD_EVENT = 'INSERT INTO audit (at, workspace, "user", action, record, detail) VALUES (:at, :w, :u, :a, :r, :d)'
EVENTS = [
    {"at": 1732780000.123456, "w": "local", "u": "вера", "a": "saw", "r": "Иванова 1951", "d": None},
    {"at": 1732780001.0, "w": "other", "u": "o", "a": "listed", "r": None, "d": "3 records"},
    {"at": 1732780002.9996, "w": "local", "u": "вера", "a": "exported", "r": "gone", "d": "report.pdf"},
]


@pytest.fixture
def old(settings, request):
    """Settings of a site of version 0002 with a trail, a record, and an upload whose recording was deleted."""
    with closing(Database(settings.url)) as database, database.engine.begin() as connection:
        Base.metadata.drop_all(connection)
        connection.execute(text("DROP TABLE alembic_version"))
        upgrade(connection, "0002")
        connection.execute(text(OLD_EVENT), EVENTS)
        (then := MetaData()).reflect(connection)
        tables = then.tables
        connection.execute(insert(tables["signals"]).values(sha256="0" * 64))
        connection.execute(insert(tables["records"]).values(RECORD))
        job = {"workspace": "local", "user": "u", "state": "done", "done": 1, "total": 1, "created_at": 1}
        for name in ("gone.npy", "Иванова 1951.npy"):
            connection.execute(insert(tables["jobs"]).values(job | {"id": name[:4], "name": name}))
            record = None if name == "gone.npy" else "Иванова 1951"
            task = {"kind": "read", "state": "done", "priority": 2, "job_id": name[:4], "record": record}
            connection.execute(
                insert(tables["tasks"]).values(task | {"position": 0, "attempts": 1, "path": "", "name": ""})
            )
    return settings


RECORD = {"workspace": "local", "name": "Иванова 1951", "folded": "x", "signal": "0" * 64, "present": False, "sites": 0}
RECORD |= {
    "probability": 0.5,
    "uncertain": False,
    "quality": "ok",
    "uploaded_at": 1,
    "document": {"a": 1},
    "tracing": "",
}


def test_an_old_trail_is_chained_and_has_no_names(old):
    with closing(Database(old.url)) as database:
        database.migrate()
        with database.snapshot() as db:
            chain = check_chain(db)
            assert (chain.n_rows, chain.wrong) == (3, None)
            lines = [(each.record, each.alias is None) for each in list_events(db, "local", 9)]
            assert lines == [(None, False), ("Иванова 1951", False)]
            found = [each.record for each in list_events(db, "local", 9, record="gone")]
            assert len(found) == 1
            assert not {"gone", "Иванова 1951"} & set(db.scalars(select(Event.record)))
            assert sorted(db.scalars(select(Job.name))) == ["names deleted", "Иванова 1951.npy"]
            assert db.scalars(select(Record.document)).one() == {"a": 1}
        database.migrate()
        with database.snapshot() as db:
            assert check_chain(db) == chain


def test_old_records_keep_their_order_and_nothing_is_said_of_old_uploads(old):
    """They have their own times, and are all the first of their uploads."""
    with closing(Database(old.url)) as database, database.engine.begin() as connection:
        (then := MetaData()).reflect(connection)
        more = [RECORD | {"name": name, "uploaded_at": at} for name, at in (("b", 3), ("a", 2))]
        connection.execute(insert(then.tables["records"]), more)
    app = create_app(old)
    client = app.test_client()
    with app.extensions["store"].database.reading() as db:
        rows = db.execute(select(Record.name, Record.position).order_by(*ORDERS["newest"].clauses())).all()
        assert rows == [("b", 0), ("a", 0), ("Иванова 1951", 0)]
    jobs = client.get("/api/v1/jobs").json["items"]
    assert len(jobs) == 2 and all(each["already_here"] == each["renamed"] == [] for each in jobs)
    app.extensions["store"].database.close()


def copies(settings):
    return sorted((settings.data / "backups").glob("*"))


@pytest.mark.parametrize("settings", ["sqlite"], indirect=True)
def test_a_copy_is_made_before(old):
    with closing(Database(old.url)) as database:
        database.migrate()
        (copy,) = copies(old)
        database.migrate()
        assert copies(old) == [copy]  # there was nothing to do
    assert copy.name.startswith("before-0002-2") and copy.suffix == ".db"
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600 and stat.S_IMODE(copy.parent.stat().st_mode) == 0o700
    with closing(sqlite3.connect(copy)) as held:
        assert held.execute("SELECT record FROM audit ORDER BY id").fetchall() == [(each["r"],) for each in EVENTS]
        assert held.execute("PRAGMA integrity_check").fetchone() == ("ok",)


@pytest.mark.parametrize("settings", ["sqlite"], indirect=True)
def test_the_newest_copies_stay_until_they_are_old_or_something_is_deleted(old):
    (old.data / "backups").mkdir()
    for place in range(4):
        path = old.data / f"backups/before-0001-{place}.db"
        path.write_text("")
        os.utime(path, (time.time() - 500 + place, time.time() - 500 + place))
    app = create_app(old)
    store = app.extensions["store"]
    held = copies(old)
    assert [path.name[:13] for path in held] == ["before-0001-2", "before-0001-3", "before-0002-2"]
    os.utime(held[0], (time.time() - COPIES_S - 60,) * 2)
    store.database.tidy()
    assert copies(old) == held[1:]
    assert app.test_client().delete("/api/v1/records/Иванова 1951").status_code == 204
    assert copies(old) == []
    store.database.close()


def test_an_empty_database_is_not_copied(settings, tmp_path):
    with closing(Database(f"sqlite:///{tmp_path}/new.db")) as database:
        database.migrate()
    assert not (tmp_path / "backups").exists()


def test_a_migration_that_fails_changes_nothing(old, monkeypatch):
    def half(connection, *_):
        upgrade(connection, "0003")
        raise databases.CommandError("broken")

    monkeypatch.setattr(databases, "upgrade", half)
    with closing(Database(old.url)) as database:
        with pytest.raises(databases.ConfigError):
            database.migrate()
        monkeypatch.undo()
        with database.engine.connect() as connection:
            assert connection.scalar(text("SELECT version_num FROM alembic_version")) == "0002"
            assert connection.scalars(text("SELECT record FROM audit ORDER BY id")).all() == [
                each["r"] for each in EVENTS
            ]
        database.migrate()
        with database.snapshot() as db:
            assert check_chain(db).wrong is None


@pytest.mark.parametrize("settings", ["sqlite"], indirect=True)
def test_without_room_for_the_copy_nothing_is_changed(old):
    (old.data / "backups").write_text("a file")
    with closing(Database(old.url)) as database:
        with pytest.raises(databases.ConfigError, match="nothing was changed"):
            database.migrate()
        with database.engine.connect() as connection:
            assert connection.scalar(text("SELECT version_num FROM alembic_version")) == "0002"


@pytest.mark.parametrize("settings", ["postgresql"], indirect=True)
def test_postgres_is_said_to_need_a_backup_of_its_own(old, caplog):
    with closing(Database(old.url)) as database:
        database.migrate()
    assert "pg_dump" in caplog.text
