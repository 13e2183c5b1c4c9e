"""All pages and answers of a fresh site, written as files; `benchmarks.golden` runs this with a checkout as PYTHONPATH.

python -P golden_site.py ANSWERS DATA

It uses of the project only what is not to move: `create_app`, `Settings`, `Worker`.
"""

import hashlib
import io
import re
import sys
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np

from webapp import create_app
from webapp.settings import Settings
from webapp.worker import Worker

LANGUAGES = ("en", "ru")
PUBLIC = Path("public_data")  # in the checkout, where this is run
LEADS = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")
DRAWN = ("evidence", "picture.png", "report.pdf")
PASSING = {
    "Date",
    "Content-Length",
    "ETag",
    "Expires",
    "Last-Modified",
    "Set-Cookie",
}  # headers that time changes
QUERIES = ("q=sim", "q=%", "present=true", "site=inferior", "uncertain=true", "quality=warning", "reviewed=true")
QUERIES += (
    "sort=name",
    "sort=probability",
    "sort=height",
    "limit=2&offset=1",
    "limit=0",
    "present=maybe",
    "uploaded=day",
)
STRETCHES = ("start_s=1&length_s=2", "start_s=99", "length_s=0", "start_s=first")
FORM = "multipart/form-data"


@dataclass
class Visitor:
    """Somebody who keeps every answer: one file a request, numbered where an address is asked for again."""

    out: Path
    app: Any
    n_asked: dict[str, int] = field(default_factory=dict)

    def ask(self, address: str, stage: str, language: str = "en", method: str = "GET", **sent: Any) -> Any:
        """Send a request; keep status, headers and body of its answer, which is returned."""
        client = self.app.test_client()
        client.set_cookie("language", language)
        answer = client.open(address, method=method, **sent)
        if answer.status_code in {302, 303}:  # the page after a form, with what it says of it
            self._keep(f"{stage}/{language}/{method} {address} sent on", answer)
            answer = client.get(answer.headers["Location"])
        self._keep(f"{stage}/{language}/{method} {address}", answer)
        return answer

    def _keep(self, name: str, answer: Any) -> None:
        stage, language, request = name.split("/", 2)
        plain = re.sub(r"[^\w.=&?%-]+", "_", re.sub(r"\b[0-9a-f]{32}\b", "id", request))
        key = f"{stage}/{language}/{plain}"
        self.n_asked[key] = n = self.n_asked.get(key, 0) + 1
        target = self.out / (f"{key} {n}" if n > 1 else key)
        target.parent.mkdir(parents=True, exist_ok=True)
        headers = sorted(f"{key}: {value}" for key, value in answer.headers if key not in PASSING)
        head = "\n".join([str(answer.status_code), *headers])
        target.write_bytes(f"{head}\n\n".encode() + shown(answer.data, answer.content_type or ""))


def shown(body: bytes, content_type: str) -> bytes:
    """A body as it is where it is text; members of an archive and their hashes; else its hash."""
    if content_type.startswith("application/zip"):
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            members = [f"{_sha256(archive.read(each))}  {each.filename}" for each in archive.infolist()]
        return "\n".join([*members, ""]).encode()
    is_text = content_type.startswith(("text/", "application/json", "application/problem+json", "image/svg"))
    return body if is_text else f"{_sha256(body)} of {len(body)} bytes\n".encode()


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def public_signal(number: int) -> np.ndarray:
    """(12, n), mV, 500 Hz."""
    return np.load(PUBLIC / f"test/sim_{number:02}.npy")


def wfdb_files(signal: np.ndarray) -> list[tuple[str, bytes]]:
    """A header and its samples, 16 bits of 1 µV."""
    steps = np.round(signal * 1000).astype("<i2")
    rows = [
        f"two.dat 16 1000/mV 16 0 {row[0]} {int(np.sum(row, dtype=np.int16))} 0 {lead}"
        for lead, row in zip(LEADS, steps, strict=True)
    ]
    header = "\n".join([f"two 12 500 {steps.shape[1]}", *rows, ""])
    return [("two.hea", header.encode()), ("two.dat", steps.T.tobytes())]


