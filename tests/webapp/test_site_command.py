"""The command line of the site: it starts and ends wholly, and says in one sentence why it does not."""

import gc
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import warnings
from pathlib import Path

import pytest
from sqlalchemy import select

from tests.patience import LONG_S, wait_until
from webapp import main as command
from webapp.settings import ROOT, Settings
from webapp.storage import accounts
from webapp.storage.database import Database
from webapp.storage.tables import Event

PASSWORD = "correct horse battery"


@pytest.fixture
def environment(monkeypatch):
    """That of a server without a database of its own and without a password."""
    for name in ("DATABASE_URL", "ECG_PASSWORD"):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


def refusal(capsys, *arguments):
    """The sentence with which something is refused."""
    assert command.main([str(each) for each in arguments]) == 2
    told = capsys.readouterr()
    assert told.out == "" and told.err.count("\n") == 1 and "Traceback" not in told.err
    return told.err


def children_of(pid):
    """Processes that a process has started, and those that they have."""
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in map(int, task.read_text().split()):
            found += [child, *children_of(child)]
    return found


def is_there(pid):
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False


def start(data, *arguments):
    """A server as a person starts it; the process and the address that it tells."""
    line = [sys.executable, "webapp/main.py", "--port", "0", "--data", str(data), *arguments]
    kept = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "ECG_PASSWORD")}
    process = subprocess.Popen(
        line, cwd=ROOT, env=kept, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    told = process.stdout.readline()
    assert told.startswith("Open http://"), process.communicate()
    return process, told.split()[1]


def get(address):
    with urllib.request.urlopen(address, timeout=LONG_S) as answer:
        return answer.read().decode()


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="processes are looked up in /proc")
def test_ctrl_c_ends_the_server_and_its_workers(tmp_path, npy):
    process, address = start(tmp_path / "data", "--workers", "1")
    try:
        assert '"status":"ok"' in get(f"{address}/health").replace(" ", "")
        assert "not a medical device" in get(address)
        wait_until(lambda: children_of(process.pid))
        workers = children_of(process.pid)
        assert len(workers) == 1 and "not a medical device" in process.stdout.readline()
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does, to all of its processes
        process.communicate(timeout=LONG_S)
        assert process.returncode == 0
        wait_until(lambda: not any(map(is_there, workers)))
        with pytest.raises(urllib.error.URLError):
            get(address)
    finally:
        process.kill()


def test_a_server_without_workers(tmp_path):
    """--workers 0: somebody else's machine reads. Under the name localhost, which may be two addresses."""
    process, address = start(tmp_path / "data", "--workers", "0", "--host", "localhost")
    try:
        assert address.startswith("http://localhost:") and "<h1>Upload" in get(address)
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        _, wrong = process.communicate(timeout=LONG_S)
        assert (process.returncode, wrong) == (0, "")
    finally:
        process.kill()


def test_others_are_served_when_there_is_somebody_to_log_in(tmp_path, environment, capsys):
    data = tmp_path / "data"
    told = refusal(capsys, "--host", "0.0.0.0", "--data", data)
    assert "no user yet" in told and "user add NAME" in told
    told = refusal(capsys, "--behind-proxy", "--data", data)
    assert "no user yet" in told
    environment.setenv("ECG_PASSWORD", PASSWORD)
    assert command.main(["--data", str(data), "user", "add", "ada", "--role", "admin"]) == 0
    assert command.main(["--data", str(data), "user", "close", "ada"]) == 0
    capsys.readouterr()
    assert "no user yet" in refusal(capsys, "--host", "0.0.0.0", "--data", data)  # nobody who may come in
    assert command.main(["--data", str(data), "user", "add", "ada", "--role", "admin"]) == 0
    process, address = start(data, "--workers", "0", "--host", "0.0.0.0")
    try:
        port = address.rpartition(":")[2]
        assert "<h1>Log in" in get(f"http://127.0.0.1:{port}/patients")
        process.send_signal(signal.SIGINT)
        assert process.wait(LONG_S) == 0
    finally:
        process.communicate()


def test_users_are_kept_by_the_command_line(tmp_path, environment, capsys):
    data = ["--data", str(tmp_path / "data")]
    environment.setenv("ECG_PASSWORD", PASSWORD)
    assert command.main([*data, "user", "add", "Вера", "--workspace", "clinic"]) == 0
    assert "Вера may come in as reviewer of the workspace clinic" in capsys.readouterr().out
    assert command.main([*data, "user", "token", "Вера"]) == 0
    token = capsys.readouterr().out.strip()
    database = Database(Settings(data=tmp_path / "data").url)
    with database.reading() as db:
        assert accounts.user_of_token(db, token).name == "Вера"
        assert accounts.check_password(db, "Вера", PASSWORD).role == "reviewer"
    assert command.main([*data, "user", "list"]) == 0
    assert capsys.readouterr().out == "Вера\treviewer\tclinic\t\n"
    assert command.main([*data, "user", "close", "Вера"]) == 0
    assert command.main([*data, "user", "list"]) == 0
    assert "(closed)" in capsys.readouterr().out
    with database.reading() as db:
        assert accounts.user_of_token(db, token) is None
        assert PASSWORD not in str([vars(each) for each in db.scalars(select(Event))])
    assert command.main([*data, "audit", "--workspace", "clinic"]) == 0
    trail = [line.split("\t")[1:3] for line in capsys.readouterr().out.splitlines()]
    by = "command line"
    assert trail == [[by, "closed a user"], [by, "made a token"], [by, "added a user"]]
    assert command.main([*data, "audit", "--workspace", "clinic", "--limit", "1"]) == 0
    assert capsys.readouterr().out.count("\n") == 1
    database.close()


