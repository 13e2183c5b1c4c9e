"""A site of its own for every test, on SQLite and, where ECG_POSTGRES names a server, on PostgreSQL."""

import io
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.datastructures import FileStorage, MultiDict
from werkzeug.test import TestResponse, stream_encode_multipart

from inference import Detector
from tasks.mi.simulate import simulate_record
from tests.webapp.builders import npy_bytes, zip_bytes
from tests.webapp.databases import EmptiedDatabase
from tests.webapp.made_once import made_once
from webapp import create_app
from webapp.settings import Settings
from webapp.storage.database import Database
from webapp.store import Store
from webapp.worker import Worker

NO_POSTGRES = "ECG_POSTGRES does not name a PostgreSQL server on which databases may be made"


@dataclass
class Site:
    """A site under test: its application, a browser without a face, and a worker that works when it is told to."""

    app: Flask
    client: FlaskClient
    worker: Worker

    @property
    def store(self) -> Store:
        return self.app.extensions["store"]

    def send(self, *files: tuple[str, bytes], **fields: Any) -> str:
        """Upload files; the job's id."""
        answer = self.post("/api/v1/records", *files, **fields)
        assert answer.status_code == 202, answer.text
        return answer.json["job"]

    def post(self, address: str, *files: tuple[str, bytes], **fields: Any) -> TestResponse:
        """Send a form with files, made in memory."""
        given = [("file", FileStorage(io.BytesIO(content), name)) for name, content in files]
        body, _, boundary = stream_encode_multipart(MultiDict([*given, *fields.items()]), use_tempfile=False)
        return self.client.post(
            address, data=body, content_type=f"multipart/form-data; boundary={boundary}", follow_redirects=True
        )

    def read(self, *files: tuple[str, bytes], **fields: Any) -> dict[str, Any]:
        """Upload files and have them read; the job as it is then."""
        job = self.send(*files, **fields)
        self.worker.work_until_idle()
        return self.job(job)

    def drawn(self, address: str) -> TestResponse:
        """What is answered when what was asked for has been made, as evidence and pictures are, by the worker."""
        answer = self.client.get(address)
        if answer.status_code == 202:
            assert answer.json == {"state": "queued"} and answer.headers["Retry-After"] == "1"
            self.worker.work_until_idle()
            answer = self.client.get(address)
        return answer

    def job(self, job: str) -> dict[str, Any]:
        return self.client.get(f"/api/v1/jobs/{job}").json

    def names(self) -> list[str]:
        return sorted(item["record"] for item in self.client.get("/api/v1/records?limit=200").json["items"])

    def files(self) -> list[str]:
        """What lies in the data folder of samples and uploads."""
        folder = self.store.files.folder
        return sorted(
            path.relative_to(folder).as_posix()
            for name in ("signals", "uploads", "incoming")
            for path in (folder / name).rglob("*")
            if path.is_file()
        )


@pytest.fixture(scope="session", autouse=True)
def quick_applications() -> Iterator[None]:
    """An application takes a few milliseconds to make, instead of a tenth of a second and its templates' time."""
    with made_once():
        yield


@pytest.fixture(scope="session")
def empty_sqlite(tmp_path_factory) -> Path:
    """A database with today's tables and nothing in them."""
    path = tmp_path_factory.mktemp("sqlite") / "cardiac.db"
    database = Database(f"sqlite:///{path}")
    database.migrate()
    with database.engine.connect() as connection:
        connection.exec_driver_sql("COMMIT")
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()
    return path


@contextmanager
def emptied_database() -> Iterator[EmptiedDatabase]:
    """A database on the PostgreSQL server, until this ends; without a server the test is skipped."""
    if "ECG_POSTGRES" not in os.environ:
        pytest.skip(NO_POSTGRES)
    database = EmptiedDatabase(os.environ["ECG_POSTGRES"])
    try:
        yield database
    finally:
        database.drop()


@pytest.fixture(scope="session")
def emptied_postgres() -> Iterator[EmptiedDatabase]:
    """A database that every test finds as new."""
    with emptied_database() as database:
        yield database


@pytest.fixture(params=["sqlite", "postgresql"])
def settings(request, tmp_path) -> Settings:
    """A data folder of its own and an empty database."""
    data = tmp_path / "instance"
    data.mkdir()
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("empty_sqlite"), data / "cardiac.db")
        return Settings(data=data)
    return Settings(data=data, database_url=request.getfixturevalue("emptied_postgres").next())


@contextmanager
def sites_on(settings: Settings, detector: Detector) -> Iterator[Callable[..., Site]]:
    """Makes sites on the same data, until this ends; of tasks' pages and APIs they have these. options : of `Settings`."""
    made: list[Site] = []

    def make(sites: Sequence[ModuleType] = (), apis: Sequence[ModuleType] = (), **options: Any) -> Site:
        app = create_app(replace(settings, **{"draw_wait_s": 0.0, "port": 0, **options}), sites, apis)
        app.config["WTF_CSRF_ENABLED"] = False  # of forms' tokens test_requests.py has its own
        store = app.extensions["store"]
        made.append(Site(app, app.test_client(), Worker(store.database, store.files, detector=detector)))
        return made[-1]

    try:
        yield make
    finally:
        for site in made:
            site.store.database.close()


@pytest.fixture
def make_site(settings, detector) -> Iterator[Callable[..., Site]]:
    """Makes sites on the test's data; options are those of `Settings`."""
    with sites_on(settings, detector) as make:
        yield make


@pytest.fixture
def site(make_site) -> Site:
    """A site that only this machine reaches."""
    return make_site()


@pytest.fixture(scope="session")
def recordings() -> dict[str, np.ndarray]:
    """Three recordings: an inferior and an anterior infarction, and none."""
    return {
        "inferior": simulate_record(7, "inferior").record.signal,
        "anterior": simulate_record(8, "anterior").record.signal,
        "healthy": simulate_record(9, None).record.signal,
    }


@pytest.fixture(scope="session")
def npy(recordings) -> dict[str, bytes]:
    """The same as .npy files."""
    return {name: npy_bytes(signal) for name, signal in recordings.items()}


@pytest.fixture(scope="session")
def archive(npy) -> bytes:
    """All of them in a zip."""
    return zip_bytes({f"{name}.npy": content for name, content in npy.items()})
