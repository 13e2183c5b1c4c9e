"""The arrows of the house, read from the imports; what a reader would have to check by eye."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.house import circles, module_graph, source_files

ROOT = Path(__file__).resolve().parent.parent
ROOMS = {"models", "cards", "runtimes", "bundles", "utils", "export", "learning", "train", "inference"}
ROOMS |= {"cardiac", "tasks", "scale", "webapp", "benchmarks", "ecg_mi"}
SKIPPED = {".venv", "data", "runs", "results", "build"}
SOURCES = [path for path in sorted(ROOT.rglob("*.py")) if not SKIPPED & set(path.relative_to(ROOT).parts)]

# What each room may import of ours; a room that is not named may import any room but webapp and ecg_mi.
MAY_IMPORT = {
    "models": set(),
    "cardiac": {"cardiac"},
    "cards": {"cardiac"},
    "utils": {"models", "cardiac"},
    "runtimes": {"models", "cardiac", "utils"},
    "bundles": {"cardiac", "cards", "runtimes", "utils"},
    "export": {"cardiac", "cards", "runtimes", "bundles", "utils"},
    "learning": {"cardiac", "cards", "bundles", "utils", "learning"},
    "tasks": {"models", "cardiac", "cards", "bundles", "utils", "learning", "tasks"},
    "train": {"models", "cardiac", "cards", "bundles", "utils", "learning", "tasks"},
    "ecg_mi": {"cardiac", "inference", "ecg_mi"},
    "inference": {"cardiac", "cards", "runtimes", "bundles", "utils", "tasks"},
}
MODELS_MAY_TAKE = {"torch", "math", "itertools", "collections"}
SITE_MUST_NOT_TAKE = {"numpy", "scipy", "pandas"}  # it shows what the core has computed
CORE_MUST_NOT_TAKE = {"torch", "flask", "safetensors", "onnxruntime", "ray"}


def room_of(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imports_of(path: Path) -> set[str]:
    """Top names of all that a file imports, wherever it does."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module.split(".")[0])
    return names


def broken_arrows(sources: dict[Path, set[str]]) -> list[str]:
    """Sentences on the imports that the house forbids."""
    broken = []
    for path, names in sources.items():
        room, ours = room_of(path), names & ROOMS
        allowed = MAY_IMPORT.get(room, ROOMS - {"webapp", "ecg_mi"} | {room})
        if room.startswith(("tests", "public_data")):
            continue
        broken += [f"{path.name} imports {name}" for name in sorted(ours - allowed)]
        if room == "models":
            broken += [f"{path.name} imports {name}" for name in sorted(names - MODELS_MAY_TAKE)]
        if room == "webapp":
            broken += [f"{path.name} imports {name}" for name in sorted(names & SITE_MUST_NOT_TAKE)]
        if room == "cardiac":
            broken += [f"{path.name} imports {name}" for name in sorted(names & CORE_MUST_NOT_TAKE)]
    return broken


def tasks_that_meet(sources: dict[Path, set[str]]) -> list[str]:
    """Imports of one task by another."""
    met = []
    for path in sources:
        if room_of(path) == "tasks":
            own = path.relative_to(ROOT).parts[1]
            tree = ast.parse(path.read_text(encoding="utf-8"))
            froms = [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
            met += [name for name in froms if name.startswith("tasks.") and name.split(".")[1] != own]
    return met


def test_no_modules_import_each_other_in_a_circle():
    """In no room, wherever in a file the import stands."""
    files = source_files(left_out=SKIPPED)
    assert {room_of(path) for path in files.values()} >= ROOMS | {"tests", "public_data"}
    graph = module_graph(files)
    assert graph["cardiac.records"] > {"cardiac.leads", "cardiac.readers.by_kind"}
    assert "cardiac.readers.tables" in graph["cardiac.readers.by_kind"]
    assert circles(graph) == []


@pytest.mark.parametrize("back", ["import a.b", "from a import b", "def f():\n    from a.b import x"])
def test_a_circle_is_seen(back, tmp_path):
    (tmp_path / "a").mkdir()
    for name, text in {"a/__init__": "", "a/b": "from c import y", "c": "import d", "d": back, "e": "import d"}.items():
        (tmp_path / f"{name}.py").write_text(text)
    assert circles(module_graph(source_files(tmp_path))) == [["a.b", "c", "d"]]
    (tmp_path / "d.py").write_text("from a import other")
    assert circles(module_graph(source_files(tmp_path))) == []


def test_arrows_point_inwards():
    sources = {path: imports_of(path) for path in SOURCES}
    assert {"models", "utils", "train", "inference", "cardiac"} <= {room_of(path) for path in SOURCES}
    assert broken_arrows(sources) == []
    assert tasks_that_meet(sources) == []


@pytest.mark.parametrize(
    ("place", "name"),
    [
        ("cardiac/x.py", "torch"),
        ("cardiac/x.py", "utils"),
        ("models.py", "numpy"),
        ("webapp/x.py", "numpy"),
        ("inference.py", "train"),
    ],
)
def test_a_broken_arrow_is_seen(place, name):
    assert broken_arrows({ROOT / place: {name}}) == [f"{Path(place).name} imports {name}"]


def test_the_server_has_no_networks_in_it():
    """Its workers have: pages stay quick and small."""
    asked = "import sys, webapp, webapp.main; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", asked], cwd=ROOT, check=False).returncode == 0


def test_only_the_doors_touch_files():
    """In the core, the readers read, these write, and what was learnt is read as arrays; nobody else opens a file."""
    doors = {"readers", "files.py", "stored_signals.py", "tracing.py", "wave_network.py", "trees.py"}
    calls = {
        "open",
        "read_text",
        "read_bytes",
        "write_text",
        "write_bytes",
        "fromfile",
        "load",
        "save",
        "read_csv",
        "to_csv",
    }
    calls |= {"mkdir", "unlink", "savefig", "rdrecord"}
    touching = {
        "readers" if path.parent.name == "readers" else path.name
        for path in SOURCES
        if room_of(path) == "cardiac"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and (getattr(node.func, "attr", None) in calls or getattr(node.func, "id", None) == "open")
    }
    assert touching <= doors
    assert touching == doors  # the walk sees something


def test_public_names_of_utils_serve_two_rooms():
    """What one room alone needs stays in that room."""
    tree = ast.parse((ROOT / "utils.py").read_text(encoding="utf-8"))
    public = {
        node.name
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_")
    }
    users: dict[str, set[str]] = {name: set() for name in public}
    for path in SOURCES:
        if room_of(path) in ("utils", "tests"):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module == "utils":
                for alias in node.names:
                    users.get(alias.name, set()).add(room_of(path))
    assert {name: rooms for name, rooms in users.items() if len(rooms) < 2} == {}


def test_sizes():
    """No function over 60 lines, no module over 400, utils under 250, predict_record on one screen."""
    long = []
    for path in SOURCES:
        text = path.read_text(encoding="utf-8")
        limit = 250 if path.name == "utils.py" else 400
        long += [path.name] if text.count("\n") > limit and room_of(path) != "tests" else []
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef):
                most = 25 if node.name == "predict_record" else 60
                long += [f"{path.name}: {node.name}"] if node.end_lineno - node.lineno + 1 > most else []
    assert long == []


def test_every_requirement_is_pinned_with_its_reason():
    for path in ROOT.glob("requirements*.txt"):
        for line in path.read_text(encoding="utf-8").splitlines():
            if line and not line.startswith("#"):
                requirement, _, reason = line.partition("#")
                assert "==" in requirement, f"{path.name}: {line}"
                assert reason.strip(), f"{path.name}: {line}"