def csv_file(signal: np.ndarray) -> bytes:
    """A column a lead, under their names."""
    content = io.StringIO()
    np.savetxt(content, signal.T, "%.3f", ",", header=",".join(LEADS), comments="")
    return content.getvalue().encode()


def zip_file() -> bytes:
    """Some of the public recordings, one of them with a lead torn off and one with too little signal."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for number in (1, 2, 3, 4, 5, 12, 20):
            archive.write(PUBLIC / f"test/sim_{number:02}.npy", f"day/sim_{number:02}.npy")
        torn, flat = public_signal(6), np.zeros((12, 5000), np.float32)
        torn[8] = 0
        for name, signal in {"torn": torn, "flat": flat, "short": public_signal(7)[:, :300]}.items():
            file = io.BytesIO()
            np.save(file, signal)
            archive.writestr(f"day/{name}.npy", file.getvalue())
        archive.writestr("day/notes.txt", "nothing of interest")
    return content.getvalue()


def form(*files: tuple[str, bytes], **fields: str) -> dict[str, Any]:
    """What a form with files sends."""
    return {"data": {**fields, "file": [(io.BytesIO(content), name) for name, content in files]}, "content_type": FORM}


def addresses(app: Any, jobs: Iterable[str] = (), records: Iterable[str] = ()) -> Iterator[str]:
    """All that can be read on the site, with these jobs and records put into the addresses; the trail last."""
    values = {"job": [*jobs], "record": [quote(name) for name in records]}
    rules = sorted(rule.rule for rule in app.url_map.iter_rules() if "GET" in rule.methods)
    for rule in sorted(rules, key=lambda each: each == "/audit"):
        kinds = re.findall(r"<(?:\w+:)?(\w+)>", rule)
        if not kinds:
            yield rule
        elif kinds[0] in values and not rule.endswith(DRAWN):
            yield from (re.sub("<.*>", value, rule) for value in values[kinds[0]])


def main(out: Path, data: Path) -> None:
    """Walk through the site from its first page to the deletion of a record."""
    data.mkdir(parents=True)
    app = create_app(Settings(data=data, draw_wait_s=0.0, port=0))
    app.config["WTF_CSRF_ENABLED"] = False
    store = app.extensions["store"]
    worker, visitor = Worker(store.database, store.files), Visitor(out, app)
    _look(visitor, "1 empty", addresses(app))
    _fetch_static(visitor)
    jobs = _upload(visitor)
    _look(visitor, "3 queued", ["/", "/api/v1/jobs", "/health"])
    worker.work_until_idle()
    listed = visitor.ask("/api/v1/records?limit=100&sort=name", "3 queued").json["items"]
    names = [item["record"] for item in listed]
    _look(visitor, "4 read", addresses(app, jobs, [*names, "nobody", "a/b"]))
    _look(visitor, "4 read", [f"{way}?{query}" for way in ("/patients", "/api/v1/records") for query in QUERIES])
    _look(visitor, "4 read", [f"/api/v1/records/{names[0]}/samples?{each}" for each in STRETCHES])
    _draw(visitor, worker, names)
    _review(visitor, names)
    visitor.ask(
        "/api/v1/template",
        "6 reviewed",
        method="POST",
        **form(("form.csv", (PUBLIC / "sample_submission.csv").read_bytes())),
    )
    visitor.ask("/template", "6 reviewed", method="POST", **form(("form.csv", b"no,form\n1,2\n")))
    _look(visitor, "6 reviewed", addresses(app, jobs, names))
    visitor.ask(f"/api/v1/records/{names[0]}", "7 deleted", method="DELETE")
    visitor.ask(f"/patients/{names[1]}/delete", "7 deleted", "ru", "POST")
    visitor.ask("/template/delete", "7 deleted", method="POST")
    _look(visitor, "7 deleted", addresses(app, jobs, names[:2]))
    visitor.ask("/patients/delete", "8 end", method="POST", data={"confirm": "no"})
    visitor.ask("/patients/delete", "8 end", method="POST", data={"confirm": "delete"})
    store.database.close()


def _look(visitor: Visitor, stage: str, listed: Iterable[str]) -> None:
    every = [*listed]
    for language in LANGUAGES:
        for address in every:
            visitor.ask(address, stage, language)


def _fetch_static(visitor: Visitor) -> None:
    folder = Path(visitor.app.static_folder)
    names = [path.relative_to(folder).as_posix() for path in sorted(folder.rglob("*")) if path.is_file()]
    page = visitor.app.test_client().get("/api/docs").text
    for address in [*(f"/static/{name}" for name in names), *sorted(set(re.findall(r"/api/docs/[\w.-]+", page)))]:
        visitor.ask(address, "1 empty")


def _upload(visitor: Visitor) -> list[str]:
    """Send recordings of all kinds in every way; the jobs, in order."""
    files = [("all.zip", zip_file()), ("broken.npy", b"no recording"), *wfdb_files(public_signal(8))]
    samples = {"samples": public_signal(9)[:, :2000].round(3).tolist(), "fs_hz": 500, "record": "by program"}
    way, stage = "/api/v1/records", "2 sent"
    answers = [
        visitor.ask(way, stage, method="POST", **form(*files)),
        visitor.ask(way, stage, method="POST", **form(("table.csv", csv_file(public_signal(10))), fs_hz="500")),
        visitor.ask(way, stage, method="POST", json=samples),
        visitor.ask(way, stage, method="POST", **form(("later.csv", csv_file(public_signal(11))))),
    ]
    jobs = [answer.json["job"] for answer in answers]
    visitor.ask(f"/api/v1/jobs/{jobs[-1]}/cancel", stage, method="POST")
    visitor.ask(f"/api/v1/jobs/{jobs[-1]}/cancel", stage, method="POST")
    page = ("by page.csv", csv_file(public_signal(13)))
    visitor.ask("/upload", stage, "ru", "POST", **form(page, fs_hz="500"))
    for language in LANGUAGES:  # and what is refused
        visitor.ask("/upload", stage, language, "POST", **form(page, fs_hz="fast"))
        visitor.ask("/upload", stage, language, "POST", **form())
        visitor.ask(way, stage, language, "POST", **form(page, fs_hz="fast"))
        visitor.ask(way, stage, language, "POST", **form(page, fs_hz="5"))
        visitor.ask(way, stage, language, "POST", json={**samples, "samples": [[1, 2], [3]]})
        visitor.ask(way, stage, language, "POST", json={"fs_hz": "500"})
        visitor.ask(way, stage, language, "POST", data=b"text", content_type="text/plain")
    return jobs


def _draw(visitor: Visitor, worker: Worker, names: list[str]) -> None:
    """Ask for evidence and drawings of three records, before and after they were made."""
    for language in LANGUAGES:
        for name in [*names[:2], names[-1], "nobody"]:
            for kind in DRAWN:
                if visitor.ask(f"/api/v1/records/{quote(name)}/{kind}", "5 drawn", language).status_code == 202:
                    worker.work_until_idle()
                    visitor.ask(f"/api/v1/records/{quote(name)}/{kind}", "5 drawn", language)


def _review(visitor: Visitor, names: list[str]) -> None:
    """Second looks by a program and on the page, and those that are refused."""
    stage = "6 reviewed"
    for name, review in zip(
        [*names[:3], names[0], names[0], names[0], "nobody"],
        (
            {"verdict": "agree"},
            {"verdict": "correct", "sites": ["anterior", "septal"], "comment": "<b>ST</b> in V2"},
            {"verdict": "unreadable", "comment": "torn"},
            {"verdict": "correct", "sites": ["nowhere"]},
            {"verdict": "perhaps"},
            {"verdict": "agree", "colour": "red"},
            {"verdict": "agree"},
        ),
        strict=True,
    ):
        visitor.ask(f"/api/v1/records/{quote(name)}/review", stage, method="POST", json=review)
    page = f"/patients/{quote(names[3])}/review"
    for language in LANGUAGES:
        visitor.ask(page, stage, language, "POST", data={"verdict": "correct", "sites": [], "comment": "нет"})
        visitor.ask(page, stage, language, "POST", data={"verdict": "perhaps"})


if __name__ == "__main__":
    main(*(Path(each).resolve() for each in sys.argv[1:3]))
