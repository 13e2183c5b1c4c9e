"""The site under load: a server is started on an empty folder and used as many people would, all through its API.

    python -m benchmarks.site                  # a few minutes; table, and benchmarks/results/site.json
    python -m benchmarks.site --large          # and a zip of 2 GB, for the memory (some ten minutes)

Recordings are the 449 test records where ECG_DATA names them, else the demonstration records as often. Each line is
held against what is asked of the site; exit status 1 where one is not met.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
import zipfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
from tqdm import tqdm

from benchmarks.neighbours import (
    N_LISTED,
    N_REPORTS,
    N_STALLED,
    copy_records,
    health_beside,
    most_beside,
    reports_at_once,
    slowest_page,
    stalled,
)
from bundles import ROOT

RESULTS = ROOT / "benchmarks/results/site.json"
N_RECORDS, N_PEOPLE, N_UPLOADS = 449, 20, 20
LARGE_BYTES = 2 * 10**9
THINKS_S = 1.0  # a person looks at a page for so long


@dataclass(frozen=True)
class Line:
    """One measure. most : what is asked for."""

    what: str
    value: float
    most: float
    unit: str

    @property
    def is_met(self) -> bool:
        return self.value <= self.most


class Site:
    """A running server, spoken to over HTTP."""

    def __init__(self, url: str, process: subprocess.Popen) -> None:
        self.url, self.process = url, process

    def get(self, path: str) -> bytes:
        with urllib.request.urlopen(self.url + path, timeout=120) as answer:
            return answer.read()

    def json(self, path: str) -> Any:
        return json.loads(self.get(f"/api/v1/{path}"))

    def send(self, path: Path) -> str:
        """Upload a file as it lies on the disk; the job's id."""
        boundary = "------------------------cardiac"
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{path.name}"\r\n\r\n'.encode()
        tail = f"\r\n--{boundary}--\r\n".encode()
        size = len(head) + path.stat().st_size + len(tail)

        def body() -> Iterator[bytes]:
            yield head
            with path.open("rb") as file:
                while piece := file.read(2**20):
                    yield piece
            yield tail

        headers = {"Content-Type": f"multipart/form-data; boundary={boundary}", "Content-Length": str(size)}
        request = urllib.request.Request(f"{self.url}/api/v1/records", body(), headers)
        with urllib.request.urlopen(request, timeout=600) as answer:
            return json.loads(answer.read())["job"]

    def wait(self, job: str) -> dict[str, Any]:
        """The job when it has ended."""
        while (status := self.json(f"jobs/{job}"))["state"] in ("queued", "running"):
            time.sleep(0.2)
        return status

    def resident_mb(self) -> float:
        """Memory of the server and its workers now."""
        total = 0
        for folder in Path("/proc").iterdir():
            try:
                status = (folder / "status").read_text() if folder.name.isdigit() else ""
            except OSError:
                continue
            fields = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
            if str(self.process.pid) in (fields.get("Pid", "").strip(), fields.get("PPid", "").strip()):
                total += int(fields.get("VmRSS", "0").split()[0])
        return total / 1_024


@contextmanager
def running_site(folder: Path) -> Iterator[Site]:
    """A server on an empty folder, with its workers ready."""
    command = [sys.executable, "webapp/main.py", "--port", "0", "--data", str(folder)]
    environment = {key: value for key, value in os.environ.items() if key != "DATABASE_URL"}
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, env=environment) as process:
        try:
            url = process.stdout.readline().split()[1]
            site = Site(url, process)
            site.wait(site.send(ROOT / "public_data/test/sim_01.npy"))
            yield site
        finally:
            process.terminate()


def recordings() -> list[Path]:
    """The recordings that are sent."""
    folder = Path(os.environ["ECG_DATA"]) / "aiijc/test" if "ECG_DATA" in os.environ else ROOT / "public_data/test"
    paths = sorted(folder.glob("*.npy"))
    return [paths[index % len(paths)] for index in range(N_RECORDS)]


