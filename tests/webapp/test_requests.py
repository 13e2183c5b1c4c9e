"""What a request may be and what every answer has: limits, tokens, origins, hosts, headers, errors, logs, redirects."""

import io
import json
import logging
import re
import stat
import sys

import numpy as np
import pyedflib
import pytest

from tests.webapp.people import make_hashes_cheap
from tests.writers import WRITERS
from webapp import UploadRequest, create_app
from webapp.settings import Settings
from webapp.storage import accounts

pytestmark = pytest.mark.parametrize("settings", ["sqlite"], indirect=True)
OWN, FOREIGN = (
    {"Host": "127.0.0.1:5000"},
    ["http://evil.example", "null", "http://[", "", "http://127.0.0.1:5001", "file://"],
)
CHANGES = ["/upload", "/template", "/template/delete", "/patients/delete", "/patients/a/review", "/patients/a/delete",
           "/account/password", "/account/sessions/end", "/account/tokens", "/account/tokens/revoke",
           "/language", "/login", "/logout", "/jobs/a/cancel", "/demonstration",
           "/patients/selected/export", "/patients/selected/reports", "/patients/selected/delete", "/api/v1/jobs/a/cancel",
           "/api/v1/records", "/api/v1/records/a/review", "/api/v1/template"]  # fmt: skip
LOOKS = ["/", "/patients", "/patients?fragment=1", "/patients/inferior", "/audit", "/login", "/account", "/api/docs", "/health",
         "/api/v1/openapi.json", "/api/v1/records", "/api/v1/records/inferior", "/api/v1/jobs", "/api/v1/export.csv",
         "/api/v1/export.json", "/api/v1/export/findings.csv", "/api/v1/export/labels.csv", "/api/v1/export.zip",
         "/api/v1/records/inferior/samples?length_s=1", "/api/v1/records/inferior/samples.npy", "/nothing", "/api/nothing",
         "/api/v1/records/nobody", "/patients/nobody", "/api/v1/records?limit=x", "/patients?limit=x"]  # fmt: skip
POLICY = {"default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'", "base-uri 'none'",
          "form-action 'self'"}  # fmt: skip


@pytest.fixture
def shared(make_site, monkeypatch):
    """A server for others, with an admin who has logged in to nothing yet."""
    make_hashes_cheap(monkeypatch)
    site = make_site(host="0.0.0.0")
    with site.store.database.writing() as session:
        accounts.add_user(session, "anna", "a long password", "admin", "local")
    return site


def is_problem(answer, status):
    assert answer.status_code == status, answer.text
    assert answer.content_type == "application/problem+json"
    assert set(answer.json) == {"type", "title", "status", "detail"} and answer.json["status"] == status
    return answer.json["detail"]


def is_page(answer, status):
    assert answer.status_code == status
    assert answer.content_type == "text/html; charset=utf-8" and "</html>" in answer.text
    return answer.text


def test_too_large(make_site, monkeypatch):
    site = make_site(most_bytes=10_000)
    big = ("a.npy", bytes(20_000))
    assert "send it in parts" in is_problem(site.post("/api/v1/records", big), 413)
    assert is_problem(site.post("/api/v1/template", big), 413)
    for address in ("/upload", "/template"):
        assert "send it in parts" in is_page(site.post(address, big), 413)
    monkeypatch.setattr(sys.modules["webapp.api.records"], "MOST_BYTES", 100)
    assert is_problem(site.client.post("/api/v1/records", json={"samples": [[0] * 100]}), 413)
    assert is_problem(site.client.post("/api/v1/records/a/review", json={"comment": "x" * 9_000 * 8}), 413)
    assert site.files() == []


def test_forms_of_too_many_or_too_large_parts(site, monkeypatch):
    assert UploadRequest.max_form_parts >= 2_000
    monkeypatch.setattr(UploadRequest, "max_form_parts", 5)
    is_problem(site.post("/api/v1/records", *[(f"{place}.npy", b"x") for place in range(6)]), 413)
    is_page(site.post("/upload", *[(f"{place}.npy", b"x") for place in range(6)]), 413)
    is_problem(site.post("/api/v1/records", ("a.npy", b"x"), fs_hz="5" * (2**20 + 1)), 413)
    is_page(site.client.post("/patients/a/review", data={"comment": "x" * (2**20 + 1)}), 413)
    cut = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.npy"\r\n\r\nx'
    for content in (cut, b"", b"--b--", b"\r\n" * 50):
        answer = site.client.post("/api/v1/records", data=content, content_type="multipart/form-data; boundary=b")
        assert is_problem(answer, 422 if content in (b"", b"--b--") else 400)
    assert site.files() == []


