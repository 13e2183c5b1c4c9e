"""What the README says is so: its figures, its example, its files."""

import json
import re
import subprocess
import sys

import pytest

from benchmarks.site import Line, format_lines
from cardiac.metrics import Figure, format_rows
from tasks.mi.model_card import CHECKSUM

GROUPS = (
    "infarction",
    "with the trees, less the network alone",
    "beside these",
    "sites on true infarctions",
    "end to end",
    "doubt",
)


@pytest.fixture(scope="module")
def readme(root) -> str:
    return (root / "README.md").read_text(encoding="utf-8")


def test_figures_are_those_of_the_shipped_bundle(readme, root):
    metrics = json.loads((root / "checkpoints/mi/hybrid/metrics.json").read_text(encoding="utf-8"))
    for group in GROUPS:
        rows = {name: Figure(**figure) for name, figure in metrics["figures"][group].items()}
        for line in format_rows(group, rows):
            assert line in readme


def test_the_checksum_is_that_of_the_shipped_bundle(readme, root, detector):
    assert f"As shipped it is `{detector.bundle.sha256}`" in readme
    assert f"\n{CHECKSUM}\n" in (root / "checkpoints/mi/hybrid/README.md").read_text(encoding="utf-8")


def test_figures_on_simulated_records_are_what_the_command_prints(readme, root):
    command = [sys.executable, "-m", "benchmarks.simulated"]
    told = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True).stdout
    rows = [line for line in told.splitlines() if line.startswith("| F1")]
    assert len(rows) == 7
    for line in rows:
        assert line in readme


def test_the_site_under_load_is_what_was_measured(readme, root):
    measured = json.loads((root / "benchmarks/results/site.json").read_text(encoding="utf-8"))
    assert len(measured["lines"]) == 11
    for line in format_lines([Line(**each) for each in measured["lines"]]):
        assert line in readme
    assert all(Line(**each).is_met for each in measured["lines"])


def test_what_quality_catches_is_what_was_measured(readme, root):
    """The README's rows are the beginnings of rows of the tables that the command prints."""
    measured = (root / "docs/quality.md").read_text(encoding="utf-8")
    section = readme.partition("## Quality: when not to trust the tracing")[2].partition("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("| ") and "95 %" not in line]
    assert len(rows) > 20
    for row in rows:
        assert f"\n{row}" in measured
    of_clean, of_test = re.findall(r"^\| warning \| (\S+) \| (.+?) \| (\d+) \| (\d+) \|$", measured, re.MULTILINE)
    share, interval, hits, n = of_clean
    told = " ".join(section.split())
    assert f"Of {n} records without a noise flag {hits} get a warning ({share}, {interval})" in told
    assert f"of the {of_test[3]} test records {of_test[2]} do" in told


def test_the_python_example_runs(readme, root):
    example = re.search(r"```python\n(.*?)```", readme, re.DOTALL).group(1)
    told = subprocess.run([sys.executable, "-c", example], cwd=root, capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stderr
    assert told.stdout.startswith("True")
    assert "inferior" in told.stdout


def test_what_it_names_is_there(readme, root):
    for path in re.findall(r"\]\(([^)#]+)\)", readme):
        assert (root / path).exists(), path
    makefile = (root / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"`make ([a-z-]+)`", readme):
        assert f"\n{target}:" in makefile, target
    for room in re.findall(r"^\| `([a-z_./]+)` \|", readme, re.MULTILINE):
        assert (root / room).exists() or room in ("submission.csv", "findings.json", "measurements.csv"), room
