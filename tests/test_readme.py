"""What the front page and the pages behind it say is so: figures, commands, examples, files."""

import json
import re
import shlex
import shutil
import subprocess
import sys

import pytest

from benchmarks import inference as bench
from benchmarks.site import Line, format_lines
from cardiac.metrics import Figure, format_rows
from cardiac.records import read_record
from tasks.mi.model_card import CHECKSUM
from tests import writers

GROUPS = (
    "infarction",
    "with the trees, less the network alone",
    "beside these",
    "sites on true infarctions",
    "end to end",
    "doubt",
)
MOST_BYTES = 10_000


@pytest.fixture(scope="module")
def page(root):
    """The text of a page, by its name from the root."""
    return lambda name: (root / name).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def pages(root):
    """Every page for people: the front page, those of docs/, and those beside them."""
    return [*root.glob("*.md"), *(root / "docs").glob("*.md")]


def figure_rows(root):
    metrics = json.loads((root / "checkpoints/mi/hybrid/metrics.json").read_text(encoding="utf-8"))
    for group in GROUPS:
        rows = {name: Figure(**figure) for name, figure in metrics["figures"][group].items()}
        yield from format_rows(group, rows)


def test_the_front_page_stays_one(page):
    assert len(page("README.md").encode()) <= MOST_BYTES


def test_figures_are_those_of_the_shipped_bundle(page, root):
    rows = [*figure_rows(root)]
    results, section = (page(name).split("<!-- figures:")[1] for name in ("docs/results.md", "README.md"))
    assert [row for row in rows if row not in results] == []
    told = [line for line in section.split("<!-- end of figures -->")[0].splitlines() if line.startswith("|")][2:]
    assert len(told) > 10
    assert [line for line in told if line not in rows] == []


def test_figures_elsewhere_are_those_of_the_table(page):
    row = next(line for line in page("docs/results.md").splitlines() if line.startswith("| all |"))
    _, specificity, alarms, sensitivity, found, *_ = [cell.strip() for cell in row.split("|")[1:-1]]
    told = f"specificity {specificity}, sensitivity {sensitivity} ({alarms} false alarms, {found} found)"
    assert told in " ".join(page("README.md").split())
    assert f"{int(alarms.split()[-1]) + int(found.split()[-1])} records" in page("README.md")


def test_the_speed_is_what_was_measured(page):
    kept = json.loads(bench.RESULTS.read_text(encoding="utf-8"))
    of = {row["what"]: bench.format_rows([bench.Row(**row)])[-1].split("|")[2].strip() for row in kept["rows"]}
    told = f"A record takes {of[bench.WHOLE]} ms on {kept['machine'].split(',')[0]}, one by itself {of[bench.ALONE]} ms"
    assert told in " ".join(page("README.md").split())


def test_the_checksum_is_that_of_the_shipped_bundle(page, detector):
    assert f"As shipped it is `{detector.bundle.sha256}`" in page("docs/use.md")
    assert f"\n{CHECKSUM}\n" in page("checkpoints/mi/hybrid/README.md")


def test_figures_on_simulated_records_are_what_the_command_prints(page, root):
    command = [sys.executable, "-m", "benchmarks.simulated"]
    told = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True).stdout
    rows = [line for line in told.splitlines() if line.startswith("| F1")]
    assert len(rows) == 7
    assert [row for row in rows if row not in page("docs/results.md")] == []


def test_the_site_under_load_is_what_was_measured(page, root):
    measured = json.loads((root / "benchmarks/results/site.json").read_text(encoding="utf-8"))
    assert len(measured["lines"]) == 11
    for line in format_lines([Line(**each) for each in measured["lines"]]):
        assert line in page("docs/site.md")
    assert all(Line(**each).is_met for each in measured["lines"])