def test_forms_need_the_token_of_their_page(shared):
    """On a loopback address as well: whoever cannot read the page cannot send its forms."""
    shared.app.config["WTF_CSRF_ENABLED"] = True
    for address in (each for each in CHANGES if not each.startswith("/api/")):
        answer = shared.client.post(address)  # nobody has logged in
        assert answer.status_code in (400, 403) or answer.headers["Location"].startswith("/login"), address
    named = {"name": "anna", "password": "a long password"}
    assert shared.client.post("/login", data=named).status_code == 400
    token = re.search(r'name="csrf-token" content="([^"]+)"', shared.client.get("/login").text)[1]
    assert shared.client.post("/login", data=named | {"csrf_token": token}).headers["Location"] == "/"
    token = re.search(r'name="csrf-token" content="([^"]+)"', shared.client.get("/").text)[1]
    for address in (each for each in CHANGES if not each.startswith("/api/")):
        for given in ({}, {"csrf_token": "x"}):
            assert shared.client.post(address, data=given).status_code in (400, 403), address
    assert "Nothing was deleted" in shared.client.post(
        "/patients/delete", data={"csrf_token": token}, follow_redirects=True
    ).text  # fmt: skip
    assert is_problem(shared.client.delete("/api/v1/records/a"), 403)
    assert is_problem(shared.client.post("/api/v1/template", headers={"X-CSRFToken": "x"}), 403)
    assert is_problem(shared.client.delete("/api/v1/records/a", headers={"X-CSRFToken": token}), 404)
    with shared.store.database.writing() as session:
        key = accounts.add_token(session, "anna", "test")
    program = shared.app.test_client()
    assert is_problem(program.delete("/api/v1/records/a", headers={"Authorization": f"Bearer {key}"}), 404)
    assert is_problem(program.delete("/api/v1/records/a", headers={"Authorization": "Bearer x"}), 401)


def test_local_forms_need_the_token_and_programs_none(site, npy):
    site.app.config["WTF_CSRF_ENABLED"] = True
    for address in (each for each in CHANGES if not each.startswith("/api/")):
        is_page(site.client.post(address), 400)
    token = re.search(r'name="csrf_token" value="([^"]+)"', site.client.get("/").text)[1]
    assert site.client.post("/language", data={"language": "ru", "csrf_token": token}).status_code == 302
    assert site.post("/api/v1/records", ("a.npy", npy["healthy"])).status_code == 202
    assert site.client.delete("/api/v1/records/nobody").status_code == 404


@pytest.mark.parametrize("headers", [*({"Origin": each} for each in FOREIGN), {"Sec-Fetch-Site": "cross-site"},
                         {"Sec-Fetch-Site": "same-site"}, {"Sec-Fetch-Site": "same-origin", "Origin": FOREIGN[0]}])  # fmt: skip
def test_other_sites_change_nothing(site, headers):
    for address in CHANGES:
        answer = site.client.post(address, headers=OWN | headers)
        (is_problem if address.startswith("/api/") else is_page)(answer, 403)
    for method in ("DELETE", "PUT", "PATCH"):
        assert site.client.open("/api/v1/records/a", method=method, headers=OWN | headers).status_code in (403, 405)
    own = {"Origin": "http://127.0.0.1:5000", "Sec-Fetch-Site": "same-origin"}
    assert site.client.delete("/api/v1/records/a", headers=OWN | own).status_code == 404
    is_led = headers.get("Sec-Fetch-Site", "same-origin") != "same-origin"
    assert site.client.get("/patients", headers=OWN | headers).status_code == (403 if is_led else 200)


