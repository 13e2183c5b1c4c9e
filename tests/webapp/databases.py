"""A PostgreSQL database for tests that follow each other: emptied for each of them, which takes a tenth of making one."""

import uuid
from typing import Any

from sqlalchemy import Connection, Engine, NullPool, create_engine, delete, insert, select, text
from sqlalchemy.exc import DBAPIError

from tests.webapp.builders import at, on_server
from webapp.settings import Settings
from webapp.storage.database import Database
from webapp.storage.tables import Base

TABLES = Base.metadata.sorted_tables  # those that others point at come first
END_CONNECTIONS = (
    "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = '{name}'"  # within 10 s
)
OWN = "NOT IN ('pg_catalog'::regnamespace, 'pg_toast'::regnamespace, 'information_schema'::regnamespace)"
SHAPE = f"""
    SELECT format('%s %s %s %s %s', attrelid::regclass, attname, format_type(atttypid, atttypmod), attnotnull, attcollation)
        FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid WHERE relnamespace {OWN} AND NOT attisdropped
    UNION ALL SELECT format('%s %s', adrelid::regclass, pg_get_expr(adbin, adrelid)) FROM pg_attrdef
        JOIN pg_class ON pg_class.oid = adrelid WHERE relnamespace {OWN}
    UNION ALL SELECT pg_get_indexdef(indexrelid) FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
        WHERE relnamespace {OWN}
    UNION ALL SELECT format('%s %s', conrelid::regclass, pg_get_constraintdef(oid)) FROM pg_constraint
        WHERE connamespace {OWN}
    UNION ALL SELECT version_num FROM alembic_version
    ORDER BY 1
"""
N_BYTES = f"SELECT sum(pg_total_relation_size(oid)) FROM pg_class WHERE relkind = 'r' AND relnamespace {OWN}"
MOST_BYTES = 8 * 2**20  # of tables, in which deleted rows lie about: among many of them everything is slow
RESTART_NUMBERS = "SELECT setval(oid::regclass, 1, false) FROM pg_class WHERE relkind = 'S'"


class EmptiedDatabase:
    """A database with today's tables and nothing in them but what `Database.migrate` puts there.

    Each test finds it under another name, so that a program which the test before has left behind cannot come back to
    it; the connections of that test are ended, and with them their locks. Where a test has changed the tables or filled
    them with much, or the database cannot be entered any more, another one is made.
    """

    def __init__(self, server: str) -> None:
        self.server = server
        self.name = ""
        self._shape: list[str] = []
        self._rows: dict[str, list[dict[str, Any]]] = {}

    def next(self) -> str:
        """The database's URL, for one more test."""
        if not self.name or not self._emptied():
            self.drop()
            self._make()
        return at(self.server, self.name)

    def drop(self) -> None:
        """Take the database away, if there is one."""
        if self.name:
            on_server(self.server, f"DROP DATABASE {self.name} WITH (FORCE)")
        self.name = ""

    def _make(self) -> None:
        name = _new_name()
        on_server(self.server, f"CREATE DATABASE {name}")
        on_server(self.server, f"ALTER DATABASE {name} SET synchronous_commit = off")  # nobody waits for the disk
        self.name = name
        database = Database(self._url())
        database.migrate()
        database.close()
        with self._engine().connect() as connection:
            self._shape = shape_of(connection)
            self._rows = {
                each.name: [dict(row) for row in connection.execute(select(each)).mappings()] for each in TABLES
            }

    def _emptied(self) -> bool:
        """Whether the database is as it was made, under a new name; if not, it is of no more use."""
        name = _new_name()
        try:
            on_server(self.server, END_CONNECTIONS.format(name=self.name))
            on_server(self.server, f"ALTER DATABASE {self.name} RENAME TO {name}")
            self.name = name
            with self._engine().begin() as connection:
                if shape_of(connection) != self._shape or connection.scalar(text(N_BYTES)) > MOST_BYTES:
                    return False
                self._empty(connection)
        except DBAPIError:
            return False
        return True

    def _empty(self, connection: Connection) -> None:
        for table in reversed(TABLES):
            connection.execute(delete(table))  # a hundred times as fast as TRUNCATE, which makes new files
        connection.execute(text(RESTART_NUMBERS))
        for table in TABLES:
            if rows := self._rows[table.name]:
                connection.execute(insert(table), rows)

    def _url(self) -> str:
        return Settings(database_url=at(self.server, self.name)).url

    def _engine(self) -> Engine:
        return create_engine(self._url(), poolclass=NullPool)


def _new_name() -> str:
    return f"ecg_{uuid.uuid4().hex}"


def shape_of(connection: Connection) -> list[str]:
    """What tables a database has, and of what: columns, defaults, indices, constraints, and the version it names."""
    return list(connection.scalars(text(SHAPE)))
