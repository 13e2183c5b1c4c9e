"""The database that tests share holds nothing of the test before, whatever that one left behind."""

from collections.abc import Iterator

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import OperationalError

from tests.webapp.conftest import emptied_database
from tests.webapp.databases import EmptiedDatabase, shape_of
from webapp.settings import Settings
from webapp.storage.accounts import add_user
from webapp.storage.database import Database
from webapp.storage.tables import Base, Setting

LOCK = "SELECT pg_try_advisory_lock(17)"
IDENTITY = "SELECT oid FROM pg_database WHERE datname = current_database()"  # a new name does not change it


@pytest.fixture(scope="module")
def emptied() -> Iterator[EmptiedDatabase]:
    with emptied_database() as database:
        yield database


def rows(database):
    """Every row of every table."""
    with database.engine.connect() as connection:
        return {each.name: connection.execute(select(each)).all() for each in Base.metadata.sorted_tables}


def opened(url):
    return Database(Settings(database_url=url).url)


def test_rows_numbers_locks_and_connections_end_with_their_test(emptied):
    first = opened(emptied.next())
    as_made = rows(first)
    with first.writing() as session:
        add_user(session, "a", "correct horse", "admin", "local")
        session.add(Setting(key="left", value="behind"))
        session.query(Setting).filter(Setting.key == "trail_head").update({"value": "another"})
    left = first.engine.connect()
    assert left.scalar(text(LOCK))
    left.execute(text("SELECT * FROM users FOR UPDATE"))  # in a transaction that stays open
    second = opened(emptied.next())
    assert rows(second) == as_made
    with second.engine.connect() as connection:
        assert connection.scalar(text(LOCK))
    with second.writing() as session:
        add_user(session, "b", "correct horse", "admin", "local")
    assert [each.id for each in rows(second)["users"]] == [1]
    with pytest.raises(OperationalError):
        left.execute(text("SELECT 1"))
    left.invalidate()
    left.close()
    with pytest.raises(OperationalError, match="does not exist"):
        first.engine.connect()
    first.close()
    second.close()


FILL = "INSERT INTO settings SELECT n, repeat(md5(n::text), 10) FROM generate_series(1, 30000) n"


@pytest.mark.parametrize("change", ["CREATE TABLE mine (x int)", "DROP TABLE alembic_version", FILL])
def test_a_database_that_was_changed_or_filled_is_made_anew(emptied, change):
    first = opened(emptied.next())
    with first.engine.begin() as connection:
        identity = connection.scalar(text(IDENTITY))
        connection.execute(text(change))
    first.close()
    second = opened(emptied.next())
    with second.engine.connect() as connection:
        assert connection.scalar(text(IDENTITY)) != identity
    second.close()


CHANGES = [
    "CREATE SCHEMA other; CREATE TABLE other.mine (x int)",
    "UPDATE alembic_version SET version_num = '9999'",
    "DROP INDEX records_named",
    "ALTER TABLE reviews DROP CONSTRAINT reviews_record_id_fkey",
    "ALTER TABLE users ALTER name TYPE text",
    "ALTER TABLE users ALTER epoch DROP NOT NULL",
    "ALTER TABLE users ALTER epoch SET DEFAULT 3",
    'ALTER TABLE records ALTER name TYPE varchar(255) COLLATE "default"',
    "DROP SEQUENCE users_id_seq CASCADE",
]


def test_any_change_of_the_tables_is_seen(emptied):
    database = opened(emptied.next())
    with database.engine.connect() as connection:
        as_made = shape_of(connection)
        for change in CHANGES:
            connection.execute(text(change))
            assert shape_of(connection) != as_made, change
            connection.rollback()
            assert shape_of(connection) == as_made
    database.close()
