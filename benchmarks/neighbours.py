"""Bad neighbours of the site under load, for `benchmarks.site`: downloads that nobody reads, everybody's reports at once.

And a list of 50,000 records, which are copied within the database, as reading them is measured elsewhere.
"""

import socket
import sqlite3
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote, urlsplit

N_STALLED, N_REPORTS, N_LISTED = 8, 16, 50_000
PAGES = (
    "/patients",
    "/patients?q=copy%2040",
    "/patients?q=49",
    "/patients?present=true&sort=probability",
    "/patients?offset=25000&sort=name",
)
ROUNDS = 20


def _get(url: str, path: str) -> float:
    """Seconds that an answer takes."""
    started = time.perf_counter()
    with urllib.request.urlopen(url + path, timeout=120) as answer:
        answer.read()
    return time.perf_counter() - started


@contextmanager
def stalled(url: str, n: int = N_STALLED) -> Iterator[None]:
    """Downloads of everything, of which the first bytes are read and no more, for as long as this lasts."""
    opened = []
    try:
        while len(opened) < n:
            sock = socket.create_connection((urlsplit(url).hostname, urlsplit(url).port), timeout=120)
            sock.sendall(b"GET /api/v1/export.zip HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            if sock.recv(12) == b"HTTP/1.1 200":
                opened.append(sock)
            else:  # others are being written at the moment
                sock.close()
                time.sleep(1.0)
        yield
    finally:
        for sock in opened:
            sock.close()


def health_beside(url: str, work: Callable[[], object]) -> float:
    """The slowest answer of /health while some work is done, in ms."""
    return 1_000 * most_beside(work, lambda: _get(url, "/health"), 0.1)


def most_beside(work: Callable[[], object], look: Callable[[], float], every_s: float) -> float:
    """The most that is seen by looking again and again, from before some work until its end."""
    seen, ended = [look()], threading.Event()

    def watch() -> None:
        while not ended.wait(every_s):
            seen.append(look())

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        work()
    finally:
        ended.set()
        watcher.join()
    return max(seen)


def reports_at_once(url: str, names: Sequence[str]) -> float:
    """Seconds until as many people as there are names have each their record's report."""
    started = time.perf_counter()
    with ThreadPoolExecutor(len(names)) as people:
        list(people.map(lambda name: _report(url, name), names))
    return time.perf_counter() - started


def _report(url: str, name: str) -> None:
    while True:
        with urllib.request.urlopen(f"{url}/api/v1/records/{quote(name)}/report.pdf", timeout=120) as answer:
            content = answer.read()
            if answer.status == 200 and content.startswith(b"%PDF"):
                return
        time.sleep(1.0)


def copy_records(data: Path, n: int = N_LISTED) -> None:
    """Have so many records in the database of a data folder: copies of those that are there, under other names."""
    with sqlite3.connect(data / "cardiac.db", timeout=60) as connection:
        columns = [row[1] for row in connection.execute("PRAGMA table_info(records)") if row[1] != "id"]
        there = connection.execute("SELECT count(*) FROM records").fetchone()[0]
        taken = ", ".join(f'"{each}"' for each in columns)
        given = ", ".join({"name": "?||name", "folded": "?||folded"}.get(each, f'"{each}"') for each in columns)
        for number in range(-(-(n - there) // there)):
            prefix = f"copy {number} "
            connection.execute(f"INSERT INTO records ({taken}) SELECT {given} FROM records WHERE id <= ?",
                               (prefix, prefix, there))  # fmt: skip
    connection.close()


def slowest_page(url: str) -> float:
    """The 95th percentile of some pages of a long list, in ms."""
    seconds = sorted(_get(url, page) for _ in range(ROUNDS) for page in PAGES)
    return seconds[int(0.95 * len(seconds))] * 1_000