def test_a_password_is_asked_for_twice(tmp_path, environment, capsys):
    data = ["--data", str(tmp_path / "data")]
    answers = iter([PASSWORD, "another password", PASSWORD, PASSWORD])
    environment.setattr("webapp.commands.getpass.getpass", lambda _: next(answers))
    environment.setattr("sys.stdin.isatty", lambda: True, raising=False)
    assert "differ" in refusal(capsys, *data, "user", "add", "ada")
    assert command.main([*data, "user", "add", "ada"]) == 0


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--port", "70000"], "--port 70000"),
        (["--port", "-1"], "--port -1"),
        (["--workers", "-1"], "--workers"),
        (["--most-bytes", "0"], "--most-bytes"),
        (["--host", "no such host"], "no such host"),
        (["--host", "192.0.2.1", "--behind-proxy"], "no user yet"),
        (["--bundle", "no_such_folder"], "no_such_folder/"),
        (["user", "close", "nobody"], "no user 'nobody'"),
        (["user", "token", "\udcff"], "no user"),
        (["user", "add", "\udcff"], "a user's name"),
        (["user", "add"], "name the user"),
        (["user", "add", "ada", "--workspace", ""], "workspace"),
        (["audit", "--limit", "-1"], "--limit"),
    ],
)
def test_one_sentence_for_what_cannot_be(tmp_path, environment, capsys, arguments, told):
    environment.setenv("ECG_PASSWORD", PASSWORD)
    assert told in refusal(capsys, "--data", tmp_path / "data", *arguments)


def test_a_short_or_missing_password_is_none(tmp_path, environment, capsys):
    environment.setenv("ECG_PASSWORD", "short")
    assert "at least 10" in refusal(capsys, "--data", tmp_path, "user", "add", "ada")
    environment.delenv("ECG_PASSWORD")

    def closed(_):
        raise EOFError

    environment.setattr("sys.stdin.isatty", lambda: True, raising=False)
    environment.setattr("webapp.commands.getpass.getpass", closed)
    assert "no password" in refusal(capsys, "--data", tmp_path, "user", "add", "ada")


def test_an_address_that_cannot_be_taken(tmp_path, environment, capsys):
    environment.setattr("webapp.settings.is_loopback", lambda _: True)
    with warnings.catch_warnings(), socket.socket() as taken:
        warnings.simplefilter("ignore", ResourceWarning)  # waitress leaves the socket open that it could not bind
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        told = refusal(capsys, "--port", port, "--workers", "0", "--data", tmp_path)
        assert str(port) in told and "choose another --port" in told
        told = refusal(capsys, "--host", "192.0.2.1", "--workers", "0", "--data", tmp_path)
        assert "choose another --host" in told
        gc.collect()


def test_a_data_folder_that_is_none(tmp_path, environment, capsys):
    file = tmp_path / "file"
    file.write_text("")
    for folder in (file, file / "below"):
        assert "data folder" in refusal(capsys, "--data", folder)
    kept = tmp_path / "kept"
    kept.mkdir()
    kept.chmod(0o500)
    try:
        (kept / "try").touch()
    except PermissionError:
        assert "data folder kept/ cannot be written to" in refusal(capsys, "--data", kept)


@pytest.mark.parametrize(
    "url",
    [
        "no url at all",
        "mysql://a:b@127.0.0.1/c",
        "postgresql://ecg:wrong@127.0.0.1:1/none",
        "postgresql://host:port/none",
        "sqlite:////no/such/folder/cardiac.db",
    ],
)
def test_a_database_that_cannot_be_used(tmp_path, environment, capsys, url):
    environment.setenv("DATABASE_URL", url)
    told = refusal(capsys, "--data", tmp_path, "user", "list")
    assert "database" in told.lower() and "wrong" not in told  # nor its password


def test_a_file_that_is_no_database(tmp_path, environment, capsys):
    (tmp_path / "cardiac.db").write_bytes(b"no database at all" * 1_000)
    assert "database" in refusal(capsys, "--data", tmp_path)


def test_a_database_of_a_later_program(tmp_path, environment, capsys):
    assert command.main(["--data", str(tmp_path), "user", "list"]) == 0
    database = Database(Settings(data=tmp_path).url)
    with database.writing() as db:
        db.connection().exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    database.close()
    assert "newer" in refusal(capsys, "--data", tmp_path)
