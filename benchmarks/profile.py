"""Where the time of `python inference.py` goes, by py-spy: busy threads, sampled two hundred times a second.

    python -m benchmarks.profile               # half a minute; needs requirements-bench.txt

Recordings are those of `benchmarks.inference`, several times over. Each sample counts for the innermost part of ours.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from benchmarks.inference import RESULTS, linked, recordings
from bundles import ROOT

PARTS = {
    "the networks": ("runtimes.py",),
    "judging the tracings": (
        "cardiac/quality/",
        "cardiac/beats.py",
        "cardiac/order_statistics.py",
        "cardiac/smoothing.py",
        "cardiac/leads.py",
    ),
    "measuring": ("cardiac/measurements/",),
    "resampling and filter": ("cardiac/signals.py", "cardiac/filters.py", "cardiac/long_signals.py"),
    "reading": ("cardiac/records.py", "cardiac/readers/", "cardiac/sources.py", "cardiac/listing.py"),
    "pooling, trees and deciding": (
        "cardiac/windows.py",
        "tasks/mi/findings.py",
        "tasks/mi/rules.py",
        "tasks/mi/joining.py",
        "tasks/mi/features.py",
        "cardiac/trees.py",
        "cardiac/calibration.py",
    ),
    "writing": ("cardiac/files.py", "tasks/mi/documents.py", "tasks/mi/submission.py"),
}
STARTING, WAITING, OTHER = "start-up", "waiting", "the rest"
RATE_HZ, TIMES = 200, 4


@dataclass(frozen=True)
class Part:
    """A part of the path and its share of the busy time."""

    what: str
    share: float


def part_of(stack: str) -> str:
    """The part that a stack of frames, outermost first, belongs to."""
    frames = stack.split(";")
    if re.search(r"\b(wait|_worker) \(.*(threading|thread|_base)\.py", frames[-1]):
        return WAITING
    if any("<frozen importlib" in frame for frame in frames):
        return STARTING
    for frame in reversed(frames):
        for part, prefixes in PARTS.items():
            if any(f"({prefix}" in frame or f"/{prefix}" in frame for prefix in prefixes):
                return part
    return OTHER


def shares(raw: str) -> list[Part]:
    """Parts by their share, the largest first. raw : py-spy's collapsed stacks, "frame;frame;... count" a line."""
    counts: Counter[str] = Counter()
    for line in raw.splitlines():
        stack, _, count = line.rpartition(" ")
        counts[part_of(stack)] += int(count)
    del counts[WAITING]
    total = max(1, counts.total())
    return [Part(what, count / total) for what, count in counts.most_common()]


def measure() -> list[Part]:
    """Run the command line under py-spy. Raises SystemExit where it fails."""
    program = Path(sys.executable).with_name("py-spy")
    if not program.is_file():
        raise SystemExit("py-spy is not installed: pip install -r requirements-bench.txt")
    (ROOT / "results").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="profile-", dir=ROOT / "results") as scratch:
        folder, paths = Path(scratch), recordings()
        recorded = linked(paths, folder / "in", TIMES * len(paths))
        spy = [str(program), "record", "--rate", str(RATE_HZ), "--full-filenames"]
        command = [sys.executable, "inference.py", str(recorded), "--jobs", "1", "--out", str(folder / "out")]
        done = subprocess.run(
            [*spy, "--format", "raw", "--output", str(folder / "raw"), "--", *command],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise SystemExit(f"py-spy ended with {done.returncode}: {done.stderr.strip()[-300:]}")
        return shares((folder / "raw").read_text(encoding="utf-8"))


def format_parts(parts: list[Part]) -> list[str]:
    """Rows of the table."""
    return [f"| {part.what} | {100 * part.share:.0f} % |" for part in parts if part.share >= 0.005]


def main() -> None:
    """Print the table and keep it beside the speeds."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    parts = measure()
    print("| part | share of the busy time |\n|---|---|", *format_parts(parts), sep="\n")
    kept = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.is_file() else {}
    kept["profile"] = [{"what": part.what, "share": round(part.share, 4)} for part in parts]
    RESULTS.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
