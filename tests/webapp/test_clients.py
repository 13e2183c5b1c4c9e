"""The examples for programs, as docs/api.md and the page Help give them, against a running site."""

import json
import os
import re
import shutil
import subprocess
import sys
from contextlib import contextmanager

import pytest

from inference import main as read_by_command_line
from tests.webapp.servers import command, running

CLIENTS = "webapp/static/clients"


def block(root, language):
    [code] = re.findall(rf"```{language}\n(.*?)```", (root / "docs/api.md").read_text(encoding="utf-8"), re.DOTALL)
    return code


@pytest.fixture(scope="module")
def live(tmp_path_factory):
    data = tmp_path_factory.mktemp("live") / "instance"
    with running(data) as server:
        yield server


def run(root, server, *paths, code=None, **environment):
    kept = {key: value for key, value in os.environ.items() if not key.startswith("ECG_")}
    return subprocess.run(
        [sys.executable, "-c", code or block(root, "python"), *map(str, paths)],
        cwd=root,
        env=kept | {"ECG_SITE": server.address} | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.mark.parametrize(("language", "name"), [("python", "client.py"), ("r", "client.R")])
def test_the_files_that_help_offers_are_those_of_the_documentation(root, language, name):
    assert block(root, language) == (root / CLIENTS / name).read_text(encoding="utf-8")


def test_the_python_example_finds_what_the_command_line_finds(root, live, tmp_path):
    assert read_by_command_line([str(root / "public_data/test/sim_04.npy"), "--out", str(tmp_path)]) == 0
    [document] = json.loads((tmp_path / "findings.json").read_text())
    sites = [site for site, each in document["localizations"].items() if each["present"]]
    done = run(root, live)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["sim_04", str(round(document["mi"]["probability"], 2)), *sites]


def test_names_of_any_letters_and_files_that_are_refused(root, live, tmp_path):
    path = tmp_path / "запись 1 % #.npy"
    shutil.copy(root / "public_data/test/sim_04.npy", path)
    (tmp_path / "empty.npy").write_bytes(b"")
    done = run(root, live, path, tmp_path / "empty.npy", PYTHONIOENCODING="utf-8")
    assert done.returncode == 0, done.stderr
    first, second = done.stdout.splitlines()
    assert first.startswith("запись 1 % # 0.") and second.startswith("empty refused: empty.npy: is empty")


def test_the_curl_example(root, live):
    """The lines of the page, with the job's and the record's names filled in."""
    if shutil.which("curl") is None:
        pytest.skip("there is no curl on this machine")
    page = live.ask("GET", "/help")[1]
    lines = re.findall(r'id="client-curl">(.*?)</code>', page, re.DOTALL)[0].splitlines()
    assert len(lines) == 3

    def asked(line):
        line = line.replace("recordings.zip", str(root / "public_data/test/sim_04.npy"))
        return json.loads(subprocess.run(["bash", "-c", f"{line} --silent"], capture_output=True, check=True).stdout)

    job = asked(lines[0])["job"]
    live.ended(job)
    [name] = asked(lines[1].replace("JOB", job))["records"]
    assert asked(lines[2].replace("RECORD", name))["record"] == name


@contextmanager
def guarded(data):
    command(data, "user", "add", "rita", "--role", "reviewer")
    token = command(data, "user", "token", "rita")
    with running(data, "--host", "0.0.0.0") as server:
        yield server, token


def test_the_python_example_with_a_token(root, tmp_path):
    with guarded(tmp_path / "instance") as (server, token):
        refused = run(root, server)
        assert refused.returncode == 1 and "401" in refused.stderr
        done = run(root, server, ECG_KEY=token)
        assert done.returncode == 0 and done.stdout.startswith("sim_04 "), done.stderr
