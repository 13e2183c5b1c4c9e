"""The database: SQLite or PostgreSQL, brought to today's tables at the start, read and written in transactions."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from alembic.util.exc import CommandError
from sqlalchemy import Engine, create_engine, event, text
from sqlalchemy.exc import DatabaseError, DBAPIError, OperationalError
from sqlalchemy.orm import Session

from cardiac.errors import CardiacError, ConfigError
from webapp.storage.schema import COPIES_S, copy_before, drop_copies, older_revision, upgrade
from webapp.storage.trail import append_events

BUSY_S = 30.0
PURGE_MS = 2_000  # that emptying the log waits for those who read
NAMING = ("records", "reviews", "tasks", "jobs", "forms", "audit", "patients", "patient_names")  # tables with names
NO_COPY = "the tables are brought from version %s to today's: on PostgreSQL keep backups of your own (pg_dump)"
log = logging.getLogger("webapp.database")
TOO_MUCH = "54"  # class of PostgreSQL's errors about statements and values that are beyond its limits
_LOCK = 7_021_935  # of migrations on PostgreSQL: any number that no other program of this database takes


class DatabaseGone(CardiacError):
    """The database cannot be reached, or cannot write."""


class Database:
    """Sessions of one database. url : as SQLAlchemy takes it. Raises ConfigError for a URL that is none."""

    def __init__(self, url: str) -> None:
        try:
            self.engine = _engine(url)
        except Exception as error:
            raise ConfigError("DATABASE_URL cannot be used: give postgresql://user:password@host/name") from error
        self._writing = self.engine.execution_options(sqlite_begin="BEGIN IMMEDIATE")

    @property
    def is_sqlite(self) -> bool:
        return self.engine.dialect.name == "sqlite"

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A session that sees one moment and changes nothing. Raises DatabaseGone."""
        with _report_gone(), Session(self.engine, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def snapshot(self) -> Iterator[Session]:
        """As `reading`, and what is read later is of the same moment as well; SQLite always does so."""
        steady = self.engine if self.is_sqlite else self.engine.execution_options(isolation_level="REPEATABLE READ")
        with _report_gone(), Session(steady, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """A session whose changes all come true at its end, or none of them, with what they leave in the trail.

        Raises DatabaseGone.
        """
        with _report_gone(), Session(self._writing, expire_on_commit=False) as session, session.begin():
            yield session
            append_events(session)

    def migrate(self) -> None:
        """Bring the tables to today's; several servers may begin at once. What an SQLite database was is copied first.

        Raises DatabaseGone, and ConfigError for a database that a newer version has made, or that is none of ours.
        """
        with _report_gone(), _report_foreign():
            is_older = self._migrate_sqlite() if self.is_sqlite else self._migrate_postgres()
        if is_older:
            self.leave_no_trace(rewrite=True)  # what was deleted by an older version may still lie in free pages

    def _migrate_sqlite(self) -> bool:
        with self.engine.connect() as connection:
            connection.exec_driver_sql("ROLLBACK")
            connection.exec_driver_sql("PRAGMA journal_mode=WAL")
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            revision = older_revision(connection)
            if revision:
                copy_before(self.copies, Path(self.engine.url.database), revision)
            upgrade(connection)
            connection.commit()
        return revision is not None

    def _migrate_postgres(self) -> bool:
        with self.engine.begin() as connection:
            connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
            revision = older_revision(connection)
            if revision:
                log.warning(NO_COPY, revision)
            upgrade(connection)
            connection.commit()
        return revision is not None

    @property
    def copies(self) -> Path | None:
        """Folder of the copies that are made before tables are changed; none on PostgreSQL."""
        file = self.engine.url.database
        return Path(file).parent / "backups" if self.is_sqlite and file and file != ":memory:" else None

    def leave_no_trace(self, rewrite: bool = False) -> bool:
        """Have what was deleted lie nowhere in the database's files any more; False where somebody still reads it.

        SQLite: deleted pages were zeroed, and the log of changes (WAL) is emptied; rewrite : the file is written anew as
        well. PostgreSQL: dead rows are vacuumed. Copies from before a change of tables are taken away.
        """
        if self.copies and not rewrite:
            drop_copies(self.copies)
        try:
            return self._empty_log(rewrite) if self.is_sqlite else self._vacuum()
        except DBAPIError:
            return False  # the tidying comes back to it

    def _empty_log(self, rewrite: bool) -> bool:
        with self.engine.connect() as connection:
            connection.exec_driver_sql("ROLLBACK")
            connection.exec_driver_sql(f"PRAGMA busy_timeout={PURGE_MS}")
            try:
                if rewrite:
                    connection.exec_driver_sql("VACUUM")
                return not connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").one()[0]
            finally:
                connection.exec_driver_sql(f"PRAGMA busy_timeout={round(1_000 * BUSY_S)}")

    def _vacuum(self) -> bool:
        with self.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql(f"VACUUM {', '.join(NAMING)}")
        return True

    def tidy(self) -> None:
        """Empty the log of changes, and take away copies that are old."""
        if self.is_sqlite:
            with suppress(DBAPIError):
                self._empty_log(rewrite=False)
        if self.copies:
            drop_copies(self.copies, COPIES_S)

    def close(self) -> None:
        self.engine.dispose()


def _engine(url: str) -> Engine:
    if not url.startswith("sqlite"):
        return create_engine(
            url, pool_pre_ping=True, pool_size=12, connect_args={"connect_timeout": 5}, hide_parameters=True
        )
    engine = create_engine(url, connect_args={"timeout": BUSY_S}, hide_parameters=True)

    @event.listens_for(engine, "connect")
    def _settle(connection: Any, _: Any) -> None:
        connection.isolation_level = None  # transactions begin where we say so, and not at the first change
        connection.execute("PRAGMA foreign_keys=ON")
        connection.execute("PRAGMA secure_delete=ON")  # what is deleted is overwritten
        connection.execute("PRAGMA synchronous=NORMAL")  # with WAL, whatever is killed, what was committed stays

    @event.listens_for(engine, "begin")
    def _begin(connection: Any) -> None:
        connection.exec_driver_sql(connection.get_execution_options().get("sqlite_begin", "BEGIN"))

    return engine


@contextmanager
def _report_foreign() -> Iterator[None]:
    try:
        yield
    except CommandError as error:
        raise ConfigError("the database was made by a newer version: update this program, or give another") from error
    except OperationalError:
        raise
    except DatabaseError as error:
        raise ConfigError("the database is none of this program's: give another one, or an empty one") from error


@contextmanager
def _report_gone() -> Iterator[None]:
    """Say in a sentence that the database is gone or full; what was being written did not come true."""
    try:
        yield
    except OperationalError as error:
        if str(getattr(error.orig, "sqlstate", "")).startswith(TOO_MUCH):
            raise  # the database is there, and will not take this the next time either
        raise DatabaseGone("the database cannot be reached or written: nothing was changed, try again") from error
    except DBAPIError as error:
        if error.connection_invalidated:
            raise DatabaseGone("the connection to the database broke: nothing was changed, try again") from error
        raise
