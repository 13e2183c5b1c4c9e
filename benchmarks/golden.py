"""Everything that a user sees, written into a folder, so that two versions of the code can be compared byte for byte.

python -m benchmarks.golden write OUT --root CHECKOUT            # run a checkout's own programs (default: this one)
python -m benchmarks.golden write OUT --only site --only train   # some of the parts
python -m benchmarks.golden compare BEFORE AFTER                 # which files differ, and where first; exit 1 if any

The programs are reached from outside, as a user does: nothing of the project is imported here, so that modules may
move. The same machine, packages and recordings ($ECG_DATA, $ECG_FORMATS, $ECG_HUNT; a part without them is left out)
must have written both folders.
"""

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
SITE_PROGRAM = HERE.parent / "tests/webapp/golden_site.py"  # only tests may import the site
FOLDERS = ("ECG_DATA", "ECG_FORMATS", "ECG_HUNT")
TRAINED = ("out_of_fold.csv", "folds.csv", "metrics.json", "card.json", "README.md")
EVALUATED_BY = ("cardiac.evaluate", "tasks.mi.evaluate")
SHOWN_CHARACTERS = 160  # of a line that differs
Rules = Sequence[tuple[str, str]]  # pattern and what is put in its place

# What differs between two runs of the same code.
TRAINING_RULES: Rules = (
    (r'("(?:training_s|seconds)": )[\d.]+', r"\1<seconds>"),
    (r"took [\d.]+ minutes", "took <minutes> minutes"),
    (r"(, seed \d+, code )\S+", r"\1<revision>"),
    (r'("code_revision": )"[^"]*"', r'\1"<revision>"'),
    (r'("card_sha256": )"[^"]*"', r'\1"<of the above>"'),
)
SITE_RULES: Rules = (
    (r"\bI[\w-]{55}\.[\w-]{6}\.[\w-]{27}", "<csrf>"),
    (r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d)?(?:Z| UTC)", "<time>"),
    (r"\b[0-9a-f]{32}\b", "<id>"),
    (r"(?<=deleted record )\w+|(?<=удалённая запись )\w+", "<alias>"),
    (r"(?<=up to the head )[0-9a-f]{12}|(?<=одна из другой до )[0-9a-f]{12}", "<chain>"),
)


@dataclass(frozen=True)
class Run:
    """Where one part is written: the checkout that is run, the part's own folder, and a folder for what is not kept."""

    root: Path
    out: Path
    scratch: Path

    def python(self, name: str, *arguments: object, rules: Rules = (), **options: Path | Mapping[str, str]) -> None:
        """Run Python with these arguments; keep its output and exit status. options : of `finish`."""
        done = self.finish(*arguments, **options)
        self.keep(f"{name}.stdout", done.stdout, rules)
        self.keep(f"{name}.stderr", done.stderr, rules)
        self.keep(f"{name}.status", f"{done.returncode}\n".encode())

    def finish(
        self, *arguments: object, cwd: Path | None = None, extra: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[bytes]:
        """Run Python in the checkout, or in `cwd`, on one thread, so that sums are taken in the same order."""
        fixed = {
            "OMP_NUM_THREADS": "1",
            "PYTHONPATH": str(self.root),
            "COLUMNS": "100",
            "TZ": "UTC",
            "LC_ALL": "C.UTF-8",
        }
        environment = {**os.environ, **fixed, **(extra or {})}
        command = [sys.executable, *map(str, arguments)]
        return subprocess.run(command, cwd=cwd or self.root, env=environment, capture_output=True, check=False)

    def keep(self, name: str, content: bytes, rules: Rules = ()) -> None:
        """Write a file, its text without what differs between two runs."""
        target = self.out / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(normalised(content, [*self._folder_rules(), *rules]))

    def keep_hashes(self, name: str, paths: Iterable[Path]) -> None:
        """Write the SHA-256 of files, one a line."""
        lines = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in sorted(paths)]
        self.keep(name, "".join(lines).encode())

    def _folder_rules(self) -> Rules:
        named = {self.scratch: "<scratch>", self.root: "<root>"}
        named = {Path(os.environ[name]): f"<{name}>" for name in FOLDERS if name in os.environ} | named
        every = {str(each): name for path, name in named.items() for each in (path, path.resolve())}
        return [(re.escape(each), every[each]) for each in sorted(every, key=len, reverse=True)]