def test_other_hosts_see_nothing(make_site, shared):
    """A name that leads to 127.0.0.1 (DNS rebinding) makes another site's page one of ours."""
    site = make_site()
    for host in (
        "evil.example",
        "127.0.0.1.evil.example:5000",
        "evil.example:5000",
        "",
        "a b",
        "[::2]:5000",
        "127.0.0.2",
    ):
        headers = {"Host": host}
        assert is_problem(site.client.get("/api/v1/records", headers=headers), 400)
        assert is_problem(site.client.post("/api/v1/records", headers=headers), 400)
        for address in ("/", "/patients", "/static/style.css", "/nothing", "/health"):
            is_page(site.client.get(address, headers=headers, buffered=True), 400)
    for host in ("127.0.0.1:5000", "localhost:8000", "[::1]:5000", "LOCALHOST"):
        assert site.client.get("/patients", headers={"Host": host}).status_code == 200
    assert make_site(host="127.0.0.2").client.get("/", headers={"Host": "127.0.0.2:5000"}).status_code == 200
    assert shared.client.get("/login", headers={"Host": "ecg.example"}).status_code == 200


def test_headers_of_every_answer(site, npy):
    site.read(("inferior.npy", npy["inferior"]))
    site.app.config["MAX_CONTENT_LENGTH"] = 1_000
    answers = [site.client.get(address, buffered=True) for address in [*LOOKS, "/static/style.css"]]
    answers += [site.client.post(address) for address in CHANGES] + [
        site.client.put("/patients"),
        site.client.options("/"),
    ]
    answers += [
        site.post("/upload", ("a", bytes(2_000))),
        site.client.head("/patients"),
        site.client.get("/", headers={"Host": "x"}),
    ]
    for answer in answers:
        where = answer.request.path
        policy = {each.strip() for each in answer.headers["Content-Security-Policy"].split(";")}
        assert policy >= POLICY and "unsafe" not in str(policy) and "*" not in str(policy), where
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "same-origin"
        assert where.startswith("/static/") or answer.headers["Cache-Control"] == "no-store", where
        for name in ("Server", "X-Powered-By", "Access-Control-Allow-Origin"):
            assert name not in answer.headers
        if "json" in answer.content_type:
            assert answer.content_type in ("application/json", "application/problem+json")
    assert len({answer.status_code for answer in answers}) >= 7


def test_cookies(shared):
    answer = shared.client.post("/login", data={"name": "anna", "password": "a long password"})
    cookies = answer.headers.getlist("Set-Cookie")
    for cookie in cookies:
        assert {"Secure", "HttpOnly", "SameSite=Lax"} <= {part.strip() for part in cookie.split(";")}
    assert [cookie for cookie in cookies if cookie.startswith("__Host-") and "Path=/;" in cookie]
    assert "max-age" in answer.headers["Strict-Transport-Security"]


def test_the_secret_is_made_once_and_for_the_owner_alone(tmp_path, settings):
    fresh = Settings(data=tmp_path / "fresh")
    keys = []
    for _ in range(2):
        app = create_app(fresh)
        keys.append(app.config["SECRET_KEY"])
        app.extensions["store"].database.close()
    path = fresh.data / "secret_key"
    assert keys[0] == keys[1] == path.read_text() and len(bytes.fromhex(keys[0])) == 32
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(fresh.data.stat().st_mode) == 0o700  # the database and its journal lie in it
    assert stat.S_IMODE((fresh.data / "signals").stat().st_mode) == 0o700


def test_errors_tell_no_secrets(site, monkeypatch, caplog):
    assert not site.app.debug and not site.app.testing

    def fail(*_, **__):
        raise RuntimeError(f"{site.store.settings.data} Petrova")

    for module in ("webapp.pages.patients", "webapp.api.records"):
        monkeypatch.setattr(sys.modules[module], "list_records", fail)
    told = [
        is_page(site.client.get("/patients"), 500),
        is_problem(site.client.get("/api/v1/records"), 500),
        caplog.text,
    ]
    monkeypatch.setattr("webapp.problems.render_template", fail)  # an error while an error is told
    answer = site.client.get("/patients/Petrova")
    assert (answer.status_code, answer.content_type) == (404, "text/plain; charset=utf-8")
    for text in [*told, caplog.text, answer.text.replace("no such record", "mistake")]:
        told_by = r"\S*\bproblems\.py:\d+"  # the line's own place, which the handler of the test writes, in either form
        assert not re.search(r"Petrova|\.py|Traceback", re.sub(told_by, "", text))
        assert str(site.store.settings.data) not in text
        assert "mistake" in text or "RuntimeError at fail:" in text


