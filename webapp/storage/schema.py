"""The tables' versions: from an older one to today's, and the copy of an SQLite database that is made before."""

import os
import sqlite3
import time
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text

from cardiac.errors import ConfigError

MIGRATIONS = Path(__file__).parent / "migrations"
MOST_COPIES = 3
COPIES_S = 7 * 86_400.0


def upgrade(connection: Connection, revision: str = "head") -> None:
    """Bring the tables to a version, within the connection's transaction. Raises CommandError for one not known here."""
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


def head_revision() -> str:
    """The version of today's tables."""
    return ScriptDirectory.from_config(_config()).get_current_head() or ""


def known_revisions() -> list[str]:
    """Every version that can be brought to today's."""
    return [each.revision for each in ScriptDirectory.from_config(_config()).walk_revisions()]


def revision_of(connection: Connection) -> str | None:
    """The version of a database's tables; none of one that is empty, or none of ours."""
    return MigrationContext.configure(connection).get_current_revision()


def older_revision(connection: Connection) -> str | None:
    """The version of the tables where they are older than today's and hold anything."""
    revision = revision_of(connection)
    if revision is None or revision == head_revision() or revision not in known_revisions():
        return None
    tables = set(inspect(connection).get_table_names()) - {"alembic_version"}
    quoted = [connection.dialect.identifier_preparer.quote(each) for each in tables]
    holds = (connection.execute(text(f"SELECT 1 FROM {each} LIMIT 1")).first() for each in quoted)
    return revision if any(holds) else None


def copy_before(folder: Path, source: Path, revision: str) -> None:
    """Copy an SQLite database as it is, before its tables are changed; the newest few copies stay.

    Raises ConfigError where there is no room.
    """
    target = folder / f"before-{revision}-{time.strftime('%Y%m%dT%H%M%S', time.gmtime())}.db"
    part = target.with_suffix(".part")
    try:
        folder.mkdir(exist_ok=True, mode=0o700)
        os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
        with closing(sqlite3.connect(source)) as original, closing(sqlite3.connect(part)) as copy:
            original.backup(copy)
            copy.execute("PRAGMA journal_mode=DELETE")  # one file, and none beside it
        part.replace(target)
    except (OSError, sqlite3.Error) as error:
        with suppress(OSError):
            part.unlink()
        raise ConfigError(
            f"the database cannot be copied to {folder.name}/ before its tables are changed ({_reason(error)}): "
            "make room on the disk; nothing was changed"
        ) from error
    for old in sorted(folder.glob("before-*.db"), key=lambda path: path.stat().st_mtime)[:-MOST_COPIES]:
        old.unlink(missing_ok=True)


def drop_copies(folder: Path, older_s: float = 0.0) -> None:
    """Take away the copies that are older than so many seconds."""
    for path in [*folder.glob("before-*.db"), *folder.glob("before-*.part")]:
        with suppress(OSError):
            if path.stat().st_mtime <= time.time() - older_s or not older_s:
                path.unlink()


def _reason(error: Any) -> str:
    return getattr(error, "strerror", None) or type(error).__name__


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    return config
