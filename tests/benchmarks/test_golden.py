"""Comparison byte for byte: what differs is named, what must differ between two runs is not."""

import ast
from pathlib import Path

import pytest

from benchmarks import golden
from benchmarks.golden import SITE_RULES, TRAINING_RULES, Run, compare, main, normalised

ALLOWED = {"webapp": {"create_app"}, "webapp.settings": {"Settings"}, "webapp.worker": {"Worker"}}
OURS = {"bundles", "cardiac", "inference", "learning", "models", "scale", "tasks", "train", "utils", "webapp"}


@pytest.fixture
def folders(tmp_path):
    for name in ("before", "after"):
        (tmp_path / name / "public").mkdir(parents=True)
        (tmp_path / name / "public/findings.json").write_bytes(b"[\n0.25\n]\n")
    return tmp_path / "before", tmp_path / "after"


def test_equal_folders_are_equal(folders):
    assert compare(*folders) == []
    assert main(["compare", *map(str, folders)]) == 0


def test_one_byte_is_named_with_its_line(folders, capsys):
    (folders[1] / "public/findings.json").write_bytes(b"[\n0.26\n]\n")
    assert main(["compare", *map(str, folders)]) == 1
    assert capsys.readouterr().out.startswith("public/findings.json: line 2\n    - 0.25\n    + 0.26\n")


@pytest.mark.parametrize("content", [b"[\r\n0.25\r\n]\r\n", b"[\n0.25\n]", b"[\n0.25\n]\n\xff", b""])
def test_any_other_bytes_differ(folders, content):
    (folders[1] / "public/findings.json").write_bytes(content)
    assert len(compare(*folders)) == 1


@pytest.mark.parametrize("place", [0, 1])
def test_a_file_that_only_one_has_is_named(folders, place):
    (folders[place] / "public/plots").mkdir()
    (folders[place] / "public/plots/new.csv").touch()
    assert compare(*folders) == [f"public/plots/new.csv: only in {folders[place]}"]


def test_a_part_that_only_one_has_is_said_and_not_compared(folders, capsys):
    (folders[0] / "hunt").mkdir()
    (folders[0] / "hunt/findings.json").touch()
    assert main(["compare", *map(str, folders)]) == 0
    assert capsys.readouterr().out.splitlines()[-1].endswith("one folder alone has them: hunt")


def test_folders_without_a_part_in_common_are_not_equal(folders):
    (folders[0] / "public").rename(folders[0] / "torch")
    assert main(["compare", *map(str, folders)]) == 1


@pytest.mark.parametrize(
    ("rules", "text", "expected"),
    [
        (SITE_RULES, f'value="I{"m" * 55}.awqmYg.{"x" * 27}"', 'value="<csrf>"'),
        (SITE_RULES, "at 2026-11-28T09:54:56Z, 2026-11-28 09:54 UTC", "at <time>, <time>"),
        (SITE_RULES, f"/jobs/{'0a' * 16} by {'0a' * 32}", f"/jobs/<id> by {'0a' * 32}"),  # a checksum stays
        (TRAINING_RULES, '"training_s": 12.5, "auc": 12.5', '"training_s": <seconds>, "auc": 12.5'),
        (TRAINING_RULES, "cpu, seed 1, code feb7d8944689-dirty\n", "cpu, seed 1, code <revision>\n"),
        (TRAINING_RULES, "epochs took 0.2 minutes", "epochs took <minutes> minutes"),
    ],
)
def test_only_what_differs_between_two_runs_is_replaced(rules, text, expected):
    assert normalised(text.encode(), rules) == expected.encode()


def test_a_program_is_run_in_the_checkout_and_its_folder_is_not_kept(tmp_path):
    root, out = tmp_path / "root", tmp_path / "out"
    root.mkdir()
    (root / "named.py").write_text("import os, sys\nprint(os.getcwd(), __file__)\nsys.exit(3)\n")
    Run(root, out, tmp_path / "scratch").python("named", "-m", "named")
    assert (out / "named.stdout").read_text() == "<root> <root>/named.py\n"
    assert (out / "named.status").read_text() == "3\n"


@pytest.mark.parametrize(("path", "allowed"), [(golden.__file__, {}), (golden.SITE_PROGRAM, ALLOWED)])
def test_only_names_that_stay_are_imported(path, allowed):
    imported = {}
    for node in ast.walk(ast.parse(Path(path).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            imported |= {alias.name: set() for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported[node.module] = {alias.name for alias in node.names}
    assert {name: taken for name, taken in imported.items() if name.split(".")[0] in OURS} == allowed