def test_no_log_has_a_patient_in_it(site, npy, tmp_path, signal, monkeypatch, caplog, capfd):
    caplog.set_level(logging.DEBUG)
    aecg = WRITERS["aecg"](tmp_path / "Petrova_A", signal, 500).read_text()
    person = "<subject><name>Petrova</name><birthTime value='19470313'/></subject></AnnotatedECG>"
    (tmp_path / "Petrova_A.xml").write_text(aecg.replace("</AnnotatedECG>", person))
    with pyedflib.EdfWriter(str(tmp_path / "Petrova_E.edf"), 1) as file:
        file.setPatientName("Petrova")
        file.setSignalHeader(0, {"label": "Petrova", "dimension": "uV", "sample_frequency": 500, "physical_min": -32_767,
                                 "physical_max": 32_767, "digital_min": -32_767, "digital_max": 32_767, "transducer": "",
                                 "prefilter": ""})  # fmt: skip
        file.writeSamples([np.ascontiguousarray(signal[0], dtype=float)])
    sent = [(path.name, path.read_bytes()) for path in sorted(tmp_path.glob("Petrova_*"))]
    job = site.read(
        *sent, ("Petrova.npy", npy["inferior"]), ("Petrova_1.npy", b"Petrova"), ("Petrova_3.zip", b"PK\3\4Petrova")
    )
    assert len(job["records"]) == 2 and len(job["refused"]) == 3, job
    address = "/api/v1/records/Petrova"
    for each in ("/patients/Petrova", "/patients?q=Petrova", address, f"{address}/samples", f"{address}/evidence",
                 f"{address}/picture.png", f"{address}/report.pdf", "/api/v1/export.json", "/patients/Petrova%00",
                 "/api/v1/records?limit=Petrova", "/Petrova", "/audit"):  # fmt: skip
        assert site.client.get(each).status_code in (200, 202, 400, 404), each
    site.worker.work_until_idle()
    monkeypatch.setattr("webapp.reading.predict_record", lambda *_: [][1947_03_13])
    monkeypatch.setattr(sys.modules["webapp.api.records"], "list_item", lambda row: {}[row.name])
    assert "IndexError" in site.read(("Petrova_2.npy", npy["healthy"]))["refused"][0]["reason"]
    is_problem(site.client.get("/api/v1/records"), 500)
    assert (
        site.client.post("/patients/Petrova/review", data={"verdict": "agree", "comment": "Petrova"}).status_code == 302
    )
    assert site.client.delete(address).status_code == 204
    assert "IndexError at" in caplog.text and "KeyError at" in caplog.text
    assert "Petrova" not in caplog.text and "19470313" not in caplog.text
    assert "Petrova" not in "".join(capfd.readouterr())


@pytest.mark.parametrize("following", ["//evil.example", "http://evil.example", "/\\evil.example", "\\\\evil.example",
                         "/\t/evil.example",
                         "/a\nb", "javascript:alert(1)", "http://[", " //evil.example", "\x01//evil.example", "", "evil.example",
                         "/\N{RIGHT-TO-LEFT OVERRIDE}", "http:evil.example", "/%0a/x\0"])  # fmt: skip
def test_redirects_stay_here(shared, following):
    is_safe = following.startswith("/%")
    named = {"name": "anna", "password": "a long password", "next": following}
    answer = shared.client.post("/login", data=named)
    assert (answer.status_code, answer.headers["Location"]) == (302, "/"), is_safe
    answer = shared.client.post("/language", data={"language": "ru", "next": following})
    assert (answer.status_code, answer.headers["Location"]) == (302, "/")
    assert shared.client.get("/login", query_string={"next": following}).status_code == 200
    assert shared.client.post("/login?next=//evil.example", data=named | {"next": "/audit?before=3"}).status_code == 302


