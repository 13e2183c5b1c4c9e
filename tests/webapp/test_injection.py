"""What strangers write (names, comments, forms, parameters) is shown, searched and exported as words and nothing else."""

import csv
import html
import io
import json
import re
import zipfile
from html.parser import HTMLParser
from urllib.parse import quote

import pytest

from tasks.mi.labels import COLUMNS, RECORD_COLUMN
from tests.webapp.builders import ONE_DATABASE, zip_bytes

HARM = ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "'><svg onload=alert(1)>", "{{191*7919}}{% raw %}",
        "${191*7919}", "$\\frac{", "</script><script>alert(1)</script>", "&lt;b&gt;", "javascript:alert(1)", "\u202egpj.npy",
        "a\0b", "a\r\nX-Harm: 1", "\x1b[31m", "--></title><b>"]  # fmt: skip
FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "=HYPERLINK(1)", "\n=1", "＝1", "＠x"]
SHOWN = ["/", "/patients", "/patients?fragment=1", "/patients?sort=name", "/audit"]


@pytest.fixture
def stored(site, recordings):
    """A site with a record of each harmful name, by its own count; and how they are called."""
    names = []
    for place, name in enumerate(HARM):
        samples = recordings["inferior"][:, place : place + 2_500].astype(float).tolist()
        given = {"samples": samples, "fs_hz": 500, "record": name.replace("\0", "_") + str(place)}
        answer = site.client.post("/api/v1/records", json=given)
        assert answer.status_code == 202, answer.text
        site.worker.work_until_idle()
        names += site.job(answer.json["job"])["records"]
    assert len(set(names)) == len(HARM) and names == [name for name in names if name.isprintable()]
    return site, names


ALIVE = re.compile(r"<script>alert|<img src=x|<svg onload|</title><b>|1512529|[\u202a-\u202e\u2066-\u2069\0\x1b]")


class Tags(HTMLParser):
    """What a browser would run of a page."""

    def __init__(self, page):
        super().__init__()
        self.alive = [page[found.start() - 40 : found.end() + 40] for found in ALIVE.finditer(page)]
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        is_code = tag == "script" and "src" not in given and given.get("type") != "application/json"
        leads_out = any(re.match(r"\s*(javascript|data):", given.get(name) or "") for name in ("href", "src", "action"))
        if is_code or leads_out or any(name.startswith("on") or name in ("style", "srcdoc") for name in given):
            self.alive.append((tag, attrs))


def is_harmless(page):
    """Nothing that strangers wrote is markup: no script, picture, handler or template of theirs is alive."""
    assert Tags(page).alive == []


@ONE_DATABASE
def test_names_and_comments_are_words(stored):
    site, names = stored
    for name in names:
        address = f"/patients/{quoted(name)}"
        for comment in HARM:
            kept = comment.replace("\0", "").replace("\u202e", "").replace("\x1b", "")
            answer = site.client.post(f"{address}/review", data={"verdict": "agree", "comment": kept})
            assert answer.status_code == 302, answer.text
            if name != names[0]:
                break
        page = site.client.get(address).text
        is_harmless(page)
        assert html.escape(name) in page or name in html.unescape(page)
        [about] = re.findall(r'<script type="application/json" id="about">(.*?)</script>', page, re.DOTALL)
        assert json.loads(about)["record"] == name
        for rest in ("", "/samples", "/beat", "/evidence"):
            answer = site.client.get(f"/api/v1/records/{quoted(name)}{rest}")
            assert answer.content_type == "application/json" and answer.headers["X-Content-Type-Options"] == "nosniff"
            assert answer.json.get("record", name) == name
        for rest, mark in (("report.pdf", b"%PDF"), ("picture.png", b"\x89PNG")):
            if name in names[:1] + names[3:6]:  # what could be markup to whatever draws them
                assert site.drawn(f"/api/v1/records/{quoted(name)}/{rest}").data.startswith(mark)
    for address in SHOWN:
        is_harmless(site.client.get(address).text)
    for address in ("/api/v1/records", "/api/v1/jobs", "/api/v1/export.json"):
        assert site.client.get(address).content_type == "application/json"
    with zipfile.ZipFile(io.BytesIO(site.client.get("/api/v1/export.zip").data)) as file:
        held = [name for name in file.namelist() if name.startswith("signals/")]
        assert len(held) == len(names) and not any(".." in name or "/" in name[8:] or "\\" in name for name in held)


def quoted(name):
    return quote(name, safe="")