def pack(
    paths: Sequence[Path], target: Path, n: int | None = None, prefix: str = "r", names: Sequence[str] = ()
) -> Path:
    """A zip of recordings, each under a name of its own."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for index in range(n or len(paths)):
            archive.write(paths[index % len(paths)], names[index] if names else f"{prefix}{index:05}.npy")
    return target


def reading_time(site: Site, archive: Path) -> list[Line]:
    """Seconds from the end of an upload until all of it is in the list, and how many were refused."""
    job = site.send(archive)
    started = time.perf_counter()
    result = site.wait(job)
    seconds = time.perf_counter() - started
    missing = N_RECORDS - len(result["records"])
    return [
        Line(f"{N_RECORDS} records readable after the end of their upload", seconds, 20.0, "s"),
        Line(f"of {N_RECORDS} records not stored", missing, 0.0, "records"),
    ]


def page_times(site: Site, archive: Path, beside: str = "") -> list[Line]:
    """Times of pages that people open while an upload is worked on. beside : what else goes on, in words."""
    names = [item["record"] for item in site.json("records?limit=200")["items"]]
    job, ended, seconds = site.send(archive), threading.Event(), []

    def browse(person: int) -> None:
        rng = np.random.default_rng(person)
        while not ended.is_set():
            name = quote(names[rng.integers(len(names))])
            pages = ("/patients", f"/patients/{name}", f"/patients?q={name[:4]}", f"/api/v1/records/{name}/samples.npy")
            for page in (*pages, "/patients?present=true&sort=probability", "/patients?offset=30&fragment=1"):
                started = time.perf_counter()
                site.get(page)
                seconds.append(time.perf_counter() - started)
                ended.wait(float(rng.exponential(THINKS_S)))

    with ThreadPoolExecutor(N_PEOPLE) as people:
        browsing = [people.submit(browse, person) for person in range(N_PEOPLE)]
        site.wait(job)
        ended.set()
        for each in browsing:
            each.result()
    slow = float(np.percentile(seconds, 95)) * 1_000
    return [Line(f"95th percentile of {N_PEOPLE} people's pages during an upload{beside}", slow, 300.0, "ms")]


def beside_bad_neighbours(site: Site, folder: Path, paths: Sequence[Path]) -> list[Line]:
    """Pages and /health while downloads are read by nobody, and while everybody wants a report."""
    lines = []
    with stalled(site.url):

        def browse() -> None:
            archive = pack(paths, folder / "third.zip", None, "t")
            lines.extend(page_times(site, archive, f", {N_STALLED} stalled downloads beside them"))

        slowest = health_beside(site.url, browse)
    lines.append(Line("the slowest answer of /health meanwhile", slowest, 1_000.0, "ms"))
    names = [item["record"] for item in site.json(f"records?limit={N_REPORTS}")["items"]]
    taken: list[float] = []
    slowest = health_beside(site.url, lambda: taken.append(reports_at_once(site.url, names)))
    lines.append(Line(f"{N_REPORTS} people's PDF reports at once, all drawn", taken[0], 30.0, "s"))
    lines.append(Line("the slowest answer of /health meanwhile", slowest, 1_000.0, "ms"))
    return lines


def long_list(site: Site, data: Path) -> list[Line]:
    """Pages of a long list."""
    copy_records(data)
    return [Line(f"95th percentile of pages of {N_LISTED:,} records", slowest_page(site.url), 100.0, "ms")]


def uploads_at_once(site: Site, folder: Path, paths: Sequence[Path]) -> list[Line]:
    """How many of some uploads that come at once do not end right."""
    archives = [pack(paths, folder / f"u{number}.zip", 5, f"u{number}-") for number in range(N_UPLOADS)]
    with ThreadPoolExecutor(N_UPLOADS) as people:
        results = list(people.map(lambda archive: site.wait(site.send(archive)), archives))
    wrong = sum(each["state"] != "done" or len(each["records"]) != 5 for each in results)
    return [Line(f"of {N_UPLOADS} uploads at once not right", wrong, 0.0, "uploads")]


def memory(site: Site, work: Callable[[], Any]) -> float:
    """The most memory that server and workers together take during some work, in MB."""
    return most_beside(work, site.resident_mb, 0.2)


def large_upload(site: Site, folder: Path, paths: Sequence[Path]) -> list[Line]:
    """Memory while a zip of 2 GB is sent and read."""
    n = -(-LARGE_BYTES // paths[0].stat().st_size)
    archive = pack(paths, folder / "large.zip", n, "large-")

    def send_and_read() -> None:
        job = site.send(archive)
        archive.unlink()
        with tqdm(total=n, desc="large", unit="record", disable=None) as bar:
            while (status := site.json(f"jobs/{job}"))["state"] in ("queued", "running"):
                bar.update(status["done"] - bar.n)
                time.sleep(1.0)
        if status["state"] != "done" or len(status["records"]) != n:
            raise SystemExit(
                f"the large upload ended as {status['state']} with {len(status['records'])} of {n} records"
            )

    return [Line(f"memory with a zip of {n} records, 2 GB", memory(site, send_and_read), 1_500.0, "MB")]


def measure(large: bool) -> list[Line]:
    """All lines, from one server."""
    with tempfile.TemporaryDirectory(prefix="ecg-site-") as scratch, running_site(Path(scratch) / "instance") as site:
        paths, lines, folder = recordings(), [], Path(scratch)
        archive = pack(paths, folder / "all.zip")

        def work() -> None:
            lines.extend(reading_time(site, archive))
            lines.extend(page_times(site, pack(paths, folder / "other.zip", None, "s")))
            lines.extend(beside_bad_neighbours(site, folder, paths))
            lines.extend(uploads_at_once(site, folder, paths))

        most = memory(site, work)
        lines.append(Line("memory of server and workers meanwhile", most, 1_500.0, "MB"))
        lines += large_upload(site, folder, paths) if large else []
        return lines + long_list(site, folder / "instance")


def format_lines(lines: Sequence[Line]) -> list[str]:
    """Rows of the table."""
    return [
        f"| {line.what} | {float(f'{line.value:.3g}'):g} {line.unit} | {line.most:g} {line.unit} |" for line in lines
    ]


def main() -> int:
    """Print the table and keep it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--large", action="store_true", help="send 2 GB as well")
    lines = measure(parser.parse_args().large)
    machine = f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
    print(f"{machine}\n\n| | measured | asked for |\n|---|---|---|")
    print("\n".join(format_lines(lines)))
    RESULTS.write_text(json.dumps({"machine": machine, "lines": [*map(asdict, lines)]}, indent=1) + "\n")
    return int(not all(line.is_met for line in lines))


if __name__ == "__main__":
    sys.exit(main())
