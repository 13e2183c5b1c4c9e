"""The page of RR intervals: files are read apart and kept nowhere, the answer is the page, and a bad file is one sentence."""

import ast
import base64
import io
import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from werkzeug.datastructures import FileStorage, MultiDict
from werkzeug.test import stream_encode_multipart

from cardiac.apart import ROOT
from cardiac.errors import RecordError
from tasks.rr import answers, apart, site
from tasks.rr.detector import load_detector
from tasks.rr.findings import RRFinding
from tasks.rr.simulate import simulate_study
from tasks.rr.site_words_ru import RUSSIAN, SENTENCES
from tests.webapp.people import enter, site_with_people, trail
from webapp import create_app
from webapp.gate import most_bytes
from webapp.settings import Settings

FOLDER = Path(site.__file__).parent
CYRILLIC = re.compile("[а-яё]", re.IGNORECASE)
PLACES = re.compile(r"%\(\w+\)s|\{\w+\}")
DATA = re.compile(r'<script type="application/json" id="rr-data">(.*?)</script>', re.DOTALL)
TABLE = site.sample_table().encode()


@pytest.fixture
def made(tmp_path):
    """Makes sites with this page alone, without the tokens of forms."""
    apps = []

    def make(**options):
        app = create_app(Settings(data=tmp_path / "site", **options), sites=[site], apis=[])
        app.config["WTF_CSRF_ENABLED"] = False
        apps.append(app)
        return SimpleNamespace(app=app, client=app.test_client(), store=app.extensions["store"])

    yield make
    for app in apps:
        app.extensions["store"].database.close()


@pytest.fixture
def client(made):
    return made().client


@pytest.fixture(scope="module")
def detector():
    return load_detector()


@pytest.fixture
def in_process(monkeypatch, detector):
    """The same answers without a process of their own, which takes a second; the folders that were asked about."""
    asked = []

    def answer(folder, fs_hz=None):
        asked.append(folder)
        return json.loads(json.dumps(answers.read_files(folder, fs_hz, detector)))

    monkeypatch.setattr(site, "read_apart", answer)
    return asked


def send(client, *files, **fields):
    given = [("file", FileStorage(io.BytesIO(content), name)) for name, content in files]
    body, _, boundary = stream_encode_multipart(MultiDict([*given, *fields.items()]), use_tempfile=False)
    return client.post("/rr/read", data=body, content_type=f"multipart/form-data; boundary={boundary}")


def told(page):
    """The sentence beside the form."""
    return re.search(r'id="rr-error" role="alert"[^>]*>([^<]*)<', page).group(1)


def data(answer):
    return json.loads(DATA.search(answer.text).group(1))


@pytest.mark.parametrize(("language", "title"), [("en", "RR intervals"), ("ru", "Интервалы RR")])
def test_it_is_a_page_of_the_site_in_both_languages(client, language, title):
    client.set_cookie("language", language)
    page = client.get("/rr/").text
    assert f"<h1>{title}</h1>" in page and f'<a href="/rr/" aria-current="page">{title}</a>' in page
    assert ("not a medical device" if language == "en" else "не медицинское изделие") in page


def test_every_text_has_its_russian_and_none_is_left_over():
    page = (FOLDER / "templates/rr/rr.html").read_text(encoding="utf-8")
    used = {text for pair in re.findall(r"""\bw\((?:"([^"]+)"|'([^']+)')""", page) for text in pair if text}
    for node in ast.walk(ast.parse((FOLDER / "site.py").read_text(encoding="utf-8"))):
        if (
            isinstance(node, ast.Call)
            and getattr(node.func, "id", "") == "word"
            and isinstance(node.args[0], ast.Constant)
        ):
            used.add(node.args[0].value)
    assert len(used) > 50 and used == set(RUSSIAN)
    for english, russian in RUSSIAN.items():
        assert sorted(PLACES.findall(english)) == sorted(PLACES.findall(russian)), english


def test_the_process_s_answer_is_the_page(client):
    """Once by the process itself."""
    answer = send(client, ("a.csv", TABLE))
    assert answer.status_code == 200
    shown = data(answer)
    assert [each["id"] for each in shown["studies"]] == [f"simulated-{seed}" for seed in site.SAMPLE_SEEDS]


def test_the_answer_holds_what_the_command_line_finds(client, in_process, detector):
    shown = data(send(client, ("a.csv", TABLE)))
    for seed, each in zip(site.SAMPLE_SEEDS, shown["studies"], strict=True):
        study = simulate_study(seed)
        assert each["x"] == study.intervals_ms.tolist() and each["time"] == study.time_ms.tolist()
        for name, own in (("marked", detector), ("every", detector.without_budget)):
            assert np.array(each[name]) / 10_000 == pytest.approx(own.probabilities([study.intervals_ms])[0], abs=1e-4)
    assert shown["thresholds"] == {"marked": detector.threshold, "every": detector.without_budget.threshold}
    files = {name: base64.b64decode(content).decode() for name, content in shown["files"].items()}
    assert set(files) == {"intervals.csv", "runs.csv", "rr.json"}
    assert files["intervals.csv"].count("\n") == 1 + sum(len(each["x"]) for each in shown["studies"])
    assert not in_process[0].exists()  # nothing is kept


def test_no_probability_is_rounded_to_the_other_side_of_the_threshold():
    told = np.array([0.12344, 0.12346, 0.36907, 0.36909, 0.369])
    for threshold in (0.36908, 0.36906, 0.36912, 0.369):
        finding = RRFinding("1", told, told, told, told > 1, threshold)
        parts = answers.in_parts(finding)
        assert ((parts >= answers.PARTS * threshold) == finding.anomalies).all()
        assert parts[:2].tolist() == [1234, 1235]
        assert np.abs(parts - answers.PARTS * told).max() < 1