def normalised(content: bytes, rules: Rules) -> bytes:
    """The text with every rule carried out; what is no UTF-8 stays as it is."""
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return content
    for pattern, replacement in rules:
        text = re.sub(pattern, replacement, text)
    return text.encode()


def _predict(run: Run, *arguments: object) -> None:
    """inference.py with its table, findings, submission and pictures."""
    results = run.scratch / "results"
    run.python("inference", "inference.py", *arguments, "--out", results)
    for name in ("findings.json", "submission.csv"):
        if (results / name).is_file():
            run.keep(name, (results / name).read_bytes())
    run.keep_hashes("plots.sha256", results.glob("plots/*"))


def write_public(run: Run) -> None:
    """The recordings that come with the code, with pictures and evidence."""
    _predict(run, "public_data", "--plots", "--evidence")


def write_torch(run: Run) -> None:
    """The same recordings by the networks themselves."""
    _predict(run, "public_data", "--runtime", "torch")


def write_task(run: Run) -> None:
    """The task's test records."""
    _predict(run, Path(os.environ["ECG_DATA"]) / "aiijc/test")


def write_formats(run: Run) -> None:
    """Files by other programs, with pictures."""
    _predict(run, os.environ["ECG_FORMATS"], "--plots")


def write_hunt(run: Run) -> None:
    """Files that readers have gone wrong on."""
    _predict(run, os.environ["ECG_HUNT"])


def write_commands(run: Run) -> None:
    """Help texts, and what is said of a command that cannot be carried out."""
    empty, broken = run.scratch / "empty", run.scratch / "broken.npy"
    empty.mkdir()
    broken.write_bytes(b"no recording")
    data = ("--data", run.scratch / "site")
    for program in ("inference.py", "train.py", "export.py", "webapp/main.py"):
        run.python(f"help_{Path(program).stem}", program, "--help")
    for name, arguments in {
        "missing": ("inference.py", "not_here.npy", "--out", run.scratch / "a"),
        "empty": ("inference.py", empty, "--out", run.scratch / "b"),
        "broken": ("inference.py", broken, "--out", run.scratch / "c"),
        "no_bundle": ("inference.py", "public_data", "--bundle", empty, "--out", run.scratch / "d"),
        "bad_rate": ("inference.py", "public_data", "--fs-hz", "5"),
        "unknown_setting": ("train.py", "--data", empty, "--set", "train.epoch=3"),
        "no_data_set": ("train.py", "--data", empty, "--out", run.scratch / "e"),
        "bad_port": ("webapp/main.py", *data, "--port", "70000"),
        "no_users": ("webapp/main.py", *data, "user", "list"),
        "no_events": ("webapp/main.py", *data, "audit", "--verify"),
    }.items():
        run.python(name, *arguments)


def write_site(run: Run) -> None:
    """Pages and programs' answers of a fresh site; see tests/webapp/golden_site.py."""
    answers, data = run.scratch / "answers", run.scratch / "data"
    run.python("program", "-P", SITE_PROGRAM, answers, data, rules=SITE_RULES)
    for path in sorted(path for path in answers.rglob("*") if path.is_file()):
        run.keep(path.relative_to(answers).as_posix(), path.read_bytes(), SITE_RULES)


def write_train(run: Run) -> None:
    """The demonstration on simulated records, in a folder where there are no others."""
    empty, out = run.scratch / "empty", run.scratch / "run"
    empty.mkdir()
    arguments = (run.root / "train.py", "--out", out, "--set", "train.epochs=2")
    done = run.finish(*arguments, cwd=empty, extra={"ECG_DATA": str(empty)})
    run.keep("train.stdout", done.stdout, TRAINING_RULES)  # the other has bars that tell the time
    run.keep("train.status", f"{done.returncode}\n".encode())
    for path in (out / name for name in TRAINED):
        if path.is_file():
            run.keep(path.name, path.read_bytes(), TRAINING_RULES)
    run.keep_hashes("binary.sha256", [path for path in out.glob("*") if path.suffix in {".safetensors", ".png"}])


def write_evaluate(run: Run) -> None:
    """The shipped detector's figures, its model card and the report with charts."""
    lying = (name for name in EVALUATED_BY if (run.root / f"{name.replace('.', '/')}.py").is_file())
    card, page = run.scratch / "card.md", run.scratch / "report.html"
    run.python("evaluate", "-m", next(lying, EVALUATED_BY[-1]), "--model-card", card, "--html", page, "--errors", 3)
    for path in (card, page):
        if path.is_file():
            run.keep(path.name, path.read_bytes())