@ONE_DATABASE
def test_files_and_refusals_are_words(site):
    files = [(name.replace("\0", "").replace("\r\n", ""), b"x") for name in HARM]
    job = site.read(*files, ("a.zip", zip_bytes({name.replace("/", "_").replace(":", "_"): b"x" for name in HARM})))
    assert job["state"] == "done" and len(job["refused"]) >= len(HARM)
    for address in SHOWN:
        is_harmless(site.client.get(address).text)
    assert all(text.isprintable() for each in [job, *job["refused"]] for text in each.values() if isinstance(text, str))
    assert site.client.get("/api/v1/jobs").content_type == "application/json"


@ONE_DATABASE
def test_what_is_reflected_is_words(site):
    for harm in HARM:
        for address in ("/patients", "/login", "/audit", "/", "/nothing", "/api/docs"):
            for name in ("q", "next", "before", "sort", "site", "limit", "uploaded", harm):
                answer = site.client.get(address, query_string={name: harm})
                assert answer.status_code in (200, 400, 404), (address, name)
                is_harmless(answer.text.replace("\u202e", "").replace("\x1b", "") if name == "q" else answer.text)
        for address in (f"/{quoted(harm)}", f"/patients/{quoted(harm)}"):
            answer = site.client.get(address)
            assert answer.status_code == 404 and "<script>alert" not in answer.text and "X-Harm" not in answer.headers
        for address in (f"/api/v1/records/{quoted(harm)}", f"/api/v1/records?{quoted(harm)}=1&sort={quoted(harm)}",
                        f"/api/{quoted(harm)}", f"/api/v1/jobs/{quoted(harm)}"):  # fmt: skip
            answer = site.client.get(address)
            assert answer.content_type == "application/problem+json" and answer.status_code in (400, 404)
            assert answer.headers["X-Content-Type-Options"] == "nosniff" and answer.json["detail"]
        answer = site.client.post("/language", data={"language": harm})
        assert answer.status_code == 400 and "<script>alert" not in answer.text


def form(*names, columns=None, rest=""):
    columns = columns or [RECORD_COLUMN, *COLUMNS.values()]
    content = io.StringIO()
    csv.writer(content).writerows([columns, *([name, *[rest] * (len(columns) - 1)] for name in names)])
    return ("form.csv", content.getvalue().encode())


@ONE_DATABASE
def test_forms_with_formulas_are_refused(site):
    for name in FORMULAS:
        answer = site.post("/api/v1/template", form("fine", name))
        assert answer.status_code == 422 and "formula" in answer.json["detail"], name
        assert "flash-wrong" in site.post("/template", form("fine", name)).text
    for harm in HARM:
        for sent in ((harm.replace("\0", "").replace("\r\n", ""), form("a")[1]), form("a", columns=[harm, "x"])):
            answer = site.post("/api/v1/template", sent)
            assert answer.status_code in (201, 422), answer.text
            is_harmless(site.client.get("/").text)
            is_harmless(site.post("/template", sent).text)
    assert [path for path in site.files() if not path.startswith("signals")] == []


def test_cells_of_a_form(site):
    """Whatever stands in it comes back as it was, and runs nowhere."""
    for rest in ("", "0", "inf", "nan", "-inf", "1e999", "=1+1", "<script>", "9" * 400, "a\0b", "\u202e", "1.5"):
        for sent in (site.post("/api/v1/template", form("a", "b", rest=rest)),):
            assert sent.status_code in (201, 422), (rest, sent.text)
        for row in csv.reader(io.StringIO(site.client.get("/api/v1/export.csv").text.replace("\0", ""))):
            assert not any(cell.startswith(tuple("=+-@\t\r")) for cell in row), rest