def test_the_sample_says_that_it_is_made_up(client, in_process):
    page = send(client, sample="1").text
    assert "made up by the program" in page and "Simulated studies" in page


WRONG = [
    ([], {}, "Choose a file first."),
    ([("a.csv", b"x")] * 2, {}, "Two files have one name: rename one of them."),
    ([(f"{n}.csv", b"x") for n in range(11)], {}, "These are too many files: send fewer at once."),
    ([("a.csv", b"x")], {"fs_hz": "nan"}, "The sampling rate is a number from 100 to 10,000 Hz."),
    ([("a.csv", b"id,x\n1,abc\n")], {}, "a.csv, line 2: &#39;abc&#39; is no number: correct the line or take it away"),
    ([("a.csv", b"rr\n0.8\n0.9\n")], {}, "a.csv: the intervals look like seconds (the middle one is 0.85) and no unit"),
]


@pytest.mark.parametrize(("files", "fields", "said"), WRONG)
def test_what_is_sent_wrongly_is_said(client, in_process, files, fields, said):
    answer = send(client, *files, **fields)
    assert answer.status_code == 422 and told(answer.text).startswith(said)
    client.set_cookie("language", "ru")
    assert CYRILLIC.search(told(send(client, *files, **fields).text))


def test_what_cannot_be_read_stands_beside_what_can(client, in_process):
    page = send(client, ("a.csv", TABLE), ("bad.csv", b"id,x\n1,0\n"))
    assert page.status_code == 200 and "bad.csv, line 2: the interval is 0" in page.text
    assert len(data(page)["studies"]) == len(site.SAMPLE_SEEDS)


def test_names_cannot_do_anything(client, in_process):
    harm = "</script><script>alert(1)</script>\"'&"
    table = f'id,x\n"{harm.replace(chr(34), chr(34) * 2)}",800\n'.encode()
    page = send(client, ("<b>.csv", table))
    assert "<script>alert" not in page.text and data(page)["studies"][0]["id"] == harm


def test_a_bomb_is_a_sentence(client, in_process):
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("a.csv", b"id,x\n" + b"1,800\n" * 30_000_000)
    answer = send(client, ("bomb.zip", content.getvalue()))
    assert answer.status_code == 422 and len(told(answer.text)) < 400


def test_more_than_a_page_shows_is_refused(client, in_process, monkeypatch):
    monkeypatch.setattr(answers, "MOST_SHOWN", 100)
    assert "more than a page shows" in told(send(client, ("a.csv", TABLE)).text)


def test_sentences_are_translated_where_they_are_known():
    for english, russian in SENTENCES:
        assert CYRILLIC.search(russian)
        assert len(re.findall(r"\((?!\?)", english.replace(r"\(", ""))) >= len(set(re.findall(r"\\(\d)", russian))), (
            english
        )


def test_who_only_reads_sends_nothing(made, monkeypatch, in_process):
    server = site_with_people(made, monkeypatch)
    rita, vera = enter(server, "rita"), enter(server, "vera")
    assert "rr-form" not in rita.get("/rr/").text and "rr-form" in vera.get("/rr/").text
    for person, status in ((rita, 403), (vera, 200)):
        sent = {"data": {"file": (io.BytesIO(TABLE), "a.csv")}, "content_type": "multipart/form-data"}
        assert person.ask("POST", "/rr/read", **sent).status_code == status
    assert ("vera", "sent a form", "rr.send") in trail(server)


def test_a_file_may_be_large_and_nothing_else(made):
    server = made()
    environ = {"REQUEST_METHOD": "POST", "SERVER_NAME": "localhost", "SERVER_PORT": "80", "wsgi.url_scheme": "http"}
    limits = [most_bytes(server.app, environ | {"PATH_INFO": path}) for path in ("/rr/read", "/rr/", "/login")]
    assert limits == [64 * 2**20, 2**20, 2**20]


def test_no_more_than_two_are_read_at_once(monkeypatch, tmp_path, client):
    monkeypatch.setattr(apart, "COMMAND", (sys.executable, "-c", "print('{}')"))
    for _ in range(apart.MOST_AT_ONCE):
        apart._TURNS.acquire()
    try:
        answer = send(client, ("a.csv", TABLE))
        assert answer.status_code == 503 and "send it again in a minute" in told(answer.text)
    finally:
        for _ in range(apart.MOST_AT_ONCE):
            apart._TURNS.release()
    for _ in range(apart.MOST_AT_ONCE + 1):  # every turn is given back
        assert apart.read_apart(tmp_path) == {}
    monkeypatch.setattr(apart, "COMMAND", (sys.executable, "-c", "import os; os.abort()"))
    with pytest.raises(RecordError, match="ended the program that read it"):
        apart.read_apart(tmp_path)


def test_loading_an_answer_again_leads_to_the_form(client):
    answer = client.get("/rr/read")
    assert (answer.status_code, answer.location) == (302, "/rr/")


def test_the_server_computes_nothing_for_the_page():
    asked = "import sys, tasks.rr.site; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", asked], cwd=ROOT, check=False, capture_output=True, text=True)
    loaded = set(done.stdout.split())
    assert "tasks.rr.apart" in loaded
    assert loaded & {"torch", "pandas", "scipy", "sklearn", "tasks.rr.detector", "tasks.rr.answers"} == set()
