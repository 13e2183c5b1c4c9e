"""The site as a person starts it: a server with its workers, in processes of their own."""

import io
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, redirect_stdout
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from unittest import mock
from urllib.parse import urlsplit

from werkzeug.datastructures import FileStorage, MultiDict
from werkzeug.test import stream_encode_multipart

from webapp import main
from webapp.settings import ROOT

WAIT_S = 120  # for what must come
PASSWORD = "correct horse battery"  # that a command is given


class Server:
    """A running server; `ask` and `send` speak to it."""

    def __init__(self, process: subprocess.Popen, address: str) -> None:
        self.process, self.address = process, address.replace("0.0.0.0", "127.0.0.1")
        self.headers: dict[str, str] = {}

    def of(self, token: str) -> "Server":
        """The same, asked by a program with a person's token."""
        other = Server(self.process, self.address)
        other.headers = {"Authorization": f"Bearer {token}"}
        return other

    def ask(
        self, method: str, path: str, body: bytes | Iterable[bytes] | None = None, kind: str = "", **headers: str
    ) -> tuple[int, Any]:
        """Status, and what was answered as JSON or text. body : pieces are sent in chunks."""
        connection = HTTPConnection(urlsplit(self.address).netloc, timeout=WAIT_S)
        try:
            given = {"Content-Type": kind} if kind else {}
            connection.request(method, path, body, self.headers | given | headers)
            answer = connection.getresponse()
            text = answer.read().decode()
            is_json = "json" in answer.headers.get("Content-Type", "")
            return answer.status, json.loads(text) if is_json else text
        finally:
            connection.close()

    def send(self, *files: tuple[str, bytes]) -> str:
        """Upload files; the job's id."""
        given = [("file", FileStorage(io.BytesIO(content), name)) for name, content in files]
        body, _, boundary = stream_encode_multipart(MultiDict(given), use_tempfile=False)
        status, answer = self.ask("POST", "/api/v1/records", body.read(), f"multipart/form-data; boundary={boundary}")
        assert status == 202, answer
        return answer["job"]

    def job(self, job: str) -> dict[str, Any]:
        return self.ask("GET", f"/api/v1/jobs/{job}")[1]

    def ended(self, job: str) -> dict[str, Any]:
        """The job when nothing more is read of it."""
        deadline = time.monotonic() + WAIT_S
        while (found := self.job(job))["state"] in ("queued", "running"):
            assert time.monotonic() < deadline, found
            time.sleep(0.1)
        return found

    def peak_mib(self) -> float:
        """The most memory that the process of the web server has had at once."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def command(data: Path, *arguments: str) -> str:
    """What the command line says, run in the tests' process, which is another one than the server's."""
    kept = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    told = io.StringIO()
    with mock.patch.dict(os.environ, kept | {"ECG_PASSWORD": PASSWORD}, clear=True), redirect_stdout(told):
        assert main.main(["--data", str(data), *arguments]) == 0
    return told.getvalue().strip()


def started_command(data: Path, *arguments: str) -> str:
    """What the command line says when a person starts it."""
    line = [sys.executable, "webapp/main.py", "--data", str(data), *arguments]
    kept = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    given = {"cwd": ROOT, "env": kept | {"ECG_PASSWORD": PASSWORD}, "text": True}
    return subprocess.run(line, check=True, stdout=subprocess.PIPE, **given).stdout.strip()


@contextmanager
def running(data: Path, *arguments: str) -> Iterator[Server]:
    """A server on a data folder, until this ends."""
    line = [sys.executable, "webapp/main.py", "--port", "0", "--data", str(data), *arguments]
    kept = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "ECG_PASSWORD")}
    with subprocess.Popen(
        line, cwd=ROOT, env=kept, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        try:
            told = process.stdout.readline()
            assert told.startswith("Open http://"), told
            yield Server(process, told.split()[1])
        finally:
            process.send_signal(2)  # Ctrl-C
            process.wait(WAIT_S)
