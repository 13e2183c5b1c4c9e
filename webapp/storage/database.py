"""The database: SQLite or PostgreSQL, brought to today's tables at the start, read and written in transactions."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.util.exc import CommandError
from sqlalchemy import Engine, create_engine, event, text
from sqlalchemy.exc import DatabaseError, DBAPIError, OperationalError
from sqlalchemy.orm import Session

from cardiac.errors import CardiacError, ConfigError

MIGRATIONS = Path(__file__).parent / "migrations"
BUSY_S = 30.0
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
        with _gone_said(), Session(self.engine, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """A session whose changes all come true at its end, or none of them. Raises DatabaseGone."""
        with _gone_said(), Session(self._writing, expire_on_commit=False) as session, session.begin():
            yield session

    def migrate(self) -> None:
        """Bring the tables to today's; several servers may begin at once.

        Raises DatabaseGone, and ConfigError for a database that a newer version has made, or that is none of ours.
        """
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        with _gone_said(), _foreign_said():
            if self.is_sqlite:
                with self.engine.connect() as connection:
                    connection.exec_driver_sql("ROLLBACK")
                    connection.exec_driver_sql("PRAGMA journal_mode=WAL")
                    connection.exec_driver_sql("BEGIN IMMEDIATE")
                    _upgrade(config, connection)
            else:
                with self.engine.begin() as connection:
                    connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
                    _upgrade(config, connection)

    def close(self) -> None:
        self.engine.dispose()


def _upgrade(config: Config, connection: Any) -> None:
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    connection.commit()


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
        connection.execute("PRAGMA synchronous=NORMAL")  # with WAL, whatever is killed, what was committed stays

    @event.listens_for(engine, "begin")
    def _begin(connection: Any) -> None:
        connection.exec_driver_sql(connection.get_execution_options().get("sqlite_begin", "BEGIN"))

    return engine


@contextmanager
def _foreign_said() -> Iterator[None]:
    try:
        yield
    except CommandError as error:
        raise ConfigError("the database was made by a newer version: update this program, or give another") from error
    except OperationalError:
        raise
    except DatabaseError as error:
        raise ConfigError("the database is none of this program's: give another one, or an empty one") from error


@contextmanager
def _gone_said() -> Iterator[None]:
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