def test_a_review_leads_back_to_its_record(site, npy):
    site.read(("a.npy", npy["healthy"]))
    for query in ("_external=1&_scheme=javascript", "record=b", "endpoint=x", "_anchor=x", "_method=POST", "values=1"):
        answer = site.client.post(f"/patients/a/review?sort=name&{query}", data={"verdict": "agree"})
        assert (answer.status_code, answer.headers["Location"]) == (302, "/patients/a?sort=name")
    assert site.client.post("/patients/a/review?sort=x", data={"verdict": "agree"}).status_code == 400
    assert site.client.get("/api/v1/records/a").status_code == 200


def test_agreeing_leads_to_the_next_record_of_the_list(site, npy):
    """In its order and under its filters, of which the review itself takes the record out; behind the last is the list."""
    site.read(*((f"{name}.npy", npy["healthy"]) for name in "abc"))
    comment = {"then": "next", "comment": "seen", "verdict": "correct", "sites": ["anterior"]}
    for name, following in (("a", "/b?"), ("b", "/c?"), ("c", "?")):
        answer = site.client.post(f"/patients/{name}/review?reviewed=false&sort=name", data=comment)
        assert (answer.status_code, answer.headers["Location"]) == (
            302,
            f"/patients{following}reviewed=false&sort=name",
        )
    items = site.client.get("/api/v1/records").json["items"]
    assert {each["record"]: each["review"] for each in items} == dict.fromkeys("abc", "agree")
    assert "seen" in site.client.get("/patients/a").text
    assert site.client.post("/patients/a/review", data={"then": "elsewhere"}).status_code == 400


def test_pages_take_nothing_from_elsewhere(site, npy):
    site.read(("inferior.npy", npy["inferior"]))
    for address in ("/", "/patients", "/patients/inferior", "/audit", "/login", "/api/docs", "/nothing"):
        page = site.client.get(address).text
        for link in re.findall(r"""(?:src|href|action|data-url|content)=["']([^"']*)""", page):
            assert not re.match(r"(?i)\s*([a-z]+:)?//|javascript:|data:", link), (address, link)
            if link.startswith(("/static/", "/api/docs/")):
                assert site.client.get(link, buffered=True).status_code == 200, link
        assert not re.search(r"(?i)<script(?![^>]*(src=|type=\"application/json\"))|\son[a-z]+=|\sstyle=", page), (
            address
        )


def test_only_what_the_description_needs_is_served(site):
    for name, kind in (("swagger-ui.css", "text/css"), ("swagger-ui-bundle.js", "text/javascript")):
        answer = site.client.get(f"/api/docs/{name}", buffered=True)
        assert (answer.status_code, answer.mimetype) == (200, kind)
    for name in (
        "index.html",
        "swagger-ui.css.map",
        "..%2f__init__.py",
        "%2e%2e/__init__.py",
        "swagger-initializer.js",
        "x",
    ):
        assert site.client.get(f"/api/docs/{name}").status_code == 404, name
    for name in ("..%2fmain.py", "../main.py", "%2e%2e/%2e%2e/pyproject.toml", "/etc/passwd", "..%5cmain.py"):
        assert site.client.get(f"/static/{name}", follow_redirects=True).status_code in (404, 400), name


@pytest.mark.parametrize("query", ["limit=-1", "limit=0", "limit=abc", "limit=1000000000", "limit=", "limit=1e1", "limit=1_0",
                         "limit=٣", "offset=-1", "offset=99999999999999999999999", "offset=1.5", "offset=1000000000", "sort=x",
                         "sort=name;drop", "site=x", "present=1", "present=yes", "quality=x", "uploaded=year", "reviewed=None",
                         "limit=1&limit=2", "sort=name&sort=oldest", "q=%00", "limit=NaN", "q=" + "x" * 256])  # fmt: skip
def test_parameters_of_the_list(site, query):
    assert is_problem(site.client.get(f"/api/v1/records?{query}"), 400)
    if not query.endswith("="):  # an empty field of the page's form
        assert is_page(site.client.get(f"/patients?{query}"), 400)
        assert is_page(site.client.get(f"/patients?fragment=1&{query}"), 400)
    if "limit" not in query and "offset" not in query:
        assert is_problem(site.client.get(f"/api/v1/export.zip?{query}"), 400)


