"""The wheel: what is in it, its pins, and that `ecg-mi` does what the repository's programs do."""

import json
import os
import re
import subprocess
import sys
import tomllib
import venv
import zipfile

import numpy as np
import pytest

from cardiac import NOTICE
from ecg_mi import __version__, command

REQUIREMENTS = {
    "web": "requirements.txt",
    "torch": "requirements.txt",
    "postgres": "requirements-postgres.txt",
    "scale": "requirements-scale.txt",
    "stream": "requirements-stream.txt",
}


@pytest.fixture(scope="module")
def wheel(root, tmp_path_factory):
    pytest.importorskip("hatchling", reason="requirements-test.txt is not installed")
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    done = subprocess.run(build, cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def unpacked(wheel, tmp_path_factory):
    folder = tmp_path_factory.mktemp("site-packages")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


@pytest.fixture
def ecg_mi(unpacked, tmp_path):
    """`ecg-mi` as installed, far from the repository."""

    def run(*arguments, before=""):
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        code = f"import sys\n{before}\nfrom ecg_mi.command import main\nsys.exit(main({[*map(str, arguments)]}))"
        return subprocess.run(
            [sys.executable, "-B", "-c", code],
            cwd=tmp_path,
            env=environment | {"PYTHONPATH": str(unpacked)},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def pins(root, name):
    lines = (line.partition("#")[0].strip() for line in (root / name).read_text(encoding="utf-8").splitlines())
    return {line for line in lines if line}


def test_pins_are_those_of_the_requirements_files(root):
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    assert {*project["dependencies"], *extras["web"], *extras["torch"]} == pins(root, "requirements.txt")
    for extra in ("postgres", "scale", "stream"):
        assert {*extras[extra]} == pins(root, REQUIREMENTS[extra])
    assert pins(root, "requirements-onnx.txt") <= {*project["dependencies"]}


def test_nothing_lies_at_the_top_of_site_packages(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names} == {"ecg_mi", f"ecg_mi-{__version__}.dist-info"}
    assert "ecg_mi/app/checkpoints/mi/hybrid/network.onnx" in names
    assert "ecg_mi/app/webapp/translations/ru/LC_MESSAGES/messages.mo" in names
    assert not [name for name in names if re.search(r"/instance/|__pycache__|/tests/", name)]


def test_it_predicts_as_the_repository_does(ecg_mi, root, detector):
    path = root / "public_data/test/sim_04.npy"
    done = ecg_mi("predict", path, "--fs-hz", "500", "--json")
    assert done.returncode == 0, done.stderr
    (document,) = json.loads(done.stdout)
    leads = ["I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6"]
    finding = detector.predict(np.load(path), 500, leads)
    assert document["mi"]["probability"] == pytest.approx(finding.mi.probability, abs=1e-5)
    assert document["bundle"]["sha256"] == detector.bundle.sha256


def test_json_is_printed_and_nothing_written(ecg_mi, root, tmp_path):
    (tmp_path / "broken.npy").write_bytes(b"\x93NUMPY no more")
    good = root / "public_data/test/sim_01.npy"
    done = ecg_mi("predict", tmp_path / "broken.npy", good, "--json")
    assert done.returncode == 1
    documents = json.loads(done.stdout)
    assert [set(each) >= {"record", "error"} for each in documents] == [True, False]
    assert "not read: broken" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["broken.npy"]
    assert ecg_mi("predict", good, "--json", "--plots").returncode == 2


def test_what_is_printed_is_what_would_be_written(ecg_mi, root, tmp_path):
    good = root / "public_data/test/sim_01.npy"
    assert ecg_mi("predict", good, "--out", "out").returncode == 0
    assert ecg_mi("predict", good, "--json").stdout == (tmp_path / "out/findings.json").read_text(encoding="utf-8")


def test_words_and_exit_statuses(ecg_mi, tmp_path):
    assert ecg_mi("--version").stdout == f"ecg-mi {__version__}\n"
    told = ecg_mi("--help")
    assert told.returncode == 0 and "ecg-mi predict" in told.stdout and command.NOTICE in told.stdout
    assert command.NOTICE.startswith(NOTICE.split(";")[0])
    unknown = ecg_mi("diagnose")
    assert unknown.returncode == 2 and "'diagnose' is none of predict, serve, train, evaluate" in unknown.stderr
    assert "usage: ecg-mi predict" in ecg_mi("predict").stderr
    assert ecg_mi("predict", tmp_path / "nowhere").returncode == 1
    for word in command.PROGRAMS:
        assert f"usage: ecg-mi {word}" in ecg_mi(word, "--help").stdout


def test_a_missing_extra_is_named(ecg_mi):
    done = ecg_mi("serve", before="sys.modules['flask'] = None")
    assert done.returncode == 2
    assert done.stderr == "ecg-mi serve: flask is not installed: pip install 'ecg-mi[web]'\n"


def test_the_site_keeps_its_records_in_a_folder_of_the_users(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert command.arguments_of("serve", ["--port", "80"])[:2] == ["--data", str(tmp_path / ".ecg-mi")]
    assert command.arguments_of("serve", ["--data", "here"]) == ["--data", "here"]
    assert command.arguments_of("predict", ["x"]) == ["x"]


@pytest.mark.slow
def test_it_predicts_in_an_empty_environment(wheel, root, tmp_path):
    """Installed by pip with nothing but its own dependencies: no torch, no Flask."""
    venv.create(tmp_path / "empty", with_pip=True)
    python = tmp_path / "empty/bin/python"
    subprocess.run([python, "-m", "pip", "install", "-q", "--disable-pip-version-check", wheel], check=True)
    ask = [tmp_path / "empty/bin/ecg-mi", "predict", root / "public_data/test/sim_04.npy", "--json"]
    done = subprocess.run(ask, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)[0]["localizations"]["inferior"]["present"]
    has_torch = subprocess.run([python, "-c", "import torch"], capture_output=True, check=False)
    assert has_torch.returncode == 1
    serve = subprocess.run([tmp_path / "empty/bin/ecg-mi", "serve"], capture_output=True, text=True, check=False)
    assert (serve.returncode, "pip install 'ecg-mi[web]'" in serve.stderr) == (2, True)
