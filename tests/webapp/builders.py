"""What several tests of the site build: files, archives, databases."""

import io
import zipfile

import numpy as np
import pytest
from sqlalchemy import create_engine, text

from webapp.settings import Settings

ONE_DATABASE = pytest.mark.parametrize("settings", ["sqlite"], indirect=True)  # for what no database has a part in


def npy_bytes(signal: np.ndarray) -> bytes:
    """A .npy file."""
    content = io.BytesIO()
    np.save(content, signal)
    return content.getvalue()


def zip_bytes(members: dict[str, bytes]) -> bytes:
    """A zip of these members."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as file:
        for name, each in members.items():
            file.writestr(name, each)
    return content.getvalue()


def on_server(server: str, statement: str) -> None:
    """Run a statement on a PostgreSQL server, outside of transactions."""
    engine = create_engine(Settings(database_url=server).url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(statement))
    engine.dispose()


def at(server: str, name: str) -> str:
    """The URL of a database on this server."""
    return f"{server.rstrip('/').rpartition('/')[0]}/{name}"