def test_what_quality_warns_of_is_what_was_measured(page):
    measured = page("docs/quality.md")
    of_clean, of_test = re.findall(r"^\| warning \| (\S+) \| (.+?) \| (\d+) \| (\d+) \|$", measured, re.MULTILINE)
    share, interval, hits, n = of_clean
    told = " ".join(measured.split())
    assert f"Of {n} records without a noise flag {hits} get a warning ({share}, {interval})" in told
    assert f"of the {of_test[3]} test records {of_test[2]} do" in told


@pytest.mark.parametrize("name", ["README.md", "docs/use.md"])
def test_the_python_example_runs(name, page, root):
    example = re.search(r"```python\n(.*?)```", page(name), re.DOTALL).group(1)
    told = subprocess.run([sys.executable, "-c", example], cwd=root, capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stderr
    assert told.stdout.startswith("True")
    assert "inferior" in told.stdout


@pytest.fixture(scope="module")
def desk(root, tmp_path_factory):
    """A folder with recordings under the names that the pages use."""
    folder = tmp_path_factory.mktemp("desk")
    signal = read_record(root / "public_data/test/sim_04.npy", 500).signal
    writers.npy(folder / "ecg", signal, 500)
    writers.csv(folder / "ecg", signal, 250)
    writers.dicom(folder / "ecg", signal, 500)
    writers.aecg(folder / "ecg", signal, 500)
    (folder / "FOLDER").mkdir()
    for name in ("sim_01", "sim_02"):
        shutil.copy(root / f"public_data/test/{name}.npy", folder / "FOLDER")
    head, *rows = (root / "public_data/sample_submission.csv").read_text(encoding="utf-8").splitlines()
    kept = [row for row in rows if re.search(r"\bsim_0[12]\b", row)]
    (folder / "form.csv").write_text("\n".join([head, *kept]) + "\n", encoding="utf-8")
    shutil.make_archive(str(folder / "ARCHIVE"), "zip", folder / "FOLDER")
    return folder


def commands(text):
    """The lines of a page's blocks of commands, without what is said behind them."""
    blocks = re.findall(r"^```(\w*)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    lines = (line.partition(" # ")[0].strip() for kind, block in blocks if not kind for line in block.splitlines())
    return [line for line in lines if line]


@pytest.mark.parametrize("name", ["README.md", "docs/use.md"])
def test_every_command_of_the_page_runs(name, page, root, desk):
    told, makefile = commands(page(name)), page("Makefile")
    assert len(told) >= 6
    for line in told:
        program, *words = shlex.split(line)
        if program == "make":
            assert f"\n{words[0]}:" in makefile, line
            continue
        if words[:2] == ["bundles.py", "seal"]:
            words[2] = str(shutil.copytree(root / "checkpoints/mi/hybrid", desk / "sealed"))
        words[0] = str(root / words[0])
        words = [str(root / each) if each.startswith("checkpoints/") else each for each in words]
        assert program == "python", line
        done = subprocess.run([sys.executable, *words], cwd=desk, capture_output=True, text=True, check=False)
        assert done.returncode == 0, (line, done.stderr)


def test_what_the_pages_name_is_there(pages, page):
    makefile = page("Makefile")
    for path in pages:
        text = path.read_text(encoding="utf-8")
        for link in re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", text):
            assert (path.parent / link).resolve().exists(), (path.name, link)
        for target in re.findall(r"`make ([a-z-]+)`", text):
            assert f"\n{target}:" in makefile, (path.name, target)


def test_every_page_stands_in_the_contents(pages, page):
    contents = page("docs/README.md")
    names = {path.name for path in pages if path.parent.name == "docs"} - {"README.md"}
    assert [name for name in sorted(names) if f"]({name})" not in contents] == []


def test_anchors_lead_somewhere(pages):
    """A link to a heading of a page, as GitHub makes its anchors."""
    for path in pages:
        for link, anchor in re.findall(r"\]\(([^)#:\s]*)#([^)]+)\)", path.read_text(encoding="utf-8")):
            target = (path.parent / link).resolve() if link else path
            heads = re.findall(r"^#+ (.*)$", target.read_text(encoding="utf-8"), re.MULTILINE)
            anchors = {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}
            assert anchor in anchors, (path.name, link, anchor)