PARTS: dict[str, tuple[Callable[[Run], None], str]] = {  # with the variable that a part needs
    "public": (write_public, ""),
    "torch": (write_torch, ""),
    "commands": (write_commands, ""),
    "site": (write_site, ""),
    "train": (write_train, ""),
    "evaluate": (write_evaluate, "ECG_DATA"),
    "formats": (write_formats, "ECG_FORMATS"),
    "hunt": (write_hunt, "ECG_HUNT"),
    "task": (write_task, "ECG_DATA"),
}


def write(out: Path, root: Path, names: Sequence[str]) -> None:
    """Write these parts, each into a folder of its own that is made afresh."""
    for name in names:
        part, needed = PARTS[name]
        if needed and needed not in os.environ:
            print(f"{name}: left out, {needed} is not set", flush=True)
            continue
        print(f"{name} ...", end=" ", flush=True)
        started = time.monotonic()
        shutil.rmtree(out / name, ignore_errors=True)
        with tempfile.TemporaryDirectory() as scratch:
            part(Run(root, out / name, Path(scratch)))
        n_files = sum(path.is_file() for path in (out / name).rglob("*"))
        print(f"{n_files} files, {time.monotonic() - started:.0f} s", flush=True)


def first_difference(before: bytes, after: bytes) -> str:
    """The first line that differs, as both have it."""
    lines = [content.decode(errors="replace").splitlines() for content in (before, after)]
    n_shared = min(map(len, lines))
    number = next((n for n in range(n_shared) if lines[0][n] != lines[1][n]), n_shared)
    old, new = (each[number] if number < len(each) else "(nothing)" for each in lines)
    if old == new:
        return "the ends of lines differ"
    first = max(0, next((n for n, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), 0) - 40)
    shown = [each[first : first + SHOWN_CHARACTERS] for each in (old, new)]
    return f"line {number + 1}\n    - {shown[0]}\n    + {shown[1]}"


def parts_of(before: Path, after: Path) -> tuple[list[str], list[str]]:
    """Names of the parts that both folders have, and of those that one of them has."""
    old, new = ({path.name for path in folder.iterdir()} for folder in (before, after))
    return sorted(old & new), sorted(old ^ new)


def compare(before: Path, after: Path) -> list[str]:
    """What differs between the parts that both folders have, a sentence a file."""
    told = []
    for part in parts_of(before, after)[0]:
        files = (path.relative_to(folder) for folder in (before, after) for path in (folder / part).rglob("*"))
        for name in sorted({name for name in files if (before / name).is_file() or (after / name).is_file()}):
            old, new = before / name, after / name
            if not old.is_file() or not new.is_file():
                told.append(f"{name}: only in {before if old.exists() else after}")
            elif (content := (old.read_bytes(), new.read_bytes()))[0] != content[1]:
                told.append(f"{name}: {first_difference(*content)}")
    return told


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line. 0; 1 where a file differs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    writing = commands.add_parser("write", help="run the programs and keep all that they show")
    writing.add_argument("out", type=Path, help="folder, a part of which is replaced by what is written")
    writing.add_argument("--root", type=Path, default=HERE.parent, help="the checkout to run (%(default)s)")
    writing.add_argument("--only", action="append", choices=PARTS, help="one of the parts; may be given again")
    comparing = commands.add_parser("compare", help="say which files differ")
    comparing.add_argument("before", type=Path)
    comparing.add_argument("after", type=Path)
    options = parser.parse_args(arguments)
    if options.command == "write":
        write(options.out.resolve(), options.root.resolve(), options.only or [*PARTS])
        return 0
    for folder in (options.before, options.after):
        if not folder.is_dir():
            parser.error(f"{folder}: is no folder; write it first")
    shared, single = parts_of(options.before, options.after)
    told = compare(options.before, options.after)
    print(*told, f"{', '.join(shared) or 'nothing'} compared: {len(told)} files differ", sep="\n")
    if single:
        print(f"not compared, as one folder alone has them: {', '.join(single)}")
    return int(bool(told) or not shared)


if __name__ == "__main__":
    sys.exit(main())