def test_no_export_holds_a_formula(site, recordings):
    for place, name in enumerate(FORMULAS):
        samples = recordings["inferior"][:, place : place + 2_500].astype(float).tolist()
        answer = site.client.post("/api/v1/records", json={"samples": samples, "fs_hz": 500, "record": name})
        assert answer.status_code == 202
    site.worker.work_until_idle()
    names = site.names()
    assert len(names) == len(FORMULAS)
    for name in names:
        given = {"verdict": "correct", "sites": ["lateral"], "comment": "=1+1"}
        assert site.client.post(f"/api/v1/records/{quoted(name)}/review", json=given).status_code == 201
    packed = zipfile.ZipFile(io.BytesIO(site.client.get("/api/v1/export.zip").data)).read("findings.csv").decode()
    texts = [
        site.client.get(f"/api/v1/{each}").text for each in ("export.csv", "export/labels.csv", "export/findings.csv")
    ]
    for text in [*texts, packed]:
        rows = list(csv.reader(io.StringIO(text)))
        assert len(rows) == 1 + len(names)
        for cell in (cell for row in rows for cell in row):
            assert not cell.startswith(("=", "+", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")), cell
            assert not cell.startswith("-") or float(cell) < 0


PATHS = ["../../etc/passwd", "%2e%2e%2f%2e%2e%2fetc%2fpasswd", "..%2f..%2fetc%2fpasswd", "..%5c..%5csecret_key", "secret_key",
         "%252e%252e%252fsecret_key", "/etc/passwd", "..", "%2e%2e", ".", "%00", "....//....//secret_key", "%c0%ae%c0%ae/",
         "' OR 1=1 --", "1; DROP TABLE records", "' UNION SELECT password_hash FROM users --", "%25", "_", "%", "\\"]  # fmt: skip


def test_paths_lead_nowhere(site, npy):
    site.read(("a.npy", npy["healthy"]))
    key = (site.store.files.folder / "secret_key").read_text()
    for path in PATHS:
        for address in ("/patients/{}", "/api/v1/records/{}", "/api/v1/records/{}/samples", "/api/v1/records/{}/samples.npy",
                        "/api/v1/records/{}/report.pdf", "/api/v1/records/{}/beat", "/api/v1/records/{}/evidence",
                        "/api/v1/jobs/{}", "/static/{}",
                        "/api/docs/{}"):  # fmt: skip
            answer = site.client.get(address.format(path.replace("?", "%3f")))
            assert answer.status_code in (200, 308, 404), (address, path)
            assert answer.status_code != 200 or path in (".", "..", "%2e%2e"), (address, path)
            assert key not in answer.text and "root:" not in answer.text
        assert site.client.delete(f"/api/v1/records/{path}").status_code in (308, 404, 405)
        assert site.client.post(f"/patients/{path}/delete").status_code in (308, 404, 405)
        assert site.client.post(f"/patients/{path}/review", data={"verdict": "agree"}).status_code in (308, 404, 405)
    assert site.names() == ["a"]


def test_a_name_is_a_name_wherever_it_leads(site, npy, tmp_path):
    """Records that are called like paths are kept, found and deleted by their names."""
    files = [("x..%2f..%2fa.npy", npy["healthy"]), ("delete.npy", npy["anterior"]), ("%2e%2e.npy", npy["inferior"])]
    job = site.read(*files)
    assert sorted(job["records"]) == ["%2e%2e", "delete", "x..%2f..%2fa"]
    for name in job["records"]:
        assert site.client.get(f"/patients/{quoted(name)}").status_code == 200, name
        assert site.client.get(f"/api/v1/records/{quoted(name)}").json["record"] == name
        assert site.client.post(f"/patients/{quoted(name)}/review", data={"verdict": "agree"}).status_code == 302
        assert site.client.delete(f"/api/v1/records/{quoted(name)}").status_code == 204
    assert (site.names(), site.files()) == ([], [])


def test_searches_are_for_letters(site, npy):
    names = ["a", "ab", "a%b", "a_b", "%", "_", "A\\b", "о'нил", "[a]"]
    files = [(f"{name}.npy", npy["healthy"]) for name in names]
    for file in files:  # by itself, so that a backslash is the only thing that changes in it
        site.read((file[0].replace("\\", "⧵"), file[1]))
    names = [name.replace("\\", "⧵") for name in names]

    def found(q, **others):
        answer = site.client.get("/api/v1/records", query_string={"q": q, "sort": "name", **others})
        assert answer.status_code == 200, answer.text
        page = site.client.get("/patients", query_string={"q": q, "sort": "name", **others})
        assert page.status_code == 200
        return {item["record"] for item in answer.json["items"]}

    for q in ["%", "_", "a%", "a_", "\\", "[", "'", "' OR 1=1 --", "a' OR '1'='1", "%%", "о'", "*", '"', "a\\%", "$1"]:
        assert found(q) == {name for name in names if q.lower() in name.lower()}, q
    assert found("a_b") == {"a_b"} and found("%") == {"%", "a%b"} and found("") == set(names)
    for name in ("present", "site", "uncertain", "quality", "uploaded", "reviewed", "sort", "limit", "offset"):
        for value in ("' OR 1=1 --", "1;DROP TABLE records", "%", "name,(SELECT 1)"):
            assert site.client.get("/api/v1/records", query_string={name: value}).status_code == 400
            assert site.client.get("/patients", query_string={name: value}).status_code == 400
            assert site.client.get("/patients/a", query_string={name: value}).status_code == 400
    assert len(site.names()) == len(names)
