"""What a request works on: the database and the files of the server that it came to."""

from dataclasses import dataclass

from flask import current_app

from webapp.settings import Settings
from webapp.storage.database import Database
from webapp.storage.files import Files


@dataclass(frozen=True)
class Store:
    """One server's database and files."""

    settings: Settings
    database: Database
    files: Files


def store() -> Store:
    """Those of the server that answers this request."""
    return current_app.extensions["store"]
