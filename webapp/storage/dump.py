"""The tables as lines of JSON and back, the same from SQLite and PostgreSQL and into either.

A table's file begins with a line of its columns' names; each line after that is a row. The tables are read as they are in
the database, so that those of an older version can be written and read as well.
"""

import json
from collections.abc import Iterable, Iterator
from contextlib import closing
from itertools import islice
from typing import Any

from sqlalchemy import JSON, Connection, MetaData, Table, func, insert, select, text

from cardiac.errors import ConfigError

LEFT_OUT = {"alembic_version", "logins", "workers"}  # sessions that are open, and processes
LONGEST_LINE = 2**28
PIECE = 500


def tables_of(connection: Connection) -> list[Table]:
    """The tables that a backup holds, each after those that it refers to."""
    metadata = MetaData()
    metadata.reflect(connection)
    for table in metadata.sorted_tables:
        for column in table.columns:
            if isinstance(column.type, JSON):
                column.type.none_as_null = True
    return [table for table in metadata.sorted_tables if table.name not in LEFT_OUT]


def lines_of(connection: Connection, table: Table) -> Iterator[bytes]:
    """A table's columns and rows."""
    yield _line([column.name for column in table.columns])
    rows = connection.execute(select(table).order_by(*table.primary_key.columns).execution_options(yield_per=PIECE))
    with closing(rows):
        for row in rows:
            yield _line([*row])


def put_rows(connection: Connection, table: Table, lines: Iterable[bytes]) -> int:
    """Put a table's rows back; how many they were. Raises ConfigError for what is no such file."""
    lines, n = iter(lines), 0
    columns = _read(table, next(lines, b""))
    if sorted(map(str, columns)) != sorted(column.name for column in table.columns):
        raise ConfigError(f"the backup's table {table.name} has other columns: it is damaged")
    rows = (_row(table, columns, line) for line in lines)
    while piece := list(islice(rows, PIECE)):
        connection.execute(insert(table), piece)
        n += len(piece)
    return n


def count_on(connection: Connection, table: Table) -> None:
    """Have PostgreSQL number what is added after the rows that were put back."""
    keys = [*table.primary_key.columns]
    if connection.dialect.name != "postgresql" or len(keys) != 1:
        return
    sequence = connection.scalar(
        text("SELECT pg_get_serial_sequence(:table, :key)"), {"table": table.name, "key": keys[0].name}
    )
    last = connection.scalar(select(func.max(keys[0]))) if sequence else None
    if last is not None:
        connection.execute(text("SELECT setval(:sequence, :last)"), {"sequence": sequence, "last": last})


def _row(table: Table, columns: list[str], line: bytes) -> dict[str, Any]:
    cells = _read(table, line)
    if len(cells) != len(columns):
        raise ConfigError(f"a row of the backup's table {table.name} has {len(cells)} cells: it is damaged")
    return dict(zip(columns, cells, strict=True))


def _read(table: Table, line: bytes) -> list[Any]:
    try:
        cells = json.loads(line)
    except (ValueError, RecursionError):
        cells = None
    if not isinstance(cells, list):
        raise ConfigError(f"a line of the backup's table {table.name} cannot be read: it is damaged")
    return cells


def _line(cells: list[Any]) -> bytes:
    return json.dumps(cells, separators=(",", ":")).encode("ascii") + b"\n"