def test_parameters_that_are_numbers(site, npy):
    site.read(("a.npy", npy["healthy"]))
    for value in ("nan", "inf", "-inf", "NaN", "1e999", "-1", "x", "", "1_0", "0x10", " 1", "٣", "1e", "--1", "100000"):
        for name in ("start_s", "length_s"):
            for kind in ("samples", "samples.npy"):
                answer = site.client.get(f"/api/v1/records/a/{kind}", query_string={name: value})
                assert is_problem(answer, 400), (name, value)
    assert is_problem(site.client.get("/api/v1/records/a/samples?start_s=1&start_s=2"), 400)
    for value in ("nan", "inf", "-500", "0", "99", "10001", "1e999", "x", "5 0 0"):
        answer = site.post("/api/v1/records", ("b.npy", npy["healthy"]), fs_hz=value)
        assert answer.status_code in (400, 422) and is_problem(answer, answer.status_code), value
        assert site.client.get("/api/v1/jobs").json["items"][0]["name"] == "a.npy"
        assert "flash-wrong" in site.post("/upload", ("b.npy", npy["healthy"]), fs_hz=value).text, value
    for value in ("abc", "-1", "1.5", "9" * 30, "٣"):
        assert is_page(site.client.get("/audit", query_string={"before": value}), 400)
    assert len(site.files()) == 1


SAMPLES = [[0.1] * 10] * 12


@pytest.mark.parametrize("document", [
    [], None, 1, "x", {}, {"fs_hz": 500}, {"samples": SAMPLES}, {"samples": SAMPLES, "fs_hz": "500"},
    {"samples": SAMPLES, "fs_hz": True}, {"samples": SAMPLES, "fs_hz": None}, {"samples": SAMPLES, "fs_hz": 10**400},
    {"samples": SAMPLES, "fs_hz": float("nan")}, {"samples": SAMPLES, "fs_hz": float("inf")}, {"samples": [], "fs_hz": 500},
    {"samples": [["a"] * 9] * 12, "fs_hz": 500}, {"samples": [[None] * 9] * 12, "fs_hz": 500},
    {"samples": [[True] * 9] * 12, "fs_hz": 500}, {"samples": [[[1]] * 9] * 12, "fs_hz": 500}, {"samples": {}, "fs_hz": 500},
    {"samples": SAMPLES, "fs_hz": 500, "leads": "I"}, {"samples": SAMPLES, "fs_hz": 500, "leads": ["\ud800"]},
    {"samples": SAMPLES, "fs_hz": 500, "record": "\ud800"}, {"samples": SAMPLES, "fs_hz": 500, "record": ""},
    {"samples": SAMPLES, "fs_hz": 500, "record": "x" * 256}, {"samples": SAMPLES, "fs_hz": 500, "more": 1},
], ids=lambda each: str(each)[:40])  # fmt: skip
def test_json_that_is_none(site, document):
    answer = site.client.post("/api/v1/records", data=json_bytes(document), content_type="application/json")
    assert len(is_problem(answer, 422 if isinstance(document, dict) else 400)) < 300
    assert site.files() == []


def json_bytes(document):
    return json.dumps(document).encode()


def test_json_that_is_broken(site, npy):
    site.read(("a.npy", npy["healthy"]))
    bodies = [b"[" * 50_000, b'{"a":' * 10_000, b"\xff", b"", b"{", b"{}{}", b'{"verdict": "agree"', b"9" * 5_000]
    for address in ("/api/v1/records", "/api/v1/records/a/review"):
        for body in bodies:
            assert is_problem(site.client.post(address, data=body, content_type="application/json"), 400), body[:20]
        for kind in ("text/plain", "application/xml", "", "multipart/mixed", "application/x-www-form-urlencoded"):
            assert is_problem(site.client.post(address, data=b"{}", content_type=kind), 415), kind
    for comment in ("\0", "\ud800", "x" * 2_001, None, 1, ["x"]):
        body = json_bytes({"verdict": "agree", "comment": comment})
        answer = site.client.post("/api/v1/records/a/review", data=body, content_type="application/json")
        assert is_problem(answer, 422), comment
    assert is_page(site.client.post("/patients/a/review", data={"verdict": "agree", "comment": "a\0"}), 400)
    assert is_problem(site.client.put("/api/v1/records/a"), 405)
    assert site.client.put("/api/v1/records/a").headers["Allow"]
    assert io.BytesIO(site.client.get("/api/v1/records/a").data).getvalue()
